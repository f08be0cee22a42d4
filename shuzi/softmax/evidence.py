"""The shipped softmax regression, and why it answers as it does: a map of 28x28 for each digit."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shuzi.softmax.equations import CLASSES, logits, rows, softmax

WEIGHTS = Path(__file__).with_name("weights.npz")  # W float32 (784, 10) and b float32 (10,)
SIDE = 28


@dataclass(frozen=True, eq=False)
class Evidence:
    """Why a model answers as it does.

    Attributes:
        logits: float (10,).
        maps: float (10, 28, 28), in units of the logits; above 0 a pixel speaks for the digit.
        bias: float (10,) if the maps are exact, that is logits[k] == maps[k].sum() + bias[k]; else None.
    """

    logits: np.ndarray
    maps: np.ndarray
    bias: np.ndarray | None = None


class SoftmaxReader:
    """The shipped softmax regression: logits = x W + b for an image's pixels x in [0, 1]."""

    threshold = 0.5  # not calibrated: more likely right than wrong

    def __init__(self) -> None:
        with np.load(WEIGHTS, allow_pickle=False) as arrays:
            self.W, self.b = arrays["W"], arrays["b"]

    def scores(self, images: np.ndarray) -> np.ndarray:
        """Compute probabilities float32 (N, 11) as `Reader.scores` does; the last, of "no digit", is 0."""
        probabilities = softmax(logits(rows(images), self.W, self.b).astype(np.float64))
        return np.pad(probabilities.astype(np.float32), ((0, 0), (0, 1)))

    def templates(self) -> np.ndarray:
        """Return column k of W as a picture: float32 (10, 28, 28)."""
        return self.W.T.reshape(CLASSES, SIDE, SIDE)

    def evidence(self, image: np.ndarray) -> Evidence:
        """Explain the answer for an image uint8 (28, 28), exactly: map k is W[:, k] * x, and logit k its sum + b[k]."""
        maps = (self.W * rows(image[None])[0][:, None]).T.reshape(CLASSES, SIDE, SIDE)
        return Evidence(maps.sum((1, 2)) + self.b, maps, self.b)
