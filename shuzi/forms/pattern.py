r"""Patterns: regular expressions over digits and marks, matched in time proportional to the text.

Python's `re` backtracks: (\d+)+0 takes twice as long with each further digit, and a form's pattern comes from outside.
Here all ways through a pattern are followed at once (K. Thompson, "Regular expression search algorithm", 1968), as
states held in the bits of a number. Of the libraries that do so, re2 is a C++ build that not every platform has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import or_

from shuzi.page import MARKS

MAX_STATES = 2000
ALPHABET = "0123456789" + MARKS
SIGNS = re.compile(r"(?:\\[d.,'/:+%-]|[][(){}|?*+.,'/:%^0-9-])+")  # of which patterns are made
ATOM = re.compile(r"\\.|\[\^?\]?[^]]*\]|[^(|)]")
QUANTIFIER = re.compile(r"([?*+]|\{(?!\})[0-9]*(?:,[0-9]*)?\})[?+]?")
COUNTS: dict[str, tuple[int, int | None]] = {"?": (0, 1), "*": (0, None), "+": (1, None)}

Part = Callable[[int], int]
"""Adds the states of a part of a pattern to a machine. Takes the state that follows and returns the first one."""


@dataclass(frozen=True)
class Pattern:
    r"""A regular expression of digits, marks, \d, classes, groups, | and quantifiers, to match all text of a field.

    Marks are those of `shuzi.page`; as elsewhere, the point and the plus are written as \. and \+. Raises ValueError
    for any other text, and if it takes more than MAX_STATES states.
    """

    text: str

    def __post_init__(self) -> None:
        if not SIGNS.fullmatch(self.text):
            raise ValueError(r"it may hold only digits, \d and [ ] ( ) { } | ? * +, and marks: \. , ' - / : \+ %")
        try:
            re.compile(self.text)
            _ = self._machine
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(str(error)) from None

    def fullmatch(self, text: str) -> bool:
        """Tell whether it matches all of a text of digits and marks."""
        reached = self._machine.begin
        for sign in text:
            live = reached & self._machine.takes[sign]
            reached = reduce(or_, (self._machine.follow[state] for state in _bits(live)), 0)
        return bool(reached & 1)

    @cached_property
    def _machine(self) -> _Machine:
        return _Machine(self.text)


class _Machine:
    """A pattern's nondeterministic automaton. Sets of states are bits of a number; state 0 is the end.

    begin: states reached before the first sign; takes: for each sign of ALPHABET, the states that take it; follow: for
    each state, those reached once it has taken a sign.
    """

    def __init__(self, text: str) -> None:
        self._free: list[list[int]] = [[]]  # states that each reaches without a sign
        self._first: set[int] = set()  # states passed only before the first sign: ^
        self._next = [0]
        self.takes = dict.fromkeys(ALPHABET, 0)
        self._text, self._at = text, 0
        start = self._either()(0)
        self.begin = self._reached(start, first=True)
        self.follow = [self._reached(state) for state in self._next]

    def _state(self, *free: int) -> int:
        if len(self._free) == MAX_STATES:
            raise OverflowError(f"it has more than {MAX_STATES:,} states; use smaller repeats")
        self._free.append([*free])
        self._next.append(0)
        return len(self._free) - 1

    def _reached(self, start: int, *, first: bool = False) -> int:
        found, pending = 0, [start]
        while pending:
            state = pending.pop()
            if not found >> state & 1:
                found |= 1 << state
                if first or state not in self._first:
                    pending.extend(self._free[state])
        return found

    # ---- the parser; the text is known to be a regular expression -------------------------------------------------

    def _either(self) -> Part:
        options = [self._sequence()]
        while self._text[self._at : self._at + 1] == "|":
            self._at += 1
            options.append(self._sequence())
        if len(options) == 1:
            return options[0]
        return lambda after: self._state(*(option(after) for option in options))

    def _sequence(self) -> Part:
        parts = []
        while self._text[self._at : self._at + 1] not in ("", "|", ")"):
            parts.append(self._repeated(self._atom()))
        return lambda after: reduce(lambda then, part: part(then), reversed(parts), after)

    def _atom(self) -> Part:
        if self._text[self._at] == "(":
            self._at += 1
            inner = self._either()
            self._at += 1
            return inner
        atom = ATOM.match(self._text, self._at)
        assert atom is not None
        self._at = atom.end()
        if atom[0] == "^":
            return self._start
        one = re.compile(re.escape(atom[0]) if atom[0] in ("{", "}", "]", ",", "-") else atom[0])
        signs = [sign for sign in ALPHABET if one.fullmatch(sign)]
        return lambda after: self._one_of(signs, after)

    def _one_of(self, signs: list[str], after: int) -> int:
        state = self._state()
        self._next[state] = after
        for sign in signs:
            self.takes[sign] |= 1 << state
        return state

    def _start(self, after: int) -> int:
        state = self._state(after)
        self._first.add(state)
        return state

    def _repeated(self, part: Part) -> Part:
        quantifier = QUANTIFIER.match(self._text, self._at)
        if not quantifier:
            return part
        self._at = quantifier.end()
        least, most = COUNTS.get(quantifier[1]) or _counts(quantifier[1])
        return lambda after: self._times(part, least, most, after)

    def _times(self, part: Part, least: int, most: int | None, after: int) -> int:
        last = self._state(after)
        if most is None:
            once = part(last)
            self._free[last].append(once)
            last, least = (once, least - 1) if least else (last, 0)
        else:
            end = last
            for _ in range(most - least):
                last = self._state(part(last), end)
        for _ in range(least):
            last = self._state(part(last))
        return last


def _counts(braces: str) -> tuple[int, int | None]:
    r"""Parse {3}, {3,}, {,3} or {3,4} as the fewest and the most repeats; None for no limit."""
    least, comma, most = braces[1:-1].partition(",")
    return int(least or 0), int(most) if most else None if comma else int(least)


def _bits(number: int) -> Iterator[int]:
    """Yield the places of a number's bits that are 1."""
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low
