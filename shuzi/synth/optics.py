"""Optics: uneven light, and what a camera, a scanner, a fax or JPEG makes of a scene."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from shuzi.synth.distributions import Chance, Integers, Mixture, OneOf, Uniform
from shuzi.synth.layouts import MIN_SIZE
from shuzi.synth.paper import smooth_noise
from shuzi.synth.raster import line_kernel

LEGIBLE, LEAST_TONES = 0.3, 5.0  # correlation of ink and picture, and grey levels between ink and paper


@dataclass(frozen=True)
class Light:
    """How light falls. Lengths as shares of the picture's height where nothing else is said."""

    sloping: Chance = Chance(0.5)
    slope: Uniform = Uniform(-0.5, 0.5)
    shadow: Chance = Chance(0.15)
    shadow_at: Uniform = Uniform(-0.4, 0.4)
    shadow_edge: OneOf = OneOf(1.0, 4.0, 20.0)  # pixels
    shadow_depth: Uniform = Uniform(0.15, 0.65)
    edge: Chance = Chance(0.07)  # beyond the paper: a table, dark or bright, plain or grained
    edge_at: Uniform = Uniform(0.25, 0.5)
    table_tone: Uniform = Uniform(0.05, 1.2)
    table_knots: Uniform = Uniform(3, 30)
    table_grain: Uniform = Uniform(0, 0.12)


@dataclass(frozen=True)
class Camera:
    """How pictures are taken. Lengths in pixels; "share" is of the writing's height."""

    scanned: Chance = Chance(0.3)  # sharp and without noise
    scanner_blur: Uniform = Uniform(0.3, 0.8)
    blur: Mixture = Mixture(out_of_focus=0.35, moved=0.07, sharp=0.58)
    far_blur: Chance = Chance(0.3)  # as far out of focus as the writing can bear
    least_blur: float = 0.2
    least_most: float = 0.3  # the most that is drawn is at least this
    usual_blur: float = 1.7
    far_share: float = 0.1
    most_share: float = 0.15
    motion: Integers = Integers(3, 7)
    low_resolution: Chance = Chance(0.22)
    times: Uniform = Uniform(1.2, 2.6)  # fewer pixels a side
    least_height: float = 10  # of writing then
    two_tones: Chance = Chance(0.25)
    noisy: Chance = Chance(0.5)
    noise: Uniform = Uniform(0, 0.1)
    fax: Chance = Chance(0.05)
    fax_sigma: float = 12
    fax_threshold: Uniform = Uniform(0.05, 0.2)
    stretched: Chance = Chance(0.25)  # to full contrast
    white: Uniform = Uniform(90, 255)
    negative: Chance = Chance(0.28)
    negative_stretched: Chance = Chance(0.4)
    negative_gain: Uniform = Uniform(0.3, 2)
    jpeg: Chance = Chance(0.35)
    jpeg_quality: Integers = Integers(25, 92)


LIGHT, CAMERA = Light(), Camera()


def light(picture: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Put a picture, float32 (H, W), in uneven light, with shadows or with the paper's edge and what lies beyond."""
    s, (h, w) = LIGHT, picture.shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    turn = g.uniform(0, 2 * np.pi)
    along = (x - w / 2) * np.cos(turn) + (y - h / 2) * np.sin(turn)
    if s.sloping.draw(g):
        picture = picture * (1 + s.slope.draw(g) * along / max(h, w))
    if s.shadow.draw(g):
        edge = 1 / (1 + np.exp(np.clip(-(along - s.shadow_at.draw(g) * h) / s.shadow_edge.draw(g), -30, 30)))
        picture = picture * (1 - s.shadow_depth.draw(g) * edge)
    if s.edge.draw(g):
        beyond = along > s.edge_at.draw(g) * h
        tone = s.table_tone.draw(g) + smooth_noise((h, w), s.table_knots.draw(g), g) * s.table_grain.draw(g)
        picture = np.where(beyond, tone, picture)
    return picture


def capture(picture: np.ndarray, sizes: Sequence[float], g: np.random.Generator) -> np.ndarray:
    """Take a picture as a camera or scanner does, with any contrast, dark on light or not.

    picture: float32 (H, W); sizes: pixels of what is written in it. Small writing stands for a larger picture that
    was reduced, which has little noise and is sharp. Returns uint8 (H, W).
    """
    s = CAMERA
    if s.scanned.draw(g):
        return _exposed(cv2.GaussianBlur(picture, (0, 0), s.scanner_blur.draw(g)), g)
    least, usual = (min(sizes), float(np.median(sizes))) if sizes else (20.0, 20.0)
    blur, reduced = s.blur.draw(g), usual < MIN_SIZE
    if blur == "out_of_focus":
        far = max(s.usual_blur, s.far_share * usual) if s.far_blur.draw(g) else s.usual_blur
        most = max(min(far, s.most_share * usual), s.least_most)
        picture = cv2.GaussianBlur(picture, (0, 0), float(g.uniform(s.least_blur, most)))
    elif blur == "moved" and not reduced:
        picture = _moved(picture, g)
    if s.low_resolution.draw(g) and not reduced:
        picture = _low_resolution(picture, least, g)
    if s.noisy.draw(g):
        noise = s.noise.draw(g) * g.random() * min(1, usual / MIN_SIZE)
        picture = picture + g.standard_normal(picture.shape, np.float32) * noise
    if s.fax.draw(g):
        paper = cv2.GaussianBlur(picture, (0, 0), s.fax_sigma)
        picture = (picture > paper - s.fax_threshold.draw(g)).astype(np.float32)
    image = _exposed(picture, g)
    if s.jpeg.draw(g) and not reduced:
        _, code = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, s.jpeg_quality.draw(g)])
        image = np.asarray(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE))
    return image


def _moved(picture: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Blur by a camera that moved."""
    kernel = line_kernel(9, CAMERA.motion.draw(g) / 2, g.uniform(0, np.pi)).astype(np.float32)
    return cv2.filter2D(picture, -1, kernel / kernel.sum())


def _low_resolution(picture: np.ndarray, least: float, g: np.random.Generator) -> np.ndarray:
    """Reduce a picture and enlarge it again. least: pixels of the lowest writing."""
    h, w = picture.shape
    times = max(1.05, min(CAMERA.times.draw(g), least / CAMERA.least_height))
    small = cv2.resize(picture, (round(w / times), round(h / times)), interpolation=cv2.INTER_AREA)
    if CAMERA.two_tones.draw(g):
        small = (small > (small.mean() + small.min()) / 2).astype(np.float32)
    way = g.choice([cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC])
    return cv2.resize(small, (w, h), interpolation=int(way))


def _exposed(picture: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Turn tones into grey levels, uint8 (H, W)."""
    s, low, high = CAMERA, picture.min(), picture.max()
    if s.stretched.draw(g):
        picture = (picture - low) / max(float(high - low), 1e-3)
    grey = np.clip(picture * s.white.draw(g), 0, 255)
    if s.negative.draw(g):
        grey = 255 - grey
        if s.negative_stretched.draw(g):
            grey = np.clip((grey - grey.min()) * s.negative_gain.draw(g), 0, 255)
    return grey.astype(np.uint8)


def is_legible(image: np.ndarray, ink: np.ndarray, box: tuple[float, float, float, float]) -> bool:
    """Say whether ink in a box can be seen in the picture: how well the two correlate, and how far they differ."""
    x, y, w, h = (int(v) for v in box)
    where = np.s_[max(y - 2, 0) : max(y + h + 2, 0), max(x - 2, 0) : max(x + w + 2, 0)]
    tone, cover = image[where].astype(np.float32), ink[where]
    if not tone.size:
        return False
    tone, cover = tone - tone.mean(), cover - cover.mean()
    both, spread = float((tone * cover).mean()), float((cover * cover).mean()) + 1e-6
    correlated = abs(both) > LEGIBLE * np.sqrt(spread * float((tone * tone).mean()) + 1e-6)
    return bool(correlated and abs(both) / spread > LEAST_TONES)
