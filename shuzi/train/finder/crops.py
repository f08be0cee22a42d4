"""Crops: what the finder hands to the classifier of scenes, ink as it comes, with neighbours' remains."""

import numpy as np

from shuzi.data.digits import SIDE
from shuzi.read.find import Finder
from shuzi.read.reader import cut_out_digits
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.layouts import SQUARE, STRIP
from shuzi.synth.negatives import NOT_A_DIGIT
from shuzi.synth.scene import scene
from shuzi.train.calibration import labelled

LEAST_CHANCE = 0.2  # of a proposal: with less it is hardly ever read


def draw_crops(finder: Finder, glyphs: Glyphs, scenes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw scenes, and cut out what a finder takes for digits in them.

    Returns images uint8 (N, 28, 28) and labels uint8 (N,): 0..9, or NOT_A_DIGIT for a false find.
    """
    images, labels = [np.zeros((0, SIDE, SIDE), np.uint8)], []
    for number in range(scenes):
        made = scene(glyphs, np.random.default_rng([seed, number]), STRIP if number % 2 else SQUARE)
        found, _ = finder(made.picture)
        digits = [p for p in found if not p.mark and p.chance >= LEAST_CHANCE]
        pairs = labelled(made, digits)
        if pairs:
            images.append(np.asarray(cut_out_digits([p for p, _ in pairs], found)))
            labels += [NOT_A_DIGIT if label < 0 else label for _, label in pairs]
    return np.concatenate(images), np.array(labels, np.uint8)
