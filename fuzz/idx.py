"""IDX files: cut, flipped, lengthened; plain and .gz; with headers that promise what isn't there."""

import gzip
import struct

import numpy as np

from shuzi.data import idx


def mutated(random, data, most=8):
    """Bytes with some changed, cut off, put in or copied over others."""
    data = bytearray(data)
    for _ in range(random.integers(1, most + 1)):
        kind, at = (random.integers(6), int(random.integers(max(1, min(len(data), 10 ** random.integers(1, 7))))))
        if kind == 0 and data:
            data[at % len(data)] = random.integers(256)
        elif kind == 1 and data:
            data[at % len(data)] ^= 1 << random.integers(8)
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            data[at:at] = random.bytes(random.integers(1, 40))
        elif kind == 4:
            start = int(random.integers(len(data) + 1))
            data[at : at + 16] = data[start : start + 16]
        else:
            data[at : at + 4] = struct.pack(">I", random.choice([0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1]))
    return bytes(data)


def case(random, folder):
    kinds = ("u1", "i1", ">i2", ">i4", ">f4", ">f8")
    shape = random.integers(0, 9, random.integers(1, 5))
    data = idx.to_bytes(np.zeros(shape, kinds[random.integers(len(kinds))]))
    packed = random.random() < 0.5
    if packed and random.random() < 0.5:
        data = gzip.compress(mutated(random, data), 1)
    else:
        data = mutated(random, gzip.compress(data, 1) if packed else data)
    path = folder / ("set.gz" if packed else "set")
    path.write_bytes(data)
    array = idx.read(path)
    assert idx.to_bytes(array)[:4] == (gzip.decompress(data) if packed else data)[:4]


ZEROS = gzip.compress(bytes(10_000_000)) * 300  # 3 GB in 3 MB: a gzip file may have several parts


def zeros(folder):
    (folder / "set.gz").write_bytes(ZEROS)
    idx.read(folder / "set.gz")


def promised(folder):
    """The same, with a header that says so."""
    head = struct.pack(">BBBBIII", 0, 0, 8, 3, 3_000, 1000, 1000)
    (folder / "set.gz").write_bytes(gzip.compress(head) + ZEROS)
    idx.read(folder / "set.gz")


KNOWN = {"zeros": zeros, "promised": promised}
