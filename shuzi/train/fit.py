"""Training, whatever the framework: what a loop can do, and `fit`, which takes it through the planned epochs."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np

from shuzi.data.digits import CLASSES, Digits
from shuzi.errors import ShuziError
from shuzi.train.settings import Epoch, OnStep, Settings, kind

Arrays: TypeAlias = Mapping[str, Any]
"""Arrays of numpy or tensors of torch, by name."""


class TrainingLoop(Protocol):
    """A model in training. Its state can be saved whenever it pauses, and restored in another process.

    Attributes:
        versions: of the libraries that it computes with, beside numpy.
        settings: epochs, batch size, learning rate and seed.
        threads: threads of the CPU that it uses.
        epoch: epochs done.
        step: steps done of the current epoch.
        learning_rate: of the last step.
    """

    versions: ClassVar[dict[str, str]]
    settings: Settings
    threads: int
    epoch: int

    @property
    def step(self) -> int: ...  # noqa: D102

    @property
    def learning_rate(self) -> float: ...  # noqa: D102

    def begin(self, weights: Arrays) -> None:
        """Start from given weights. Raises ShuziError if they are another model's."""

    def train_epoch(self, train: Digits, on_step: OnStep | None, pause: float) -> Iterator[Epoch | None]:
        """Train to the end of the current epoch; yield None at each pause, and last the epoch's figures."""

    def weights(self) -> dict[str, Any]:
        """Copy the weights to keep, by name."""

    def state(self) -> dict[str, Any]:
        """Copy all that changes in training, by name."""

    def restore(self, state: Arrays) -> None:
        """Continue from a `state`. Raises ShuziError if it is another recipe's or damaged."""

    def predict(self, digits: Digits) -> np.ndarray:
        """Compute the logits of all images, float32 (N, 10 or 11)."""

    def count_correct(self, digits: Digits) -> tuple[int, int]:
        """Count the right answers on digits, and all answers: right is an image whose largest logit is its label's."""
        return int((self.predict(digits)[:, :CLASSES].argmax(axis=1) == digits.labels).sum()), len(digits)


def fit(
    training: TrainingLoop,
    train: Digits,
    validation: Digits | None = None,
    on_step: OnStep | None = None,
    pause: float = math.inf,
) -> Iterator[Epoch | None]:
    """Train to the planned epoch. Yields each epoch's figures as it ends; the state may be saved in between.

    Args:
        training: the model in training; it continues where it is, also within an epoch.
        train: the digits to learn from.
        validation: digits to measure on after each epoch; they don't influence the weights.
        on_step: called after each step.
        pause: seconds after which None is yielded within an epoch, to save the state; by default never.

    Raises:
        ShuziError: a batch larger than the set, or a loss that is not finite.
    """
    while training.epoch < training.settings.epochs:
        for figures in training.train_epoch(train, on_step, pause):
            if figures is not None and validation is not None:
                right, count = training.count_correct(validation)
                yield dataclasses.replace(figures, validation_accuracy=right / count)
            else:
                yield figures


def load_state(own: Arrays, saved: Arrays, isfinite: Callable[[Any], Any]) -> None:
    """Copy saved values into a model's or an optimiser's own, all or none. Raises ShuziError as `compare` does."""
    compare(own, saved, isfinite)
    for name, value in own.items():
        value[...] = saved[name]


def compare(expected: Arrays, found: Arrays, isfinite: Callable[[Any], Any]) -> None:
    """Raise ShuziError, with the name, unless values have the names, types and shapes expected and are finite."""
    for name in (*expected, *(found.keys() - expected.keys())):
        wanted, is_ = (kind(each.get(name)) for each in (expected, found))
        if is_ != wanted:
            raise ShuziError(f"{name} is {is_}, expected {wanted}; it is another recipe's or damaged")
        if not isfinite(found[name]).all():
            raise ShuziError(f"{name} holds values that are not finite; it is damaged")
