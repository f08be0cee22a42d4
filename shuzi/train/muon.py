"""Muon: each convolution learns by its momentum made orthogonal, so that all its directions learn alike.

K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024. What is no matrix (biases, batch
norm) and what stands at either end of a network is stepped by AdamW, as they advise.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

# Of the quintic whose repetition takes every singular value from 0.001 to 1 to about 1 (0.7 to 1.2): Jordan et al.
QUINTIC = 3.4445, -4.7750, 2.0315
MOMENTUM = 0.95  # of Muon, as Nesterov has it
BETAS, EPS = (0.9, 0.999), 1e-8  # of AdamW
LIKE_ADAM = 0.2  # root mean square of AdamW's steps: J. Liu et al., "Muon is scalable for LLM training", 2025


def orthogonal(matrix: Tensor, rounds: int = 5) -> Tensor:
    """Approximate the orthogonal matrix closest to a matrix (m, n) at any scale: U V' of its U S V'."""
    a, b, c = QUINTIC
    x = matrix / (matrix.norm() + 1e-7)
    if len(x) > len(x.T):
        x = x.T
    for _ in range(rounds):
        square = x @ x.T  # the smaller of the two
        x = a * x + (b * square + c * square @ square) @ x
    return x if x.shape == matrix.shape else x.T


class Muon(torch.optim.Optimizer):
    """Muon for kernels of convolutions from several channels, AdamW (Loshchilov and Hutter 2019) for all else.

    Args:
        parameters: what to step; a kernel (out, in, height, width) counts as a matrix (out, in height width).
        lr: learning rate of both, as their steps are scaled alike.
        weight_decay: of both; each step takes lr times this share of the weights away.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, weight_decay: float = 0.02) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                gradient = parameter.grad
                if gradient is None:
                    continue
                stepped = turned if parameter.ndim == 4 and parameter.shape[1] > 1 else scaled
                change = stepped(gradient, self.state[parameter])
                parameter.mul_(1 - group["lr"] * group["weight_decay"]).sub_(change, alpha=group["lr"])


def turned(gradient: Tensor, state: dict[str, Tensor]) -> Tensor:
    """Compute Muon's step for a kernel, of the kernel's shape."""
    if not state:
        state["mean"] = torch.zeros_like(gradient)
    mean = state["mean"].lerp_(gradient, 1 - MOMENTUM)
    matrix = gradient.lerp(mean, MOMENTUM).flatten(1)  # (out, in height width)
    return orthogonal(matrix).view(gradient.shape) * (LIKE_ADAM * math.sqrt(max(matrix.shape)))


def scaled(gradient: Tensor, state: dict[str, Tensor]) -> Tensor:
    """Compute AdamW's step for any other parameter, without its weight decay."""
    beta, beta2 = BETAS
    if not state:
        state["step"] = torch.zeros(())
        state["mean"], state["square"] = torch.zeros_like(gradient), torch.zeros_like(gradient)
    state["step"] += 1
    mean = state["mean"].lerp_(gradient, 1 - beta)
    square = state["square"].lerp_(gradient.square(), 1 - beta2)
    count = state["step"].item()
    return mean / (1 - beta**count) / ((square / (1 - beta2**count)).sqrt() + EPS)
