"""Made-up scenes: what is said to stand in each kind of them does."""

import dataclasses
import functools
import json
from itertools import pairwise

import numpy as np
import pytest
import tiny_pens

from shuzi.data import pens
from shuzi.data.digits import CLASSES
from shuzi.page import MARKS
from shuzi.read.formats import SHIPPED_FORMATS
from shuzi.synth import fonts, optics
from shuzi.synth import scene as scenes
from shuzi.synth.canvas import ANYTHING, LETTER, Canvas
from shuzi.synth.columns import column, textured
from shuzi.synth.combs import comb
from shuzi.synth.displays import display
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.grids import table_part
from shuzi.synth.hands import hand
from shuzi.synth.layouts import MIN_SIZE, SQUARE, STRIP, close_up, empty, field_strip, page_part, tiny
from shuzi.synth.numbers import Style, number_text, write_number
from shuzi.synth.scene import VISIBLE
from shuzi.synth.tables import table
from shuzi.synth.words import spell
from shuzi.train import shipped

EMPTY = [empty, tiny]
HARDLY = [*EMPTY, textured]  # kinds in which a digit is rare
KINDS = [field_strip, comb, page_part, table_part, close_up, display, column, textured, *EMPTY]


@pytest.fixture(params=["fonts and pens", "neither"], scope="module")
def glyphs(request, mnist, tmp_path_factory):
    """Each test here holds with the fonts there are and real writers, and on a machine without any of them."""
    written = None
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "neither":
            patch.setattr(fonts, "FOLDERS", ())
            patch.delenv("SHUZI_FONTS", raising=False)
            fonts.clear_caches()
            assert fonts.fonts() == ()
        else:
            patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
            written = pens.load(tiny_pens.write_all(tmp_path_factory.mktemp("pens")))
        yield Glyphs(mnist[0].part(0, 2000), written)
    fonts.clear_caches()


display_strip = functools.partial(display, shape=STRIP)


def made(glyphs, kind, seed):
    shape = STRIP if kind in (field_strip, comb, display_strip) else SQUARE
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes, "LAYOUTS", {shape: ((kind, 1.0),)})
        return scenes.scene(glyphs, np.random.default_rng([3, seed]), shape)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__, scope="module")
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def some(glyphs, kind):
    return [made(glyphs, kind, seed) for seed in range(12)]


def test_the_generator_decides_all(some, glyphs, kind):
    again = made(glyphs, kind, 1)
    for each in dataclasses.fields(again):
        assert np.array_equal(getattr(some[1], each.name), getattr(again, each.name))
    assert not np.array_equal(some[1].picture, some[2].picture)


def test_arrays_are_of_the_types_and_shapes_that_are_told(some, kind):
    assert {scene.picture.shape for scene in some} == {STRIP if kind in (field_strip, comb) else SQUARE}
    for scene in some:
        shape, count = scene.picture.shape, len(scene.labels)
        for name, dtype in (("picture", np.uint8), ("ink", np.uint8), ("writing", np.uint8), ("owner", np.int16)):
            assert (getattr(scene, name).shape, getattr(scene, name).dtype) == (shape, dtype)
        assert scene.boxes.shape == (count, 4)
        assert scene.small.shape[1:] == (4,)
        assert len(scene.sizes) == len(scene.visible) == len(scene.following) == count
        assert (scene.labels <= ANYTHING).all()
        assert ((scene.visible >= 0) & (scene.visible <= 1 + 1e-5)).all()
        assert (scene.sizes > 0).all()


def test_boxes_lie_in_the_frame_around_the_ink_of_their_digit(some, kind):
    height, width = some[0].picture.shape
    checked = 0
    for scene in some:
        for i, (x, y, w, h) in enumerate(scene.boxes.astype(int).tolist()):
            if scene.visible[i] < VISIBLE:
                continue
            assert (x >= 0, y >= 0, x + w <= width, y + h <= height) == (True,) * 4
            assert max(w, h) <= 1.5 * scene.sizes[i] + 2 or scene.labels[i] >= CLASSES
            if scene.labels[i] >= CLASSES or scene.sizes[i] < MIN_SIZE:
                continue
            ys, xs = np.nonzero(scene.owner == i)
            inside = (xs >= x - 1) & (xs <= x + w) & (ys >= y - 1) & (ys <= y + h)
            assert inside.mean() > 0.8  # a faint pen's outermost pixels lie beyond
            assert scene.ink[y : y + h, x : x + w].max() > 75
            checked += 1
    assert checked or kind in HARDLY


def test_a_combs_digits_are_one_number(glyphs):
    for seed in range(12):
        made_comb = made(glyphs, comb, seed)
        digits = np.flatnonzero(made_comb.labels < 10)
        assert (made_comb.following[digits[:-1]] == digits[1:]).all()


def test_a_displays_digits_are_one_number_in_even_cells(glyphs):
    numbers = 0
    for seed in range(12):
        scene = made(glyphs, display_strip, seed)
        digits = np.flatnonzero(scene.labels < CLASSES)
        assert (scene.following[digits[:-1]] == digits[1:]).all()
        whole = [i for i in digits if scene.visible[i] > 0.99 and scene.labels[i] not in (1, 4, 7)]
        if len(whole) > 1:  # those as wide as their cell
            left, width = scene.boxes[whole][:, 0], scene.boxes[whole][:, 2]
            cells = np.diff(left + width / 2) / np.diff(np.searchsorted(digits, whole))
            assert np.ptp(cells) < 0.35 * scene.sizes[whole].max()
            numbers += 1
    assert numbers


def test_ink_its_owner_and_all_writing_agree(some):
    for scene in some:
        owners = np.unique(scene.owner[scene.owner >= 0])
        assert (scene.labels[owners] < CLASSES).all()
        assert (scene.ink[scene.owner >= 0] > 0).all()
        assert (scene.owner[scene.ink > 75] >= 0).all()
        assert (scene.writing >= scene.ink).all()


def test_the_next_digit_is_one_to_the_right_and_nobody_elses(some, kind):
    links = 0
    for scene in some:
        known = np.flatnonzero(scene.following >= 0)
        after = scene.following[known]
        assert (scene.labels[known] < CLASSES).all()
        assert (scene.labels[after] < CLASSES).all()
        assert len(set(after.tolist())) == len(after)
        shown = (scene.visible[known] >= VISIBLE) & (scene.visible[after] >= VISIBLE) & (scene.sizes[known] >= MIN_SIZE)
        middles = scene.boxes[:, :2] + scene.boxes[:, 2:] / 2
        step = (middles[after] - middles[known])[shown]
        assert (step[:, 0] > 0).all()
        assert (np.abs(step[:, 1]) < step[:, 0] + 0.5 * scene.sizes[known][shown]).all()
        links += len(known)
    assert links or kind in HARDLY


def test_digits_that_count_can_be_seen(some):
    for scene in some:
        for label, visible, (x, y, w, h) in zip(scene.labels, scene.visible, scene.boxes.astype(int), strict=True):
            if label < CLASSES and visible >= VISIBLE:
                near = scene.picture[max(y - 2, 0) : y + h + 2, max(x - 2, 0) : x + w + 2]
                # less than the tones between ink and paper where the ink covers no pixel whole
                assert int(near.max()) - int(near.min()) > optics.LEAST_TONES / 2


def test_labels_are_what_was_written(glyphs):
    canvas = Canvas(*STRIP)
    g = np.random.default_rng(0)
    write_number(canvas, glyphs, "24/11/2026", 10, 32, Style(20, hand(g, "strokes"), 1.0), g)
    labels = [item.label for item in canvas.items]
    text = "".join(str(label) if label < CLASSES else MARKS[label - CLASSES] for label in labels)
    assert text == "24/11/2026"
    digits = [i for i, label in enumerate(labels) if label < CLASSES]
    assert canvas.following == dict(pairwise(digits))


def test_each_letter_of_a_word_is_a_letter_and_a_lone_one_that_may_be_a_digit_is_anything(glyphs):
    if glyphs.writers is None:
        pytest.skip("nobody writes letters here")
    by = hand(np.random.default_rng(0), "pens")
    for text, labels in (("ABEd", [LETTER] * 4), ("B", [ANYTHING]), ("A.b", [LETTER, ANYTHING, LETTER])):
        canvas = Canvas(*STRIP)
        spell(canvas, glyphs, text, 10, 32, Style(20, by, 1.0), np.random.default_rng(0))
        assert [item.label for item in canvas.items] == labels
        assert all(a.box[0] < b.box[0] for a, b in pairwise(canvas.items))


def test_marks_stand_where_people_put_them(glyphs):
    if glyphs.writers is None:
        pytest.skip("nobody writes marks here")
    g = np.random.default_rng(0)
    by = hand(g, "pens")
    low = {sign: glyphs.writers.draw(sign, 30, by, g)[1] / 30 for sign in ".,-+"}
    assert low["."] > 0.2 < low[","]
    assert abs(low["-"]) < 0.2 > abs(low["+"])


def test_what_the_frame_cuts_off_is_told(glyphs):
    g = np.random.default_rng(1)
    by = hand(g, "strokes")
    shares, boxes = [], []
    for x in (64, 2, 126, 300):
        canvas = Canvas(*SQUARE)
        canvas.put(glyphs.digit(8, 40, by, np.random.default_rng(2)), x, 64, 1.0, 8)
        shares.append(canvas.items[0].visible if canvas.items else 0)
        boxes += [item.box for item in canvas.items]
    assert shares[0] == pytest.approx(1)
    assert 0.2 < shares[1] < 0.8
    assert 0.2 < shares[2] < 0.8
    assert shares[3] == 0
    assert all(x >= 0 and x + w <= 128 for x, _, w, _ in boxes)


def test_writing_too_low_to_be_read_is_told_as_small(some, kind):
    boxes = np.concatenate([scene.small for scene in some])
    assert len(boxes) or kind not in (page_part, tiny)
    assert (boxes[:, 2:] > 0).all()
    assert (boxes[:, 3] < MIN_SIZE).all()


def test_a_quarter_of_what_was_not_made_small_is_seen_through_jpeg(monkeypatch):
    encode, codes = optics.cv2.imencode, []
    monkeypatch.setattr(optics.cv2, "imencode", lambda *given: codes.append(given[0]) or encode(*given))
    g = np.random.default_rng(0)
    grey = np.full((32, 32), 0.9, np.float32)
    for sizes in ([20.0], [], [4.0]):
        codes.clear()
        for _ in range(300):
            optics.capture(grey, sizes, g)
        assert 50 < len(codes) < 100 or (sizes == [4.0] and not codes)


def test_in_clutter_and_low_writing_alone_there_is_hardly_anything_to_be_found(some, kind):
    each = [(s.labels < CLASSES) & (s.sizes >= MIN_SIZE) & (s.visible >= VISIBLE) for s in some]
    count = sum(int(one.sum()) for one in each)
    assert (
        (count < 4 or count < 0.02 * sum(len(s.labels) for s in some))
        if kind in EMPTY
        else count >= 4 or kind is textured
    )


@pytest.mark.parametrize("seed", range(3))
def test_numbers_are_written_with_digits_marks_signs_of_sums_and_money_and_units(seed):
    g = np.random.default_rng(seed)
    texts = [number_text(g) for _ in range(800)]
    signs = set("".join(texts))
    assert signs >= set("0123456789" + MARKS)
    words = table("words")
    assert signs <= set("0123456789" + MARKS + "x=*()$€£¥#&@ ").union(*words["before"], *words["after"])
    assert all(any(sign.isdigit() for sign in text) for text in texts)


def test_the_shipped_formats_are_those_of_scenes():
    counts = json.loads(SHIPPED_FORMATS.read_text())
    assert shipped.format_counts() == SHIPPED_FORMATS.read_text()
    assert {"0.000", "00:00", "-00", "0/0/00", "000%", "0.000,00"} <= counts.keys()
    assert all(set(text) <= {"0", *MARKS} for text in counts)
