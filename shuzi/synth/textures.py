"""Textures and things at a scene's size: stripes, combs, weaves, what photographs show; none of it writing."""

from dataclasses import dataclass

import cv2
import numpy as np

from shuzi.synth.distributions import Chance, Integers, LogUniform, Mixture, Normal, Uniform
from shuzi.synth.paper import smooth_noise
from shuzi.synth.raster import SUBPIXEL, fixed_point, polyline
from shuzi.synth.shapes import silhouette

Shape = tuple[int, int]


@dataclass(frozen=True)
class Textures:
    """How textures look. Lengths in pixels, turns in radians, tones 0..1."""

    kind: Mixture = Mixture(stripes=0.2, comb=0.15, weave=0.15, bricks=0.1, photograph=0.25, face=0.15)
    level: Chance = Chance(0.6)
    turn: Normal = Normal(0, 0.05)
    period: LogUniform = LogUniform(4, 50)
    filled: Uniform = Uniform(0.1, 0.8)  # share of a period
    sharp: LogUniform = LogUniform(1, 20)
    bent: Chance = Chance(0.4)
    bend: Uniform = Uniform(0, 8)
    bend_knots: Uniform = Uniform(20, 70)
    tooth: LogUniform = LogUniform(5, 40)  # of a comb, its height
    apart: LogUniform = LogUniform(8, 45)
    rows: Uniform = Uniform(1.3, 4)  # teeth from row to row
    tooth_width: Uniform = Uniform(0.8, 3)
    based: Chance = Chance(0.6)  # teeth stand on a line
    knots: tuple[int, ...] = (64, 32, 16, 8, 4, 2)
    falloff: Uniform = Uniform(0.3, 1.1)
    contrast: Uniform = Uniform(0.5, 3)
    things: Integers = Integers(0, 5)
    thing: LogUniform = LogUniform(20, 130)
    head: LogUniform = LogUniform(18, 60)  # half a face's height


TEXTURES = Textures()


def texture(shape: Shape, g: np.random.Generator) -> np.ndarray:
    """Draw a texture: how dark each pixel is, float32 (H, W), 0..1."""
    kind = TEXTURES.kind.draw(g)
    drawn = {
        "stripes": _stripes, "comb": _comb, "weave": _weave,
        "bricks": _bricks, "photograph": _photograph, "face": _face,
    }[kind](shape, g)  # fmt: skip
    return np.clip(drawn, 0, 1).astype(np.float32)


def _axes(shape: Shape, g: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates (H, W) each, in pixels, along and across a direction; level, upright or any, bent or not."""
    s, (y, x) = TEXTURES, np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    turn = g.choice([0.0, np.pi / 2]) + s.turn.draw(g) if s.level.draw(g) else g.uniform(0, np.pi)
    if s.bent.draw(g):
        x = x + smooth_noise(shape, s.bend_knots.draw(g), g) * s.bend.draw(g)
    return x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)


def _bands(at: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Draw bands across a coordinate."""
    s, period = TEXTURES, TEXTURES.period.draw(g)
    away = np.abs((at / period + g.uniform()) % 1 - 0.5) * 2  # 0 in the middle of a band
    return np.clip((s.filled.draw(g) - away) * period / 2 * min(s.sharp.draw(g), 4) + 0.5, 0, 1)


def _stripes(shape: Shape, g: np.random.Generator) -> np.ndarray:
    return _bands(_axes(shape, g)[0], g)


def _weave(shape: Shape, g: np.random.Generator) -> np.ndarray:
    along, across = _axes(shape, g)
    one, other = _bands(along, g), _bands(across, g)
    return [np.maximum(one, other), np.abs(one - other), one * other][g.integers(3)]


def _bricks(shape: Shape, g: np.random.Generator) -> np.ndarray:
    """Draw bricks, tiles or shelves: rows whose joints are shifted."""
    along, across = _axes(shape, g)
    high, wide, width = TEXTURES.apart.draw(g), TEXTURES.apart.draw(g), TEXTURES.tooth_width.draw(g)
    row = np.floor(across / high)
    joint = np.minimum((along + row * g.uniform(0, wide)) % wide, across % high)
    shade = np.sin(row * 12.9 + np.floor(along / wide) * 78.2) * g.uniform(0, 0.3)
    return np.maximum(np.clip(width - joint, 0, 1), 0.3 + shade)


def _comb(shape: Shape, g: np.random.Generator) -> np.ndarray:
    """Draw the combs of forms: short upright lines evenly apart, with or without a line below."""
    s, canvas = TEXTURES, np.zeros(shape, np.uint8)
    tooth, apart, width = s.tooth.draw(g), s.apart.draw(g), s.tooth_width.draw(g)
    lean, based = s.turn.draw(g), s.based.draw(g)
    for y in np.arange(g.uniform(0, tooth), shape[0] + tooth, tooth * s.rows.draw(g)):
        for x in np.arange(g.uniform(-apart, apart), shape[1], apart):
            polyline(canvas, np.array([[x, y - tooth + lean * x], [x, y + lean * x]]), width)
        if based:
            polyline(canvas, np.array([[-5, y], [shape[1] + 5, y + lean * shape[1]]]), width)
    return canvas / 255


def _photograph(shape: Shape, g: np.random.Generator) -> np.ndarray:
    """Draw noise of every scale, and things with light and shade before it."""
    s, falloff = TEXTURES, TEXTURES.falloff.draw(g)
    tone = sum(smooth_noise(shape, knots, g) * knots**falloff for knots in s.knots)
    tone = 0.5 + (tone - np.mean(tone)) / max(float(np.std(tone)), 1e-3) * 0.25 * s.contrast.draw(g)
    for _ in range(s.things.draw(g)):
        _lay(tone, silhouette(g).astype(np.float32) / 255, s.thing.draw(g), g)
    return np.asarray(tone)


def _lay(tone: np.ndarray, thing: np.ndarray, side: float, g: np.random.Generator) -> None:
    """Lay a thing of a size anywhere on tones: it hides what is behind it."""
    size = max(8, int(side))
    large = np.clip(cv2.resize(thing, (size, size), interpolation=cv2.INTER_CUBIC), 0, 1)
    left, top = (int(g.integers(-size // 2, n - size // 2)) for n in tone.shape[::-1])
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + size, tone.shape[1]), min(top + size, tone.shape[0])
    part, there = large[y0 - top : y1 - top, x0 - left : x1 - left], tone[y0:y1, x0:x1]
    there += np.minimum(part * 3, 1) * (part * g.uniform(0.3, 1) - there)


def _face(shape: Shape, g: np.random.Generator) -> np.ndarray:
    """Draw a face or several, as light and shade: head, hair, eyes, brows, nose and mouth, out of focus."""
    tone = 0.5 + smooth_noise(shape, TEXTURES.bend_knots.draw(g), g) * g.uniform(0, 0.25)
    for _ in range(1 + int(g.random() < 0.4)):
        half = TEXTURES.head.draw(g)
        middle, turn = g.uniform(0.2, 0.8, 2) * shape[::-1], float(g.normal(0, 8))
        skin, dark = g.uniform(0.05, 0.6), g.uniform(0.6, 1)
        parts = [(0.0, -0.25, 0.82, 1.0, dark), (0.0, 0.0, 0.68, 0.95, skin), (0.0, 0.25, 0.08, 0.2, skin + 0.1)]
        for side in (-1, 1):
            parts += [(side * 0.3, -0.12, 0.15, 0.07, dark), (side * 0.3, -0.3, 0.2, 0.04, dark)]
            parts += [(side * 0.3, -0.12, 0.06, 0.06, 0.0 if g.random() < 0.5 else 1.0)]
        parts += [(0.0, 0.5, g.uniform(0.15, 0.35), g.uniform(0.03, 0.12), skin + 0.3)]
        for x, y, w, h, shade in parts:
            at = fixed_point(middle + np.array([x, y]) * half).tolist()
            axes = np.maximum(fixed_point(np.array([w, h]) * half), 16).tolist()
            cv2.ellipse(tone, at, axes, turn, 0, 360, float(shade), -1, cv2.LINE_8, SUBPIXEL)
    light = (np.mgrid[0 : shape[0], 0 : shape[1]][g.integers(2)] / shape[0] - 0.5) * g.uniform(-0.5, 0.5)
    return cv2.GaussianBlur(tone.astype(np.float32), (0, 0), g.uniform(0.6, 2.5)) + light
