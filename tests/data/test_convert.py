"""A dataset converted to another format and back: the same images, labels and bytes."""

import hashlib
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

import shuzi
from shuzi.data.datasets import read


@pytest.fixture(scope="module")
def dataset(tmp_path_factory, mnist, write_set):
    return write_set(tmp_path_factory.mktemp("idx") / "mine", mnist[0].part(0, 60), mnist[1].part(0, 30))


def bytes_of(folder):
    """The bytes of all files below a folder, by their path."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


TARGETS = {
    "csv": ("out.csv", "out", ["out_test.csv", "out_train.csv"]),
    "npz": ("out.npz", "out.npz", ["out.npz"]),
    "parquet": ("out.parquet", "out", ["out_test.parquet", "out_train.parquet"]),
    "folder": ("out", "out", ["out"]),
    "idx": ("idx:out", "out", ["out"]),
}


@pytest.mark.parametrize(("to", "name", "written"), TARGETS.values(), ids=TARGETS)
def test_a_round_trip_gives_the_same_bytes(command, tmp_path, dataset, to, name, written):
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
    assert command("data", dataset, "--to", to, cwd=tmp_path / "a").stdout.split() == sorted(
        written, key=lambda file: "test" in file
    )
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == written
    for found, expected in zip(shuzi.load(tmp_path / "a" / name), shuzi.load(dataset), strict=True):
        assert np.array_equal(found.images, expected.images)
        assert np.array_equal(found.labels, expected.labels)
    command("data", tmp_path / "a" / name, "--to", "idx:back", cwd=tmp_path / "b")
    assert bytes_of(tmp_path / "b" / "back") == bytes_of(dataset)
    command("data", tmp_path / "b" / "back", "--to", to, cwd=tmp_path / "c")
    assert bytes_of(tmp_path / "c") == bytes_of(tmp_path / "a")


@pytest.mark.parametrize("to", ["out.csv", "out.npz", "out.parquet"])
def test_images_without_labels_are_converted(command, tmp_path, mnist, to):
    images = mnist[1].images[:30]
    np.save(tmp_path / "images.npy", images)
    assert command("data", tmp_path / "images.npy", "--to", to, cwd=tmp_path).code == 0
    (part,) = read(tmp_path / to).parts.values()
    assert np.array_equal(part.images, images)
    assert part.labels is None


def test_kaggles_train_csv_keeps_its_bytes(command, tmp_path, dataset):
    command("data", dataset, "--to", "kaggle.csv", cwd=tmp_path)
    command("data", tmp_path / "kaggle_train.csv", "--to", "again.csv", cwd=tmp_path)
    text = (tmp_path / "kaggle_train.csv").read_bytes()
    assert text.startswith(b"label,pixel0,pixel1,")
    assert (tmp_path / "again.csv").read_bytes() == text


def test_a_folder_has_a_picture_for_each_image_and_a_list_of_labels(command, tmp_path, dataset):
    command("data", dataset, "--to", "out", cwd=tmp_path)
    rows = (tmp_path / "out" / "labels.csv").read_text().splitlines()
    assert rows[:2] == ["file,label", "train/5/00001.png,5"]
    assert len(rows) == 91
    assert all((tmp_path / "out" / row.partition(",")[0]).is_file() for row in rows[1:])


def test_parquet_says_to_hugging_face_what_it_holds(command, tmp_path, dataset):
    command("data", dataset, "--to", "out.parquet", cwd=tmp_path)
    schema = pq.read_schema(tmp_path / "out_train.parquet")
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert features["label"]["names"] == [str(digit) for digit in range(10)]


@pytest.mark.parametrize("to", ["there.csv", "there", "idx:there", "there.npz"])
def test_what_is_there_is_not_replaced(command, tmp_path, dataset, to):
    for name in ("there_test.csv", "there.npz"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "notes").write_text("mine")
    before = bytes_of(tmp_path)
    ended = command("data", dataset, "--to", to, cwd=tmp_path)
    assert (ended.code, ended.stdout) == (1, "")
    assert "already there" in ended.stderr
    assert bytes_of(tmp_path) == before


@pytest.mark.parametrize("to", ["out.csv", "out", "idx:out", "out.npz", "out.parquet"])
def test_a_full_disk_leaves_nothing(command, tmp_path, dataset, to):
    ended = command("data", dataset, "--to", to, cwd=tmp_path, file_bytes=300)
    assert (ended.code, ended.stderr.count("\n")) == (1, 1)
    assert "cannot be written" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_is_named(command, tmp_path, dataset):
    ended = command("data", dataset, "--to", "out.xlsx", cwd=tmp_path)
    assert "--to out.xlsx: expected OUT.csv, OUT.npz, OUT.parquet, a folder, or idx:FOLDER" in ended.stderr
