"""Crops: what the finder hands to the classifier of scenes, ink as it comes, with neighbours' remains."""

import numpy as np

from shuzi.data import pens
from shuzi.data.digits import CLASSES, SIDE, Digits
from shuzi.read.find import Finder
from shuzi.read.reader import cut_out_digits
from shuzi.synth import negatives
from shuzi.synth.canvas import ANYTHING
from shuzi.synth.distributions import Uniform
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.hands import hand
from shuzi.synth.mnist_style import to_box
from shuzi.synth.negatives import NOT_A_DIGIT, WithNegatives
from shuzi.train.calibration import labelled, touches
from shuzi.train.finder.batches import squares_and_strips

LEAST_CHANCE = 0.2  # of a proposal: with less it is hardly ever read


# What a classifier is tuned on beside each digit of the data, as shares of their number: digits drawn from skeletons,
# signs that are no digits, digits and letters of real writers, and scenes, about five crops of each.
DRAWN, NEGATIVES, WRITTEN, LETTERS, SCENES = 0.2, 0.5, 0.3, 0.12, 0.08
HEIGHT = Uniform(30, 90)  # pixels, of what writers write before it is laid out as 28x28


def mix(digits: Digits, g: np.random.Generator) -> WithNegatives:
    """Append digits and letters of real writers, and what the shipped finder takes for digits in scenes.

    Raises ShuziError where the pens are missing.
    """
    count = len(digits)
    writers = pens.load().part(held_out=False)
    glyphs = Glyphs(digits, writers)
    own = negatives.mix(digits, g, drawn=DRAWN, negatives=NEGATIVES)
    written = draw_written(glyphs, round(WRITTEN * count), g)
    letters = [_laid_out(glyphs.letter(HEIGHT.draw(g), hand(g, "pens"), g), g) for _ in range(round(LETTERS * count))]
    crops, labels = draw_crops(Finder(), glyphs, round(SCENES * count), int(g.integers(2**31)))
    return WithNegatives(
        np.concatenate([own.images, written[0], letters, crops]),
        np.concatenate([own.labels, written[1], np.full(len(letters), NOT_A_DIGIT, np.uint8), labels]),
        f"{own.name}, {len(written[0]) + len(letters):,} of real writers, {len(crops):,} crops of scenes",
    )


def draw_written(glyphs: Glyphs, count: int, g: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw digits of real writers laid out as MNIST's: uint8 (count, 28, 28), and their labels uint8 (count,)."""
    labels = g.integers(0, CLASSES, count).astype(np.uint8)
    drawn = (glyphs.digit(int(label), HEIGHT.draw(g), hand(g, "pens"), g) for label in labels)
    return np.array([_laid_out(ink, g) for ink in drawn]).reshape(-1, SIDE, SIDE), labels


def _laid_out(ink: np.ndarray | None, g: np.random.Generator) -> np.ndarray:
    """Lay out ink, float32 (h, w), 0..1, as an image uint8 (28, 28)."""
    if ink is None:
        return np.zeros((SIDE, SIDE), np.uint8)
    return to_box(np.round(ink * 255).astype(np.uint8), g)


def draw_crops(finder: Finder, glyphs: Glyphs, scenes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw scenes, and cut out what a finder takes for digits in them, but for signs that may be digits.

    Returns images uint8 (N, 28, 28) and labels uint8 (N,): 0..9, or NOT_A_DIGIT for a false find.
    """
    images, labels = [np.zeros((0, SIDE, SIDE), np.uint8)], []
    for made in squares_and_strips(glyphs, scenes, seed):
        found, _ = finder(made.picture)
        digits = [p for p in found if not p.mark and p.chance >= LEAST_CHANCE]
        open_ones = made.boxes[made.labels == ANYTHING]
        pairs = [(p, k) for p, k in labelled(made, digits) if not len(open_ones) or not touches(p, open_ones)]
        if pairs:
            images.append(np.asarray(cut_out_digits([p for p, _ in pairs], found)))
            labels += [label if 0 <= label < CLASSES else NOT_A_DIGIT for _, label in pairs]
    return np.concatenate(images), np.array(labels, np.uint8)
