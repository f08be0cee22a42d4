"""Many pictures: list those in folders, and read them on all cores."""

import itertools
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from shuzi.cores import cores
from shuzi.data import picture as pictures
from shuzi.errors import ShuziError, SystemFailure, system_failures
from shuzi.files import cannot_read
from shuzi.forms.fields import SURE_FIELD, Entry, Form
from shuzi.page import Digit, Mark, Number, Page, decimal_text
from shuzi.read.reader import Reader


class ReadOptions(TypedDict, total=False):
    """Options of `Reader.read`."""

    single: bool
    decimal: str
    gap: float | None
    turn: bool


@dataclass(frozen=True)
class Job:
    """A picture to read.

    Attributes:
        path: its file.
        name: of its results, relative to the folder that was given, or to the one that all pictures share.
        page: of a file with several, from 1; else 0.
        data: the file's bytes, if they aren't at `path`.
        error: why its pages can't be counted.
    """

    path: Path
    name: str
    page: int = 0
    data: bytes | None = None
    error: str = ""

    def load(self) -> pictures.Picture:
        """Decode it. Raises ShuziError as `picture.load` does, and if its pages can't be counted."""
        if self.error:
            raise ShuziError(self.error)
        return pictures.load(self.path if self.data is None else self.data, max(0, self.page - 1))

    def unique_name(self, base: Path) -> str:
        """Name it by its path, relative to the folder `base` if it is below, and its page."""
        if self.data is not None:
            return self.name
        return relative(self.path, base) + (f"#{self.page}" if self.page else "")


def relative(path: Path, base: Path) -> str:
    """Return a path relative to the folder `base` if it is below, else the absolute path."""
    whole, folder = path.absolute(), base.absolute()
    return (whole.relative_to(folder) if whole.is_relative_to(folder) else whole).as_posix()


@dataclass(frozen=True, eq=False)
class Result:
    """The result of a job: a page, the entries of a form, or the error that says why there is neither."""

    job: Job
    page: Page | None
    error: str | None
    entries: tuple[Entry, ...] | None = None


@dataclass(frozen=True, eq=False)
class Listing:
    """What folders hold: pictures, other files, and errors for folders that can't be listed."""

    jobs: list[Job]
    skipped: list[Path]
    failed: list[Result]


def list_pictures(paths: Iterable[str | os.PathLike[str]], stdin: bytes | None = None) -> Listing:
    """List pictures: files as given, folders with all they hold in the order of their names.

    stdin: the bytes of "-". Hidden files are skipped; each page of a TIFF or PDF is a picture of its own.
    Raises ShuziError for a path that doesn't exist and for a folder without pictures.
    """
    found = Listing([], [], [])
    for given in paths:
        path = Path(given)
        if stdin is not None and str(given) == "-":
            found.jobs.append(Job(path, "stdin", data=stdin))
        elif not os.fspath(given) or not path.exists():
            raise ShuziError(f"{os.fspath(given) or repr('')}: no such file or folder.")
        elif path.is_dir():
            inside = _list_folder(path)
            if not inside.jobs and not inside.failed:
                also = f" (skipped: {name_some(inside.skipped)})" if inside.skipped else ""
                raise ShuziError(f"{path} holds no pictures{also}. Add {pictures.USUAL_FORMATS} files.")
            found = Listing(found.jobs + inside.jobs, found.skipped + inside.skipped, found.failed + inside.failed)
        else:
            found.jobs.append(Job(path, path.name))
    jobs = list({(job.path.absolute(), job.data): job for job in found.jobs}.values())  # each picture once
    return replace(found, jobs=[page for job in _with_distinct_names(jobs) for page in _split_pages(job)])


def name_some(paths: Sequence[Path]) -> str:
    """List the names of the first few files, and count the rest."""
    few = ", ".join(path.name for path in paths[:5])
    return few if len(paths) <= 5 else f"{few} and {len(paths) - 5:,} more"


def _list_folder(folder: Path) -> Listing:
    """List a folder's pictures, its other files, and the folders in it that can't be listed; nothing hidden."""
    endings = pictures.suffixes()
    errors: list[OSError] = []
    files: list[Path] = []
    for root, folders, names in os.walk(folder, onerror=errors.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [Path(root, name) for name in names if not name.startswith(".")]
    files.sort()

    def job(path: Path) -> Job:
        return Job(path, path.relative_to(folder).as_posix())

    return Listing(
        [job(file) for file in files if file.suffix.lower() in endings],
        [file for file in files if file.suffix.lower() not in endings],
        [Result(job(Path(error.filename)), None, str(cannot_read(Path(error.filename), error))) for error in errors],
    )


def _with_distinct_names(jobs: list[Job]) -> list[Job]:
    """Rename jobs by their paths below a common folder if two have the same name."""
    if len({job.name for job in jobs}) == len(jobs):
        return jobs
    above = Path(os.path.commonpath([job.path.absolute().parent for job in jobs]))
    return [replace(job, name=job.path.absolute().relative_to(above).as_posix()) for job in jobs]


def _split_pages(job: Job) -> list[Job]:
    """Make a job for each page of a file."""
    count = 1
    if job.data is not None or job.path.suffix.lower() in pictures.PAGED_SUFFIXES:
        try:
            count = pictures.pages(job.path if job.data is None else job.data)
        except SystemFailure:
            raise
        except ShuziError as error:
            return [replace(job, error=str(error))]  # raised when it is read
    if count == 1:
        return [job]
    return [replace(job, name=f"{job.name}#{page}", page=page) for page in range(1, count + 1)]


def read_files(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    reader: Reader | None = None,
    *,
    workers: int | None = None,
    **options: Unpack[ReadOptions],
) -> Iterator[Result]:
    """Read pictures, and all pictures in folders, on all cores; yield results in the order of their names.

    Each page of a TIFF or PDF has its own result. The result of a picture that can't be read has no page; its `error`
    says why.

    Args:
        paths: pictures and folders, or one of them.
        reader: default: the shipped one.
        workers: how many pictures are read at a time; default: one per core.
        options: as for `Reader.read`.

    Raises:
        ShuziError: a path doesn't exist, or a folder holds no pictures; before anything is read.
        SystemFailure: memory ran out, or a disk failed.
    """
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise ShuziError(f"workers={workers!r}: expected a whole number of 1 or more.")
    found = list_pictures([paths] if isinstance(paths, str | os.PathLike) else paths)
    read = read_all(reader or Reader(), found.jobs, workers=workers, **options)
    return itertools.chain(found.failed, read)


def read_all(
    reader: Reader,
    jobs: Sequence[Job],
    *,
    form: Form | None = None,
    sure: float = SURE_FIELD,
    workers: int | None = None,
    **options: Unpack[ReadOptions],
) -> Iterator[Result]:
    """Yield each job's result in the jobs' order, as soon as it is ready. A broken file's result has an error.

    form: each picture is this form, and its fields are sure from the confidence `sure` on; workers: how many are read
    at a time, default one per core; options: as for `Reader.read`.
    """
    workers = min(workers or cores(), max(1, len(jobs)))

    def read(job: Job) -> Result:
        try:
            with system_failures(job.name):
                if form is not None:
                    return Result(job, None, None, _entries(reader, job, form, sure))
                return Result(job, reader.read(job.load(), **options), None)
        except SystemFailure:
            raise
        except ShuziError as error:
            return Result(job, None, str(error))

    if workers == 1:
        yield from map(read, jobs)
        return
    pool = ThreadPoolExecutor(workers)
    try:
        ahead: deque[Future[Result]] = deque()
        for job in jobs:
            ahead.append(pool.submit(read, job))
            if len(ahead) > 2 * workers:  # pages don't pile up behind a slow one
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _entries(reader: Reader, job: Job, form: Form, sure: float) -> tuple[Entry, ...]:
    picture = job.load()
    try:
        return reader.read_fields(picture, form, sure)
    except SystemFailure:
        raise
    except ShuziError as error:
        raise ShuziError(f"{job.name}: {error}") from None


def as_json(page: Page | Sequence[Entry], file: str) -> dict[str, Any]:
    """Build the JSON of a page (file, size, text, numbers with their digits) or of a form (file, fields)."""
    if not isinstance(page, Page):
        fields = [
            {"name": e.name, "text": e.text, "value": decimal_text(e.value) or None}
            | {"confidence": round(e.confidence, 4), "sure": e.sure}
            for e in page
        ]
        return {"file": file, "fields": fields}

    def sure(part: Digit | Mark | Number) -> dict[str, Any]:
        return {"confidence": round(part.confidence, 4), "box": list(part.box)}

    numbers = [
        {
            "text": number.text,
            "value": decimal_text(number.value) or None,
            **sure(number),
            "line": number.line,
            "column": column,
            "digits": [
                {"digit": d.digit, **sure(d), "probabilities": [round(float(p), 4) for p in d.probabilities]}
                for d in number.digits
            ],
            "marks": [{"sign": mark.sign, **sure(mark)} for mark in number.marks],
        }
        for number, column in zip(page.numbers, page.columns, strict=True)
    ]
    about = {"size": list(page.size), "turned": page.turned, "text": page.text}
    return {"file": file, **about, "numbers": numbers, "unread": [list(box) for box in page.unread]}
