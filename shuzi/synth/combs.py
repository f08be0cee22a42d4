"""Layout of combs: rows of boxes, or of teeth on a line, for a digit each, as forms have them."""

from dataclasses import dataclass

import numpy as np

from shuzi.synth.canvas import Canvas
from shuzi.synth.distributions import Integers, LogUniform, Mixture, Normal, OneOf, Uniform
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.hands import hand
from shuzi.synth.layouts import STRIP
from shuzi.synth.numbers import Style, Writer


@dataclass(frozen=True)
class Comb:
    """How combs look. "Share" is of a cell's height; lengths in pixels."""

    height: LogUniform = LogUniform(18, 60)
    width: Uniform = Uniform(0.55, 1.2)  # share
    cells: Integers = Integers(1, 17)
    left: Uniform = Uniform(-20, 60)
    off_middle: Normal = Normal(0, 4)
    turn: Normal = Normal(0, 0.015)  # radians
    kind: Mixture = Mixture(boxes=0.4, apart=0.2, teeth=0.4)
    gap: Uniform = Uniform(0.05, 0.3)  # share, between boxes that stand apart
    tooth: Uniform = Uniform(0.15, 0.7)  # share
    rule_width: OneOf = OneOf(0.7, 1, 1, 2, 3)
    rule_strength: Uniform = Uniform(0.2, 1)
    filled: Mixture = Mixture(all=0.5, left=0.2, right=0.15, none=0.15)
    digit: Uniform = Uniform(0.5, 0.95)  # share
    smallest: float = 12
    digit_width: float = 0.55  # of a digit's height
    off_cell: float = 0.08  # standard deviation, of a cell's width
    strength: Uniform = Uniform(0.6, 1)


COMB = Comb()


def comb(glyphs: Glyphs, g: np.random.Generator) -> Canvas:
    """Draw a comb of a form, filled with a number, a shorter one or none."""
    s, canvas = COMB, Canvas(*STRIP)
    height, cells = s.height.draw(g), s.cells.draw(g)
    width, turn = height * s.width.draw(g), s.turn.draw(g)
    gap = height * s.gap.draw(g) if (kind := s.kind.draw(g)) == "apart" else 0.0
    x, middle = s.left.draw(g), canvas.height / 2 + s.off_middle.draw(g)
    starts = x + (width + gap) * np.arange(cells)

    rule_width, rule_strength = s.rule_width.draw(g), s.rule_strength.draw(g)

    def rule(x0: float, y0: float, x1: float, y1: float) -> None:
        """Rule a line; y: from the comb's middle, before it is turned."""
        canvas.line((x0, middle + y0 + turn * x0), (x1, middle + y1 + turn * x1), rule_width, rule_strength)

    top = height / 2 - height * s.tooth.draw(g) if kind == "teeth" else -height / 2
    for start in starts:
        for edge in (start, start + width):
            rule(edge, top, edge, height / 2)
        for level in (height / 2,) if kind == "teeth" else (-height / 2, height / 2):
            rule(start, level, start + width, level)
    filled = s.filled.draw(g)
    count = cells if filled == "all" else 0 if filled == "none" else int(g.integers(1, cells + 1))
    digits = max(s.smallest, height * s.digit.draw(g))
    writer = Writer(canvas, glyphs, x, middle, Style(digits, hand(g, turn=turn), s.strength.draw(g)), g)
    for start in starts[cells - count :] if filled == "right" else starts[:count]:
        writer.x = start + (width - s.digit_width * digits) / 2 + g.normal(0, s.off_cell) * width
        writer.digit(str(g.integers(10)))
    return canvas
