"""Muon against linear algebra and against torch's own optimisers."""

import pytest
import torch
from torch import nn

from shuzi.train.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(16, 16), (16, 144), (144, 16)])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_orthogonal_keeps_the_directions_of_a_matrix_and_evens_their_lengths(shape, scale):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * scale
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    turned = u.T @ orthogonal(matrix) @ v.T
    lengths = turned.diagonal()
    assert lengths.min() > 0.6
    assert lengths.max() < 1.3
    assert (turned - lengths.diag()).abs().max() < 1e-3


def stepped(optimizer, parameters, steps=5):
    """The parameters after some steps down a bowl that is steeper one way than another."""
    for _ in range(steps):
        optimizer.zero_grad()
        loss = sum((p.flatten() ** 2 @ torch.linspace(0.1, 3, p.numel())) for p in parameters)
        loss.backward()
        optimizer.step()
    return [p.detach() for p in parameters]


def drawn(*shapes):
    generator = torch.Generator().manual_seed(1)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def test_what_is_no_kernel_is_stepped_as_torchs_adamw_steps_it():
    shapes = (8,), (10, 32), (4, 1, 3, 3)  # a bias, a last layer, a first convolution
    ours, theirs = drawn(*shapes), drawn(*shapes)
    stepped(Muon(ours, lr=0.01), ours)
    stepped(torch.optim.AdamW(theirs, lr=0.01, weight_decay=0.02), theirs)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch before 2.9 has no Muon to compare with")
def test_kernels_are_stepped_as_torchs_muon_steps_matrices():
    (ours,), (theirs,) = drawn((8, 4, 3, 3)), drawn((8, 36))
    assert torch.equal(ours.flatten(1), theirs)
    before = theirs.detach().clone()
    stepped(Muon([ours], lr=0.01), [ours])
    stepped(torch.optim.Muon([theirs], lr=0.01, weight_decay=0.02, adjust_lr_fn="match_rms_adamw"), [theirs])
    # torch orthogonalises in bfloat16, of three digits
    assert (ours.flatten(1) - theirs).norm() < 0.02 * (theirs - before).norm()
