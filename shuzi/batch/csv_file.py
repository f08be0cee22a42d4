"""CSV files of readings, one row per number, digit or form, written as the pictures are read; and of tables."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, TypeAlias

from shuzi.errors import ShuziError
from shuzi.files import cannot_write, locked, whole_file, write_whole
from shuzi.forms.fields import Entry, Form, column_names
from shuzi.page import BOX_COLUMNS, Number, Page, decimal_text

PLACE = ("file", "page", "line")
COLUMNS = (*PLACE, "column", "text", "value", "confidence", *BOX_COLUMNS, "turned", "unread", "checked")
DIGIT_COLUMNS = ("file", "line", "number", "position", "digit", "confidence", *BOX_COLUMNS, "text")
SURE_NUMBER = 0.5  # a number's confidence below which it is more likely wrong than right
BOM = "\ufeff".encode()  # Excel begins a file of UTF-8 with it
LOCK_SECONDS = 60.0  # to wait for whoever corrects the file

Read: TypeAlias = Page | Sequence[Entry]
Rows: TypeAlias = list[Sequence[object]]
TablePage: TypeAlias = tuple[str, int, Page]
"""The name of a page's file, its index there from 1, and the page."""


def number_rows(name: str, index: int, page: Read) -> Rows:
    """Build a picture's rows, with COLUMNS, one per number; a page without numbers has one row.

    The last column is for whoever checks the number by hand.
    """
    assert isinstance(page, Page)
    about = (page.turned, len(page.unread), "")
    return [
        (name, index, number.line, column, number.text, decimal_text(number.value), f"{number.confidence:.4f}",
         *number.box, *about)
        for number, column in zip(page.numbers, page.columns, strict=True)
    ] or [(name, index, *[""] * (len(COLUMNS) - len(about) - 2), *about)]  # fmt: skip


def digit_rows(name: str, index: int, page: Read) -> Rows:
    """Build a picture's rows, with DIGIT_COLUMNS, one per digit; a page without digits has one row."""
    assert isinstance(page, Page)
    rows: Rows = []
    for order, number in enumerate(page.numbers):
        for position, digit in enumerate(number.digits):
            read = "" if digit.digit is None else digit.digit
            place = (name, number.line, order, position)
            rows.append((*place, read, f"{digit.confidence:.4f}", *digit.box, number.text))
    return rows or [(name, *[""] * (len(DIGIT_COLUMNS) - 1))]


def table_rows(pages: Iterable[TablePage]) -> Rows:
    """Build the rows of a table's CSV file, header first: one per line of each page, one column per column of it.

    A cell that may be wrong ends in "?" or has one for a digit. The last column holds the boxes of the cells, for
    whoever checks them by hand.
    """
    rows: Rows = []
    tables = [(name, index, page, page.table()) for name, index, page in pages]
    width = max((len(row) for *_, table in tables for row in table), default=0)
    for name, index, page, table in tables:
        for line, row in enumerate(table):
            cells = [cell_text(cell) if cell else "" for cell in (*row, *[None] * (width - len(row)))]
            boxes = [" ".join(map(str, cell.box)) if cell else "" for cell in row]
            rows.append((name, index, line, *cells, page.turned, ";".join(boxes)))
    return [(*PLACE, *(f"column {k}" for k in range(width)), "turned", "boxes"), *rows]


def cell_text(number: Number) -> str:
    """Format a number as a table's cell, with "?" behind it if it is more likely wrong than right."""
    unsure = number.confidence < SURE_NUMBER and "?" not in number.text
    return number.text + "?" * unsure


@dataclass(frozen=True)
class Layout:
    """What a CSV file holds.

    Attributes:
        content: in words, for errors.
        columns: their names.
        rows: makes a picture's rows from its name, the index of its page, and what was read.
        one_row: whether a picture has one row.
    """

    content: str
    columns: tuple[str, ...]
    rows: Callable[[str, int, Read], Rows]
    one_row: bool = False

    @classmethod
    def for_form(cls, form: Form, path: str) -> Layout:
        """One row per picture: its file, the form's, and three columns for each field, as `column_names` names them.

        path: the form's, relative to the CSV file's folder.
        """

        def rows(name: str, index: int, entries: Read) -> Rows:
            assert not isinstance(entries, Page)
            cells = [cell for entry in entries for cell in (str(entry), f"{entry.confidence:.4f}", "")]
            return [(name, path, *cells)]

        named = [column for field in form.fields for column in column_names(field.name)]
        return cls("this form's fields", ("file", "form", *named), rows, one_row=True)


READINGS = Layout("readings", COLUMNS, number_rows)
DIGITS = Layout("readings of digits", DIGIT_COLUMNS, digit_rows)


class CsvFile(AbstractContextManager["CsvFile"]):
    """A CSV file to which each picture's rows are added as soon as it is read.

    With `resume` an existing file is continued, and `done` names the pictures in it, except the last one of a file of
    readings: it may be incomplete, so its rows are replaced when it is written again, unless somebody has checked one
    of them. Meanwhile others may correct the file (see `files.locked`), but not add pictures to it.

    Raises:
        ShuziError: the file can't be written, holds something else, has rows but isn't to be resumed, or another
            process is adding pictures to it. It is then left unchanged.
    """

    def __init__(self, path: str | os.PathLike[str], layout: Layout = READINGS, *, resume: bool = False) -> None:
        self.path, self._layout = Path(path), layout
        _complete_rows(self.path, layout)  # refuses another kind of file, before a lock is made beside it
        with ExitStack() as stack:
            stack.enter_context(locked(self.path, purpose="read"))
            with locked(self.path, LOCK_SECONDS):
                kept = _complete_rows(self.path, layout)
                if kept and not resume:
                    raise ShuziError(
                        f"{self.path} already holds {layout.content}. Add to it with --continue, or choose "
                        "another file."
                    )
                self._last = _last_unchecked(kept, layout)
                self.done = frozenset(row[0] for row in kept) - {self._last}
                self._replace(kept)
            self._stack = stack.pop_all()

    def _replace(self, rows: Iterable[Sequence[object]]) -> None:
        write_whole(self.path, encoded([self._layout.columns, *rows]))

    def write(self, name: str, read: Read, page: int = 1) -> None:
        """Add what was read in a page, from 1, of a file. Raises ShuziError if the CSV file can't be written."""
        rows = self._layout.rows(name, page, read)
        with locked(self.path, LOCK_SECONDS):
            if name == self._last:
                self._last = None
                others = [row for row in _complete_rows(self.path, self._layout) if row[0] != name]
                return self._replace([*others, *rows])
            try:
                with self.path.open("ab") as file:  # each time, since a correction replaces the file
                    file.write(encoded(rows if file.tell() else [self._layout.columns, *rows]))
            except OSError as error:
                raise cannot_write(self.path, error) from error

    def __exit__(self, *error: object) -> None:
        self._stack.close()


class CsvStream:
    """The same rows, written to a text stream for another program."""

    def __init__(self, stream: TextIO, layout: Layout = READINGS) -> None:
        self._stream, self._layout = stream, layout
        self.done: frozenset[str] = frozenset()
        stream.write(csv_text([layout.columns]))

    def write(self, name: str, read: Read, page: int = 1) -> None:
        """Write what was read in a page, from 1, of a file."""
        self._stream.write(csv_text(self._layout.rows(name, page, read)))
        self._stream.flush()


@contextmanager
def table_file(file: str | None, stdout: TextIO) -> Iterator[list[TablePage]]:
    """Yield a list for pages, and write their tables in the end: to a new file, whole or not at all; "-" is stdout.

    file: None: write nothing.

    Raises:
        ShuziError: the file holds something already, or can't be written.
    """
    pages: list[TablePage] = []
    if file in (None, "-"):
        yield pages
        if file:
            stdout.write(csv_text(table_rows(pages)))
        return
    path = Path(file)
    try:
        taken = path.exists() and not (path.is_file() and path.stat().st_size == 0)
    except (OSError, ValueError) as error:
        raise cannot_write(path, error) from error
    if taken:
        raise ShuziError(f"{path} exists already and was left unchanged. Choose another file for the table.")
    with whole_file(path) as part:
        yield pages
        part.write_bytes(encoded(table_rows(pages)))


def _last_unchecked(rows: list[list[str]], layout: Layout) -> str | None:
    """Return the last picture of a file of readings; None if there is none, or somebody has checked it."""
    if not rows or layout.one_row:
        return None
    name = rows[-1][0]
    checked = "checked" in layout.columns and any(row[-1] for row in rows if row[0] == name)
    return None if checked else name


def _complete_rows(path: Path, layout: Layout) -> list[list[str]]:
    """Read the complete rows of such a file below its header; none if there is no file, or an empty one."""
    other = ShuziError(f"{path} is not a CSV file of {layout.content} and was left unchanged. Choose another file.")
    try:
        if not path.exists():
            return []
        if not path.is_file():
            raise ShuziError(f"{path} is not a file. Choose a file, or - for stdout.")
        header = csv_text([layout.columns]).rstrip("\n").encode("utf-8", "surrogateescape")
        with path.open("rb") as file:
            start = file.read(len(BOM) + len(header)).removeprefix(BOM)
            if start and not start.startswith(header):
                raise other
        text = path.read_bytes().removeprefix(BOM).decode("utf-8", "surrogateescape")
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


def encoded(rows: Iterable[Sequence[object]]) -> bytes:
    """Encode rows as a CSV file; names of files need not be UTF-8."""
    return csv_text(rows).encode("utf-8", "surrogateescape")
