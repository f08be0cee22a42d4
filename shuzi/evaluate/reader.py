"""The figures of a reader: how right, how sure, and what it refuses, on sets it was not trained on.

A network is asked through `score`: images uint8 (N, 28, 28) to probabilities (N, 11), the last for "no digit".
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from shuzi.data.corrupted import CORRUPTIONS, corrupted
from shuzi.data.digits import CLASSES, Digits
from shuzi.errors import ShuziError
from shuzi.evaluate.figures import Evaluation, evaluate
from shuzi.read.normalise import normalise

Score = Callable[[np.ndarray], np.ndarray]
KEPT = 0.99  # of the set's digits, at the threshold where refusals and the surest answers are measured
SEED = 0  # of the corruptions and of what is made up
MADE_UP = 2000  # images of each kind of what is no digit


@dataclass(frozen=True)
class Sureness:
    """What confidence is worth on a set of digits.

    Attributes:
        threshold: the confidence that the surest 99 % of the set reach.
        surest_accuracy: share right among those.
    """

    threshold: float
    surest_accuracy: float


def of_digits(score: Score, digits: Digits) -> tuple[Evaluation, Sureness]:
    """Give all figures on a set of digits."""
    scores = score(digits.images)[:, :CLASSES]
    confidence = scores.max(axis=1)
    threshold = float(np.quantile(confidence, 1 - KEPT))
    kept = confidence >= threshold
    right = scores.argmax(axis=1) == digits.labels
    return evaluate(scores, digits.labels), Sureness(threshold, float(right[kept].mean()))


def refused(score: Score, images: np.ndarray, threshold: float) -> float:
    """Give the share of images (N, 28, 28), none of which is a digit, whose confidence is below the threshold."""
    return float((score(images)[:, :CLASSES].max(axis=1) < threshold).mean())


def optdigits() -> Digits:
    """Give scikit-learn's 1,797 digits of 8x8, brought to 28x28 by `normalise`. Raises ShuziError without it."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise ShuziError(
            "optdigits come with scikit-learn; install it with: pip install scikit-learn"
        ) from error
    bunch = load_digits()
    images = np.stack([normalise(np.rint(image * (255 / 16)).astype(np.uint8)) for image in bunch.images])
    return Digits(images, bunch.target.astype(np.uint8), "optdigits")


def under_corruption(score: Score, digits: Digits) -> dict[str, float]:
    """Give the accuracy under each of MNIST-C's fifteen corruptions, fed to the network as they are."""
    generator = np.random.default_rng(SEED)
    return {
        name: float(
            (
                score(corrupted(digits.images, name, generator))[:, :CLASSES].argmax(axis=1) == digits.labels
            ).mean()
        )
        for name in CORRUPTIONS
    }


def no_digits() -> dict[str, np.ndarray]:
    """Give made-up images uint8 (N, 28, 28) of what is no digit: blank paper, noise and scribbles."""
    generator = np.random.default_rng(SEED)
    grey = generator.integers(0, 256, MADE_UP)[:, None, None]
    blank = np.concatenate(
        [np.zeros((MADE_UP // 2, 28, 28)), np.broadcast_to(grey[: MADE_UP // 2], (MADE_UP // 2, 28, 28))]
    )
    noise = np.concatenate(
        [
            generator.uniform(0, 255, (MADE_UP // 2, 28, 28)),
            255
            * (
                generator.random((MADE_UP // 2, 28, 28))
                < generator.uniform(0.02, 0.5, MADE_UP // 2)[:, None, None]
            ),
        ]
    )
    return {
        "blank": blank.astype(np.uint8),
        "noise": noise.astype(np.uint8),
        "scribble": np.stack([scribble(generator) for _ in range(MADE_UP)]),
    }


def scribble(generator: np.random.Generator) -> np.ndarray:
    """Give one scribble, uint8 (28, 28): a pen driven to 8 to 30 random places, brought to 28x28 as digits are."""
    places = generator.uniform(20, 180, (int(generator.integers(8, 31)), 2))
    canvas = np.zeros((200, 200), np.uint8)
    thickness = int(generator.integers(4, 14))
    cv2.polylines(canvas, [places.round().astype(np.int32)], False, 255, thickness, cv2.LINE_AA)
    return normalise(canvas)
