"""How well a reader reads labelled pictures: whole lines right, and calibration, for each folder of them."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from shuzi.errors import ShuziError
from shuzi.evaluate.figures import Answers, answer_metrics
from shuzi.page import Page
from shuzi.read.reader import Reader

LABELS = "labels.csv"  # beside the pictures: what is written on each
COLUMNS = ("file", "kind", "text")
ONE_DIGIT, PAGE = "single", "page"  # one digit, several lines
KINDS = (ONE_DIGIT, "field", "line", PAGE, "none")  # a field is one line; none is a picture without digits


def measure_pictures(reader: Reader, folder: Path) -> dict[str, float]:
    """Measure a reader on labelled pictures; each folder of them is a set of its own.

    Args:
        reader: what reads the pictures.
        folder: holds labels.csv with the columns file, the path of a picture; kind, `single` for one digit, `field` or
            `line` for one line, `page` for several, `none` for a picture without digits; and text, the digits written
            there, a page's lines separated by "/"; spaces and marks don't count.

    Returns:
        For each set, the share of lines read without a mistake, or of blank pictures in which nothing is read. For all
        lines read, the calibration error and the share that is confident but wrong.

    Raises:
        ShuziError: labels.csv isn't one or lists no pictures, or a picture can't be read.
    """
    sets: defaultdict[str, tuple[list[bool], Answers]] = defaultdict(lambda: ([], []))
    for file, kind, text in read_labels(folder):
        right, answers = sets[file.rpartition("/")[0] or folder.name]
        lines = lines_of(reader.read(folder / file, single=kind == ONE_DIGIT), apart=kind == PAGE)
        written = [line for line in text.split("/") if line]
        certain = [read for read, _, _ in lines]
        right += [line in certain for line in written] if written else [not lines]
        answers += [(confidence, guess in written) for _, guess, confidence in lines]
        if not lines and written:
            answers.append((0.0, False))
    if not sets:
        raise ShuziError(f"{folder / LABELS}: lists no pictures. Add a row for each picture")
    return {
        f"{name}, {metric}": value
        for name, (right, answers) in sets.items()
        for metric, value in {"right": float(np.mean(right)), **answer_metrics("line", answers)}.items()
    }


def read_labels(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield each row of a folder's labels.csv. Raises ShuziError if the file is something else."""
    path = folder / LABELS
    other = ShuziError(f"{path}: expected a CSV file with the columns {', '.join(COLUMNS)}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # Excel begins a file with a mark of its encoding
            rows = csv.DictReader(file, restval="")
            if not {*COLUMNS} <= {*(rows.fieldnames or ())}:
                raise other
            for row in rows:
                name, kind, text = (row[column].strip() for column in COLUMNS)
                if kind not in KINDS:
                    raise ShuziError(
                        f"{path}: line {rows.line_num} is of kind {kind!r:.60}; expected {', '.join(KINDS)}"
                    )
                yield name, kind, re.sub("[^0-9/]" if kind == PAGE else "[^0-9]", "", text)
    except (csv.Error, UnicodeDecodeError):
        raise other from None


def lines_of(page: Page, apart: bool) -> list[tuple[str, str, float]]:
    """Return a page's lines, or all as one if not `apart`: as read, the most probable digits, and the confidence."""
    lines: defaultdict[int, tuple[str, str, float]] = defaultdict(lambda: ("", "", 1.0))
    for number in page.numbers:
        read, guess, confidence = lines[line := number.line if apart else 0]
        guess += "".join(str(digit.guess) for digit in number.digits)
        read += "".join("?" if digit.digit is None else str(digit.digit) for digit in number.digits)
        lines[line] = (read, guess, confidence * number.confidence)
    return list(lines.values())
