import numpy as np
import pytest

from shuzi.data.normalise import normalise
from shuzi.synth.mnist_style import draw_digits, draw_glyph
from shuzi.synth.negatives import NOT_A_DIGIT, draw_negatives, mix
from shuzi.synth.skeletons import digit_skeletons, sign_skeletons, spline
from shuzi.synth.tables import table


def ink_centre(image):
    return np.array([(image * axis).sum() / image.sum() for axis in np.mgrid[0:28, 0:28]])


@pytest.mark.parametrize("skeleton", [way for digit in range(10) for way in digit_skeletons(digit)[0]])
def test_every_way_of_writing_draws_ink_in_the_box_centred_by_mass(skeleton):
    image = draw_glyph(skeleton, np.random.default_rng(0)).astype(float)
    rows, columns = np.flatnonzero(image.max(1) > 64), np.flatnonzero(image.max(0) > 64)
    assert 15 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 22
    assert np.abs(ink_centre(image) - 13.5).max() < 1


@pytest.mark.parametrize("sign", sign_skeletons())
def test_every_sign_draws_ink(sign):
    assert draw_glyph(sign, np.random.default_rng(0)).max() > 64


def test_a_generator_of_the_same_seed_draws_the_same():
    first, second = (draw_digits(40, np.random.default_rng(3)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_no_two_drawings_of_a_skeleton_are_the_same():
    generator = np.random.default_rng(0)
    drawn = [draw_glyph(sign_skeletons()[0], generator).tobytes() for _ in range(20)]
    assert len(set(drawn)) == 20


def test_as_many_of_each_digit_are_drawn():
    _, labels = draw_digits(200, np.random.default_rng(0))
    assert np.bincount(labels).tolist() == [20] * 10


def test_normalise_leaves_drawn_digits_where_they_are():
    images, _ = draw_digits(50, np.random.default_rng(0))
    moved = [np.abs(ink_centre(normalise(i).astype(float)) - ink_centre(i.astype(float))).max() for i in images]
    assert max(moved) < 1.5


def test_a_corner_stays_a_corner_and_a_curve_passes_its_points():
    points = spline("0,0 50,0! 50,100")
    assert (np.abs(points - [0.5, 0]).sum(1) < 1e-9).any()
    on_both_legs = (np.abs(points[:, 1]) < 1e-9) | (np.abs(points[:, 0] - 0.5) < 1e-9)
    assert on_both_legs.all()


def test_a_mixed_set_keeps_the_written_digits_first_and_labels_the_negatives_ten(mnist):
    written = mnist[0].part(0, 200)
    mixed = mix(written, np.random.default_rng(0), drawn=0.5, negatives=0.25)
    assert len(mixed) == 350
    assert np.array_equal(mixed.images[:200], written.images)
    assert np.array_equal(mixed.labels[:200], written.labels)
    assert (mixed.labels[300:] == NOT_A_DIGIT).all()
    assert mixed.labels[200:300].max() <= 9


def test_negatives_are_of_every_kind_from_blank_to_full(mnist):
    images = draw_negatives(300, np.random.default_rng(0), mnist[0].images[:100], mnist[0].labels[:100])
    assert images.shape == (300, 28, 28)
    assert images.dtype == np.uint8
    tone = images.mean((1, 2))
    assert tone.min() < 3
    assert tone.max() > 150


def test_a_school_writes_the_digits_that_it_lacks_as_most_people_do():
    schools = table("skeletons")["digits"]
    lacking = [(school, digit) for school in schools for digit in range(10) if str(digit) not in schools[school]]
    assert lacking
    for school, digit in lacking:
        assert digit_skeletons(digit, school)[0] == digit_skeletons(digit)[0]
