r"""Patterns: regular expressions over digits and marks, matched in time proportional to the text.

Python's `re` backtracks: (\d+)+0 takes twice as long with each further digit, and a form's pattern comes from outside.
Rust's regular expressions, which pydantic brings, don't.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from shuzi.page import MARKS

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

ALPHABET = "0123456789" + MARKS
SIGNS = re.compile(r"(?:\\[d.,'/:+%-]|[][(){}|?*+.,'/:%^0-9-])+")  # of which patterns are made
REPEAT = r"[?*+]|\{(?!\})[0-9]*(?:,[0-9]*)?\}"
PART = re.compile(rf"(?P<sign>\\.|\[\^?\]?[^]]*\])|(?P<repeat>{REPEAT})[?+]?|[()|^]|(?P<other>.)")


@dataclass(frozen=True)
class Pattern:
    r"""A regular expression of digits, marks, \d, classes, groups, | and quantifiers, to match all text of a field.

    Marks are those of `shuzi.page`; as elsewhere, the point and the plus are written as \. and \+. Raises ValueError
    for any other text, and if it is too large.
    """

    text: str

    def __post_init__(self) -> None:
        if not SIGNS.fullmatch(self.text):
            raise ValueError(r"it may hold only digits, \d and [ ] ( ) { } | ? * +, and marks: \. , ' - / : \+ %")
        try:
            re.compile(self.text)
            _ = self._validator
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(str(error)) from None

    def fullmatch(self, text: str) -> bool:
        """Tell whether it matches all of a text of digits and marks."""
        return self._validator.isinstance_python(text)

    @cached_property
    def _validator(self) -> SchemaValidator:
        from pydantic_core import SchemaError, SchemaValidator, core_schema  # takes a tenth of a second

        rust = f"^(?:{PART.sub(_in_rust, self.text)})$"
        try:
            return SchemaValidator(core_schema.str_schema(pattern=rust, regex_engine="rust-regex"))
        except SchemaError:
            raise ValueError("it is too large; use smaller repeats") from None


def _in_rust(part: re.Match[str]) -> str:
    """A part of a pattern of Python as Rust has it: each sign or class as a class of the signs that it matches."""
    if part["repeat"]:
        return part["repeat"].replace("{,", "{0,")
    sign = part["sign"] or (re.escape(part["other"]) if part["other"] in tuple("{}],-") else part["other"])
    if not sign:
        return part[0]
    signs = "".join(re.escape(each) for each in ALPHABET if re.fullmatch(sign, each))
    return f"[{signs}]" if signs else r"[^\d\D]"
