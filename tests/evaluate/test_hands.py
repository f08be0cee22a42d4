"""The suite of held-out writers: what it draws, and what it counts."""

import numpy as np
import pytest

from shuzi.data import pens
from shuzi.evaluate import hands
from shuzi.page import MARKS
from shuzi.read.reader import Reader
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.layouts import STRIP

pytestmark = pytest.mark.usefixtures("few_writers")


@pytest.fixture(scope="module")
def glyphs(mnist, few_writers):
    return Glyphs(mnist[1], pens.load().part(held_out=True))


def test_numbers_are_digits_and_marks_in_fields_and_the_same_each_time(glyphs):
    made = list(hands.numbers(glyphs, 12))
    assert [each.text for each in made] == [each.text for each in hands.numbers(glyphs, 12)]
    assert {each.picture.shape for each in made} == {STRIP}
    assert all(set(each.text) <= set("0123456789" + MARKS) for each in made)


def test_words_are_pictures_without_a_digit(glyphs):
    made = list(hands.words(glyphs, 6))
    assert [(each.shape, each.dtype) for each in made] == [(STRIP, np.uint8)] * 6


@pytest.mark.parametrize(
    ("text", "read", "count"), [("123", "123", 0), ("123", "13", 1), ("", "42", 2), ("17", "77", 1), ("12", "", 2)]
)
def test_distance_counts_digits_missed_added_and_misread(text, read, count):
    assert hands.distance(text, read) == count


def test_a_reader_is_measured_on_all_of_them(mnist, monkeypatch):
    for name, count in {"NUMBERS": 6, "WORDS": 3, "SIGNS": 3, "PATCHES": 3}.items():
        monkeypatch.setattr(hands, name, count)
    monkeypatch.setattr(hands, "held_out_fonts", lambda: ())
    shares = hands.measure_hands(Reader(), mnist[1])
    assert list(shares) == [
        "numbers whole",
        "digit errors",
        "with marks, text right",
        "with marks, sure and wrong",
        "words of held-out writers surely taken for digits",
        "photographs surely taken for digits",
    ]
    assert all(0 <= share <= 2 for share in shares.values())
