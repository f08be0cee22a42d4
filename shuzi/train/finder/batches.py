"""Batches of scenes: what the finder learns from, and those on which it is validated."""

import functools
from collections.abc import Generator, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from shuzi.cores import cores
from shuzi.data import pens
from shuzi.data.digits import Digits
from shuzi.maps import CLASS, HEAT
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.layouts import SQUARE, STRIP
from shuzi.synth.scene import Scene, scene
from shuzi.train.finder.targets import Targets, collate, targets

MOST_WORKERS = 8  # processes that draw scenes: as many as a GPU's step waits for
AHEAD = 6  # batches that each of them draws before they are asked for
VALIDATED = 12  # batches of scenes on which a finder is validated, and their seed
VALIDATION_BATCH = 16
RISE, FALL = 0.02, 0.4  # shares of the steps in which the learning rate rises and falls


class Scenes(Dataset[tuple[Tensor, tuple[Tensor, ...]]]):
    """Batches of scenes, each drawn from the seed and its own number alone; two of strips, then one of squares.

    held_out: real writers are those who are kept for measuring. Raises ShuziError where the pens are missing.
    """

    def __init__(self, digits: Digits, batch_size: int, seed: int, first: int, held_out: bool = False) -> None:
        self.glyphs = Glyphs(digits, pens.load().part(held_out))
        self.batch_size, self.seed, self.first = batch_size, seed, first

    def __len__(self) -> int:
        return 2**31  # more than anybody trains

    def __getitem__(self, index: int) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return pictures uint8 (B, 1, H, W) and the other fields of Targets."""
        number = self.first + index
        g = np.random.default_rng([self.seed, number])
        shape = STRIP if number % 3 else SQUARE
        pictures, *rest = collate([targets(scene(self.glyphs, g, shape)) for _ in range(self.batch_size)])
        return pictures, tuple(rest)


def scene_batches(
    digits: Digits, batch_size: int, seed: int, first: int
) -> Generator[tuple[Tensor, tuple[Tensor, ...]]]:
    """Yield batches of scenes without end, drawn by other processes while this one learns: half as many as cores."""
    scenes = Scenes(digits, batch_size, seed, first)
    workers = min(MOST_WORKERS, max(1, cores() // 2))
    yield from DataLoader(scenes, batch_size=None, num_workers=workers, prefetch_factor=AHEAD)


def squares_and_strips(glyphs: Glyphs, count: int, *seed: int) -> Iterator[Scene]:
    """Yield squares and strips in turn, each drawn from the seed and its own number alone."""
    for number in range(count):
        yield scene(glyphs, np.random.default_rng([*seed, number]), STRIP if number % 2 else SQUARE)


@functools.lru_cache(maxsize=1)
def validation_batches(digits: Digits) -> list[Targets]:
    """Draw the scenes on which a finder is validated, the same after each epoch."""
    scenes = Scenes(digits, VALIDATION_BATCH, VALIDATED, 0, held_out=True)
    return [Targets(pictures, *rest) for pictures, rest in map(scenes.__getitem__, range(VALIDATED))]


def count_correct(finder: nn.Module, digits: Digits, device: torch.device) -> tuple[int, int]:
    """Count the digits of some scenes, written with given digits, that are found and named right, and all of them."""
    right = count = 0
    for wanted in validation_batches(digits):
        maps = finder(wanted.pictures.to(device))[0].float().cpu()
        middles = wanted.heat[:, 0] == 1
        found = (maps[:, HEAT][:, 0] > 0) & (maps[:, CLASS].argmax(1) == wanted.label)
        right += int((found & middles).sum())
        count += int(middles.sum())
    return right, count


def trapezoid(done: float) -> float:
    """Return the learning rate's factor: a short rise, level for three fifths of the steps, then down to nothing."""
    return min(1.0, done / RISE + RISE, max(0.0, (1 - done) / FALL))
