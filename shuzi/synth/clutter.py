"""What stands on paper beside writing: rules, frames, squares, scribbles, what was crossed out."""

from dataclasses import dataclass

import numpy as np

from shuzi.synth.canvas import Canvas
from shuzi.synth.distributions import Chance, Integers, Normal, OneOf, Uniform
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.ink import draw_skeleton
from shuzi.synth.numbers import Style
from shuzi.synth.skeletons import sign_skeletons


@dataclass(frozen=True)
class Clutter:
    """How clutter looks. Lengths are pixels, or shares of the digits' height where they are named so."""

    grid_step: Uniform = Uniform(0.8, 3)  # share
    grid_turn: Normal = Normal(0, 0.02)
    grid_width: OneOf = OneOf(0.7, 1, 1.5, 2, 3)
    grid_strength: Uniform = Uniform(0.15, 0.8)
    frame_start: Uniform = Uniform(-6, 12)  # of its left and right sides, from the picture's edges
    frame_top: Uniform = Uniform(-6, 10)
    frame_width: OneOf = OneOf(0.7, 1, 2, 3)
    frame_strength: Uniform = Uniform(0.3, 1)
    frame_side: Chance = Chance(0.85)  # each side is there
    letter: Uniform = Uniform(0.7, 1.4)  # share
    scribble: Uniform = Uniform(0.8, 1.6)  # share
    scribble_points: Integers = Integers(9, 26)
    scribble_step: float = 25  # hundredths of the skeleton's box
    crossed_digits: Integers = Integers(1, 3)
    crossing_lines: Integers = Integers(2, 6)
    crossing: Uniform = Uniform(-0.5, 0.5)  # share, up or down at either end
    crossing_beyond: float = 0.1  # share
    squeeze: float = 0.3


CLUTTER = Clutter()


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
