"""Metrics of a model's answers: accuracy, precision, recall, confusion and calibration. No torch."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

Z95 = 1.959963984540054  # the normal distribution's 97.5 % quantile
CONFIDENT = 0.9
Answers = list[tuple[float, bool]]  # of each answer the confidence, 0..1, and whether it was right
SUSPECTS = 40  # labels to look at, as many as a person checks in a minute or two


@dataclass(frozen=True)
class ClassMetrics:
    """One digit's metrics. precision: of the images read as it; recall: of its images."""

    digit: int
    count: int
    precision: float
    recall: float


@dataclass(frozen=True)
class Mistake:
    """A misread digit: its index in the dataset, its label, what was read, and with what confidence."""

    index: int
    label: int
    read: int
    confidence: float


@dataclass(frozen=True)
class Suspect:
    """A digit whose label may be wrong. surprise: of the model at the label, -log of its probability, in nats."""

    index: int
    label: int
    read: int
    surprise: float


@dataclass(frozen=True, repr=False)
class Evaluation:
    """The metrics of one model on one dataset.

    Attributes:
        accuracy, interval: the share read correctly, and its 95 % Wilson interval.
        count: the number of digits.
        per_class: the metrics of each digit, 0 first.
        confusion: [label][read] counts.
        calibration_error: expected calibration error over 15 bins, 0..1.
        mistakes: all of them, the most confident first.
        suspects: the SUSPECTS digits whose labels surprise the model most, first those that are likely wrong.
    """

    accuracy: float
    interval: tuple[float, float]
    count: int
    per_class: list[ClassMetrics]
    confusion: list[list[int]]
    calibration_error: float
    mistakes: list[Mistake]
    suspects: list[Suspect]

    def __repr__(self) -> str:
        low, high = self.interval
        return f"accuracy {self.accuracy:.4f} of {self.count:,}, 95 % interval {low:.4f} to {high:.4f}"

    def _repr_html_(self) -> str:
        from shuzi import display

        rows = [(f.digit, f"{f.count:,}", f"{f.precision:.4f}", f"{f.recall:.4f}") for f in self.per_class]
        return display.table(("digit", "count", "precision", "recall"), rows, repr(self))

    def to_json(self, mistakes: int = 20) -> dict[str, Any]:
        """Return the object of `shuzi evaluate --json`, with the most confident `mistakes`."""
        shown = asdict(replace(self, mistakes=self.mistakes[:mistakes]))
        return shown | {"interval": list(self.interval), "mistake_count": len(self.mistakes)}


@dataclass(frozen=True)
class Measurement:
    """The result of a suite. metrics: as `shuzi evaluate --json` prints them; evaluation: of a dataset, the whole."""

    metrics: dict[str, Any]
    evaluation: Evaluation | None = None


def evaluate(probabilities: np.ndarray, labels: np.ndarray) -> Evaluation:
    """Evaluate probabilities float (N, 10) against labels (N,), 0..9."""
    read = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    confusion = np.zeros((10, 10), dtype=int)
    np.add.at(confusion, (labels, read), 1)
    right, counts = int(np.trace(confusion)), confusion.sum(1)
    precision = confusion.diagonal() / np.maximum(confusion.sum(0), 1)  # 0 for a digit that is never read
    recall = confusion.diagonal() / np.maximum(counts, 1)
    of_classes = zip(range(10), counts.tolist(), precision.tolist(), recall.tolist(), strict=True)
    wrong = np.flatnonzero(read != labels)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")]
    return Evaluation(
        accuracy=right / len(labels),
        interval=accuracy_interval(right, len(labels)),
        count=len(labels),
        per_class=[ClassMetrics(*each) for each in of_classes],
        confusion=confusion.tolist(),
        calibration_error=calibration_error(confidence, read == labels),
        mistakes=[Mistake(int(i), int(labels[i]), int(read[i]), float(confidence[i])) for i in wrong],
        suspects=find_suspects(probabilities, labels),
    )


def find_suspects(probabilities: np.ndarray, labels: np.ndarray, count: int = SUSPECTS) -> list[Suspect]:
    """Find the digits whose labels surprise a model most, the most surprising first.

    Args:
        probabilities: float (N, 10), of a model that has not learnt from these digits.
        labels: (N,), 0 to 9.
        count: how many to return, at most.
    """
    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    surprise = -np.log(np.maximum(given, np.finfo(np.float64).tiny))
    order = np.argsort(-surprise, kind="stable")[:count]
    read = probabilities.argmax(axis=1)
    return [Suspect(int(i), int(labels[i]), int(read[i]), float(surprise[i])) for i in order]


def accuracy_interval(right: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share `right / count`.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927):
    unlike p +- 1.96 sqrt(p (1 - p) / n) it stays within 0..1 and holds near the ends.
    """
    share, spread = right / count, Z95**2 / count
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def answer_metrics(name: str, answers: Answers) -> dict[str, float]:
    """Return the calibration error of answers, and the share of all that are confident but wrong; nothing of none."""
    if not answers:
        return {}
    confidence, right = (np.array(each) for each in zip(*answers, strict=True))
    return {
        f"{name} calibration error": calibration_error(confidence, right),
        f"{name} sure and wrong": float(((confidence > CONFIDENT) & ~right).mean()),
    }


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Return the expected calibration error: the gap between confidence and accuracy, averaged over equal bins.

    C. Guo et al., "On calibration of modern neural networks", ICML 2017, equation 3.
    """
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    counts = np.bincount(which, minlength=bins)
    gaps = np.bincount(which, weights=confidence - right, minlength=bins)  # count x (confidence - accuracy)
    return float(np.abs(gaps).sum() / counts.sum())
