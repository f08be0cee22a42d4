"""The IDX format of MNIST's files: strict to read, atomic to write.

An IDX file is a big-endian header (two zero bytes, a type code, the number of dimensions, then each
dimension as uint32) and the values in row-major order. Source: Y. LeCun, C. Cortes, C. J. C. Burges,
"The MNIST database of handwritten digits", section "File formats".
"""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from shuzi.errors import ShuziError
from shuzi.files import write_whole

TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype("u1"),
    0x09: np.dtype("i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
MAX_DIMENSIONS = 32  # numpy 1 holds no more; IDX itself would allow 255
CODES = {dtype: code for code, dtype in TYPES.items()}


def parse(data: bytes | bytearray, name: str = "data") -> np.ndarray:
    """Give the array in the uncompressed bytes of an IDX file, as a view of them.

    Args:
        data: the whole file, uncompressed.
        name: what errors call the file.

    Raises:
        ShuziError: the magic, the type, the shape or the length is not what the format says.
    """
    if len(data) < 4 or data[0] != 0 or data[1] != 0:
        raise ShuziError(
            f"{name}: starts with {bytes(data[:4])!r}, an IDX file starts with two zero bytes; "
            "replace it with the original file"
        )
    code, dimensions = data[2], data[3]
    if code not in TYPES:
        raise ShuziError(
            f"{name}: type code 0x{code:02x} is none of IDX's ({', '.join(f'0x{c:02x}' for c in TYPES)})"
        )
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise ShuziError(f"{name}: {dimensions} dimensions, expected 1 to {MAX_DIMENSIONS}")
    start = 4 + 4 * dimensions
    if len(data) < start:
        raise ShuziError(
            f"{name}: {len(data):,} bytes, its header alone takes {start}; replace it with the original file"
        )
    shape = struct.unpack(f">{dimensions}I", data[4:start])
    expected = start + math.prod(shape) * TYPES[code].itemsize
    if len(data) != expected:
        raise ShuziError(
            f"{name}: {len(data):,} bytes, expected {expected:,} for shape {shape}; replace it with the original file"
        )
    try:
        return np.frombuffer(data, dtype=TYPES[code], offset=start).reshape(shape)
    except ValueError as error:  # no values at all, but dimensions that numpy cannot address
        raise ShuziError(f"{name}: shape {shape} is too large; replace it with the original file") from error


def to_bytes(array: np.ndarray) -> bytes:
    """Give the uncompressed IDX file of an array of uint8, int8, int16, int32, float32 or float64.

    Raises:
        ShuziError: another type, no dimension, or a dimension of 2^32 or more.
    """
    dtype = array.dtype.newbyteorder(">") if array.dtype.itemsize > 1 else array.dtype
    if dtype not in CODES:
        known = ", ".join(d.newbyteorder("=").name for d in CODES)
        raise ShuziError(f"type {array.dtype} has no IDX code; convert to one of {known}")
    if not 1 <= array.ndim <= MAX_DIMENSIONS or any(size >= 2**32 for size in array.shape):
        raise ShuziError(
            f"shape {array.shape} does not fit an IDX header; expected 1 or more dimensions below 2^32"
        )
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, CODES[dtype], array.ndim, *array.shape)
    return header + array.astype(dtype, order="C").tobytes()


def read_bytes(path: Path) -> bytearray:
    """Give a file's bytes, uncompressed if its name ends in .gz.

    Raises:
        ShuziError: it cannot be read, or is no whole gzip file.
    """
    try:
        if path.suffix != ".gz":
            data = bytearray(path.stat().st_size)
            with path.open("rb", buffering=0) as file:
                got = file.readinto(data)
            return data[:got] if got != len(data) else data
        compressed = path.read_bytes()
    except OSError as error:
        raise ShuziError(f"{path}: cannot be read ({error.strerror or error})") from error
    try:
        return decompress(compressed)
    except ShuziError as error:
        raise ShuziError(f"{path}: {error}; delete it and fetch it again") from error


def decompress(data: bytes) -> bytearray:
    """Give the uncompressed bytes of a gzip file. Raises ShuziError if it is no whole one."""
    if is_web_page(data):
        raise ShuziError("a web page, not the data")
    try:
        return bytearray(gzip.decompress(data))
    except (EOFError, gzip.BadGzipFile, zlib.error, struct.error) as error:
        raise ShuziError(f"not a whole gzip file ({error})") from error


def is_web_page(data: bytes | bytearray) -> bool:
    """Tell whether bytes look like HTML, which networks and servers send in a file's place."""
    return bytes(data[:256]).lstrip()[:1] == b"<"


def read(path: str | Path) -> np.ndarray:
    """Give the array in an IDX file, plain or .gz. Raises ShuziError as `read_bytes` and `parse` do."""
    path = Path(path)
    return parse(read_bytes(path), path.name)


def write(path: str | Path, array: np.ndarray) -> None:
    """Write an array as an IDX file, .gz if so named, whole or not at all. Raises ShuziError as `to_bytes` does."""
    path = Path(path)
    data = to_bytes(array)
    write_whole(path, gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
