"""Softmax regression in torch: the equations of `equations` on tensors, and the model in two classes.

The recipes `softmax-tensors` and `softmax` train with the loss and the step below.

Equations: C. M. Bishop, "Pattern Recognition and Machine Learning" (2006), section 4.3.4.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PIXELS, CLASSES = 28 * 28, 10


def initial(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw W (784, 10) from N(0, 1) / sqrt(784), so that logits start small; b is zeros (10,)."""
    templates = torch.randn(CLASSES, PIXELS, generator=generator) / math.sqrt(PIXELS)
    return templates.T, torch.zeros(CLASSES)  # columns of W contiguous, which multiplies twice as fast


def logits(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """The linear map z = x W + b: (m, 784), (784, 10), (10,) to (m, 10)."""
    return x @ W + b


def softmax(z: Tensor) -> Tensor:
    """p_k = exp(z_k) / sum_j exp(z_j), row by row: logits (m, 10) to probabilities (m, 10).

    Subtracting the row's largest logit first cancels in the fraction, and nothing overflows.
    """
    e = torch.exp(z - z.amax(dim=1, keepdim=True))
    return e / e.sum(dim=1, keepdim=True)


def cross_entropy(z: Tensor, labels: Tensor) -> Tensor:
    """The mean of -log p[label], in nats, from logits z (m, 10) and labels int64 (m,).

    Put softmax into the logarithm: -log p_k = log(sum_j exp(z_j)) - z_k. So the loss takes logits. Given
    probabilities, it applies softmax twice: the loss stays above log(1 + 9 / e) = 1.46 even if every answer is
    certain and right, and the model learns more slowly.
    """
    top = z.detach().amax(dim=1, keepdim=True)
    log_sum = top + torch.log(torch.exp(z - top).sum(dim=1, keepdim=True))  # (m, 1)
    return (log_sum - z.gather(1, labels[:, None])).mean()


def gradient(x: Tensor, z: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient of the cross-entropy, without autograd: x^T (p - onehot) / m for W, its row sum for b."""
    error = (softmax(z) - F.one_hot(labels, z.shape[1])) / len(labels)  # (m, 10)
    return x.T @ error, error.sum(dim=0)


class GradientDescent:
    """Gradient descent: each parameter moves by -lr times its gradient. Used like an optimiser of torch.optim."""

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        self.param_groups: list[dict[str, Any]] = [{"params": list(parameters), "lr": lr}]

    def zero_grad(self) -> None:
        """Clear the gradients, which would add up otherwise."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter -= group["lr"] * parameter.grad

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: nothing, as steps don't depend on earlier ones."""
        return {"state": {}}


class Linear:
    """The map and its parameters in one place: what `nn.Linear` is, in plain tensors."""

    def __init__(self, W: Tensor, b: Tensor) -> None:
        self.W, self.b = W.requires_grad_(), b.requires_grad_()

    def __call__(self, images: Tensor) -> Tensor:
        """Compute logits (m, 10) of images (m, 1, 28, 28), each flattened to a row."""
        return logits(images.flatten(1), self.W, self.b)

    def parameters(self) -> list[Tensor]:
        """Return the tensors to learn."""
        return [self.W, self.b]

    def state_dict(self) -> dict[str, Tensor]:
        """Return the values to save, by name."""
        return {"W": self.W.detach(), "b": self.b.detach()}


class SoftmaxRegression(nn.Module):
    """The same as a module, which finds its parameters by itself."""

    def __init__(self, W: Tensor, b: Tensor) -> None:
        super().__init__()
        self.linear = nn.Linear(PIXELS, CLASSES)
        self.linear.load_state_dict({"weight": W.T, "bias": b})

    def forward(self, images: Tensor) -> Tensor:
        """Compute logits (m, 10) of images (m, 1, 28, 28); `nn.Linear` keeps W transposed, (10, 784)."""
        return self.linear(images.flatten(1))
