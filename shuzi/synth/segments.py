"""Digits of seven segments, as displays and pumps show them."""

from dataclasses import dataclass

import cv2
import numpy as np

from shuzi.synth.distributions import Chance, Uniform
from shuzi.synth.raster import SUBPIXEL, fixed_point, rescale

# Segments a to g, from the top clockwise, the middle one last; of 6, 7 and 9 there are two forms.
LIT = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")
OTHER_FORMS = {6: "fgedc", 7: "fabc", 9: "abfgc"}
HEIGHT = 48  # pixels of a digit as it is drawn


@dataclass(frozen=True)
class Display:
    """How displays differ. Lengths are shares of a digit's height."""

    width: Uniform = Uniform(0.42, 0.64)
    thick: Uniform = Uniform(0.07, 0.2)
    gap: Uniform = Uniform(0.0, 0.03)
    square: Chance = Chance(0.3)  # ends of segments; else they are pointed
    other_form: Chance = Chance(0.3)
    ghost: Chance = Chance(0.3)  # unlit segments can be seen
    ghostly: Uniform = Uniform(0.03, 0.15)


DISPLAY = Display()


def draw_segments(digit: int, height: float, slant: float, habit: float) -> np.ndarray:
    """Draw a digit, float32 (h, w), 0..1, in a cell as wide as every digit's. habit: 0..1, decides the display."""
    s, g = DISPLAY, np.random.default_rng(int(habit * 2**32))
    width, thick, gap = s.width.draw(g) * HEIGHT, s.thick.draw(g) * HEIGHT, s.gap.draw(g) * HEIGHT
    square, other, ghost = s.square.draw(g), s.other_form.draw(g), s.ghostly.draw(g) * s.ghost.draw(g)
    lit = OTHER_FORMS[digit] if other and digit in OTHER_FORMS else LIT[digit]
    left, right, top, middle, bottom = thick / 2, width - thick / 2, thick / 2, HEIGHT / 2, HEIGHT - thick / 2
    ends = {
        "a": ((left, top), (right, top)),
        "b": ((right, top), (right, middle)),
        "c": ((right, middle), (right, bottom)),
        "d": ((left, bottom), (right, bottom)),
        "e": ((left, middle), (left, bottom)),
        "f": ((left, top), (left, middle)),
        "g": ((left, middle), (right, middle)),
    }
    lean = max(slant, 0) * HEIGHT
    canvas = np.zeros((HEIGHT + 2, int(width + lean) + 3), np.float32)
    for name, (start, end) in ends.items():
        shape = _segment(np.array(start), np.array(end), thick, gap, square)
        shape[:, 0] += (HEIGHT - shape[:, 1]) * max(slant, 0)
        layer = np.zeros_like(canvas)
        cv2.fillPoly(layer, [fixed_point(shape + 1)], 1.0 if name in lit else ghost, cv2.LINE_AA, SUBPIXEL)
        np.maximum(canvas, layer, out=canvas)
    return rescale(canvas, height / HEIGHT)


def _segment(start: np.ndarray, end: np.ndarray, thick: float, gap: float, square: bool) -> np.ndarray:
    """Return the outline of a segment (P, 2) in pixels."""
    along = (end - start) / np.hypot(*(end - start))
    across = np.array([-along[1], along[0]]) * thick / 2
    a, b = start + along * gap, end - along * gap
    if square:
        return np.array([a - across, b - across, b + across, a + across])
    inset = along * thick / 2
    return np.array([a, a + inset - across, b - inset - across, b, b - inset + across, a + inset + across])
