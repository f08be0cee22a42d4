"""Named recipes: what to train and how, as data. The loop in `fit` serves them all."""

import importlib
import math
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from shuzi.data.digits import Digits
from shuzi.errors import ShuziError
from shuzi.synth.negatives import mix
from shuzi.train import augment, models, softmax
from shuzi.train.faults import guarded, importable, said
from shuzi.train.finder import batches, export, loss, network
from shuzi.train.fit_numpy import NUMPY
from shuzi.train.muon import Muon


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
        schedule: the learning rate's factor at a fraction, 0..1, of a cycle's steps; default constant.
        again: share of the epochs, 0..1, after which a second cycle begins, from the weights kept so far: at half the
            rate, with a new optimiser, and all that is drawn drawn anew. None: there is one cycle.
        augment: changes a batch of images float32 (B, 1, 28, 28), drawing from a generator on their device.
        extend: joins what we make ourselves to the training digits, drawing from a generator.
        made: makes the batches on the way, in place of images cut from the digits: from digits, the size of a batch, a
            seed and a number, gives without end the batches from that number on, each of them drawn from the seed and
            its own number alone, so that training can be taken up anywhere. A batch is images float32 (B, 1, H, W)
            and what `loss` takes, a tensor or a tuple of tensors. The global generators of torch, numpy and Python are
            seeded with both before each batch.
        steps: batches that are an epoch, where they are made.
        loss: of a model's outputs, a tensor or a tuple, as float32, and the batch's targets, a mean over the batch;
            default cross-entropy of logits (B, classes) and labels (B,).
        onnx: makes an ONNX file's bytes of a model that is no classifier of 28x28s; given digits, one in 8 bits.
        judge: how many answers of the model are right, of how many, when it is put to use on digits on a device;
            default of each image, whether the largest logit is its label's.
        label_smoothing: share of the cross-entropy's target spread evenly over the classes, 0..1.
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
    again: float | None = None
    augment: Callable[[Tensor, torch.Generator], Tensor] | None = None
    extend: Callable[[Digits, np.random.Generator], Digits] | None = None
    made: Callable[[Digits, int, int, int], Generator[tuple[Tensor, Any]]] | None = None
    steps: int = 0
    loss: Callable[[Any, Any], Tensor] | None = None
    judge: Callable[[Any, Digits, torch.device], tuple[int, int]] | None = None
    onnx: Callable[[Any, Digits | None], bytes] | None = None
    label_smoothing: float = 0.0
    average: float | None = None
    bfloat16: bool = False
    channels_last: bool = False


def sgd(parameters: Iterable[Tensor], lr: float) -> torch.optim.Optimizer:
    """Plain gradient descent: each parameter moves by -lr times its gradient."""
    return torch.optim.SGD(parameters, lr=lr)


def adamw(parameters: Iterable[Tensor], lr: float) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019), all parameters updated in one pass."""
    return torch.optim.AdamW(parameters, lr=lr, weight_decay=0.02, fused=True)


def one_cycle(done: float) -> float:
    """Rise for a fifth of the steps, then fall along a cosine almost to nothing (L. Smith 2018)."""
    rise = 0.2
    return done / rise + 0.02 if done < rise else (1 + math.cos(math.pi * (done - rise) / (1 - rise))) / 2


RECIPES = {
    "softmax": Recipe(
        summary="softmax regression, nn.Linear in an nn.Module",
        build=lambda generator: softmax.SoftmaxRegression(*softmax.initial(generator)),
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
    NUMPY: Recipe(
        summary="softmax regression in numpy, its gradient written out: needs no torch",
        build=lambda generator: softmax.Linear(*softmax.initial(generator)),  # once trained by `fit_numpy`
        epochs=1,
        batch_size=100,
        lr=0.1,
        optimizer=sgd,
    ),
    "fast": Recipe(
        summary="99 % in seconds: a small convolutional network, one epoch",
        build=lambda generator: models.fast(),
        epochs=1,
        batch_size=256,
        lr=4e-2,
        optimizer=adamw,
        schedule=one_cycle,
        label_smoothing=0.1,
        bfloat16=True,
        channels_last=True,
    ),
    "best": Recipe(
        summary="the reader that is shipped: seven convolutions, MNIST and strokes of our own, handled roughly",
        build=lambda generator: models.reader(),
        epochs=10,
        batch_size=256,
        lr=1.2e-2,
        optimizer=Muon,
        schedule=one_cycle,
        again=0.7,
        augment=augment.roughly,
        extend=partial(mix, times=3, drawn=0.4, negatives=0.7),
        label_smoothing=0.05,
        average=0.998,
        bfloat16=True,
        channels_last=True,
    ),
    "finder": Recipe(
        summary="finds digits in any picture: a U-shaped network that learns from scenes made as it trains",
        build=lambda generator: network.Finder(),
        epochs=108,
        batch_size=48,
        lr=8e-3,
        optimizer=Muon,
        schedule=batches.trapezoid,
        again=0.82,
        made=batches.scene_batches,
        steps=100,
        loss=loss.loss,
        judge=batches.count_correct,
        onnx=export.to_onnx,
        average=0.998,
        bfloat16=True,
        channels_last=True,
    ),
}


def recipe(name: str) -> Recipe:
    """Give a recipe by name: one of ours, one that a package gives as `shuzi.recipes`, or module:name.

    Raises:
        ShuziError: there is none of that name; the sentence names those there are.
    """
    if name in RECIPES:
        return guarded(RECIPES[name], name, shipped=True)
    installed = {entry.name: entry.value for entry in metadata.entry_points(group="shuzi.recipes")}
    if ":" not in name and name not in installed:
        known = ", ".join([*RECIPES, *sorted(installed)])
        raise ShuziError(f"no recipe is called {name!r}; there are {known}, and your own as module:name")
    folder = None if name in installed else Path.cwd()
    found = loaded(installed.get(name, name), folder)
    if not isinstance(found, Recipe):
        raise ShuziError(f"{name}: of type {type(found).__name__}, expected a shuzi.Recipe")
    return guarded(found, name, folder)


def loaded(place: str, folder: Path | None) -> Any:  # noqa: ANN401
    """Give what "module:name" names; the module may lie in a folder. Raises ShuziError if it can't be had."""
    module, _, name = place.partition(":")
    try:
        with importable(folder):
            return getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:  # whatever the module's own code raises
        raise ShuziError(
            f"{place}: can't be imported ({said(error)}). Mend the module, or name another"
        ) from error
