"""The training of `softmax-numpy`: softmax regression in numpy. No torch."""

import math
import time
from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
from threadpoolctl import threadpool_limits

from shuzi.data.digits import Digits
from shuzi.softmax import draws, loop
from shuzi.softmax.equations import cross_entropy
from shuzi.train.fit import TrainingLoop, compare, load_state
from shuzi.train.settings import CURVE_POINTS, Epoch, OnStep, Settings

THREADS = 1  # a batch is done before a second thread has woken up


class SoftmaxTraining(TrainingLoop):
    """A `TrainingLoop` of softmax regression: W float32 (784, 10), b float32 (10,). It pauses only between epochs."""

    versions: ClassVar[dict[str, str]] = {}
    threads = THREADS
    step = 0

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.order_generator = draws.generator(settings.seed)
        self.W, self.b = draws.initial(draws.generator(settings.seed))
        self.epoch = 0

    @property
    def learning_rate(self) -> float:
        """The learning rate of each step."""
        return self.settings.lr

    def weights(self) -> dict[str, np.ndarray]:
        """Copy W and b."""
        return {"W": self.W.copy(), "b": self.b.copy()}

    def state(self) -> dict[str, np.ndarray]:
        """Copy weights, generator and epoch."""
        twister = self.order_generator.get_state(legacy=False)["state"]
        return {f"model.{name}": value for name, value in self.weights().items()} | {
            "generator.key": twister["key"],
            "generator.position": np.array(twister["pos"]),
            "epoch": np.array(self.epoch),
        }

    def begin(self, weights: Mapping[str, np.ndarray]) -> None:
        """Start from given weights. Raises ShuziError if they are another model's."""
        load_state({"W": self.W, "b": self.b}, weights, np.isfinite)

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from a `state`. Raises ShuziError if it is another recipe's or damaged."""
        compare(self.state(), state, np.isfinite)
        self.begin({name: state[f"model.{name}"] for name in ("W", "b")})
        twister = {"key": state["generator.key"], "pos": int(state["generator.position"])}
        self.order_generator.set_state(self.order_generator.get_state(legacy=False) | {"state": twister})
        self.epoch = int(state["epoch"])

    def train_epoch(self, train: Digits, on_step: OnStep | None = None, pause: float = math.inf) -> Iterator[Epoch]:
        """Train for an epoch and yield its figures. Raises ShuziError if the loss is not finite."""
        settings = self.settings
        settings.check_batch_size(len(train))
        started = time.perf_counter()
        answers = []
        order = draws.order(self.order_generator, len(train))
        batches = loop.batches(train.images, train.labels, order, settings.batch_size)
        with threadpool_limits(THREADS, "blas"), np.errstate(over="ignore", invalid="ignore"):
            done = 0
            for y, labels in loop.epoch(self.W, self.b, batches, settings.lr):
                answers.append((y, labels))
                done += len(labels)
                if on_step is not None:
                    on_step(done, len(train), cross_entropy(y, labels))
            curve, loss, accuracy = figures(answers)
        seconds = time.perf_counter() - started
        self.epoch += 1
        settings.check_loss(loss, self.epoch)
        yield Epoch(self.epoch, loss, accuracy, seconds, len(train) / seconds, None, curve)

    def predict(self, digits: Digits) -> np.ndarray:
        """Compute the logits of all images, float32 (N, 10)."""
        with threadpool_limits(THREADS, "blas"):
            return loop.predict(self.W, self.b, digits.images)


def figures(answers: list[tuple[np.ndarray, np.ndarray]]) -> tuple[tuple[float, ...], float, float]:
    """Compute an epoch's loss curve, mean loss and accuracy from the logits and labels of its batches."""
    steps = math.ceil(len(answers) / CURVE_POINTS)  # per point of the curve
    counts, losses, right = [], [], []
    for first in range(0, len(answers), steps):
        y, labels = map(np.concatenate, zip(*answers[first : first + steps], strict=True))
        counts.append(len(labels))
        losses.append(cross_entropy(y, labels))
        right.append(int((y.argmax(axis=1) == labels).sum()))
    total = sum(counts)
    mean = sum(loss * count for loss, count in zip(losses, counts, strict=True)) / total
    return tuple(losses), mean, sum(right) / total
