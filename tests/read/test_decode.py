"""The decoder by itself, on proposals made by hand: numbers, lines, marks, and what may have been missed."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from shuzi.maps import SIZE
from shuzi.page import MARKS, Digit, Mark, Number
from shuzi.read import decode
from shuzi.read.formats import settle_numbers
from shuzi.read.proposals import Level, Proposal
from shuzi.read.reader import mark_as_read
from shuzi.read.single import crop_writing, pick_single_digit, whole_as_digit

BLANK = np.zeros((0, 0), np.float32)
NOWHERE = Level(1.0, 0, 0, (0, 0, 0, 0), np.zeros((0, 0, 0), np.float32), BLANK, BLANK)
HEIGHT, WIDTH, STEP, GAP = 30.0, 20.0, 24.0, 8.0  # pixels of a digit, and from one to the next; of a mark
MARK_NAMES = {"/": "slash", ":": "colon"}
LOW = {".": (12, 4, 4), ",": (15, 5, 9), "-": (0, 12, 4), "/": (0, 14, 36), ":": (3, 4, 18)}  # below, wide, high


def proposal(sign, x, y, width=WIDTH, height=HEIGHT, chance=0.99):
    """A digit or mark with its middle at x, y, that says of no next one."""
    mark = sign if sign in MARKS else ""
    classes = np.eye(len(MARKS))[MARKS.index(sign)] if mark else np.eye(10)[int(sign)] * 0.9 + 0.01
    box = np.array([x - width / 2, y - height / 2, width, height])
    return Proposal(chance, mark, classes, box, 0.0, np.zeros(2), NOWHERE, 1.0)


def row(text, x, y, slope=0.0, linked=True):
    """A number as the network sees it, its first digit's middle at x, y: each digit says where the next one is."""
    found, digits, at = [], [], x
    for sign in text:
        if sign in MARKS:
            below, wide, high = LOW[sign]
            found.append(proposal(sign, at - STEP / 2 + GAP / 2, y + below + slope * (at - x), wide, high))
            at += GAP
            continue
        digits.append(proposal(sign, at, y + slope * (at - x)))
        at += STEP
    for one, other in pairwise(digits):
        if linked:
            one.link, one.ahead = 0.95, (other.middle - one.middle) / one.size
    return found + digits


def shuffled(proposals, seed=0):
    return [proposals[i] for i in np.random.default_rng(seed).permutation(len(proposals))]


def read(found):
    """The numbers as (line, written)."""
    answers = []
    for number in found:
        guesses = [int(p.classes.argmax()) for p in number.digits]
        digits = [Digit(g, g, 1.0, np.eye(10)[g], (0, 0, 1, 1), np.zeros((28, 28))) for g in guesses]
        answers.append((number.line, written(number, digits).text))
    return answers


def written(group, digits):
    """A number of these digits in the places of a group's, with its marks."""

    def box(found):
        return tuple(np.rint(found.box).astype(int).tolist())

    placed = (replace(digit, box=box(found)) for digit, found in zip(digits, group.digits, strict=True))
    marks = (Mark(mark.mark, mark.chance, box(mark)) for mark in group.marks)
    return Number(tuple(placed), group.line, marks=tuple(marks))


@pytest.mark.parametrize("seed", range(3))
def test_digits_follow_each_other_as_the_network_expects_them(seed):
    assert read(decode.group_digits(shuffled(row("30517", 40, 50), seed))) == [(0, "30517")]


def test_nothing_gives_no_numbers():
    assert decode.group_digits([]) == []
    assert decode.group_digits([proposal("7", 40, 50, chance=0.4), proposal("-", 40, 50, chance=0.4)]) == []


def test_where_no_next_is_expected_a_number_ends_however_near_the_next_digit_stands():
    assert read(decode.group_digits(row("12", 40, 50) + row("345", 40 + 2 * STEP, 50))) == [(0, "12"), (0, "345")]


def test_a_wide_gap_is_bridged_where_the_network_says_so():
    one, other = proposal("4", 40, 50), proposal("2", 120, 50)
    one.link, one.ahead = 0.9, np.array([80 / HEIGHT, 0])
    assert read(decode.group_digits([other, one])) == [(0, "42")]
    one.link = 0.3
    assert read(decode.group_digits([other, one])) == [(0, "4"), (0, "2")]


def test_a_next_that_is_not_where_it_should_be_is_none():
    digits = row("123", 40, 50)
    del digits[1]  # the middle one was not found: nothing stands where 1 expects its next
    assert read(decode.group_digits(digits)) == [(0, "1"), (0, "3")]


def test_of_two_that_expect_the_same_next_the_one_that_is_nearer_the_mark_has_it():
    digits = row("12", 40, 50)
    rival = proposal("9", 40, 85)
    rival.link, rival.ahead = 0.9, (digits[1].middle + np.array([5, 9]) - rival.middle) / rival.size
    assert sorted(read(decode.group_digits([rival, *digits]))) == [(0, "12"), (1, "9")]


def test_no_number_goes_back_to_the_left():
    one, other = row("12", 40, 50)
    other.link, other.ahead = 0.9, (one.middle - other.middle) / other.size
    assert read(decode.group_digits([one, other])) == [(0, "12")]


def test_lines_are_read_from_the_top_and_numbers_from_the_left():
    page = row("88", 200, 100) + row("7", 40, 100) + row("123", 200, 50) + row("45", 40, 52)
    assert read(decode.group_digits(page)) == [(0, "45"), (0, "123"), (1, "7"), (1, "88")]


@pytest.mark.parametrize("slope", [-0.2, -0.1, 0.1, 0.2])
def test_lines_that_rise_or_fall_stay_lines(slope):
    page, expected = [], []
    for line in range(3):
        for column, text in enumerate(("12", "345", "67", "890")):
            x = 40 + 130 * column
            page += row(text, x, 200 + 48 * line + slope * x, slope)
            expected.append((line, text))
    assert abs(slope) * 390 > 48 / 2  # more than half the way to the next line
    assert read(decode.group_digits(shuffled(page))) == expected


@pytest.mark.parametrize("rise", [-0.1, 0.1])
def test_numbers_that_rise_on_level_lines_stay_on_them_when_a_cell_between_is_empty(rise):
    page, expected = [], []
    for line in range(6):
        for column, text in enumerate(("12", "34567", "123456")):
            if column == 1 and line % 3 == 1:
                continue
            page += row(text, 40 + 200 * column, 100 + 50 * line, rise)
            expected.append((line, text))
    assert read(decode.group_digits(shuffled(page))) == expected


def test_numbers_one_below_the_other_stay_lines_wherever_each_begins():
    texts = ("12", "3456", "78", "901", "23")
    page = [p for i, text in enumerate(texts) for p in row(text, 40 + 130 * (i % 3), 50 + 48 * i)]
    assert read(decode.group_digits(shuffled(page))) == list(enumerate(texts))


def test_rows_of_different_heights_are_lines():
    page, expected = [], []
    for line, size in enumerate((1.0, 0.6, 1.5, 0.8)):
        for column in range(3):
            y = (60, 105, 160, 215)[line]
            page.append(proposal(str(column), 60 + 150 * column, y, WIDTH * size, HEIGHT * size))
            expected.append((line, str(column)))
    assert read(decode.group_digits(shuffled(page))) == expected


def test_the_rows_of_a_bent_grid_in_perspective_stay_rows():
    found = 0
    for seed in range(20):
        g = np.random.default_rng(seed)
        i, j = np.mgrid[:9, :9]
        scale = 1 + g.normal(0, 0.02) * (i - 4) + g.normal(0, 0.015) * (j - 4)  # nearer, and so larger, at one end
        x, y = 60 * (j - 4) / scale, 60 * (i - 4 + g.normal(0, 0.15) * np.sin(np.pi * j / 9)) / scale
        x, y = 400 + x + g.normal(0, 3, x.shape), 400 + y + g.normal(0, 3, x.shape)
        digits = [proposal(*each) for each in zip(map(str, j.flat), x.flat, y.flat, strict=True)]
        lines = read(decode.group_digits(shuffled(digits)))
        found += sum("".join(text for at, text in lines if at == line) == "012345678" for line in range(9))
    assert found >= 0.95 * 180


@pytest.mark.parametrize("lean", [0.0, 0.05])
def test_a_grid_of_single_digits_is_read_row_by_row(lean):
    g = np.random.default_rng(0)
    page = [
        proposal(str((3 * i + j) % 10), 50 + 60 * j + g.normal(0, 3), 40 + 50 * i + 60 * j * lean + g.normal(0, 3))
        for i in range(5)
        for j in range(6)
    ]
    expected = [(i, str((3 * i + j) % 10)) for i in range(5) for j in range(6)]
    assert read(decode.group_digits(shuffled(page))) == expected


@pytest.mark.parametrize("text", ["17.000,-", "-3.5", "24/11/2026", "12:07", "1.234.567,89", "555-0137", "6."])
def test_marks_stand_in_a_number_as_written(text):
    (found,) = decode.group_digits(shuffled(row(text, 60, 50)))
    assert read([found]) == [(0, text)]
    assert len(found.digits) == sum(sign.isdigit() for sign in text)


def test_a_mark_goes_to_the_number_it_stands_by_and_a_far_one_to_none():
    page = row("12.", 40, 50) + row("34", 180, 50) + row("5,-", 40, 110)
    page.append(proposal("-", 400, 300, 12, 4))
    assert read(decode.group_digits(page)) == [(0, "12."), (0, "34"), (1, "5,-")]


@pytest.mark.parametrize(("apart", "shift"), [(45, 0), (45, 6), (45, 12), (60, 6)])
def test_a_comma_belongs_to_the_line_at_whose_foot_it_stands(apart, shift):
    page = row("12,34", 40, 50) + row("5678", 40 + shift, 50 + apart) + row("9", 40, 50 + 2 * apart)
    assert read(decode.group_digits(page)) == [(0, "12,34"), (1, "5678"), (2, "9")]


def test_a_wide_dash_after_a_point_belongs_to_the_number():
    page = [*row("5.", 40, 50), proposal("-", 40 + WIDTH / 2 + 1.3 * HEIGHT, 50, HEIGHT, 4)]
    assert read(decode.group_digits(page)) == [(0, "5.-")]


def test_a_dash_that_only_a_point_brings_near_belongs_to_the_number():
    dash = proposal("-", 40 + WIDTH / 2 + 1.7 * HEIGHT, 50, 24, 4)
    assert read(decode.group_digits([*row("5", 40, 50), dash])) == [(0, "5")]
    point = proposal(".", 40 + WIDTH / 2 + 0.6 * HEIGHT, 62, 4, 4)
    assert read(decode.group_digits([*row("5", 40, 50), dash, point])) == [(0, "5.-")]


def test_numbers_that_a_usual_gap_parts_may_be_one():
    page = [digit for line in range(4) for digit in row("12345", 40, 50 + 60 * line)]
    one, other = row("708", 40, 290), row("68", 40 + 3 * STEP, 290)
    one[-1].link = 0.04
    groups = decode.group_digits([*page, *one, *other])
    assert read(groups)[-2:] == [(4, "708"), (4, "68")]
    *others, before, after = decode.p_no_part(groups)
    assert others == [1.0] * 4
    assert before == after < 0.7


@pytest.mark.parametrize("apart", [1.3, 1.5, 1.9])
def test_a_dash_in_a_cell_above_or_below_belongs_to_no_number(apart):
    dashes = [proposal("-", 60, 100 + side * apart * HEIGHT, 18, 4) for side in (-1, 1)]
    assert read(decode.group_digits([*row("724", 40, 100), *dashes])) == [(0, "724")]


def test_an_unlikely_digit_in_front_takes_no_number_with_it():
    digits = row("6325", 60, 50)
    currency = proposal("5", 60 - STEP, 50, chance=0.4)
    currency.link, currency.ahead = 0.95, (digits[0].middle - currency.middle) / currency.size
    assert read(decode.group_digits([*digits, currency])) == [(0, "6325")]


@pytest.mark.parametrize("sign", [",", ":", "%"])
def test_a_mark_stands_however_low_the_digit_before_it_is(sign):
    zero = proposal("0", 40, 60, 24, 12)
    mark = proposal(sign, 74, 62, 8, 12)
    assert read(decode.group_digits([zero, mark])) == [(0, f"0{sign}")]


@pytest.mark.parametrize("sign", [",", ":", "/"])
def test_what_begins_a_number_is_a_digit_rather_than_a_comma_a_colon_or_a_slash(sign):
    page = [proposal(sign, 16, 50, 10, 30), *row("25", 40, 50)]
    assert read(decode.group_digits(page)) == [(0, "25")]
    one = page[0].digit = proposal("1", 16, 50, chance=0.6)
    one.link, one.ahead = 0.95, np.array([STEP / HEIGHT, 0])
    assert read(decode.group_digits(page)) == [(0, "125")]


def test_a_slash_between_digits_stays_and_one_at_the_end_is_a_digit():
    page = row("3/4", 40, 50)
    page[0].digit = proposal("1", *page[0].middle, chance=0.9)
    assert read(decode.group_digits(page)) == [(0, "3/4")]
    page = row("34", 40, 50)
    page[-1].link, page[-1].ahead = 0.95, np.array([STEP / HEIGHT, 0])
    page.append(proposal("/", 40 + 2 * STEP, 50, 10, 30))
    page[-1].digit = proposal("1", 40 + 2 * STEP, 50, chance=0.9)
    assert read(decode.group_digits(page)) == [(0, "341")]


def inked(found):
    """A proposal on paper whose writing is a digit's."""
    ink = np.ones((200, 400), np.float32)
    found.level = Level(1.0, 0, 0, (0, 0, 400, 200), np.zeros((0, 0, 0), np.float32), ink, ink)
    return found


def test_an_unlikely_digit_that_its_neighbour_expects_is_part_of_the_number():
    page = row("123", 40, 50)
    page[2].chance = 0.3
    inked(page[2])
    assert read(decode.group_digits(page)) == [(0, "123")]
    page[2].chance = 0.1
    assert read(decode.group_digits(page)) == [(0, "12")]


def test_ink_like_a_digits_that_is_in_no_number_is_unread_and_a_words_is_not():
    page = row("12", 40, 50)
    lonely, word = inked(proposal("7", 200, 50, chance=0.3)), inked(proposal("7", 300, 50, chance=0.3))
    word.level = Level(1.0, 0, 0, (0, 0, 400, 200), word.level.maps, word.level.ink * 0.2, word.level.writing)
    part = inked(proposal("1", 40, 52, 8, 20, chance=0.3))  # of the first digit
    everything = [*page, lonely, word, part]
    groups = decode.group_digits(everything)
    assert read(groups) == [(0, "12")]
    assert decode.unread(groups, everything) == [lonely]


def test_an_unlikely_digit_beside_a_number_is_unread_whatever_its_ink():
    page = row("12", 40, 50)
    beside, far = (proposal("1", x, 50, chance=0.4) for x in (40 + 2 * STEP, 300))
    for each in (beside, far):
        inked(each).level = Level(1.0, 0, 0, (0, 0, 400, 200), each.level.maps, BLANK, BLANK)
    everything = [*page, beside, far]
    assert decode.unread(decode.group_digits(everything), everything) == [beside]


def test_a_digit_between_two_digits_of_a_number_is_one_of_it_and_the_number_is_not_sure():
    page = row("34", 40, 50)
    page[0].ahead, page[1].box[0] = page[0].ahead * 2, page[1].box[0] + STEP
    stray = proposal("1", 40 + STEP, 55, 4, 15)
    (found,) = decode.group_digits([*page, stray])
    assert [int(p.classes.argmax()) for p in found.digits] == [3, 1, 4]
    assert found.p_linked < 0.5
    page = row("3", 40, 50) + row("4", 40 + 2 * STEP, 50) + [stray]
    assert len(decode.group_digits(page)) == 3


def test_a_digit_of_the_next_line_is_none_of_a_steep_numbers():
    page = [*row("34", 40, 100, slope=-0.5), proposal("1", 40 + STEP / 2, 94 + 1.1 * HEIGHT)]
    assert read(decode.group_digits(page)) == [(0, "34"), (1, "1")]
    wide = row("34", 40, 100)
    wide[1].box[:2] += np.array([2 * STEP, -0.8 * HEIGHT])
    wide[0].ahead = (wide[1].middle - wide[0].middle) / wide[0].size
    page = [*wide, proposal("1", 40 + 0.6 * STEP, 100 + 0.35 * HEIGHT)]
    assert len(decode.group_digits(page)) == 2


@pytest.mark.parametrize(("top", "text"), [(35, "1?2"), (55, "12")])
def test_writing_as_high_as_a_digit_between_two_digits_of_a_number_is_a_digit(top, text):
    page = row("12", 40, 50)
    page[0].ahead, page[1].box[0] = page[0].ahead * 2, page[1].box[0] + STEP
    writing = np.zeros((200, 400), np.float32)
    writing[35:65, 35:45] = writing[35:65, 35 + 48 : 45 + 48] = 1
    writing[top:65, 62:66] = 1
    for digit in page:
        digit.level = Level(1.0, 0, 0, (0, 0, 400, 200), NOWHERE.maps, writing, writing)
    (found,) = decode.group_digits(page)
    assert "".join("?" if p.chance < 0.1 else str(p.classes.argmax()) for p in found.digits) == text
    if top == 35:
        assert found.digits[1].box.tolist() == [62, 35, 4, 30]


@pytest.mark.parametrize("between", ["a stroke", ":"])
def test_writing_that_joins_two_digits_or_is_a_mark_is_no_digit(between):
    page = row("1:2", 40, 50)
    writing = np.zeros((200, 400), np.float32)
    for found in page:
        left, top, right, bottom = (*found.box[:2].astype(int), *(found.box[:2] + found.box[2:]).astype(int))
        writing[top:bottom, left:right] = 1
    if between == "a stroke":
        page = [p for p in page if not p.mark]
        writing[35:65] = 0
        writing[35:65, 30:50] = writing[35:65, 62:82] = writing[48:52, 30:82] = 1
    for found in page:
        found.level = Level(1.0, 0, 0, (0, 0, 400, 200), NOWHERE.maps, writing, writing)
    (found,) = decode.group_digits(page)
    assert len(found.digits) == 2


def test_on_a_page_whose_gaps_are_all_equal_a_number_ends_where_the_network_says_so():
    page = [p for line in range(4) for p in row("4321", 40, 50 + 50 * line)]
    page += row("56", 300, 50)
    for digit in page:
        digit.box[2] = 16  # so that each gap is exactly half of it
    with np.errstate(divide="raise", invalid="raise"):
        assert read(decode.group_digits(page))[:2] == [(0, "4321"), (0, "56")]


@pytest.mark.parametrize(("gap", "texts"), [(0.1, ["1", "2", "3", "4"]), (0.5, ["12", "34"]), (3.0, ["1234"])])
def test_a_gap_in_widths_of_a_digit_decides_where_a_number_ends(gap, texts):
    page = row("12", 40, 50) + row("34", 40 + 2 * STEP + 24, 50)
    assert read(decode.group_digits(page, gap)) == [(0, text) for text in texts]


def test_a_wide_gap_leaves_it_open_whether_there_is_one_number_or_two():
    def p_one(*middles):
        return decode.DigitGroup(tuple(proposal("3", x, 50) for x in middles)).p_one

    even, open_, two = p_one(40, 64, 88, 112), p_one(40, 64, 98, 122), p_one(40, 64, 108, 132)
    assert even > 0.95
    assert 0.3 < open_ < 0.7
    assert two < 0.02
    assert p_one(40) == 1


def test_digits_in_the_boxes_of_a_comb_are_one_number_and_two_numbers_stay_two():
    comb = [*row("2563219785", 136, 50), proposal("8", 88, 50), proposal("1", 112, 50, 6)]
    for digit in comb[-2:]:
        digit.link = 0.3
    assert read(decode.group_digits(comb)) == [(0, "812563219785")]
    assert read(decode.group_digits(row("333", 40, 50) + row("444", 136, 50))) == [(0, "333"), (0, "444")]


def test_digits_that_the_network_hardly_links_are_one_number_where_the_pages_gaps_are_as_wide():
    page = [p for line in range(4) for p in row("4321", 40, 50 + 50 * line)]
    one, other = row("56", 300, 50, linked=False)
    one.link = 0.3
    assert read(decode.group_digits([*page, one, other]))[:2] == [(0, "4321"), (0, "56")]
    one.link = 0.01
    assert read(decode.group_digits([*page, one, other]))[:3] == [(0, "4321"), (0, "5"), (0, "6")]
    one.link = 0.3
    other.box[0] += 2 * WIDTH
    assert read(decode.group_digits([*page, one, other]))[:3] == [(0, "4321"), (0, "5"), (0, "6")]


def test_a_mark_between_two_numbers_makes_them_one():
    page = row("29", 40, 50) + row("4", 40 + 2 * STEP + GAP, 50)
    dash = proposal("-", 40 + 1.5 * STEP + GAP / 2, 50, 8, 4)
    assert read(decode.group_digits([*page, dash])) == [(0, "29-4")]
    minus = proposal("-", 40 + 2 * STEP + 24, 50, 8, 4)
    apart = row("29", 40, 50) + row("4", 40 + 2 * STEP + 40, 50)
    assert read(decode.group_digits([*apart, minus])) == [(0, "29"), (0, "-4")]


def test_an_exponent_is_on_the_line_of_its_number():
    page = [*row("10", 40, 50), proposal("2", 84, 35, 10, 15), *row("33", 40, 100)]
    assert read(decode.group_digits(page)) == [(0, "10"), (0, "2"), (1, "33")]


def test_a_row_of_single_digits_that_rises_stays_a_row():
    page = [proposal(str(i), 40 + 150 * i, 200 - 22 * i) for i in range(4)]
    assert read(decode.group_digits(page)) == [(0, str(i)) for i in range(4)]


def test_of_two_separators_side_by_side_the_likelier_counts():
    page = row("12,50", 40, 50)
    page[0].chance = 0.8
    page.append(proposal(".", page[0].middle[0] + 5, 62, 4, 4, chance=0.6))
    (found,) = decode.group_digits(page)
    assert read([found]) == [(0, "12,50")]
    assert found.p_parts < 0.8
    assert read(decode.group_digits(row("17.-", 40, 50))) == [(0, "17.-")]


@pytest.mark.parametrize(
    ("text", "chance", "known"),
    [
        ("350.150", 0.3, True),  # a point before three digits is usual
        ("3501.5072", 0.6, False),
        ("12:30", 0.4, True),
        ("36.6", 0.6, True),
        ("120.5", 0.6, True),
        ("3/16", 0.7, True),
        ("1,234.56", 0.6, True),
        ("-12.50", 0.6, True),
        ("3.14159", 0.95, True),  # what is clearly seen stands where it is not usual too
        ("1234567.89012345", 0.7, True),  # no number of so many digits was counted: what is seen decides
    ],
)
def test_a_mark_is_likelier_where_numbers_have_one(text, chance, known):
    page = row(text, 40, 50)
    page[0].chance = chance
    (found,) = decode.group_digits(page)
    assert read([found]) == [(0, text if known else "".join(filter(str.isdigit, text)))]


@pytest.mark.parametrize(
    ("others", "chance", "known"),
    [
        ("12.3456", 0.6, True),
        ("123456", 0.6, False),
        ("123456", 0.95, True),  # what is clearly seen stands among others too
    ],
)
def test_a_mark_is_likelier_where_other_numbers_of_the_page_have_one(others, chance, known):
    number = row("350.1507", 40, 200)
    number[0].chance = chance
    page = [each for i in range(60) for each in row(others, 40, 400 + 50 * i)]
    found = read(decode.group_digits([*number, *page]))
    assert found[0] == (0, "350.1507" if known else "3501507")
    assert {text for _, text in found[1:]} == {others}


def test_a_number_is_as_sure_as_its_marks():
    chances = []
    for chance in (0.06, 0.2, 0.4, 0.9, 0.99):
        page = row("1234.5678", 40, 50)
        page[0].chance = chance
        (found,) = decode.group_digits(page)
        chances.append(found.p_parts)
        assert bool(found.marks) == (chance > 0.5)
    assert chances[:3] == sorted(chances[:3], reverse=True)
    assert chances[3:] == sorted(chances[3:])
    far, above = proposal(".", 160, 62, 4, 4, chance=0.2), proposal(".", 52, 20, 4, 4, chance=0.2)
    (alone,) = decode.group_digits([*row("12", 40, 50), far, above])
    assert alone.p_parts == 1


def test_a_slash_of_a_date_that_looks_like_a_one_is_a_slash():
    page = row("10/2/93", 40, 50)
    likely, unlikely = page[:2]
    assert {likely.mark, unlikely.mark} == {"/"}
    one = proposal("1", *likely.middle, likely.box[2], likely.box[3], chance=0.6)
    one.shares = shares(digit=0.6, slash=0.35)
    digits = page[2:]
    digits[1].ahead, one.link = (one.middle - digits[1].middle) / digits[1].size, 0.95
    digits[1].link = 0.95
    one.ahead = (digits[2].middle - one.middle) / one.size
    (found,) = decode.group_digits([unlikely, one, *digits])
    assert read([found]) == [(0, "10/2/93")]


def test_a_mark_may_be_the_digit_that_it_looks_like():
    page = row("3/4567", 40, 50)
    mark = page[0]
    mark.chance, mark.shares = 0.55, shares(digit=0.45, slash=0.55)
    mark.digit = proposal("1", *mark.middle, mark.box[2], chance=0.95)
    assert read(decode.group_digits(page)) == [(0, "314567")]


def shares(**kinds):
    """The probabilities of a digit, and of some marks, in one place."""
    return np.array([kinds.get("digit", 0), *(kinds.get(MARK_NAMES.get(sign), 0) for sign in MARKS), 0])


def unclear(page, i, **kinds):
    """A page whose digit i may be a mark."""
    page = sorted(page, key=lambda p: p.middle[0])
    page[i].chance, page[i].shares = kinds["digit"], shares(**kinds)
    return page


def test_a_mark_that_alone_joins_two_numbers_stays():
    one, other = row("3501", 40, 50), row("5072", 150, 50)
    point = proposal(".", (one[-1].middle[0] + other[0].middle[0]) / 2, 62, 4, 4, chance=0.6)
    assert read(decode.group_digits([*one, *other, point])) == [(0, "3501.5072")]


def test_a_chosen_gap_holds_for_marks_too():
    page = [proposal("5", 40, 50), *row("12", 100, 50), proposal(":", 86, 53, 4, 18)]
    assert read(decode.group_digits(page)) == [(0, "5:12")]
    assert len(decode.group_digits(page, gap=0.1)) == 3


def test_one_stroke_is_no_two_digits():
    page = row("3/16", 40, 50)
    mark, digits = page[0], page[1:]
    mark.chance, mark.shares = 0.35, shares(digit=0.6, slash=0.35)
    mark.digit = proposal("1", *mark.middle, mark.box[2], mark.box[3], chance=0.7)
    (found,) = decode.group_digits(page)
    assert len(found.digits) + len(found.marks) == 4
    assert len(digits) == 3


def test_what_was_a_digit_is_among_the_alternatives_of_its_mark_and_not_unread():
    page = unclear(row("10130", 40, 50), 2, digit=0.51, colon=0.45)
    page[1].link = 0.9
    (found,) = decode.group_digits(page)
    assert read([found]) == [(0, "10:30")]
    (mark,) = (mark_as_read(mark, (0, 0, 4, 18)) for mark in found.marks)
    assert mark.others["1"] > 0.05
    assert decode.unread([found], page) == []
    assert decode.p_none_missed([found], page) == [1]
    assert found.p_linked == pytest.approx(0.95**3 * 0.9)


def test_a_number_keeps_its_surest_digit_among_many_marks():
    digit = unclear([proposal("1", 40, 50)], 0, digit=0.5, slash=0.45)
    points = [proposal(".", 50 + i, 62, 4, 4, chance=0.6) for i in range(12)]
    ((digits, _, p),) = settle_numbers([(digit, points)])
    assert digits == tuple(digit)
    assert 0 < p <= 1
    many = [proposal("-", 60 + i, 50, 4, 4, chance=0.9) for i in range(300)]
    assert np.isfinite(settle_numbers([(digit, many)])[0][2])


def test_a_mark_that_is_hardly_one_is_left_out():
    page = row("1.5", 40, 50)
    page[0].chance = 0.3
    assert read(decode.group_digits(page)) == [(0, "15")]


def test_a_digit_that_nobody_is_sure_of_is_written_as_a_question():
    (found,) = decode.group_digits(row("3.5", 40, 50))
    unsure, sure = (Digit(d, g, 0.5, np.eye(10)[g], (0, 0, 1, 1), np.zeros((28, 28))) for d, g in ((None, 3), (5, 5)))
    assert written(found, [unsure, sure]).text == "?.5"


@pytest.fixture
def gapped():
    """A number 1_2 with room for a digit between its own."""
    one, other = proposal("1", 40, 50), proposal("2", 40 + 2 * STEP, 50)
    one.link, one.ahead = 0.9, (other.middle - one.middle) / one.size
    (found,) = decode.group_digits([one, other])
    return found


@pytest.mark.parametrize(
    ("x", "y", "sign", "height", "share"),
    [
        (40 + STEP, 50, "7", HEIGHT, 1),  # in the gap
        (40 + 3 * STEP, 50, "7", HEIGHT, 1),  # after the end
        (40 - STEP, 50, "7", HEIGHT, 1),  # before the first
        (40 + 6 * STEP, 50, "7", HEIGHT, 0),  # far off
        (40 + STEP, 100, "7", HEIGHT, 0),  # of another line
        (42, 50, "7", HEIGHT, 0),  # another name for a digit that was found
        (40 + STEP, 50, "-", HEIGHT, 0),  # a mark
        (40 + STEP, 50, "7", 6.0, 0),  # too low to be a digit of this number
    ],
)
def test_a_number_is_whole_as_far_as_nothing_unlikely_in_it_is_a_digit(gapped, x, y, sign, height, share):
    assert decode.p_none_missed([gapped], list(gapped.digits)) == [1]
    doubtful = [proposal(sign, x, y, height=height, chance=chance) for chance in (0.1, 0.4)]
    chances = [decode.p_none_missed([gapped], [*gapped.digits, one])[0] for one in doubtful]
    assert chances == pytest.approx([1 - share * 0.1, 1 - share * 0.4])


def test_a_number_is_all_there_as_far_as_each_digit_is_followed_and_the_last_is_not(gapped):
    assert gapped.p_linked == pytest.approx(0.9)
    gapped.digits[-1].link = 0.4  # half as if a third should come
    assert gapped.p_linked == pytest.approx(0.9 * 0.6)
    (single,) = decode.group_digits([proposal("3", 40, 50)])
    assert single.p_linked == 1


def test_thousands_of_digits_and_marks_are_decoded():
    side = np.arange(50) * 3 * WIDTH
    digits = [proposal("7", x, y) for x in side for y in side]
    marks = [proposal("-", x + WIDTH, y, 12, 4) for x in side for y in side]
    doubtful = [proposal("1", x, y + WIDTH, chance=0.1) for x in side for y in side]
    found = decode.group_digits(shuffled(digits + marks))
    unmissed = decode.p_none_missed(found, digits + marks + doubtful)
    assert len(found) == len(unmissed) == len(digits)
    assert sum(len(number.marks) for number in found) == len(marks)
    assert [number.line for number in found] == sorted(np.tile(np.arange(50), 50))


def test_two_that_may_have_been_missed_count_both(gapped):
    doubtful = [proposal("7", 40 + STEP * i, 50, chance=0.2) for i in (1, 3)]
    assert decode.p_none_missed([gapped, gapped], [*gapped.digits, *doubtful]) == pytest.approx([0.64, 0.64])


def test_the_one_digit_of_a_picture_is_likely_large_and_near_the_middle():
    shape = (100, 120)
    middle, corner = proposal("1", 62, 48, chance=0.8), proposal("2", 100, 15, chance=0.8)
    assert pick_single_digit([corner, middle], shape) is middle
    assert pick_single_digit([corner, proposal("3", 60, 50, chance=0.02)], shape) is corner
    large = proposal("4", 60, 50, 40, 60, chance=0.8)
    assert pick_single_digit([middle, large, proposal("-", 60, 50)], shape) is large


def test_where_nothing_is_a_digit_the_whole_picture_is_one_with_no_chance():
    only = pick_single_digit([proposal("-", 60, 50)], (100, 120))
    assert (only.chance, only.box.tolist()) == (0.0, [0, 0, 120, 100])
    assert np.allclose(only.classes, 0.1)
    ink = np.zeros((28, 28), np.uint8)
    ink[5:20, 8:12] = 255
    assert whole_as_digit(ink).box.tolist() == [8, 5, 4, 15]


def test_all_writing_is_taken_where_it_is_about_as_large_as_a_digit():
    levels = []
    for scale in (1.0, 0.5, 0.25):
        writing = np.zeros([int(n * scale) for n in (200, 240)], np.float32)
        writing[int(40 * scale) : int(160 * scale), int(60 * scale) : int(120 * scale)] = 1
        maps = np.zeros((SIZE.stop, 1, 1), np.float32)
        levels.append(Level(scale, 0, 0, (0, 0, *writing.shape[::-1]), maps, writing, writing))
    assert crop_writing(levels).shape == (30, 15)  # 120 pixels high, at a quarter
    blank = Level(1.0, 0, 0, (0, 0, 0, 0), np.zeros((1, 1, 1), np.float32), BLANK, np.zeros((9, 9), np.float32))
    assert not crop_writing([blank]).any()


def test_a_stroke_that_looks_like_a_slash_may_be_the_one_digit_of_a_picture():
    slash = proposal("/", 60, 50, 14, 36, chance=0.6)
    slash.digit = proposal("1", 60, 50, 14, 36, chance=0.4)
    assert pick_single_digit([slash], (100, 120)) is slash.digit
