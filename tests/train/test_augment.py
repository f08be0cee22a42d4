import pytest
import torch

from shuzi.train import augment

CHANGES = [augment.warp, augment.warp_far, augment.warp, augment.roughly, *(change for change, _ in augment.ROUGH)]


@pytest.fixture(scope="module")
def images(mnist):
    return torch.from_numpy(mnist[0].images[:64]).unsqueeze(1).float() / 255


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_keeps_shape_and_range_and_the_images_it_was_given(images, change):
    before = images.clone()
    changed = change(images, torch.Generator().manual_seed(0))
    assert changed.shape == images.shape
    assert changed.isfinite().all()
    assert changed.min() >= -1e-5
    assert changed.max() <= 1 + 1e-5
    assert torch.equal(images, before)
    assert not torch.equal(changed, images)


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_generator_changes_alike(images, change):
    first, second = (change(images, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("change", CHANGES)
def test_one_image_and_a_blank_one_pass(change):
    changed = change(torch.zeros(1, 1, 28, 28), torch.Generator().manual_seed(0))
    assert changed.isfinite().all()


def test_no_amounts_warp_nothing(images):
    same = augment.warp(images, torch.Generator(), turn=0, stretch=0, shear=0, shift=0, bend=0)
    assert torch.allclose(same, images, atol=1e-5)


def test_thinning_never_takes_a_whole_stroke(images):
    thin = images * (images == images.amax((2, 3), keepdim=True))
    left = augment.thin(images, torch.Generator().manual_seed(0)).sum((1, 2, 3)) / images.sum((1, 2, 3))
    assert left.min() > 0.4
    assert augment.thin(thin, torch.Generator().manual_seed(0)).sum() > 0


def test_a_share_of_none_leaves_the_paper_blank(images):
    rough = augment.roughly(images, torch.Generator().manual_seed(0), share=0)
    around = torch.nn.functional.max_pool2d(images, 19, 1, 9)  # farther from ink than a gentle warp moves it
    assert rough[around == 0].abs().max() < 1e-5
