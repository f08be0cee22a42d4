"""Read a folder of pictures into a folder of Parquet files, on this machine or on many.

Both folders may be anywhere that pyarrow reaches: on this machine, or s3://, gs://, hdfs://. The pictures are split
into parts in the order of their names; part 12 becomes part-00012.parquet, with one row per picture. A part's file is
written completely or not at all, and is the same whoever reads the part and how often. So interrupted work can be
resumed, and no row is written twice.
"""

import contextlib
import functools
import hashlib
import io
import json
import multiprocessing
import os
import platform
import signal
import threading
import uuid
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias, Unpack

import pyarrow as pa
import pyarrow.parquet as pq

import shuzi
from shuzi.arrow import READINGS, read_one, text
from shuzi.batch.folders import ReadOptions
from shuzi.batch.stores import ERRORS, Store, open_store, read_error, store_errors, without_secret
from shuzi.cores import cores, on_cores
from shuzi.data import picture
from shuzi.errors import ShuziError, SystemFailure
from shuzi.read.reader import Reader

# file: its path below the folder, with #2 for the second page of several
ROWS = pa.schema([("file", pa.string()), *READINGS])
MIN_PICTURES, MAX_PICTURES, MAX_PARTS = 20, 1_000, 1_000  # of a part; a larger folder has more parts
MANIFEST = "_shuzi.json"  # readers of Parquet skip names that begin with _


@dataclass(frozen=True)
class Part:
    """A part of the work, self-contained. source, out: folders, as URIs; files: paths below source."""

    number: int
    files: tuple[str, ...]
    source: str
    out: str
    options: ReadOptions
    shuzi: str = shuzi.__version__

    @property
    def name(self) -> str:
        """The name of its Parquet file."""
        return f"part-{self.number:05}.parquet"


def open_source(uri: str) -> tuple[Store, str | None]:
    """Open a folder of pictures, or the folder that one file is in; return it and that file's name."""
    store = open_store(uri)
    with store_errors(uri):
        return store.parent() if store.kind() == "file" else (store, None)


def list_pictures(source: str) -> list[str]:
    """List the paths of all pictures in a folder and below, sorted, without hidden ones; or the name of one file.

    Raises:
        ShuziError: there is no such folder or file, the folder holds no pictures, or it can't be listed.
    """
    store, file = open_source(source)
    if file is not None:
        return [file]
    with store_errors(source):
        if store.kind() != "folder":
            raise ShuziError(f"{without_secret(source)}: no such folder or file.")
        names = [*map(PurePosixPath, store.walk())]
    endings = picture.suffixes()
    pictures = sorted(
        name.as_posix()
        for name in names
        if name.suffix.lower() in endings and not any(part.startswith(".") for part in name.parts)
    )
    if not pictures:
        raise ShuziError(f"{without_secret(source)} holds no pictures. Add {picture.USUAL_FORMATS} files.")
    return pictures


class OutputFolder:
    """The folder of Parquet files, claimed by one run.

    Args:
        out: a path or URI.
        about: what decides the rows. A run may only continue one with the same.
        resume: keep the parts that an earlier run has written.

    Raises:
        ShuziError: it holds readings and `resume` is not set; they are of other pictures, settings or another network;
            or the store refuses.
    """

    def __init__(self, out: str, about: dict[str, object], resume: bool) -> None:
        self.out, self.run = out, uuid.uuid4().hex
        self.store = open_store(out)
        with store_errors(out):
            before = self._manifest()
            if before is not None and not resume:
                raise ShuziError(
                    f"{without_secret(out)} already holds readings, or another run is writing there. "
                    "Use --continue to continue them, or choose another --out."
                )
            if before is None and self._names():
                raise ShuziError(f"{without_secret(out)} already holds other files. Choose another --out.")
            for name, value in about.items():
                if before is not None and before.get(name) != value:
                    raise ShuziError(
                        f"{without_secret(out)} was started with {name} {before.get(name)}, not {value}. "
                        "Choose another --out."
                    )
            self.store.write(MANIFEST, json.dumps({"run": self.run, **about}, indent=2).encode())
            self.done = {name for name in self._names() if name.endswith(".parquet")}

    def check(self) -> None:
        """Raise ShuziError if another run has claimed the folder since."""
        with store_errors(self.out):
            manifest = self._manifest() or {}
        if manifest.get("run") != self.run:
            raise ShuziError(f"{without_secret(self.out)}: another run has continued there, so this one stops.")

    def _names(self) -> list[str]:
        names = self.store.names() if self.store.kind() else []
        return [name for name in names if not name.startswith(".")]

    def _manifest(self) -> dict[str, object] | None:
        return dict(json.loads(self.store.read(MANIFEST))) if self.store.kind(MANIFEST) else None


def split_into_parts(source: str, out: str, files: list[str], **options: Unpack[ReadOptions]) -> list[Part]:
    """Split the work into parts, the same ones each time."""
    size = min(max(len(files) // MAX_PARTS, MIN_PICTURES), MAX_PICTURES)
    starts = range(0, len(files), size)
    return [
        Part(number, tuple(files[start : start + size]), source, out, options) for number, start in enumerate(starts)
    ]


def read_part(reader: Reader, part: Part) -> list[bool]:
    """Read a part and write its Parquet file; tell for each of its files whether it was a picture.

    Raises:
        ShuziError: the store refuses, or the part comes from another version of shuzi.
    """
    if part.shuzi != shuzi.__version__:
        raise ShuziError(
            f"{platform.node()} has shuzi {shuzi.__version__}, but the work comes from {part.shuzi}. "
            "Install the same version."
        )
    source, _ = open_source(part.source)
    by_file = [read_rows(reader, source, name, part.options) for name in part.files]
    table = pa.Table.from_pylist([row for rows in by_file for row in rows], ROWS)
    data = io.BytesIO()
    pq.write_table(table, data, compression="zstd")
    with store_errors(part.out):
        open_store(part.out).write(part.name, data.getvalue())
    return [all(row.get("error") is None for row in rows) for rows in by_file]


def read_part_on(count: int, reader: Reader, part: Part) -> list[bool]:
    """Read a part on `count` cores, while other processes use the others; see `read_part`."""
    with on_cores(count):
        return read_part(reader, part)


def read_rows(reader: Reader, source: Store, name: str, options: ReadOptions) -> list[dict[str, object]]:
    """Read a file's rows: one, or one for each page of a TIFF or PDF; or one with the error if it is not a picture.

    Raises:
        SystemFailure: memory ran out, or the disk or the store failed; the file must be read again.
    """
    file = text(name)
    try:
        if (size := source.size(name)) > picture.MAX_PICTURE_BYTES:
            raise ShuziError(f"{size:,} bytes, more than {picture.MAX_PICTURE_BYTES:,}. Reduce the picture.")
        data = source.read(name)
        pages = picture.pages(data) if name.lower().endswith(picture.PAGED_SUFFIXES) else 1
        read = functools.partial(reader.read, **options)
        rows = [{"pages": pages} | read_one(read, data, page) for page in range(pages)]
    except (*ERRORS, ShuziError, MemoryError) as error:
        failure = read_error(file, error)
        if isinstance(failure, SystemFailure):
            raise failure from error
        rows = [{"error": text(str(failure))}]
    if len(rows) == 1:
        return [{"file": file, **rows[0]}]
    return [{"file": f"{file}#{page}", **row} for page, row in enumerate(rows, 1)]


ReadParts: TypeAlias = Callable[[Reader, list[Part]], Generator[list[bool], None, None]]
"""Reads parts, here or elsewhere, in any order; yields what `read_part` returns as each is finished."""


def read_folder(
    reader: Reader,
    source: str,
    out: str,
    read_parts: ReadParts | None = None,
    *,
    resume: bool = False,
    **options: Unpack[ReadOptions],
) -> tuple[int, Iterator[bool]]:
    """Read a folder of pictures into a folder of Parquet files.

    Args:
        reader: what reads.
        source: the pictures' folder, or one file; a path or URI.
        out: the Parquet files' folder; a path or URI.
        read_parts: default: `read_parts_here`; `shuzi.batch.cluster.read_parts` reads on a Ray cluster.
        resume: keep what an earlier run has written.
        options: as for `Reader.read`.

    Returns the number of files left to read, and an iterator that tells for each whether it was a picture.

    Raises:
        ShuziError: as `list_pictures`, `OutputFolder` and `read_parts` do.
    """
    files = list_pictures(source)
    about = {
        "shuzi": shuzi.__version__,
        "network": reader._network.sha256,
        "threshold": reader.threshold,
        "single": False,
        "decimal": "",
        "gap": None,
        "turn": True,
        "digits_only": reader.digits_only,
        **options,
        "pictures": len(files),
        "names": hashlib.sha256("\n".join(files).encode("utf-8", "surrogateescape")).hexdigest(),
    }
    folder = OutputFolder(out, about, resume)
    parts = split_into_parts(source, out, files, **options)
    left = [part for part in parts if part.name not in folder.done]

    def results() -> Iterator[bool]:
        # closed at once, so that no process outlives an error
        with contextlib.closing((read_parts or read_parts_here)(reader, left)) as finished:
            for result in finished:
                yield from result
                folder.check()

    return sum(len(part.files) for part in left), results()


_reader: Reader  # of a worker process


def _start_worker(reader: Reader) -> None:
    global _reader
    _reader = reader
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent ends: a killed parent can't tell its workers, and they would wait forever."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ignore Ctrl-C in processes that are started within: their parent stops them."""
    if threading.current_thread() is not threading.main_thread():  # Python sets handlers in no other
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _read_in_worker(part: Part, count: int) -> list[bool]:
    return read_part_on(count, _reader, part)


def read_parts_here(
    reader: Reader, parts: list[Part], processes: int | None = None
) -> Generator[list[bool], None, None]:
    """Read parts in processes of this machine, by default one per core; see `ReadParts`."""
    processes = min(processes or cores(), len(parts))
    if processes <= 1:
        yield from (read_part(reader, part) for part in parts)
        return
    count = max(1, cores() // processes)  # cores for each
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, spawn, _start_worker, (reader,)) as pool:
        try:
            with _interrupts_ignored():  # workers inherit it
                readings = [pool.submit(_read_in_worker, part, count) for part in parts]
            for finished in as_completed(readings):
                yield finished.result()
        except BrokenProcessPool as error:
            raise ShuziError(
                "A process was killed, perhaps because memory ran out. Finished parts are kept; resume with --continue."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)
