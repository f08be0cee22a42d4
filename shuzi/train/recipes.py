"""Named recipes: what to train and how, as data. The loop in `fit` serves them all."""

import importlib
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path

import torch
from torch import Tensor

from shuzi.errors import ShuziError
from shuzi.softmax import equations_torch as softmax
from shuzi.synth.negatives import mix
from shuzi.train import augment, models
from shuzi.train.faults import guarded, importable, said
from shuzi.train.finder import batches, crops, export, loss, network
from shuzi.train.muon import Muon
from shuzi.train.recipe import Model, Recipe
from shuzi.train.settings import NUMPY, SOFTMAX


def adamw(parameters: Iterable[Tensor], lr: float) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019), all parameters updated in one pass."""
    return torch.optim.AdamW(parameters, lr=lr, weight_decay=0.02, fused=True)


def one_cycle(done: float) -> float:
    """Rise for a fifth of the steps, then fall along a cosine almost to nothing (L. Smith 2018)."""
    rise = 0.2
    return done / rise + 0.02 if done < rise else (1 + math.cos(math.pi * (done - rise) / (1 - rise))) / 2


def initial(model: Callable[[Tensor, Tensor], Model], generator: torch.Generator) -> Model:
    """Make a model of softmax regression with its first weights."""
    return model(*softmax.initial(generator))


def softmax_regression(summary: str, model: Callable[[Tensor, Tensor], Model]) -> Recipe:
    """Make a recipe that trains a model of softmax regression with the loss and the step of the lesson."""
    return Recipe(
        summary=summary,
        build=partial(initial, model),
        epochs=SOFTMAX.epochs,
        batch_size=SOFTMAX.batch_size,
        lr=SOFTMAX.lr,
        optimizer=softmax.GradientDescent,
        loss=softmax.cross_entropy,
    )


BEST = Recipe(
    summary="the reader that is shipped: seven convolutions, MNIST and strokes of our own, handled roughly",
    build=lambda generator: models.reader(),
    epochs=10,
    batch_size=256,
    lr=1.2e-2,
    optimizer=Muon,
    schedule=one_cycle,
    second_cycle_at=0.7,
    augment=augment.roughly,
    extend=partial(mix, times=3, drawn=0.4, negatives=0.7),
    label_smoothing=0.05,
    ema_decay=0.998,
    bfloat16=True,
    channels_last=True,
)

RECIPES = {
    "softmax": softmax_regression("softmax regression, nn.Linear in an nn.Module", softmax.SoftmaxRegression),
    "softmax-tensors": softmax_regression("softmax regression, raw tensors W and b", softmax.Linear),
    NUMPY: softmax_regression("softmax regression in numpy, its gradient written out: needs no torch", softmax.Linear),
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
    "best": BEST,
    "tuned": replace(
        BEST,
        summary="the reader, tuned on real writers and on crops that the finder makes: --start reader",
        epochs=1,
        lr=4e-3,
        second_cycle_at=None,
        extend=crops.mix,
        ema_decay=0.995,
        starting_share=0.5,
    ),
    "finder": Recipe(
        summary="finds digits in any picture: a U-shaped network that learns from scenes made as it trains",
        build=lambda generator: network.Finder(),
        epochs=108,
        batch_size=48,
        lr=8e-3,
        optimizer=Muon,
        schedule=batches.trapezoid,
        second_cycle_at=0.82,
        batch_source=batches.scene_batches,
        steps_per_epoch=100,
        loss=loss.loss,
        count_correct=batches.count_correct,
        onnx=export.to_onnx,
        ema_decay=0.998,
        starting_share=0.5,  # of trainings with --start
        bfloat16=True,
        channels_last=True,
    ),
}


def recipe(name: str) -> Recipe:
    """Return a recipe by name: one of ours, one of an installed package (`shuzi.recipes`), or module:name.

    Raises:
        ShuziError: there is none of that name; the sentence lists those there are.
    """
    if name in RECIPES:
        return guarded(RECIPES[name], name, shipped=True)
    installed = {entry.name: entry.value for entry in metadata.entry_points(group="shuzi.recipes")}
    if ":" not in name and name not in installed:
        known = ", ".join([*RECIPES, *sorted(installed)])
        raise ShuziError(f"unknown recipe {name!r}. Choose {known}, or your own as module:name")
    folder = None if name in installed else Path.cwd()
    found = loaded(installed.get(name, name), folder)
    if not isinstance(found, Recipe):
        raise ShuziError(f"{name}: of type {type(found).__name__}, expected a shuzi.Recipe")
    return guarded(found, name, folder)


def loaded(place: str, folder: Path | None) -> object:
    """Import what "module:name" names, also from a folder. Raises ShuziError if it can't be imported."""
    module, _, name = place.partition(":")
    try:
        with importable(folder):
            return getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:  # whatever the module's own code raises
        raise ShuziError(f"{place}: can't be imported ({said(error)}). Fix the module, or name another") from error
