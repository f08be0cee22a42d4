"""Strokes to the picture that is read, and what is read in it."""

import numpy as np
import pytest

from shuzi.read.reader import Reader
from shuzi.serve.models import ServedModels
from shuzi.serve.strokes import render


@pytest.fixture(scope="module")
def reader():
    return Reader()


def placed(strokes, text: str | list[str], gap: float, height: float = 300.0) -> list[np.ndarray]:
    """Digits side by side, the boxes of their strokes `gap` heights apart."""
    out, left = [], 100.0
    for digit in text:
        parts = [np.array(stroke) for stroke in strokes[digit]]
        (x0, y0), (x1, y1) = np.concatenate(parts).min(0), np.concatenate(parts).max(0)
        scale = height / (y1 - y0)
        out += [np.c_[(p - (x0, y0)) * scale + (left, 300), np.full(len(p), 0.5)] for p in parts]
        left += (x1 - x0) * scale + gap * height
    return out


@pytest.mark.parametrize("gap", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("text", ["4731", "2057", "1690", "8364"])
def test_digits_come_apart_and_their_strokes_stay_together(strokes, reader, text, gap):
    page = reader.read(render(placed(strokes, text, gap)).pixels)
    assert "".join(str(digit.guess) for digit in page.digits) == text


def test_a_digit_in_one_line_is_read_as_beside_the_finder_and_all_else_is_left_to_it(strokes, reader):
    served = ServedModels(None)

    def alone(some):
        return served._lone_digit(255 - render(some).pixels)

    for digit in "01234678":
        pixels = render(placed(strokes, digit, 0)).pixels
        (lone,), (found,) = alone(placed(strokes, digit, 0)).digits, reader.read(pixels).digits
        assert lone.digit == found.digit == int(digit)
        assert np.allclose(lone.box, found.box, atol=2)
    for others in (placed(strokes, ["scribble"], 0), placed(strokes, "25", 0.2), placed(strokes, "31", 0)):
        assert alone(others) is None


def test_a_wide_gap_parts_numbers_and_a_line_below_is_another_line(strokes, reader):
    above = placed(strokes, "25", 2.0)
    below = [stroke + np.array([0, 500, 0]) for stroke in placed(strokes, "3", 0.2)]
    page = reader.read(render(above + below).pixels)
    assert [(number.text, number.line) for number in page.numbers] == [("2", 0), ("5", 0), ("3", 1)]


@pytest.mark.parametrize("height", [20.0, 300.0, 900.0])
def test_every_size_is_drawn_alike_and_its_box_lies_on_the_sheet(strokes, reader, height):
    some = placed(strokes, "2", 0, height)
    picture = render(some)
    assert abs(picture.pixels.shape[0] - 60) <= 4
    (digit,) = reader.read(picture.pixels, single=True).digits
    assert digit.digit == 2
    x, y, w, h = picture.on_sheet(digit.box)
    (left, top), (right, bottom) = np.concatenate(some)[:, :2].min(0), np.concatenate(some)[:, :2].max(0)
    assert np.allclose([x, y, x + w, y + h], [left, top, right, bottom], atol=0.2 * height)


def test_a_dot_beside_a_digit_is_no_digit(strokes, reader):
    dot = np.array([[260.0, 590, 0.5], [264, 594, 0.5]])
    assert len(reader.read(render([*placed(strokes, "1", 0), dot]).pixels).digits) == 1


def test_pressure_widens_the_stroke(strokes):
    light, heavy = (
        [np.c_[stroke[:, :2], np.linspace(0, p, len(stroke))] for stroke in placed(strokes, "3", 0)] for p in (0.1, 1)
    )
    assert render(heavy).pixels.mean() < render(light).pixels.mean()
