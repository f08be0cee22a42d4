"""What a model's answers are worth. Numbers from logits and labels; numpy alone, no torch."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Z95 = 1.959963984540054  # the normal distribution's 97.5 % quantile


@dataclass(frozen=True)
class ClassFigures:
    """One digit's figures: of those read as it, how many are it; of those that are it, how many were read."""

    digit: int
    count: int
    precision: float
    recall: float


@dataclass(frozen=True)
class Mistake:
    """A digit read wrongly: its index in the set, what it is, what was read, and how sure that was."""

    index: int
    label: int
    read: int
    confidence: float


@dataclass(frozen=True, repr=False)
class Evaluation:
    """All figures of one model on one set.

    Attributes:
        accuracy, interval: share read rightly, and its 95 % Wilson interval.
        count: how many digits there were.
        per_class: figures of each digit, 0 first.
        confusion: [label][read] counts.
        calibration_error: expected calibration error over 15 bins, 0..1.
        mistakes: all of them, the surest first.
    """

    accuracy: float
    interval: tuple[float, float]
    count: int
    per_class: list[ClassFigures]
    confusion: list[list[int]]
    calibration_error: float
    mistakes: list[Mistake]

    def __repr__(self) -> str:
        low, high = self.interval
        return f"accuracy {self.accuracy:.4f} of {self.count:,}, 95 % interval {low:.4f} to {high:.4f}"

    def _repr_html_(self) -> str:
        from shuzi import display

        rows = [(f.digit, f"{f.count:,}", f"{f.precision:.4f}", f"{f.recall:.4f}") for f in self.per_class]
        return display.table(("digit", "count", "precision", "recall"), rows, repr(self))

    def to_json(self, mistakes: int = 20) -> dict[str, Any]:
        """Give the object of `shuzi evaluate --json`, with the surest `mistakes`."""
        return {
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "count": self.count,
            "per_class": [vars(figures) for figures in self.per_class],
            "confusion": self.confusion,
            "calibration_error": self.calibration_error,
            "mistake_count": len(self.mistakes),
            "mistakes": [vars(mistake) for mistake in self.mistakes[:mistakes]],
        }


def evaluate(probabilities: np.ndarray, labels: np.ndarray) -> Evaluation:
    """Give all figures of probabilities float (N, 10) against labels (N,), 0..9."""
    read = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    confusion = np.zeros((10, 10), dtype=int)
    np.add.at(confusion, (labels, read), 1)
    right = int(np.trace(confusion))
    per_class = [
        ClassFigures(
            digit,
            int(confusion[digit].sum()),
            ratio(confusion[digit, digit], confusion[:, digit].sum()),
            ratio(confusion[digit, digit], confusion[digit].sum()),
        )
        for digit in range(10)
    ]
    wrong = np.flatnonzero(read != labels)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")]
    return Evaluation(
        accuracy=right / len(labels),
        interval=accuracy_interval(right, len(labels)),
        count=len(labels),
        per_class=per_class,
        confusion=confusion.tolist(),
        calibration_error=calibration_error(confidence, read == labels),
        mistakes=[Mistake(int(i), int(labels[i]), int(read[i]), float(confidence[i])) for i in wrong],
    )


def accuracy_interval(right: int, count: int) -> tuple[float, float]:
    """Give the 95 % interval of a share `right / count`.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927):
    unlike p +- 1.96 sqrt(p (1 - p) / n) it stays within 0..1 and holds near the ends.
    """
    share, spread = right / count, Z95**2 / count
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Give the expected calibration error: how far confidence is from accuracy, averaged over equal bins.

    C. Guo et al., "On calibration of modern neural networks", ICML 2017, equation 3.
    """
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    counts = np.bincount(which, minlength=bins)
    gaps = np.bincount(which, weights=confidence - right, minlength=bins)  # count x (confidence - accuracy)
    return float(np.abs(gaps).sum() / counts.sum())


def ratio(part: int, whole: int) -> float:
    """Give part / whole, 0 where there is nothing to divide by."""
    return float(part / whole) if whole else 0.0
