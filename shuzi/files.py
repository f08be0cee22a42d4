"""Files: write them completely or not at all, lock them, never overwrite other people's, read what a person names.

Locks are the system's own. filelock leaves its lock files in a person's folders, and can't tell a half-written file
of a killed process from one that is being written.
"""

import contextlib
import errno
import hashlib
import itertools
import mmap
import os
import secrets
import stat
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from shuzi.errors import ShuziError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

MAX_FILE_BYTES = 200_000_000  # of a file that is read into memory
PREFIX = ".shuzi-"  # of the names of files that are being written, and of locks
LOCK_HELD = errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK  # the system's errors for a lock that another holds
PNG_HEAD = 33  # bytes of a PNG's signature and first chunk
PNG_MARK = b"tEXtSoftware\0shuzi"  # a chunk of every PNG that shuzi writes


def read_bytes(path: Path) -> bytes:
    """Read a file. Raises ShuziError if it can't be read, is huge, or is a pipe or a device, which may never end."""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ShuziError(f"{path}: can't be read (a pipe or a device).")
        if path.exists() and (size := path.stat().st_size) > MAX_FILE_BYTES:
            raise ShuziError(f"{path}: {size:,} bytes, expected at most {MAX_FILE_BYTES:,}.")
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise cannot_read(path, error) from None


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it is renamed to `path` if the block succeeds.

    The bytes are flushed to the disk before the rename, so a process killed at any moment leaves the old file or the
    new one, never half of one. The next process that writes to the folder removes what a killed one left. Missing
    folders are made, a symlink's target is written, and a file that is replaced keeps its mode.

    Raises:
        ShuziError: `path` is no file, the folder can't be written, or the disk is full.
    """
    mode = None
    try:
        path = Path(os.path.realpath(path)) if path.is_symlink() else path
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            mode = stat.S_IMODE(path.stat().st_mode)
            if not path.is_file() and not path.is_dir():
                raise ShuziError(f"{path} is a device or a pipe and was left unchanged. Choose a file.")
        sweep(path.parent)
        part, descriptor = _open_part(path.parent, 0o666 if mode is None else mode & 0o666 | 0o600)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise cannot_write(path, error) from error
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        if mode is not None:
            with contextlib.suppress(OSError):  # a file system without modes
                part.chmod(mode)
        part.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        part.unlink(missing_ok=True)
        if descriptor is not None:
            os.close(descriptor)


def write_whole(path: Path, data: bytes | bytearray | str) -> None:
    """Write data (text as UTF-8) to `path` completely or not at all. Raises ShuziError as `whole_file` does."""
    with whole_file(path) as part:
        part.write_bytes(data.encode() if isinstance(data, str) else data)


def refuse_overwrite(path: Path, mark: bytes, kind: str) -> None:
    """Raise ShuziError if there is a file at `path` that lacks the `mark` of files that shuzi makes of this kind."""
    try:
        if not path.is_file() or not path.stat().st_size:
            return
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            ours = data.find(mark) >= 0
    except (OSError, ValueError) as error:
        raise cannot_write(path, error) from error
    if not ours:
        raise ShuziError(f"{path} is not {kind} and was left unchanged. Choose another file.")


def write_png(path: Path, data: bytes) -> None:
    """Write a PNG with shuzi's mark. Raises ShuziError rather than replace a file without it."""
    refuse_overwrite(path, PNG_MARK, "a picture made by shuzi")
    checksum = struct.pack(">I", zlib.crc32(PNG_MARK))
    chunk = struct.pack(">I", len(PNG_MARK) - 4) + PNG_MARK + checksum
    write_whole(path, data[:PNG_HEAD] + chunk + data[PNG_HEAD:])


def cannot_read(path: Path, error: OSError | ValueError) -> ShuziError:
    """Describe why a file could not be read, with the system's reason."""
    return ShuziError(f"{path}: can't be read ({getattr(error, 'strerror', None) or error}).")


def cannot_write(path: Path, error: OSError | ValueError) -> ShuziError:
    """Describe why a file could not be written, with the system's reason."""
    reason = getattr(error, "strerror", None) or error
    blocked = isinstance(error, (FileExistsError, NotADirectoryError))
    way_out = "Something is in the way: choose another name." if blocked else "Free space or choose another folder."
    return ShuziError(f"{path}: cannot be written ({reason}). {way_out}")


@contextlib.contextmanager
def locked(path: Path, patience: float = 0.0, purpose: str = "") -> Iterator[None]:
    """Hold the lock of a file, which need not exist, against other processes and threads of shuzi.

    The lock is a hidden file beside it, because the file itself may be replaced meanwhile. It is removed at the end;
    the system releases the lock of a killed process. patience: seconds to wait for another holder; purpose: locks of
    one file for different purposes are independent. Raises ShuziError if another process still holds it, or if the
    folder can't be written.
    """
    try:
        whole = Path(os.path.realpath(path))
        whole.parent.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(purpose.encode() + b"\0" + os.fsencode(whole.name)).hexdigest()[:16]
        lock = whole.with_name(f"{PREFIX}{name}.lock")
        until = time.monotonic() + patience
        while (descriptor := _acquire(lock)) is None:
            if time.monotonic() >= until:
                raise ShuziError(
                    f"{path}: another shuzi is writing to it. Wait until it has finished, or choose another file."
                )
            time.sleep(0.01)
    except (OSError, ValueError) as error:
        raise cannot_write(path, error) from error
    try:
        yield
    finally:
        if sys.platform == "win32":  # an open file can't be removed there
            os.close(descriptor)
        with contextlib.suppress(OSError):  # on Windows, another process waits for it
            lock.unlink()
        if sys.platform != "win32":
            os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove half-written files and locks that killed processes left; those of live processes are still locked."""
    if sys.platform == "win32":  # there a file must be closed, and so unlocked, before it can be renamed
        return
    for left in itertools.chain(folder.glob(f"{PREFIX}*.part"), folder.glob(f"{PREFIX}*.lock")):
        with contextlib.suppress(OSError):  # removed by another
            if (descriptor := _acquire(left, os.O_RDWR)) is not None:
                left.unlink(missing_ok=True)
                os.close(descriptor)


def _open_part(folder: Path, mode: int) -> tuple[Path, int | None]:
    """Make a new file to write to; return it and the descriptor that holds its lock until it is closed."""
    while True:
        part = folder / f"{PREFIX}{secrets.token_hex(8)}.part"
        descriptor = _acquire(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
        if descriptor is not None and sys.platform == "win32":
            os.close(descriptor)
            return part, None
        if descriptor is not None:  # else it was swept before it was locked
            return part, descriptor


def _acquire(path: Path, flags: int = os.O_RDWR | os.O_CREAT, mode: int = 0o666) -> int | None:
    """Lock a file; return the descriptor that holds the lock until closed, None if another holds it or removed it."""
    descriptor = os.open(path, flags, mode)
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        free = True
    except OSError as error:
        free = error.errno not in LOCK_HELD  # else it is a file system without locks
    if free and os.fstat(descriptor).st_nlink:
        return descriptor
    os.close(descriptor)
    return None
