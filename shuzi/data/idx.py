"""Read and write IDX, the format of MNIST's files: strict in reading, atomic in writing.

An IDX file is a big-endian header (two zero bytes, a type code, the number of dimensions, then each
dimension as uint32) and the values in row-major order. Source: Y. LeCun, C. Cortes, C. J. C. Burges,
"The MNIST database of handwritten digits", section "File formats".
"""

import gzip
import io
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shuzi.errors import ShuziError
from shuzi.files import cannot_read, write_whole

KINDS = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
TYPES: dict[int, np.dtype[Any]] = {code: np.dtype(kind) for code, kind in KINDS.items()}
MAX_IDX_BYTES = 1_000_000_000  # of a file: twenty times MNIST's largest
MAX_DIMENSIONS = 32  # numpy 1 holds no more; IDX itself would allow 255
CODES = {dtype: code for code, dtype in TYPES.items()}


@dataclass(frozen=True)
class Header:
    """An IDX file's header: type and shape of its values, where they start, and the file's length, in bytes."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    length: int


def header(data: bytes | bytearray, name: str = "data") -> Header:
    """Parse the header of an IDX file from its first bytes, uncompressed.

    Raises:
        ShuziError: the magic, the type or the number of dimensions is not what the format says.
    """
    if len(data) < 4 or data[0] != 0 or data[1] != 0:
        raise ShuziError(
            f"{name}: starts with {bytes(data[:4])!r}, but an IDX file starts with two zero bytes. "
            "Replace it with the original file."
        )
    code, dimensions = data[2], data[3]
    if code not in TYPES:
        raise ShuziError(
            f"{name}: type code 0x{code:02x} is not one of IDX's ({', '.join(f'0x{c:02x}' for c in TYPES)})"
        )
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise ShuziError(f"{name}: {dimensions} dimensions, expected 1 to {MAX_DIMENSIONS}")
    start = 4 + 4 * dimensions
    if len(data) < start:
        raise ShuziError(
            f"{name}: {len(data):,} bytes, fewer than its header of {start}. Replace it with the original file."
        )
    shape = struct.unpack(f">{dimensions}I", data[4:start])
    return Header(TYPES[code], shape, start, start + math.prod(shape) * TYPES[code].itemsize)


def parse(data: bytes | bytearray, name: str = "data") -> np.ndarray:
    """Parse the uncompressed bytes of an IDX file into an array that is a view of them.

    Args:
        data: the whole file, uncompressed.
        name: what errors call the file.

    Raises:
        ShuziError: the magic, the type, the shape or the length is not what the format says.
    """
    said = header(data, name)
    if len(data) != said.length:
        raise ShuziError(
            f"{name}: {len(data):,} bytes, expected {said.length:,} for shape {said.shape}. "
            "Replace it with the original file."
        )
    try:
        return np.frombuffer(data, dtype=said.dtype, offset=said.start).reshape(said.shape)
    except ValueError as error:  # no values at all, but dimensions that numpy cannot address
        raise ShuziError(f"{name}: shape {said.shape} is too large. Replace it with the original file.") from error


def to_bytes(array: np.ndarray) -> bytes:
    """Format an array of uint8, int8, int16, int32, float32 or float64 as an uncompressed IDX file.

    Raises:
        ShuziError: another type, no dimension, or a dimension of 2^32 or more.
    """
    dtype = array.dtype.newbyteorder(">") if array.dtype.itemsize > 1 else array.dtype
    if dtype not in CODES:
        known = ", ".join(d.newbyteorder("=").name for d in CODES)
        raise ShuziError(f"type {array.dtype} has no IDX code. Convert to one of {known}.")
    if not 1 <= array.ndim <= MAX_DIMENSIONS or any(size >= 2**32 for size in array.shape):
        raise ShuziError(
            f"shape {array.shape} does not fit an IDX header. Use 1 to {MAX_DIMENSIONS} dimensions below 2^32."
        )
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, CODES[dtype], array.ndim, *array.shape)
    return header + array.astype(dtype, order="C").tobytes()


def read_bytes(path: Path, most: int = MAX_IDX_BYTES) -> bytearray:
    """Read a file's bytes, decompressed if its name ends in .gz, up to the length in its IDX header.

    Args:
        path: the file.
        most: bytes, uncompressed, that it may have.

    Raises:
        ShuziError: it cannot be read, has more, or is no whole gzip file.
    """
    try:
        size = path.stat().st_size
        if size > most:
            raise ShuziError(f"{path}: {size:,} bytes, expected at most {most:,}.")
        data = path.read_bytes()
    except OSError as error:
        raise cannot_read(path, error) from error
    try:
        return decompress(data, most) if path.suffix == ".gz" else bytearray(data)
    except ShuziError as error:
        raise ShuziError(f"{path}: {str(error).removesuffix('.')}. Delete it and download it again.") from error


def decompress(data: bytes | bytearray, most: int = MAX_IDX_BYTES) -> bytearray:
    """Decompress a gzip file that holds an IDX file.

    A megabyte may unpack to a thousand, so it unpacks no more than the length in the IDX header. Raises ShuziError
    if it is no whole gzip file, holds no IDX file, or one of more than `most` bytes.
    """
    if is_web_page(data):
        raise ShuziError("a web page, not the data")
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            unpacked = bytearray(file.read(4 + 4 * MAX_DIMENSIONS))
            said = header(unpacked)
            if said.length > most:
                raise ShuziError(f"unpacks to {said.length:,} bytes, expected at most {most:,}")
            unpacked += file.read(max(0, said.length - len(unpacked)) + 1)
            if len(unpacked) > said.length:
                raise ShuziError(f"unpacks to more, expected {said.length:,} for shape {said.shape}")
            return unpacked
    except (EOFError, gzip.BadGzipFile, zlib.error, struct.error) as error:
        raise ShuziError(f"not a whole gzip file ({error})") from error


def is_web_page(data: bytes | bytearray) -> bool:
    """Tell whether bytes look like HTML, which networks and servers send in place of a file."""
    return bytes(data[:256]).lstrip()[:1] == b"<"


def read(path: str | Path) -> np.ndarray:
    """Read the array in an IDX file, plain or .gz. Raises ShuziError as `read_bytes` and `parse` do."""
    path = Path(path)
    return parse(read_bytes(path), path.name)


def write(path: str | Path, array: np.ndarray) -> None:
    """Write an array as an IDX file, .gz if so named, whole or not at all. Raises ShuziError as `to_bytes` does."""
    path = Path(path)
    data = to_bytes(array)
    write_whole(path, gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
