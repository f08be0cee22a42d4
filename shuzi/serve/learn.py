"""What the learning page asks for: MNIST, initial weights, and the order of the images in an epoch.

The page itself trains. With these three it sees the same batches as `shuzi train softmax-numpy`.
"""

import functools
import gzip
import threading

import numpy as np

from shuzi.data import datasets, sources
from shuzi.data.digits import Digits
from shuzi.serve.problems import Problem
from shuzi.softmax import draws

MNIST = "mnist"
LAST_SEED = 2**63 - 1
MOST_IMAGES = 60_000
MOST_EPOCHS = 100
_packing = threading.Lock()


def packed_set() -> bytes:
    """MNIST as `pack` packs it. Raises Problem 404 where it is not on this computer, with the command that gets it."""
    with _packing:
        return _packed_set()


@functools.cache
def _packed_set() -> bytes:
    found = sources.find_local(MNIST)
    if len(found) < len(sources.SOURCES[MNIST].files):
        raise Problem(404, f"{MNIST} is not on this computer; get it with: shuzi data {MNIST}.")
    files = [found[file] for file in sources.SOURCES[MNIST].files]
    return pack(*datasets.from_files(MNIST, files).split(), compresslevel=1)


def pack(train: Digits, test: Digits, compresslevel: int) -> bytes:
    """Pack both, gzipped: two uint32, little-endian, how many digits each has; their labels; their images."""
    counts = np.array([len(train), len(test)], "<u4")
    parts = (counts, train.labels, test.labels, train.images, test.images)
    return gzip.compress(b"".join(part.tobytes() for part in parts), compresslevel, mtime=0)


def start(seed: int) -> bytes:
    """The weights that a seed starts from: W (784, 10) row by row, then b (10,). float32, little-endian."""
    W, b = draws.initial(draws.generator(seed))
    return np.concatenate([W.reshape(-1), b]).astype("<f4").tobytes()


def order(seed: int, count: int, epoch: int) -> bytes:
    """The order in which epoch `epoch`, from 1, goes through `count` images. uint32 (count,), little-endian."""
    generator = draws.generator(seed)
    draws.uint32(generator, (epoch - 1) * (count - 1))  # what the epochs before drew
    return draws.order(generator, count).astype("<u4").tobytes()
