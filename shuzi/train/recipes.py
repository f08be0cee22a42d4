"""Named recipes: what to train and how, as data. The loop in `fit` serves them all."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from shuzi.errors import ShuziError
from shuzi.train import softmax


class Model(Protocol):
    """What `fit` can train: an nn.Module, or any callable that shows its tensors."""

    def __call__(self, images: Tensor, /) -> Tensor: ...  # noqa: D102
    def parameters(self) -> Iterable[Tensor]: ...  # noqa: D102
    def state_dict(self) -> dict[str, Tensor]: ...  # noqa: D102


@dataclass(frozen=True)
class Recipe:
    """A model and how it is trained.

    Attributes:
        summary: one line for people.
        build: makes the untrained model on a device, its randomness drawn from the generator.
        epochs, batch_size, lr: defaults that a person may change.
        optimizer: makes the optimiser from the parameters and the learning rate.
        schedule: the learning rate's factor at a fraction, 0..1, of all steps; default constant.
        augment: changes a batch of images float32 (B, 1, 28, 28), drawing from a generator on their device.
        label_smoothing: share of the target spread evenly over the classes, 0..1.
        average: decay a step of the averaged weights that are kept in place of the last, 0..1, or None.
        bfloat16: compute in bfloat16 where the device does so in hardware.
        channels_last: keep images as (B, H, W, C) in memory, which convolutions on a CPU like.

    """

    summary: str
    build: Callable[[torch.Generator], Model]
    epochs: int
    batch_size: int
    lr: float
    optimizer: Callable[[Iterable[Tensor], float], torch.optim.Optimizer]
    schedule: Callable[[float], float] | None = None
    augment: Callable[[Tensor, torch.Generator], Tensor] | None = None
    label_smoothing: float = 0.0
    average: float | None = None
    bfloat16: bool = False
    channels_last: bool = False


def sgd(parameters: Iterable[Tensor], lr: float) -> torch.optim.Optimizer:
    """Plain gradient descent: each parameter moves by -lr times its gradient."""
    return torch.optim.SGD(parameters, lr=lr)


RECIPES = {
    "softmax": Recipe(
        summary="softmax regression, nn.Linear in an nn.Module",
        build=lambda generator: softmax.SoftmaxRegression(),
        epochs=1,
        batch_size=100,
        lr=0.1,
        optimizer=sgd,
    ),
    "softmax-tensors": Recipe(
        summary="softmax regression, raw tensors W and b",
        build=lambda generator: softmax.Linear(*softmax.initial(generator)),
        epochs=1,
        batch_size=100,
        lr=0.1,
        optimizer=sgd,
    ),
}


def recipe(name: str) -> Recipe:
    """Give a recipe by name. Raises ShuziError, naming those there are, if it is none of them."""
    if name not in RECIPES:
        raise ShuziError(f"no recipe is called {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]
