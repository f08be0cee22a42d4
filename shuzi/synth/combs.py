"""Layout of combs: rows of boxes, or of teeth on a line, for a digit each, as forms have them."""

import numpy as np

from shuzi.synth.canvas import Canvas
from shuzi.synth.distributions import settings
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.hands import hand
from shuzi.synth.layouts import STRIP
from shuzi.synth.numbers import Style, Writer

COMB = settings("comb")


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
