"""Pixels to proposals: where a digit or a mark may stand, which, in what box, and which pixels are its ink.

A network looks at the whole picture made small, then at larger and smaller pictures of the same, as in an image
pyramid: digits of 12 to 64 pixels are found at each. Larger ones are looked at only where it says that there is
writing too low to be read.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from shuzi.cores import in_parallel
from shuzi.data.picture import zoomed
from shuzi.maps import CHANNELS, CLASS, FINER, HEAT, LINK, MARKS, NEXT, OFFSET, OWNER, SIZE, STRIDE
from shuzi.network import Network
from shuzi.read.calibration import Calibration

log = logging.getLogger(__name__)
SHIPPED = Path(__file__).parent / "weights" / "finder.onnx"
GRID = 16  # the network's pictures are multiples of it
EXPECTED = "images uint8 (N, H, W) to maps float32 (N, 26, H/4, W/4) and ink float32 (N, 2, H, W)"
FIRST_LOOK = 0.2e6  # pixels of the picture that is looked at first: a twentieth of a second's work
LOW = 64  # pixels: a picture less high or wide is enlarged to it
NEARLY = 0.7  # of the picture's size: a picture that would be larger than that is made as large as it is
LARGEST = 4.0  # times: no picture is enlarged further
FAINTEST = 0.05  # the least chance of a digit, or a mark, for a proposal
MANY = 10_000  # proposals: the likeliest are enough, for no page has so many digits
BEST_SIZE = 30.0  # pixels of a digit that the network knows best; what it says of others counts less
SURE = 0.9  # how likely it is a digit, and which: with less, it is looked at once more
NEIGHBOURS = 48  # pixels around it there, for the digits beside it
ANOTHER = 1.2  # times: sizes that differ less are no other look
MOST_AGAIN = 32  # digits: so many are looked at once more, a fifth of a second of a core
TILE = 640  # pixels a side of the parts that are looked at enlarged
AROUND = 64  # pixels around such a part, for the network to see what stands there
MOST_SEEN = 8e6  # pixels of all sizes and parts, two seconds of a core: enough for the largest page
FINER_FROM = 0.1  # how likely a cell holds low writing for it to be looked at enlarged
SAME = 0.4  # of the area of two boxes together that both cover: they are one digit
AGREE = 0.5  # of the area of a digit's box and its ink's together: both must cover so much for the latter to count
HALF = 128  # of 255: a pixel that is half inked is in the box
# Of one digit's size, chance and ink: those of several in its place.
APART, AS_LIKELY, COVERED = 0.8, 0.8, 0.8
BARELY = 0.1  # of two boxes' area: digits that stand side by side overlap no more
EXPLAINS = 0.5  # power of the size: of two that show the same ink, the larger explains more of it
PART = 0.6  # of a proposal's ink that another shows as its own: then it is a part of that
MARGIN = 0.12  # of a digit's size: how far around its box its ink is looked for


@dataclass(frozen=True, eq=False)
class Level:
    """A picture of one size as the network saw it.

    Attributes:
        scale: its pixels to one of the whole picture's.
        left, top: where it begins, in the pixels of the whole picture at this scale.
        part: left, top, right, bottom, in the same, of what is to be found in it; around that is what stands there.
        maps: float32 (C, h, w).
        ink, writing: float32 (H, W), how much of each pixel is a digit's ink, and any writing's, 1 all.
    """

    scale: float
    left: int
    top: int
    part: tuple[int, int, int, int]
    maps: np.ndarray
    ink: np.ndarray
    writing: np.ndarray

    @functools.cached_property
    def cells(self) -> np.ndarray:
        """How much of each cell's pixels together is a digit's ink, float32 (h, w)."""
        height, width = self.ink.shape
        padded = np.pad(self.ink, ((0, -height % STRIDE), (0, -width % STRIDE)))
        blocks = padded.reshape(len(padded) // STRIDE, STRIDE, -1, STRIDE)
        return np.asarray(blocks.mean((1, 3)))


@dataclass(eq=False)
class Proposal:
    """What may be a digit or a mark.

    Attributes:
        chance: 0..1, that it is one.
        mark: a character of MARKS, or "" for a digit.
        classes: float64 (10,), how likely each digit is, if it is one.
        box: float64 (4,), x, y, width, height in pixels of the picture.
        link: 0..1, that another digit of its number follows; ahead: float64 (2,), how far off, in its own size.
        level: where it was seen best.
        weight: how well it was seen there, 0..1.
    """

    chance: float
    mark: str
    classes: np.ndarray
    box: np.ndarray
    link: float
    ahead: np.ndarray
    level: Level
    weight: float

    @property
    def middle(self) -> np.ndarray:
        """The middle of the box, float64 (2,)."""
        return self.box[:2] + self.box[2:] / 2

    @property
    def size(self) -> float:
        """The larger side of the box."""
        return float(self.box[2:].max())

    def hear(self, others: list[Proposal], chance: Sequence[float]) -> None:
        """Take in what a second look says of it, if anything: classes as in `pool`, and the mean of both logits."""
        said = FAINTEST
        if others:
            other = max(others, key=lambda q: q.chance * q.weight)
            pool(other, [other], chance)
            self.classes, said = blended([self, other]), other.chance
            if other.weight > self.weight:
                self.box, self.level, self.weight = other.box, other.level, other.weight
        odds = np.sqrt(self.chance / (1 - self.chance) * said / (1 - said))
        self.chance = float(odds / (1 + odds))


class Finder:
    """Looks for digits. path: the ONNX network that the card describes; the shipped one by default.

    providers: what onnxruntime runs it on, as of `Network`. Raises ShuziError on a file that is no finder.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, providers: Sequence[str] | None = None
    ) -> None:
        random, shapes = np.random.default_rng(0), ((1, 2 * GRID, GRID), (1, GRID, 3 * GRID))
        examples = [random.integers(0, 256, shape, np.uint8) for shape in shapes]
        path = SHIPPED if path is None else Path(path)
        self._network = Network(path, examples, {"maps": _maps, "ink": _ink}, EXPECTED, providers)
        self.calibration = Calibration.of(self._network) or Calibration()

    @property
    def sha256(self) -> str:
        """Of its file."""
        return self._network.sha256

    def look(self, grey: np.ndarray, scale: float, part: tuple[int, int, int, int] | None = None) -> Level:
        """Run the network on a picture, uint8 (H, W), at its scale, or on a part: left, top, right, bottom."""
        height, width = grey.shape
        x0, y0, x1, y1 = part or (0, 0, width, height)
        left, top = max(0, x0 - AROUND), max(0, y0 - AROUND)
        seen = grey[top : min(height, y1 + AROUND), left : min(width, x1 + AROUND)]
        h, w = seen.shape
        padded = cv2.copyMakeBorder(seen, 0, -h % GRID, 0, -w % GRID, cv2.BORDER_REPLICATE)
        maps, ink = self._network.run(padded[None])
        return Level(scale, left, top, (x0, y0, x1, y1), maps[0], *ink[0, :, :h, :w])

    def levels(self, grey: np.ndarray) -> Iterator[Level]:
        """The pictures of all sizes that are worth looking at, up to MOST_SEEN, the first as it is seen at a glance."""
        height, width = grey.shape
        enlarged = max(1.0, min(LARGEST, LOW / min(height, width)))
        first = float(min(enlarged, np.sqrt(FIRST_LOOK / (height * width))))
        scale = first
        coarse = []
        while scale == first or min(height, width) * scale >= 24:
            level = self.look(resized(grey, scale), scale)
            coarse.append(level)
            yield level
            scale /= 2
        looked, scale = [coarse[0]], first
        left = MOST_SEEN - sum(level.ink.size for level in coarse)
        while scale < 1:
            scale = 2 * scale if 2 * scale < NEARLY else 1.0
            parts = regions(looked, scale, grey.shape, left)
            if not parts:
                return
            larger = resized(grey, scale)
            looked = in_parallel(functools.partial(self.look, larger, scale), parts)
            yield from looked
            left -= sum(level.ink.size for level in looked)

    def __call__(self, grey: np.ndarray) -> tuple[list[Proposal], list[Level]]:
        """All that may be digits or marks in a grey picture, uint8 (H, W), each once; and all that was looked at."""
        levels = list(self.levels(grey))
        found = merged([p for level in levels for p in proposals(level)], self.calibration.chance)
        self.look_again(grey, found)
        return found, levels

    def look_again(self, grey: np.ndarray, found: list[Proposal]) -> None:
        """Look once more at digits that are not sure, each as large as the network knows them best."""
        doubtful = [
            p for p in found if not p.mark and p.chance >= FAINTEST and min(p.chance, p.classes.max()) < SURE
        ]
        looked = in_parallel(functools.partial(self.closer, grey), doubtful[:MOST_AGAIN])
        for p, seen in zip(doubtful, looked, strict=False):
            p.hear(seen, self.calibration.chance)

    def closer(self, grey: np.ndarray, digit: Proposal) -> list[Proposal]:
        """What may be the same digit, where it and its neighbours are looked at alone, at another size."""
        scale = min(LARGEST, BEST_SIZE / digit.size)
        if 1 / ANOTHER < scale / digit.level.scale < ANOTHER:
            scale *= ANOTHER
        left, top = np.maximum(digit.box[:2] - NEIGHBOURS / scale, 0).astype(int)
        right, bottom = (digit.box[:2] + digit.box[2:] + NEIGHBOURS / scale).astype(int)
        level = self.look(resized(grey[top:bottom, left:right], scale), scale)
        x, y = round(left * scale), round(top * scale)
        level = replace(level, left=x, top=y, part=(x, y, x + level.ink.shape[1], y + level.ink.shape[0]))
        return [q for q in proposals(level) if not q.mark and overlap(q.box, digit.box[None])[0] > SAME]


def _maps(images: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [(images[0], CHANNELS, images[1] // STRIDE, images[2] // STRIDE)]


def _ink(images: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [(images[0], 2, *images[1:])]


def resized(grey: np.ndarray, scale: float) -> np.ndarray:
    """A picture at another size."""
    if scale == 1:
        return grey
    return zoomed(grey, scale, cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def regions(
    levels: list[Level], scale: float, shape: tuple[int, ...], most: float = np.inf
) -> list[tuple[int, int, int, int]]:
    """Where the picture at a scale is worth looking at, for its low writing: left, top, right, bottom there.

    most: pixels that may be looked at; where all are more, those parts are left out that have the least low writing.
    """
    height, width = (max(1, round(n * scale)) for n in shape)
    places = []
    for level in levels:
        y, x = np.nonzero(level.maps[FINER] >= FINER_FROM)
        places.append(np.array([x, y]) * STRIDE + [[level.left], [level.top]])
    low = np.concatenate(places, 1).T * (scale / levels[0].scale)  # a cell's corner
    low = low[(low < (width, height)).all(1)]
    high = np.minimum(low + STRIDE * scale / levels[0].scale, (width, height))
    _, whose, cells = np.unique(low // TILE, axis=0, return_inverse=True, return_counts=True)
    parts: list[tuple[int, int, int, int]] = []
    for tile in np.argsort(-cells, kind="stable"):
        own = whose.reshape(-1) == tile
        (left, top), (right, bottom) = low[own].min(0).astype(int), np.ceil(high[own].max(0)).astype(int)
        most -= (right - left + 2 * AROUND) * (bottom - top + 2 * AROUND)
        if most < 0:
            log.info(
                "low writing is left out in %d of %d parts of a picture", len(cells) - len(parts), len(cells)
            )
            break
        parts.append((int(left), int(top), int(right), int(bottom)))
    return parts


def proposals(level: Level) -> Iterator[Proposal]:
    """What the network saw in one picture."""
    maps = level.maps
    for kind, y, x in zip(*np.nonzero(maps[HEAT] >= FAINTEST), strict=True):
        cell = maps[:, y, x].astype(np.float64)
        size = cell[SIZE]
        middle = (np.array([x, y]) + 0.5 + cell[OFFSET]) * STRIDE + (level.left, level.top)
        if (middle < level.part[:2]).any() or (middle > level.part[2:]).any():
            continue  # it is seen better by a neighbour, or beyond the picture
        box = np.concatenate([middle - size / 2, size]) / level.scale
        larger = float(size.max())
        weight = float(np.exp(-(np.log(larger / BEST_SIZE) ** 2) / 0.6))
        yield Proposal(
            float(cell[HEAT][kind]), MARKS[kind - 1] if kind else "", cell[CLASS], box,
            float(cell[LINK]), cell[NEXT], level, weight if not kind else 1.0,
        )  # fmt: skip


def overlap(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The area that a box (4,) shares with each of some (N, 4), over the area that both cover."""
    low = np.maximum(one[:2], others[:, :2])
    high = np.minimum(one[:2] + one[2:], others[:, :2] + others[:, 2:])
    shared = np.maximum(high - low, 0).prod(1)
    return shared / (one[2:].prod() + others[:, 2:].prod(1) - shared + 1e-9)


def merged(found: list[Proposal], chance: Sequence[float] = Calibration.chance) -> list[Proposal]:
    """Each digit once: what was seen at several sizes is one, and what each size says of it is weighed.

    Likely and large ones come first, for they explain more ink; what shows mostly ink of one that came before is a
    part of that. chance: as of `Calibration`.
    """
    found = sorted(found, key=lambda p: -p.chance * p.weight * p.size**EXPLAINS)[:MANY]
    boxes = np.array([p.box for p in found]).reshape(-1, 4)
    left, top, width, height = boxes.T.copy()
    right, bottom = left + width, top + height
    digits = np.array([not p.mark for p in found], bool)
    chances = np.array([p.chance for p in found])
    strengths = chances * [p.weight for p in found]
    free, kept = np.ones(len(found), bool), np.zeros(len(found), bool)
    for i, p in enumerate(found):
        if not free[i]:
            continue
        free[i] = False
        touching = (left < right[i]) & (right > left[i]) & (top < bottom[i]) & (bottom > top[i])
        near = np.flatnonzero(touching & (free | kept) & (digits == digits[i]))
        same = near[free[near] & (overlap(p.box, boxes[near]) > SAME)]
        if digits[i]:
            smaller = near[inside(boxes[near], p.box) & (strengths[near] > AS_LIKELY * strengths[i])]
            if several(p, [found[j] for j in smaller]):
                continue
        free[same] = False
        if digits[i]:
            pool(p, [p, *(found[j] for j in same)], chance)
            over = near[kept[near] & (chances[near] >= strengths[i])]
            if any(shown(p, found[j]) > PART for j in over):
                continue
        kept[i] = True
    return [found[i] for i in np.flatnonzero(kept)]


def inside(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Which of some boxes (N, 4) lie in another and are clearly smaller, bool (N,)."""
    sizes, ends = boxes[:, 2:].max(1), boxes[:, :2] + boxes[:, 2:]
    room = np.minimum(boxes[:, :2] - box[:2], box[:2] + box[2:] - ends).min(1)
    return np.asarray((room > -MARGIN * sizes) & (sizes < APART * box[2:].max()))


def several(proposal: Proposal, smaller: list[Proposal]) -> bool:
    """Whether what seems one digit is several smaller ones in it that are as likely and explain its ink together."""
    apart: list[Proposal] = []
    for p in sorted(smaller, key=lambda p: -p.chance * p.weight):
        if not apart or overlap(p.box, np.array([q.box for q in apart])).max() < BARELY:
            apart.append(p)
    if len(apart) < 2:
        return False
    if min(p.chance * p.weight for p in apart) > proposal.chance:
        return True
    ink = part_of(proposal.level, proposal.box)
    return sum(float(part_of(proposal.level, p.box).sum()) for p in apart) > COVERED * float(ink.sum())


def part_of(level: Level, box: np.ndarray) -> np.ndarray:
    """The ink within a box of the picture, as a level shows it."""
    left, top = np.maximum(np.floor(box[:2] * level.scale) - (level.left, level.top), 0).astype(int)
    right, bottom = (np.ceil((box[:2] + box[2:]) * level.scale) - (level.left, level.top)).astype(int)
    return level.ink[top : max(bottom, top), left : max(right, left)]


def pool(proposal: Proposal, group: list[Proposal], chance: Sequence[float]) -> None:
    """Let a proposal say what those of all sizes say: classes by their weighted logarithms, the best chance."""
    proposal.classes = blended(group)
    best = max(q.chance * min(1.0, q.weight * 1.5) for q in group)
    odds = np.exp(chance[0]) * (best / (1 - min(best, 0.9999))) ** chance[1]
    proposal.chance = float(odds / (1 + odds))


def blended(group: list[Proposal]) -> np.ndarray:
    """What digit some proposals say together, float64 (10,): the mean of their logarithms by chance and weight."""
    weights = np.array([q.chance * q.weight for q in group]) + 1e-9
    logs = np.array([np.log(q.classes + 1e-6) for q in group])
    classes = np.exp((weights[:, None] * logs).sum(0) / weights.sum())
    return np.asarray(classes / classes.sum())


def shown(part: Proposal, whole: Proposal) -> float:
    """0..1, how much of the ink in a proposal's box is another's, as that one's picture shows it."""
    level = whole.level
    low = np.maximum(np.floor(part.box[:2] * level.scale) - (level.left, level.top), 0)
    high = np.ceil((part.box[:2] + part.box[2:]) * level.scale) - (level.left, level.top)
    (left, top), (right, bottom) = (low // STRIDE).astype(int), -(-high // STRIDE).astype(int)
    ink = level.cells[top : max(bottom, top), left : max(right, left)]
    total = float(ink.sum())
    if total < 1 / STRIDE**2:
        return 0.0
    y, x = (np.mgrid[top : top + ink.shape[0], left : left + ink.shape[1]] + 0.5) * STRIDE
    towards = level.maps[OWNER, top : top + ink.shape[0], left : left + ink.shape[1]]
    return float((ink * (nearest([whole, part], level, x + towards[0], y + towards[1]) == 0)).sum()) / total


def nearest(proposals: list[Proposal], level: Level, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whose ink it is that points to places x, y (h, w) of a level's picture: int (h, w), indices of proposals.

    It is given to the proposal whose middle is nearest, in halves of its box.
    """
    best, whose = np.full(x.shape, np.inf), np.zeros(x.shape, int)
    for i, p in enumerate(proposals):
        middle = p.middle * level.scale - (level.left, level.top)
        half = np.maximum(p.box[2:], 0.5 * p.size) * level.scale / 2
        away = ((x - middle[0]) / half[0]) ** 2 + ((y - middle[1]) / half[1]) ** 2
        whose[away < best] = i
        best = np.minimum(away, best)
    return whose


def pointing(level: Level, left: int, top: int, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel of a part of a level's picture points to, the middle of its digit: x and y, float32 (h, w)."""
    first_x, first_y = max(left // STRIDE - 1, 0), max(top // STRIDE - 1, 0)
    last_x, last_y = (left + shape[1]) // STRIDE + 2, (top + shape[0]) // STRIDE + 2
    planes = level.maps[OWNER, first_y:last_y, first_x:last_x]
    x, y = left - first_x * STRIDE, top - first_y * STRIDE
    toward = [
        cv2.resize(plane, None, fx=STRIDE, fy=STRIDE, interpolation=cv2.INTER_LINEAR)[
            y : y + shape[0], x : x + shape[1]
        ]
        for plane in planes
    ]
    across = np.arange(left, left + shape[1], dtype=np.float32) + np.float32(0.5)
    down = np.arange(top, top + shape[0], dtype=np.float32) + np.float32(0.5)
    return toward[0] + across, toward[1] + down[:, None]


def ink_of(proposal: Proposal, others: list[Proposal]) -> tuple[np.ndarray, np.ndarray]:
    """The ink of one digit alone, uint8 (h, w), at the size at which it was seen best, and its box in the picture."""
    level = proposal.level
    box = proposal.box * level.scale - np.array([level.left, level.top, 0, 0])
    margin = MARGIN * box[2:].max()
    left, top = np.maximum(np.floor(box[:2] - margin), 0).astype(int)
    right, bottom = np.ceil(box[:2] + box[2:] + margin).astype(int)
    ink = level.ink[top:bottom, left:right]
    if not ink.size:
        return np.zeros((1, 1), np.uint8), proposal.box
    near = [proposal, *(p for p in others if p is not proposal)]
    mine = nearest(near, level, *pointing(level, left, top, ink.shape)) == 0
    own = np.where(mine, np.round(ink * 255), 0).astype(np.uint8)
    x0, y0, w, h = cv2.boundingRect((own >= HALF).astype(np.uint8))
    tight = np.array([left + x0 + level.left, top + y0 + level.top, w, h]) / level.scale
    if overlap(tight, proposal.box[None])[0] < AGREE:  # its ink is too faint to tell where it ends
        return own, proposal.box
    return own, tight


def beside(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of some boxes (N, 4) come so near a box (4,) that one's ink may lie in the other: bool (N,)."""
    x, y, w, h = others.T
    across = np.maximum(x - box[0] - box[2], box[0] - x - w)
    down = np.maximum(y - box[1] - box[3], box[1] - y - h)
    return np.asarray(np.maximum(across, down) < MARGIN * box[2:].max())
