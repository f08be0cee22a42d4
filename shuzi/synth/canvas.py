"""A scene in the making: ink laid on empty paper, and what it says."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from shuzi.data.digits import CLASSES
from shuzi.page import MARKS
from shuzi.synth.raster import polyline

BOXED = 0.3  # ink above this lies in a glyph's box
LETTER = CLASSES + len(MARKS)  # label of a letter or sign that is neither digit nor mark
ANYTHING = LETTER + 1  # label of what may be taken for a digit, a mark or a letter
OWNED = 0.25  # ink above this makes a pixel a digit's


@dataclass(frozen=True)
class Item:
    """A digit, mark or letter on the canvas.

    label: 0..9, 10 + its index in `page.MARKS`, LETTER or ANYTHING; box: (x, y, width, height) of its ink in the
    frame, in pixels; size: pixels of the larger side of a digit's whole ink, of all else the height of digits beside
    it; visible: share of the ink in the frame.
    """

    label: int
    box: tuple[float, float, float, float]
    size: float
    visible: float


class Canvas:
    """A scene in the making, at first empty paper of a size in pixels.

    cover, writing, ink: float32 (H, W), how much of each pixel is covered by anything, by writing, and by digits;
    owner: int16 (H, W), the item that most of a pixel's ink is, -1 where there is none; following: for each digit the
    next of its number; small: boxes of writing too small to be read.
    """

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self.cover, self.writing, self.ink = (np.zeros((height, width), np.float32) for _ in range(3))
        self.owner = np.full((height, width), -1, np.int16)
        self.items: list[Item] = []
        self.following: dict[int, int] = {}
        self.small: list[tuple[float, float, float, float]] = []

    def put(
        self, ink: np.ndarray | None, x: float, y: float, strength: float, label: int | None = None, size: float = 0
    ) -> int | None:
        """Lay ink with its middle at x, y; return the item's index where it has a label and lies in the frame.

        size: as in `Item`; default the larger side of the ink.
        """
        if ink is None:
            return None
        h, w = ink.shape
        left, top = round(x - w / 2), round(y - h / 2)
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + w, self.width), min(top + h, self.height)
        if x0 >= x1 or y0 >= y1:
            return None
        part, where = ink[y0 - top : y1 - top, x0 - left : x1 - left], np.s_[y0:y1, x0:x1]
        np.maximum(self.cover[where], part * strength, out=self.cover[where])
        np.maximum(self.writing[where], part, out=self.writing[where])
        box = cv2.boundingRect((part > BOXED).astype(np.uint8))
        if label is None or not box[2]:
            return None
        index = len(self.items)
        visible = float(part.sum() / max(float(ink.sum()), 1e-6))
        self.items.append(Item(label, (x0 + box[0], y0 + box[1], *box[2:]), size or max(h, w), visible))
        if label < CLASSES:
            inked, owner = self.ink[where], self.owner[where]
            owner[(part > inked) & (part > OWNED)] = index
            np.maximum(inked, part, out=inked)
        return index

    def follow(self, previous: int | None, index: int | None) -> int | None:
        """Let a digit follow another of its number; return the last one that lies in the frame, if any."""
        if index is None:
            return previous
        if previous is not None:
            self.following[previous] = index
        return index

    def line(self, start: ArrayLike, end: ArrayLike, width: float, strength: float) -> None:
        """Rule a line; its ends and width in pixels."""
        layer = np.zeros((self.height, self.width), np.uint8)
        polyline(layer, np.array([start, end], np.float64), width)
        np.maximum(self.cover, layer.astype(np.float32) * (strength * min(width, 1) / 255), out=self.cover)

    def line_across(self, y: float, rise: float, width: float, strength: float) -> None:
        """Rule a line from beyond the left edge, at y, to beyond the right one, so much lower; all in pixels."""
        self.line((-5, y), (self.width + 5, y + rise), width, strength)
