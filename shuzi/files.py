"""Writing files whole or not at all; reading those that a person names."""

import contextlib
import mmap
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from shuzi.errors import ShuziError

flock: ModuleType | None
try:
    import fcntl as flock
except ImportError:  # Windows; there nobody sweeps
    flock = None

MOST_BYTES = 200_000_000  # of a file that is read into memory as text
PREFIX, SUFFIX = ".shuzi-", ".part"  # of a file that is being written; it is locked meanwhile


def read_bytes(path: Path) -> bytes:
    """Give a file's bytes. Raises ShuziError where it can't be read, is huge, or is none: a pipe is not waited for."""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ShuziError(f"{path}: can't be read (a pipe or a device).")
        if path.exists() and (size := path.stat().st_size) > MOST_BYTES:
            raise ShuziError(f"{path}: {size:,} bytes, expected at most {MOST_BYTES:,}.")
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ShuziError(f"{path}: can't be read ({getattr(error, 'strerror', None) or error}).") from None


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; what is written there becomes `path` when the block ends well.

    The bytes are flushed to the disk before the rename, so a process killed at any moment leaves the
    old file or the new one, never half of one; what it leaves beside them, the next one to write there takes away.
    Folders on the way are made. Through a symlink its target is written.

    Raises:
        ShuziError: there is something else than a file, the folder cannot be written, or the disk is full.
    """
    try:
        path = Path(os.path.realpath(path)) if path.is_symlink() else path
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ShuziError(f"{path}: a device or a pipe, not a file; it stays as it is, name another")
        sweep(path.parent)
        part, descriptor = _begin(path.parent)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise cannot_write(path, error) from error
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        part.unlink(missing_ok=True)
        if descriptor is not None:
            os.close(descriptor)


def write_whole(path: Path, data: bytes | bytearray | str) -> None:
    """Write `data` (text as UTF-8) to `path` whole or not at all. Raises ShuziError as `whole_file` does."""
    with whole_file(path) as part:
        part.write_bytes(data.encode() if isinstance(data, str) else data)


def keep_others(path: Path, mark: bytes, kind: str) -> None:
    """Raise ShuziError if a file lies at `path` without the `mark` that every file of ours of this kind has in it."""
    try:
        if not path.is_file() or not path.stat().st_size:
            return
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            ours = data.find(mark) >= 0
    except (OSError, ValueError) as error:
        raise cannot_write(path, error) from error
    if not ours:
        raise ShuziError(f"{path}: not {kind}; it stays as it is, name another")


def cannot_write(path: Path, error: OSError | ValueError) -> ShuziError:
    """The sentence for a file that could not be written, with the system's reason."""
    reason = getattr(error, "strerror", None) or error
    return ShuziError(f"{path}: cannot be written ({reason}); free space or choose another folder")


def sweep(folder: Path) -> None:
    """Take away what processes that were killed have left half written: whoever still writes holds a lock."""
    if flock is None:
        return
    for left in folder.glob(f"{PREFIX}*{SUFFIX}"):
        with contextlib.suppress(OSError):  # still written, or taken away by another
            descriptor = os.open(left, os.O_RDWR)
            try:
                flock.flock(descriptor, flock.LOCK_EX | flock.LOCK_NB)
                left.unlink()
            finally:
                os.close(descriptor)


def _begin(folder: Path) -> tuple[Path, int | None]:
    """A new file to write to, and the descriptor that holds its lock until it is closed."""
    while True:
        part = folder / f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}"
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        if flock is None:
            os.close(descriptor)
            return part, None
        with contextlib.suppress(OSError):  # a file system without locks
            flock.flock(descriptor, flock.LOCK_EX)
        if part.exists():  # or it was swept before it was locked
            return part, descriptor
        os.close(descriptor)
