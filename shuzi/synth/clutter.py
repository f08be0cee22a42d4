"""What stands on paper beside writing: rules, frames, squares, scribbles, what was crossed out."""

import numpy as np

from shuzi.synth.canvas import Canvas
from shuzi.synth.distributions import settings
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.ink import draw_skeleton
from shuzi.synth.numbers import Style
from shuzi.synth.skeletons import sign_skeletons

CLUTTER = settings("clutter")


def rule_squares(canvas: Canvas, height: float, g: np.random.Generator) -> None:
    """Rule squares as strong as a table's lines, across which numbers run. height: of the digits, in pixels."""
    step, turn = height * CLUTTER.grid_step.draw(g), CLUTTER.grid_turn.draw(g)
    width, strength = CLUTTER.grid_width.draw(g), CLUTTER.grid_strength.draw(g)
    far = canvas.width + canvas.height
    for at in np.arange(g.uniform(-step, 0), far, step):
        canvas.line((at, -5), (at - turn * far, far), width, strength)
        canvas.line((-5, at), (far, at + turn * far), width, strength)


def rule_frame(canvas: Canvas, g: np.random.Generator) -> None:
    """Rule a printed frame near the edges, some sides of which may be missing."""
    s = CLUTTER
    left, top = s.frame_start.draw(g), s.frame_top.draw(g)
    right, bottom = canvas.width - s.frame_start.draw(g), canvas.height - s.frame_top.draw(g)
    width, strength = s.frame_width.draw(g), s.frame_strength.draw(g)
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    for start, end in zip(corners, (*corners[1:], corners[0]), strict=True):
        if s.frame_side.draw(g):
            canvas.line(start, end, width, strength)


def scrawl(canvas: Canvas, glyphs: Glyphs, x: float, y: float, style: Style, g: np.random.Generator) -> float:
    """Draw a letter, a scribble, a sign or something crossed out; return where it ends, in pixels."""
    s, height, by = CLUTTER, style.height, style.by
    kind = g.integers(4)
    if kind == 0:
        ink = glyphs.letter(height * s.letter.draw(g), by, g)
    elif kind == 1:
        steps = g.normal(0, s.scribble_step, (s.scribble_points.draw(g), 2))
        points = np.clip(np.cumsum(steps, 0) % 200 - 100, -100, 100)
        skeleton = " ".join(f"{a:.0f},{b:.0f}" for a, b in points)
        ink = draw_skeleton(skeleton, height * s.scribble.draw(g), by, g, s.squeeze)
    elif kind == 2:
        ink = draw_skeleton(str(g.choice(sign_skeletons("clutter"))), height, by, g, s.squeeze)
    else:
        return _cross_out(canvas, glyphs, x, y, style, g)
    if ink is None:
        return x
    canvas.put(ink, x + ink.shape[1] / 2, y, style.strength)
    return x + ink.shape[1]


def _cross_out(canvas: Canvas, glyphs: Glyphs, x: float, y: float, style: Style, g: np.random.Generator) -> float:
    """Write a digit or two and cross them out, so that there is none; return where they end."""
    s, height, start = CLUTTER, style.height, x
    for _ in range(s.crossed_digits.draw(g)):
        digit = glyphs.digit(int(g.integers(10)), height, style.by, g)
        if digit is not None:
            canvas.put(digit, x + digit.shape[1] / 2, y, style.strength)
            x += digit.shape[1]
    beyond = s.crossing_beyond * height
    for _ in range(s.crossing_lines.draw(g)):
        left, right = (s.crossing.draw(g) * height + y for _ in range(2))
        canvas.line((start - beyond, left), (x + beyond, right), style.by.pen * height, style.strength)
    return x
