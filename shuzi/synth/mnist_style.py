"""Digits drawn from skeletons as MNIST has them: in a box of 20 by 20, centre of mass in the middle of 28x28."""

from dataclasses import dataclass

import cv2
import numpy as np

from shuzi.data.digits import SIDE
from shuzi.data.normalise import BOX
from shuzi.synth.distributions import Chance, LogNormal, Normal, Uniform
from shuzi.synth.raster import crop_to_ink, polyline
from shuzi.synth.skeletons import digit_skeletons, jitter, strokes_of

CANVAS = 100  # pixels of the larger side while a digit is drawn
INKED = 24  # grey above this is ink


@dataclass(frozen=True)
class PenStyle:
    """How pens draw. Widths in hundredths of a glyph's larger side."""

    width: float = 8.6  # the middle of the pens' widths
    fine: float = 4.0  # one that leaves more of a scribble's way to be seen
    widths: LogNormal = LogNormal(1, 0.5)
    thinnest: float = 2.5  # half a pixel of MNIST's 20
    thickest: float = 30  # six pixels
    narrow: float = 25  # glyphs wider than this have something inside that a pen must not fill
    narrow_share: float = 0.3
    presses: Chance = Chance(0.5)
    pressure: Uniform = Uniform(0, 0.45)
    beats: Uniform = Uniform(2, 8)  # radians of a wave of pressure along a stroke
    broad_nib: Chance = Chance(0.15)
    nib_thin: float = 0.45
    nib_gain: float = 0.9


@dataclass(frozen=True)
class Boxing:
    """How a glyph comes into MNIST's box. Lengths in pixels of the 28x28."""

    larger: Normal = Normal(0, 0.4)  # than BOX, a pixel at most
    soft: Chance = Chance(0.5)  # as a resized photo is
    sigma: Uniform = Uniform(0.2, 0.7)


PEN_STYLE, BOXING = PenStyle(), Boxing()


def draw_digits(count: int, g: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw digits, as many of each: images uint8 (count, 28, 28), 0 paper, and labels uint8 (count,), 0..9 in turn."""
    labels = (np.arange(count) % 10).astype(np.uint8)
    images = np.empty((count, SIDE, SIDE), np.uint8)
    for i, digit in enumerate(labels.tolist()):
        skeletons, odds = digit_skeletons(digit)
        images[i] = draw_glyph(skeletons[g.choice(len(skeletons), p=odds)], g)
    return images, labels


def draw_glyph(skeleton: str, g: np.random.Generator, squeeze: float = 1.0, pen: float = PEN_STYLE.width) -> np.ndarray:
    """Draw a skeleton as a hand would and bring it into MNIST's box: uint8 (28, 28).

    squeeze: as for `jitter`; pen: the middle of the pens' widths, in hundredths of the larger side.
    """
    return to_box(render(jitter(list(strokes_of(skeleton)), g, squeeze), g, pen), g)


def render(strokes: list[np.ndarray], g: np.random.Generator, pen: float = PEN_STYLE.width) -> np.ndarray:
    """Draw strokes, (P, 2) each, on a canvas just large enough: uint8, CANVAS pixels for the larger side."""
    s, every = PEN_STYLE, np.concatenate(strokes)
    low, size = every.min(0), float(np.ptp(every, axis=0).max())
    scale = CANVAS / max(size, 1e-3)
    pen = float(np.clip(pen * s.widths.draw(g), s.thinnest, s.thickest))
    narrow = float(np.ptp(every, axis=0).min()) * scale
    if narrow > s.narrow:
        pen = min(pen, s.narrow_share * narrow)
    pressure = s.pressure.draw(g) if s.presses.draw(g) else 0.0
    nib = g.uniform(0, np.pi) if s.broad_nib.draw(g) else None
    margin = int(pen) + 6
    width, height = (int(v) for v in np.ceil(np.ptp(every, axis=0) * scale) + 2 * margin)
    canvas = np.zeros((height, width), np.uint8)
    for stroke in strokes:
        path = (stroke - low) * scale + margin
        if pressure == 0 and nib is None:
            polyline(canvas, path, pen)
        else:
            _draw_uneven(canvas, path, pen, pressure, nib, g)
    return canvas


def _draw_uneven(
    canvas: np.ndarray, path: np.ndarray, pen: float, pressure: float, nib: float | None, g: np.random.Generator
) -> None:
    """Draw a path (P, 2) with a width that follows pressure (0..1) and a broad nib's direction (radians)."""
    phase, beat = g.uniform(0, 6.3), PEN_STYLE.beats.draw(g)
    weights = 1 + pressure * np.sin(phase + beat * np.linspace(0, 1, len(path)))
    for a, b, weight in zip(path, path[1:], weights.tolist(), strict=False):
        if nib is not None:
            weight *= PEN_STYLE.nib_thin + PEN_STYLE.nib_gain * abs(np.sin(np.arctan2(*(b - a)[::-1]) - nib))
        polyline(canvas, np.array([a, b]), pen * weight)


def to_box(canvas: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Bring ink of any size, uint8 (h, w), into MNIST's box, a little larger or smaller, some of it softer."""
    crop = crop_to_ink(canvas, INKED)
    if crop is None:
        return np.zeros((SIDE, SIDE), np.uint8)
    scale = (BOX + float(np.clip(BOXING.larger.draw(g), -1, 1))) / max(crop.shape)
    if BOXING.soft.draw(g):
        crop = cv2.GaussianBlur(crop, (0, 0), BOXING.sigma.draw(g) / scale)
    moments = cv2.moments(crop)
    centre = np.array([moments["m10"], moments["m01"]]) / max(moments["m00"], 1)
    small = cv2.resize(crop, [max(1, round(side * scale)) for side in crop.shape[::-1]], interpolation=cv2.INTER_AREA)
    at = (SIDE - 1) / 2 - (centre + 0.5) * scale + 0.5
    move = np.array([[1, 0, at[0]], [0, 1, at[1]]], np.float32)
    return cv2.warpAffine(small, move, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
