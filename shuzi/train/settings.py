"""The settings of a run and the figures of its epochs; no torch."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from shuzi.errors import ShuziError

if TYPE_CHECKING:
    import numpy as np
    import torch

CURVE_POINTS = 20  # per epoch
MAX_SEED = 2**63 - 1
RENAMED_FIELDS = {  # of a recipe, in 0.3.0
    "again": "second_cycle_at",
    "made": "batch_source",
    "steps": "steps_per_epoch",
    "judge": "count_correct",
    "average": "ema_decay",
}
MAX_LR = 1e38  # steps are taken in float32, which ends at 3.4e38
LIMITS: tuple[tuple[str, Any, float, float, str], ...] = (  # of the settings: kind, least and most, and what to say
    ("epochs", Integral, 1, math.inf, "training takes 1 epoch or more"),
    ("batch_size", Integral, 1, math.inf, "a batch holds 1 image or more"),
    ("lr", Real, math.ulp(0.0), MAX_LR, f"the learning rate is a number above 0, at most {MAX_LR:g}"),
    ("seed", Integral, 0, MAX_SEED, "a seed is a whole number from 0 to 2^63 - 1"),
    ("validation", Integral, 0, math.inf, "hold out 0 images or more"),
)


@dataclass(frozen=True)
class Settings:
    """The settings of a run.

    Attributes:
        epochs, batch_size: 1 or more.
        lr: the learning rate, above 0.
        seed: 0 to 2^63 - 1.
        validation: training images held out, 0 or more.

    Raises:
        ShuziError: a value that is not a number, or out of its range.
    """

    epochs: int
    batch_size: int
    lr: float
    seed: int = 0
    validation: int = 0

    def __post_init__(self) -> None:
        for name, of, least, most, expected in LIMITS:
            option, value = f"--{name.replace('_', '-')}", getattr(self, name)
            if not isinstance(value, of) or isinstance(value, bool):
                raise ShuziError(f"{option} {value!r}: expected {'a whole number' if of is Integral else 'a number'}")
            value = int(value) if of is Integral else float(value)  # also of numpy's
            if not least <= value <= most:
                raise ShuziError(f"{option} {value}: {expected}")
            object.__setattr__(self, name, value)

    def check_batch_size(self, images: int) -> None:
        """Raise ShuziError if a batch is larger than the training set."""
        if self.batch_size > images:
            raise ShuziError(f"--batch-size {self.batch_size}: larger than the {images:,} training images")

    def check_loss(self, loss: float, epoch: int) -> None:
        """Raise ShuziError if an epoch's loss is no longer a number."""
        if not math.isfinite(loss):
            raise ShuziError(f"the loss became {loss} in epoch {epoch}; train with a smaller --lr than {self.lr:g}")


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures.

    Attributes:
        loss: mean loss over the batches as they were trained on; of a classifier the cross-entropy in nats.
        accuracy: share of right answers on the same batches; None if the model is no classifier.
        seconds, images_per_second: of training alone.
        validation_accuracy: share of right answers on the images held out, if any.
        curve: mean loss of each twentieth of the epoch, or of each step if there are fewer.
    """

    epoch: int
    loss: float
    accuracy: float | None
    seconds: float
    images_per_second: float
    validation_accuracy: float | None
    curve: tuple[float, ...]


OnStep = Callable[[int, int, Any], None]
"""Called after each step with the images done in this epoch, the images of an epoch, and the batch's loss."""


def kind(tensor: "np.ndarray | torch.Tensor | None") -> str:
    """Describe an array or a tensor by its type and shape; None is "not there"."""
    if tensor is None:
        return "not there"
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"


NUMPY = "softmax-numpy"  # the recipe that needs no torch
SOFTMAX = Settings(epochs=1, batch_size=100, lr=0.1)  # defaults of the recipes of softmax regression
