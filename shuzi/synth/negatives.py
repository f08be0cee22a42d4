"""Negatives: 28x28 images that are no digit.

Letters, signs, scribbles, shapes, textures, blanks, joined digits and turned ones.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from shuzi.data.digits import SIDE, Digits
from shuzi.synth.distributions import Chance, Integers, LogNormal, Normal, Uniform
from shuzi.synth.mnist_style import PEN_STYLE, draw_digits, draw_glyph, to_box
from shuzi.synth.raster import crop_to_ink, lay, rotation
from shuzi.synth.shapes import blob, nearly_blank, silhouette, texture
from shuzi.synth.skeletons import sign_skeletons

NOT_A_DIGIT = 10  # the label
TYPED = "ABCEFGHJKLMNPQRTUVWXYadefhkmnprtuvwxy+=%&#@*<>?$"
FONTS = 8  # stroke fonts of OpenCV
CROPPED = 40  # grey above this is ink of a written digit


@dataclass(frozen=True)
class Negatives:
    """How often each kind is drawn, and how. Lengths of scribbles and lines in hundredths of the glyph's box."""

    signs: float = 13
    typed: float = 2.5
    scribbles: float = 14
    lines: float = 1
    silhouettes: float = 3
    blobs: float = 1
    textures: float = 1.5
    blanks: float = 1.5
    pairs: float = 2.5
    turned: float = 1.5
    sign_squeeze: float = 0.6
    italic: Chance = Chance(0.3)
    one_letter: Chance = Chance(0.8)
    typed_pen: Integers = Integers(3, 18)  # pixels of 160
    typed_slant: Normal = Normal(0, 0.15)
    typed_width: LogNormal = LogNormal(np.exp(-0.2), 0.25)
    typed_rise: Normal = Normal(0, 0.08)
    zigzag: float = 0.2  # share of scribbles to and fro, as people cross out
    angular: float = 0.75  # share below which a scribble has corners
    turns: Integers = Integers(10, 24)  # of a zigzag
    zigzag_width: Uniform = Uniform(40, 100)
    zigzag_off: float = 6
    fewest_corners: int = 8  # fewer may be a digit by chance, in curves sooner than in corners
    fewest_curves: int = 11
    most: int = 31
    fine_pen: Chance = Chance(0.5)
    scribble_squeeze: float = 0.3
    flat_line: Chance = Chance(0.3)
    tilt: Uniform = Uniform(-0.25, 0.25)  # radians: well away from the upright 1
    line_points: Integers = Integers(2, 4)
    line_count: Integers = Integers(3, 8)
    two_in_pair: Chance = Chance(0.8)
    upright_pair: Chance = Chance(0.12)
    pair_gap: Integers = Integers(-4, 7)  # pixels
    pair_shift: Integers = Integers(-4, 5)  # pixels
    mirrored: Chance = Chance(0.5)
    to_left: Chance = Chance(0.5)


NEGATIVES = Negatives()
MIRRORED, ROTATED = (3, 4, 7, 9), (2, 3, 4, 5, 7, 9)  # digits that are then no other digit


@dataclass(frozen=True, eq=False)
class WithNegatives(Digits):
    """Digits among negatives: labels 0..9, and 10 for what is no digit."""

    def __post_init__(self) -> None:
        """Let the eleventh label pass: these are made here, not read from a stranger's file."""


def mix(written: Digits, g: np.random.Generator, *, times: int = 1, drawn: float, negatives: float) -> WithNegatives:
    """Append digits that are drawn, and negatives, to a set.

    Args:
        written: real digits; some of the negatives are made of them.
        g: draws everything.
        times: how often each written digit stands in the set: all that is drawn differs, so there is more of it.
        drawn: how many digits to draw for each that stands there.
        negatives: how many negatives, likewise.
    """
    count = times * len(written)
    images, labels = draw_digits(round(drawn * count), g)
    others = draw_negatives(round(negatives * count), g, written.images, written.labels)
    return WithNegatives(
        np.concatenate([*[written.images] * times, images, others]),
        np.concatenate([*[written.labels] * times, labels, np.full(len(others), NOT_A_DIGIT, np.uint8)]),
        f"{written.name}, {len(images):,} drawn, {len(others):,} negatives",
    )


def draw_negatives(count: int, g: np.random.Generator, written: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Draw what is no digit: uint8 (count, 28, 28).

    written: uint8 (N, 28, 28), real digits to be joined and turned; labels: uint8 (N,), theirs.
    """
    s, signs = NEGATIVES, sign_skeletons()
    kinds: list[tuple[float, Callable[[], np.ndarray]]] = [
        (s.signs, lambda: draw_glyph(signs[g.integers(len(signs))], g, s.sign_squeeze)),
        (s.typed, lambda: typed(g)),
        (s.scribbles, lambda: scribble(g)),
        (s.lines, lambda: lines(g)),
        (s.silhouettes, lambda: silhouette(g)),
        (s.blobs, lambda: blob(g)),
        (s.textures, lambda: texture(g)),
        (s.blanks, lambda: nearly_blank(g)),
        (s.pairs, lambda: pair(g, written)),
        (s.turned, lambda: turned(g, written, labels)),
    ]
    odds = np.array([weight for weight, _ in kinds])
    chosen = g.choice(len(kinds), count, p=odds / odds.sum())
    return np.stack([kinds[kind][1]() for kind in chosen]) if count else np.empty((0, SIDE, SIDE), np.uint8)


def typed(g: np.random.Generator) -> np.ndarray:
    """Draw a letter or sign in one of OpenCV's stroke fonts, slanted."""
    s, canvas = NEGATIVES, np.zeros((160, 200), np.uint8)
    font = int(g.integers(0, FONTS)) | (cv2.FONT_ITALIC if s.italic.draw(g) else 0)
    text = "".join(g.choice(list(TYPED), 1 if s.one_letter.draw(g) else 2))
    cv2.putText(canvas, text, (30, 110), font, 2.6, 255, s.typed_pen.draw(g), cv2.LINE_AA)
    slant = s.typed_slant.draw(g)
    move = np.array([[s.typed_width.draw(g), -slant, 100 * slant], [s.typed_rise.draw(g), 1, 0]], np.float32)
    return to_box(cv2.warpAffine(canvas, move, (260, 160)), g)


def scribble(g: np.random.Generator) -> np.ndarray:
    """Draw a pen that wanders: from place to place, angular or in curves, or to and fro as people cross out."""
    s, kind = NEGATIVES, g.random()
    if kind < s.zigzag:
        n = s.turns.draw(g)
        x, y = np.linspace(0, 100, n), np.where(np.arange(n) % 2, 0, s.zigzag_width.draw(g))
        points = np.stack([x, y], 1) + g.normal(0, s.zigzag_off, (n, 2))
        points = points @ rotation(g.uniform(0, np.pi))
    else:
        fewest = s.fewest_corners if kind < s.angular else s.fewest_curves
        count = fewest + int((s.most - fewest) * g.random() ** 2)  # few look more like digits: more of them
        points = g.uniform(0, 100, (count, 2))
    corner = "!" if kind < s.angular else ""
    pen = PEN_STYLE.fine if s.fine_pen.draw(g) else PEN_STYLE.width
    return draw_glyph(_skeleton([points], corner), g, s.scribble_squeeze, pen)


def lines(g: np.random.Generator) -> np.ndarray:
    """Draw three to seven straight or bent strokes anyhow, or one that lies flat."""
    s = NEGATIVES
    if s.flat_line.draw(g):
        strokes = [np.array([[-1, 0], [1, 0]]) @ rotation(-s.tilt.draw(g)) * 50 + 50]
    else:
        count = s.line_count.draw(g)
        strokes = [g.uniform(0, 100, (s.line_points.draw(g), 2)) for _ in range(count)]
    return draw_glyph(_skeleton(strokes), g)


def _skeleton(strokes: list[np.ndarray], corner: str = "") -> str:
    """Write strokes (P, 2) in the notation of `tables/skeletons.toml`."""
    return " | ".join(" ".join(f"{x:.1f},{y:.1f}{corner}" for x, y in stroke) for stroke in strokes)


def _cropped(image: np.ndarray) -> np.ndarray:
    """Return the part of an image that has ink."""
    ink = crop_to_ink(image, CROPPED)
    return image if ink is None else ink


def pair(g: np.random.Generator, written: np.ndarray) -> np.ndarray:
    """Join two or three digits side by side or one above the other, touching or not."""
    s = NEGATIVES
    count = 2 if s.two_in_pair.draw(g) else 3
    row = [_cropped(written[g.integers(len(written))]) for _ in range(count)]
    upright = s.upright_pair.draw(g)
    if upright:
        row = [image.T for image in row]
    gap = s.pair_gap.draw(g)
    canvas = np.zeros((40, sum(image.shape[1] + abs(gap) for image in row) + 12), np.uint8)
    x = 4
    for image in row:
        h, w = image.shape
        lay(canvas, image, x, int(np.clip(20 - h // 2 + s.pair_shift.draw(g), 0, 40 - h)))
        x += max(w + gap, 4)
    return to_box(canvas.T if upright else canvas, g)


def turned(g: np.random.Generator, written: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Turn a digit on its side or mirror it: only those that are then no other digit."""
    mirrored = NEGATIVES.mirrored.draw(g)
    while labels[i := g.integers(len(written))] not in (MIRRORED if mirrored else ROTATED):
        pass
    if mirrored:
        return written[i, :, ::-1].copy()
    return np.rot90(written[i], 1 if NEGATIVES.to_left.draw(g) else 3).copy()
