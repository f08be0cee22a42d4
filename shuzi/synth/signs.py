"""Signs of real writers: digits, letters and marks, each as a writer wrote it, and where it stands on a line."""

from dataclasses import dataclass

import numpy as np

from shuzi.data.pens import LEAST_DIGITS, Pens
from shuzi.data.unipen import STROKE, X_HEIGHT
from shuzi.synth.distributions import Normal
from shuzi.synth.hands import Hand
from shuzi.synth.ink import draw_strokes

ALIKE = 8  # writers of the nearest slant, who lend a sign that a writer lacks
LIKE_DIGITS = "0123456789OoDIlJi|/\\!()[]{}ZzSsBbGgqQyY?'`,.:;-_+%"  # what alone may be a digit or a mark
RAISED, MIDDLE, HANGING = "'\"^`*", "+-=~<>_", "gpqyj"


@dataclass(frozen=True)
class Signs:
    """How a writer's signs vary. Lengths are shares of the height of the writer's digits."""

    widened: Normal = Normal(0, 0.08)  # logarithm of width to height, against the writer's
    leaned: Normal = Normal(0, 0.04)
    wobble: Normal = Normal(0, 0.03)  # of where a sign stands
    thin: float = 0.06  # no pen of marks is thinner, as a share of the digits' height


SIGNS = Signs()
# The least and the most of a sign's larger side, as shares of the height of digits.
DIGIT_LIMITS, SIGN_LIMITS = (0.65, 1.45), (0.25, 1.5)
LIMITS = {".": (0.03, 0.16), ",": (0.1, 0.7), "-": (0.15, 0.9), ":": (0.2, 0.9), "'": (0.1, 0.45), '"': (0.15, 0.5)}


class Writers:
    """Draws signs as real writers wrote them."""

    def __init__(self, pens: Pens) -> None:
        self.pens = pens
        self.hands = np.array([w for w, own in enumerate(pens.written) if sum(map(str.isdigit, own)) >= LEAST_DIGITS])
        counts = np.array([sum(len(own[d]) for d in own if d.isdigit()) for own in pens.written])
        weights = np.cumsum(np.sqrt(counts[self.hands]))  # of the uneven counts: one over the root of each
        self.shares = weights / weights[-1]
        labels = sorted({label for own in pens.written for label in own})
        self.having = {label: np.array([w for w, own in enumerate(pens.written) if label in own]) for label in labels}
        self.letters = [label for label in labels if ord(label) < STROKE and label not in LIKE_DIGITS]
        self.foreign = [label for label in labels if ord(label) >= STROKE] or self.letters

    def writer(self, label: str, by: Hand) -> int:
        """Return whose sign a hand writes: its own writer's, or where that one lacks it somebody's of similar slant."""
        own = int(self.hands[np.searchsorted(self.shares, by.writer, "right")])
        if label in self.pens.written[own]:
            return own
        others = self.having[label]
        away = np.abs(self.pens.slants[others] - self.pens.slants[own])
        alike = np.argsort(away, kind="stable")[:ALIKE]
        return int(others[alike[int(by.writer * 1e6) % len(alike)]])

    def draw(self, label: str, height: float, by: Hand, g: np.random.Generator) -> tuple[np.ndarray | None, float]:
        """Draw a sign's ink for digits of a height; return it, and how far its middle lies below theirs, in pixels.

        None where nobody wrote such a sign.
        """
        if label not in self.having:
            return None, 0.0
        own = self.pens.written[self.writer(label, by)][label]
        index = int(own[g.integers(len(own))])
        change = np.array([[np.exp(SIGNS.widened.draw(g)), -SIGNS.leaned.draw(g)], [0, 1]])
        if label == "1":
            change[0, 1] -= by.one
        strokes = [stroke @ change.T for stroke in self.pens.glyph(index)]
        larger = float(np.ptp(np.concatenate(strokes), axis=0).max())
        limits = LIMITS.get(label, DIGIT_LIMITS if label.isdigit() else SIGN_LIMITS)
        size = float(np.clip(self.pens.sizes[index], *limits))
        strokes = [stroke * (size / max(larger, 1e-6)) for stroke in strokes]  # in shares of the digits' height
        every = np.concatenate(strokes)
        low = _low(label, float(np.ptp(every[:, 1]))) + SIGNS.wobble.draw(g)
        width, tall = np.ptp(every @ by.matrix.T, axis=0).tolist()
        ink = draw_strokes(strokes, max(max(tall, 0.8 * width) * height, 1.0), by, g, max(by.pen, SIGNS.thin) * height)
        return ink, low * height


def _low(label: str, height: float) -> float:
    """How far a sign's middle stands below the middle of digits, in shares of their height, as its own height is."""
    if label in RAISED:
        return -0.5 + height / 2
    if label in MIDDLE:
        return 0.05
    if label in HANGING:
        return height / 2 - (X_HEIGHT - 0.5)
    on_the_line = 0.5 - height / 2
    return {",": 0.48, ";": 0.25, ":": 0.45 - height / 2}.get(label, on_the_line)
