"""What the finder's network says of one level, as proposals: where a digit or mark may stand, which, in what box."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from shuzi.maps import CLASS, HEAT, LINK, NEXT, OFFSET, SIZE, STRIDE
from shuzi.page import MARKS

MIN_CHANCE = 0.05  # of a digit, a mark or a letter, for a proposal
MIN_DIGIT_CHANCE = 0.5  # from here on a proposal counts as a digit or a mark
ANY_LETTER = "a"  # the mark of a letter, whichever it is
BEST_SIZE = 30.0  # pixels of a digit that the network knows best; its answers about other sizes count less
KINDS = ("", *MARKS, ANY_LETTER)  # of proposals, by their heatmap
DIGIT_SIZED = ("", "/", "%", ANY_LETTER)  # these are seen best at a digit's best size
COVERED = 0.6  # of a box
SIZE_SPREAD = 0.6  # twice the variance of the logarithm of a size over BEST_SIZE, in the weight of an answer


@dataclass(frozen=True, eq=False)
class Level:
    """A picture, or a part of it, at one scale, and the network's answer to it.

    Attributes:
        scale: its pixels per pixel of the whole picture.
        left, top: where it begins, in the pixels of the whole picture at this scale.
        part: left, top, right, bottom, in the same pixels, of what it is asked about; the rest is context.
        maps: float32 (C, h, w), as `shuzi.maps` describes them.
        ink, writing: float32 (H, W), 0..1, how much of each pixel is the ink of digits, and of any writing.
    """

    scale: float
    left: int
    top: int
    part: tuple[int, int, int, int]
    maps: np.ndarray
    ink: np.ndarray
    writing: np.ndarray

    @functools.cached_property
    def cell_ink(self) -> np.ndarray:
        """The mean of `ink` in each cell of the maps, float32 (h, w)."""
        height, width = self.ink.shape
        padded = np.pad(self.ink, ((0, -height % STRIDE), (0, -width % STRIDE)))
        blocks = padded.reshape(len(padded) // STRIDE, STRIDE, -1, STRIDE)
        return np.asarray(blocks.mean((1, 3)))

    def box_bounds(self, box: np.ndarray, margin: float = 0.0) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of a box in this level's pixels, rounded outwards, left and top 0 or more.

        box: float64 (4,), in the picture's pixels; margin: in this level's.
        """
        x, y, width, height = box.tolist()
        left = max(math.floor(x * self.scale - self.left - margin), 0)
        top = max(math.floor(y * self.scale - self.top - margin), 0)
        right = math.ceil((x + width) * self.scale - self.left + margin)
        bottom = math.ceil((y + height) * self.scale - self.top + margin)
        return left, top, max(right, left), max(bottom, top)


@dataclass(eq=False)
class Proposal:
    """What may be a digit, a mark or a letter.

    Attributes:
        chance: 0..1, the probability that it is a digit, a mark or a letter, whichever of them it proposes.
        mark: a character of MARKS, ANY_LETTER, or "" for a digit.
        classes: float64 (10,), the probability of each digit, given that it is one. Of a mark, once fused: float64
            (8,), of each of MARKS.
        box: float64 (4,), x, y, width, height in pixels of the picture.
        link: 0..1, that another digit of its number follows.
        ahead: float64 (2,), how far off that digit is, in units of this one's size.
        level: where it was seen best.
        weight: 0..1, how well it was seen there.
        digit: of a mark or letter, once fused, the digit that it would be if it were neither, if any.
        heat: once fused, float64 (10,), 0..1, the best heat in its place of each of KINDS.
        shares: once fused, float64 (10,), the probability that each of KINDS is in its place.
    """

    chance: float
    mark: str
    classes: np.ndarray
    box: np.ndarray
    link: float
    ahead: np.ndarray
    level: Level
    weight: float
    digit: Proposal | None = None
    heat: np.ndarray = field(default_factory=lambda: np.zeros(len(KINDS)))
    shares: np.ndarray = field(default_factory=lambda: np.zeros(len(KINDS)))

    @property
    def middle(self) -> np.ndarray:
        """The middle of the box, float64 (2,)."""
        return self.box[:2] + self.box[2:] / 2

    @property
    def size(self) -> float:
        """The larger side of the box."""
        return float(max(self.box[2], self.box[3]))


def level_proposals(level: Level, letters: bool = True) -> Iterator[Proposal]:
    """Yield what may be a digit, a mark or a letter in one level. letters: if not, what looks like one is a digit."""
    kinds = KINDS if letters else (*KINDS[:-1], "")
    heat = level.maps[HEAT]
    channels, y, x = np.nonzero(heat >= MIN_CHANCE)
    cells = level.maps[:, y, x].T.astype(np.float64)
    sizes = cells[:, SIZE]
    middles = (np.stack([x, y], 1) + 0.5 + cells[:, OFFSET]) * STRIDE + (level.left, level.top)
    # what lies outside its part is seen better in a neighbouring one, or lies outside the picture
    within = ((middles >= level.part[:2]) & (middles <= level.part[2:])).all(1)
    boxes = np.concatenate([middles - sizes / 2, sizes], 1) / level.scale
    weights = np.exp(-(np.log(sizes.max(1) / BEST_SIZE) ** 2) / SIZE_SPREAD).tolist()
    chances = heat[channels, y, x].tolist()
    for i in np.flatnonzero(within).tolist():
        mark, cell = kinds[channels[i]], cells[i]
        yield Proposal(
            chances[i], mark, cell[CLASS], boxes[i],
            float(cell[LINK]), cell[NEXT], level, weights[i] if mark in DIGIT_SIZED else 1.0,
        )  # fmt: skip


def intersection(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Compute the area that a box (4,) shares with each of others (N, 4): (N,)."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[:2] + box[2:], others[:, :2] + others[:, 2:])
    return np.asarray(np.maximum(high - low, 0).prod(1))


def iou(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Compute the intersection over union of a box (4,) with each of others (N, 4): float64 (N,)."""
    shared = intersection(box, others)
    return shared / (box[2:].prod() + others[:, 2:].prod(1) - shared + 1e-9)


def covered(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Tell of which others (N, 4) a box (4,) covers most, so that they are the same thing or parts of it: bool (N,)."""
    return intersection(box, others) > COVERED * others[:, 2:].prod(1)
