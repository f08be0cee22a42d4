"""What a number is worth, how it reads with its marks, and a page's numbers in rows and columns."""

import dataclasses
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest

from shuzi.errors import Renamed, ShuziError
from shuzi.page import MARKS, Digit, Mark, Number, Page, number_value, turned_box
from shuzi.read.reader import Reader
from shuzi.table import assign_columns

BLANK = np.zeros((28, 28), np.uint8)


def digit(sign, x, confidence=0.9, y=0):
    """A digit; "?" for one that the reader is not sure of and takes for a 7."""
    label = 7 if sign == "?" else int(sign)
    sure = None if sign == "?" else label
    return Digit(sure, label, confidence, np.eye(10)[label], (x, y, 8, 20), BLANK)


def number(text, x=0, line=0, chance=0.8, **more):
    """A number as written, ten pixels from sign to sign; its marks with this confidence."""
    places = {x + 10 * i: sign for i, sign in enumerate(text)}
    digits = tuple(digit(sign, at, y=30 * line) for at, sign in places.items() if sign not in MARKS)
    marks = tuple(Mark(sign, chance, (at, 30 * line + 14, 4, 6)) for at, sign in places.items() if sign in MARKS)
    return Number(digits, line, marks=marks, **more)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12.50", "12.50"), ("12,50", "12.50"), ("1,234.50", "1234.50"), ("1.234,50", "1234.50"),
        ("1'234.50", "1234.50"), ("1.234", None), ("1,234", None), ("17.000,-", "17000"), ("-12", "-12"),
        ("12%", "12"), ("007", "7"),
        ("3/4", None), ("12:30", None), ("3/7/2025", None), ("1?", None), ("?.50", None),
        ("5", "5"), ("+5", "5"), ("-12.50", "-12.50"), (".5", "0.5"), ("12.", "12"), ("12-", "12"), ("0.125", "0.125"),
        ("1234.567", "1234.567"), ("2.71828", "2.71828"), ("1.234.567", "1234567"), ("1'234'567", "1234567"),
        ("1.234.567,89", "1234567.89"), ("17,-", "17"), ("17,000.-", "17000"), ("12.5%", "12.5"),
        ("24.12.2025", None), ("2025-12-24", None), ("555-0137", None), ("-17-", None), ("1.23,4.5", None),
        ("12'34", None), ("1.234'567", None), ("1,23,456.00", None), ("%", None), ("-", None),
        ("", None), ("1+1", None), ("5%%", None),
    ],
)  # fmt: skip
def test_a_number_is_worth_what_is_written(text, value):
    assert number_value(text) == (None if value is None else Decimal(value))


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("1.234", ".", "1.234"), ("1.234", ",", "1234"), ("1,234", ",", "1.234"), ("1,234", ".", "1234"),
        ("-1.234", ",", "-1234"), ("12,50", ".", "12.50"), ("1.234.567", ".", "1234567"), ("1?.234", ".", None),
    ],
)  # fmt: skip
def test_the_decimal_sign_decides_only_what_the_writing_leaves_open(text, decimal, value):
    assert number(text, decimal=decimal).value == (None if value is None else Decimal(value))


def test_a_decimal_sign_that_is_none_is_one_sentence():
    with pytest.raises(ShuziError, match=r"decimal ';': expected \. or , or nothing"):
        Reader().read(BLANK, decimal=";")


@pytest.mark.parametrize("text", ["-12.50", "3/7/2025", "17.000,-", "1'234.50", "12:30", "+5%", "?.5"])
def test_text_is_the_number_as_written(text):
    assert number(text).text == text


def test_the_confidence_of_a_number_includes_its_marks():
    assert number("1.5", whole=0.5).confidence == pytest.approx(0.9 * 0.8 * 0.9 * 0.5)


def test_the_box_of_a_number_is_around_its_marks_too():
    assert number("-12", x=100).box == (100, 0, 28, 20)


def test_alternatives_keep_marks_in_place_and_may_leave_them_out():
    found = {reading.text: reading.probability for reading in number("1.5", whole=0.5).alternatives()}
    assert found["1.5"] == pytest.approx(0.9 * 0.8 * 0.9 * 0.5)
    assert found["15"] == pytest.approx(0.9 * 0.2 * 0.9 * 0.5)
    assert found[".5"] == pytest.approx(0.1 * 0.8 * 0.9 * 0.5)
    assert sum(found.values()) == pytest.approx(0.5)


def test_a_mark_may_be_another():
    one, five = number("15").digits
    between = Mark(",", 0.6, (7, 14, 4, 6), {".": 0.3})
    found = {each.text: each.probability for each in Number((one, five), 0, 1.0, (between,)).alternatives()}
    assert found["1,5"] == pytest.approx(2 * found["1.5"])
    assert found["15"] == pytest.approx(0.9 * 0.1 * 0.9)


def test_what_was_called_written_says_what_it_is_called_now():
    with pytest.raises(Renamed, match="written is now called text"):
        number("1.5").written  # noqa: B018
    assert getattr(number("1.5"), "written", "") == ""


def test_a_page_reads_as_its_lines():
    page = Page((number("1.50"), number("2", 100), number("-3", line=1)), (200, 100))
    assert page.text == "1.50 2\n-3"
    assert [[each.text for each in line] for line in page.lines] == [["1.50", "2"], ["-3"]]
    assert (page.unread, page.turned) == ((), 0)


# ---- tables ---------------------------------------------------------------------------------------------------


def table_page(lines, ends=None, starts=None):
    """A page of lines, "" for an empty cell, with columns aligned at their right or left edges."""
    numbers = []
    for line, cells in enumerate(lines):
        for k, text in enumerate(cells):
            if text:
                x = ends[k] - 10 * len(text) + 2 if ends else starts[k]
                numbers.append(number(text, x, line))
    return Page(tuple(numbers), (1000, 1000))


def texts(page):
    return [[cell.text if cell else "" for cell in row] for row in page.table()]


LINES = [["1", "12.50", "3", "1050"], ["2", "", "1234", "7"], ["13", "7.25", "", "99999"], ["", "117.00", "12", ""]]


@pytest.mark.parametrize("places", [{"ends": [30, 110, 160, 230]}, {"starts": [0, 40, 120, 180]}])
def test_a_column_with_missing_cells_stays_a_column(places):
    assert texts(table_page(LINES, **places)) == LINES


def test_a_grid_of_single_digits_keeps_its_places():
    grid = [["5", "3", "", "", "7"], ["6", "", "", "1", ""], ["", "9", "8", "", ""], ["", "", "4", "2", "6"]]
    assert texts(table_page(grid, starts=[0, 35, 70, 105, 140])) == grid


def test_a_table_that_leans_keeps_its_columns():
    rows = [
        [(100 + 150 * k - 3 * row, 40 * row + 10 * k, 60, 20) for k in range(4) if (row + k) % 4] for row in range(12)
    ]
    wanted = [[k for k in range(4) if (row + k) % 4] for row in range(12)]
    assert assign_columns(rows) == wanted


@pytest.mark.parametrize("empty", [0, 0.3, 0.5])
@pytest.mark.parametrize("lean", [-0.3, -0.1, 0, 0.1, 0.3])
@pytest.mark.parametrize("to_right", [False, True])
def test_columns_may_lean_where_lines_are_level(lean, empty, to_right):
    g = np.random.default_rng(5)
    filled = g.random((10, 4)) >= empty
    rows = []
    for i, row in enumerate(filled):
        widths = g.choice([20, 44, 68], 4)
        rows.append(
            [
                (round(100 + 190 * j + lean * 64 * i + to_right * (110 - widths[j])), 60 + 64 * i, int(widths[j]), 34)
                for j in np.flatnonzero(row)
            ]
        )
    assert assign_columns(rows) == [np.flatnonzero(row).tolist() for row in filled]


def test_two_that_stand_where_other_lines_have_one_number_are_one_cell():
    lines = [["12.50", "3"], ["9.72", "14"], ["240.55", "7"], ["33.61", "25"]]
    page = table_page(lines, ends=[110, 200])
    number = page.lines[1][0]
    left, right = (
        dataclasses.replace(number, digits=number.digits[:2]),
        dataclasses.replace(number, digits=number.digits[2:], marks=()),
    )
    split = Page((*page.numbers[:2], left, right, *page.numbers[3:]), page.size)
    assert texts(split) == lines
    assert split.columns == (0, 1, 0, 0, 1, 0, 1, 0, 1)
    assert split.table()[1][0].confidence == pytest.approx(left.confidence * right.confidence / 2)
    apart = Page(tuple(each for each in split.numbers if each.line in (0, 1)), page.size)
    assert len(texts(apart)[1]) == 3  # one other line says nothing


def test_a_page_without_numbers_is_an_empty_table():
    assert Page((), (10, 10)).table() == ()
    assert assign_columns([[], []]) == [[], []]


def test_each_number_has_one_place_whatever_the_rows():
    g = np.random.default_rng(0)
    for _ in range(100):
        rows = [
            [(int(x), 40 * row, int(g.integers(8, 90)), 30) for x in np.sort(g.integers(0, 900, g.integers(1, 7)))]
            for row in range(g.integers(1, 7))
        ]
        places = assign_columns(rows)
        assert [len(own) for own in places] == [len(row) for row in rows]
        assert all(one < after for own in places for one, after in pairwise(own))


def test_a_line_alone_has_a_column_for_each_number():
    assert assign_columns([[], [(0, 0, 9, 20), (40, 0, 9, 20)]]) == [[], [0, 1]]


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_a_turned_page_reads_from_left_to_right_of_the_turned_picture(turned):
    """A number, its sign to the left; boxes are where they are in the picture before it is turned."""
    upright = Page((number("-12"), number("5", 100), number("34", line=1)), (200, 100))
    back = {0: 0, 90: 270, 180: 180, 270: 90}[turned]

    def before(part):
        return dataclasses.replace(part, box=turned_box(part.box, back))

    numbers = tuple(
        dataclasses.replace(
            each, digits=tuple(map(before, each.digits)), marks=tuple(map(before, each.marks)), turned=turned
        )
        for each in upright.numbers
    )
    page = Page(numbers, (200, 100), turned=turned)
    assert page.text == upright.text == "-12 5\n34"
    assert page.columns == upright.columns == (0, 1, 0)
    assert [turned_box(each.box, turned) for each in numbers] == [each.box for each in upright.numbers]
