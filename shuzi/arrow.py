"""Readings as Arrow tables, one row per picture, for other tools and for Parquet files."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from shuzi.data.picture import FILE_TYPES, load, pages
from shuzi.errors import ShuziError, SystemFailure, system_failures
from shuzi.page import BOX_COLUMNS, decimal_text

if TYPE_CHECKING:
    from shuzi.data.picture import Source
    from shuzi.page import Box, Digit, Mark, Number, Page

PICTURE_COLUMNS = ("image", "bytes", "content")  # as Ray and datasets, Ray again, and Spark call them

BOX_FIELDS = [(name, pa.int32()) for name in BOX_COLUMNS]
MARK = pa.struct([("sign", pa.string()), ("confidence", pa.float32()), *BOX_FIELDS])
NUMBER = pa.struct(
    [
        ("text", pa.string()),  # as written, '?' for an uncertain digit
        ("value", pa.string()),  # what it is worth, in decimals; null if it has no value
        ("confidence", pa.float32()),  # 0..1, that all of the text is right
        ("line", pa.int32()),  # 0 is the topmost line of the page
        ("column", pa.int32()),  # of the page's table, 0 is the leftmost
        *BOX_FIELDS,
        ("marks", pa.list_(MARK)),  # from left to right
    ]
)
DIGIT = pa.struct(
    [
        ("digit", pa.int8()),  # 0..9, null if the reader is not sure
        ("guess", pa.int8()),  # 0..9, the likeliest whether sure or not
        ("confidence", pa.float32()),  # 0..1, that it is a digit and this one
        ("line", pa.int32()),  # 0 is the topmost line of the page
        ("number", pa.int32()),  # in reading order, 0 is the page's first
        *BOX_FIELDS,
    ]
)
READINGS = pa.schema(
    [
        ("text", pa.string()),  # one line per line of writing, '?' if unsure; null if it is not a picture
        ("confidence", pa.float32()),  # 0..1, that all of it is right; null without digits
        ("numbers", pa.list_(NUMBER)),  # in reading order; null if it is not a picture
        ("digits", pa.list_(DIGIT)),  # likewise
        ("unread", pa.list_(pa.struct(BOX_FIELDS))),  # places that look like digits; null if it is not a picture
        ("turned", pa.int32()),  # degrees clockwise, before it was read; null if it is not a picture
        ("error", pa.string()),  # why it is not a picture; null if it is one
        ("pages", pa.int32()),  # of its file; null if it is not a picture
    ]
)


def read_batch(read: Callable[..., Page], batch: Mapping[str, Iterable[Any]]) -> pa.Table:
    """Read a batch: return its columns with READINGS in place of the pictures; a broken picture's row has its error.

    There are as many rows as pictures, so only the first page of a TIFF or PDF is read. The column "pages" counts
    them; `shuzi read --out` reads them all.

    Args:
        read: reads a picture, as `Reader.read` does.
        batch: columns by name, as a mapping, a pandas or an Arrow table. One of PICTURE_COLUMNS holds the pictures:
            whatever `Reader.read` takes. Ray's `read_images` and `read_binary_files`, Spark's "binaryFile" and
            Hugging Face's `datasets` give such batches.

    Raises:
        ShuziError: no such column, one of ours is there already, or Arrow has no type for another.
        SystemFailure: memory ran out, or a disk can't be read.
    """
    columns = dict(batch.to_pydict() if isinstance(batch, pa.Table) else batch)
    name = next((name for name in PICTURE_COLUMNS if name in columns), None)
    if name is None or not columns.keys().isdisjoint(READINGS.names):
        raise ShuziError(
            f"a batch of columns {', '.join(map(str, columns))}: expected one called "
            f"{' or '.join(PICTURE_COLUMNS)}, and none called {' or '.join(READINGS.names)}"
        )
    readings = pa.Table.from_pylist([_read_first(read, picture) for picture in columns.pop(name)], READINGS)
    for index, (kept, values) in enumerate(columns.items()):
        readings = readings.add_column(index, text(str(kept)), _array(str(kept), values))
    return readings


def _read_first(read: Callable[..., Page], source: Source) -> dict[str, object]:
    """Read the first page as a row, with the number of pages."""
    row = read_one(read, source)
    if row.get("error") is None:
        row["pages"] = pages(source) if isinstance(source, FILE_TYPES) else 1
    return row


def _array(name: str, values: Iterable[object]) -> pa.Array:
    """Convert a column to Arrow; texts that aren't Unicode are escaped."""
    with contextlib.suppress(pa.ArrowException, UnicodeEncodeError):
        return pa.array(values)
    try:
        return pa.array([text(value) if isinstance(value, str) else value for value in values])
    except pa.ArrowException as error:
        raise ShuziError(f"the column {name}: {error}. Leave it out of the batch.") from error


def text(value: str) -> str:
    """Escape what is not Unicode in a text, such as the names of some files, because Arrow can't hold it."""
    return value.encode("utf-8", "backslashreplace").decode()


def read_one(read: Callable[..., Page], source: Source, page: int = 0) -> dict[str, object]:
    """Read a picture as a row of READINGS. page: of a TIFF or PDF, from 0."""
    try:
        with system_failures("a picture"):
            return page_row(read(load(source, page)))
    except SystemFailure:
        raise
    except ShuziError as error:
        return {"error": text(str(error))}


def page_row(page: Page) -> dict[str, object]:
    """Convert a page to a row of READINGS; confidences have four places, as in CSV and JSON."""
    digits = [
        {"digit": digit.digit, "guess": digit.guess, "line": number.line, "number": index, **_sure(digit)}
        for index, number in enumerate(page.numbers)
        for digit in number.digits
    ]
    confidence = round(math.prod(number.confidence for number in page.numbers), 4) if digits else None
    return {
        "text": page.text,
        "confidence": confidence,
        "numbers": [_number(*pair) for pair in zip(page.numbers, page.columns, strict=True)],
        "digits": digits,
        "unread": [_box(box) for box in page.unread],
        "turned": page.turned,
    }


def _number(number: Number, column: int) -> dict[str, object]:
    return {
        "text": number.text,
        "value": decimal_text(number.value) or None,
        "line": number.line,
        "column": column,
        **_sure(number),
        "marks": [{"sign": mark.sign, **_sure(mark)} for mark in number.marks],
    }


def _sure(part: Digit | Mark | Number) -> dict[str, float]:
    return {"confidence": round(part.confidence, 4), **_box(part.box)}


def _box(box: Box) -> dict[str, int]:
    return dict(zip(BOX_COLUMNS, box, strict=True))
