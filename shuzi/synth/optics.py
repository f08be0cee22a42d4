"""Optics: uneven light, and what a camera, a scanner, a fax or JPEG makes of a scene."""

from collections.abc import Sequence

import cv2
import numpy as np

from shuzi.synth.distributions import settings
from shuzi.synth.layouts import MIN_SIZE
from shuzi.synth.paper import smooth_noise
from shuzi.synth.raster import line_kernel

LEGIBLE, LEAST_TONES = 0.3, 5.0  # correlation of ink and picture, and grey levels between ink and paper
LIGHT = settings("light")
CAMERA = settings("camera")


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
