"""MNIST for the learning page, which trains by itself, with the batches of `shuzi train softmax-numpy`."""

import functools
import gzip
import threading

import numpy as np

from shuzi.data import datasets, sources
from shuzi.data.digits import Digits
from shuzi.serve.problems import Problem

MNIST = "mnist"
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
