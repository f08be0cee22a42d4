"""What is uncertain in a CSV file of forms, numbers or tables: pictures of it, and its correction."""

import contextlib
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from shuzi.batch.csv_file import BOM, COLUMNS, LOCK_SECONDS, PLACE, SURE_NUMBER, encoded
from shuzi.batch.folders import Job
from shuzi.data.picture import Picture
from shuzi.errors import ShuziError
from shuzi.files import locked, read_bytes, write_whole
from shuzi.forms.fields import Field, Form, column_names, digits_of
from shuzi.forms.sheet import cut_zones
from shuzi.page import decimal_text, number_value
from shuzi.serve.problems import Problem

CHECKED = "yes"
TEXT = re.compile("[0-9 .,'/:+%-]{0,100}")
TABLE_ENDS = ["turned", "boxes"]  # the last columns of a file of tables
TEXT_AT, VALUE_AT, CONFIDENCE_AT, BOX_AT, TURNED_AT = (
    COLUMNS.index(name) for name in ("text", "value", "confidence", "x", "turned")
)


@dataclass(frozen=True)
class UncertainField:
    """An uncertain field, number or cell.

    file: of the picture, as the CSV file has it; field: its name, or R2C3 for the third column of the second line;
    text: as read, without '?' at the end; confidence: as the file has it, "" if it doesn't.
    """

    file: str
    field: str
    text: str
    confidence: str


class Place(NamedTuple):
    """Where a row has a field: its name, its column, whether a person should look at it, and its confidence."""

    name: str
    at: int
    uncertain: bool
    confidence: str = ""


@dataclass(frozen=True)
class Review:
    """A CSV file that is corrected; its methods raise ShuziError if it can't be read.

    decimal: "." or ",", the decimal sign of numbers that leave it open; see `page.number_value`.
    """

    path: Path
    decimal: str = ""

    def places(self, header: list[str], row: list[str]) -> Iterator[Place]:
        """The fields of a row."""
        raise NotImplementedError

    def cut(self, picture: Picture, row: list[str], place: Place) -> np.ndarray:
        """The part of a picture that holds a field, RGB."""
        raise NotImplementedError

    def correct(self, row: list[str], place: Place, text: str, anyway: bool) -> None:
        """Writes a text into a row. Raises Problem 409 where the field doesn't admit it, unless `anyway`."""
        row[place.at] = text

    def uncertain(self) -> list[UncertainField]:
        """What is uncertain, in the file's order."""
        header, *rows = read_rows(self.path)
        return [
            UncertainField(row[0], place.name, row[place.at].removesuffix("?"), place.confidence)
            for row in rows
            for place in self.places(header, row)
            if place.uncertain
        ]

    def _locate(self, rows: list[list[str]], file: str, name: str) -> tuple[list[str], Place]:
        """The row of a field, and where it stands in it. Raises Problem 404."""
        for row in rows[1:]:
            if row[0] == file:
                for place in self.places(rows[0], row):
                    if place.name == name:
                        return row, place
        raise Problem(404, f"no field {name!r} of {file!r} in the file.")

    def zone(self, file: str, name: str) -> bytes:
        """A field's part of a picture, as PNG. Raises Problem 404, and ShuziError as reading the picture does."""
        row, place = self._locate(read_rows(self.path), file, name)
        picture, _, page = file.rpartition("#")
        paged = picture and page.isdecimal()
        job = Job(self.path.parent / (picture if paged else file), file, int(page) if paged else 0)
        return cv2.imencode(".png", self.cut(job.load(), row, place)[:, :, ::-1])[1].tobytes()

    def write(self, file: str, name: str, text: str, anyway: bool) -> str:
        """Corrects a field in the file, completely or not at all. Returns its digits.

        anyway: even if the field doesn't admit them. Raises Problem 404, 409 where it doesn't, 422 on another text than
        digits, marks and spaces, and ShuziError when the file can't be read or written.
        """
        if not TEXT.fullmatch(text):
            raise Problem(422, f"text: {text!r:.60}; expected digits, spaces and . , ' - / : + % only.")
        with locked(self.path, LOCK_SECONDS):  # `shuzi read` may be adding rows
            rows = read_rows(self.path)
            self.correct(*self._locate(rows, file, name), text.strip(), anyway)
            write_whole(self.path, encoded(rows))
        return digits_of(text)


class FormReview(Review):
    """A CSV file of forms."""

    def places(self, header: list[str], row: list[str]) -> Iterator[Place]:
        """See Review."""
        return (Place(header[at], at, row[at].endswith("?"), row[at + 1]) for at in range(2, len(header), 3))

    def _field(self, row: list[str], name: str) -> tuple[Field, Form]:
        """A field of a row's form. Raises Problem 404 where it has no such field any more."""
        form = Form.load(self.path.parent / row[1])
        field = next((each for each in form.fields if each.name == name), None)
        if field is None:
            raise Problem(404, f"the form has no field {name!r} any more.")
        return field, form

    def cut(self, picture: Picture, row: list[str], place: Place) -> np.ndarray:
        """See Review."""
        field, form = self._field(row, place.name)
        (cut,) = cut_zones(picture.pixels, Form(form.sheet, (field,)))
        return cut

    def correct(self, row: list[str], place: Place, text: str, anyway: bool) -> None:
        """See Review."""
        field, _ = self._field(row, place.name)
        written = text.replace(" ", "")
        if not anyway and not field.admits(written):
            raise Problem(409, f"{text!r} is not what the field {place.name!r} admits.")
        row[place.at], row[place.at + 2] = field.formatted(written) if field.date else text, CHECKED


class NumberReview(Review):
    """A CSV file of numbers."""

    def places(self, header: list[str], row: list[str]) -> Iterator[Place]:
        """See Review."""
        if row[2]:  # else the page has no numbers
            text, confidence = row[TEXT_AT], row[CONFIDENCE_AT]
            unsure = row[-1] != CHECKED and ("?" in text or parse_numbers(confidence, 1)[0] < SURE_NUMBER)
            yield Place(cell_name(row[2], row[3]), TEXT_AT, unsure, confidence)

    def cut(self, picture: Picture, row: list[str], place: Place) -> np.ndarray:
        """See Review."""
        return cut_box(picture, " ".join(row[BOX_AT : BOX_AT + 4]), row[TURNED_AT])

    def correct(self, row: list[str], place: Place, text: str, anyway: bool) -> None:
        """See Review."""
        if text != row[TEXT_AT]:
            row[TEXT_AT], row[VALUE_AT] = text, decimal_text(number_value(text.replace(" ", ""), self.decimal))
        row[-1] = CHECKED


class TableReview(Review):
    """A CSV file of tables."""

    def places(self, header: list[str], row: list[str]) -> Iterator[Place]:
        """See Review."""
        for at in range(len(PLACE), len(header) - len(TABLE_ENDS)):
            yield Place(cell_name(row[2], str(at - len(PLACE))), at, "?" in row[at])

    def cut(self, picture: Picture, row: list[str], place: Place) -> np.ndarray:
        """See Review."""
        boxes = [*row[-1].split(";"), *[""] * place.at]
        return cut_box(picture, boxes[place.at - len(PLACE)], row[-2])


def open_review(path: Path, decimal: str = "") -> Review:
    """The file to correct, by its header. decimal: as for Review. Raises ShuziError when it is another file."""
    header = read_rows(path)[0]
    columns = [f"column {k}" for k in range(len(header) - len(PLACE) - len(TABLE_ENDS))]
    fields = [column for name in header[2::3] for column in column_names(name)]
    kinds: dict[type[Review], list[str]] = {
        NumberReview: [*COLUMNS],
        TableReview: [*PLACE, *columns, *TABLE_ENDS],
        FormReview: ["file", "form", *fields],
    }
    for kind, its_header in kinds.items():
        if header == its_header:
            return kind(path, decimal)
    raise another_file(path)


def another_file(path: Path) -> ShuziError:
    """Says that a file can't be reviewed."""
    return ShuziError(
        f"{path}: not a CSV file of forms, numbers or tables as this version's shuzi read writes with --csv or "
        "--table; read the pictures again."
    )


def read_rows(path: Path) -> list[list[str]]:
    """The rows of a CSV file, header first, without a last one that is being written.

    Raises ShuziError when it can't be read, is empty, or its rows are of several lengths.
    """
    text = read_bytes(path).removeprefix(BOM).decode("utf-8", "surrogateescape")
    try:
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error:
        raise another_file(path) from None
    if rows and len(rows[-1]) < len(rows[0]) and not text.endswith("\n"):
        del rows[-1]
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise another_file(path)
    return rows


def cell_name(line: str, column: str) -> str:
    """A place in a table as spreadsheets name it, R2C3 for line 1 and column 2."""
    return "R{}C{}".format(*(int(number) + 1 for number in parse_numbers(f"{line} {column}", 2)))


def parse_numbers(text: str, count: int) -> list[float]:
    """So many numbers, separated by spaces. Raises ShuziError for anything else."""
    with contextlib.suppress(ValueError):
        if len(numbers := [float(number) for number in text.split()]) == count:
            return numbers
    raise ShuziError(f"{text!r:.60} in the CSV file is not what shuzi wrote. Read the pictures again.")


def cut_box(picture: Picture, box: str, turned: str) -> np.ndarray:
    """Cut out a box "x y width height", with a margin of half its height, and turn it as its page was.

    Raises Problem 404 where there is no such box in the picture.
    """
    if not box:
        raise Problem(404, "nothing was found there, so there is no picture of it.")
    sides = np.array(parse_numbers(box, 4))
    margin = sides[2:].min() / 2
    low, high = sides[:2] - margin, sides[:2] + sides[2:] + margin
    left, top = np.maximum(low / picture.scale, 0).astype(int)
    right, bottom = np.ceil(high / picture.scale).astype(int)
    cut = picture.pixels[top:bottom, left:right]
    if not cut.size:
        raise Problem(404, "the picture is smaller than it was when it was read.")
    return np.ascontiguousarray(np.rot90(cut, -int(parse_numbers(turned, 1)[0]) // 90))
