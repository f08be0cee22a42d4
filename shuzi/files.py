"""Writing files whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from shuzi.errors import ShuziError


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; what is written there becomes `path` when the block ends well.

    The bytes are flushed to the disk before the rename, so a process killed at any moment leaves the
    old file or the new one, never half of one. Folders on the way are made.

    Raises:
        ShuziError: the folder cannot be written or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(descriptor)
    except OSError as error:
        raise cannot_write(path, error) from error
    part = Path(name)
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes | bytearray | str) -> None:
    """Write `data` (text as UTF-8) to `path` whole or not at all. Raises ShuziError as `whole_file` does."""
    with whole_file(path) as part:
        part.write_bytes(data.encode() if isinstance(data, str) else data)


def cannot_write(path: Path, error: OSError) -> ShuziError:
    """The sentence for a file that could not be written, with the system's reason."""
    return ShuziError(
        f"{path}: cannot be written ({error.strerror or error}); free space or choose another folder"
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
