"""Test digits that the page shows when asked for one: the first of each class, and the hardest for the network.

They ship with the package so that the page works offline. MNIST is CC BY-SA 3.0 (LeCun, Cortes, Burges).
`python -m shuzi.serve.samples` makes the file again, from MNIST's test set and the shipped network.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

FILE = Path(__file__).parent / "samples.npz"
PER_DIGIT = 15  # of each of the ten: no button press in a while shows the same twice
HARDEST = 60


@dataclass(eq=False)
class Samples:
    """images: uint8 (N, 28, 28); labels: uint8 (N,); index: int (N,) in MNIST's test set; hard: bool (N,)."""

    images: np.ndarray
    labels: np.ndarray
    index: np.ndarray
    hard: np.ndarray

    @cached_property
    def known(self) -> frozenset[bytes]:
        """The bytes of each image as it is and as the reader centres it. Other digits of the test set are not known."""
        from shuzi.data.normalise import normalise

        return frozenset(image.tobytes() for plain in self.images for image in (plain, normalise(plain)))


def load() -> Samples:
    """The shipped samples."""
    with np.load(FILE, allow_pickle=False) as arrays:
        return Samples(**arrays)


def make() -> Samples:
    """Picks the samples: the first of each class, and those whose label the shipped network finds least likely."""
    import shuzi
    from shuzi.read.reader import Reader

    _, test = shuzi.load("mnist")
    scores = Reader().scores(test.images)
    hardest = np.argsort(scores[np.arange(len(test.labels)), test.labels])[:HARDEST]
    first = np.sort(np.concatenate([np.flatnonzero(test.labels == k)[:PER_DIGIT] for k in range(10)]))
    index = np.concatenate([first, hardest])
    hard = np.arange(len(index)) >= len(first)
    return Samples(test.images[index], test.labels[index], index.astype(np.uint16), hard)


if __name__ == "__main__":
    made = make()
    np.savez_compressed(FILE, images=made.images, labels=made.labels, index=made.index, hard=made.hard)
    print(f"{FILE}: {len(made.labels)} digits, {FILE.stat().st_size:,} bytes")
