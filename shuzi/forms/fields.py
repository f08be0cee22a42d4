"""Forms: named zones of a sheet, and what may be written in each: a pattern, an amount, a date, a check digit.

A field picks among the likely readings of its zone. It never changes a reading, and never picks an unlikely one.
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from shuzi.errors import ShuziError
from shuzi.files import read_bytes
from shuzi.forms.pattern import Pattern
from shuzi.page import Digit, Reading, number_value

# The confidence from which on a field is sure: with held-out digits, 99.0 % of those were right.
SURE_FIELD = 0.65
P_INVALID = 0.01  # that a person writes what the field does not admit
P_MARKED = 0.5  # instead, if it would without its marks: a comb's teeth look like commas, but people write points too
MIN_RATIO = 0.1  # of the likeliest reading's probability: a reading that is less likely is never sure
P_OTHER = 0.03  # that a text which is none of the readings differs by more than one missed digit
P_BLANK = 0.99  # that a zone in which nothing was found is empty
LENGTHS = 1, 100  # of a field without a length
DATES = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d"}


# ---- check digits ---------------------------------------------------------------------------------------------


def _valid(module: str, fewest: int, digits: str) -> bool:
    """Whether there are enough digits and a module of stdnum finds the check digits right.

    It is imported when first asked: stdnum imports ssl, which takes a hundredth of a second.
    """
    return len(digits) >= fewest and importlib.import_module(module).is_valid(digits)


CHECKS = {
    "luhn": partial(_valid, "stdnum.luhn", 2),  # as on bank cards (ISO/IEC 7812-1)
    "ean": partial(_valid, "stdnum.ean", 1),  # of GS1's article numbers, EAN-8, -13 and -14
    "isbn": partial(_valid, "stdnum.isbn", 1),  # ISBN-10 or ISBN-13 (ISO 2108)
    "mod97": partial(_valid, "stdnum.iso7064.mod_97_10", 3),  # ISO/IEC 7064, MOD 97-10
}


# ---- fields ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """One field of a form, and what it admits; by default, any digits and marks.

    Where only `length` or `check` is given, dashes are the only marks.

    Attributes:
        name: as its column is named.
        zone: x, y, width, height, in fractions of the sheet.
        pattern: a regular expression for all of its text; for a date, for its digits.
        length: the fewest and the most digits.
        date: a format of YYYY, YY, MM, DD and separators.
        check: the kind of its check digit, a key of CHECKS.
        optional: whether it may be empty.
        amount: whether it is an amount of money: with two decimals or none, so that 1.234 is more than a thousand.
    """

    name: str
    zone: tuple[float, float, float, float]
    pattern: Pattern | None = None
    length: tuple[int, int] = LENGTHS
    date: str = ""
    check: str = ""
    optional: bool = False
    amount: bool = False

    def admits(self, text: str) -> bool:
        """Tell whether this text of digits and marks, "" for none, may be written there."""
        if not text:
            return self.optional
        digits = digits_of(text)
        return (
            self.length[0] <= len(digits) <= self.length[1]
            and (self.pattern is None or self.pattern.fullmatch(digits if self.date else text))
            and (not self.date or parse_date(text, self.date) is not None)
            and (not self.amount or amount_value(text) is not None)
            and (not self.check or CHECKS[self.check](digits))
            and (not self._digits_only or text.replace("-", "") == digits)
        )

    @property
    def _digits_only(self) -> bool:
        """Whether the rules are about digits alone."""
        return (self.check != "" or self.length != LENGTHS) and not (self.pattern or self.date or self.amount)

    def admits_longer(self, text: str) -> float:
        """Compute the share, 0..1, of the texts with one more digit that are admitted."""
        longer = {text[:i] + str(k) + text[i:] for i in range(len(text) + 1) for k in range(10)}
        return sum(map(self.admits, longer)) / len(longer)

    def formatted(self, text: str) -> str:
        """Format a text as the field writes it: a date with its separators, anything else as it is."""
        day = parse_date(text, self.date) if self.date else None
        if day is None:
            return text
        # on some systems %Y of the year 999 has three digits
        return re.sub("|".join(DATES), lambda part: day.strftime(DATES[part[0]]).zfill(len(part[0])), self.date)

    def value(self, text: str) -> Decimal | None:
        """Compute what a text is worth there; None for a date, and as `number_value` does."""
        return None if self.date else amount_value(text) if self.amount else number_value(text)

    def pick(self, readings: Sequence[Reading], sure: float = SURE_FIELD) -> tuple[str, float, bool]:
        """Pick the likeliest reading by Bayes' rule; return its text, its probability 0..1, and whether it is sure.

        The prior of a text that the field doesn't admit is P_INVALID, or P_MARKED if it would without its marks:
        people write points where a form has none. readings: likeliest first. What their probabilities lack to 1 is
        the chance that none is right, mostly because a digit was missed. It counts as far as the field admits one
        more digit.
        """
        weights = [self._prior(reading.text) * reading.probability for reading in readings]
        best = int(np.argmax(weights))
        text, probability = readings[best].text, readings[best].probability
        none = max(0.0, 1 - sum(each.probability for each in readings)) * max(P_OTHER, self.admits_longer(text))
        confidence = weights[best] / max(sum(weights) + none, 1e-9)
        likely = probability >= MIN_RATIO * readings[0].probability
        return text, confidence, self.admits(text) and likely and confidence >= sure

    def _prior(self, text: str) -> float:
        if self.admits(text):
            return 1.0
        return P_MARKED if self.admits(digits_of(text)) else P_INVALID


def digits_of(text: str) -> str:
    """Return a text without its marks."""
    return re.sub("[^0-9]", "", text)


def parse_date(text: str, date: str) -> datetime | None:
    """Parse a date that is written in a field's order, with any separators or none; None for anything else."""
    places = re.findall("|".join(DATES), date)
    parts, digits = re.split("[.,'/:-]", text), digits_of(text)
    if any(sign in "+%" for sign in text):
        return None
    if len(parts) != len(places) and len(digits) == len("".join(places)):
        ends = np.cumsum([0, *map(len, places)])
        parts = [digits[start:end] for start, end in itertools.pairwise(ends)]
    try:
        return datetime.strptime(" ".join(parts), " ".join(DATES[place] for place in places))
    except ValueError:
        return None


def amount_value(text: str) -> Decimal | None:
    """Compute the value of an amount of money, with two decimals or none; None for anything else."""
    values = [] if "%" in text else [number_value(text, sign) for sign in ".,"]
    return next((v for v in values if v is not None and v.as_tuple().exponent in (0, -2)), None)


@dataclass(frozen=True, eq=False)
class Entry:
    """What was read in a field.

    Attributes:
        name: the field's.
        text: as written; a date as the form writes it.
        confidence: 0..1, that all of the text is right.
        sure: whether the field admits it and the confidence is high enough.
        image: uint8 (H, W, 3), RGB, the field's zone of the sheet.
        digits: as read, before the field picked.
        readings: what the field picked from, likeliest first.
        value: what the text is worth; None for dates and as `number_value` says.
    """

    name: str
    text: str
    confidence: float
    sure: bool
    image: np.ndarray = field(repr=False)
    digits: tuple[Digit, ...] = field(repr=False)
    readings: tuple[Reading, ...] = field(repr=False)
    value: Decimal | None = None

    def __str__(self) -> str:
        return self.text if self.sure else f"{self.text}?"


# ---- forms ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Form:
    """A form. sheet: its width and height, in any unit; fields: in the order of their columns in a CSV file."""

    sheet: tuple[float, float]
    fields: tuple[Field, ...]

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Form:
        """Load a form from its JSON file. Raises ShuziError if it can't be read or is no form."""
        if not isinstance(path, str | os.PathLike):
            raise ShuziError(f"a form of type {type(path).__name__}. Give a Form, or the path of its JSON file.")
        data = read_bytes(Path(path))
        try:
            return parse_form(json.loads(data.decode("utf-8-sig")))
        except UnicodeDecodeError as error:
            raise ShuziError(f"{path} is not UTF-8 ({error}). Save it as UTF-8.") from None
        except json.JSONDecodeError as error:
            raise ShuziError(f"{path} is not valid JSON ({error}). Correct it there.") from None
        except RecursionError:
            raise ShuziError(f"{path} is not a form: its JSON is nested too deeply.") from None
        except ShuziError as error:
            raise ShuziError(f"{path}: {error}") from None


def column_names(field: str) -> tuple[str, str, str]:
    """Name a field's columns in a CSV file: its text, its confidence, and whether a person has checked it."""
    return field, f"{field} confidence", f"{field} checked"


# ---- the JSON file --------------------------------------------------------------------------------------------


def parse_form(value: object) -> Form:
    """Build a form from its parsed JSON. Raises ShuziError for anything else."""
    data = _object(value, "a form", {"sheet", "fields"})
    sheet = _numbers(data.get("sheet"), 2)
    if sheet is None or min(sheet) <= 0:
        raise ShuziError(f'"sheet" is {data.get("sheet")!r:.60}. Give [width, height], for example [210, 297].')
    given = data.get("fields")
    if not isinstance(given, list) or not given:
        raise ShuziError('"fields" is missing or empty. Give a list of fields.')
    fields = tuple(parse_field(each) for each in given)
    columns = [column for each in fields for column in column_names(each.name)]
    twice = [column for column, count in Counter(["file", "form", *columns]).items() if count > 1]
    if twice:
        raise ShuziError(f"Two columns would be named {twice[0]!r}. Rename one field.")
    return Form((sheet[0], sheet[1]), fields)


def parse_field(value: object) -> Field:
    """Build a field from its parsed JSON. Raises ShuziError if anything in it is wrong."""
    data = {"zone": None} | _object(value, "a field", {"name", *RULES})
    name = data.get("name")
    if not isinstance(name, str) or not name.strip():
        raise ShuziError(f'a field\'s "name" is {name!r:.60}. Give it a text.')
    try:
        return Field(name, **{key: parse(data[key]) for key, parse in RULES.items() if key in data})
    except ShuziError as error:
        raise ShuziError(f"field {name!r}: {error}") from None


def _object(value: object, kind: str, keys: set[str]) -> dict[str, object]:
    """Return a JSON object. Raises ShuziError for another value, or for keys that aren't known."""
    if not isinstance(value, dict):
        raise ShuziError(f"{value!r:.60}: expected {kind}, a JSON object.")
    if unknown := sorted(value.keys() - keys):
        raise ShuziError(f"{unknown[0]!r:.60} is unknown in {kind}. Known keys: {', '.join(sorted(keys))}.")
    return value


def _numbers(value: object, count: int) -> list[float] | None:
    """Return so many finite numbers of JSON; None for anything else."""
    if not isinstance(value, list) or len(value) != count:
        return None
    if any(isinstance(n, bool) or not isinstance(n, int | float) or not abs(n) < 1e9 for n in value):
        return None
    return [float(n) for n in value]


def _check(value: object) -> str:
    if not isinstance(value, str) or value not in ("", *CHECKS):
        raise ShuziError(f"no check is named {value!r:.60}. Choose {', '.join(CHECKS)}.")
    return value


def _zone(value: object) -> tuple[float, float, float, float]:
    zone = _numbers(value, 4)
    if zone is None:
        raise ShuziError(f"its zone is {value!r:.60}. Give [x, y, width, height].")
    x, y, width, height = zone
    if min(x, y) < 0 or min(width, height) <= 0 or max(x + width, y + height) > 1 + 1e-6:
        raise ShuziError(f"its zone {zone} is not on the sheet. Give fractions of the sheet, from 0 to 1.")
    return x, y, width, height


def _pattern(value: object) -> Pattern:
    try:
        if not isinstance(value, str):
            raise ValueError("expected text")
        return Pattern(value)
    except ValueError as error:
        raise ShuziError(f"the pattern {value!r:.60} can't be parsed ({error}).") from None


def _length(value: object) -> tuple[int, int]:
    ends = _numbers(value if isinstance(value, list) else [value, value], 2)
    if ends is None or not 1 <= ends[0] <= ends[1] or any(n != int(n) for n in ends):
        raise ShuziError(f"its length is {value!r:.60}. Give a number such as 6, or a range such as [1, 6].")
    return int(ends[0]), int(ends[1])


def _date(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(rf"(?>{'|'.join(DATES)}|[^\w])+", value):
        letters = [part[0] for part in re.findall("|".join(DATES), value)]
        if "Y" in letters and len(letters) == len(set(letters)):
            return value
    raise ShuziError(f"the date {value!r:.60} is not known. Write it as DD.MM.YYYY, YYYY-MM-DD or MM/YY.")


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ShuziError(f'"{key}" is {value!r:.60}. Give true or false.')
    return value


RULES: dict[str, Callable[[object], Any]] = {
    "check": _check,
    "zone": _zone,
    "pattern": _pattern,
    "length": _length,
    "date": _date,
    "optional": partial(_flag, "optional"),
    "amount": partial(_flag, "amount"),
}
"""How the value of each key of a field is parsed, except its name."""
