"""Uncertain fields in a CSV file of forms: their pictures, and their correction."""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

import cv2

from shuzi.batch.csv_file import LOCK_SECONDS, csv_text
from shuzi.batch.folders import Job
from shuzi.errors import ShuziError
from shuzi.files import locked, read_bytes, write_whole
from shuzi.forms.fields import Field, Form, column_names
from shuzi.forms.sheet import cut_zones
from shuzi.serve.problems import Problem

CHECKED = "yes"
TEXT = re.compile("[0-9 .,/:-]{0,100}")


@dataclass(frozen=True)
class UncertainField:
    """An uncertain field. file: of the picture, as the CSV file has it; text: as read, without '?'."""

    file: str
    field: str
    text: str
    confidence: str


class Review:
    """A CSV file of forms whose fields are corrected. Raises ShuziError when it can't be read or is another file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows()

    def _rows(self) -> list[list[str]]:
        text = read_bytes(self.path).decode("utf-8", "surrogateescape")
        try:
            rows = list(csv.reader(io.StringIO(text, newline="")))
        except csv.Error:
            rows = []
        header = rows[0] if rows else []
        if rows and len(rows[-1]) < len(header) and not text.endswith("\n"):
            del rows[-1]  # shuzi read is writing it
        written = ["file", "form", *(column for name in header[2::3] for column in column_names(name))]
        if header != written or any(len(row) != len(header) for row in rows):
            raise ShuziError(
                f"{self.path}: not a CSV file of forms as this version's shuzi read --fields FORM --csv FILE writes; "
                "read the forms again."
            )
        return rows

    def uncertain(self) -> list[UncertainField]:
        """The uncertain fields, in the file's order."""
        header, *rows = self._rows()
        return [
            UncertainField(row[0], header[at], row[at][:-1], row[at + 1])
            for row in rows
            for at in range(2, len(header), 3)
            if row[at].endswith("?")
        ]

    def _locate(self, rows: list[list[str]], file: str, name: str) -> tuple[list[str], int, Field, Form]:
        """The row of a picture, where its field stands in it, the field and its form. Raises Problem 404."""
        row = next((row for row in rows[1:] if row[0] == file), None)
        if row is None or name not in rows[0][2::3]:
            raise Problem(404, f"no field {name!r} of {file!r} in the file.")
        form = Form.load(self.path.parent / row[1])
        field = next((each for each in form.fields if each.name == name), None)
        if field is None:
            raise Problem(404, f"the form has no field {name!r} any more.")
        return row, rows[0].index(name), field, form

    def zone(self, file: str, name: str) -> bytes:
        """A field's zone of a picture, as PNG. Raises Problem 404, and ShuziError as reading the picture does."""
        _, _, field, form = self._locate(self._rows(), file, name)
        path, _, page = (self.path.parent / file).as_posix().rpartition("#")
        job = (
            Job(Path(path), file, int(page))
            if path and page.isdecimal()
            else Job(self.path.parent / file, file)
        )
        (cut,) = cut_zones(job.load().pixels, Form(form.sheet, (field,)))
        return cv2.imencode(".png", cut[:, :, ::-1])[1].tobytes()

    def write(self, file: str, name: str, text: str, anyway: bool) -> str:
        """Corrects a field in the file, completely or not at all. Returns its digits.

        anyway: even if the field doesn't admit them. Raises Problem 404, 409 where it doesn't, 422 on another text than
        digits and what stands between them, and ShuziError when the file can't be read or written.
        """
        if not TEXT.fullmatch(text):
            raise Problem(422, f"text: {text!r:.60}; expected digits, spaces and . , / : - only.")
        digits = re.sub("[^0-9]", "", text)
        with locked(self.path, LOCK_SECONDS):  # `shuzi read` may be adding rows
            rows = self._rows()
            row, at, field, _ = self._locate(rows, file, name)
            if not anyway and not field.admits(digits):
                raise Problem(409, f"{text!r} is not what the field {name!r} admits.")
            row[at], row[at + 2] = field.formatted(digits) if field.date else text.strip(), CHECKED
            write_whole(self.path, csv_text(rows).encode("utf-8", "surrogateescape"))
        return digits
