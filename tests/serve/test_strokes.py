"""Strokes to digits: what belongs together, and with which pen."""

import numpy as np
import pytest

from shuzi.read.normalise import crop_to_ink, stroke_width
from shuzi.read.reader import Reader
from shuzi.serve.strokes import drawn_digits


@pytest.fixture(scope="module")
def score():
    return Reader().scores


def placed(strokes, text: str, gap: float, height: float = 300.0) -> list[np.ndarray]:
    """Digits side by side, the boxes of their strokes `gap` heights apart."""
    out, left = [], 100.0
    for digit in text:
        parts = [np.array(stroke) for stroke in strokes[digit]]
        (x0, y0), (x1, y1) = np.concatenate(parts).min(0), np.concatenate(parts).max(0)
        scale = height / (y1 - y0)
        out += [np.c_[(p - (x0, y0)) * scale + (left, 300), np.full(len(p), 0.5)] for p in parts]
        left += (x1 - x0) * scale + gap * height
    return out


def flat(lines):
    return [digit for line in lines for number in line for digit in number]


@pytest.mark.parametrize("gap", [0.0, 0.05, 0.2, 0.5])
@pytest.mark.parametrize("text", ["4731", "2057", "1690", "8364"])
def test_digits_come_apart_and_their_strokes_stay_together(strokes, score, text, gap):
    found = flat(drawn_digits(placed(strokes, text, gap), 1000, score))
    read = score(np.stack([digit.image for digit in found]))[:, :10].argmax(1)
    assert "".join(map(str, read)) == text


def test_a_wide_gap_parts_numbers_and_a_line_below_is_another_line(strokes, score):
    above = placed(strokes, "25", 1.2)
    below = [stroke + np.array([0, 500, 0]) for stroke in placed(strokes, "3", 0.2)]
    lines = drawn_digits(above + below, 1000, score)
    assert [[len(number) for number in line] for line in lines] == [[1, 1], [1]]


def test_the_order_of_strokes_does_not_matter(strokes, score):
    some = placed(strokes, "457", 0.3)
    first, last = (flat(drawn_digits(each, 1000, score)) for each in (some, some[::-1]))
    assert [a.box for a in first] == [b.box for b in last]
    for a, b in zip(first, last, strict=True):  # soft edges that cross are laid one over the other
        assert np.abs(a.image.astype(int) - b.image).mean() < 1


@pytest.mark.parametrize("height", [20.0, 300.0, 900.0])
def test_every_size_gets_the_pen_of_mnist(strokes, score, height):
    (digit,) = flat(drawn_digits(placed(strokes, "2", 0, height), 1000, score))
    ink = crop_to_ink(digit.image)
    assert 1.8 < stroke_width(ink) * 20 / max(ink.shape) < 3.4


def test_a_dot_between_digits_is_no_digit(strokes, score):
    dot = np.array([[260.0, 590, 0.5], [264, 594, 0.5]])
    assert len(flat(drawn_digits([*placed(strokes, "1", 0), dot], 1000, score))) == 1
    assert len(flat(drawn_digits([dot], 1000, score))) == 1


def test_all_strokes_are_one_digit_if_so_wished(strokes, score):
    assert len(flat(drawn_digits(placed(strokes, "11", 0.5), 1000, score, single=True))) == 1
    assert drawn_digits([], 1000, score, single=True) == []
