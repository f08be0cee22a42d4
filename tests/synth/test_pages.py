"""Synthetic pages and tables: what is said to be there is there."""

import re

import numpy as np
import pytest

from shuzi import load
from shuzi.synth.pages import KINDS, PageScore, make_page, make_table, score_page


@pytest.fixture(scope="module")
def held_out():
    train, _ = load("mnist")
    return train.images[-5000:], train.labels[-5000:]


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_hold_ink_and_lie_within(held_out, kind):
    page = make_page(*held_out, kind, np.random.default_rng(1))
    height, width = page.picture.shape[:2]
    assert page.picture.dtype == np.uint8
    assert len(page.labels) == len(page.boxes) == len(page.numbers) > 30
    x, y, w, h = page.boxes.T
    assert (x >= 0).all()
    assert (y >= 0).all()
    assert (x + w <= width).all()
    assert (y + h <= height).all()
    for left, top, wide, high in page.boxes.astype(int).tolist():
        inside = page.picture[top : top + high + 1, left : left + wide + 1]
        assert int(inside.max()) - int(inside.min()) > 30


def test_the_generator_decides_all(held_out):
    first, again, other = (make_page(*held_out, "photographed", np.random.default_rng(s)) for s in (1, 1, 2))
    assert (first.picture == again.picture).all()
    assert not np.array_equal(first.picture, other.picture)


def test_numbers_are_of_three_to_seven_digits(held_out):
    page = make_page(*held_out, "plain", np.random.default_rng(3))
    assert set(np.bincount(page.numbers).tolist()) <= {3, 4, 5, 6, 7}


def told(page):
    digits = [(int(label), tuple(box)) for label, box in zip(page.labels, page.boxes.tolist(), strict=True)]
    numbers = []
    for n in np.unique(page.numbers):
        boxes = page.boxes[page.numbers == n]
        low, high = boxes[:, :2].min(0), (boxes[:, :2] + boxes[:, 2:]).max(0)
        numbers.append(("".join(map(str, page.labels[page.numbers == n])), (*low, *(high - low))))
    return digits, numbers


def test_the_truth_scores_in_full_and_a_mistake_counts_once(held_out):
    page = make_page(*held_out, "plain", np.random.default_rng(4))
    digits, numbers = told(page)
    score = score_page(page, digits, numbers)
    assert score.right == score.found == score.digits
    assert score.numbers_right == score.numbers
    assert score.sixes_right == score.sixes
    assert score.false == 0
    wrong = [((digits[0][0] + 1) % 10, digits[0][1]), *digits[1:-1], (5, (1.0, 1.0, 9.0, 9.0))]
    score = score_page(page, wrong, [("", numbers[0][1]), *numbers[1:]])
    assert (score.digits - score.found, score.digits - score.right, score.false) == (1, 2, 1)
    assert score.numbers - score.numbers_right == 1


def test_an_empty_reading_scores_nothing(held_out):
    page = make_page(*held_out, "plain", np.random.default_rng(5))
    score = score_page(page, [], [])
    assert (score.found, score.right, score.false, score.numbers_right) == (0, 0, 0, 0)
    assert (score + PageScore()) == score


@pytest.mark.parametrize("height", [12, 40])
def test_a_tables_cells_hold_numbers_or_nothing_and_no_row_or_column_is_empty(held_out, height):
    table, again, other = (make_table(*held_out, height, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(table.picture, again.picture)
    assert table.cells == again.cells != other.cells
    assert len({len(row) for row in table.cells}) == 1
    for line in (*table.cells, *zip(*table.cells, strict=True)):
        texts = [cell for cell in line if cell is not None]
        assert texts
        assert all(re.fullmatch(r"\d{1,4}([.,]\d\d)?", text) for text in texts)


def test_a_tables_writing_lies_within_its_picture_and_is_of_the_height_asked_for(held_out):
    table = make_table(*held_out, 14, np.random.default_rng(4))
    dark = table.picture.min(2) < 150
    rows = np.flatnonzero(dark.any(1))
    assert 20 <= rows[0] < rows[-1] < len(dark) - 20
    assert 14 * 1.4 * len(table.cells) < np.ptp(rows) + 14 < 14 * 2.5 * len(table.cells)
