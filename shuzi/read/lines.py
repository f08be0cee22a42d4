"""Numbers to lines: how the writing on a page rises or falls, and which numbers stand on one line."""

from collections.abc import Iterable
from itertools import pairwise
from statistics import median

import numpy as np

from shuzi.read.proposals import Proposal

# Of the lower one's height: how far apart, up or down, two neighbours of one line may stand.
LINE_OFFSET = 0.6
# The same for numbers of one line, where a page is bent or its lines aren't parallel; and how much more a step up or
# down counts than one across. Of rows of bent grids with 1.5 to 2.4 heights from line to line 84 % were whole with 0.6
# and 97 % with 0.9; of ragged lines 1.25 heights apart and more, all with either.
ROW_OFFSET, RISE_WEIGHT = 0.9, 2.0
SLOPE_REACH = 6.0  # heights: neighbours so near show how a page's lines slope
SLOPES = np.linspace(-0.25, 0.25, 101)  # tangents of the angles at which lines may rise or fall
STRAY = 0.25  # heights: standard deviation of how far, up or down, neighbours stand from their line
LEVEL_PRIOR = 20  # in pairs of neighbours: a slope of 0.1 must have a fifth of one more than a level page

Chain = list[Proposal]
"""The digits of a number, from left to right."""


def chain_pairs(count: int, pairs: Iterable[tuple[float, int, int]]) -> list[list[int]]:
    """Chain 0..count-1 by pairs (distance, one, next), the nearest first; each has one next and is next of one."""
    after: dict[int, int] = {}
    before: dict[int, int] = {}
    for _, i, j in sorted(pairs):
        if i not in after and j not in before:
            after[i], before[j] = j, i
    chains = []
    for i in range(count):
        if i not in before:
            chain = [i]
            while chain[-1] in after:
                chain.append(after[chain[-1]])
            chains.append(chain)
    return chains


def line_slope(chains: list[Chain]) -> float:
    """Find how a page's lines rise or fall, as the tangent of their angle: the one that most neighbours agree with.

    Neighbours are digits of a number, and numbers, from middle to middle. A long step says more than a short one, so
    numbers that rise on level lines hardly count.
    """
    pairs = [(a, b) for chain in chains for a, b in pairwise(chain)]
    steps = [np.array([b.middle - a.middle for a, b in pairs]).reshape(-1, 2)]
    scales = [np.array([min(a.box[3], b.box[3]) for a, b in pairs])]
    first, last, middles = places(chains)
    heights = np.array([median(d.box[3] for d in chain) for chain in chains])
    for i, height in enumerate(heights):
        gap, step = first[:, 0] - last[i, 0], middles - middles[i]
        near = (gap > 0) & (gap < SLOPE_REACH * height)
        near &= np.abs(step[:, 1]) < SLOPES[-1] * step[:, 0] + 2 * STRAY * height
        steps.append(step[near])
        scales.append(np.minimum(heights[near], height))
    (across, down), scale = np.concatenate(steps).T, STRAY * np.concatenate(scales)
    off = (down - SLOPES[:, None] * across) / scale
    return float(SLOPES[(np.exp(-(off**2) / 2).sum(1) - LEVEL_PRIOR * SLOPES**2).argmax()])


def group_lines(chains: list[Chain]) -> list[list[int]]:
    """Group numbers into lines: indices of each line from left to right, the topmost line first."""
    if not chains:
        return []
    first, last, middles = places(chains)
    heights = np.array([max(d.box[3] for d in chain) for chain in chains])
    across, down = middles[:, 0], middles[:, 1] - line_slope(chains) * middles[:, 0]  # as if lines were level
    pairs = []
    for i in range(len(chains)):
        lower, higher = np.minimum(heights[i], heights), np.maximum(heights[i], heights)
        beside = first[:, 0] - last[i, 0] < higher  # as an exponent is
        rise = np.abs(down - down[i])
        level = rise < np.maximum(ROW_OFFSET * lower, LINE_OFFSET * higher * beside)
        for j in np.flatnonzero(level & (across > across[i])).tolist():
            pairs.append((float(across[j] - across[i] + RISE_WEIGHT * rise[j]), i, j))
    return sorted(chain_pairs(len(chains), pairs), key=lambda line: float(np.mean(down[line])))


def places(chains: list[Chain]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measure the middles of each number's first and last digit, and of all its digits: float64 (N, 2) each."""
    middles = [np.array([digit.middle for digit in chain]) for chain in chains]
    first, last = (np.array([each[end] for each in middles]) for end in (0, -1))
    return first, last, np.array([each.mean(0) for each in middles])


def gaps_around(chain: Chain, middles: np.ndarray) -> np.ndarray:
    """Find after how many digits of a number middles (N, 2) stand, level with those around: int (N,), 0 for none."""
    x, y = np.array([digit.middle for digit in chain]).T
    heights = np.array([digit.box[3] for digit in chain])
    after = x.searchsorted(middles[:, 0])
    right = np.minimum(after, len(chain) - 1)
    between = (after > 0) & (middles[:, 0] < x[right])
    away = np.abs(middles[:, 1] - np.interp(middles[:, 0], x, y))
    lower = np.minimum(heights[right - 1], heights[right])
    return np.where(between & (away < lower / 2), after, 0)
