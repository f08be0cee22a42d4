"""Ink: glyphs as coverage maps, float32 (h, w), 0 paper and 1 ink, of any size."""

import itertools
from dataclasses import dataclass

import cv2
import numpy as np

from shuzi.data.normalise import BOX
from shuzi.synth.distributions import LogNormal
from shuzi.synth.hands import Hand
from shuzi.synth.raster import SUBPIXEL, crop_to_ink, fixed_point, line_kernel, polyline, resize_to_height, shrink
from shuzi.synth.skeletons import jitter, strokes_of

WORK = 44  # pixels: glyphs lower than that are drawn enlarged, and then shrunk, which smooths them


@dataclass(frozen=True)
class InkStyle:
    """How pens lay ink. Lengths are shares of a glyph's height."""

    rewritten_width: LogNormal = LogNormal(1, 0.1)  # times a hand's pen, for each MNIST digit
    drawn_width: LogNormal = LogNormal(1, 0.08)  # the same for each skeleton
    inside: int = 110  # of 255: grey that counts as a stroke of an MNIST digit
    reach: float = 0.14  # how far a stroke's middle may lie from its edge
    room: float = 0.15  # around a digit, for a thicker pen
    thicker: float = 0.06  # that a pen may add at most on either side
    nib_reach: float = 0.4  # of the pen's width, along the broad side, when a raster is spread
    nib_half: float = 0.6  # of the pen's width to either side, when a line is drawn
    nib_fine: float = 0.35  # of the pen's width, along the thin side
    retrace: float = 0.025  # how far a stroke drawn again lies off
    grain_knots: int = 6  # a side, of uneven ink
    faintest: float = 0.15


INK_STYLE = InkStyle()


def deform(ink: np.ndarray, by: Hand) -> np.ndarray | None:
    """Slant, stretch and turn ink as a hand does."""
    h, w = ink.shape
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]]) @ by.matrix.T
    low, size = corners.min(0), np.ptp(corners, axis=0)
    move = np.hstack([by.matrix, -low[:, None] + 1]).astype(np.float32)
    return crop_to_ink(cv2.warpAffine(ink, move, (int(size[0]) + 3, int(size[1]) + 3), flags=cv2.INTER_LINEAR))


def rewrite(image: np.ndarray, height: float, by: Hand, g: np.random.Generator) -> np.ndarray | None:
    """Enlarge a 28x28 and write it with another pen: the strokes' width is changed about their middle.

    image: uint8 (28, 28), 0 is paper and 255 is ink; height: of the result, in pixels.
    """
    zoom = max(height, WORK) / BOX
    matrix = by.matrix * zoom
    side = int(28 * zoom * (1 + abs(by.slant) / 2)) + 4
    offset = side / 2 - matrix @ np.array([14, 14])
    move = np.hstack([matrix, offset[:, None]]).astype(np.float32)
    large = cv2.warpAffine(image, move, (side, side), flags=cv2.INTER_CUBIC)
    inside = (large > INK_STYLE.inside).astype(np.uint8)
    x, y, w, h = cv2.boundingRect(inside)
    if not w:
        return None
    room = int(INK_STYLE.room * zoom * BOX)
    top, left = max(0, y - room), max(0, x - room)
    inside = inside[top : y + h + room, left : x + w + room]
    width = by.pen * BOX * zoom * INK_STYLE.rewritten_width.draw(g)
    ink = _restroked(inside, width, int(INK_STYLE.reach * zoom * BOX), INK_STYLE.thicker * height)
    return resize_to_height(crop_to_ink(ink if by.nib is None else _spread(ink, by.pen, by.nib)), height)


def _restroked(inside: np.ndarray, width: float, reach: int, thicker: float) -> np.ndarray:
    """Change the width of strokes. inside: uint8 (h, w), 1 in strokes; the others in pixels."""
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    side = max(3, reach | 1)
    middle = cv2.dilate(depth, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    natural = 2 * float(middle[inside > 0].mean())
    if width < natural:  # keep what is near the middle of the stroke
        distance = np.where(inside > 0, depth - middle * (1 - max(width, 1.2) / natural), -1)
    else:
        outside = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
        distance = depth - outside + min((width - natural) / 2, thicker)
    return np.clip(distance + 0.5, 0, 1)


def _spread(ink: np.ndarray, pen: float, nib: float) -> np.ndarray:
    """Spread ink along the broad side of a nib."""
    reach = pen * ink.shape[0] * INK_STYLE.nib_reach
    side = int(2 * reach) | 1
    return cv2.dilate(ink, line_kernel(side, reach, nib + np.pi / 2))


def draw_skeleton(
    skeleton: str, height: float, by: Hand, g: np.random.Generator, squeeze: float = 1.0
) -> np.ndarray | None:
    """Draw a skeleton about `height` pixels high, as a hand writes it. squeeze: as for `jitter`."""
    return draw_strokes(jitter(list(strokes_of(skeleton)), g, squeeze), height, by, g)


def draw_strokes(
    lines: list[np.ndarray], height: float, by: Hand, g: np.random.Generator, pen: float | None = None
) -> np.ndarray | None:
    """Draw strokes (P, 2) with a hand's pen, slant and stretch.

    height: of the result, or 0.8 of a wide one's width, in pixels; pen: the pen's width in pixels; default by height.
    """
    if by.retraced:
        lines = lines + [line + g.normal(0, INK_STYLE.retrace, 2) for line in lines]
    lines = [line @ by.matrix.T for line in lines]
    points = np.concatenate(lines)
    low, size = points.min(0), np.ptp(points, axis=0)
    larger = max(float(size[1]), 0.8 * float(size[0]), 1e-3)
    times = max(1.0, WORK / height)
    scale = height * times / larger
    width = max(1.0, (by.pen * height if pen is None else pen) * times * INK_STYLE.drawn_width.draw(g))
    margin = int(width) + 3
    canvas = np.zeros([int(v * scale) + 2 * margin + 1 for v in size[::-1]], np.uint8)
    for line in lines:
        _draw_stroke(canvas, (line - low) * scale + margin, width, by.nib)
    ink: np.ndarray = canvas.astype(np.float32) / 255
    if by.rough:
        knots = g.random((INK_STYLE.grain_knots, INK_STYLE.grain_knots), np.float32)
        grain: np.ndarray = cv2.resize(knots, canvas.shape[::-1], interpolation=cv2.INTER_CUBIC)
        ink *= np.clip(1 - by.rough * grain, INK_STYLE.faintest, 1)
    return crop_to_ink(shrink(ink, times), 0.2)


def _draw_stroke(canvas: np.ndarray, path: np.ndarray, pen: float, nib: float | None) -> None:
    """Draw a stroke's path (P, 2) with a round pen or a broad nib; all in pixels, nib in radians."""
    if nib is None:
        polyline(canvas, path, pen)
        return
    across = np.array([np.cos(nib + np.pi / 2), np.sin(nib + np.pi / 2)]) * pen * INK_STYLE.nib_half
    for a, b in itertools.pairwise(path):
        slab = fixed_point(np.array([a - across, a + across, b + across, b - across]))
        cv2.fillConvexPoly(canvas, slab, 255, cv2.LINE_AA, SUBPIXEL)
    polyline(canvas, path, pen * INK_STYLE.nib_fine)
