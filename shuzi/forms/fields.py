"""Forms: named zones of a sheet, and what may be written in each: a pattern, a length, a date, a check digit.

They pick among the likely readings of a zone. None is changed, and none is picked that is unlikely.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from shuzi.errors import ShuziError
from shuzi.files import read_bytes
from shuzi.forms.pattern import Pattern
from shuzi.page import Digit, Reading

SURE = 0.65  # confidence from which on a field is sure: of held-out digits 99.0 % of such fields were right
INVALID = 0.01  # how often a person writes what the form does not admit
UNLIKELY = 0.1  # of the likeliest reading's probability: what is less likely is never sure
OTHERWISE = 0.03  # of what is none of the readings, how much has not just a digit more than the one picked
BLANK = 0.99  # that a zone is empty in which nothing was found
DATES = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d"}


# ---- check digits ---------------------------------------------------------------------------------------------


def luhn(text: str) -> bool:
    """Luhn's sum, as on bank cards (ISO/IEC 7812-1, annex B)."""
    doubled = (int(d) * (1 + i % 2) for i, d in enumerate(reversed(text)))
    return len(text) > 1 and sum(n // 10 + n % 10 for n in doubled) % 10 == 0


def ean(text: str) -> bool:
    """The article numbers EAN-8, UPC-A, EAN-13 and GTIN-14 (GS1 General Specifications, 7.9)."""
    weighed = sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(reversed(text)))
    return len(text) in (8, 12, 13, 14) and weighed % 10 == 0


def isbn(text: str) -> bool:
    """Book numbers of 13 digits, and of 10 but for those that end in X (ISO 2108)."""
    if len(text) == 10:
        return sum((i + 1) * int(d) for i, d in enumerate(reversed(text))) % 11 == 0
    return len(text) == 13 and text.startswith(("978", "979")) and ean(text)


def mod97(text: str) -> bool:
    """The remainder by 97 is 1 (ISO/IEC 7064, MOD 97-10)."""
    return len(text) > 2 and int(text) % 97 == 1


CHECKS: dict[str, Callable[[str], bool]] = {"luhn": luhn, "ean": ean, "isbn": isbn, "mod97": mod97}


# ---- fields ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """One field of a form, and what it admits.

    zone: x, y, width, height, in fractions of the sheet. pattern: a regular expression for all of its digits;
    length: the least and the most of them; date: of YYYY, YY, MM, DD and what stands between; check: a name of
    CHECKS; optional: it may be empty. What isn't given admits everything.
    """

    name: str
    zone: tuple[float, float, float, float]
    pattern: Pattern | None = None
    length: tuple[int, int] = (1, 100)
    date: str = ""
    check: str = ""
    optional: bool = False

    def admits(self, digits: str) -> bool:
        """Whether these digits, "" for none, may stand there."""
        if not digits:
            return self.optional
        return (
            self.length[0] <= len(digits) <= self.length[1]
            and (self.pattern is None or self.pattern.fullmatch(digits))
            and (not self.date or _is_date(digits, self.date))
            and (not self.check or CHECKS[self.check](digits))
        )

    def admits_longer(self, digits: str) -> float:
        """0..1, how many of the texts with one digit more are admitted."""
        longer = {digits[:i] + str(k) + digits[i:] for i in range(len(digits) + 1) for k in range(10)}
        return sum(map(self.admits, longer)) / len(longer)

    def shown(self, digits: str) -> str:
        """Digits as the field has them: a date with what stands between its parts."""
        places = re.sub("[^YMD]", "", self.date)
        if not self.date or len(digits) != len(places):
            return digits
        left = iter(digits)
        return "".join(next(left) if sign in "YMD" else sign for sign in self.date)

    def pick(self, readings: Sequence[Reading], sure: float = SURE) -> tuple[str, float, bool]:
        """The likeliest reading, given what the field admits; 0..1, how likely it is; and whether it is sure.

        readings: likeliest first; what is missing to a sum of 1 is the chance that it is none of them, mostly since a
        digit was missed, and counts as far as the field admits a digit more. By Bayes' rule: what the field doesn't
        admit is written once in a hundred times (INVALID).
        """
        priors = [1.0 if self.admits(reading.text) else INVALID for reading in readings]
        weights = [prior * each.probability for prior, each in zip(priors, readings, strict=True)]
        best = int(np.argmax(weights))
        none = max(0.0, 1 - sum(each.probability for each in readings))
        none *= max(OTHERWISE, self.admits_longer(readings[best].text))
        confidence = weights[best] / max(sum(weights) + none, 1e-9)
        likely = readings[best].probability >= UNLIKELY * readings[0].probability
        return readings[best].text, confidence, priors[best] == 1.0 and likely and confidence >= sure


def _is_date(digits: str, date: str) -> bool:
    places = re.sub("[^YMD]", "", date)
    form = re.sub("|".join(DATES), lambda part: DATES[part[0]], places)
    try:
        return len(digits) == len(places) and bool(datetime.strptime(digits, form))
    except ValueError:
        return False


@dataclass(frozen=True, eq=False)
class Entry:
    """What stands in a field.

    text: digits, a date as the form has it; confidence: 0..1, that all of it is right; sure: whether it is admitted and
    sure enough; image: uint8 (H, W, 3), RGB, its zone of the sheet; digits: as read, before anything was picked;
    readings: what was picked from, the likeliest first.
    """

    name: str
    text: str
    confidence: float
    sure: bool
    image: np.ndarray = field(repr=False)
    digits: tuple[Digit, ...] = field(repr=False)
    readings: tuple[Reading, ...] = field(repr=False)

    def __str__(self) -> str:
        return self.text if self.sure else f"{self.text}?"


# ---- forms ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Form:
    """A form. sheet: its width and height, in any unit; fields: in the order of their columns."""

    sheet: tuple[float, float]
    fields: tuple[Field, ...]

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Form:
        """A form from its JSON file. Raises ShuziError when it can't be read or is no form."""
        if not isinstance(path, str | os.PathLike):
            raise ShuziError(f"a form of type {type(path).__name__}: expected the path of its JSON file.")
        data = read_bytes(Path(path))
        try:
            return cls.parse(json.loads(data.decode()))
        except UnicodeDecodeError as error:
            raise ShuziError(f"{path}: can't be read ({error}).") from None
        except json.JSONDecodeError as error:
            raise ShuziError(f"{path}: not JSON ({error}).") from None
        except RecursionError:
            raise ShuziError(f"{path}: not a form; it is nested too deeply.") from None
        except ShuziError as error:
            raise ShuziError(f"{path}: {error}") from None

    @classmethod
    def parse(cls, value: Any) -> Form:  # noqa: ANN401
        """A form from its JSON, parsed. Raises ShuziError when it is none."""
        known(value, "a form", {"sheet", "fields"})
        sheet = numbers(value.get("sheet"), 2)
        if sheet is None or min(sheet) <= 0:
            raise ShuziError(
                f'"sheet" is {value.get("sheet")!r:.60}; expected [width, height], as [210, 297].'
            )
        given = value.get("fields")
        if not isinstance(given, list) or not given:
            raise ShuziError('"fields" are missing; expected a list of them.')
        fields = tuple(parse_field(each) for each in given)
        columns = [column for each in fields for column in columns_of(each.name)]
        twice = [column for column, count in Counter(["file", "form", *columns]).items() if count > 1]
        if twice:
            raise ShuziError(f"two columns would be called {twice[0]!r}; give one field another name.")
        return cls((sheet[0], sheet[1]), fields)


def columns_of(name: str) -> tuple[str, str, str]:
    """Name a field's columns in a CSV file: what it holds, its confidence, and whether a person has checked it."""
    return name, f"{name} confidence", f"{name} checked"


def known(value: Any, kind: str, keys: set[str]) -> None:  # noqa: ANN401
    """Raise ShuziError if a value is no JSON object, or has other keys than these."""
    if not isinstance(value, dict):
        raise ShuziError(f"{value!r:.60}: expected {kind}, a JSON object.")
    if unknown := sorted(value.keys() - keys):
        raise ShuziError(f"{unknown[0]!r:.60}: unknown in {kind}; known are {', '.join(sorted(keys))}.")


def numbers(value: Any, count: int) -> list[float] | None:  # noqa: ANN401
    """So many finite numbers of JSON; None of anything else."""
    if not isinstance(value, list) or len(value) != count:
        return None
    if any(isinstance(n, bool) or not isinstance(n, int | float) or not abs(n) < 1e9 for n in value):
        return None
    return [float(n) for n in value]


def parse_field(value: Any) -> Field:  # noqa: ANN401
    """A field from its JSON. Raises ShuziError with what is wrong in it."""
    known(value, "a field", {"name", "zone", "pattern", "length", "date", "check", "optional"})
    name = value.get("name")
    if not isinstance(name, str) or not name.strip():
        raise ShuziError(f'a field\'s "name" is {name!r:.60}; expected text.')
    zone = numbers(value.get("zone"), 4)
    if zone is None:
        raise ShuziError(
            f"field {name!r}: its zone is {value.get('zone')!r:.60}; expected [x, y, width, height]."
        )
    x, y, width, height = zone
    if min(x, y) < 0 or min(width, height) <= 0 or max(x + width, y + height) > 1 + 1e-6:
        raise ShuziError(f"field {name!r}: its zone {zone} is not on the sheet, which is 1 wide and 1 high.")
    optional = value.get("optional", False)
    if not isinstance(optional, bool):
        raise ShuziError(f"field {name!r}: optional is {optional!r:.60}; expected true or false.")
    check = value.get("check", "")
    if check and (not isinstance(check, str) or check not in CHECKS):
        raise ShuziError(f"field {name!r}: no check {check!r:.60}; there are {', '.join(CHECKS)}.")
    pattern, length, date = (
        parse(name, value[key]) if key in value else None for key, parse in PARSERS.items()
    )
    return Field(name, (x, y, width, height), pattern, length or (1, 100), date or "", check, optional)


def _pattern(name: str, value: Any) -> Pattern:  # noqa: ANN401
    said = f"field {name!r}: the pattern {value!r:.60} can't be parsed"
    if not isinstance(value, str):
        raise ShuziError(f"{said}; expected text.")
    try:
        return Pattern(value)
    except ValueError as error:
        raise ShuziError(f"{said} ({error}).") from None


def _length(name: str, value: Any) -> tuple[int, int]:  # noqa: ANN401
    ends = numbers([value, value] if not isinstance(value, list) else value, 2)
    if ends is None or not 1 <= ends[0] <= ends[1] or any(n != int(n) for n in ends):
        raise ShuziError(f"field {name!r}: its length is {value!r:.60}; expected as 6, or [1, 6].")
    return int(ends[0]), int(ends[1])


def _date(name: str, value: Any) -> str:  # noqa: ANN401
    parts = re.findall("|".join(DATES), value) if isinstance(value, str) else []
    whole = isinstance(value, str) and re.fullmatch(rf"(?>{'|'.join(DATES)}|[^\w])+", value)
    letters = [part[0] for part in parts]
    if not whole or "Y" not in letters or len(letters) != len(set(letters)):
        raise ShuziError(
            f"field {name!r}: the date {value!r:.60}; expected as DD.MM.YYYY, YYYY-MM-DD or MM/YY."
        )
    return str(value)


PARSERS: dict[str, Callable[[str, Any], Any]] = {"pattern": _pattern, "length": _length, "date": _date}
