"""Many pictures at once: found in folders, read on all cores, their readings written as they come."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from shuzi.cores import cores
from shuzi.data import picture as pictures
from shuzi.errors import ShuziError, SystemFailure, system_failures
from shuzi.files import write_png
from shuzi.forms.fields import SURE_FIELD, Entry, Form
from shuzi.page import Digit, Page
from shuzi.read.reader import Reader

LONGEST = 255  # bytes in a file's name
SURE, UNSURE = (0, 140, 60), (230, 90, 0)  # RGB of the overlay


@dataclass(frozen=True)
class Job:
    """A picture to read.

    name: how its results are called, relative to the folder given or to that of all; page: of a file of several,
    from 1, else 0; data: the file's bytes, where they aren't at `path`; error: why its pages can't be counted.
    """

    path: Path
    name: str
    page: int = 0
    data: bytes | None = None
    error: str = ""

    def load(self) -> pictures.Picture:
        """Decode it. Raises ShuziError as `picture.load` does, and where its pages can't be counted."""
        if self.error:
            raise ShuziError(self.error)
        return pictures.load(self.path if self.data is None else self.data, max(0, self.page - 1))

    def place(self, beside: Path) -> str:
        """The path that tells it from all others: from the folder `beside` if it is below, else from the root."""
        if self.data is not None:
            return self.name
        return f"{place(self.path, beside)}#{self.page}" if self.page else place(self.path, beside)


def place(path: Path, beside: Path) -> str:
    """A path from the folder `beside` if it is below, else from the root."""
    whole, folder = path.absolute(), beside.absolute()
    return (whole.relative_to(folder) if whole.is_relative_to(folder) else whole).as_posix()


@dataclass(frozen=True, eq=False)
class Result:
    """What came of a picture: a page, or of a form its entries, or the sentence that says why there is neither."""

    job: Job
    page: Page | None
    error: str | None
    entries: tuple[Entry, ...] | None = None


@dataclass(frozen=True, eq=False)
class Found:
    """What folders hold: pictures; files that are none; and folders that can't be looked into."""

    jobs: list[Job]
    skipped: list[Path]
    failed: list[Result]


def find(paths: Iterable[str | os.PathLike[str]], stdin: bytes | None = None) -> Found:
    """The pictures among `paths`: files as they are, folders with all they hold, in order of their names.

    stdin: what "-" stands for. Hidden files are passed over; each page of a TIFF or PDF is a picture of its own.
    Raises ShuziError for a path that isn't there and for a folder without pictures.
    """
    jobs: list[Job] = []
    skipped: list[Path] = []
    failed: list[Result] = []
    for given in paths:
        path = Path(given)
        if stdin is not None and str(given) == "-":
            jobs.append(Job(path, "stdin", data=stdin))
        elif not os.fspath(given) or not path.exists():
            raise ShuziError(f"{os.fspath(given) or repr('')}: no such file or folder.")
        elif path.is_dir():
            inside, others, locked = _in_folder(path)
            if not inside and not locked:
                beside = f" (skipped: {named(others)})" if others else ""
                raise ShuziError(
                    f"{path}: a folder without pictures; expected {pictures.USUAL} files{beside}."
                )
            jobs += inside
            skipped += others
            failed += locked
        else:
            jobs.append(Job(path, path.name))
    jobs = list({(job.path.absolute(), job.data): job for job in jobs}.values())  # each picture once
    return Found([page for job in _apart(jobs) for page in _pages(job)], skipped, failed)


def named(paths: Sequence[Path]) -> str:
    """Names of files, the first few of many."""
    few = ", ".join(path.name for path in paths[:5])
    return few if len(paths) <= 5 else f"{few} and {len(paths) - 5:,} more"


def _in_folder(folder: Path) -> tuple[list[Job], list[Path], list[Result]]:
    """A folder's pictures, its other files, and the folders in it that can't be looked into; nothing hidden."""
    endings = pictures.suffixes()
    errors: list[OSError] = []
    files: list[Path] = []
    for root, folders, names in os.walk(folder, onerror=errors.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [Path(root, name) for name in names if not name.startswith(".")]
    files.sort()
    jobs = [
        Job(file, file.relative_to(folder).as_posix()) for file in files if file.suffix.lower() in endings
    ]
    failed = []
    for error in errors:
        path = Path(error.filename)
        job = Job(path, path.relative_to(folder).as_posix())
        failed.append(Result(job, None, f"{path}: can't be read ({error.strerror})."))
    return jobs, [file for file in files if file.suffix.lower() not in endings], failed


def _apart(jobs: list[Job]) -> list[Job]:
    """Jobs by names that tell them apart, where two folders hold pictures of one name."""
    if len({job.name for job in jobs}) == len(jobs):
        return jobs
    above = Path(os.path.commonpath([job.path.absolute().parent for job in jobs]))
    return [replace(job, name=job.path.absolute().relative_to(above).as_posix()) for job in jobs]


def _pages(job: Job) -> list[Job]:
    """A job for each page of a file."""
    count = 1
    if job.data is not None or job.path.suffix.lower() in pictures.PAGED:
        try:
            count = pictures.pages(job.path if job.data is None else job.data)
        except SystemFailure:
            raise
        except ShuziError as error:
            return [replace(job, error=str(error))]  # to be said when it is read
    if count == 1:
        return [job]
    return [replace(job, name=f"{job.name}#{page}", page=page) for page in range(1, count + 1)]


def read_files(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    reader: Reader | None = None,
    *,
    single: bool = False,
    workers: int | None = None,
) -> Iterator[Result]:
    """Read pictures, and folders with all they hold, on all cores; results come in the order of their names.

    Each page of a TIFF or PDF has a result of its own. A picture that can't be read gives a result without a page,
    whose `error` says why; the others are read all the same.

    paths: pictures and folders, or one of them; reader: default the shipped one; single: each picture is one digit;
    workers: how many are read at a time, by default one per core. Raises ShuziError for a path that isn't there and for
    a folder without pictures, before anything is read, and SystemFailure if memory runs out or a disk fails.
    """
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise ShuziError(f"workers={workers!r}: expected a whole number of 1 or more.")
    found = find([paths] if isinstance(paths, str | os.PathLike) else paths)
    read = read_all(reader or Reader(), found.jobs, single=single, workers=workers)
    return itertools.chain(found.failed, read)


def read_all(
    reader: Reader,
    jobs: Sequence[Job],
    *,
    single: bool = False,
    form: Form | None = None,
    sure: float = SURE_FIELD,
    workers: int | None = None,
) -> Iterator[Result]:
    """Each job's result, in the jobs' order, as soon as it is there. A broken file gives a Result with an error.

    single: each picture is one digit; form: each is this form, whose fields are sure from the confidence `sure` on;
    workers: how many are read at a time, by default one a core.
    """
    workers = min(workers or cores(), max(1, len(jobs)))

    def read(job: Job) -> Result:
        try:
            with system_failures(job.name):
                if form is not None:
                    return Result(job, None, None, _entries(reader, job, form, sure))
                return Result(job, reader.read(job.load(), single=single), None)
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
            if len(ahead) > 2 * workers:  # so that pages don't pile up behind a slow one
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
    """The page as JSON holds it: file, size, text and numbers with their digits; or a form: file and fields."""
    if not isinstance(page, Page):
        fields = [
            {"name": e.name, "text": e.text, "confidence": round(e.confidence, 4), "sure": e.sure}
            for e in page
        ]
        return {"file": file, "fields": fields}

    def of(digit: Digit) -> dict[str, Any]:
        return {
            "digit": digit.digit,
            "confidence": round(digit.confidence, 4),
            "box": list(digit.box),
            "probabilities": [round(float(p), 4) for p in digit.probabilities],
        }

    numbers = [
        {
            "text": number.text,
            "confidence": round(number.confidence, 4),
            "line": number.line,
            "box": list(number.box),
            "digits": [of(digit) for digit in number.digits],
        }
        for number in page.numbers
    ]
    return {"file": file, "size": list(page.size), "text": page.text, "numbers": numbers}


def overlay(source: pictures.Source, page: Page) -> np.ndarray:
    """The picture, upright, with a box around each digit and its reading above: uint8 (H, W, 3), RGB.

    Unsure digits are orange with a question mark. Large pictures come back reduced.
    """
    picture = pictures.load(source)
    enlarge = max(1, round(480 / max(picture.pixels.shape[:2])))  # a 28x28 leaves no room for letters
    drawn = cv2.resize(picture.pixels, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_NEAREST)
    scale = enlarge / picture.scale
    pen = max(1, round(max(drawn.shape) / 800))
    for digit in page.digits:
        x, y, w, h = (round(v * scale) for v in digit.box)
        colour = UNSURE if digit.digit is None else SURE
        cv2.rectangle(drawn, (x - pen, y - pen), (x + w + pen, y + h + pen), colour, pen, cv2.LINE_AA)
        text = f"{digit.guess}?" if digit.digit is None else str(digit.digit)
        size = min(max(h / 60, 0.4 * pen), 1.2 * pen)
        above = y - 3 * pen if y - 3 * pen > 22 * size else y + h + 3 * pen + round(22 * size)
        for width, tone in ((3 * pen, (255, 255, 255)), (pen, colour)):  # legible on dark and on light
            cv2.putText(drawn, text, (x, above), cv2.FONT_HERSHEY_SIMPLEX, size, tone, width, cv2.LINE_AA)
    return drawn


def _output(folder: str | os.PathLike[str], name: str, ending: str) -> Path:
    """A file for what came of a picture. Too long a name is cut, and a hash tells it from others."""
    path = Path(folder) / f"{name}{ending}"
    whole = os.fsencode(path.name)
    if len(whole) <= LONGEST:
        return path
    mark = f"-{hashlib.sha256(whole).hexdigest()[:16]}{ending}"
    return path.with_name(whole[: LONGEST - len(mark)].decode("utf-8", "ignore") + mark)


def _write_png(path: Path, pixels: np.ndarray) -> None:
    data = cv2.imencode(".png", pixels[:, :, ::-1] if pixels.ndim == 3 else pixels)[1]
    write_png(path, data.tobytes())


def write_overlay(folder: str | os.PathLike[str], job: Job, page: Page) -> Path:
    """Draws the job's overlay to `folder`/NAME.png and returns that path. Raises ShuziError if it can't."""
    path = _output(folder, job.name, ".png")
    _write_png(path, overlay(job.load(), page))
    return path


def write_inputs(folder: str | os.PathLike[str], job: Job, page: Page) -> list[Path]:
    """Writes each digit's 28x28, as the network saw it, to `folder`/NAME-INDEX-READING.png; returns the paths."""
    paths = []
    for index, digit in enumerate(page.digits):
        reading = "unsure" if digit.digit is None else str(digit.digit)
        paths.append(_output(folder, job.name, f"-{index:03d}-{reading}.png"))
        _write_png(paths[-1], digit.image)
    return paths
