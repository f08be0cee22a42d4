"""Numbers: what people write, and how its digits and marks stand."""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from shuzi.data.digits import CLASSES
from shuzi.page import MARKS
from shuzi.synth.canvas import BOXED, LETTER, Canvas
from shuzi.synth.distributions import Chance, Integers, LogNormal, Mixture, Normal, Uniform
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.hands import Hand
from shuzi.synth.raster import polyline
from shuzi.synth.tables import table


@dataclass(frozen=True)
class Texts:
    """Which numbers are written."""

    kind: Mixture = Mixture(
        plain=0.23,
        thousands=0.15,
        cents=0.1,
        decimal=0.09,
        date=0.08,
        time=0.05,
        ratio=0.03,
        signed=0.06,
        sum=0.035,
        money=0.1,
        unit=0.02,
        other=0.04,
        phone=0.015,
    )
    plain: Integers = Integers(1, 9)  # digits
    thousands: Integers = Integers(1, 4)  # digits before the first sign
    one_group: Chance = Chance(0.8)  # of three digits after it, else two
    thousands_end: Mixture = Mixture(cents=0.12, comma_dash=0.08, point_dash=0.08, dash=0.05, point=0.09, none=0.58)
    amount: Integers = Integers(1, 5)
    amount_end: Mixture = Mixture(cents=0.3, point_cents=0.25, comma_dash=0.15, point_dash=0.1, point=0.1, comma=0.1)
    decimal: Integers = Integers(1, 4)  # digits before the point
    decimals: Mixture = Mixture(one=0.5, two=0.2, three=0.2, four=0.1)
    decimal_minus: Chance = Chance(0.15)
    decimal_percent: Chance = Chance(0.1)
    ratio: Integers = Integers(1, 3)  # digits of each number of a score or a fraction
    signed: Integers = Integers(1, 4)
    signed_cents: Chance = Chance(0.3)
    minus: Chance = Chance(0.6)  # else a plus
    phone: Integers = Integers(2, 5)
    sum: Integers = Integers(1, 4)  # digits of each number of a sum
    equals: Chance = Chance(0.4)
    money: Integers = Integers(1, 5)
    money_cents: Chance = Chance(0.5)
    money_after: Chance = Chance(0.3)
    unit_after: Chance = Chance(0.7)
    unit_space: Chance = Chance(0.6)
    other: Mixture = Mixture(brackets=0.2, percent=0.45, apostrophe=0.35)
    long_year: Chance = Chance(0.5)
    padded: Chance = Chance(0.3)  # a date's day and month have two digits
    year_first: Chance = Chance(0.1)
    seconds: Chance = Chance(0.1)
    round: Chance = Chance(0.25)  # amounts end in zeros more often than not


@dataclass(frozen=True)
class Spacing:
    """How digits and marks stand. Lengths are shares of the digits' height."""

    kind: Mixture = Mixture(touching=0.25, usual=0.55, wide=0.2)
    touching: Uniform = Uniform(-0.1, 0.06)
    usual: Uniform = Uniform(0.04, 0.3)
    wide: Uniform = Uniform(0.3, 0.85)
    wobble: Uniform = Uniform(-0.04, 0.08)  # of each gap
    even: Chance = Chance(0.8)
    heights: float = 0.07  # standard deviation of the logarithm of digits' heights
    uneven_heights: float = 0.18
    baseline: Normal = Normal(0, 0.04)
    strength: Uniform = Uniform(0.85, 1)  # of each digit, against its number's
    flat_one: float = 0.6  # a 1 that lies flatter than this is left out
    lean: float = 0.75  # share of a slanted digit's overhang that its neighbour may stand under
    narrowest: float = 0.3
    stray_mark: Chance = Chance(0.1)  # a point or dash that stands wide
    stray: Uniform = Uniform(0, 0.3)
    point_space: float = 0.05
    mark_space: float = 0.08
    mark_gap: float = 0.3  # of the gap between digits
    word: Uniform = Uniform(0.15, 0.6)  # between a number and its unit
    joined: Chance = Chance(0.1)  # digits that a stroke joins, as in a row of zeros
    join: Uniform = Uniform(0.05, 0.6)  # where it ends, from a digit's top
    join_sag: Uniform = Uniform(-0.1, 0.2)
    join_reach: float = 0.6  # wider gaps have none
    raised: Chance = Chance(0.12)  # cents written high and small
    raised_height: float = 0.65
    raised_by: float = 0.18


TEXTS, SPACING = Texts(), Spacing()
ENDS = {"comma_dash": ",-", "point_dash": ".-", "dash": "-", "point": ".", "comma": ",", "none": ""}


def number_text(g: np.random.Generator) -> str:
    """Draw a number as people write them: digits, in some with points, commas, dashes, slashes or colons."""
    kind = TEXTS.kind.draw(g)
    if kind == "plain":
        return _run(TEXTS.plain.draw(g), g)
    if kind == "thousands":
        head, sign = _run(TEXTS.thousands.draw(g), g), str(g.choice([".", ",", "."]))
        groups = 1 if TEXTS.one_group.draw(g) else 2
        text = head + "".join(sign + _run(3, g) for _ in range(groups))
        return text + _ending(TEXTS.thousands_end.draw(g), g, "." if sign == "," else ",")
    if kind == "cents":
        end = TEXTS.amount_end.draw(g)
        return _run(TEXTS.amount.draw(g), g) + _ending(end, g)
    if kind == "decimal":
        return _decimal(g)
    if kind in ("date", "time"):
        return _date(g) if kind == "date" else _time(g)
    if kind == "ratio":
        return f"{_run(TEXTS.ratio.draw(g), g)}{g.choice(list(':/'))}{_run(TEXTS.ratio.draw(g), g)}"
    if kind == "signed":
        text = f"{'-' if TEXTS.minus.draw(g) else '+'}{_run(TEXTS.signed.draw(g), g)}"
        return text + (_ending("cents", g, str(g.choice(list(".,")))) if TEXTS.signed_cents.draw(g) else "")
    if kind in ("sum", "money", "other"):
        return _with_signs(kind, g)
    if kind == "unit":
        return _with_unit(g)
    return f"{_run(3, g)}-{_run(TEXTS.phone.draw(g), g)}"


def formats(count: int, seed: int) -> dict[str, int]:
    """Count the formats of drawn numbers, as `shuzi.read.formats` describes them; other signs than MARKS end a number.

    count: of draws; seed: theirs.
    """
    g, other = np.random.default_rng(seed), f"[^0{re.escape(MARKS)}]"
    drawn = (re.split(other, re.sub(r"[0-9]", "0", number_text(g))) for _ in range(count))
    return dict(Counter(text for texts in drawn for text in texts if text).most_common())


def _with_signs(kind: str, g: np.random.Generator) -> str:
    """Draw a sum, an amount with its currency, a number in brackets, with a percent sign or an apostrophe."""
    if kind == "sum":
        text = f"{_run(TEXTS.sum.draw(g), g)}{g.choice(list('+-+-x=*:'))}{_run(TEXTS.sum.draw(g), g)}"
        return text + (f"={_run(TEXTS.sum.draw(g), g)}" if TEXTS.equals.draw(g) else "")
    if kind == "money":
        sign, amount = str(g.choice(list("$$$$$$€€£¥#&@*"))), _run(TEXTS.money.draw(g), g)
        if TEXTS.money_cents.draw(g):
            amount += _ending("cents", g, str(g.choice(list("..,"))))
        return amount + sign if TEXTS.money_after.draw(g) else sign + amount
    other = TEXTS.other.draw(g)
    if other == "apostrophe":
        text = f"{_run(TEXTS.signed.draw(g), g)}'{_run(3, g)}"
        return text + _ending(TEXTS.thousands_end.draw(g), g, str(g.choice(list(".,"))))
    amount = _run(TEXTS.sum.draw(g), g)
    return f"({amount})" if other == "brackets" else f"{amount}%"


def _with_unit(g: np.random.Generator) -> str:
    """Draw an amount or a measured number with its unit: 12.5 kg, Fr 80."""
    after, space = TEXTS.unit_after.draw(g), " " if TEXTS.unit_space.draw(g) else ""
    unit = str(g.choice(table("words")["after" if after else "before"]))
    number = _decimal(g) if TEXTS.money_cents.draw(g) else _run(TEXTS.money.draw(g), g)
    return number + space + unit if after else unit + space + number


def _decimal(g: np.random.Generator) -> str:
    """Draw a measured number: 36.6, -0,75 or 12.5%."""
    places = ("one", "two", "three", "four").index(TEXTS.decimals.draw(g)) + 1
    text = f"{_run(TEXTS.decimal.draw(g), g)}{g.choice(list('.,'))}{_run(places, g)}"
    return f"{'-' if TEXTS.decimal_minus.draw(g) else ''}{text}{'%' if TEXTS.decimal_percent.draw(g) else ''}"


def _date(g: np.random.Generator) -> str:
    """Draw a date, its year last with two or four digits, or first."""
    sign, width = str(g.choice(list(".-/"))), 2 if TEXTS.padded.draw(g) else 1
    day, month = g.integers(1, 32), g.integers(1, 13)
    if TEXTS.year_first.draw(g):
        return f"{_run(4, g)}{sign}{month:02}{sign}{day:02}"
    return f"{day:0{width}}{sign}{month:0{width}}{sign}{_run(4 if TEXTS.long_year.draw(g) else 2, g)}"


def _time(g: np.random.Generator) -> str:
    """Draw a time of the day, rarely with seconds."""
    seconds = f":{g.integers(0, 60):02}" if TEXTS.seconds.draw(g) else ""
    return f"{g.integers(0, 24)}:{g.integers(0, 60):02}{seconds}"


def _run(count: int, g: np.random.Generator) -> str:
    """Draw so many digits."""
    digits = "".join(map(str, g.integers(0, 10, count)))
    if count > 2 and TEXTS.round.draw(g):
        zeros = int(g.integers(1, count))
        digits = digits[: count - zeros] + "0" * zeros
    return digits


def _ending(end: str, g: np.random.Generator, sign: str = ",") -> str:
    """Draw an amount's end. sign: before its cents."""
    if end in ("cents", "point_cents"):
        return f"{sign if end == 'cents' else '.'}{_run(2, g)}"
    return ENDS[end]


@dataclass(frozen=True)
class Style:
    """How something is written. height: of its digits, in pixels; by: the hand; strength: of the ink, 0..1."""

    height: float
    by: Hand
    strength: float


class Writer:
    """Writes one number, sign by sign. x: where the next one begins, in pixels."""

    def __init__(
        self, canvas: Canvas, glyphs: Glyphs, x: float, y: float, style: Style, g: np.random.Generator
    ) -> None:
        self.canvas, self.glyphs, self.style, self.g = canvas, glyphs, style, g
        self.start, self.x, self.y = x, x, y
        self.gap: float = getattr(SPACING, SPACING.kind.draw(g)).draw(g)
        self.heights = LogNormal(1, SPACING.heights if SPACING.even.draw(g) else SPACING.uneven_heights)
        self.previous: int | None = None
        self.raised = False
        self.joined = SPACING.joined.draw(g)
        self.last: np.ndarray | None = None  # where a stroke to the next digit would begin

    @property
    def baseline(self) -> float:
        """The digits' middle at x, in pixels."""
        return self.y + float(np.tan(self.style.by.turn)) * (self.x - self.start)

    def mark(self, sign: str) -> None:
        """Write a mark."""
        g, height = self.g, self.style.height
        self.last = None
        if SPACING.stray_mark.draw(g):
            self.x += SPACING.stray.draw(g) * height
        ink, low = self.glyphs.mark(sign, height, self.style.by, g)
        width = 0.0 if ink is None else ink.shape[1] * (0.5 if sign == "/" else 1.0)
        space = (SPACING.point_space if sign in ".,:" else SPACING.mark_space) * height
        self.x += space
        label = CLASSES + MARKS.index(sign)
        self.canvas.put(ink, self.x + width / 2, self.baseline + low, self.style.strength, label, height)
        self.x += width + space + self.gap * height * SPACING.mark_gap

    def other(self, sign: str) -> None:
        """Write a sign that is neither digit nor mark; nothing where the hand has none."""
        height = self.style.height
        if sign == " ":
            self.x += SPACING.word.draw(self.g) * height
            return
        ink, low = self.glyphs.sign(sign, height, self.style.by, self.g)
        if ink is None:
            return
        middle = self.baseline + low
        self.canvas.put(ink, self.x + ink.shape[1] / 2, middle, self.style.strength, LETTER, height)
        self.previous = None  # it ends the number
        self.x += ink.shape[1] + (self.gap + SPACING.wobble.draw(self.g)) * height

    def digit(self, sign: str) -> None:
        """Write a digit."""
        g, height, by = self.g, self.style.height, self.style.by
        tall = height * self.heights.draw(g) * (SPACING.raised_height if self.raised else 1)
        ink = self.glyphs.digit(int(sign), tall, by, g)
        if ink is None or (sign == "1" and ink.shape[0] < SPACING.flat_one * tall):
            return
        lean = SPACING.lean * abs(by.slant) * ink.shape[0] if by.kind != "font" or by.slant else 0.0
        width = max(ink.shape[1] - lean, SPACING.narrowest * ink.shape[1])
        middle = self.baseline + SPACING.baseline.draw(g) * height
        middle -= SPACING.raised_by * height if self.raised else 0
        strength = self.style.strength * SPACING.strength.draw(g)
        index = self.canvas.put(ink, self.x + width / 2, middle, strength, int(sign))
        if self.joined:
            corner = np.array([self.x + (width - ink.shape[1]) / 2, middle - ink.shape[0] / 2])
            self.join(corner + _end(ink, -1, g), strength)
            self.last = corner + _end(ink, 1, g)
        self.previous = self.canvas.follow(self.previous, index)
        self.x += width + (self.gap + SPACING.wobble.draw(g)) * height

    def join(self, end: np.ndarray, strength: float) -> None:
        """Draw a stroke from the last digit to the next one at `end`, (2,), in pixels, if they stand close."""
        height, start = self.style.height, self.last
        if self.previous is None or start is None or np.hypot(*(end - start)) > SPACING.join_reach * height:
            return
        bend = (start + end) / 2 + (0, SPACING.join_sag.draw(self.g) * height)
        at = np.linspace(0, 1, 9)[:, None]
        path = (1 - at) ** 2 * start + 2 * at * (1 - at) * bend + at**2 * end  # a quadratic Bezier curve
        pen = max(1.0, self.style.by.pen * height)
        corner = np.floor(path.min(0) - pen)
        shape = np.ceil(path.max(0) + pen - corner).astype(int)[::-1]
        ink = np.zeros(shape, np.uint8)
        polyline(ink, path - corner, pen)
        x, y = (corner + shape[::-1] / 2).tolist()
        self.canvas.put(ink.astype(np.float32) / 255, x, y, strength)


def _end(ink: np.ndarray, side: int, g: np.random.Generator) -> np.ndarray:
    """Find a place (2,) on a digit's right edge, for side 1, or its left one, for -1, in pixels of its ink."""
    row = int(SPACING.join.draw(g) * ink.shape[0])
    inked = np.flatnonzero(ink[row] > BOXED)
    across = (inked[-1] if side > 0 else inked[0]) if len(inked) else ink.shape[1] / 2
    return np.array([across + 0.5, row + 0.5])


def write_number(
    canvas: Canvas, glyphs: Glyphs, text: str, x: float, y: float, style: Style, g: np.random.Generator
) -> float:
    """Write a number from x on with the digits' middle at y; return where it ends. All in pixels."""
    writer = Writer(canvas, glyphs, x, y, style, g)
    for at, sign in enumerate(text):
        if sign not in MARKS:
            (writer.digit if sign.isdigit() else writer.other)(sign)
            continue
        writer.mark(sign)
        if sign in ".," and len(text) - at == 3 and SPACING.raised.draw(g):
            writer.raised = True
    return writer.x
