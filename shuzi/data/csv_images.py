"""Images as CSV: one row per image, one column per pixel, perhaps a label and a header, as on Kaggle."""

import codecs
import contextlib
import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shuzi.data.arrays import number_in
from shuzi.data.unpack import pieces
from shuzi.errors import ShuziError

LABEL_COLUMNS = ("label", "labels", "class", "target", "y", "digit")
OTHER_COLUMNS = ("", "id", "index", "imageid")  # an unnamed one is the index that pandas writes
MAX_LINE = 1_000_000  # bytes


@dataclass(frozen=True)
class CsvColumns:
    """Which column holds what. label: None if no column does; pixels: the indices of the others, in their order."""

    count: int
    delimiter: bytes
    header: bool
    label: int | None
    pixels: np.ndarray


def read(path: Path) -> dict[str, np.ndarray]:
    """Read a CSV file, plain, .gz, or alone in a .zip.

    Returns "images", uint8 or float32 (N, pixels), and, if the file has them, "labels", int64 (N,).

    Raises:
        ShuziError: a row or a cell isn't what the format says; the sentence has the line's number, 1 being the first.
    """
    columns: CsvColumns | None = None
    images, labels, line = [], [], 1
    for text in whole_lines(path):
        if columns is None:
            columns = find_columns(path, text)
            if columns.header:
                text, line = text[text.index(b"\n") + 1 :], 2
        values, marked = parse(path, text, columns, line)
        images.append(values)
        labels.append(marked)
        line += text.count(b"\n")
    if columns is None or not sum(map(len, images)):
        raise ShuziError(f"{path}: holds no images, expected one in each row.")
    found = {"images": np.concatenate(images)}
    return found if columns.label is None else found | {"labels": np.concatenate(labels)}


def whole_lines(path: Path) -> Iterator[bytes]:
    """Yield a file's text in pieces of whole lines, each ended by a line feed alone, without a byte-order mark."""
    rest = b""
    for number, piece in enumerate(pieces(path)):
        text = rest + piece if number else piece.removeprefix(codecs.BOM_UTF8)
        end = text.rfind(b"\n") + 1
        text, rest = text[:end], text[end:]
        if len(rest) > MAX_LINE:
            raise ShuziError(f"{path}: a line of more than {MAX_LINE:,} bytes, expected one image in each line.")
        if text:
            yield text.replace(b"\r\n", b"\n")
    if rest.strip():
        yield rest.rstrip(b"\r\n") + b"\n"


def find_columns(path: Path, text: bytes) -> CsvColumns:
    """Find the columns of labels and of pixels from a file's first line."""
    line = text[: text.index(b"\n")]
    delimiter = max((b",", b";", b"\t"), key=line.count)
    cells = [cell.strip().strip('"').lower() for cell in line.decode("utf-8", "replace").split(delimiter.decode())]
    header = not all(map(is_number, cells))
    if header:
        names = {place: cell for place, cell in enumerate(cells) if cell in (*LABEL_COLUMNS, *OTHER_COLUMNS)}
    else:
        names = {} if is_square(len(cells)) else {0: "label"}
    label = next((place for place, name in names.items() if name in LABEL_COLUMNS), None)
    pixels = np.delete(np.arange(len(cells)), [*names])
    if not is_square(len(pixels)) or len(pixels) < 4:
        raise ShuziError(
            f"{path}: line 1 has {len(cells):,} columns, expected 784 pixels, or another square number, and perhaps a "
            "label before them."
        )
    return CsvColumns(len(cells), delimiter, header, label, pixels)


def is_number(text: str) -> bool:
    """Tell whether a text is a number; an empty one may be a missing number."""
    try:
        float(text or 0)
    except ValueError:
        return False
    return True


def is_square(count: int) -> bool:
    """Tell whether a number is the square of a whole number."""
    return math.isqrt(count) ** 2 == count


def parse(path: Path, text: bytes, columns: CsvColumns, line: int) -> tuple[np.ndarray, np.ndarray]:
    """Parse whole lines to pixels, uint8 or float32 (N, pixels), and labels, int64 (N,), empty without a column."""
    if columns.delimiter != b",":
        text = text.replace(columns.delimiter, b",")
    values = parse_bytes(text, columns.count)
    if values is None:
        return parse_cells(path, text, columns, line)
    labels = values[:, [] if columns.label is None else columns.label]
    return values.take(columns.pixels, axis=1), labels.astype(np.int64)


def parse_bytes(text: bytes, columns: int) -> np.ndarray | None:
    """Parse lines of whole numbers from 0 to 255, separated by commas alone: uint8 (N, columns); else return None."""
    if not text.strip() or text.translate(None, b"0123456789,\n"):
        return None
    try:
        values = np.loadtxt(io.BytesIO(text), np.int64, delimiter=",", ndmin=2)
    except ValueError:  # an empty cell, or rows of several lengths
        return None
    return values.astype(np.uint8) if values.shape[1] == columns and values.max() <= 255 else None


def parse_cells(path: Path, text: bytes, columns: CsvColumns, line: int) -> tuple[np.ndarray, np.ndarray]:
    """Parse lines cell by cell, as `parse` does: cells may be quoted, fractions, or wrong."""
    images, labels = [], []
    for number, row in enumerate(text.decode("utf-8", "replace").split("\n"), line):
        if not row.strip():
            continue
        cells = next(csv.reader([row], skipinitialspace=True), [])
        if len(cells) != columns.count:
            raise ShuziError(
                f"{path}: line {number} has {len(cells):,} values, expected {columns.count:,} as in line 1."
            )
        if columns.label is not None:
            labels.append(to_number(path, number, cells[columns.label], "label"))
        images.append(to_pixels(path, number, [cells[place] for place in columns.pixels]))
    pixels = np.array(images, np.float32).reshape(-1, len(columns.pixels))
    whole = (pixels == np.rint(pixels)).all()
    return pixels.astype(np.uint8) if whole else pixels, np.array(labels, np.int64)


def to_pixels(path: Path, line: int, cells: list[str]) -> np.ndarray:
    """Convert a row's cells to numbers from 0 to 255, float32 (pixels,)."""
    with contextlib.suppress(ValueError):
        values = np.array(cells, np.float32)
        if ((values >= 0) & (values <= 255)).all():
            return values
    for place, cell in enumerate(cells):
        if not 0 <= to_number(path, line, cell, f"pixel {place}") <= 255:
            break
    raise ShuziError(f"{path}: line {line} has the value {cell} at pixel {place}, expected 0 to 255.")


def to_number(path: Path, line: int, cell: str, what: str) -> float:
    """Convert a cell to a number; a label must be whole."""
    value = number_in(cell)
    if math.isfinite(value) and (what != "label" or value.is_integer()) and abs(value) < 2**53:
        return value
    shown = f"{cell!r:.40}" if cell.strip() else "nothing"
    raise ShuziError(f"{path}: line {line} has {shown} as its {what}, expected a number.")
