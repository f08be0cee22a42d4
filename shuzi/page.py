"""What was read in a picture: a page of numbers, their digits, confidences and boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from shuzi import display

Box = tuple[int, int, int, int]  # x, y, width, height in pixels
MAX_READINGS = 500  # that are weighed for a number or a form's field


@dataclass(frozen=True)
class Reading:
    """One way to read a whole number. text: digits only; probability: 0..1."""

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
        box: x, y, width, height, in pixels of the upright picture.
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
        return f"{'?' if self.digit is None else self.digit}, {100 * self.confidence:.1f} %"

    def _repr_png_(self) -> bytes:
        return display.digit(self.image, self.probabilities, self.guess, self.digit is not None)


@dataclass(frozen=True, eq=False)
class Number:
    """Digits that belong together.

    Attributes:
        digits: from left to right.
        line: of the page, 0 is the topmost.
        written: the digits with the points, commas, dashes, slashes and colons between them.
        whole: 0..1, the probability that no digit was missed and none is wrongly included.
    """

    digits: tuple[Digit, ...]
    line: int
    written: str = ""
    whole: float = 1.0

    @property
    def text(self) -> str:
        """The digits from left to right, '?' for each one that the reader is not sure of."""
        return "".join("?" if d.digit is None else str(d.digit) for d in self.digits)

    @property
    def confidence(self) -> float:
        """0..1, the probability that it is whole and all its digits are right."""
        return float(np.prod([d.confidence for d in self.digits])) * self.whole

    @property
    def box(self) -> Box:
        """The box (x, y, width, height) around all digits, in pixels of the upright picture."""
        x, y = min(d.box[0] for d in self.digits), min(d.box[1] for d in self.digits)
        right = max(d.box[0] + d.box[2] for d in self.digits)
        return x, y, right - x, max(d.box[1] + d.box[3] for d in self.digits) - y

    def alternatives(self, n: int = 10) -> tuple[Reading, ...]:
        """Find the n likeliest readings of the whole number, likeliest first.

        A reading may leave out a digit, with the probability that it is none. What the probabilities of all readings
        lack to 1 is the probability that a digit was missed.
        """

        def signs(digit: Digit) -> dict[str, float]:
            named = {str(k): digit.digit_probability * float(p) for k, p in enumerate(digit.probabilities)}
            return {"": 1 - digit.digit_probability} | named

        found = likeliest(map(signs, self.digits), max(n, MAX_READINGS))[: max(n, 0)]
        return tuple(Reading(text, float(p * self.whole)) for text, p in found)

    def __str__(self) -> str:
        return f"{self.text}, {100 * self.confidence:.1f} %"

    def _repr_png_(self) -> bytes:
        x, y, width, height = self.box
        margin = height // 2
        return _drawn(self.digits, (x - margin, y - margin, width + 2 * margin, height + 2 * margin))


@dataclass(frozen=True, eq=False)
class Page:
    """What was read in a picture. numbers: in reading order; size: width, height of the upright picture, in pixels."""

    numbers: tuple[Number, ...]
    size: tuple[int, int]

    @property
    def text(self) -> str:
        """One line per line of writing, a space between numbers, '?' for each digit that the reader is not sure of."""
        lines: dict[int, list[str]] = {}
        for number in self.numbers:
            lines.setdefault(number.line, []).append(number.text)
        return "\n".join(" ".join(texts) for texts in lines.values())

    @property
    def digits(self) -> tuple[Digit, ...]:
        """All digits in reading order."""
        return tuple(digit for number in self.numbers for digit in number.digits)

    def __str__(self) -> str:
        return self.text

    def _repr_png_(self) -> bytes:
        return _drawn(self.digits, (0, 0, *self.size))


def _drawn(digits: Iterable[Digit], frame: Box) -> bytes:
    """Draw digits in a frame of the picture, as the bytes of a PNG file."""
    return display.boxes(((digit.box, digit.image, digit.digit) for digit in digits), frame)
