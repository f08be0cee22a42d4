"""Which of a number's possible digits and marks stand: by what was seen, and by how usual the format is they make."""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from shuzi.page import MARKS, likeliest
from shuzi.read.proposals import MIN_DIGIT_CHANCE, Proposal

SHIPPED_FORMATS = Path(__file__).parent / "weights" / "formats.json"
DIGIT, NOTHING = "0", " "  # what a part may be besides a mark
USUAL = 0.5  # of numbers have a usual format, so few that what is clearly seen counts; the others' marks stand anywhere
MIN_SHARE = 0.02  # of a kind in its place: what is less likely is not considered
# Factor and power that turn an unlikely mark's odds into those that it is one. In 600 numbers of real writers 0.5, 4
# and 20 % of the points with a chance of 0.05 to 0.1, 0.1 to 0.2 and 0.2 to 0.3 were true.
UNLIKELY_MARK = (1.9, 2.0)
# Numbers of a page end alike: all but this share of them, and the usual endings weigh as much as so many others of the
# page. On pages of ten numbers by held-out writers, 74.1 % are right where all end alike (71.6 % if each is weighed by
# itself), 79.9 % where each has another format (80.1 %); of numbers with marks among many without 81.2 % (82.0 %).
INDEPENDENT, ALIKE = 0.3, 5.0
RARE = 0.01  # of numbers: a rarer ending counts as being so usual
Parts = tuple[list[Proposal], list[Proposal]]  # digits and marks
Settled = tuple[tuple[Proposal, ...], tuple[Proposal, ...], float]
BEAM = 64  # readings of a number's parts that are compared, the likeliest


class Formats:
    """How usual the formats of numbers are. A format is a number as written, with 0 for each digit: `0.000,00`.

    counts: how many of a sample of numbers have each.
    """

    def __init__(self, counts: dict[str, int]) -> None:
        self.counts, self.total = counts, sum(counts.values())
        self.lengths: Counter[int] = Counter()
        signs: Counter[str] = Counter()
        for text, count in counts.items():
            self.lengths[text.count(DIGIT)] += count
            for sign in text:
                signs[sign] += count
        places = signs.pop(DIGIT) + self.total  # before, between and after digits
        self.rates = {sign: count / places for sign, count in signs.items()}
        self.kinds = {end: i for i, end in enumerate(dict.fromkeys(map(ending, counts)))}
        self.usual = np.maximum(self.endings(counts) / self.total, RARE)

    def lift(self, text: str) -> float:
        """Return how many times as likely a format is as if marks stood anywhere, as often as they do on the whole."""
        text = text.replace(NOTHING, "")
        if text not in self.counts:
            return 1 - USUAL
        digits, signs = text.count(DIGIT), text.replace(DIGIT, "")
        anywhere = (1 - sum(self.rates.values())) ** (digits + 1 - len(signs))
        anywhere *= np.prod([self.rates[sign] for sign in signs])
        return float(USUAL * self.counts[text] / (self.lengths[digits] * anywhere) + 1 - USUAL)

    def endings(self, readings: Mapping[str, float]) -> np.ndarray:
        """Sum up the weights of readings by what they end in: float64 (K,), the last for endings unknown."""
        return np.bincount([*map(self.kind, readings)], [*readings.values()], len(self.kinds) + 1)

    def kind(self, text: str) -> int:
        """Return the place of a reading's ending in `usual`."""
        return self.kinds.get(ending(text), len(self.kinds))

    def weigh(self, readings: dict[str, float], others: np.ndarray) -> dict[str, float]:
        """Return the probability of each reading of a number, by its format and by what other numbers end in.

        readings: each with its probability by what was seen. others: float64 (K,), the page's other numbers by their
        endings. The shares of endings on a page have P. Dirichlet's distribution, for all numbers that are not
        independent of the page.
        """
        if len(readings) == 1:
            return dict.fromkeys(readings, 1.0)
        alike = (ALIKE + others / self.usual) / (ALIKE + others.sum())
        favour = INDEPENDENT + (1 - INDEPENDENT) * alike
        weights = {text: p * self.lift(text) * favour[self.kind(text)] for text, p in readings.items()}
        total = sum(weights.values())
        return {text: float(weight / total) for text, weight in weights.items()}


@functools.cache
def shipped_formats() -> Formats:
    """Return the formats of numbers as the scenes have them, which `shuzi.train.shipped` counts."""
    return Formats(json.loads(SHIPPED_FORMATS.read_text()))


def ending(text: str) -> str:
    """Return what a reading ends in: its last mark and the digits after it, unless that mark comes first."""
    match = re.search("(?<=.)[^0]0*$", text.replace(NOTHING, ""))
    return match[0] if match else ""


def settle_numbers(numbers: Iterable[Parts], joints: Collection[Proposal] = ()) -> list[Settled]:
    """Decide which parts of a page's numbers are digits, which are marks, and which are nothing, as is most probable.

    Args:
        numbers: of each its digits, from left to right, the likeliest of which is one; its marks, unlikely ones too.
        joints: those marks that join the digits on both sides, so that they aren't nothing.

    Returns:
        Of each its digits, its marks, and the probability, 0..1, of this decision. The marks' `shares` are the
        probabilities of what they may be, by all parts together.
    """
    formats = shipped_formats()
    parts = [sorted([*digits, *marks], key=lambda part: float(part.middle[0])) for digits, marks in numbers]
    seen = [_readings(each, joints) for each in parts]
    endings = np.array([formats.endings(formats.weigh(each, np.zeros_like(formats.usual))) for each in seen])
    others = endings.sum(0) - endings
    return [_settled(*each) for each in zip(parts, map(formats.weigh, seen, others), strict=True)]


def _readings(parts: list[Proposal], joints: Collection[Proposal]) -> dict[str, float]:
    """Return what the parts of a number may be, a sign for each, and how probable that is by what was seen."""
    surest = max((part for part in parts if not part.mark), key=lambda digit: digit.chance)
    places = [{DIGIT: 1.0} if part is surest else _options(part, part in joints) for part in parts]
    return dict(likeliest(places, BEAM))


def _settled(parts: list[Proposal], readings: dict[str, float]) -> Settled:
    """Settle parts as the likeliest of their readings has them."""
    best = max(readings, key=readings.__getitem__)
    digits, marks = [], []
    for i, (part, sign) in enumerate(zip(parts, best, strict=True)):
        shares = [sum(p for text, p in readings.items() if text[i] == each) for each in (DIGIT, *MARKS)]
        if sign in MARKS:
            marks.append(_as_mark(part, sign, np.array(shares)))
        elif sign == DIGIT:
            digits.append(replace(part.digit, chance=shares[0]) if part.digit and part.mark else part)
    return tuple(digits), tuple(marks), readings[best]


def _as_mark(part: Proposal, sign: str, marginals: np.ndarray) -> Proposal:
    """Return a part as a mark. marginals: float64 (9,), the probabilities that it is a digit, and each of MARKS."""
    signs = marginals[1:]
    return replace(
        part, mark=sign, chance=float(signs.sum()), classes=signs / signs.sum(), shares=np.append(marginals, 0.0),
        digit=part.digit if part.mark else part,
    )  # fmt: skip


def _options(part: Proposal, joint: bool) -> dict[str, float]:
    """Return what a part may be, with its odds to the likeliest, by what was seen there. joint: it isn't nothing."""
    if part.mark:
        chance = part.chance
        if chance < MIN_DIGIT_CHANCE:
            odds = UNLIKELY_MARK[0] * (chance / (1 - chance)) ** UNLIKELY_MARK[1]
            chance = odds / (1 + odds)
        signs = chance * part.classes
        digit = float(part.shares[0]) if part.digit is not None else 0.0
        options = {NOTHING: 0.0 if joint else max(1 - chance - digit, MIN_SHARE), DIGIT: digit}
    else:
        signs, options = part.shares[1:-1], {DIGIT: part.chance}
        if signs.max() < MIN_SHARE:
            return {DIGIT: 1.0}
    options |= dict(zip(MARKS, signs.tolist(), strict=True))
    most = max(options.values())
    return {sign: p / most for sign, p in options.items() if p >= MIN_SHARE}
