"""Many pictures at once: found in folders, read on all cores, their readings written as they come."""

from __future__ import annotations

import csv
import io
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from shuzi.errors import ShuziError
from shuzi.files import cannot_write, write_whole
from shuzi.read import picture as pictures
from shuzi.read.reader import Digit, Page, Reader

SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".tif",
    ".tiff",
    ".bmp",
    ".gif",
    ".heic",
    ".heif",
    ".pgm",
    ".ppm",
)
COLUMNS = ("file", "line", "number", "position", "digit", "confidence", "x", "y", "width", "height", "text")
SURE, UNSURE = (0, 140, 60), (230, 90, 0)  # RGB of the overlay


@dataclass(frozen=True)
class Job:
    """A picture to read. name: how its results are called, relative to the folder given or to that of all."""

    path: Path
    name: str


@dataclass(frozen=True, eq=False)
class Result:
    """What came of a picture: a page, or the sentence that says why there is none."""

    job: Job
    page: Page | None
    error: str | None


def jobs_in(paths: Iterable[str | os.PathLike[str]]) -> list[Job]:
    """The pictures among `paths`: files as they are, folders with all they hold, in order of their names.

    Raises ShuziError for a path that isn't there and for a folder without pictures.
    """
    jobs: list[Job] = []
    for path in map(Path, paths):
        if not path.is_dir():
            if not path.exists():
                raise ShuziError(f"{path}: no such file or folder.")
            jobs.append(Job(path, path.name))
            continue
        inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        if not inside:
            raise ShuziError(
                f"{path}: a folder without pictures; expected PNG, JPEG, WebP, TIFF, BMP or GIF files."
            )
        jobs.extend(Job(p, p.relative_to(path).as_posix()) for p in inside)
    jobs = list({job.path.absolute(): job for job in jobs}.values())  # each picture once
    # two folders may hold pictures of one name: then they are called by what tells them apart
    if len({job.name for job in jobs}) < len(jobs):
        above = Path(os.path.commonpath([job.path.absolute().parent for job in jobs]))
        jobs = [Job(job.path, job.path.absolute().relative_to(above).as_posix()) for job in jobs]
    return jobs


def read_all(
    reader: Reader, jobs: Sequence[Job], *, single: bool = False, workers: int | None = None
) -> Iterator[Result]:
    """Each job's result, in the jobs' order, as soon as it is there. A broken file gives a Result with an error.

    single: each picture is one digit; workers: how many are read at a time, by default one a core.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = min(workers or cores, max(1, len(jobs)))

    def read(job: Job) -> Result:
        try:
            return Result(job, reader.read(job.path, single=single), None)
        except ShuziError as error:
            return Result(job, None, str(error))

    if workers == 1:
        yield from map(read, jobs)
        return
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # each worker is a core already
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
        cv2.setNumThreads(threads)


def as_json(page: Page, file: str) -> dict[str, Any]:
    """The page as JSON holds it: file, size, text and numbers with their digits."""

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


class CsvFile:
    """A CSV file of readings, a row a digit, written and flushed a picture at a time.

    An empty page has one row without a digit. With `resume` an existing file is kept and `done` names the pictures
    in it; the last of them, perhaps not whole, is taken out and read again. Raises ShuziError when it can't be
    written, or isn't such a file.
    """

    def __init__(self, path: str | os.PathLike[str], *, resume: bool = False) -> None:
        self.path = Path(path)
        self.done: frozenset[str] = frozenset()
        kept = self._kept() if resume and self.path.exists() else [list(COLUMNS)]
        write_whole(self.path, _csv(kept))
        self.done = frozenset(row[0] for row in kept[1:])
        try:
            self._file = self.path.open("a", encoding="utf-8", newline="")
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def _kept(self) -> list[list[str]]:
        try:
            text = self.path.read_text(encoding="utf-8", errors="strict")
            rows = list(csv.reader(io.StringIO(text[: text.rfind("\n") + 1])))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ShuziError(f"{self.path}: can't be continued ({error}).") from error
        if not rows or tuple(rows[0]) != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
            raise ShuziError(f"{self.path}: not a CSV file of readings; remove it, or name another.")
        return [row for i, row in enumerate(rows) if i == 0 or row[0] != rows[-1][0]]

    def write(self, name: str, page: Page) -> None:
        """Adds a picture's digits."""
        rows: list[list[object]] = []
        for index, number in enumerate(page.numbers):
            for position, digit in enumerate(number.digits):
                read = "" if digit.digit is None else digit.digit
                row: list[object] = [
                    name,
                    number.line,
                    index,
                    position,
                    read,
                    f"{digit.confidence:.4f}",
                    *digit.box,
                    number.text,
                ]
                rows.append(row)
        try:
            self._file.write(_csv(rows or [[name] + [""] * (len(COLUMNS) - 1)]))
            self._file.flush()
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def __enter__(self) -> CsvFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


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


def _write_png(path: Path, pixels: np.ndarray) -> None:
    data = cv2.imencode(".png", pixels[:, :, ::-1] if pixels.ndim == 3 else pixels)[1]
    write_whole(path, data.tobytes())


def write_overlay(folder: str | os.PathLike[str], job: Job, page: Page) -> Path:
    """Draws the job's overlay to `folder`/NAME.png and returns that path. Raises ShuziError if it can't."""
    path = Path(folder) / f"{job.name}.png"
    _write_png(path, overlay(job.path, page))
    return path


def write_inputs(folder: str | os.PathLike[str], job: Job, page: Page) -> list[Path]:
    """Writes each digit's 28x28, as the network saw it, to `folder`/NAME-INDEX-READING.png; returns the paths."""
    paths = []
    for index, digit in enumerate(page.digits):
        reading = "unsure" if digit.digit is None else str(digit.digit)
        paths.append(Path(folder) / f"{job.name}-{index:03d}-{reading}.png")
        _write_png(paths[-1], digit.image)
    return paths
