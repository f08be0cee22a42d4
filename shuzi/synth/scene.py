"""Scenes: small grey pictures of writing with the whole truth beside them, from which the finder learns.

A scene is a field, a part of a page or a table, a digit among its neighbours, or writing too small to be read, on paper
that is plain, ruled, patterned or dirty, seen by a scanner or a phone. Digits are those of real writers, MNIST's, drawn
skeletons, displays' and those of the fonts on this machine; between and around them stand points, commas, dashes,
letters, words, rules, blots and textures. Everything is drawn from a generator that is passed in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from shuzi.data.digits import CLASSES
from shuzi.synth.canvas import LETTER, Canvas
from shuzi.synth.columns import column, textured
from shuzi.synth.combs import comb
from shuzi.synth.displays import display
from shuzi.synth.distributions import Chance, LogUniform, Uniform
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.grids import table_part
from shuzi.synth.layouts import SQUARE, STRIP, close_up, empty, field_strip, page_part, tiny
from shuzi.synth.optics import capture, is_legible, light
from shuzi.synth.paper import paper, smooth_noise

VISIBLE = 0.55  # of a digit's ink: so much must lie in the frame for it to count
Layout = Callable[[Glyphs, np.random.Generator], Canvas]
LAYOUTS: dict[tuple[int, int], tuple[tuple[Layout, float], ...]] = {
    STRIP: ((partial(display, shape=STRIP), 0.12), (comb, 0.1), (field_strip, 0.78)),
    SQUARE: (
        (page_part, 0.23),
        (table_part, 0.18),
        (close_up, 0.21),
        (display, 0.12),
        (column, 0.06),
        (textured, 0.06),
        (empty, 0.09),
        (tiny, 0.05),
    ),
}  # of scenes of a shape, and their shares


@dataclass(frozen=True)
class Finish:
    """How ink lies on paper, and where the picture ends."""

    pencil: Chance = Chance(0.25)  # ink that lets the paper's grain through
    pencil_knots: Uniform = Uniform(1.5, 3)  # pixels
    pencil_grain: Uniform = Uniform(0.1, 0.6)
    faint: Chance = Chance(0.5)
    faint_contrast: LogUniform = LogUniform(0.12, 1)
    contrast: Uniform = Uniform(0.55, 1)
    cut: Chance = Chance(0.3)  # the picture ends within the scene
    cut_side: Chance = Chance(0.5)
    cut_most: int = 4  # a side loses at most its length over this


FINISH = Finish()


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture and what is written on it.

    Attributes:
        picture: uint8 (H, W), grey.
        labels: uint8 (N,), 0..9, 10 + the index in `page.MARKS`, or `canvas.LETTER` or `ANYTHING`.
        boxes: float32 (N, 4), x, y, width, height in pixels, around the ink that lies in the frame.
        sizes: float32 (N,), pixels: the larger side of a digit's whole ink; of others, the height of digits beside it.
        visible: float32 (N,), the share of the ink that lies in the frame; 0 where it can't be seen.
        following: int64 (N,), the next digit of the same number, -1 for its last and for marks.
        ink: uint8 (H, W), how much of each pixel digits' ink covers, 255 all.
        owner: int16 (H, W), the digit that most of a pixel's ink is, -1 where there is none.
        writing: uint8 (H, W), how much of each pixel any writing covers: digits, marks, words and scribbles, no rules.
        small: float32 (M, 4), boxes of writing too small to be read.
    """

    picture: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    sizes: np.ndarray
    visible: np.ndarray
    following: np.ndarray
    ink: np.ndarray
    owner: np.ndarray
    writing: np.ndarray
    small: np.ndarray


def scene(glyphs: Glyphs, g: np.random.Generator, shape: tuple[int, int] = STRIP) -> Scene:
    """Draw a scene of STRIP's or SQUARE's shape."""
    layouts, odds = zip(*LAYOUTS[shape], strict=True)
    canvas = layouts[g.choice(len(layouts), p=odds)](glyphs, g)
    lit = light(_inked(canvas, g), g)
    top, bottom, left, right = frame = _frame(shape, g)
    kept = np.s_[top : shape[0] - bottom, left : shape[1] - right]
    image = cv2.copyMakeBorder(_captured(canvas, lit[kept], g), *frame, cv2.BORDER_REPLICATE)
    beyond = np.ones(shape, bool)
    beyond[kept] = False
    canvas.ink[beyond] = canvas.writing[beyond] = 0
    canvas.owner[beyond] = -1
    boxes, visible = _in_frame(canvas, frame)
    for i, item in enumerate(canvas.items):
        cover = canvas.ink if item.label < CLASSES else canvas.writing
        if item.label <= LETTER and visible[i] >= VISIBLE and not is_legible(image, cover, item.box):
            visible[i] = 0
    following = np.full(len(canvas.items), -1, np.int64)
    following[[*canvas.following]] = [*canvas.following.values()]
    return Scene(
        image,
        np.array([item.label for item in canvas.items], np.uint8),
        boxes,
        np.array([item.size for item in canvas.items], np.float32),
        visible.astype(np.float32),
        following,
        np.round(canvas.ink * 255).astype(np.uint8),
        canvas.owner,
        np.round(canvas.writing * 255).astype(np.uint8),
        np.array([b for b in canvas.small if is_legible(image, canvas.writing, b)], np.float32).reshape(-1, 4),
    )


def picture_of(canvas: Canvas, g: np.random.Generator) -> np.ndarray:
    """Return a picture of a canvas on paper, uint8 (H, W)."""
    return _captured(canvas, light(_inked(canvas, g), g), g)


def _captured(canvas: Canvas, lit: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Take a picture of the canvas in its light, or of a part of it."""
    sizes = [item.size for item in canvas.items if item.label < CLASSES or item.label >= LETTER]
    sizes += [height for *_, height in canvas.small]
    return capture(lit.astype(np.float32), sizes, g)


def _inked(canvas: Canvas, g: np.random.Generator) -> np.ndarray:
    """Lay the canvas's ink on paper: tones (H, W)."""
    s, cover = FINISH, canvas.cover
    if s.pencil.draw(g):
        grain = np.abs(smooth_noise(cover.shape, s.pencil_knots.draw(g), g)) * s.pencil_grain.draw(g)
        cover = cover * np.clip(1 - grain, 0, 1)
    contrast = s.faint_contrast.draw(g) if s.faint.draw(g) else s.contrast.draw(g)
    return paper(cover.shape, g) * (1 - contrast * cover)


def _frame(shape: tuple[int, int], g: np.random.Generator) -> tuple[int, int, int, int]:
    """Draw how many pixels are cut off at the top, the bottom, the left and the right."""
    s = FINISH
    if not s.cut.draw(g):
        return 0, 0, 0, 0
    top, bottom, left, right = (
        int(g.integers(0, 1 + side // s.cut_most)) if s.cut_side.draw(g) else 0 for side in np.repeat(shape, 2)
    )
    return top, bottom, left, right


def _in_frame(canvas: Canvas, frame: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the items' boxes, float32 (N, 4), and visible shares, (N,), in what the frame leaves."""
    boxes = np.array([item.box for item in canvas.items], np.float32).reshape(-1, 4)
    visible = np.array([item.visible for item in canvas.items], np.float32)
    top, bottom, left, right = frame
    low = np.maximum(boxes[:, :2], (left, top))
    high = np.minimum(boxes[:, :2] + boxes[:, 2:], (canvas.width - right, canvas.height - bottom))
    inside = np.maximum(high - low, 0)
    visible = visible * (inside.prod(1) / np.maximum(boxes[:, 2:].prod(1), 1))
    return np.concatenate([low, np.maximum(inside, 1)], 1).astype(np.float32), visible
