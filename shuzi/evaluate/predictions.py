"""A model's answer to each image of a dataset, and the CSV files that hold them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from shuzi.scores import any_digit

BATCH = 1024  # images between two steps of a progress bar
COLUMNS = ("index", "digit", "confidence", "is_digit")
KAGGLE_COLUMNS = ("ImageId", "Label")
Score: TypeAlias = Callable[[np.ndarray], np.ndarray]
Track: TypeAlias = Callable[[Iterable[int]], Iterable[int]]


@dataclass(frozen=True)
class Predictions:
    """What a model takes images for, in their order.

    Attributes:
        digits: int (N,), the likeliest digit, 0 to 9.
        confidence: float (N,), 0..1, the probability that it is a digit and this one.
        is_digit: bool (N,), whether it is a digit at all.
    """

    digits: np.ndarray
    confidence: np.ndarray
    is_digit: np.ndarray

    def csv(self) -> str:
        """Format one row per image: its index from 0, the digit, the confidence, and 1 or 0 for whether it is one."""
        columns = zip(self.digits, self.confidence, self.is_digit, strict=True)
        rows = (f"{index},{digit},{sure:.4f},{is_digit:d}" for index, (digit, sure, is_digit) in enumerate(columns))
        return "\n".join([",".join(COLUMNS), *rows, ""])

    def submission(self) -> str:
        """Format a submission to Kaggle's Digit Recognizer: images from 1, and always a digit."""
        rows = (f"{number},{digit}" for number, digit in enumerate(self.digits, 1))
        return "\n".join([",".join(KAGGLE_COLUMNS), *rows, ""])

    def summary(self, labels: np.ndarray | None) -> dict[str, float]:
        """Count the images and those that are not digits; where there are labels of digits, compute the accuracy."""
        counts = {"images": len(self.digits), "not_digits": int((~self.is_digit).sum())}
        if labels is None or not len(labels) or labels.max() > 9:
            return {**counts}
        return counts | {"accuracy": float((self.digits == labels).mean())}


def header(kaggle: bool) -> bytes:
    """Return the first line of a CSV file of predictions, by which it is known."""
    return ",".join(KAGGLE_COLUMNS if kaggle else COLUMNS).encode()


def batches(images: np.ndarray) -> range:
    """Return the starts of the batches in which images are scored."""
    return range(0, len(images), BATCH)


def score_all(score: Score, images: np.ndarray, track: Track) -> np.ndarray:
    """Score images, uint8 (N, 28, 28), batch by batch: (N, 11), 0 in the last column of a model without "not a digit".

    Args:
        score: images to probabilities (N, 10 or 11), the eleventh for "not a digit".
        images: of a dataset.
        track: wraps the `batches` of images, to show progress.
    """
    parts = [score(images[start : start + BATCH]) for start in track(batches(images))]
    padded = [np.pad(part, ((0, 0), (0, 11 - part.shape[1]))) for part in parts]
    return np.concatenate([np.zeros((0, 11), np.float32), *padded])


def classify(score: Score, images: np.ndarray, threshold: float, track: Track) -> Predictions:
    """Classify images. threshold: the least probability of being a digit; the rest as for `score_all`."""
    scores = score_all(score, images, track)
    digits = scores[:, :10]
    return Predictions(digits.argmax(axis=1), digits.max(axis=1), any_digit(scores) >= threshold)
