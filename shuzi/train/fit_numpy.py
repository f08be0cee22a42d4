"""The loop of `fit` for softmax regression in numpy: draw a batch, forward, gradient, step. No torch."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from safetensors import numpy as files
from threadpoolctl import threadpool_limits

from shuzi.data.digits import Digits
from shuzi.errors import ShuziError
from shuzi.train import softmax_numpy as softmax
from shuzi.train.settings import POINTS, Epoch, OnStep, Settings, kind

NUMPY = "softmax-numpy"
CPU = "cpu"
THREADS = 1  # a batch is done before a second thread has woken
GATHERED = 400  # images gathered at once: 1 MB as float32 stays in a core's own cache
# Full ink; W and its gradient are divided by it in place of x, of ten times the numbers.
INK = np.float32(255)


@dataclass(frozen=True)
class Recipe:
    """What a person may set, as `recipe.Recipe` has it for what torch trains."""

    epochs: int = 1
    batch_size: int = 100
    lr: float = 0.1


RECIPE = Recipe()


@dataclass(frozen=True, eq=False)
class Linear:
    """The map and its parameters: W float32 (784, 10), b float32 (10,)."""

    W: np.ndarray
    b: np.ndarray

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Give logits (m, 10) of images uint8 (m, 28, 28)."""
        return softmax.logits(inked(images), self.W / INK, self.b)

    @classmethod
    def empty(cls) -> "Linear":
        """Give one of zeros, to be loaded."""
        return cls(
            np.zeros((softmax.PIXELS, softmax.CLASSES), np.float32), np.zeros(softmax.CLASSES, np.float32)
        )

    def state_dict(self) -> dict[str, np.ndarray]:
        """Give the values to save, by name."""
        return {"W": self.W, "b": self.b}


class Training:
    """All that changes while it learns; `state` and `restore` save it and take it up again."""

    threads, device = THREADS, CPU
    versions: ClassVar[dict[str, str]] = {}  # of what else it computes with

    def __init__(
        self, recipe: "Recipe", settings: Settings, device: str = CPU, threads: int = THREADS
    ) -> None:
        self.recipe, self.settings = recipe, settings
        self.order = softmax.generator(settings.seed)  # of the batches
        self.model = Linear(*softmax.initial(softmax.generator(settings.seed)))
        self.epoch = 0  # so many have ended
        self.step = (
            0  # of the one that it is in: it is saved between epochs alone, each takes a tenth of a second
        )

    @property
    def result(self) -> Linear:
        """The model to keep."""
        return self.model

    def state(self) -> dict[str, np.ndarray]:
        """Give everything as named arrays, ready for safetensors."""
        twister = self.order.get_state(legacy=False)["state"]
        model = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        return model | {
            "generator.key": twister["key"],
            "generator.position": np.array(twister["pos"]),
            "epoch": np.array(self.epoch),
        }

    def begin(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Begin with given weights. Raises ShuziError if they are another model's."""
        load_state(self.model, arrays)

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take up what `state` gave. Raises ShuziError if it is another recipe's."""
        compare(self.state(), arrays)
        load_state(self.model, {name: arrays[f"model.{name}"] for name in self.model.state_dict()})
        twister = {"key": arrays["generator.key"], "pos": int(arrays["generator.position"])}
        self.order.set_state(self.order.get_state(legacy=False) | {"state": twister})
        self.epoch = int(arrays["epoch"])


def fit(
    training: Training,
    train: Digits,
    validation: Digits | None = None,
    on_step: OnStep | None = None,
    pause: float = math.inf,
) -> Iterator[Epoch]:
    """Train to the planned epoch, giving each epoch's figures as it ends.

    Raises:
        ShuziError: a batch larger than the set, or a loss that is no longer a number.
    """
    training.settings.check(len(train))
    while training.epoch < training.settings.epochs:
        started = time.perf_counter()
        with threadpool_limits(THREADS, "blas"), np.errstate(over="ignore", invalid="ignore"):
            loss, accuracy, curve = one_epoch(training, train, on_step)
        seconds = time.perf_counter() - started
        training.epoch += 1
        training.settings.check_loss(loss, training.epoch)
        held_out = None if validation is None else accuracy_of(training.model, validation)
        yield Epoch(training.epoch, loss, accuracy, seconds, len(train) / seconds, held_out, curve)


def one_epoch(
    training: Training, train: Digits, on_step: OnStep | None
) -> tuple[float, float, tuple[float, ...]]:
    """Go through the training digits once; give the mean loss, the accuracy and the loss's curve on the way."""
    W, b, lr = training.model.W, training.model.b, np.float32(training.settings.lr)
    answered = []
    done = 0
    for x, labels in batches(train, softmax.order(training.order, len(train)), training.settings.batch_size):
        y = softmax.logits(x, W / INK, b)
        of_W, of_b = softmax.gradient(x, y, labels)
        of_W /= INK
        W -= lr * of_W
        b -= lr * of_b
        answered.append((y, labels))
        done += len(labels)
        if on_step is not None:
            on_step(done, len(train), softmax.cross_entropy(y, labels))
    steps = math.ceil(len(answered) / POINTS)  # a point of the curve
    counts, losses, right = zip(
        *(tally(answered[first : first + steps]) for first in range(0, len(answered), steps)), strict=True
    )
    curve = tuple(loss / count for loss, count in zip(losses, counts, strict=True))
    return sum(losses) / len(train), sum(right) / len(train), curve


def inked(images: np.ndarray) -> np.ndarray:
    """Flatten images uint8 (m, 28, 28) to rows float32 (m, 784), 0..INK."""
    return images.reshape(len(images), -1).astype(np.float32)


def batches(digits: Digits, order: np.ndarray, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give rows float32 (B, 784), 0..INK, and labels (B,) of the digits in an order, the last batch smaller."""
    gathered = batch_size * max(1, GATHERED // batch_size)
    for first in range(0, len(order), gathered):
        chosen = order[first : first + gathered]
        x, labels = inked(digits.images[chosen]), digits.labels[chosen]
        for start in range(0, len(chosen), batch_size):
            yield x[start : start + batch_size], labels[start : start + batch_size]


def tally(answered: list[tuple[np.ndarray, np.ndarray]]) -> tuple[int, float, int]:
    """Count the images of some batches, their summed loss and how many were right."""
    y, labels = map(np.concatenate, zip(*answered, strict=True))
    return (
        len(labels),
        softmax.cross_entropy(y, labels) * len(labels),
        int((y.argmax(axis=1) == labels).sum()),
    )


def predict(model: Linear, digits: Digits, device: str = CPU) -> np.ndarray:
    """Give the logits of all images, float32 (N, 10), in the set's order."""
    with threadpool_limits(THREADS, "blas"):
        return np.concatenate(
            [model(digits.images[first : first + GATHERED]) for first in range(0, len(digits), GATHERED)]
        )


def judged(recipe: Recipe, model: Linear, digits: Digits, device: str = CPU) -> tuple[int, int]:
    """Give how many a model gets right of how many."""
    return int((predict(model, digits).argmax(axis=1) == digits.labels).sum()), len(digits)


def accuracy_of(model: Linear, digits: Digits) -> float:
    """Give the share of digits whose largest logit is their label's."""
    return float((predict(model, digits).argmax(axis=1) == digits.labels).mean())


def pick_device(name: str) -> str:
    """Give the device for "auto" or for a name. Raises ShuziError: numpy computes on the CPU alone."""
    if name not in ("auto", CPU):
        raise ShuziError(f"--device {name}: {NUMPY} computes on the CPU; softmax is the same in torch")
    return CPU


save = files.save


def load_file(path: Path) -> dict[str, np.ndarray]:
    """Read a safetensors file into arrays that may be written into."""
    return {name: value.copy() for name, value in files.load_file(path).items()}


def contiguous(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Give arrays as safetensors wants them: contiguous, sharing no memory."""
    return {name: np.array(value, order="C") for name, value in arrays.items()}


def load_state(model: Linear, arrays: Mapping[str, np.ndarray]) -> None:
    """Copy saved values into a model, all or none. Raises ShuziError if they differ from the model's in kind."""
    own = model.state_dict()
    compare(own, arrays)
    for name, value in own.items():
        value[...] = arrays[name]


def compare(expected: Mapping[str, np.ndarray], arrays: Mapping[str, np.ndarray]) -> None:
    """See that arrays have the names, types and shapes expected. Raises ShuziError naming the first that hasn't."""
    for name in (*expected, *(arrays.keys() - expected.keys())):
        wanted, found = (kind(each.get(name)) for each in (expected, arrays))
        if found != wanted:
            raise ShuziError(f"{name} is {found}, expected {wanted}; it is another recipe's or damaged")
        if not np.isfinite(arrays[name]).all():
            raise ShuziError(f"{name} holds values that are no numbers; it is damaged")
