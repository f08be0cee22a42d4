"""Proposals to numbers and lines: the likeliest set of digits, which of them belong together, and in what order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np

from shuzi.read.find import BEST_SIZE, EXPLAINS, Level, Proposal

if TYPE_CHECKING:
    from shuzi.page import Digit

LIKELIER = 0.5  # a proposal is taken for a digit if it is likelier one than none
REACH = 0.6  # of a digit's size: how far from where the network expects it the next digit of a number may be
LEVEL = 0.6  # of the lower one's height: how far two neighbours of one line may stand apart, up or down
CENTRAL = 0.2  # of the frame: the spread of where the one digit of a picture lies about the middle
LEAST_HEIGHT = 0.4  # of a number's height: nothing lower can be a digit of it that was missed
ASIDE = 0.8  # heights: how far outside a number one of its digits may have been missed
COVERED = 0.6  # of a box
BESIDE = 1.2  # heights: no mark of a number is further from all its digits
NEAR = 6.0  # heights: neighbours within tell how a page's lines slope


@dataclass(frozen=True, eq=False)
class Found:
    """Digits that stand together, from left to right, with the marks among them, and their line, 0 the topmost."""

    digits: tuple[Proposal, ...]
    marks: tuple[Proposal, ...]
    line: int

    @property
    def linked(self) -> float:
        """0..1, that these are all its digits: each is followed by another, the last by none."""
        *inner, last = (digit.link for digit in self.digits)
        return float(np.prod(inner)) * (1 - last)


def numbers(proposals: list[Proposal]) -> list[Found]:
    """The numbers of a page in reading order."""
    digits = [p for p in proposals if not p.mark and p.chance >= LIKELIER]
    marks = [p for p in proposals if p.mark and p.chance >= LIKELIER]
    chains = chained(digits)
    beside = attached(chains, marks)
    rows = enumerate(lines(chains))
    return [Found(tuple(chains[i]), tuple(beside[i]), number) for number, row in rows for i in row]


def chained(digits: list[Proposal]) -> list[list[Proposal]]:
    """Digits as numbers: each followed by the one that stands where the network expects its next."""
    if not digits:
        return []
    middles = np.array([d.middle for d in digits])
    order = middles[:, 0].argsort()
    across = middles[order, 0]
    pairs = []
    for i, digit in enumerate(digits):
        if digit.link < LIKELIER:
            continue
        expected, reach = digit.middle + digit.ahead * digit.size, REACH * digit.size
        near = order[slice(*across.searchsorted([expected[0] - reach, expected[0] + reach]))]
        away = np.where(near == i, np.inf, np.hypot(*(middles[near] - expected).T))
        if away.min(initial=np.inf) < reach and middles[j := int(near[away.argmin()]), 0] > middles[i, 0]:
            pairs.append((float(away.min() / digit.size), i, j))
    after: dict[int, int] = {}
    before: dict[int, int] = {}
    for _, i, j in sorted(pairs):
        if j not in before:
            after[i], before[j] = j, i
    chains = []
    for i in range(len(digits)):
        if i not in before:
            chain = [i]
            while chain[-1] in after:
                chain.append(after[chain[-1]])
            chains.append([digits[k] for k in chain])
    return chains


def attached(chains: list[list[Proposal]], marks: list[Proposal]) -> list[list[Proposal]]:
    """The marks of each number: each mark goes to the number whose digits are nearest, if it is near."""
    beside: list[list[Proposal]] = [[] for _ in chains]
    if not chains:
        return beside
    boxes = np.array([digit.box for chain in chains for digit in chain])
    owners = np.repeat(np.arange(len(chains)), [len(chain) for chain in chains])
    middles, sizes = boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:].max(1)
    for mark in marks:
        away = np.abs(mark.middle - middles) - boxes[:, 2:] / 2
        far = np.maximum(np.maximum(away[:, 0], away[:, 1] - 0.4 * sizes), 0.0) / sizes
        if far.min() < BESIDE:
            beside[owners[far.argmin()]].append(mark)
    return beside


def slope(chains: list[list[Proposal]]) -> float:
    """How lines rise or fall, as the tangent of their angle: the median over neighbours."""
    steps = [b.middle - a.middle for chain in chains for a, b in pairwise(chain)]
    first, last = np.array([c[0].middle for c in chains]), np.array([c[-1].middle for c in chains])
    heights = np.array([np.median([d.box[3] for d in chain]) for chain in chains])
    for i in range(len(chains)):
        step = first - last[i]
        near = (step[:, 0] > 0) & (step[:, 0] < NEAR * heights[i]) & (np.abs(step[:, 1]) < 0.5 * heights[i])
        if near.any():
            steps.append(step[near][step[near][:, 0].argmin()])
    far = [s for s in steps if s[0] > 0]
    return float(np.median([s[1] / s[0] for s in far])) if len(far) >= 3 else 0.0


def lines(chains: list[list[Proposal]]) -> list[list[int]]:
    """The numbers of each line from left to right, the topmost line first."""
    if not chains:
        return []
    lean = slope(chains)
    first, last = (np.array([c[end].middle for c in chains]) for end in (0, -1))
    heights = np.array([max(d.box[3] for d in chain) for chain in chains])
    starts, ends = first[:, 1] - lean * first[:, 0], last[:, 1] - lean * last[:, 0]
    pairs = []
    for i in range(len(chains)):
        level = np.abs(starts - ends[i]) < LEVEL * np.minimum(heights[i], heights)
        for j in np.flatnonzero(level & (first[:, 0] > last[i, 0])).tolist():
            pairs.append((float(first[j, 0] - last[i, 0]), i, j))
    after: dict[int, int] = {}
    before: dict[int, int] = {}
    for _, i, j in sorted(pairs):
        if i not in after and j not in before:
            after[i], before[j] = j, i
    found = []
    for i in range(len(chains)):
        if i not in before:
            line = [i]
            while line[-1] in after:
                line.append(after[line[-1]])
            found.append(line)
    return sorted(found, key=lambda line: float(np.mean([starts[i] for i in line])))


def alone(ink: np.ndarray) -> Proposal:
    """All ink of a picture, uint8 (H, W), as one proposal that nothing is known of."""
    box = np.array(cv2.boundingRect((ink > 0).astype(np.uint8)), np.float64)
    blank = np.zeros((0, 0), np.float32)
    nowhere = Level(1.0, 0, 0, (0, 0, 0, 0), np.zeros((0, 0, 0), np.float32), blank, blank)
    return Proposal(0.0, "", np.full(10, 0.1), box, 0.0, np.zeros(2), nowhere, 1.0)


def likeliest(proposals: list[Proposal], shape: tuple[int, ...]) -> Proposal:
    """The one digit of a picture: likely, plain, large and near the middle; where none is, all of it with no chance."""
    middle = np.array(shape[::-1]) / 2
    digits = [p for p in proposals if not p.mark]
    if not digits:
        return alone(np.ones(shape, np.uint8))

    def prior(p: Proposal) -> float:
        return float(np.exp(-(((p.middle - middle) / (shape[1], shape[0])) ** 2).sum() / (2 * CENTRAL**2)))

    return max(digits, key=lambda p: p.chance * prior(p) * (p.classes.max() * p.size) ** EXPLAINS)


def written(found: Found, digits: Sequence[Digit]) -> str:
    """A number as it is written: its digits and marks from left to right."""
    signs = [
        (float(p.middle[0]), "?" if d.digit is None else str(d.digit))
        for p, d in zip(found.digits, digits, strict=True)
    ]
    return "".join(sign for _, sign in sorted([*signs, *((float(m.middle[0]), m.mark) for m in found.marks)]))


def unmissed(numbers: list[Found], proposals: list[Proposal]) -> list[float]:
    """0..1 of each number, that no digit was missed: none of the unlikely proposals in it or beside it is one."""
    doubtful = [p for p in proposals if not p.mark and p.chance < LIKELIER]
    boxes = np.array([p.box for p in doubtful]).reshape(-1, 4)
    (x, y), heights = (boxes[:, :2] + boxes[:, 2:] / 2).T, boxes[:, 3]
    chances = []
    for found in numbers:
        own = np.array([d.box for d in found.digits])
        low, high = own[:, :2].min(0), (own[:, :2] + own[:, 2:]).max(0)
        height = float(np.median(own[:, 3]))
        as_high = (heights > LEAST_HEIGHT * height) & (heights < 2 * height)
        inside = (low[1] < y) & (y < high[1]) & (np.maximum(low[0] - x, x - high[0]) < ASIDE * height)
        near = [doubtful[i] for i in np.flatnonzero(as_high & inside)]
        missed = [p.chance for p in near if not any(covers(d, p) for d in found.digits)]
        chances.append(float(np.prod(1 - np.array(missed))))
    return chances


def covers(digit: Proposal, other: Proposal) -> bool:
    """Whether a digit takes most of another proposal's box: then both are one, or that one is a part of it."""
    low = np.maximum(digit.box[:2], other.box[:2])
    high = np.minimum(digit.box[:2] + digit.box[2:], other.box[:2] + other.box[2:])
    return bool(np.maximum(high - low, 0).prod() > COVERED * other.box[2:].prod())


def all_writing(levels: list[Level]) -> np.ndarray:
    """All writing of a picture, uint8 (h, w), where it is about as large as digits are best."""
    best, nearest = np.zeros((1, 1), np.uint8), np.inf
    for level in levels:
        if level.left or level.top or level.scale > levels[0].scale:
            continue
        x, y, w, h = cv2.boundingRect((level.writing >= 0.5).astype(np.uint8))
        if w and abs(np.log(max(w, h) / BEST_SIZE)) < nearest:
            nearest = abs(np.log(max(w, h) / BEST_SIZE))
            best = (level.writing[y : y + h, x : x + w] * 255).astype(np.uint8)
    return best
