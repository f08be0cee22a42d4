"""Digits of one's own: pictures in folders 0 to 9."""

import cv2
import numpy as np
import pytest

import shuzi
from shuzi.data import own
from shuzi.train import runs


@pytest.fixture
def folder(mnist, tmp_path):
    """Six pictures each of 3 and 8, MNIST's digits enlarged, dark on light, of several sizes."""
    train, _ = mnist
    for label in (3, 8):
        (tmp_path / str(label)).mkdir()
        for number, index in enumerate(np.flatnonzero(train.labels == label)[:6]):
            picture = cv2.resize(255 - train.images[index], None, fx=5 + number, fy=5 + number)
            cv2.imwrite(str(tmp_path / str(label) / f"{number}.png"), picture)
    return tmp_path


def test_pictures_become_digits_with_the_label_of_their_folder(folder):
    train, test = shuzi.load(folder)
    assert train.counts() == [0, 0, 0, 5, 0, 0, 0, 0, 5, 0]
    assert test.counts() == [0, 0, 0, 1, 0, 0, 0, 0, 1, 0]


def test_pictures_are_seen_as_the_reader_sees_them(folder):
    train, _ = shuzi.load(folder)
    np.testing.assert_array_equal(train.images[0], shuzi.Reader().writing(folder / "3" / "0.png"))


def test_the_checksum_tells_another_picture(folder):
    before = shuzi.load(folder)[0].sha256
    (folder / "3" / "0.png").unlink()
    assert shuzi.load(folder)[0].sha256 != before


def test_hidden_files_are_left_out(folder):
    (folder / "3" / ".DS_Store").write_bytes(b"not a picture")
    assert len(shuzi.load(folder)[0]) == 10


def test_a_single_picture_of_a_label_is_learnt_not_tested(folder):
    for path in sorted((folder / "8").iterdir())[1:]:
        path.unlink()
    train, test = shuzi.load(folder)
    assert (train.counts()[8], test.counts()[8]) == (1, 0)


def test_a_run_learns_ones_own_digits(folder, tmp_path):
    run = runs.train(runs.make_plan("softmax", data=str(folder)), tmp_path / "run")
    assert run.results.test_accuracy == 1.0
    assert run.metrics[0].accuracy > 0.9


def test_training_goes_on_from_the_shipped_reader(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "LEAST_OWN", 200)
    plan = runs.make_plan("best", data=str(folder), start="reader", epochs=1, batch_size=100)
    run = runs.train(plan, tmp_path / "run")
    assert run.results.test_accuracy == 1.0
    assert run.metrics[0].accuracy > 0.5  # drawn at random they would be right for a tenth


def test_a_few_pictures_come_as_often_as_it_takes(folder):
    train, _ = shuzi.load(folder)
    many = own.repeated(train, 25)
    assert len(many) == 30
    np.testing.assert_array_equal(many.labels[10:20], train.labels)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda f: [p.unlink() for p in f.glob("*/*")], "hold no pictures"),
        (lambda f: [p.unlink() for p in f.glob("*/[1-9].png")], "no label has 2 pictures"),
        (lambda f: (f / "3" / "note.txt").write_text("hello"), "note.txt"),
        (lambda f: cv2.imwrite(str(f / "3" / "9.png"), np.full((50, 50), 255, np.uint8)), "no ink"),
    ],
)
def test_a_folder_that_cannot_be_learnt_is_refused(folder, spoil, sentence):
    spoil(folder)
    with pytest.raises(shuzi.ShuziError, match=sentence):
        shuzi.load(folder)
