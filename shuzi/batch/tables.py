"""CSV files of readings: a row for each digit, or for each form. They are written as the pictures are read."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from shuzi.errors import ShuziError
from shuzi.files import cannot_write, locked, write_whole
from shuzi.forms.fields import Entry, Form, column_names
from shuzi.page import Page

COLUMNS = ("file", "line", "number", "position", "digit", "confidence", "x", "y", "width", "height", "text")
PATIENCE = 60.0  # seconds to wait for whoever corrects the file


def rows_of(name: str, page: Page) -> list[Sequence[object]]:
    """A picture's rows in the CSV file, as COLUMNS names them."""
    rows: list[Sequence[object]] = []
    for index, number in enumerate(page.numbers):
        for position, digit in enumerate(number.digits):
            read = "" if digit.digit is None else digit.digit
            place = (name, number.line, index, position)
            rows.append((*place, read, f"{digit.confidence:.4f}", *digit.box, number.text))
    return rows or [(name, *[""] * (len(COLUMNS) - 1))]


@dataclass(frozen=True)
class Sheet:
    """What a CSV file holds. of: what that is; columns: their names; rows: of a picture's name and what was read."""

    of: str = "readings"
    columns: tuple[str, ...] = COLUMNS
    rows: Callable[[str, Any], list[Sequence[object]]] = rows_of

    @classmethod
    def of_form(cls, form: Form, path: str) -> Sheet:
        """One row per picture: its file, the form's, and three columns for each field, as `column_names` names them.

        path: the form's, as from the CSV file's folder.
        """

        def rows(name: str, entries: Iterable[Entry]) -> list[Sequence[object]]:
            cells = [cell for entry in entries for cell in (str(entry), f"{entry.confidence:.4f}", "")]
            return [(name, path, *cells)]

        named = [column for field in form.fields for column in column_names(field.name)]
        return cls("this form's fields", ("file", "form", *named), rows)


READINGS = Sheet()


class CsvFile:
    """A CSV file to which each picture is written as it is read: of readings, a row for each digit, or of forms.

    An empty page has one row without a digit. With `resume` an existing file is kept and `done` names the pictures
    in it. The last picture of a file of readings, which may be incomplete, is not among them; its rows are replaced
    when it is written again. Others may correct the file meanwhile (see `files.locked`), but not write pictures to it.

    Raises:
        ShuziError: it can't be written, isn't such a file, has rows but isn't to be resumed, or another process is
            writing pictures to it. It is then left unchanged.
    """

    def __init__(
        self, path: str | os.PathLike[str], sheet: Sheet = READINGS, *, resume: bool = False
    ) -> None:
        self.path, self._sheet = Path(path), sheet
        _kept(self.path, sheet)  # refuses another kind of file, before a lock is made beside it
        with ExitStack() as stack:
            stack.enter_context(locked(self.path, purpose="read"))
            with locked(self.path, PATIENCE):
                kept = _kept(self.path, sheet)
                if kept and not resume:
                    raise ShuziError(
                        f"{self.path}: holds {sheet.of} already. Use --continue to add to it, or name another file."
                    )
                self._last = kept[-1][0] if kept and sheet is READINGS else None
                self.done = frozenset(row[0] for row in kept) - {self._last}
                self._replace(kept)
            self._stack = stack.pop_all()

    def _replace(self, rows: Iterable[Sequence[object]]) -> None:
        write_whole(self.path, _encoded([self._sheet.columns, *rows]))

    def write(self, name: str, read: Page | Sequence[Entry]) -> None:
        """Add a picture's digits, or a form's entries. Raises ShuziError if the file can't be written."""
        rows = self._sheet.rows(name, read)
        with locked(self.path, PATIENCE):
            if name == self._last:
                self._last = None
                others = [row for row in _kept(self.path, self._sheet) if row[0] != name]
                return self._replace([*others, *rows])
            try:
                with self.path.open("ab") as file:  # each time, since a correction replaces the file
                    file.write(_encoded(rows if file.tell() else [self._sheet.columns, *rows]))
            except OSError as error:
                raise cannot_write(self.path, error) from error

    def __enter__(self) -> CsvFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


class CsvStream:
    """The same onto a stream of text, to be read by another program."""

    def __init__(self, stream: TextIO, sheet: Sheet = READINGS) -> None:
        self._stream, self._sheet = stream, sheet
        self.done: frozenset[str] = frozenset()
        stream.write(csv_text([sheet.columns]))

    def write(self, name: str, read: Page | Sequence[Entry]) -> None:
        """Add a picture's digits, or a form's entries."""
        self._stream.write(csv_text(self._sheet.rows(name, read)))
        self._stream.flush()


def _kept(path: Path, sheet: Sheet) -> list[list[str]]:
    """The complete rows of such a file below its header; none if there is no file, or an empty one."""
    other = ShuziError(f"{path}: not a CSV file of {sheet.of}; it stays as it is, name another.")
    try:
        if not path.exists():
            return []
        if not path.is_file():
            raise ShuziError(f"{path}: not a file; name one, or - for stdout.")
        header = csv_text([sheet.columns]).rstrip("\n").encode("utf-8", "surrogateescape")
        with path.open("rb") as file:
            if (start := file.read(len(header))) != header and start:
                raise other
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise cannot_write(path, error) from error
    try:
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error:
        raise other from None
    if len(rows) > 1 and (len(rows[-1]) < len(sheet.columns) or not text.endswith("\n")):
        del rows[-1]  # whoever wrote it was stopped
    if any(len(row) != len(sheet.columns) for row in rows):
        raise other
    return rows[1:]


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV."""
    text = io.StringIO()
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        # the writer knows line feeds alone to need quotes, the reader takes a carriage return for one
        (quoted if "\r" in str(row[0]) else plain).writerow(row)
    return text.getvalue()


def _encoded(rows: Iterable[Sequence[object]]) -> bytes:
    """Rows as the bytes of a CSV file; names of files need not be UTF-8."""
    return csv_text(rows).encode("utf-8", "surrogateescape")
