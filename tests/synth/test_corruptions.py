import cv2
import numpy as np
import pytest

from shuzi.errors import ShuziError
from shuzi.synth.corruptions import CORRUPTIONS, corrupted, line, plasma


@pytest.fixture(scope="module")
def images(mnist):
    return mnist[0].images[:30]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_corruption_changes_every_image_and_keeps_shape_and_type(images, name):
    changed = corrupted(images, name, np.random.default_rng(0))
    assert changed.shape == images.shape
    assert changed.dtype == np.uint8
    assert all(not np.array_equal(a, b) for a, b in zip(changed, images, strict=True))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_seed_corrupts_alike_and_leaves_the_given_images_alone(images, name):
    before = images.copy()
    first, second = (corrupted(images, name, np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(images, before)


def test_there_are_the_fifteen_of_mnist_c():
    # N. Mu and J. Gilmer, "MNIST-C: a robustness benchmark for computer vision", 2019, table 1, without the identity
    assert set(CORRUPTIONS) == {
        "shot_noise", "impulse_noise", "glass_blur", "motion_blur", "shear", "scale", "rotate", "brightness",
        "translate", "stripe", "fog", "spatter", "dotted_line", "zigzag", "canny_edges",
    }  # fmt: skip


def test_translation_is_by_three_pixels_each_way(images):
    moved = corrupted(images, "translate", np.random.default_rng(0))
    for before, after in zip(images, moved, strict=True):
        shifted = [
            cv2.warpAffine(before, np.float32([[1, 0, x], [0, 1, y]]), (28, 28)) for x in (-3, 3) for y in (-3, 3)
        ]
        assert min(np.abs(s.astype(int) - after).max() for s in shifted) <= 1


def test_scale_leaves_seventy_percent(images):
    def height(image):
        return np.ptp(np.flatnonzero(image.max(1) > 50)) + 1

    shrunk = corrupted(images, "scale", np.random.default_rng(0))
    ratios = [height(after) / height(before) for before, after in zip(images, shrunk, strict=True)]
    assert abs(np.mean(ratios) - 0.7) < 0.06


def test_stripe_inverts_seven_columns_at_either_side_only(images):
    striped = corrupted(images, "stripe", np.random.default_rng(0))
    assert np.array_equal(striped[:, :, 7:21], images[:, :, 7:21])
    assert np.abs(striped[:, :, :7].astype(int) - (255 - images[:, :, :7])).max() <= 1


def test_edges_are_black_and_white(images):
    assert set(np.unique(corrupted(images, "canny_edges", np.random.default_rng(0)))) == {0, 255}


def test_impulse_noise_hits_the_stated_share():
    grey = np.full((50, 28, 28), 128, np.uint8)
    assert abs((corrupted(grey, "impulse_noise", np.random.default_rng(0)) != 128).mean() - 0.17) < 0.01


def test_a_line_is_full_ink_where_it_runs_and_none_beyond_its_ends():
    ink = line(5, 10, 20, 10)
    assert (ink[10, 5:20] == 1).all()
    assert ink[:, :5].max() == ink[:, 20:].max() == 0
    assert 0 < ink[11, 10] < 1


def test_clouds_differ_and_lie_between_nought_and_one():
    clouds = plasma(4, np.random.default_rng(0))
    assert clouds.min() >= 0
    assert clouds.max() <= 1
    assert clouds.std(0).min() > 0


def test_no_images_give_none_and_an_unknown_name_is_said(images):
    assert corrupted(images[:0], "fog", np.random.default_rng(0)).shape == (0, 28, 28)
    with pytest.raises(ShuziError, match="zigzag"):
        corrupted(images, "snow", np.random.default_rng(0))
