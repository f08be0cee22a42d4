"""What a person sets for a run, and what each epoch of it gives; no torch."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from shuzi.errors import ShuziError

POINTS = 20  # of an epoch's loss curve
LAST_SEED = 2**63 - 1
RENAMED_FIELDS = {  # of a recipe, in 0.3.0
    "again": "second_cycle_at",
    "made": "batch_source",
    "steps": "steps_per_epoch",
    "judge": "count_correct",
    "average": "ema_decay",
}
LARGEST_LR = 1e38  # steps are taken in float32, which ends at 3.4e38


@dataclass(frozen=True)
class Settings:
    """What a person may set for a run: counts 1 or more, `lr` above 0, `validation` images held out.

    Raises:
        ShuziError: a value that is no number, or out of its range.
    """

    epochs: int
    batch_size: int
    lr: float
    seed: int = 0
    validation: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "seed", "validation"):
            object.__setattr__(self, name, number(name, getattr(self, name), Integral))
        object.__setattr__(self, "lr", number("lr", self.lr, Real))
        if self.epochs < 1:
            raise ShuziError(f"--epochs {self.epochs}: training takes 1 epoch or more")
        if self.batch_size < 1:
            raise ShuziError(f"--batch-size {self.batch_size}: a batch holds 1 image or more")
        if not 0 < self.lr <= LARGEST_LR:
            raise ShuziError(f"--lr {self.lr}: the learning rate is a number above 0, at most {LARGEST_LR:g}")
        if not 0 <= self.seed <= LAST_SEED:
            raise ShuziError(f"--seed {self.seed}: a seed is a whole number from 0 to 2^63 - 1")
        if self.validation < 0:
            raise ShuziError(f"--validation {self.validation}: hold out 0 images or more")

    def check(self, images: int) -> None:
        """Raise ShuziError if a batch is larger than the training set."""
        if self.batch_size > images:
            raise ShuziError(f"--batch-size {self.batch_size}: larger than the {images:,} training images")

    def check_loss(self, loss: float, epoch: int) -> None:
        """Raise ShuziError if an epoch's loss is no longer a number."""
        if not math.isfinite(loss):
            raise ShuziError(
                f"the loss became {loss} in epoch {epoch}; train with a smaller --lr than {self.lr:g}"
            )


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures.

    Attributes:
        loss: mean loss, for classifiers the cross-entropy in nats, over the batches as they were trained on.
        accuracy: share right of the same, of a classifier.
        seconds, images_per_second: of the training alone.
        validation_accuracy: share right of what was held out, if anything.
        curve: the mean loss of each twentieth of the epoch, or of each step where there are fewer.
    """

    epoch: int
    loss: float
    accuracy: float | None
    seconds: float
    images_per_second: float
    validation_accuracy: float | None
    curve: tuple[float, ...]


OnStep = Callable[[int, int, Any], None]
"""Called after each step with the images done in this epoch, those of all of it, and the batch's loss."""


def number(name: str, value: Any, of: type[Integral] | type[Real]) -> Any:  # noqa: ANN401
    """Give a setting as int or float, also where it is numpy's. Raises ShuziError if it is another kind of value."""
    if not isinstance(value, of) or isinstance(value, bool):
        expected = "a whole number" if of is Integral else "a number"
        raise ShuziError(f"--{name.replace('_', '-')} {value!r}: expected {expected}")
    return int(value) if of is Integral else float(value)  # type: ignore[call-overload]


def kind(tensor: Any) -> str:  # noqa: ANN401
    """Say what a tensor of torch or an array of numpy is, its type and shape; None isn't there."""
    if tensor is None:
        return "not there"
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
