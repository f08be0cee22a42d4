"""A picture of one digit: which of its proposals is the digit, and all its writing."""

import cv2
import numpy as np

from shuzi.read.fuse import SIZE_POWER
from shuzi.read.proposals import BEST_SIZE, Level, Proposal

CENTRE_SPREAD = 0.2  # of the frame: standard deviation of a single digit's place about the middle


def pick_single_digit(proposals: list[Proposal], shape: tuple[int, ...]) -> Proposal:
    """Pick the one digit of a picture: likely, clear, large and central; without any, the whole picture, chance 0."""
    middle = np.array(shape[::-1]) / 2
    digits = [digit for p in proposals if (digit := p.digit if p.mark else p)]  # no mark stands alone
    if not digits:
        return whole_as_digit(np.ones(shape, np.uint8))

    def prior(p: Proposal) -> float:
        off = (p.middle - middle) / (shape[1], shape[0])
        return float(np.exp(-(off**2).sum() / (2 * CENTRE_SPREAD**2)))

    return max(digits, key=lambda p: p.chance * prior(p) * (p.classes.max() * p.size) ** SIZE_POWER)


def whole_as_digit(ink: np.ndarray) -> Proposal:
    """Propose all ink of a picture, uint8 (H, W), as one digit of which nothing is known."""
    box = np.array(cv2.boundingRect((ink > 0).astype(np.uint8)), np.float64)
    blank = np.zeros((0, 0), np.float32)
    nowhere = Level(1.0, 0, 0, (0, 0, 0, 0), np.zeros((0, 0, 0), np.float32), blank, blank)
    return Proposal(0.0, "", np.full(10, 0.1), box, 0.0, np.zeros(2), nowhere, 1.0)


def crop_writing(levels: list[Level]) -> np.ndarray:
    """Crop all writing of a picture, uint8 (h, w), at the scale where it is nearest to a digit's best size."""
    best, nearest = np.zeros((1, 1), np.uint8), np.inf
    for level in levels:
        if level.left or level.top or level.scale > levels[0].scale:
            continue
        x, y, w, h = cv2.boundingRect((level.writing >= 0.5).astype(np.uint8))
        if w and abs(np.log(max(w, h) / BEST_SIZE)) < nearest:
            nearest = abs(np.log(max(w, h) / BEST_SIZE))
            best = (level.writing[y : y + h, x : x + w] * 255).astype(np.uint8)
    return best
