"""A model's answer to each image of a dataset, and the CSV files that hold them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from shuzi.read.reader import any_digit

BATCH = 1024  # images between two steps of a progress bar
COLUMNS = ("index", "digit", "confidence", "is_digit")
KAGGLE_COLUMNS = ("ImageId", "Label")


@dataclass(frozen=True)
class Answers:
    """Answers to images, in their order.

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
        rows = (
            f"{index},{digit},{sure:.4f},{is_digit:d}"
            for index, (digit, sure, is_digit) in enumerate(columns)
        )
        return "\n".join([",".join(COLUMNS), *rows, ""])

    def submission(self) -> str:
        """Format a submission to Kaggle's Digit Recognizer: images from 1, and always a digit."""
        rows = (f"{number},{digit}" for number, digit in enumerate(self.digits, 1))
        return "\n".join([",".join(KAGGLE_COLUMNS), *rows, ""])


def classify(
    score: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    threshold: float,
    track: Callable[[Iterable[int]], Iterable[int]] = lambda starts: starts,
) -> Answers:
    """Classify images uint8 (N, 28, 28).

    Args:
        score: images to probabilities (N, 10 or 11), the eleventh for "not a digit".
        images: of a dataset.
        threshold: the least probability of being a digit.
        track: wraps the starts of the batches, `range(0, N, BATCH)`, to show progress.
    """
    parts = [score(images[start : start + BATCH]) for start in track(range(0, len(images), BATCH))]
    scores = np.concatenate([np.zeros((0, 11), np.float32), *(with_rejection(part) for part in parts)])
    digits = scores[:, :10]
    return Answers(digits.argmax(axis=1), digits.max(axis=1), any_digit(scores) >= threshold)


def with_rejection(scores: np.ndarray) -> np.ndarray:
    """Return scores (N, 11), 0 in the last column for a model without "not a digit"."""
    return np.pad(scores, ((0, 0), (0, 11 - scores.shape[1])))
