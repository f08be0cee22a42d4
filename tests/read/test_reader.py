"""The Reader: what it gives, what it refuses, and that it loads and shares well."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shuzi
from shuzi import load
from shuzi.page import round_box
from shuzi.read import reader as reader_module
from shuzi.scores import any_digit
from shuzi.synth.pages import make_table


@pytest.fixture(scope="module")
def reader():
    return shuzi.Reader()


@pytest.fixture(scope="module")
def held_out():
    """The part of the training set that nothing is trained on."""
    train, _ = load("mnist")
    return train.images[-5000:], train.labels[-5000:]


@pytest.mark.slow
def test_mnist_passes_through_unharmed(reader, held_out):
    images, labels = held_out
    direct = (reader.classify(images)[0].argmax(1) == labels).mean()
    guesses = [reader.read(image, single=True).digits[0].guess for image in images[:1000]]
    first = (reader.classify(images[:1000])[0].argmax(1) == labels[:1000]).mean()
    assert abs((np.array(guesses) == labels[:1000]).mean() - first) <= 0.0005
    inverted = [reader.read(255 - image, single=True).digits[0].guess for image in images[:1000]]
    assert guesses == inverted
    assert direct > 0.99


@pytest.mark.parametrize("quarters", [1, *(pytest.param(turn, marks=pytest.mark.slow) for turn in (2, 3))])
def test_a_turned_page_is_read_as_the_upright_one_with_boxes_where_it_shows_them(reader, held_out, quarters):
    made = make_table(*held_out, 30, np.random.default_rng(5))
    upright = reader.read(made.picture)
    page = reader.read(np.rot90(made.picture, -quarters))
    assert upright.turned == 0
    assert page.turned == 360 - 90 * quarters
    assert page.text == upright.text
    assert [[c and c.text for c in row] for row in page.table()] == [
        [c and c.text for c in row] for row in upright.table()
    ]
    for one, other in zip(page.digits, upright.digits, strict=True):
        box, size = np.array(other.box, float), upright.size[::-1]
        for _ in range(quarters):
            box, size = np.array([size[0] - box[1] - box[3], box[0], box[3], box[2]]), size[::-1]
        assert np.abs(box - one.box).max() <= 1
    left = reader.read(np.rot90(made.picture, -quarters), turn=False)
    assert left.turned == 0
    assert left.text != upright.text


def test_what_may_be_a_letter_counts_as_a_digit_for_who_knows_that_there_are_only_digits():
    usual, digits_only = shuzi.Reader(), shuzi.Reader(digits_only=True)
    picture = np.full((64, 200), 255, np.uint8)
    for i, letter in enumerate("SOZ"):
        cv2.putText(picture, letter, (20 + 50 * i, 48), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 0, 3, cv2.LINE_AA)
    before, after = usual.read(picture), digits_only.read(picture)
    assert after.text == "502"
    assert sum(d.confidence for d in after.digits) > sum(d.confidence for d in before.digits)


@pytest.mark.parametrize("gap", [-1, float("nan"), "wide"])
def test_a_gap_is_a_number_of_widths(reader, held_out, gap):
    with pytest.raises(shuzi.ShuziError, match="expected widths of a digit, 0 or more"):
        reader.read(held_out[0][0], gap=gap)


def test_probabilities_sum_to_one_and_confidence_is_among_them(reader, held_out):
    images, _ = held_out
    probabilities, is_digit = reader.classify(images[:500])
    assert probabilities.shape == (500, 10)
    assert probabilities.dtype == np.float32
    assert np.allclose(probabilities.sum(1), 1, atol=1e-5)
    assert is_digit.dtype == bool
    scores = reader.scores(images[:500])
    assert scores.shape == (500, 11)
    assert (is_digit == (scores[:, :10].sum(1) >= reader.threshold)).all()


PHOTO = cv2.imread(str(Path(__file__).parents[2] / "docs" / "photo.jpg"))


def crops(count):
    g = np.random.default_rng(1)
    for _ in range(count):
        height, width = g.integers(30, 200, 2)
        top, left = g.integers(0, PHOTO.shape[0] - height), g.integers(0, PHOTO.shape[1] - width)
        yield PHOTO[top : top + height, left : left + width]


def test_boxes_lie_in_the_picture_and_figures_are_plain_floats(reader):
    for crop in crops(20):
        page = reader.read(crop)
        for part in (*page.numbers, *page.digits):
            x, y, w, h = part.box
            assert min(x, y) >= 0
            assert min(w, h) > 0
            assert x + w <= page.size[0]
            assert y + h <= page.size[1]
            assert {*map(type, part.box)} == {int}
            assert type(part.confidence) is float
        for number in page.numbers:
            assert type(number.whole) is float
            assert {type(each.probability) for each in number.alternatives()} == {float}
        assert {type(digit.digit_probability) for digit in page.digits} <= {float}


@given(st.tuples(*[st.floats(-20, 60)] * 2, *[st.floats(0, 60)] * 2), st.tuples(*[st.integers(4, 40)] * 2))
def test_a_box_is_rounded_at_its_edges_and_kept_in_the_picture(box, size):
    x, y, w, h = round_box(np.array(box), size)
    assert 0 <= x < x + w <= size[0]
    assert 0 <= y < y + h <= size[1]
    if box[0] >= 0 and box[0] + box[2] <= size[0] and box[2] >= 1:
        assert abs(x - box[0]) <= 0.5
        assert abs(x + w - box[0] - box[2]) <= 0.5


def test_between_two_digits_is_a_digit_all_the_same():
    scores = np.zeros((2, 11), np.float32)
    scores[0, [4, 9, 10]] = 0.49, 0.5, 0.01
    scores[1, [8, 10]] = 0.6, 0.4
    assert np.allclose(any_digit(scores), [0.99, 0.6])
    assert np.allclose(any_digit(scores[:, :10]), [0.5, 0.6])  # of a network that knows digits only


def test_a_large_batch_is_read_as_its_parts(reader, held_out):
    images, _ = held_out
    whole = reader.scores(images[:600])
    parts = np.concatenate([reader.scores(images[i : i + 100]) for i in range(0, 600, 100)])
    assert np.allclose(whole, parts, atol=1e-5)


def test_of_very_many_digits_the_classifier_names_those_that_the_finder_is_least_sure_of(monkeypatch, held_out):
    reader = shuzi.Reader()
    picture = np.full((200, 400), 255, np.uint8)
    for i, image in enumerate(held_out[0][:12]):
        y, x = 100 * (i // 6) + 20, 60 * (i % 6) + 20
        picture[y : y + 56, x : x + 56] -= np.minimum(cv2.resize(image, (56, 56)), 200)
    usual = reader.read(picture)
    asked = []
    scores = reader.scores
    monkeypatch.setattr(reader, "scores", lambda images: asked.append(len(images)) or scores(images))
    monkeypatch.setattr(reader_module, "MAX_CLASSIFIED", 3)
    few = reader.read(picture)
    assert asked == [3]
    assert few.text == usual.text
    assert len(usual.digits) == 12
    same = sum(a.confidence == b.confidence for a, b in zip(few.digits, usual.digits, strict=True))
    assert same >= 3
    assert min(d.confidence for d in few.digits) > 0.5


def test_the_shipped_classifier_is_not_asked_about_digits_that_the_finder_is_sure_of(monkeypatch, held_out):
    reader = shuzi.Reader()
    picture = np.full((100, 400), 255, np.uint8)
    for i, image in enumerate(held_out[0][:6]):
        picture[20:76, 60 * i + 20 : 60 * i + 76] -= np.minimum(cv2.resize(image, (56, 56)), 200)
    asked = []
    scores = reader.scores
    monkeypatch.setattr(reader, "scores", lambda images: asked.append(len(images)) or scores(images))
    usual = reader.read(picture)
    monkeypatch.setattr(reader, "_asked_up_to", 1.0)
    all_asked = reader.read(picture)
    assert asked[0] < asked[1] == len(usual.digits) == 6
    assert usual.text == all_asked.text
    assert [d.confidence for d in usual.digits] == pytest.approx([d.confidence for d in all_asked.digits], abs=0.02)


def test_no_images_give_no_answers(reader):
    probabilities, is_digit = reader.classify(np.zeros((0, 28, 28), np.uint8))
    assert probabilities.shape == (0, 10)
    assert is_digit.shape == (0,)


def test_a_higher_threshold_makes_it_unsure(held_out):
    images, _ = held_out
    strict, lax = shuzi.Reader(threshold=1.0), shuzi.Reader(threshold=0.0)
    answers = [r.read(images[0], single=True).digits[0] for r in (strict, lax)]
    assert answers[0].digit is None
    assert answers[1].digit == answers[0].guess
    assert strict.read(images[0], single=True).text == "?"


def test_what_is_read_is_frozen(reader, held_out):
    page = reader.read(held_out[0][0], single=True)
    for value, name in ((page, "numbers"), (page.numbers[0], "digits"), (page.digits[0], "digit")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, name, None)


def test_threads_share_a_reader(reader, held_out):
    images, _ = held_out
    alone = [reader.read(image, single=True).text for image in images[:60]]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda image: reader.read(image, single=True).text, images[:60]))
    assert together == alone


SMALL, LONG = st.integers(4, 40), st.integers(4, 5000)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(shape=st.tuples(SMALL, SMALL) | st.tuples(SMALL, LONG) | st.tuples(LONG, SMALL), seed=st.integers(0, 9))
def test_a_picture_of_any_shape_is_read(reader, shape, seed):
    even = np.full(shape, 25 * seed, np.uint8)
    grain = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    assert reader.read(even, single=True).text == "?"
    assert reader.read(even).text == ""
    assert len(reader.read(grain, single=True).digits) == 1
    assert reader.read(grain).size == shape[::-1]


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((28, 28), np.uint8),
        np.zeros((2, 28, 28)),
        np.zeros((2, 20, 20), np.uint8),
        [[1]],
        [[1], [2, 3]],
        "x",
        None,
    ],
)
def test_classify_says_what_it_expects(reader, images):
    with pytest.raises(shuzi.ShuziError, match=r"expected uint8 \(N, 28, 28\)"):
        reader.classify(images)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_is_a_confidence(threshold):
    with pytest.raises(shuzi.ShuziError, match="from 0 to 1"):
        shuzi.Reader(threshold=threshold)
