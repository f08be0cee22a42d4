"""Why a model says what it says: a map of 28x28 for each digit.

For softmax regression the maps are exact, for a network they come from occlusion (Zeiler and Fergus, 2014): what
a digit's logit loses when a patch of ink is rubbed out.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shuzi.errors import ShuziError
from shuzi.network import softmax
from shuzi.read.normalise import SIDE
from shuzi.read.reader import SHIPPED_READER, Reader

SOFTMAX = SHIPPED_READER.with_name("softmax.npz")
PATCH = 5  # pixels: wider than a stroke (2 to 4), narrower than the hole of a 0
TINY = 1e-20  # probabilities below it are taken for it, so that their logarithm is finite


@dataclass(frozen=True, eq=False)
class Evidence:
    """logits: float (10,); maps: float (10, 28, 28), in units of the logits, above 0 what speaks for the digit.

    bias: float (10,) where the maps are exact and logits[k] == maps[k].sum() + bias[k]; else None.
    """

    logits: np.ndarray
    maps: np.ndarray
    bias: np.ndarray | None = None


class Softmax:
    """Softmax regression with shipped weights: logits = xW + b, x a 28x28 of ink in [0, 1] as 784 numbers.

    path: an .npz with W float32 (784, 10) and b float32 (10,). Raises ShuziError when it has none such.
    """

    threshold = 0.5  # nobody calibrated it: more likely right than wrong

    def __init__(self, path: Path = SOFTMAX) -> None:
        try:
            with np.load(path, allow_pickle=False) as arrays:
                self.W, self.b = arrays["W"].astype(np.float32), arrays["b"].astype(np.float32)
        except (OSError, ValueError, KeyError) as error:
            raise ShuziError(
                f"{path}: expected W (784, 10) and b (10,) of softmax regression; install again."
            ) from error
        if self.W.shape != (SIDE * SIDE, 10) or self.b.shape != (10,):
            raise ShuziError(f"{path}: W {self.W.shape}, b {self.b.shape}; expected (784, 10) and (10,).")

    def scores(self, images: np.ndarray) -> np.ndarray:
        """float32 (N, 11) as Reader.scores gives them; the last is 0, for softmax regression knows only digits."""
        logits = images.reshape(len(images), -1).astype(np.float32) / 255 @ self.W + self.b
        return np.pad(softmax(logits).astype(np.float32), ((0, 0), (0, 1)))

    def templates(self) -> np.ndarray:
        """float32 (10, 28, 28): column k of W as a picture."""
        return self.W.T.reshape(10, SIDE, SIDE)

    def evidence(self, image: np.ndarray) -> Evidence:
        """Exact: map k is W[:, k] * x, and logit k its sum plus b[k]. image: uint8 (28, 28)."""
        x = image.reshape(-1).astype(np.float32) / 255
        maps = (self.W * x[:, None]).T.reshape(10, SIDE, SIDE)
        return Evidence(maps.sum((1, 2)) + self.b, maps, self.b)


def occlusion(reader: Reader, image: np.ndarray) -> Evidence:
    """What each digit's logit loses when a 5x5 patch is rubbed out, averaged over the patches that hold a pixel.

    image: uint8 (28, 28). A digit's logit is here the log-odds of its calibrated probability, in nats: log p of the
    digit less log of all else, "no digit" included. Patches without ink change nothing and are not tried.
    """
    reach = PATCH // 2
    inked = np.pad(image > 0, reach)
    windows = np.lib.stride_tricks.sliding_window_view(inked, (PATCH, PATCH)).any((2, 3))  # (28, 28)
    centres = np.argwhere(windows)
    rubbed = np.repeat(image[None], len(centres) + 1, axis=0)
    for picture, (y, x) in zip(rubbed[1:], centres, strict=True):
        picture[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] = 0
    scores = reader.scores(rubbed).astype(np.float64)
    # The others are summed rather than 1 - p taken: 1 - 0.9999999 has no digits left.
    others = np.stack([np.delete(scores, k, axis=1).sum(1) for k in range(10)], axis=1)
    logits = np.log(np.maximum(scores[:, :10], TINY)) - np.log(np.maximum(others, TINY))
    lost = logits[0] - logits[1:]  # (patches, 10)
    total, count = np.zeros((10, SIDE, SIDE)), np.zeros((SIDE, SIDE))
    for (y, x), loss in zip(centres, lost, strict=True):
        rows, columns = slice(max(0, y - reach), y + reach + 1), slice(max(0, x - reach), x + reach + 1)
        total[:, rows, columns] += loss[:, None, None]
        count[rows, columns] += 1
    # Paper is shown as nothing: only ink was rubbed out.
    return Evidence(logits[0], np.where(image > 0, total / np.maximum(count, 1), 0.0))
