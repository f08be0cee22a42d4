"""Softmax regression from tensors, against PyTorch, finite differences and itself."""

import math

import hypothesis.extra.numpy as numpy_strategies
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from torch.utils.data import DataLoader

from shuzi.softmax import equations_torch as softmax
from shuzi.train.fit import fit
from shuzi.train.recipes import RECIPES
from shuzi.train.settings import Settings
from shuzi.train.torch_loop import Training, predict

CPU = torch.device("cpu")
LOGITS = st.integers(1, 6).flatmap(
    lambda m: numpy_strategies.arrays(np.float64, (m, 10), elements=st.floats(-1000, 1000))
)


def some_batch(m=32, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(m, 784, generator=generator, dtype=dtype)
    labels = torch.randint(10, (m,), generator=generator)
    W, b = softmax.initial(generator)
    return x, labels, W.to(dtype), b.to(dtype)


def test_the_start_is_a_normal_over_the_root_of_784():
    W, b = softmax.initial(torch.Generator().manual_seed(0))
    assert (W.shape, b.shape) == ((784, 10), (10,))
    assert not b.any()
    assert W.std().item() == pytest.approx(1 / 28, rel=0.03)
    assert W.mean().item() == pytest.approx(0, abs=0.002)


def test_the_start_is_drawn_from_the_generator_alone():
    torch.manual_seed(1)
    W, _ = softmax.initial(torch.Generator().manual_seed(0))
    torch.manual_seed(2)
    again, _ = softmax.initial(torch.Generator().manual_seed(0))
    other, _ = softmax.initial(torch.Generator().manual_seed(3))
    assert torch.equal(W, again)
    assert not torch.equal(W, other)


def test_logits_are_the_linear_map():
    x, _, W, b = some_batch()
    y = softmax.logits(x, W, b + 1)
    assert y.shape == (32, 10)
    assert torch.allclose(y, F.linear(x, W.T, b + 1))


@given(LOGITS)
def test_softmax_equals_pytorchs(y):
    y = torch.from_numpy(y)
    p = softmax.softmax(y)
    assert torch.allclose(p, F.softmax(y, dim=1), atol=1e-6, rtol=0)
    assert torch.allclose(p.sum(dim=1), torch.ones(len(y), dtype=y.dtype))


@given(LOGITS, st.data())
def test_cross_entropy_equals_pytorchs(y, data):
    labels = torch.tensor(data.draw(st.lists(st.integers(0, 9), min_size=len(y), max_size=len(y))))
    y = torch.from_numpy(y)
    assert softmax.cross_entropy(y, labels).item() == pytest.approx(F.cross_entropy(y, labels).item(), abs=1e-6)


def test_both_equal_pytorchs_in_float32_on_mnist(mnist):
    x, labels = next(mnist[0].batches(1000))
    y = softmax.logits(x.flatten(1), *softmax.initial(torch.Generator().manual_seed(0)))
    assert torch.allclose(softmax.softmax(y), F.softmax(y, dim=1), atol=1e-6, rtol=0)
    assert abs(softmax.cross_entropy(y, labels) - F.cross_entropy(y, labels)) < 1e-6


@pytest.mark.parametrize("size", [1000.0, -1000.0])
def test_softmax_and_its_loss_survive_large_logits(size):
    y = torch.zeros(2, 10)
    y[0, 3] = y[1, 4] = size
    assert torch.isfinite(softmax.softmax(y)).all()
    loss = softmax.cross_entropy(y, torch.tensor([3, 5]))
    assert loss.item() == pytest.approx(F.cross_entropy(y, torch.tensor([3, 5])).item(), rel=1e-6)
    assert math.isfinite(loss)


def test_the_equation_as_it_stands_would_not_survive_them():
    y = torch.tensor([[1000.0] + [0.0] * 9])
    naive = torch.exp(y) / torch.exp(y).sum(dim=1, keepdim=True)
    assert torch.isnan(naive).any()
    assert softmax.softmax(y)[0, 0] == 1


def test_the_gradient_of_the_equation_is_autograds_and_that_of_finite_differences():
    x, labels, W, b = some_batch()
    W.requires_grad_()
    b.requires_grad_()
    y = softmax.logits(x, W, b)
    by_autograd = torch.autograd.grad(softmax.cross_entropy(y, labels), (W, b))
    by_equation = softmax.gradient(x, y.detach(), labels)
    for one, other in zip(by_autograd, by_equation, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-12)

    def loss(W, b):
        with torch.no_grad():
            return softmax.cross_entropy(softmax.logits(x, W, b), labels).item()

    step = 1e-5
    for pixel, digit in [(0, 0), (100, 3), (391, 7), (783, 9)]:
        nudge = torch.zeros_like(W)
        nudge[pixel, digit] = step
        slope = (loss(W + nudge, b) - loss(W - nudge, b)) / (2 * step)
        assert slope == pytest.approx(by_equation[0][pixel, digit].item(), rel=1e-6, abs=1e-9)
    for digit in range(10):
        nudge = torch.zeros_like(b)
        nudge[digit] = step
        slope = (loss(W, b + nudge) - loss(W, b - nudge)) / (2 * step)
        assert slope == pytest.approx(by_equation[1][digit].item(), rel=1e-6, abs=1e-9)


def test_every_entry_of_the_gradient_is_that_of_finite_differences():
    x, labels, W, b = some_batch(m=4)
    x, W = x[:, :20], W[:20]  # 20 pixels, so that all 210 can be nudged
    assert torch.autograd.gradcheck(
        lambda W, b: softmax.cross_entropy(softmax.logits(x, W, b), labels), (W.requires_grad_(), b.requires_grad_())
    )


def test_gradients_accumulate_until_they_are_cleared():
    x, labels, W, b = some_batch()
    W.requires_grad_()

    def backward():
        softmax.cross_entropy(softmax.logits(x, W, b), labels).backward()
        return W.grad.clone()

    once = backward()
    assert torch.allclose(backward(), 2 * once)
    torch.optim.SGD([W], lr=0.1).zero_grad()
    assert torch.equal(backward(), once)


def test_a_step_of_sgd_is_theta_less_alpha_times_the_gradient():
    x, labels, W, b = some_batch()
    W.requires_grad_()
    softmax.cross_entropy(softmax.logits(x, W, b), labels).backward()
    expected = W.detach() - 0.1 * W.grad
    torch.optim.SGD([W], lr=0.1).step()
    assert torch.allclose(W, expected, rtol=0, atol=1e-15)


def train_with(loss, digits, steps=600):
    """Softmax regression after some steps of a loss: its accuracy on the digits it was trained with."""
    model = softmax.Linear(*softmax.initial(torch.Generator().manual_seed(0)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    generator = torch.Generator().manual_seed(0)
    for images, labels in digits.part(0, steps * 100).batches(100, generator=generator):
        optimizer.zero_grad()
        loss(model(images), labels).backward()
        optimizer.step()
    return (predict(model, digits, CPU).argmax(1).numpy() == digits.labels).mean()


@pytest.mark.slow
def test_a_second_softmax_is_a_mistake(mnist):
    def twice(y, labels):
        return softmax.cross_entropy(softmax.softmax(y), labels)

    assert train_with(softmax.cross_entropy, mnist[0]) > 0.89
    assert train_with(twice, mnist[0]) < 0.87


def test_a_second_softmax_shows_in_the_loss():
    # probabilities lie in 0..1, so a softmax of them can never be surer than e / (e + 9)
    certain_and_right = F.one_hot(torch.arange(10), 10) * 1000.0
    floor = math.log(1 + 9 / math.e)
    labels = torch.arange(10)
    assert softmax.cross_entropy(certain_and_right, labels).item() == 0
    twice = softmax.cross_entropy(softmax.softmax(certain_and_right), labels).item()
    assert twice == pytest.approx(floor) == pytest.approx(1.461, abs=1e-3)


@given(LOGITS)
def test_no_logits_take_a_loss_of_probabilities_below_its_floor(y):
    p = softmax.softmax(torch.from_numpy(y))
    best = p.argmax(dim=1)
    assert softmax.cross_entropy(p, best).item() >= math.log(1 + 9 / math.e) - 1e-9


def test_the_recipes_loss_is_above_no_such_floor(mnist):
    training = Training(RECIPES["softmax"], Settings(1, 100, 0.1), CPU)
    (epoch,) = fit(training, mnist[0].part(0, 20000))
    assert epoch.curve[-1] < 0.6


@pytest.mark.slow
def test_all_forms_end_an_epoch_of_mnist_with_the_same_weights(mnist):
    train, _ = mnist
    settings = Settings(epochs=1, batch_size=100, lr=0.1, seed=5)
    start = softmax.initial(torch.Generator().manual_seed(5))

    # raw tensors, the gradient from its equation
    W, b = (tensor.clone() for tensor in start)
    for images, labels in train.batches(100, generator=torch.Generator().manual_seed(5)):
        x = images.flatten(1)
        of_W, of_b = softmax.gradient(x, softmax.logits(x, W, b), labels)
        W -= 0.1 * of_W
        b -= 0.1 * of_b

    # the class that bundles them: its recipe starts there by itself
    bundled = Training(RECIPES["softmax-tensors"], settings, CPU)
    assert torch.equal(bundled.model.W, start[0])
    list(fit(bundled, train))

    # nn.Linear in an nn.Module, which starts there too
    module = Training(RECIPES["softmax"], settings, CPU)
    assert torch.equal(module.model.linear.weight, start[0].T)
    list(fit(module, train))

    # the tutorial's own loop, over a DataLoader in the same order
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(5)).tolist()
    theirs, bias = (tensor.clone().requires_grad_() for tensor in start)
    optimizer = torch.optim.SGD([theirs, bias], lr=0.1)
    for images, labels in DataLoader(train, batch_size=100, sampler=order):
        optimizer.zero_grad()
        F.cross_entropy(images.view(-1, 28 * 28) @ theirs + bias, labels).backward()
        optimizer.step()

    for weights, biases in [
        (bundled.model.W, bundled.model.b),
        (module.model.linear.weight.T, module.model.linear.bias),
        (theirs, bias),
    ]:
        assert torch.allclose(weights, W, rtol=0, atol=1e-5)
        assert torch.allclose(biases, b, rtol=0, atol=1e-5)
    assert (W - start[0]).abs().max() > 0.1  # they went somewhere
