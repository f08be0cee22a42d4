"""Digits: what they hold, and the ways through them."""

import json

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import shuzi
from shuzi.data import idx, sources
from shuzi.data.digits import Digits
from shuzi.errors import ShuziError

TRAIN_IMAGES, TRAIN_LABELS, _, TEST_LABELS = sources.NAMES


def test_mnist_is_held_as_bytes(mnist):
    train, test = mnist
    for digits, count in ((train, 60000), (test, 10000)):
        assert digits.images.dtype == digits.labels.dtype == np.uint8
        assert digits.images.shape == (count, 28, 28)
        assert digits.labels.shape == (count,)
        assert len(digits) == count
    assert train.counts() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert test.counts() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_the_first_training_labels_are_those_everybody_knows(mnist):
    assert mnist[0].labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]


def test_an_item_is_a_float_image_and_its_label(mnist):
    image, label = mnist[0][3]
    assert (image.shape, image.dtype) == ((1, 28, 28), np.float32)
    assert (image.min(), image.max()) == (0, 1)
    assert np.array_equal(image[0] * 255, mnist[0].images[3])
    assert label == 1
    assert isinstance(label, int)


def test_going_through_the_items_ends(small):
    assert [label for _, label in small[1]] == small[1].labels.tolist()


def test_a_data_loader_yields_what_every_tutorial_has(mnist):
    images, labels = next(iter(DataLoader(mnist[0], batch_size=100, shuffle=True)))
    assert (images.shape, images.dtype) == ((100, 1, 28, 28), torch.float32)
    assert (labels.shape, labels.dtype) == ((100,), torch.int64)
    assert images.min() >= 0
    assert images.max() <= 1


@pytest.mark.slow
def test_a_data_loader_with_workers_yields_the_same(small):
    alone = [labels for _, labels in DataLoader(small[1], batch_size=100)]
    # a worker that is forked beside torch's threads hangs on some machines; one that is spawned doesn't
    beside = DataLoader(small[1], batch_size=100, num_workers=1, multiprocessing_context="spawn")
    assert all(map(torch.equal, alone, [labels for _, labels in beside]))


def test_batches_equal_a_data_loaders_bit_for_bit(small):
    digits = small[0].part(0, 950)
    ours = list(digits.batches(100))
    theirs = list(DataLoader(digits, batch_size=100))
    assert len(ours) == len(theirs) == 10
    for (images, labels), (their_images, their_labels) in zip(ours, theirs, strict=True):
        assert images.dtype == their_images.dtype
        assert labels.dtype == their_labels.dtype
        assert torch.equal(images, their_images)
        assert torch.equal(labels, their_labels)


def test_batches_equal_a_data_loaders_in_a_drawn_order(small):
    order = torch.randperm(1000, generator=torch.Generator().manual_seed(3)).tolist()
    ours = small[0].batches(100, generator=torch.Generator().manual_seed(3))
    theirs = DataLoader(small[0], batch_size=100, sampler=order)
    for (images, labels), (their_images, their_labels) in zip(ours, theirs, strict=True):
        assert torch.equal(images, their_images)
        assert torch.equal(labels, their_labels)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 999, 1000, 5000])
def test_every_image_comes_once_whatever_the_batch(small, batch_size):
    seen = torch.cat([labels for _, labels in small[0].batches(batch_size)])
    assert torch.equal(seen, torch.from_numpy(small[0].labels).long())


def test_the_last_batch_is_smaller_not_dropped(small):
    generator = torch.Generator().manual_seed(0)
    sizes = [len(labels) for _, labels in small[0].part(0, 950).batches(100, generator=generator)]
    assert sizes == [100] * 9 + [50]


@pytest.mark.parametrize("numbers", [{"batch_size": 0}, {"batch_size": -5}, {"batch_size": 1.5}, {"first": -1}])
def test_numbers_of_batches_out_of_range_are_refused(small, numbers):
    ((name, value),) = numbers.items()
    with pytest.raises(ShuziError, match=rf"^{name} {value}: expected a whole number, [01] or more$"):
        small[0].batches(**{"batch_size": 10, **numbers})


@pytest.mark.parametrize("name", [5, None, b"mnist"])
def test_what_is_no_name_of_a_set_is_refused(name):
    with pytest.raises(ShuziError, match=f"^{name!r}: expected the name of a dataset, or a file or folder"):
        shuzi.load(name)


def test_the_order_depends_on_the_generator_alone(small):
    def order(seed, noise):
        torch.manual_seed(noise)
        np.random.seed(noise)
        drawn = small[0].batches(100, generator=torch.Generator().manual_seed(seed))
        return torch.cat([labels for _, labels in drawn]).tolist()

    assert order(1, noise=0) == order(1, noise=5)
    assert order(1, noise=0) != order(2, noise=0)


def test_going_through_batches_leaves_the_global_generator_alone(small):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    list(small[0].batches(100, generator=torch.Generator().manual_seed(7)))
    assert torch.equal(torch.rand(1), expected)


def test_a_part_shares_the_bytes(mnist):
    part = mnist[0].part(55000, 60000)
    assert len(part) == 5000
    assert np.shares_memory(part.images, mnist[0].images)


BLANK, ONES = np.zeros((2, 28, 28), np.uint8), np.ones(2, np.uint8)


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (BLANK.astype(np.float32), ONES, "images are float32"),
        (BLANK[:, :20], ONES, "images are uint8 (2, 20, 28), expected uint8 (N, 28, 28)"),
        (BLANK[0], ONES, "expected uint8 (N, 28, 28)"),
        (BLANK, ONES.astype(np.int64), "labels are int64"),
        (BLANK, ONES[:, None], "labels are uint8 (2, 1)"),
        (BLANK, ONES[:1], "2 images but 1 labels"),
        (BLANK, np.array([1, 10], np.uint8), "label 10 at index 1, expected 0 to 9"),
    ],
)
def test_digits_that_are_none_are_refused(images, labels, words):
    with pytest.raises(ShuziError) as raised:
        Digits(images, labels, "mine")
    assert str(raised.value).startswith("mine: ")
    assert words in str(raised.value)


def test_a_folder_of_ones_own_is_a_set_called_by_its_name(small, small_folder):
    assert [each.name for each in small] == [f"{small_folder.name} train", f"{small_folder.name} test"]
    assert [len(each) for each in small] == [1000, 200]


def test_a_missing_file_of_a_folder_is_named(tmp_path, small_folder):
    for file in small_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / TEST_LABELS).unlink()
    with pytest.raises(ShuziError, match=f"no {TEST_LABELS} in it"):
        shuzi.load(tmp_path)


def test_what_is_no_set_says_which_there_are(tmp_path):
    with pytest.raises(ShuziError, match="mnist, fashion-mnist"):
        shuzi.load(tmp_path / "nothing")
    with pytest.raises(ShuziError, match="mnist, fashion-mnist"):
        shuzi.load("minst")


@pytest.mark.parametrize(
    ("file", "array", "words"),
    [
        (TRAIN_LABELS, np.zeros(999, np.uint8), "1,000 images but 999 labels"),
        (TRAIN_LABELS, np.full(1000, 10, np.uint8), "label 10 at index 0"),
        (TRAIN_IMAGES, np.zeros((1000, 32, 28), np.uint8), "images of shape (1000, 32, 28), expected"),
        (TRAIN_IMAGES, np.full((1000, 28, 28), -1, np.float32), "has the value -1.0, expected 0 to 1"),
        (TRAIN_IMAGES, np.zeros(1000, np.uint8), "images of shape (1000,), expected"),
    ],
)
def test_a_wrong_file_in_a_folder_is_one_sentence(command, tmp_path, small_folder, file, array, words):
    for each in small_folder.iterdir():
        (tmp_path / each.name).symlink_to(each)
    (tmp_path / file).unlink()
    idx.write(tmp_path / file, array)
    ended = command("data", tmp_path)
    assert (ended.code, ended.stdout) == (1, "")
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_an_empty_set_is_refused(tmp_path):
    for name in sources.NAMES:
        shape = (0, 28, 28) if "idx3" in name else (0,)
        idx.write(tmp_path / name, np.zeros(shape, np.uint8))
    with pytest.raises(ShuziError, match="holds no images"):
        shuzi.load(tmp_path)


def test_data_as_json_counts_each_digit(command, small_folder, small):
    printed = command("data", small_folder, "--json").json
    assert printed["train"] == {"count": 1000, "per_class": small[0].counts()}
    assert printed["test"] == {"count": 200, "per_class": small[1].counts()}
    assert printed["sha256"] == small[0].sha256
    assert [file["bytes"] for file in printed["files"]] == [784016, 1008, 156816, 208]
    assert json.dumps(printed).count(str(small_folder)) >= 4
