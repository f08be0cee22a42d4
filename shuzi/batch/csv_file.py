"""CSV files of readings, one row per digit or per form, written as the pictures are read."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TextIO

from shuzi.errors import ShuziError
from shuzi.files import cannot_write, locked, write_whole
from shuzi.forms.fields import Entry, Form, column_names
from shuzi.page import Page

COLUMNS = ("file", "line", "number", "position", "digit", "confidence", "x", "y", "width", "height", "text")
LOCK_SECONDS = 60.0  # to wait for whoever corrects the file


def page_rows(name: str, page: Page | Sequence[Entry]) -> list[Sequence[object]]:
    """Build a picture's rows, with COLUMNS; a page without digits has one row."""
    assert isinstance(page, Page)
    rows: list[Sequence[object]] = []
    for index, number in enumerate(page.numbers):
        for position, digit in enumerate(number.digits):
            read = "" if digit.digit is None else digit.digit
            place = (name, number.line, index, position)
            rows.append((*place, read, f"{digit.confidence:.4f}", *digit.box, number.text))
    return rows or [(name, *[""] * (len(COLUMNS) - 1))]


@dataclass(frozen=True)
class Layout:
    """What a CSV file holds.

    Attributes:
        content: in words, for errors.
        columns: their names.
        rows: makes a picture's rows from its name and what was read.
    """

    content: str = "readings"
    columns: tuple[str, ...] = COLUMNS
    rows: Callable[[str, Page | Sequence[Entry]], list[Sequence[object]]] = page_rows

    @classmethod
    def for_form(cls, form: Form, path: str) -> Layout:
        """One row per picture: its file, the form's, and three columns for each field, as `column_names` names them.

        path: the form's, relative to the CSV file's folder.
        """

        def rows(name: str, entries: Page | Sequence[Entry]) -> list[Sequence[object]]:
            assert not isinstance(entries, Page)
            cells = [cell for entry in entries for cell in (str(entry), f"{entry.confidence:.4f}", "")]
            return [(name, path, *cells)]

        named = [column for field in form.fields for column in column_names(field.name)]
        return cls("this form's fields", ("file", "form", *named), rows)


READINGS = Layout()


class CsvFile:
    """A CSV file to which each picture's rows are added as soon as it is read.

    With `resume` an existing file is continued, and `done` names the pictures in it, except the last one of a file of
    readings: it may be incomplete, so its rows are replaced when it is written again. Meanwhile others may correct
    the file (see `files.locked`), but not add pictures to it.

    Raises:
        ShuziError: the file can't be written, holds something else, has rows but isn't to be resumed, or another
            process is adding pictures to it. It is then left unchanged.
    """

    def __init__(
        self, path: str | os.PathLike[str], layout: Layout = READINGS, *, resume: bool = False
    ) -> None:
        self.path, self._layout = Path(path), layout
        _complete_rows(self.path, layout)  # refuses another kind of file, before a lock is made beside it
        with ExitStack() as stack:
            stack.enter_context(locked(self.path, purpose="read"))
            with locked(self.path, LOCK_SECONDS):
                kept = _complete_rows(self.path, layout)
                if kept and not resume:
                    raise ShuziError(
                        f"{self.path} already holds {layout.content}. Add to it with --continue, or choose another."
                    )
                self._last = kept[-1][0] if kept and layout is READINGS else None
                self.done = frozenset(row[0] for row in kept) - {self._last}
                self._replace(kept)
            self._stack = stack.pop_all()

    def _replace(self, rows: Iterable[Sequence[object]]) -> None:
        write_whole(self.path, _encoded([self._layout.columns, *rows]))

    def write(self, name: str, read: Page | Sequence[Entry]) -> None:
        """Add a page's digits or a form's entries. Raises ShuziError if the file can't be written."""
        rows = self._layout.rows(name, read)
        with locked(self.path, LOCK_SECONDS):
            if name == self._last:
                self._last = None
                others = [row for row in _complete_rows(self.path, self._layout) if row[0] != name]
                return self._replace([*others, *rows])
            try:
                with self.path.open("ab") as file:  # each time, since a correction replaces the file
                    file.write(_encoded(rows if file.tell() else [self._layout.columns, *rows]))
            except OSError as error:
                raise cannot_write(self.path, error) from error

    def __enter__(self) -> CsvFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


class CsvStream:
    """The same rows, written to a text stream for another program."""

    def __init__(self, stream: TextIO, layout: Layout = READINGS) -> None:
        self._stream, self._layout = stream, layout
        self.done: frozenset[str] = frozenset()
        stream.write(csv_text([layout.columns]))

    def write(self, name: str, read: Page | Sequence[Entry]) -> None:
        """Write a page's digits or a form's entries."""
        self._stream.write(csv_text(self._layout.rows(name, read)))
        self._stream.flush()


def _complete_rows(path: Path, layout: Layout) -> list[list[str]]:
    """Read the complete rows of such a file below its header; none if there is no file, or an empty one."""
    other = ShuziError(
        f"{path} is not a CSV file of {layout.content} and was left unchanged. Choose another file."
    )
    try:
        if not path.exists():
            return []
        if not path.is_file():
            raise ShuziError(f"{path} is not a file. Choose a file, or - for stdout.")
        header = csv_text([layout.columns]).rstrip("\n").encode("utf-8", "surrogateescape")
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
    if len(rows) > 1 and (len(rows[-1]) < len(layout.columns) or not text.endswith("\n")):
        del rows[-1]  # the process that wrote it was stopped
    if any(len(row) != len(layout.columns) for row in rows):
        raise other
    return rows[1:]


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Format rows as CSV."""
    text = io.StringIO()
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        # csv.writer quotes line feeds but not carriage returns, which csv.reader takes for line ends
        (quoted if "\r" in str(row[0]) else plain).writerow(row)
    return text.getvalue()


def _encoded(rows: Iterable[Sequence[object]]) -> bytes:
    """Encode rows as a CSV file; names of files need not be UTF-8."""
    return csv_text(rows).encode("utf-8", "surrogateescape")
