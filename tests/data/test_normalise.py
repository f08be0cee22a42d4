"""28x28 as NIST became MNIST."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shuzi
from shuzi import load
from shuzi.data.normalise import BOX, normalise, stroke_width, two_tone_ink
from shuzi.read.reader import Reader


def centre(image):
    moments = cv2.moments(image)
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]


@given(st.integers(10, 300), st.integers(10, 300), st.integers(1, 30), st.integers(0, 99))
def test_any_stroke_lands_in_the_box_with_its_mass_in_the_centre(width, height, pen, seed):
    generator = np.random.default_rng(seed)
    ink = np.zeros((height + 40, width + 40), np.uint8)
    points = generator.integers(20, (width + 20, height + 20), (5, 2)).astype(np.int32)
    cv2.polylines(ink, [points], False, (255,), pen)
    digit = normalise(ink)
    assert digit.shape == (28, 28)
    assert digit.dtype == np.uint8
    assert digit.max() >= 250
    box = cv2.boundingRect((digit > 0).astype(np.uint8))
    assert max(box[2:]) <= BOX + 1
    if max(box[2:]) < BOX - 1 or min(box[:2]) > 0:  # unless the box would leave the 28x28
        assert max(abs(c - 14) for c in centre(digit)) < 1.5


def test_blank_stays_blank():
    assert not normalise(np.zeros((50, 40), np.uint8)).any()


def test_mnist_is_left_as_it_is():
    images = load("mnist")[0].images[-500:]
    apart = np.abs(np.stack([normalise(i) for i in images]).astype(int) - images).mean((1, 2))
    assert np.median(apart) < 0.5


@pytest.mark.parametrize("zoom", [2, 5, 12])
def test_enlarged_digits_come_back(zoom):
    images = load("mnist")[0].images[-200:]
    large = [cv2.resize(i, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC) for i in images]
    apart = [np.abs(normalise(a).astype(int) - normalise(b)).mean() for a, b in zip(large, images, strict=True)]
    assert np.median(apart) < 7  # of 255: the interpolation, and now and then a pixel's shift


def test_a_hairline_and_a_brush_come_near_a_pen():
    for pen in (1, 90):
        ink = np.zeros((500, 500), np.uint8)
        cv2.ellipse(ink, (250, 250), (150, 190), 0, 0, 360, (255,), pen)
        assert 1.5 < stroke_width(normalise(ink)) < 5.5


@pytest.mark.parametrize("width", [4, 9, 20])
def test_stroke_width_is_a_bars_width(width):
    bar = np.zeros((200, 100), np.uint8)
    bar[10:190, 40 : 40 + width] = 255
    assert stroke_width(bar) == pytest.approx(width, rel=0.25)


@pytest.mark.parametrize(
    "ink",
    [
        np.zeros((5, 5, 3), np.uint8),
        np.ones((5, 5), np.float32),
        np.ones((5, 5), bool),
        np.zeros(5, np.uint8),
        [[0, 255]],
        "x",
    ],
)
def test_what_is_no_ink_is_refused_in_one_sentence(ink):
    with pytest.raises(shuzi.ShuziError, match=r"ink of .*: expected uint8 \(H, W\)"):
        normalise(ink)


@pytest.mark.parametrize("bars", [[32], [20, 44], [14, 32, 50]])
@pytest.mark.parametrize("pen", [1, 2, 4])
@pytest.mark.parametrize("light", [False, True])
def test_bars_in_two_tones_lose_none(bars, pen, light):
    ink = np.zeros((64, 64), np.uint8)
    for y in bars:
        cv2.line(ink, (10, y), (54, y - 2), 255, pen, cv2.LINE_AA)
    found = Reader().writing(ink if light else 255 - ink)
    rows = np.flatnonzero((found > 100).any(1))
    assert 1 + int((np.diff(rows) > 1).sum()) == len(bars)


def test_a_picture_of_more_tones_with_writing_at_its_border_or_faint_is_not_of_two():
    g = np.random.default_rng(0)
    plain = np.full((64, 64), 255, np.uint8)
    plain[30:34, 10:50] = 0
    assert two_tone_ink(plain).shape == (4, 40)
    for changed in (
        np.clip(plain - g.normal(60, 30, plain.shape), 0, 255).astype(np.uint8),
        cv2.line(plain.copy(), (0, 0), (0, 63), 0, 1),
        (plain // 4 + 190).astype(np.uint8),
        np.full((64, 64), 200, np.uint8),
    ):
        assert two_tone_ink(changed) is None
