"""What the page /learn asks for: the set to learn from, the weights to start from, the order of an epoch.

The page trains by itself. Given these three it goes the way of `shuzi train softmax-numpy`, batch for batch.
"""

import functools
import gzip
import threading

import numpy as np

from shuzi.data import digits, sources
from shuzi.serve.guard import Problem
from shuzi.train import softmax_numpy

SET = "mnist"
LAST_SEED = 2**63 - 1
MOST_IMAGES = 60_000
MOST_EPOCHS = 100
_one_at_a_time = threading.Lock()


def packed_set() -> bytes:
    """MNIST, gzipped: two uint32, the counts of training and test digits; their labels; their images. Little-endian.

    Raises Problem 404 where it is not on this computer, with the command that gets it.
    """
    with _one_at_a_time:
        return _packed_set()


@functools.cache
def _packed_set() -> bytes:
    found = sources.find_local(SET)
    if len(found) < len(sources.SOURCES[SET].files):
        raise Problem(404, f"{SET} is not on this computer; get it with: shuzi data {SET}.")
    train, test = digits.from_files(SET, [found[file] for file in sources.SOURCES[SET].files])
    counts = np.array([len(train), len(test)], "<u4").tobytes()
    arrays = train.labels, test.labels, train.images, test.images
    parts = [counts, *(each.tobytes() for each in arrays)]
    return gzip.compress(b"".join(parts), compresslevel=1, mtime=0)


def start(seed: int) -> bytes:
    """The weights that a seed starts from: W (784, 10) row by row, then b (10,). float32, little-endian."""
    W, b = softmax_numpy.initial(softmax_numpy.generator(seed))
    return np.concatenate([W.reshape(-1), b]).astype("<f4").tobytes()


def order(seed: int, count: int, epoch: int) -> bytes:
    """The order in which epoch `epoch`, from 1, goes through `count` images. uint32 (count,), little-endian."""
    generator = softmax_numpy.generator(seed)
    softmax_numpy.whole(generator, (epoch - 1) * (count - 1))  # what the epochs before drew
    return softmax_numpy.order(generator, count).astype("<u4").tobytes()
