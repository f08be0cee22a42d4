"""What was read in a picture: a page of numbers, their digits and marks, values, confidences and boxes."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TypeAlias

import numpy as np

from shuzi import display
from shuzi.errors import renamed
from shuzi.scores import given_digit
from shuzi.table import assign_columns, unite_halves

# Signs that may belong to a number; others end it. The finder's heatmaps and the labels of scenes are in this order.
MARKS = ".,-/:'+%"
Box = tuple[int, int, int, int]  # x, y, width, height in pixels of the picture as a viewer shows it
BOX_COLUMNS = ("x", "y", "width", "height")  # of a table
MAX_READINGS = 500  # that are weighed for a number or a form's field


@dataclass(frozen=True)
class Reading:
    """One way to read a whole number. text: its digits and marks; probability: 0..1."""

    text: str
    probability: float


def likeliest(places: Iterable[Mapping[str, float]], most: int) -> list[tuple[str, float]]:
    """Find the likeliest texts and their probabilities, likeliest first, by beam search.

    places: for each place the signs that may stand there, with their probabilities; "" for none. Ways to the same text
    are added up. most: texts kept at each place. Without "" the result is exact.
    """
    texts = Counter({"": 1.0})
    for place in places:
        longer: Counter[str] = Counter()
        for text, p in texts.items():
            for sign, q in place.items():
                longer[text + sign] += p * q  # type: ignore[assignment]
        texts = Counter(dict(longer.most_common(most)))
    return [(text, float(p)) for text, p in texts.most_common(most)]


@dataclass(frozen=True, eq=False)
class Digit:
    """One digit as read.

    Attributes:
        digit: 0..9, or None where the reader is not sure.
        guess: 0..9, the likeliest digit, sure or not.
        confidence: 0..1, that it is a digit and this one.
        probabilities: float32 (10,), summing to 1, of each digit, given that it is one.
        box: x, y, width, height, in pixels of the picture as a viewer shows it.
        image: uint8 (28, 28), what the network saw, 0 is paper and 255 is ink.
    """

    digit: int | None
    guess: int
    confidence: float
    probabilities: np.ndarray = field(repr=False)
    box: Box
    image: np.ndarray = field(repr=False)

    @property
    def digit_probability(self) -> float:
        """0..1, the probability that it is a digit, whichever."""
        return min(1.0, self.confidence / max(float(self.probabilities[self.guess]), 1e-9))

    def __str__(self) -> str:
        return f"{_sign(self)}, {100 * self.confidence:.1f} %"

    def _repr_png_(self) -> bytes:
        return display.digit(self.image, self.probabilities, self.guess, self.digit is not None)


@dataclass(frozen=True)
class Mark:
    """One mark of a number.

    Attributes:
        sign: one of MARKS.
        confidence: 0..1, that it is a mark and this one.
        box: as a digit's.
        others: the other signs and the digits that it may be, each with its probability.
    """

    sign: str
    confidence: float
    box: Box
    others: Mapping[str, float] = field(default_factory=dict, repr=False)


Part: TypeAlias = Digit | Mark


@renamed(written="text")  # in 0.4.0
@dataclass(frozen=True, eq=False)
class Number:
    """Digits and marks that belong together.

    Attributes:
        digits: from left to right.
        line: of the page, 0 is the topmost.
        whole: 0..1, the probability that no digit was missed and none is wrongly included.
        marks: from left to right.
        decimal: "." or ",", the decimal sign where the writing leaves it open, as in 1.234; "" if unknown.
        turned: of the page, as `Page.turned`; left and right are those of the turned picture.
    """

    digits: tuple[Digit, ...]
    line: int
    whole: float = 1.0
    marks: tuple[Mark, ...] = ()
    decimal: str = ""
    turned: int = 0

    @property
    def parts(self) -> tuple[Part, ...]:
        """Digits and marks from left to right, by the middles of their boxes."""

        def middle(part: Part) -> float:
            x, _, width, _ = turned_box(part.box, self.turned)
            return x + width / 2

        return tuple(sorted((*self.digits, *self.marks), key=middle))

    @property
    def text(self) -> str:
        """The number as written: its digits and marks, '?' for each digit that the reader is not sure of."""
        return "".join(map(_sign, self.parts))

    @property
    def value(self) -> Decimal | None:
        """What the number is worth; None if a digit is uncertain, or the text is no number. See `number_value`."""
        return number_value(self.text, self.decimal)

    @property
    def confidence(self) -> float:
        """0..1, the probability that it is whole and all its digits and marks are right."""
        return float(np.prod([part.confidence for part in self.parts])) * self.whole

    @property
    def box(self) -> Box:
        """The box (x, y, width, height) around all digits and marks, in pixels of the picture."""
        return surrounding_box(part.box for part in self.parts)

    def followed_by(self, other: Number) -> Number:
        """Return this number and another on its right as one, which they are as likely as not."""
        whole = self.whole * other.whole / 2
        return replace(self, digits=self.digits + other.digits, marks=self.marks + other.marks, whole=whole)

    def alternatives(self, n: int = 10) -> tuple[Reading, ...]:
        """Find the n likeliest readings of the whole number, likeliest first.

        A reading may have another digit or mark in a place, or none, with the probability of that. What the
        probabilities of all readings lack to 1 is the probability that a digit was missed.
        """

        def signs(part: Part) -> dict[str, float]:
            if isinstance(part, Mark):
                named = {part.sign: part.confidence, **part.others}
                return {"": max(0.0, 1 - sum(named.values()))} | named
            named = {str(k): part.digit_probability * float(p) for k, p in enumerate(part.probabilities)}
            return {"": 1 - part.digit_probability} | named

        found = likeliest(map(signs, self.parts), max(n, MAX_READINGS))[: max(n, 0)]
        return tuple(Reading(text, float(p * self.whole)) for text, p in found)

    def __str__(self) -> str:
        return f"{self.text}, {100 * self.confidence:.1f} %"

    def _repr_png_(self) -> bytes:
        x, y, width, height = self.box
        margin = height // 2
        frame = (x - margin, y - margin, width + 2 * margin, height + 2 * margin)
        return _drawn(self.parts, frame, self.turned)


@dataclass(frozen=True, eq=False)
class Page:
    """What was read in a picture.

    Attributes:
        numbers: in reading order.
        size: width, height of the picture, in pixels, as a viewer shows it.
        unread: boxes of what looks like digits and is part of no number.
        turned: degrees by which the picture was turned clockwise before it was read: 0, 90, 180 or 270. Boxes stay as
            they are before that.
    """

    numbers: tuple[Number, ...]
    size: tuple[int, int]
    unread: tuple[Box, ...] = ()
    turned: int = 0

    @property
    def lines(self) -> tuple[tuple[Number, ...], ...]:
        """The numbers of each line of writing, the topmost line first."""
        return tuple(tuple(line) for _, line in itertools.groupby(self.numbers, lambda number: number.line))

    @property
    def text(self) -> str:
        """One line per line of writing, a space between numbers, '?' for each digit that the reader is not sure of."""
        return "\n".join(" ".join(number.text for number in line) for line in self.lines)

    @property
    def columns(self) -> tuple[int, ...]:
        """The column of each number in `table`, 0 is the leftmost."""
        lines = [[turned_box(number.box, self.turned) for number in line] for line in self.lines]
        cells = unite_halves(lines)
        united = [
            [
                surrounding_box(box for box, at in zip(line, own, strict=True) if at == cell)
                for cell in dict.fromkeys(own)
            ]
            for line, own in zip(lines, cells, strict=True)
        ]
        columns = assign_columns(united)
        return tuple(columns[row][cell] for row, own in enumerate(cells) for cell in own)

    def table(self) -> tuple[tuple[Number | None, ...], ...]:
        """Arrange the numbers in rows and columns, one row per line; None for an empty cell.

        Numbers of different lines share a column if their left edges, right edges or centres agree. Two neighbours that
        stand where other lines have one number are a cell together, as likely as not.
        """
        columns = self.columns
        cells: dict[tuple[int, int], Number] = {}
        for each, column in zip(self.numbers, columns, strict=True):
            place = each.line, column
            cells[place] = cells[place].followed_by(each) if place in cells else each
        width = range(max(columns, default=-1) + 1)
        return tuple(tuple(cells.get((line[0].line, column)) for column in width) for line in self.lines)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """All digits in reading order."""
        return tuple(digit for number in self.numbers for digit in number.digits)

    def __str__(self) -> str:
        return self.text

    def _repr_png_(self) -> bytes:
        parts = (part for number in self.numbers for part in number.parts)
        return _drawn(parts, (0, 0, *self.size), self.turned, self.unread)


def surrounding_box(boxes: Iterable[Box]) -> Box:
    """Return the box (x, y, width, height) around one or more boxes."""
    each = np.array([*boxes])
    x, y = each[:, :2].min(0).tolist()
    right, bottom = (each[:, :2] + each[:, 2:]).max(0).tolist()
    return x, y, right - x, bottom - y


def turned_box(box: Box, turned: int) -> Box:
    """Turn a box with its picture clockwise by 0, 90, 180 or 270 degrees, about the upper left corner."""
    x, y, width, height = box
    return {
        0: box,
        90: (-y - height, x, height, width),
        180: (-x - width, -y - height, width, height),
        270: (y, -x - width, height, width),
    }[turned]


def unturned(box: np.ndarray, shape: tuple[int, ...], quarters: int) -> np.ndarray:
    """Find where a box (4,) of a picture of a shape (H, W) lay before it was turned clockwise by quarter turns."""
    for _ in range(quarters):
        x, y, width, height = box
        box, shape = np.array([y, shape[1] - x - width, height, width]), shape[::-1]
    return box


def round_box(box: np.ndarray, size: tuple[int, int]) -> Box:
    """Round the edges of a box, float64 (4,), to whole pixels of a picture of this (width, height)."""
    left, top = np.clip(np.rint(box[:2]), 0, np.array(size) - 1).astype(int).tolist()
    right, bottom = np.clip(np.rint(box[:2] + box[2:]), (left + 1, top + 1), size).astype(int).tolist()
    return left, top, right - left, bottom - top


def digit_as_read(image: np.ndarray, score: np.ndarray, box: Box, threshold: float) -> Digit:
    """Build a digit of its image and probabilities (11,), the last for "no digit"; below the threshold it is unsure."""
    guess = int(score[:10].argmax())
    confidence = float(score[guess])
    digit = guess if confidence >= threshold else None
    return Digit(digit, guess, confidence, given_digit(score[None])[0], box, image)


def _drawn(parts: Iterable[Part], frame: Box, turned: int, unread: Iterable[Box] = ()) -> bytes:
    """Draw digits, marks and unread places in a frame of the picture, as the bytes of a PNG file."""
    blank = np.zeros((0, 0), np.uint8)
    drawn = [
        (part.box, blank if isinstance(part, Mark) else np.rot90(part.image, turned // 90), _sign(part))
        for part in parts
    ]
    return display.boxes([*drawn, *((box, blank, "?") for box in unread)], frame)


def _sign(part: Part) -> str:
    """The sign of a digit or mark, '?' for a digit that the reader is not sure of."""
    if isinstance(part, Mark):
        return part.sign
    return "?" if part.digit is None else str(part.digit)


# ---- what a number is worth -----------------------------------------------------------------------------------

NUMBER = re.compile(r"([+-]?)([0-9.,']*?)([.,]?-+|[.,]?)%?")  # sign, digits and separators, what closes it
INTEGER = re.compile(r"[0-9]*|[1-9][0-9]{0,2}([.,'])[0-9]{3}(\1[0-9]{3})*")  # with or without groups


def number_value(text: str, decimal: str = "") -> Decimal | None:
    """Compute what a number is worth from how it is written; None for dates, times, fractions and anything unsure.

    decimal: "." or ",", which decides where a single sign before three digits may separate thousands or decimals, as in
    1.234; without it such a number has no value. The zeros of 007 and the sign of 12 % don't count. Dashes at the end
    stand for no cents, as in 17.000,-, and are no minus.
    """
    if (found := NUMBER.fullmatch(text)) is None:
        return None
    sign, body, end = found.groups()
    at = max(body.rfind("."), body.rfind(","))
    before, mark, after = body[: max(at, 0)], body[at:][:1], body[at + 1 :]
    if at < 0 or (len(end) > 1 and end[0] in ".,") or mark in before:
        before, after = body, ""  # no decimals
    elif INTEGER.fullmatch(body) and not decimal:
        return None
    elif INTEGER.fullmatch(body) and mark != decimal:
        before, after = body, ""
    if not before + after or not INTEGER.fullmatch(before) or re.search("[^0-9]", after):
        return None
    if sign and "-" in end:  # strokes that fill the space on both sides
        return None
    return Decimal(sign + re.sub("[^0-9]", "", before) + (f".{after}" if after else ""))


def decimal_text(value: Decimal | None) -> str:
    """Format a number's value with all its decimals, "" for None."""
    return "" if value is None else f"{value:f}"
