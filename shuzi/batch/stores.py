"""Storage of pictures and Parquet files: a folder of this machine, or any store that pyarrow reaches."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias

import pyarrow as pa
from pyarrow import fs

from shuzi.errors import ShuziError, SystemFailure, system_failure
from shuzi.files import write_whole

ATOMIC = ("s3", "gcs", "abfs")  # stores in which a file appears only when it is closed
OF_THE_FILE = re.compile("ACCESS_DENIED|NOT_FOUND|NO_SUCH_KEY")  # a store's errors about one file only
ERRORS = (pa.ArrowException, OSError, ValueError)  # what stores raise

Kind: TypeAlias = Literal["file", "folder"] | None


class Local:
    """A folder or file of this machine. Names need not be UTF-8."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def kind(self, name: str = "") -> Kind:
        """Tell what is there; None for nothing, a pipe or a device."""
        path = self.root / name
        return "folder" if path.is_dir() else "file" if path.is_file() else None

    def parent(self) -> tuple[Local, str]:
        """Return the folder it is in, and its name there."""
        return Local(self.root.parent), self.root.name

    def names(self) -> list[str]:
        """List the names in the folder."""
        return os.listdir(self.root)  # noqa: PTH208

    def walk(self) -> Iterator[str]:
        """Yield the paths of all files below, relative to the folder; hidden folders are skipped."""

        def fail(error: OSError) -> None:
            raise error

        for folder, folders, names in os.walk(self.root, onerror=fail, followlinks=True):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for path in (Path(folder, name) for name in names):
                if path.is_file():
                    yield path.relative_to(self.root).as_posix()

    def size(self, name: str) -> int:
        """Return a file's size in bytes."""
        return (self.root / name).stat().st_size

    def read(self, name: str) -> bytes:
        """Read a file's bytes."""
        return (self.root / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole or not at all."""
        write_whole(self.root / name, data)


class Remote:
    """A folder or file of a store."""

    def __init__(self, files: fs.FileSystem, root: str) -> None:
        self._files, self._root = files, root

    def _info(self, name: str) -> fs.FileInfo:
        return self._files.get_file_info(f"{self._root}/{name}" if name else self._root)

    def kind(self, name: str = "") -> Kind:
        """Tell what is there; None for nothing."""
        kinds: dict[fs.FileType, Kind] = {fs.FileType.Directory: "folder", fs.FileType.File: "file"}
        return kinds.get(self._info(name).type)

    def parent(self) -> tuple[Remote, str]:
        """Return the folder it is in, and its name there."""
        folder, _, name = self._root.rpartition("/")
        return Remote(self._files, folder), name

    def names(self) -> list[str]:
        """List the names in the folder."""
        return [each.base_name for each in self._files.get_file_info(fs.FileSelector(self._root))]

    def walk(self) -> Iterator[str]:
        """Yield the paths of all files below, relative to the folder."""
        for each in self._files.get_file_info(fs.FileSelector(self._root, recursive=True)):
            if each.type == fs.FileType.File:
                yield PurePosixPath(each.path).relative_to(self._root).as_posix()

    def size(self, name: str) -> int:
        """Return a file's size in bytes."""
        return self._info(name).size or 0

    def read(self, name: str) -> bytes:
        """Read a file's bytes."""
        with self._files.open_input_stream(f"{self._root}/{name}") as stream:
            return bytes(stream.read())

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole or not at all."""
        path = part = f"{self._root}/{name}"
        atomic = self._files.type_name in ATOMIC
        if not atomic:
            self._files.create_dir(self._root, recursive=True)
            part = f"{self._root}/.{name}.{uuid.uuid4().hex}.part"
        stream = self._files.open_output_stream(part)
        stream.write(data)
        stream.close()  # not by `with`: after an error it would close, and so publish, a part
        if not atomic:
            self._files.move(part, path)


Store: TypeAlias = Local | Remote


def open_store(uri: str) -> Store:
    """Open the store of a path or URI. Raises ShuziError if pyarrow knows none."""
    if "://" not in uri:
        return Local(Path(uri).absolute())
    with store_errors(uri):
        files, root = fs.FileSystem.from_uri(uri)
    return Local(Path(root)) if isinstance(files, fs.LocalFileSystem) else Remote(files, root)


def without_secret(uri: str) -> str:
    """Strip a key and a secret from a URI."""
    return re.sub(r"://[^/@]*@", "://", uri)


@contextmanager
def store_errors(uri: str) -> Iterator[None]:
    """Turn what a store raises into ShuziError."""
    try:
        yield
    except ERRORS as error:
        raise store_error(uri, error) from error


def store_error(uri: str, error: Exception) -> ShuziError:
    """Describe an error of a store."""
    if (failure := system_failure(error, without_secret(uri))) is not None:
        return failure
    said = re.sub(r"\s+", " ", str(error)).strip(" .")
    return ShuziError(
        f"{without_secret(uri)}: the store refused ({said[:300]}). Check that it exists and that you may use it."
    )


def read_error(name: str, error: Exception) -> ShuziError:
    """Describe why a file can't be read: as a SystemFailure unless the cause is the file itself."""
    if isinstance(error, SystemFailure):
        return SystemFailure(f"{name}: {error}")
    if isinstance(error, ShuziError):
        return error
    sentence = store_error(name, error)
    own = isinstance(error, FileNotFoundError | PermissionError) or OF_THE_FILE.search(str(error))
    if isinstance(error, OSError) and error.errno is None and not own:  # a store's network
        return SystemFailure(str(sentence))
    return sentence
