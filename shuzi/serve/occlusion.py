"""Why a network answers as it does: a map of 28x28 for each digit, by occlusion (Zeiler and Fergus, 2014)."""

import numpy as np

from shuzi.data.normalise import SIDE
from shuzi.read.reader import Reader
from shuzi.softmax.evidence import Evidence

PATCH = 5  # pixels: wider than a stroke (2 to 4), narrower than the hole of a 0
TINY = 1e-20  # smaller probabilities are taken for it, so that their logarithm is finite


def occlusion(reader: Reader, image: np.ndarray) -> Evidence:
    """Measure what each digit's logit loses when a 5x5 patch is erased, averaged over the patches with a pixel.

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
