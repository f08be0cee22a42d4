"""Proposals to numbers and lines: the likeliest set of digits, which of them belong together, and in what order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shuzi.read.find import Proposal

LIKELIER = 0.5  # a proposal is taken for a digit if it is likelier one than none
REACH = 0.6  # of a digit's size: how far from where the network expects it the next digit of a number may be
LEVEL = 0.6  # of the lower one's height: how far two neighbours of one line may stand apart, up or down
NEAR = 6.0  # heights: neighbours within tell how a page's lines slope


@dataclass(frozen=True, eq=False)
class Found:
    """Digits that stand together, from left to right, with the marks among them, and their line, 0 the topmost."""

    digits: tuple[Proposal, ...]
    marks: tuple[Proposal, ...]
    line: int


def numbers(proposals: list[Proposal]) -> list[Found]:
    """The numbers of a page in reading order."""
    digits = [p for p in proposals if not p.mark and p.chance >= LIKELIER]
    marks = [p for p in proposals if p.mark and p.chance >= LIKELIER]
    chains = chained(digits)
    beside = attached(chains, marks)
    found = []
    for number, line in enumerate(lines(chains)):
        for i in line:
            found.append(Found(tuple(chains[i]), tuple(beside[i]), number))
    return found


def chained(digits: list[Proposal]) -> list[list[Proposal]]:
    """Digits as numbers: each followed by the one that stands where the network expects its next."""
    if not digits:
        return []
    middles = np.array([d.middle for d in digits])
    pairs = []
    for i, digit in enumerate(digits):
        if digit.link < LIKELIER:
            continue
        expected = digit.middle + digit.ahead * digit.size
        away = np.linalg.norm(middles - expected, axis=1) / digit.size
        away[i] = np.inf
        j = int(away.argmin())
        if away[j] < REACH and middles[j][0] > middles[i][0]:
            pairs.append((float(away[j]), i, j))
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
    for mark in marks:
        best, nearest = 1.2, None  # heights
        for i, chain in enumerate(chains):
            for digit in chain:
                away = np.abs(mark.middle - digit.middle) - digit.box[2:] / 2
                far = max(float(away[0]), float(away[1]) - 0.4 * digit.size, 0.0) / digit.size
                if far < best:
                    best, nearest = far, i
        if nearest is not None:
            beside[nearest].append(mark)
    return beside


def slope(chains: list[list[Proposal]]) -> float:
    """How lines rise or fall, as the tangent of their angle: the median over neighbours."""
    steps = [b.middle - a.middle for chain in chains for a, b in zip(chain, chain[1:], strict=False)]
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
        for j in np.flatnonzero(first[:, 0] > last[i, 0]):
            apart = abs(starts[j] - ends[i]) / min(heights[i], heights[j])
            if apart < LEVEL:
                pairs.append((float(first[j, 0] - last[i, 0]), i, int(j)))
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
