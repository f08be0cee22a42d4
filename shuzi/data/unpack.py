"""Files of datasets in pieces, unpacked if their names end in .gz, .bz2 or .zip, and never more than they should be."""

import bz2
import gzip
import hashlib
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any, BinaryIO

from shuzi.errors import ShuziError
from shuzi.files import cannot_read

PIECE = 1 << 22  # bytes read at a time
MAX_BYTES = 2_000_000_000  # of a dataset's file, unpacked: a CSV of a million images
# A damaged or malicious file may unpack to a thousand times its size. MNIST as CSV unpacks to six times its size.
MAX_RATIO, ALWAYS_ALLOWED = 100, 10_000_000
DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)


def max_unpacked(path: Path) -> int:
    """Return how many bytes a file may have when it is unpacked. Raises ShuziError for a file that is too large."""
    if (size := path.stat().st_size) > MAX_BYTES:
        raise ShuziError(f"{path}: {size:,} bytes, expected at most {MAX_BYTES:,}. Split it.")
    return min(MAX_BYTES, max(ALWAYS_ALLOWED, MAX_RATIO * size))


@contextmanager
def damaged_file_as_error(path: Path) -> Iterator[None]:
    """Turn what the standard library raises for a damaged or unreadable file into ShuziError."""
    try:
        yield
    except DAMAGE as error:
        raise ShuziError(f"{path}: damaged or cut off ({error}). Download it again.") from error
    except RuntimeError as error:  # zipfile's error for a password
        raise ShuziError(f"{path}: can't be unpacked ({error}). Unpack it yourself.") from error
    except OSError as error:  # bz2 raises it for damage too, without a number
        raise cannot_read(path, error) from error


def pieces(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes, unpacked, in pieces of at most PIECE.

    Raises:
        ShuziError: it can't be read, is damaged, or unpacks to too much; a zip holds more or fewer files than one.
    """
    with damaged_file_as_error(path):
        left = max_unpacked(path)
        with path.open("rb") as packed, _unpacked(path, packed) as file:
            while piece := file.read(PIECE):
                left -= len(piece)
                if left < 0:
                    raise ShuziError(f"{path}: unpacks to more than {max_unpacked(path):,} bytes. Unpack it yourself.")
                yield piece


@contextmanager
def _unpacked(path: Path, packed: BinaryIO) -> Iterator[IO[bytes]]:
    """Open what is in a file."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(packed) as archive:
            names = [each for each in archive.namelist() if not each.endswith("/") and "__MACOSX" not in each]
            if len(names) != 1:
                raise ShuziError(f"{path}: holds {len(names)} files, expected one CSV file. Unpack it and name one.")
            with archive.open(names[0]) as member:
                yield member
        return
    opened: dict[str, Callable[[BinaryIO], Any]] = {".gz": gzip.open, ".bz2": bz2.open}
    with opened.get(path.suffix, nullcontext)(packed) as file:
        yield file


def sha256(path: Path) -> str:
    """Compute the SHA-256 of a file as it lies on the disk. Raises ShuziError if it can't be read."""
    with damaged_file_as_error(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
