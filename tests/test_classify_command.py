"""`shuzi classify`: an answer to each image of a dataset's file, as the other tools want it."""

import csv
import io

import numpy as np
import pytest

import shuzi


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory, mnist):
    """Kaggle's test.csv in small: 40 test digits, and one image that is noise."""
    path = tmp_path_factory.mktemp("kaggle") / "test.csv"
    noise = np.random.default_rng(0).integers(0, 256, (1, 784))
    rows = np.concatenate([mnist[1].images[:40].reshape(40, 784), noise])
    np.savetxt(path, rows, "%d", ",", header=",".join(f"pixel{index}" for index in range(784)), comments="")
    return path


def test_each_image_has_a_digit_a_confidence_and_whether_it_is_one(command, unlabelled, mnist):
    rows = list(csv.DictReader(io.StringIO(command("classify", unlabelled).stdout)))
    assert [int(row["index"]) for row in rows] == list(range(41))
    scores = shuzi.Reader().scores(mnist[1].images[:40])
    assert [int(row["digit"]) for row in rows[:40]] == scores[:, :10].argmax(axis=1).tolist()
    assert np.allclose([float(row["confidence"]) for row in rows[:40]], scores[:, :10].max(axis=1), atol=1e-4)
    assert [row["is_digit"] for row in rows] == ["1"] * 40 + ["0"]


def test_a_submission_has_a_digit_for_each_image_from_1(command, unlabelled, tmp_path):
    ended = command("classify", unlabelled, "--kaggle", "--csv", tmp_path / "submission.csv")
    assert ended.stdout.startswith("test.csv test: 41 images in ")
    assert ended.stdout.endswith(f", 1 not digits; in {tmp_path}/submission.csv\n")
    rows = list(csv.reader((tmp_path / "submission.csv").read_text().splitlines()))
    assert rows[0] == ["ImageId", "Label"]
    assert [int(row[0]) for row in rows[1:]] == list(range(1, 42))
    assert {int(row[1]) for row in rows[1:]} <= set(range(10))


def test_a_run_classifies_and_labels_give_the_accuracy(command, small_folder, tmp_path):
    trained = command("train", "--data", small_folder, "--out", tmp_path / "run", "--json").json
    told = command("classify", small_folder, "--run", tmp_path / "run", "--json").json
    assert told["accuracy"] == trained["test_accuracy"]
    assert (told["part"], told["images"], len(told["digits"])) == ("test", 200, 200)


def test_classifying_a_file_loads_no_torch(loaded_by, unlabelled):
    script = f"from shuzi.cli.app import app; app(['classify', {str(unlabelled)!r}], standalone_mode=False)"
    assert not loaded_by(script) & {"torch", "matplotlib", "onnx"}


def test_a_folder_of_pictures_is_for_read(command, tmp_path):
    (tmp_path / "3").mkdir()
    assert "shuzi read --single" in command("classify", tmp_path).stderr


def test_a_file_that_is_not_of_classify_is_kept(command, unlabelled, tmp_path):
    (tmp_path / "notes.csv").write_text("mine")
    ended = command("classify", unlabelled, "--csv", tmp_path / "notes.csv")
    assert "not a CSV file of shuzi classify" in ended.stderr
    assert (tmp_path / "notes.csv").read_text() == "mine"


def test_wrong_labels_surprise_the_reader_most(command, tmp_path, mnist):
    labels = mnist[1].labels[:60].copy()
    labels[[7, 31]] = (labels[[7, 31]] + 3) % 10
    parts = {"x_train": mnist[0].images[:20], "y_train": mnist[0].labels[:20]}
    np.savez(tmp_path / "mine.npz", **parts, x_test=mnist[1].images[:60], y_test=labels)
    told = command("evaluate", "reader", "--data", tmp_path / "mine.npz", "--json").json
    assert {suspect["index"] for suspect in told["suspects"][:2]} == {7, 31}
    surprises = [suspect["surprise"] for suspect in told["suspects"]]
    assert surprises == sorted(surprises, reverse=True)
    printed = command("evaluate", "reader", "--data", tmp_path / "mine.npz").stdout
    assert "labels to check: index" in printed
