"""Pages: digits found, parted, joined and grouped. Digits are of the part of MNIST that nothing is trained on."""

import cv2
import numpy as np
import pytest

import shuzi
from shuzi.data.digits import load
from shuzi.data.pages import KINDS, PageScore, make_page, score_page
from shuzi.read import layout


@pytest.fixture(scope="module")
def reader():
    return shuzi.Reader()


@pytest.fixture(scope="module")
def held_out():
    train, _ = load("mnist")
    return train.images[-5000:], train.labels[-5000:]


@pytest.fixture(scope="module")
def clear(held_out):
    """The most usual digit of each kind, the nearest to its mean, as ink at 56 pixels."""
    clear = []
    for digit in range(10):
        images = held_out[0][held_out[1] == digit]
        away = ((images - images.mean(0)) ** 2).sum((1, 2))
        clear.append(cv2.resize(images[away.argmin()], (56, 56), interpolation=cv2.INTER_CUBIC))
    return clear


def written(clear, places, size=(400, 900)):
    """A page with digits at (digit, x, y)."""
    page = np.zeros(size, np.uint8)
    for digit, x, y in places:
        ink = clear[digit]
        np.maximum(page[y : y + 56, x : x + 56], ink, out=page[y : y + 56, x : x + 56])
    return 255 - page


def test_made_up_pages_of_all_kinds_are_read(reader, held_out):
    total = PageScore()
    for kind in KINDS:
        page = make_page(*held_out, kind, np.random.default_rng(2026))
        read = reader.read(page.picture)
        digits, numbers = [(d.digit, d.box) for d in read.digits], [(n.text, n.box) for n in read.numbers]
        total += score_page(page, digits, numbers)
    assert total.right / total.digits >= 0.95
    assert total.false / total.digits <= 0.01
    assert total.numbers_right / total.numbers >= 0.75


def test_lines_are_read_from_top_to_bottom_and_numbers_by_their_gaps(reader, clear):
    first = [(2, 100, 60), (0, 145, 60), (2, 190, 60), (4, 235, 60), (1, 400, 60), (7, 440, 60)]
    second = [(8, 100, 200), (3, 145, 205), (5, 190, 210)]
    page = reader.read(written(clear, first + second))
    assert page.text == "2024 17\n835"
    assert [number.line for number in page.numbers] == [0, 0, 1]


def test_points_dashes_and_specks_are_no_digits(reader, clear):
    paper = written(clear, [(3, 100, 100), (5, 190, 100), (2, 340, 100)])
    cv2.circle(paper, (168, 147), 3, (0,), -1)
    cv2.line(paper, (300, 128), (322, 128), (0,), 5)
    for x, y in ((500, 50), (620, 300), (80, 330)):
        cv2.circle(paper, (x, y), 1, (0,), -1)
    assert [d.digit for d in reader.read(paper).digits] == [3, 5, 2]


def test_touching_digits_are_parted(reader, clear):
    paper = written(clear, [(6, 100, 100), (3, 138, 100), (2, 174, 100), (4, 400, 100)])
    cv2.line(paper, (115, 145), (200, 145), (0,), 3)
    assert len(layout.pieces_of(255 - paper, 255 - paper, paper)) <= 3
    assert len(reader.read(paper).numbers[0].digits) == 3


def test_a_broken_stroke_is_joined(reader, clear):
    paper = written(clear, [(5, 100, 100), (0, 160, 100), (7, 220, 100)])
    paper[126:129, 160:216] = 255  # a scratch through the 0
    assert reader.read(paper).text == "507"


def test_ruled_lines_and_a_frame_are_left_out(reader, clear):
    paper = written(clear, [(2, 100, 100), (9, 160, 100), (6, 220, 100)])
    paper[110::60] = paper[111::60] = 120
    cv2.rectangle(paper, (20, 20), (880, 380), (60,), 2)
    assert reader.read(paper).text == "296"


@pytest.mark.parametrize("turn", [-1.0, 0.6])  # degrees
@pytest.mark.parametrize(("thick", "grey"), [(1, 120), (3, 150), (4, 90)])
@pytest.mark.parametrize("form", ["boxes", "cells", "comb"])
def test_the_boxes_of_a_form_are_left_out(reader, clear, form, thick, grey, turn):
    digits = (3, 1, 7, 0, 4, 8)
    side, step = 84, 84 if form == "cells" else 98
    paper = written(clear, [(digit, 116 + step * i, 114) for i, digit in enumerate(digits)])
    for i in range(len(digits) + 2):  # the last two stay empty
        left, right, top, bottom = 100 + step * i, 100 + step * i + side, 100, 100 + side
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        if form == "comb":
            corners = ((left, bottom - 26), (left, bottom), (right, bottom), (right, bottom - 26))
        outline = [np.array(corners, np.int32)]
        box = cv2.polylines(np.full_like(paper, 255), outline, form != "comb", (grey,), thick, cv2.LINE_AA)
        paper = np.minimum(paper, box)
    turning = cv2.getRotationMatrix2D((450, 200), turn, 1)
    paper = cv2.warpAffine(paper, turning, paper.shape[::-1], borderValue=255)
    assert [digit.digit for digit in reader.read(paper).digits] == list(digits)


def test_white_on_black_is_read_where_it_stands(reader, clear):
    paper = written(clear, [(2, 100, 60), (9, 160, 60), (6, 220, 60), (4, 100, 280), (7, 160, 280)])
    paper[200:] = 255 - paper[200:]
    assert reader.read(paper).text == "296\n47"


def test_seams_run_between_digits():
    ink = np.zeros((40, 60), np.uint8)
    ink[:, 5:20] = ink[:, 40:55] = 255
    ink[30:33, 20:40] = 255
    middles = [float(seam.mean()) for seam in layout.seams(ink)]
    assert any(20 <= middle <= 40 for middle in middles)


def row_of(clear):
    return written(clear, [(3, 380, 170), (0, 440, 170), (8, 500, 170), (2, 560, 170)]).astype(np.float32)


def grain(size, generator, spread):
    return generator.normal(0, spread, size).astype(np.float32)


def photographed(paper, generator, noise=2.0):
    seen = cv2.GaussianBlur(paper, (0, 0), 0.8) + grain(paper.shape, generator, noise)
    return np.clip(seen, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("table", [40, 120])
@pytest.mark.parametrize("corners", [
    [(250, 60), (760, 110), (700, 380), (200, 330)],
    [(340, 90), (860, 40), (820, 330), (330, 270)],
])  # fmt: skip
def test_of_a_sheet_on_a_table_its_writing_alone_is_read(reader, clear, corners, table):
    generator = np.random.default_rng(0)
    wood = table + cv2.resize(grain((400, 9), generator, 12), (900, 400))
    on = cv2.fillConvexPoly(np.zeros((400, 900), np.uint8), np.array(corners), 1) > 0
    picture = photographed(np.where(on, row_of(clear) * 0.9, wood), generator)
    assert reader.read(picture).text == "3082"


def test_noise_in_a_dark_corner_is_no_writing(reader, clear):
    generator = np.random.default_rng(1)
    light = np.linspace(1, 0.2, 900, dtype=np.float32)
    assert reader.read(photographed(row_of(clear) * light, generator, noise=12)).text == "3082"


def test_a_soft_shadow_is_no_writing(reader, clear):
    shade = np.zeros((400, 900), np.float32)
    cv2.line(shade, (100, 400), (140, 60), (0.4,), 36)
    cv2.line(shade, (760, 400), (740, 250), (0.4,), 36)
    paper = row_of(clear) * (1 - cv2.GaussianBlur(shade, (0, 0), 14))
    assert reader.read(photographed(paper, np.random.default_rng(2))).text == "3082"


def test_squares_that_are_seen_in_places_only_are_left_out(reader, clear):
    paper = row_of(clear)
    squares = np.zeros((400, 900), np.float32)
    squares[10::30] = squares[:, 10::30] = 1
    squares = cv2.warpAffine(squares, cv2.getRotationMatrix2D((450, 200), 2, 1.1), (900, 400))
    paper -= squares * np.linspace(8, 34, 900, dtype=np.float32) * (paper > 200)
    assert reader.read(photographed(paper, np.random.default_rng(3), noise=1)).text == "3082"


def test_a_line_that_towers_over_the_writing_is_no_1(reader, clear):
    paper = row_of(clear)
    cv2.line(paper, (800, 90), (806, 300), (60,), 6)
    assert reader.read(photographed(paper, np.random.default_rng(4))).text == "3082"
