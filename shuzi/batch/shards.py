"""A folder of pictures into a folder of Parquet files, each there whole or not at all; on this machine or on many.

Both folders may lie wherever pyarrow reaches: here, or s3://, gs://, hdfs://. The pictures in order of their names are
cut into parts; part 12 becomes part-00012.parquet, a row a picture. Whoever reads a part, and how often, writes the
same file, so what breaks off can be taken up and no row is there twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import multiprocessing
import os
import platform
import threading
import uuid
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

import shuzi
from shuzi.arrow import READINGS, read_one, text
from shuzi.batch.stores import ERRORS, Store, located, refused, shown, unreadable
from shuzi.cores import cores, on_cores
from shuzi.data import picture
from shuzi.errors import ShuziError, SystemFailure
from shuzi.read.reader import Reader

ROWS = pa.schema(
    [("file", pa.string()), *READINGS]
)  # file: its path below the folder, with #2 for a page of several
LEAST, MOST, PARTS = 20, 1_000, 1_000  # pictures a part; parts, as far as these allow
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


def source_at(uri: str) -> tuple[Store, str | None]:
    """Give the store of a folder of pictures, or of the folder that one file is in, and that file's name."""
    store = located(uri)
    try:
        return store.parent() if store.kind() == "file" else (store, None)
    except ERRORS as error:
        raise refused(uri, error) from error


def pictures_in(source: str) -> list[str]:
    """Give the paths of all pictures in a folder and below, in order, but for hidden ones; or the name of one file.

    Raises:
        ShuziError: there is no such folder or file, the folder holds no pictures, or it can't be looked into.
    """
    store, file = source_at(source)
    if file is not None:
        return [file]
    try:
        if store.kind() != "folder":
            raise ShuziError(f"{shown(source)}: no such folder or file")
        names = [*map(PurePosixPath, store.walk())]
    except ERRORS as error:
        raise refused(source, error) from error
    endings = picture.suffixes()
    pictures = sorted(
        name.as_posix()
        for name in names
        if name.suffix.lower() in endings and not any(part.startswith(".") for part in name.parts)
    )
    if not pictures:
        raise ShuziError(f"{shown(source)}: a folder without pictures; expected {picture.USUAL} files")
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
        self.store = located(out)
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
            self.store.write(ABOUT, json.dumps({"run": self.run, **about}, indent=2).encode())
            self.done = {name for name in self._names() if name.endswith(".parquet")}
        except ERRORS as error:
            raise refused(out, error) from error

    def check(self) -> None:
        """Raise ShuziError if another run has taken the folder since."""
        try:
            about = self._about() or {}
        except ERRORS as error:
            raise refused(self.out, error) from error
        if about.get("run") != self.run:
            raise ShuziError(f"{shown(self.out)}: another run has gone on there meanwhile; this one stops")

    def _names(self) -> list[str]:
        names = self.store.names() if self.store.kind() else []
        return [name for name in names if not name.startswith(".")]

    def _about(self) -> dict[str, Any] | None:
        return dict(json.loads(self.store.read(ABOUT))) if self.store.kind(ABOUT) else None


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
    source, _ = source_at(part.source)
    of_files = [rows_of(reader, source, name, part.single) for name in part.files]
    data = io.BytesIO()
    pq.write_table(
        pa.Table.from_pylist([row for rows in of_files for row in rows], ROWS), data, compression="zstd"
    )
    try:
        located(part.out).write(part.name, data.getvalue())
    except ERRORS as error:
        raise refused(part.out, error) from error
    return [all(row.get("error") is None for row in rows) for rows in of_files]


def read_part_on(share: int, reader: Reader, part: Part) -> list[bool]:
    """Read a part on so many cores, while other processes read others; as `read_part`."""
    with on_cores(share):
        return read_part(reader, part)


def rows_of(reader: Reader, source: Store, name: str, single: bool) -> list[dict[str, Any]]:
    """Give a file's rows: one, or one for each page of a TIFF or PDF; one with the error if it is no picture.

    Raises:
        SystemFailure: memory ran out, or the disk or the store failed; the file is to be read again.
    """
    file = text(name)
    try:
        if (size := source.size(name)) > picture.MOST_BYTES:
            raise ShuziError(f"{size:,} bytes: more than a picture has")
        data = source.read(name)
        pages = picture.pages(data) if name.lower().endswith(picture.PAGED) else 1
        rows = [{"pages": pages} | read_one(reader.read, data, page, single=single) for page in range(pages)]
    except SystemFailure as error:
        raise SystemFailure(f"{file}: {error}") from error
    except ShuziError as error:
        rows = [{"error": text(str(error))}]
    except (*ERRORS, MemoryError) as error:
        failure = unreadable(file, error)
        if isinstance(failure, SystemFailure):
            raise failure from error
        rows = [{"error": text(str(failure))}]
    if len(rows) == 1:
        return [{"file": file, **rows[0]}]
    return [{"file": f"{file}#{page}", **row} for page, row in enumerate(rows, 1)]


Do: TypeAlias = Callable[[Reader, list[Part]], Generator[list[bool], None, None]]
"""Does parts, here or elsewhere, in any order; gives what `read_part` gives as each is done."""


def read_folder(
    reader: Reader, source: str, out: str, do: Do | None = None, *, single: bool = False, go_on: bool = False
) -> tuple[int, Iterator[bool]]:
    """Read a folder of pictures into a folder of Parquet files.

    Args:
        reader: what reads.
        source: the pictures' folder, or one file; a path or URI.
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
        with contextlib.closing(
            (do or do_here)(reader, left)
        ) as done:  # so that no process outlives an error
            for result in done:
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


def _do(part: Part, share: int) -> list[bool]:
    return read_part_on(share, _reader, part)


def do_here(
    reader: Reader, parts: list[Part], processes: int | None = None
) -> Generator[list[bool], None, None]:
    """Do parts in processes of this machine, by default one a core; give what `read_part` gives as each is done."""
    processes = min(processes or cores(), len(parts))
    if processes <= 1:
        yield from (read_part(reader, part) for part in parts)
        return
    share = max(1, cores() // processes)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, spawn, _begin, (reader,)) as pool:
        try:
            for done in as_completed([pool.submit(_do, part, share) for part in parts]):
                yield done.result()
        except BrokenProcessPool as error:
            raise ShuziError(
                "a process was killed, perhaps for want of memory; what is written stays, go on with --continue"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)
