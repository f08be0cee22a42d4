"""Layout of displays: digits in even cells on a panel, as pumps, scales and meters show them."""

from dataclasses import dataclass

import cv2
import numpy as np

from shuzi.data.digits import CLASSES
from shuzi.page import MARKS
from shuzi.synth.canvas import Canvas
from shuzi.synth.distributions import Chance, Integers, LogUniform, OneOf, Uniform
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.hands import Hand, hand
from shuzi.synth.layouts import SQUARE
from shuzi.synth.numbers import Style
from shuzi.synth.paper import smooth_noise
from shuzi.synth.words import write_word


@dataclass(frozen=True)
class Panel:
    """How displays look. "Share" is of the digits' height; all else in pixels."""

    height: LogUniform = LogUniform(14, 56)
    segments: Chance = Chance(0.8)  # else the digits of a font
    digits: Integers = Integers(2, 8)
    point: Chance = Chance(0.6)
    decimals: Integers = Integers(1, 4)
    cell: Uniform = Uniform(0.6, 1.1)  # share: from one digit's middle to the next one's
    start: Uniform = Uniform(-0.5, 2.5)  # share
    off_middle: Uniform = Uniform(-0.3, 0.3)  # of the room above and below
    beside: Uniform = Uniform(0.1, 1.5)  # share: the panel reaches so far beyond its number
    above: Uniform = Uniform(0.08, 0.6)  # share
    lit: Chance = Chance(0.3)  # digits brighter than their panel
    bare: Uniform = Uniform(0, 0.9)  # darkness of a panel with dark digits
    dark: Uniform = Uniform(0.4, 1)  # of one with bright digits
    depth: LogUniform = LogUniform(0.25, 1)  # how far the digits' tone lies from the panel's
    reflections: Uniform = Uniform(0, 0.2)
    reflection_knots: Uniform = Uniform(15, 60)
    panes: Integers = Integers(0, 3)  # reflections with straight edges
    pane_tone: Uniform = Uniform(-0.25, 0.25)
    pane_lean: Uniform = Uniform(-0.3, 0.3)  # of the panel's height
    whole_pane: Chance = Chance(0.5)  # as high as the panel
    shadow: Chance = Chance(0.3)  # of the digits on the panel behind them
    shadow_offset: Uniform = Uniform(-0.15, 0.15)  # share
    shadow_depth: Uniform = Uniform(0.1, 0.5)  # of the digits' own
    sides: Integers = Integers(0, 3)  # upright lines at either end: the panel lies deep in its housing
    side_place: Uniform = Uniform(0, 0.6)  # share: from the panel's edge
    side_width: LogUniform = LogUniform(0.02, 0.15)  # share
    side_tone: Uniform = Uniform(-0.4, 0.4)
    rim: OneOf = OneOf(0, 1, 2, 4)
    named: Chance = Chance(0.5)  # a word below the panel
    word_height: Uniform = Uniform(0.3, 0.7)  # share


PANEL = Panel()
Corners = tuple[tuple[int, int], tuple[int, int]]
"""Left and top, right and bottom of a panel, in pixels."""


def display(glyphs: Glyphs, g: np.random.Generator, shape: tuple[int, int] = SQUARE) -> Canvas:
    """Draw a display with one number, and a word below some."""
    s, canvas = PANEL, Canvas(*shape)
    height = s.height.draw(g)
    by = hand(g, "segments" if s.segments.draw(g) else "font")
    cell, start = s.cell.draw(g) * height, s.start.draw(g) * height
    y = canvas.height / 2 + s.off_middle.draw(g) * (canvas.height - height)
    count = _show(canvas, glyphs, start, y, cell, height, by, g)
    left = start - cell / 2 - s.beside.draw(g) * height
    right = start + (count - 0.5) * cell + s.beside.draw(g) * height
    bottom = y + height / 2 + s.above.draw(g) * height
    top = y - height / 2 - s.above.draw(g) * height
    corners = (round(left), round(top)), (round(right), round(bottom))
    panel = np.zeros(shape, np.uint8)
    cv2.rectangle(panel, *corners, 1, cv2.FILLED)
    canvas.cover = np.where(panel == 1, _tone(canvas.cover, corners, height, g), 0).astype(np.float32)
    rim = int(s.rim.draw(g))
    if rim:
        cv2.rectangle(canvas.cover, *corners, 1.0, rim)
    if s.named.draw(g):
        word = Style(height * s.word_height.draw(g), hand(g, "font"), 1.0)
        write_word(canvas, glyphs, start, bottom + height * s.word_height.high, word, g)
    return canvas


def _tone(digits: np.ndarray, corners: Corners, height: float, g: np.random.Generator) -> np.ndarray:
    """Draw a panel with digits' ink on it: its darkness, float32 (H, W), 0..1. height: of the digits, in pixels."""
    s, shape = PANEL, digits.shape
    glare = smooth_noise(shape, s.reflection_knots.draw(g), g) * s.reflections.draw(g)
    glare = glare + _panes(corners, shape, g)
    if s.shadow.draw(g):
        across, down = (s.shadow_offset.draw(g) * height for _ in range(2))
        shadow = cv2.warpAffine(digits, np.array([[1, 0, across], [0, 1, down]]), shape[::-1])
        digits = np.maximum(digits, shadow * s.shadow_depth.draw(g))
    if s.lit.draw(g):
        tone = np.clip(s.dark.draw(g) + glare, 0, 1) * (1 - s.depth.draw(g) * digits)
    else:
        tone = np.clip(s.bare.draw(g) + glare, 0, 1)
        tone = tone + (1 - tone) * s.depth.draw(g) * digits
    return np.asarray(np.clip(tone + _sides(corners, shape, height, g), 0, 1))


def _panes(corners: Corners, shape: tuple[int, int], g: np.random.Generator) -> np.ndarray:
    """Draw reflections with straight edges on a panel: changes of its tone, float32 (H, W)."""
    (left, top), (right, bottom) = corners
    tone = np.zeros(shape, np.float32)
    for _ in range(PANEL.panes.draw(g)):
        lean = np.array([[PANEL.pane_lean.draw(g)], [PANEL.pane_lean.draw(g)]]) * (bottom - top)
        x = np.sort(g.uniform(left, right, 2)) + lean
        whole = PANEL.whole_pane.draw(g)
        y = np.array([top, bottom]) if whole else np.sort(g.uniform(top, bottom, 2))
        pane = np.array([(x[0, 0], y[0]), (x[0, 1], y[0]), (x[1, 1], y[1]), (x[1, 0], y[1])])
        cv2.fillPoly(tone, [np.round(pane).astype(np.int32)], PANEL.pane_tone.draw(g))
    return tone


def _sides(corners: Corners, shape: tuple[int, int], height: float, g: np.random.Generator) -> np.ndarray:
    """Draw the upright lines at a panel's ends: changes of its tone, float32 (H, W)."""
    (left, top), (right, bottom) = corners
    tone = np.zeros(shape, np.float32)
    for edge, inwards in ((left, 1), (right, -1)):
        for _ in range(PANEL.sides.draw(g)):
            x = round(edge + inwards * PANEL.side_place.draw(g) * height)
            width = max(1, round(PANEL.side_width.draw(g) * height))
            cv2.line(tone, (x, top), (x, bottom), PANEL.side_tone.draw(g), width)
    return tone


def _show(
    canvas: Canvas, glyphs: Glyphs, x: float, y: float, cell: float, height: float, by: Hand, g: np.random.Generator
) -> int:
    """Show a number, and return of how many digits. x, y: the first one's middle; cell: its width; all in pixels."""
    count = PANEL.digits.draw(g)
    point = count - PANEL.decimals.draw(g) if PANEL.point.draw(g) else 0
    previous = None
    for at, digit in enumerate(g.integers(0, 10, count).tolist()):
        if at == point and at:
            ink, low = glyphs.mark(".", height, by, g)
            canvas.put(ink, x + (at - 0.5) * cell, y + low, 1.0, CLASSES + MARKS.index("."), height)
        ink = glyphs.digit(digit, height, by, g)
        previous = canvas.follow(previous, canvas.put(ink, x + at * cell, y, 1.0, digit, height))
    return count
