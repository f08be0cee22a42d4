"""Skeletons of glyphs: strokes as points, moved about as each new hand would place them.

`tables/skeletons.toml` holds them and explains their notation.
"""

import functools
import itertools
from dataclasses import dataclass

import cv2
import numpy as np

from shuzi.synth.distributions import Chance, Integers, Normal, Uniform
from shuzi.synth.raster import rotation
from shuzi.synth.tables import table

STEPS = 10  # points between two control points


@dataclass(frozen=True)
class Jitter:
    """How far a drawing departs from its skeleton. Lengths are shares of the skeleton's box."""

    waves: int = 5  # of the smooth field that bends the whole glyph
    wave_number: Uniform = Uniform(1, 5)  # radians to a box
    bend: Uniform = Uniform(0.0, 0.055)  # amplitude of a wave
    aspect: Normal = Normal(-0.25, 0.28)  # log(width / height): most people write narrower than the box
    slant: Normal = Normal(0.05, 0.16)  # widths to a height
    usual_turn: Chance = Chance(0.85)
    turn: Normal = Normal(0, 7)  # degrees
    far_turn: Uniform = Uniform(-22, 22)
    steady: Chance = Chance(0.6)
    tremble: Normal = Normal(0, 0.006)
    strong_tremble: Uniform = Uniform(0.005, 0.022)
    tremble_sigma: float = 1.5  # points over which trembling is smoothed
    tremble_points: int = 8  # a stroke with more points trembles
    angular: Chance = Chance(0.12)  # curves become straight pieces
    piece: Integers = Integers(5, 12)  # points of such a piece
    loose: Uniform = Uniform(0, 0.045)  # each stroke is moved by itself: joints that miss
    cut: Chance = Chance(0.12)  # the pen touches late or leaves early
    cut_points: int = 20  # strokes with more points may be cut
    cut_share: Uniform = Uniform(0.02, 0.1)
    cut_start: Chance = Chance(0.5)


JITTER = Jitter()


@functools.cache
def digit_skeletons(digit: int, school: str = "usual") -> tuple[tuple[str, ...], np.ndarray]:
    """Return a digit's skeletons and how likely each is, float64 (n,).

    school: a table of `tables/skeletons.toml`; the usual one where it doesn't have the digit.
    """
    schools = table("skeletons")["digits"]
    ways = schools[school].get(str(digit)) or schools["usual"][str(digit)]
    pairs = [way.split(":") for way in ways]
    odds = np.array([float(weight) for weight, _ in pairs])
    return tuple(skeleton for _, skeleton in pairs), odds / odds.sum()


def sign_skeletons(kind: str = "other") -> list[str]:
    """Return skeletons of "other" letters and signs, which nobody takes for a digit, of "bars" or of "clutter"."""
    return table("skeletons")["signs"][kind]


def currency_skeletons(sign: str) -> list[str]:
    """Return skeletons of a sign of currency; none of any other sign."""
    return table("skeletons")["currency"].get(sign, [])


@functools.lru_cache(maxsize=1024)
def strokes_of(skeleton: str) -> tuple[np.ndarray, ...]:
    """Return a skeleton's strokes, float64 (P, 2) each, in its box of 1 by 1."""
    return tuple(spline(stroke) for stroke in skeleton.split("|"))


def spline(stroke: str) -> np.ndarray:
    """Return a stroke's points (P, 2) along a Catmull-Rom spline that breaks at corners."""
    words = stroke.split()
    points = np.array([[float(v) for v in word.rstrip("!").split(",")] for word in words]) / 100
    ends = [0, *(i for i, word in enumerate(words) if word.endswith("!")), len(words) - 1]
    t = np.linspace(0, 1, STEPS, endpoint=False)[:, None]
    pieces = []
    for start, end in itertools.pairwise(ends):
        if end == start:
            continue
        p = points[start : end + 1]
        p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False):
            square, cube = 2 * a - 5 * b + 4 * c - d, 3 * b - a - 3 * c + d
            pieces.append(0.5 * (2 * b + (c - a) * t + square * t**2 + cube * t**3))
    return np.concatenate([*pieces, points[-1:]])


def jitter(strokes: list[np.ndarray], g: np.random.Generator, squeeze: float) -> list[np.ndarray]:
    """Move strokes as another hand would place them: bent, slanted, squeezed, trembling, angular.

    squeeze: how far the width may depart from the skeleton's; 1 as people write digits.
    """
    s = JITTER
    bend = s.bend.draw(g)
    waves = [
        (g.normal(0, 1, 2) * s.wave_number.draw(g), g.uniform(0, 6.3), g.normal(0, bend, 2)) for _ in range(s.waves)
    ]
    shape = _shape(g, squeeze)
    tremble = abs(s.tremble.draw(g)) if s.steady.draw(g) else s.strong_tremble.draw(g)
    angular = s.angular.draw(g)
    loose = s.loose.draw(g)
    moved = []
    for p in strokes:
        shift = sum(np.sin(p @ k + phase)[:, None] * a for k, phase, a in waves)
        p = p + shift + g.normal(0, loose, 2)
        if len(p) > s.tremble_points:
            noise = cv2.GaussianBlur(g.normal(0, 1, (len(p), 2)), (1, 7), s.tremble_sigma)
            p = p + noise * tremble * 2
        if angular:
            p = p[np.unique(np.append(np.arange(0, len(p), s.piece.draw(g)), len(p) - 1))]
        if len(p) > s.cut_points and s.cut.draw(g):
            cut = int(len(p) * s.cut_share.draw(g))
            p = p[cut:] if s.cut_start.draw(g) else p[: -cut or None]
        moved.append((p - 0.5) @ shape.T)
    return moved


def _shape(g: np.random.Generator, squeeze: float) -> np.ndarray:
    """Draw the 2x2 matrix that squeezes, slants and turns a glyph."""
    s = JITTER
    aspect = np.exp(s.aspect.draw(g) * squeeze)
    slant = s.slant.draw(g)
    turn = np.deg2rad(s.turn.draw(g) if s.usual_turn.draw(g) else s.far_turn.draw(g))
    return rotation(turn) @ np.array([[aspect, -slant], [0, 1]])
