"""Which of a number's possible digits and marks stand: by what was seen, and by how usual the format is they make."""

from __future__ import annotations

import functools
import heapq
import json
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from shuzi.page import MARKS
from shuzi.read.proposals import MIN_DIGIT_CHANCE, Proposal

SHIPPED_FORMATS = Path(__file__).parent / "weights" / "formats.json"
DIGIT, NOTHING = "0", " "  # what a part may be besides a mark
USUAL = 0.5  # of numbers have a usual format, so few that what is clearly seen counts; the others' marks stand anywhere
MIN_SHARE = 0.02  # of a kind in its place: what is less likely is not considered
# Factor and power that turn an unlikely mark's odds into those that it is one. In 600 numbers of real writers 0.5, 4
# and 20 % of the points with a chance of 0.05 to 0.1, 0.1 to 0.2 and 0.2 to 0.3 were true.
UNLIKELY_MARK = (1.9, 2.0)
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

    def lift(self, text: str) -> float:
        """Return how many times as likely a format is as if marks stood anywhere, as often as they do on the whole."""
        if text not in self.counts:
            return 1 - USUAL
        digits, signs = text.count(DIGIT), text.replace(DIGIT, "")
        anywhere = (1 - sum(self.rates.values())) ** (digits + 1 - len(signs))
        anywhere *= np.prod([self.rates[sign] for sign in signs])
        return float(USUAL * self.counts[text] / (self.lengths[digits] * anywhere) + 1 - USUAL)


@functools.cache
def shipped_formats() -> Formats:
    """Return the formats of numbers as the scenes have them, which `shuzi.train.shipped` counts."""
    return Formats(json.loads(SHIPPED_FORMATS.read_text()))


def settle_parts(
    digits: list[Proposal], marks: list[Proposal], joints: Collection[Proposal] = ()
) -> tuple[tuple[Proposal, ...], tuple[Proposal, ...], float]:
    """Decide which parts of a number are digits, which are marks, and which are nothing, as is most probable together.

    Args:
        digits: from left to right; the likeliest of them is one.
        marks: likely and unlikely ones.
        joints: those of them that join the digits on both sides, so that they aren't nothing.

    Returns:
        Its digits, its marks, and the probability, 0..1, of this decision. The marks' `shares` are the probabilities of
        what they may be, by all parts together.
    """
    parts = sorted([*digits, *marks], key=lambda part: float(part.middle[0])) if marks else digits
    surest = max(digits, key=lambda digit: digit.chance)
    options = [{DIGIT: 1.0} if part is surest else _options(part, part in joints) for part in parts]
    if not marks and all(len(each) == 1 for each in options):
        return tuple(digits), (), 1.0
    beam = [(0.0, "")]
    for choices in options:
        longer = ((log + float(np.log(p)), text + sign) for log, text in beam for sign, p in choices.items())
        beam = heapq.nlargest(BEAM, longer)
    logs = np.array([log + np.log(shipped_formats().lift(text.replace(NOTHING, ""))) for log, text in beam])
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    best = beam[int(weights.argmax())][1]
    settled: tuple[list[Proposal], list[Proposal]] = [], []
    for i, part in enumerate(parts):
        marginals = np.array([weights[[text[i] == sign for _, text in beam]].sum() for sign in (DIGIT, *MARKS)])
        if best[i] in MARKS:
            settled[1].append(_as_mark(part, best[i], marginals))
        elif best[i] == DIGIT:
            settled[0].append(replace(part.digit, chance=float(marginals[0])) if part.mark and part.digit else part)
    return tuple(settled[0]), tuple(settled[1]), float(weights.max())


def _as_mark(part: Proposal, sign: str, marginals: np.ndarray) -> Proposal:
    """Return a part as a mark. marginals: float64 (9,), the probabilities that it is a digit, and each of MARKS."""
    signs = marginals[1:]
    return replace(
        part, mark=sign, chance=float(signs.sum()), classes=signs / signs.sum(), shares=np.append(marginals, 0.0),
        digit=part.digit if part.mark else part,
    )  # fmt: skip


def _options(part: Proposal, joint: bool) -> dict[str, float]:
    """Return what a part may be, each with its probability by what was seen there alone. joint: it isn't nothing."""
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
    return {sign: p for sign, p in options.items() if p >= MIN_SHARE}
