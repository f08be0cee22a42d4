"""The finder: what the shipped network finds in synthetic scenes, and how its answers at several scales are fused."""

from collections import Counter
from itertools import pairwise

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from shuzi.maps import CHANNELS, CLASS, FINER, HEAT, HEATS, LINK, NEXT, OFFSET, OWNER, SIZE, STRIDE
from shuzi.read import find
from shuzi.read.calibration import UNFITTED, Calibration
from shuzi.read.find import Finder
from shuzi.read.fuse import absorb_second_look, extract_ink, fuse_proposals
from shuzi.read.proposals import ANY_LETTER, Level, Proposal, iou, level_proposals
from shuzi.read.reader import Reader
from shuzi.synth import scene as scenes
from shuzi.synth.canvas import Canvas
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.grids import table_part
from shuzi.synth.layouts import MIN_SIZE, SQUARE, STRIP, close_up, field_strip, page_part
from shuzi.synth.pages import make_page


@pytest.fixture(scope="module")
def finder():
    return Finder()


@pytest.fixture(scope="module")
def glyphs(mnist):
    """Digits that nothing is trained on."""
    train, _ = mnist
    return Glyphs(train.part(len(train) - 5000, len(train)))


@pytest.fixture(autouse=True)
def same_scenes_on_every_machine(no_fonts):
    """Draw no glyph from a font, whatever fonts this machine has."""


def likely(proposals):
    return [p for p in proposals if not p.mark and p.chance >= 0.5]


# What is claimed of the finder: the shares of digits that it finds, and names right.
@pytest.mark.parametrize(
    ("kind", "found", "named"),
    [(field_strip, 0.8, 0.75), (page_part, 0.78, 0.7), (table_part, 0.85, 0.75), (close_up, 0.85, 0.8)],
)
def test_digits_of_each_kind_of_scene_are_found_and_named(finder, glyphs, monkeypatch, kind, found, named):
    """The claim lies within the 99 % interval of the share in these scenes (a ratio estimate, clustered by scene)."""
    shape = STRIP if kind is field_strip else SQUARE
    monkeypatch.setattr(scenes, "LAYOUTS", {shape: ((kind, 1.0),)})
    counts = []  # of each scene: digits that are there, found, named
    for seed in range(16):
        scene = scenes.scene(glyphs, np.random.default_rng([7, seed]), shape)
        digits = likely(finder(scene.picture)[0])
        boxes = np.array([p.box for p in digits]).reshape(-1, 4)
        names = np.array([p.classes.argmax() for p in digits])
        there = (scene.labels < 10) & (scene.visible >= scenes.VISIBLE) & (scene.sizes >= MIN_SIZE)
        same = [iou(box, boxes) > 0.4 for box in scene.boxes[there]]
        right = [(at & (names == label)).any() for at, label in zip(same, scene.labels[there], strict=True)]
        counts.append((there.sum(), sum(at.any() for at in same), sum(right)))
    total, *hits = np.array(counts, float).T
    for share, claim in zip(hits, (found, named), strict=True):
        mean = share.sum() / total.sum()
        error = np.sqrt(((share - mean * total) ** 2).sum()) / total.sum()
        assert mean + 2.58 * error >= claim


def test_on_bare_paper_hardly_anything_is_found(finder, glyphs, monkeypatch):
    bare = ((lambda glyphs, g: Canvas(*SQUARE), 1.0),)
    monkeypatch.setattr(scenes, "LAYOUTS", {SQUARE: bare})
    pictures = [scenes.scene(glyphs, np.random.default_rng([8, seed]), SQUARE).picture for seed in range(12)]
    assert sum(len(likely(finder(picture)[0])) for picture in pictures) <= 1


@pytest.fixture(scope="module")
def field(mnist):
    """An amount on clean paper, of digits that nothing is trained on, and what it says."""
    train, _ = mnist
    picture = np.full((64, 256), 235, np.uint8)
    chosen = [int(np.flatnonzero(train.labels[-5000:] == digit)[3]) for digit in (3, 0, 5, 1, 7, 4)]
    for i, at in enumerate(chosen):
        ink = cv2.resize(train.images[-5000:][at], (40, 40), interpolation=cv2.INTER_CUBIC) / 255
        part = picture[12:52, 12 + 38 * i : 52 + 38 * i]
        np.minimum(part, (235 - 190 * ink).astype(np.uint8), out=part)
    return picture, "305174"


@pytest.fixture(scope="module")
def reader():
    return Reader()


def test_a_clean_field_is_read(reader, field):
    picture, text = field
    page = reader.read(picture)
    assert page.text == text
    assert [abs(d.box[0] - 24 - 38 * i) < 14 for i, d in enumerate(page.digits)] == [True] * 6


@pytest.mark.parametrize(("right", "down"), [(1, 0), (0, 1), (2, 3), (7, 5), (-3, 2), (-6, -8)])
def test_a_shift_changes_nothing_but_where_it_stands(reader, field, right, down):
    picture, text = field
    move = np.float32([[1, 0, right], [0, 1, down]])
    moved = cv2.warpAffine(picture, move, picture.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    before, after = reader.read(picture), reader.read(moved)
    assert after.text == text
    for one, other in zip(before.digits, after.digits, strict=True):
        assert np.abs(np.subtract(other.box, one.box) - (right, down, 0, 0)).max() <= 3


@pytest.mark.parametrize("scale", [0.7, 0.85, 1.2, 1.5, 2.0])
def test_a_scale_changes_nothing_but_the_boxes(reader, field, scale):
    picture, text = field
    resized = cv2.resize(
        picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )
    before, after = reader.read(picture), reader.read(resized)
    assert after.text == text
    for one, other in zip(before.digits, after.digits, strict=True):
        assert np.abs(np.array(other.box) / scale - one.box).max() <= 4


def test_light_on_dark_is_dark_on_light(reader, field):
    picture, text = field
    assert reader.read(255 - picture).text == text


def test_a_large_picture_that_is_mostly_bare_is_not_looked_at_in_full(finder, field):
    picture, _ = field
    large = np.full((2000, 3000), 235, np.uint8)
    large[900:1028, 1400:1912] = cv2.resize(picture, (512, 128), interpolation=cv2.INTER_CUBIC)
    proposals, levels = finder(large)
    assert len(likely(proposals)) == 6
    assert max(level.scale for level in levels) > levels[0].scale
    assert sum(level.ink.size for level in levels) < large.size / 5


@pytest.mark.parametrize(("height", "pitch"), [(20, 2), (24, 3.5)])
def test_small_digits_all_over_a_large_page_are_read_as_they_lie(reader, mnist, height, pitch):
    """Digits of 7 pixels or less in the first look, which the network hardly notices."""
    _, test = mnist
    page, labels, number = np.full((1754, 1240), 245, np.uint8), [], 0
    for y in range(100, 1600, round(pitch * height)):
        for x in range(100, 1000, 6 * height):
            for i in range(4):
                digit = cv2.resize(test.images[number][3:25, 3:25], (height, height), interpolation=cv2.INTER_CUBIC)
                part = page[y : y + height, x + round(0.8 * height * i) :][:, :height]
                np.minimum(part, 245 - 0.9 * digit, out=part, casting="unsafe")
                number += 1
            labels.append("".join(map(str, test.labels[number - 4 : number])))
    read = reader.read(page)
    assert read.turned == 0
    right = (Counter(each.text for each in read.numbers) & Counter(labels)).total()
    assert right > 0.9 * len(labels)


@pytest.mark.parametrize("width", [512, 515, 700])
def test_two_halves_are_looked_at_as_one(finder, field, width):
    picture = cv2.copyMakeBorder(field[0], 100, 101, 150, 0, cv2.BORDER_REPLICATE)
    picture = cv2.copyMakeBorder(picture, 0, 0, 0, width - picture.shape[1], cv2.BORDER_REPLICATE)
    whole, halves = finder.look(picture, 1.0), finder.look_in_halves(picture, 1.0)
    assert halves.part == whole.part
    assert (halves.left, halves.top) == (whole.left, whole.top) == (0, 0)
    for one, other in ((whole.maps[HEAT], halves.maps[HEAT]), (whole.ink, halves.ink), (whole.writing, halves.writing)):
        assert one.shape == other.shape
        assert np.abs(one - other).mean() < 0.01
    boxes, others = (
        np.array([p.box for p in level_proposals(level) if p.chance > 0.5 and not p.mark]) for level in (whole, halves)
    )
    assert np.abs(boxes - others).max() < 2


@pytest.mark.parametrize("shape", [(28, 28), (60, 250), (20, 20), (5, 300), (128, 128)])
def test_small_pictures_are_looked_at_cheaply(finder, shape):
    grey = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    seen = list(finder.levels(grey))
    assert sum(level.ink.size for level in seen) < 80_000
    first = seen[0]
    assert first.ink.shape == first.writing.shape == tuple(max(1, round(n * first.scale)) for n in shape)
    assert first.maps.shape[1:] == tuple(-(-n // 16) * 4 for n in first.ink.shape)
    assert all(one.scale > other.scale for one, other in pairwise(seen))


def level(shape=(128, 128), scale=1.0, inked=()):
    """What was seen at a scale, blank but for ink in some boxes, of which each pixel points to its box's middle."""
    height, width = (round(n * scale) for n in shape)
    maps = np.zeros((CHANNELS, -(-height // 16) * 4, -(-width // 16) * 4), np.float32)
    ink = np.zeros((height, width), np.float32)
    y, x = (np.mgrid[0 : maps.shape[1], 0 : maps.shape[2]] + 0.5) * STRIDE
    for box in inked:
        left, top, wide, high = np.array(box) * scale
        ink[round(top) : round(top + high), round(left) : round(left + wide)] = 1
        near = (abs(x - left - wide / 2) <= wide / 2 + 2) & (abs(y - top - high / 2) <= high / 2 + 2)
        maps[OWNER][:, near] = np.array([left + wide / 2 - x, top + high / 2 - y])[:, near]
    return Level(scale, 0, 0, (0, 0, width, height), maps, ink, ink)


def proposal(box, seen, chance=0.9, digit=3, mark="", weight=1.0):
    classes = np.full(10, 0.01)
    classes[digit] = 0.91
    return Proposal(chance, mark, classes, np.array(box, float), 0.0, np.zeros(2), seen, weight)


def test_what_is_less_likely_than_the_digits_in_it_hides_none():
    parts = [(40, 40, 20, 30), (70, 40, 20, 30), (100, 40, 20, 30)]
    seen = level(inked=parts)
    blurred = level(scale=0.125, inked=[(16, 16, 112, 96)])
    kept = fuse_proposals([proposal((36, 20, 90, 90), blurred, 0.35), *(proposal(box, seen, 0.88) for box in parts)])
    assert sorted(tuple(p.box) for p in kept) == parts
    kept = fuse_proposals([proposal((36, 20, 90, 90), blurred, 0.35), proposal(parts[0], seen, 0.88)])
    assert parts[0] in [tuple(p.box) for p in kept]


def test_what_was_seen_at_two_sizes_is_one_digit():
    box = (40, 40, 20, 30)
    whole, half = level(inked=[box]), level(scale=0.5, inked=[box])
    one, other = proposal(box, whole, 0.9), proposal((41, 39, 20, 32), half, 0.8, weight=0.5)
    (kept,) = fuse_proposals([other, one])
    assert kept is one
    assert kept.classes.argmax() == 3
    assert kept.classes.sum() == pytest.approx(1)
    assert kept.chance == pytest.approx(0.9)
    (again,) = fuse_proposals([one], Calibration(chance=(1.0, 2.0)))
    assert np.log(again.chance / (1 - again.chance)) == pytest.approx(1 + 2 * np.log(9))


def test_each_kind_has_odds_of_its_own():
    box = (40, 40, 20, 30)
    seen = level(inked=[box])

    def chance(**fitted):
        both = [proposal(box, seen, 0.6, digit=5), proposal(box, seen, 0.8, mark=ANY_LETTER)]
        (kept,) = fuse_proposals(both, Calibration(**fitted))
        return kept.chance

    assert chance(letter=(-9.0, 1.0)) == pytest.approx(0.6, abs=0.01)
    assert chance(letter=(0.0, 1.0)) < 0.3
    mark = proposal(box, seen, 0.8, mark="-")
    (kept,) = fuse_proposals([mark], Calibration(mark=(1.0, 2.0)))
    assert np.log(kept.chance / (1 - kept.chance)) == pytest.approx(1 + 2 * np.log(4))


def test_of_two_sizes_that_name_it_differently_the_one_that_saw_it_better_counts_more():
    box = (40, 40, 20, 30)
    whole, half = level(inked=[box]), level(scale=0.5, inked=[box])
    (kept,) = fuse_proposals([proposal(box, whole, digit=3), proposal(box, half, digit=8, weight=0.3)])
    assert kept.classes.argmax() == 3
    assert kept.classes[8] > 0.01


@pytest.mark.parametrize("second", [(40, 72, 20, 30), (40, 62, 20, 30), (62, 40, 20, 30), (54, 40, 20, 30)])
def test_digits_one_above_the_other_or_side_by_side_are_two(second):
    boxes = [(40, 40, 20, 30), second]
    seen = level(inked=boxes)
    assert len(fuse_proposals([proposal(box, seen) for box in boxes])) == 2


@pytest.mark.parametrize("mark", ["", "-"])
def test_of_a_letter_and_a_digit_or_mark_in_one_place_the_likelier_counts_and_letters_are_none(mark):
    box = (40, 40, 20, 30)
    seen = level(inked=[box])
    for chance, count in ((0.9, 0), (0.3, 1)):
        letter, other = proposal((41, 40, 20, 30), seen, chance), proposal(box, seen, 0.6)
        letter.mark, other.mark = ANY_LETTER, mark
        kept = fuse_proposals([letter, other])
        assert sum(p.chance >= 0.5 for p in kept) == count
        assert all(p.mark == mark for p in kept)
    letter, other = proposal(box, seen), proposal((70, 40, 20, 30), seen, 0.3)
    letter.mark = ANY_LETTER
    assert fuse_proposals([letter, other]) == [other]


def test_a_letters_peak_is_a_proposal():
    maps = np.zeros((CHANNELS, 8, 8), np.float32)
    maps[HEATS - 1, 3, 2], maps[SIZE, 3, 2] = 0.7, 12
    blank = np.zeros((32, 32), np.float32)
    (letter,) = level_proposals(Level(1.0, 0, 0, (0, 0, 32, 32), maps, blank, blank))
    assert (letter.mark, letter.chance) == (ANY_LETTER, pytest.approx(0.7))


def test_where_a_letter_is_likelier_the_digit_stays_as_an_unlikely_one():
    box = (40, 40, 20, 30)
    seen = level(inked=[box])
    (kept,) = fuse_proposals([proposal(box, seen, 0.8, mark=ANY_LETTER), proposal(box, seen, 0.6, digit=5)])
    assert not kept.mark
    assert kept.classes.argmax() == 5
    assert kept.chance == pytest.approx(1.5 / (1 + 4 + 1.5))  # odds of 4 and 1.5


def test_a_part_of_a_digit_is_no_digit_of_its_own():
    whole = (40, 40, 24, 40)
    seen = level(inked=[whole])
    kept = fuse_proposals([proposal((40, 40, 24, 14), seen, 0.5), proposal(whole, seen)])
    assert [tuple(p.box) for p in kept] == [whole]


@pytest.mark.parametrize(
    "parts", [[(30, 40, 20, 30), (53, 40, 20, 30)], [(30, 40, 14, 30), (48, 40, 14, 30), (66, 40, 14, 30)]]
)
def test_what_seems_one_digit_around_several_likely_ones_is_none(parts):
    seen = level(inked=parts)
    low, high = np.min(parts, 0)[:2], np.max(np.array(parts)[:, :2] + np.array(parts)[:, 2:], 0)
    around = (*low, *(high - low))
    kept = fuse_proposals([proposal(around, seen), *(proposal(box, seen) for box in parts)])
    assert sorted(tuple(p.box) for p in kept) == sorted(parts)
    kept = fuse_proposals([proposal(around, seen), *(proposal(box, seen, 0.3) for box in parts)])
    assert around in [tuple(p.box) for p in kept]


def test_a_less_likely_digit_among_likely_ones_does_not_save_what_seems_one_around_them():
    around, parts = (30, 40, 50, 30), [(32, 42, 9, 20), (50, 42, 9, 20), (68, 42, 9, 20)]
    seen = level(inked=[around])
    chances = (0.9, 0.9, 0.55)
    inside = [proposal(box, seen, chance) for box, chance in zip(parts, chances, strict=True)]
    assert around not in [tuple(p.box) for p in fuse_proposals([proposal(around, seen, 0.6), *inside])]


def test_a_colon_as_large_as_several_lines_hides_no_marks_of_theirs():
    digits, commas = [(40, 40, 20, 30), (40, 100, 20, 30)], [(64, 66, 5, 9), (64, 126, 5, 9)]
    seen = level(inked=digits)
    found = [proposal(box, seen) for box in digits] + [proposal(box, seen, mark=",") for box in commas]
    coarse = proposal((20, 10, 120, 900), level(scale=0.05), 0.3, mark=":")
    kept = fuse_proposals([coarse, *found])
    assert sorted(tuple(p.box) for p in kept) == sorted(digits + commas)
    points = [(65, 50, 6, 6), (65, 66, 6, 6)]
    colon = proposal((65, 50, 6, 22), seen, mark=":")
    kept = fuse_proposals([colon, *found[:2], *(proposal(box, seen, 0.5, mark=".") for box in points)])
    assert colon in kept


def test_a_mark_stays_possible_however_steep_the_calibration_is():
    seen = level(inked=[])
    steep = Calibration(mark=(49.0, 164.0))
    (kept,) = fuse_proposals([proposal((40, 40, 6, 6), seen, 0.06, mark=".")], steep)
    assert kept.chance == pytest.approx(1e-12)
    assert kept.classes.sum() == pytest.approx(1)


@pytest.mark.parametrize(("digit", "slash", "kept"), [(0.6, 0.4, ""), (0.4, 0.6, "/")])
def test_of_a_digit_and_a_slash_in_one_place_the_likelier_counts_and_the_other_makes_it_less_sure(digit, slash, kept):
    box = (40, 40, 20, 30)
    seen = level(inked=[box])
    alone, both = ([proposal(box, seen, digit), proposal(box, seen, slash, mark="/")][:n] for n in (1, 2))
    (before,), (found,) = fuse_proposals(alone), fuse_proposals(both)
    assert found.mark == kept
    assert found.chance < max(digit, slash)
    assert sum(1 for p in (before, found) if p.chance == pytest.approx(digit)) == 1
    if kept:
        assert not found.digit.mark
        assert found.digit.chance == pytest.approx(digit)  # if it is no slash


def test_a_mark_seen_at_two_sizes_is_one_though_its_boxes_hardly_overlap():
    digit = (20, 20, 20, 30)
    whole, half = level(inked=[digit]), level(scale=0.5, inked=[digit])
    for sign, one, other in ((",", (42, 45, 7, 10), (46, 41, 9, 12)), ("-", (45, 32, 18, 4), (44, 30, 22, 13))):
        found = [proposal(one, whole, 0.8, mark=sign), proposal(other, half, 0.7, mark=sign)]
        (kept,) = fuse_proposals(found)
        assert (kept.mark, tuple(kept.box)) == (sign, one)


def test_a_mark_that_is_a_point_or_a_comma_is_a_mark_for_sure_but_not_surely_either():
    box = (40, 60, 6, 8)
    seen = level()
    (kept,) = fuse_proposals([proposal(box, seen, 0.6, mark=","), proposal(box, seen, 0.5, mark=".")])
    assert kept.mark == ","
    assert kept.chance == pytest.approx(2.5 / 3.5)  # odds of 1.5 and 1
    assert kept.classes == pytest.approx([0.4, 0.6, 0, 0, 0, 0, 0, 0])


def test_a_point_in_the_box_of_a_digit_stays():
    digit, point = (40, 40, 30, 40), (64, 74, 5, 5)
    seen = level(inked=[digit])
    kept = fuse_proposals([proposal(digit, seen), proposal(point, seen, 0.6, mark=".")])
    assert [p.mark for p in kept] == ["", "."]


def test_a_colon_is_no_two_points():
    seen = level()
    boxes = {":": (40, 40, 6, 24), ".": (40, 58, 6, 6)}
    kept = fuse_proposals([proposal(box, seen, 0.7, mark=sign) for sign, box in boxes.items()])
    assert [p.mark for p in kept] == [":"]


def test_a_point_close_before_a_long_dash_stays():  # as in 8.-
    seen = level()
    kept = fuse_proposals(
        [proposal((39, 33, 32, 12), seen, 0.7, mark="-"), proposal((29, 40, 8, 8), seen, 0.6, mark=".")]
    )
    assert [p.mark for p in kept] == ["-", "."]


def test_a_second_look_is_weighed_with_the_first():
    box, near = (40, 40, 20, 30), (41, 39, 20, 32)
    first, second = level(inked=[box]), level(scale=1.5, inked=[box])
    one = proposal(box, first, 0.5, digit=3, weight=0.4)
    absorb_second_look(one, [proposal(near, second, 0.8, digit=8), proposal(box, second, 0.1, digit=1)], UNFITTED)
    assert one.classes.argmax() == 8  # seen better
    assert one.classes[3] > one.classes[1]
    assert one.classes.sum() == pytest.approx(1)
    assert one.chance == pytest.approx(2 / 3)  # odds of 1 and 4: 2
    assert (one.level, tuple(one.box)) == (second, near)
    other = proposal(box, first, 0.5)
    other.shares = np.array([0.5, *[0.05] * 9])
    absorb_second_look(other, [], UNFITTED)
    assert 0.1 < other.chance < 0.3
    assert other.shares[0] == other.chance
    assert other.shares[1:] == pytest.approx([0.1 * (1 - other.chance)] * 9)
    assert (other.classes.argmax(), other.level) == (3, first)


@pytest.mark.parametrize("place", [(4, 6), (150, 100), (270, 160)])
def test_only_a_digit_that_is_not_sure_is_looked_at_again_and_stays_where_it_is(finder, field, place):
    x, y = place
    picture = np.full((200, 300), 235, np.uint8)
    digit = cv2.resize(field[0][12:52, 12:52], (30, 40))[: 200 - y, : 300 - x]
    picture[y : y + len(digit), x : x + digit.shape[1]] = digit
    found = finder(picture)[0]
    (sure,) = likely(found)
    box = sure.box.copy()
    sure.chance, sure.classes = 0.99, np.eye(10)[3]
    before = sure.level
    finder.look_again(picture, [sure])
    assert sure.level is before
    sure.chance, sure.weight = 0.5, 0.0
    finder.look_again(picture, [sure])
    assert sure.level is not before
    assert sure.level.ink.size < picture.size
    assert sure.chance > 0.5
    assert np.abs(sure.box - box).max() < 4
    ink, tight = extract_ink(sure, [sure])
    assert (ink >= 128).any()
    assert np.abs(tight - box).max() < 5


def test_a_digit_over_likelier_ones_is_left_out():
    seen = level(inked=[(40, 40, 20, 30)])
    sure, again, weak, apart, mark = (
        proposal(box, seen, chance, mark=sign)
        for box, chance, sign in (
            ((40, 40, 20, 30), 0.99, ""), ((41, 40, 20, 30), 0.6, ""), ((41, 40, 20, 30), 0.3, ""),
            ((90, 40, 20, 30), 0.98, ""), ((44, 60, 8, 8), 0.6, ","),
        )
    )  # fmt: skip
    frame = proposal((30, 30, 100, 60), seen, 0.97)
    assert find.drop_overlaid([sure, frame, again, apart, mark], seen) == [sure, apart, mark]
    assert find.drop_overlaid([sure, weak], seen) == [sure, weak]
    around_one = proposal((30, 30, 40, 60), seen, 0.97)
    assert find.drop_overlaid([sure, around_one], seen) == [sure, around_one]


def test_what_spans_several_lines_in_pieces_is_no_digit():
    pieces = [(70, y, 10, 12) for y in (10, 40, 70, 100)]
    digits = [proposal((10, y, 10, 20), level(inked=pieces)) for y in (10, 40, 70, 100)]
    letters = proposal((68, 8, 20, 110), level(inked=pieces))
    large = proposal((68, 8, 20, 110), level(inked=[(70, 10, 10, 100)]))
    assert find.drop_overlaid([*digits, letters], letters.level) == digits
    assert find.drop_overlaid([*digits, large], large.level) == [*digits, large]
    coarse = proposal((68, 8, 20, 110), level(inked=[(70, 10, 10, 100)], scale=0.5))
    assert find.drop_overlaid([*digits, coarse], letters.level) == digits


def test_of_many_digits_that_are_not_sure_the_first_are_looked_at_again(finder, monkeypatch):
    seen = level(inked=[(40, 40, 20, 30)])
    doubtful = [proposal((40, 40, 20, 30), seen, 0.6) for _ in range(find.MAX_SECOND_LOOKS + 3)]
    finder.look_again(np.full((128, 128), 200, np.uint8), doubtful)
    assert [p.chance == 0.6 for p in doubtful] == [False] * find.MAX_SECOND_LOOKS + [True] * 3


def test_no_proposals_fuse_into_none():
    assert fuse_proposals([]) == []


def test_proposals_say_in_the_pictures_pixels_what_a_cell_says():
    maps = np.zeros((CHANNELS, 8, 8), np.float32)
    cell = maps[:, 3, 2]
    cell[HEAT][[0, 3]] = 0.8, 0.2  # a digit, and a little a dash
    cell[CLASS] = np.eye(10)[7]
    cell[OFFSET], cell[SIZE], cell[LINK], cell[NEXT] = (0.25, -0.25), (8, 12), 0.6, (1, 0)
    blank = np.zeros((32, 32), np.float32)
    digit, dash = level_proposals(Level(0.5, 16, 48, (16, 48, 48, 80), maps, blank, blank))
    assert (digit.mark, dash.mark) == ("", "-")
    assert digit.classes.argmax() == 7
    assert digit.middle.tolist() == [(16 + 2.75 * 4) * 2, (48 + 3.25 * 4) * 2]
    assert digit.box[2:].tolist() == [16, 24]
    assert (digit.chance, digit.link) == pytest.approx((0.8, 0.6))


def test_only_where_there_is_low_writing_is_a_picture_looked_at_enlarged():
    shape = (1600, 2400)
    seen = Level(
        0.25,
        0,
        0,
        (0, 0, 600, 400),
        np.zeros((CHANNELS, 100, 152), np.float32),
        *[np.zeros((400, 600), np.float32)] * 2,
    )
    assert list(find.parts_to_enlarge([seen], 0.5, shape)) == []
    places = [(130, 200), (1500, 2300)]  # y, x in the picture
    for y, x in places:
        seen.maps[FINER, int(y * 0.25 / STRIDE), int(x * 0.25 / STRIDE)] = 0.9
    tiles = list(find.parts_to_enlarge([seen], 0.5, shape))
    assert len(tiles) == 2
    for (y, x), (left, top, right, bottom) in zip(places, tiles, strict=True):
        assert 0 <= left < x * 0.5 < right <= 1200
        assert 0 <= top < y * 0.5 < bottom <= 800
        assert max(right - left, bottom - top) <= find.TILE
    seen.maps[FINER, 90, 140] = 0.9  # in the second's part, which then has more of it
    both = find.parts_to_enlarge([seen], 0.5, shape)
    assert both[1] == tiles[0]
    left, top, right, bottom = both[0]
    pixels = (right - left + 2 * find.TILE_MARGIN) * (bottom - top + 2 * find.TILE_MARGIN)
    assert find.parts_to_enlarge([seen], 0.5, shape, pixels) == both[:1]
    assert find.parts_to_enlarge([seen], 0.5, shape, 1) == []
    part = Level(0.5, *tiles[0][:2], tiles[0], np.zeros((CHANNELS, 40, 40), np.float32), *[np.zeros((160, 160))] * 2)
    part.maps[FINER, 10, 10] = 0.9
    ((left, top, right, bottom),) = find.parts_to_enlarge([part], 1.0, shape)
    assert left < (part.left + 42) * 2 < right
    assert top < (part.top + 42) * 2 < bottom


def test_writing_that_is_too_small_is_enlarged_beyond_the_pictures_size_and_other_writing_is_not(finder, field):
    picture, text = field
    small = np.full((300, 500), 235, np.uint8)
    small[140:168, 200:312] = cv2.resize(picture, (112, 28), interpolation=cv2.INTER_AREA)
    proposals, levels = finder(small)
    assert max(level.scale for level in levels) >= 2
    assert sum(level.ink.size for level in levels) < 3 * small.size
    digits = sorted(likely(proposals), key=lambda p: p.middle[0])
    assert "".join(str(p.classes.argmax()) for p in digits) == text
    assert all(140 <= p.middle[1] <= 168 for p in digits)
    usual = np.full((300, 500), 235, np.uint8)
    usual[100:164, 120:376] = picture
    assert max(level.scale for level in finder(usual)[1]) == 1


@pytest.fixture(scope="module")
def page(mnist):
    """A page of digits that nothing is trained on, in grey."""
    train, _ = mnist
    made = make_page(train.images[-5000:], train.labels[-5000:], "plain", np.random.default_rng(2))
    return cv2.cvtColor(made.picture, cv2.COLOR_RGB2GRAY)


@pytest.mark.parametrize("times", range(4))
def test_a_page_on_its_side_or_upside_down_is_found_to_be_so(finder, page, times):
    quarters, first = finder.turn(find.turned(page, times))
    assert quarters == -times % 4
    assert (first == []) == (times > 0)


@pytest.mark.parametrize("times", range(4))
def test_a_short_number_is_never_turned(finder, field, times):
    assert finder.turn(find.turned(field[0][:, :170], times))[0] == 0


def test_words_that_look_like_digits_upside_down_count_for_no_turn(finder, page):
    words = Image.new("L", (700, 150), 235)
    ImageDraw.Draw(words).text((80, 40), "SELL HELL SHELLS", fill=30, font=ImageFont.load_default(50))
    for picture, least, most in ((np.array(words), 0, 0.5), (find.turned(page, 2), 0.7, 1)):
        upright, over = (finder.first_looks(each)[0] for each in (picture, find.turned(picture, 2)))
        share = (find.clear_digits(over, upright, 2) ** 2).sum() / (find.clearness(over) ** 2).sum()
        assert least <= share <= most


def test_a_picture_is_looked_at_in_its_own_size_before_it_is_enlarged():
    for scale in np.geomspace(0.05, 0.999, 300).tolist():
        while scale < 1:
            scale, before = find.next_scale(scale), scale
            assert before < scale <= 2 * before / find.FULL_FROM
        assert scale == 1
        assert find.next_scale(scale) == 2


@pytest.mark.parametrize("shape", [(2000, 2000), (1000, 4000), (2450, 1630), (1000, 1300)])
def test_of_a_page_full_of_low_writing_nothing_is_left_out(shape):
    def all_low(scale, part, around=find.TILE_MARGIN):
        x0, y0, x1, y1 = part
        maps = np.ones((CHANNELS, (y1 - y0) // STRIDE, (x1 - x0) // STRIDE), np.float32)
        seen = np.zeros((y1 - y0 + 2 * around, x1 - x0 + 2 * around), np.uint8)
        return Level(scale, x0, y0, part, maps, seen, seen)

    scale = float(np.sqrt(find.FIRST_PIXELS / np.prod(shape)))
    looked = [all_low(scale, (0, 0, *(round(side * scale) for side in shape[::-1])), 0)]
    pixels = looked[0].ink.size * 4 / 3  # with the smaller ones
    while scale < 1:
        scale = find.next_scale(scale)
        looked = [all_low(scale, part) for part in find.parts_to_enlarge(looked, scale, shape)]
        pixels += sum(level.ink.size for level in looked)
    assert pixels < find.MAX_PIXELS


def test_a_digits_ink_is_its_own_though_another_reaches_into_its_box():
    boxes = [(20, 40, 20, 30), (38, 40, 20, 30)]
    seen = level(inked=[(20, 40, 16, 30), (42, 40, 16, 30)])
    one, other = (proposal(box, seen) for box in boxes)
    ink, box = extract_ink(one, [one, other])
    assert np.abs(box - (20, 40, 16, 30)).max() <= 2
    assert (ink >= 128).sum() == pytest.approx(16 * 30, abs=40)
    alone, _ = extract_ink(one, [one])
    assert (alone >= 128).sum() > 16 * 30
    blank, box = extract_ink(proposal((90, 90, 20, 30), seen), [])
    assert not (blank >= 128).any()
    assert box.tolist() == [90, 90, 20, 30]
