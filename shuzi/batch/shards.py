"""A folder of pictures into a folder of Parquet files, each there whole or not at all; on this machine or on many.

Both folders may lie wherever pyarrow reaches: here, or s3://, gs://, hdfs://. The pictures in order of their names are
cut into parts; part 12 becomes part-00012.parquet, a row a picture. Whoever reads a part, and how often, writes the
same file, so what breaks off can be taken up and no row is there twice.
"""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import os
import platform
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import cv2
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

import shuzi
from shuzi.arrow import READINGS, read_one
from shuzi.data import picture
from shuzi.errors import ShuziError
from shuzi.files import write_whole
from shuzi.read.reader import Reader

ROWS = pa.schema(
    [("file", pa.string()), *READINGS]
)  # file: its path below the folder, with #2 for a page of several
LEAST, MOST, PARTS = 20, 1_000, 1_000  # pictures a part; parts, as far as these allow
PAGED = (".tif", ".tiff")
AT_ONCE = ("s3", "gcs", "abfs")  # stores in which a file appears when it is closed
ABOUT = "_shuzi.json"  # readers of Parquet pass over names that begin so


@dataclass(frozen=True)
class Part:
    """A part of the work, with all that whoever does it must know. source, out: folders; files: paths below."""

    number: int
    files: tuple[str, ...]
    source: str
    out: str
    single: bool
    shuzi: str = shuzi.__version__

    @property
    def name(self) -> str:
        """What its file is called."""
        return f"part-{self.number:05}.parquet"


def located(uri: str) -> tuple[fs.FileSystem, str]:
    """Give the file system of a path or URI, and the path there. Raises ShuziError if pyarrow knows none."""
    try:
        return fs.FileSystem.from_uri(uri) if "://" in uri else (fs.LocalFileSystem(), os.path.abspath(uri))  # noqa: PTH100
    except (pa.ArrowException, OSError, ValueError) as error:
        raise refused(uri, error) from error


def shown(uri: str) -> str:
    """Give a URI without the key and the secret that may stand in it."""
    return re.sub(r"://[^/@]*@", "://", uri)


def refused(uri: str, error: Exception) -> ShuziError:
    """The sentence for a store that doesn't do what is asked of it."""
    said = re.sub(r"\s+", " ", str(error)).strip(" .")
    return ShuziError(f"{shown(uri)}: the store refuses ({said[:300]}); see that it is there and may be used")


def pictures_in(folder: str) -> list[str]:
    """Give the paths of all pictures in a folder and below, in order; nothing hidden.

    Raises:
        ShuziError: there is no such folder, it holds no pictures, or it can't be looked into.
    """
    files, root = located(folder)
    try:
        if files.get_file_info(root).type != fs.FileType.Directory:
            raise ShuziError(
                f"{shown(folder)}: no such folder; Parquet files are written of one folder's pictures"
            )
        found = files.get_file_info(fs.FileSelector(root, recursive=True))
    except (pa.ArrowException, OSError) as error:
        raise refused(folder, error) from error
    endings = picture.suffixes()
    names = (PurePosixPath(each.path).relative_to(root) for each in found if each.type == fs.FileType.File)
    pictures = sorted(
        name.as_posix()
        for name in names
        if name.suffix.lower() in endings and not any(part.startswith(".") for part in name.parts)
    )
    if not pictures:
        raise ShuziError(f"{shown(folder)}: a folder without pictures; expected {picture.USUAL} files")
    return pictures


class Folder:
    """The folder that the Parquet files go into, taken for one run.

    Args:
        out: a path or URI.
        about: what decides the rows; they may only be joined by rows of the same.
        go_on: keep the parts that are there, which a run before left.

    Raises:
        ShuziError: there are readings already and `go_on` is not; they are of other pictures, settings or network; or
            the store refuses.
    """

    def __init__(self, out: str, about: dict[str, Any], go_on: bool) -> None:
        self.out, self.run = out, uuid.uuid4().hex
        self.files, self.root = located(out)
        try:
            before = self._about()
            if before is not None and not go_on:
                raise ShuziError(
                    f"{shown(out)}: holds readings already, or another run is writing there; "
                    "give --continue to go on with them, or another --out"
                )
            if before is None and self._names():
                raise ShuziError(f"{shown(out)}: holds other things already; give another --out")
            for name, value in about.items():
                if before is not None and before.get(name) != value:
                    raise ShuziError(
                        f"{shown(out)}: was begun with {name} {before.get(name)}, now {value}; give another --out"
                    )
            put(self.files, f"{self.root}/{ABOUT}", json.dumps({"run": self.run, **about}, indent=2).encode())
            self.done = {name for name in self._names() if name.endswith(".parquet")}
        except (pa.ArrowException, OSError, ValueError) as error:
            raise refused(out, error) from error

    def check(self) -> None:
        """Raise ShuziError if another run has taken the folder since."""
        try:
            about = self._about() or {}
        except (pa.ArrowException, OSError, ValueError) as error:
            raise refused(self.out, error) from error
        if about.get("run") != self.run:
            raise ShuziError(f"{shown(self.out)}: another run has gone on there meanwhile; this one stops")

    def _names(self) -> list[str]:
        if self.files.get_file_info(self.root).type == fs.FileType.NotFound:
            return []
        names = (each.base_name for each in self.files.get_file_info(fs.FileSelector(self.root)))
        return [name for name in names if not name.startswith(".")]

    def _about(self) -> dict[str, Any] | None:
        path = f"{self.root}/{ABOUT}"
        if self.files.get_file_info(path).type == fs.FileType.NotFound:
            return None
        with self.files.open_input_stream(path) as stream:
            return dict(json.loads(stream.read()))


def parts_of(source: str, out: str, files: list[str], single: bool) -> list[Part]:
    """Cut the work into parts, the same ones each time."""
    size = min(max(len(files) // PARTS, LEAST), MOST)
    starts = range(0, len(files), size)
    return [
        Part(number, tuple(files[start : start + size]), source, out, single)
        for number, start in enumerate(starts)
    ]


def read_part(reader: Reader, part: Part) -> list[bool]:
    """Read a part and write its file; give, a picture, whether it was one.

    Raises:
        ShuziError: the store refuses, or another version of shuzi gave the work out.
    """
    if part.shuzi != shuzi.__version__:
        raise ShuziError(
            f"{platform.node()} has shuzi {shuzi.__version__}, the work is by {part.shuzi}; install one"
        )
    cv2.setNumThreads(1)  # others read on the other cores
    files, root = located(part.source)
    of_files = [rows_of(reader, files, f"{root}/{name}", name, part.single) for name in part.files]
    data = io.BytesIO()
    pq.write_table(
        pa.Table.from_pylist([row for rows in of_files for row in rows], ROWS), data, compression="zstd"
    )
    out, folder = located(part.out)
    try:
        put(out, f"{folder}/{part.name}", data.getvalue())
    except (pa.ArrowException, OSError) as error:
        raise refused(part.out, error) from error
    return [all(row.get("error") is None for row in rows) for rows in of_files]


def rows_of(reader: Reader, files: fs.FileSystem, path: str, name: str, single: bool) -> list[dict[str, Any]]:
    """Give a file's rows: one, or one for each page of a TIFF; one with the error for what is no picture."""
    try:
        if (size := files.get_file_info(path).size or 0) > picture.MOST_BYTES:
            raise ShuziError(f"{size:,} bytes: more than a picture has")
        with files.open_input_stream(path) as stream:
            data = stream.read()
        pages = picture.pages(data) if name.lower().endswith(PAGED) else 1
        rows = [read_one(reader, data, page, single=single) for page in range(pages)]
    except ShuziError as error:
        rows = [{"error": str(error)}]
    except (pa.ArrowException, OSError) as error:
        rows = [{"error": str(refused(name, error))}]
    if len(rows) == 1:
        return [{"file": name, **rows[0]}]
    return [{"file": f"{name}#{page}", **row} for page, row in enumerate(rows, 1)]


def put(files: fs.FileSystem, path: str, data: bytes) -> None:
    """Write a file whole or not at all."""
    if isinstance(files, fs.LocalFileSystem):
        write_whole(Path(path), data)
        return
    folder, name = path.rsplit("/", 1)
    at_once = files.type_name in AT_ONCE
    if not at_once:
        files.create_dir(folder, recursive=True)
    part = path if at_once else f"{folder}/.{name}.{uuid.uuid4().hex}.part"
    stream = files.open_output_stream(part)
    stream.write(data)
    stream.close()  # not by `with`, which would also close, and so publish, what an error cut off
    if not at_once:
        files.move(part, path)


Do: TypeAlias = Callable[[Reader, list[Part]], Iterator[list[bool]]]
"""Does parts, here or elsewhere, in any order; gives what `read_part` gives as each is done."""


def read_folder(
    reader: Reader, source: str, out: str, do: Do | None = None, *, single: bool = False, go_on: bool = False
) -> tuple[int, Iterator[bool]]:
    """Read a folder of pictures into a folder of Parquet files.

    Args:
        reader: what reads.
        source: the pictures' folder, a path or URI.
        out: the Parquet files', likewise.
        do: what does the parts; default `do_here`. `shuzi.batch.cluster.do` lets Ray do them.
        single: each picture is one digit.
        go_on: keep what a run before has written.

    Returns how many pictures are left to read, and for each, as they are done, whether it was a picture.

    Raises:
        ShuziError: as `pictures_in`, `Folder` and `do` do.
    """
    files = pictures_in(source)
    about = {
        "shuzi": shuzi.__version__,
        "network": reader._network.sha256,
        "threshold": reader.threshold,
        "single": single,
        "pictures": len(files),
        "names": hashlib.sha256("\n".join(files).encode("utf-8", "surrogateescape")).hexdigest(),
    }
    folder = Folder(out, about, go_on)
    left = [part for part in parts_of(source, out, files, single) if part.name not in folder.done]

    def results() -> Iterator[bool]:
        for result in (do or do_here)(reader, left):
            yield from result
            folder.check()

    return sum(len(part.files) for part in left), results()


_reader: Reader  # of a process of this machine


def _begin(reader: Reader) -> None:
    global _reader
    _reader = reader
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the parent, and go when it has gone: killed, it tells nobody, and its processes would wait for ever."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _do(part: Part) -> list[bool]:
    return read_part(_reader, part)


def do_here(reader: Reader, parts: list[Part], processes: int | None = None) -> Iterator[list[bool]]:
    """Do parts in processes of this machine, by default one a core; give what `read_part` gives as each is done."""
    processes = min(processes or len(os.sched_getaffinity(0)), len(parts))
    if processes <= 1:
        yield from (read_part(reader, part) for part in parts)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, spawn, _begin, (reader,)) as pool:
        try:
            for done in as_completed([pool.submit(_do, part) for part in parts]):
                yield done.result()
        except BrokenProcessPool as error:
            raise ShuziError(
                "a process was killed, perhaps for want of memory; what is written stays, go on with --continue"
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
