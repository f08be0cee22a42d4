"""Glyphs: a digit, a letter or a mark as a hand writes it."""

from dataclasses import dataclass, replace

import numpy as np

from shuzi.data.digits import CLASSES, Digits
from shuzi.data.pens import Pens
from shuzi.synth.distributions import Chance, Normal, Uniform
from shuzi.synth.fonts import character, render_text
from shuzi.synth.hands import PRINTED, Hand
from shuzi.synth.ink import WORK, deform, draw_skeleton, rewrite
from shuzi.synth.raster import crop_to_ink, polyline, resize_to_height, shrink
from shuzi.synth.segments import draw_segments
from shuzi.synth.signs import Writers
from shuzi.synth.skeletons import currency_skeletons, digit_skeletons, sign_skeletons
from shuzi.synth.tables import table


@dataclass(frozen=True)
class Habits:
    """How closely hands keep to their own ways."""

    schooled: Chance = Chance(0.75)  # a hand that draws, or of a steel pen, writes as its school does
    sometimes: Chance = Chance(0.5)  # the same of others
    seldom: Chance = Chance(0.1)  # the same of real writers
    real: Chance = Chance(0.75)  # a letter that stands alone is a real writer's
    bars: Chance = Chance(0.3)  # a sign of any script is some bars
    own_mark: Chance = Chance(0.7)  # a real writer's mark is the writer's own
    drawn_currency: Chance = Chance(0.3)  # a sign of currency is a skeleton though real writers wrote it
    own_way: Chance = Chance(0.7)  # a digit is written in the hand's own way, else in any of its school


@dataclass(frozen=True)
class Marks:
    """Marks of handwriting. Lengths are shares of the digits' height; low: below the digits' middle."""

    thinnest: float = 0.06
    dot: Uniform = Uniform(0.6, 1.1)  # of the pen's width
    dot_least: float = 0.04
    dot_most: float = 0.13
    dot_length: Uniform = Uniform(0.7, 1.3)  # of the dot's radius
    dot_bend: Uniform = Uniform(-0.6, 0.6)
    dot_width: float = 1.6  # of the pen's width
    point_low: Normal = Normal(0.45, 0.05)
    colon_apart: float = 0.22
    colon_low: Normal = Normal(0.12, 0.05)
    comma: Uniform = Uniform(0.12, 0.3)
    comma_low: Normal = Normal(0.5, 0.05)
    dash: Uniform = Uniform(0.15, 0.42)
    dash_rise: Normal = Normal(0, 0.06)
    dash_bend: Normal = Normal(0, 0.03)
    dash_low: Normal = Normal(0.05, 0.12)
    slash: Uniform = Uniform(0.55, 0.8)
    slash_lean: Uniform = Uniform(0.25, 0.55)
    slash_low: Normal = Normal(0, 0.08)
    apostrophe: Uniform = Uniform(0.12, 0.28)
    apostrophe_low: Normal = Normal(-0.45, 0.06)
    plus: Uniform = Uniform(0.18, 0.38)
    percent: float = 0.75  # of a slash
    ring: Uniform = Uniform(0.15, 0.28)  # of half a slash


HABITS, MARK = Habits(), Marks()


class Glyphs:
    """Draws digits and other signs. written: the digits of other people to draw from; pens: those of real writers."""

    def __init__(self, written: Digits, pens: Pens | None = None) -> None:
        self.writers = None if pens is None else Writers(pens)
        self.images = written.images
        self.of = [np.flatnonzero(written.labels == digit) for digit in range(CLASSES)]

    def digit(self, digit: int, height: float, by: Hand, g: np.random.Generator) -> np.ndarray | None:
        """Draw a digit's ink, float32 (h, w), 0..1, about `height` pixels high."""
        if by.kind == "font" and by.font:
            return printed(str(digit), height, by)
        if by.kind == "segments":
            return draw_segments(digit, height, by.slant, by.writer)
        school = "usual"
        if by.school != "usual":
            drawn = by.kind == "strokes" or by.school == "old"
            keeps = HABITS.schooled if drawn else HABITS.seldom if by.kind == "pens" else HABITS.sometimes
            if keeps.draw(g) and str(digit) in table("skeletons")["digits"][by.school]:
                school = by.school
        if by.kind == "mnist" and school == "usual":
            return rewrite(self.images[g.choice(self.of[digit])], height, by, g)
        if by.kind == "pens" and school == "usual" and self.writers is not None:
            return self.writers.draw(str(digit), height, by, g)[0]
        if digit == 1 and by.one:
            by = replace(by, slant=by.slant + by.one)
        skeletons, odds = digit_skeletons(digit, school)
        own = int(np.searchsorted(np.cumsum(odds), by.habit[digit], side="right"))
        chosen = min(own, len(odds) - 1) if HABITS.own_way.draw(g) else int(g.choice(len(odds), p=odds))
        return draw_skeleton(skeletons[chosen], height, by, g)

    def letter(self, height: float, by: Hand, g: np.random.Generator) -> np.ndarray | None:
        """Draw a letter or sign that nobody takes for a digit, likewise."""
        if self.writers is not None and HABITS.real.draw(g):
            label = self.writers.letters[g.integers(len(self.writers.letters))]
            return resize_to_height(self.writers.draw(label, height, by, g)[0], height)
        signs = sign_skeletons()
        return draw_skeleton(signs[g.integers(len(signs))], height, by, g, 0.6)

    def foreign(self, height: float, by: Hand, g: np.random.Generator) -> np.ndarray | None:
        """Draw a letter of any script, or bars, which may look like a digit, likewise."""
        if self.writers is not None and not HABITS.bars.draw(g):
            label = self.writers.foreign[g.integers(len(self.writers.foreign))]
            return resize_to_height(self.writers.draw(label, height, by, g)[0], height)
        return draw_skeleton(str(g.choice(sign_skeletons("bars"))), height, by, g, 0.6)

    def sign(self, label: str, height: float, by: Hand, g: np.random.Generator) -> tuple[np.ndarray | None, float]:
        """Draw any sign's ink for digits of a height; return it and how far its middle lies below theirs, in pixels."""
        if by.kind in PRINTED and by.font:
            return _printed_sign(label, height, by)
        skeletons = currency_skeletons(label)
        unknown = self.writers is None or label not in self.writers.having
        if skeletons and (unknown or HABITS.drawn_currency.draw(g)):
            return draw_skeleton(skeletons[g.integers(len(skeletons))], height, by, g), 0.0
        return (None, 0.0) if self.writers is None else self.writers.draw(label, height, by, g)

    def mark(self, label: str, height: float, by: Hand, g: np.random.Generator) -> tuple[np.ndarray | None, float]:
        """Draw one of MARKS, likewise."""
        if by.kind == "pens" and self.writers is not None and HABITS.own_mark.draw(g):
            ink, low = self.writers.draw(label, height, by, g)
            if ink is not None:
                return ink, low
        return mark(label, height, by, g)


def printed(text: str, height: float, by: Hand) -> np.ndarray | None:
    """Draw a text's ink, of a height, in the font of a hand; None where the font doesn't have it."""
    ink = render_text(text, by.font)
    return None if ink is None else resize_to_height(deform(ink, by), height)


def _printed_sign(label: str, height: float, by: Hand) -> tuple[np.ndarray | None, float]:
    """Draw a sign in a font, on the line of its digits."""
    drawn = character(label, by.font)
    if drawn is None:
        return None, 0.0
    scale = height / drawn.digit
    low = (0.5 * drawn.digit - drawn.above + drawn.ink.shape[0] / 2) * scale
    larger = max(drawn.ink.shape[0], 0.8 * drawn.ink.shape[1])
    return resize_to_height(deform(drawn.ink, by), larger * scale), low


def mark(sign: str, height: float, by: Hand, g: np.random.Generator) -> tuple[np.ndarray | None, float]:
    """Draw a mark's ink for digits of a height; return it and how far its middle lies below theirs, in pixels."""
    if by.kind == "font" and by.font:
        return _printed_sign(sign, height, by)
    pen = max(by.pen, MARK.thinnest)
    points, low = _mark_strokes(sign, pen, by, g)
    times = max(1.0, WORK / height)
    scale = height * times
    every = np.concatenate(points)
    thick = max(1.0, (pen if sign not in ".:" else MARK.dot_width * pen) * scale)
    origin, margin = every.min(0), thick + 2
    canvas = np.zeros([int(v * scale + 2 * margin) + 1 for v in np.ptp(every, axis=0)[::-1]], np.uint8)
    for line in points:
        polyline(canvas, (line - origin) * scale + margin, thick)
    return crop_to_ink(shrink(canvas.astype(np.float32) / 255, times), 0.15), low * height


def _mark_strokes(sign: str, pen: float, by: Hand, g: np.random.Generator) -> tuple[list[np.ndarray], float]:
    """Draw a mark's strokes, (P, 2) each, and how low it stands, in shares of the digits' height."""
    s = MARK
    if sign in ".:":
        r = float(np.clip(pen * s.dot.draw(g), s.dot_least, s.dot_most))
        a, bend = r * s.dot_length.draw(g), s.dot_bend.draw(g) * r
        dot = np.array([[-a, -bend], [a, bend]])
        if sign == ".":
            return [dot], s.point_low.draw(g)
        apart = np.array([0, s.colon_apart])
        return [dot - apart, dot + apart], s.colon_low.draw(g)
    if sign == ",":
        down = s.comma.draw(g)
        comma = np.array([[0.25 * down, -down / 2], [0.2 * down, 0.1 * down], [-0.3 * down, down / 2]])
        return [comma], s.comma_low.draw(g)
    if sign == "-":
        half, rise = s.dash.draw(g), s.dash_rise.draw(g)
        return [np.array([[-half, rise], [0, s.dash_bend.draw(g)], [half, -rise]])], s.dash_low.draw(g)
    if sign == "'":
        down = s.apostrophe.draw(g)
        return [np.array([[0.15 * down, -down / 2], [-0.15 * down, down / 2]])], s.apostrophe_low.draw(g)
    if sign == "+":
        half, rise = s.plus.draw(g), s.dash_rise.draw(g)
        across = np.array([[-half, rise], [half, -rise]])
        return [across, across[:, ::-1]], s.dash_low.draw(g)
    half = s.slash.draw(g)
    lean = max(by.slant, 0) + s.slash_lean.draw(g)
    slash = np.array([[half * lean, -half], [-half * lean, half]])
    if sign == "%":
        slash *= s.percent
        circle = np.array([(np.cos(a), np.sin(a)) for a in np.linspace(0, 2 * np.pi, 12)])
        ring = half * s.ring.draw(g) * circle
        aside = half * s.percent * np.array([0.5, 0.55])
        return [slash, ring - aside, ring + aside], s.slash_low.draw(g)
    return [slash], s.slash_low.draw(g)
