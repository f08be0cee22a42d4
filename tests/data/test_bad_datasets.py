"""Damaged and wrong datasets: one sentence with file, row and what was expected, in bounded memory."""

import bz2
import gzip
import io
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import shuzi
from shuzi.data import idx, unpack
from shuzi.data.datasets import read
from shuzi.errors import ShuziError

ROW = "3" + ",0" * 783 + ",255\n"
HEADER = ",".join(["label", *(f"pixel{index}" for index in range(784))]) + "\n"
CSV = {
    "783 values": (HEADER + ROW + ROW.replace(",0", "", 1), "line 3 has 784 values, expected 785"),
    "text in a cell": (HEADER + ROW + ROW.replace(",0", ",a", 1), "line 3 has 'a' as its pixel 0, expected a number"),
    "256": (HEADER + ROW.replace("255", "256"), "line 2 has the value 256 at pixel 783, expected 0 to 255"),
    "-1": (HEADER + ROW * 2 + ROW.replace("255", "-1"), "line 4 has the value -1 at pixel 783, expected 0 to 255"),
    "NaN": (ROW + ROW.replace("255", "nan"), "line 2 has 'nan' as its pixel 783, expected a number"),
    "an empty cell": (ROW + ROW.replace(",0", ",", 1), "line 2 has nothing as its pixel 0, expected a number"),
    "an empty file": ("", "holds no images"),
    "a header alone": (HEADER, "holds no images"),
    "a header alone without line end": (HEADER.strip(), "holds no images"),
    "no label in a row": (HEADER + ROW + ROW[1:], "line 3 has nothing as its label, expected a number"),
    "a label in words": (HEADER + "three" + ROW[1:], "line 2 has 'three' as its label, expected a number"),
    "a fraction as label": (HEADER + "3.5" + ROW[1:], "line 2 has '3.5' as its label, expected a number"),
    "another number of columns": ("label,a,b\n1,2,3\n", "line 1 has 3 columns, expected 784 pixels"),
    "one line without end": ("0" * 2_000_000, "a line of more than 1,000,000 bytes"),
    "not text": ("\x00\x01\x02" * 300, "line 1 has 1 columns"),
    "a web page": ("<!DOCTYPE html>\n<html></html>\n", "line 1 has 1 columns"),
}


def refused(path, words):
    """Loading a file is an error of one sentence that begins with its path."""
    with pytest.raises(ShuziError) as raised:
        shuzi.load(path)
    said = str(raised.value)
    assert said.startswith(str(path))
    assert words in said
    assert "\n" not in said


@pytest.mark.parametrize(("text", "words"), CSV.values(), ids=CSV)
def test_a_wrong_csv_is_refused_with_its_line(tmp_path, text, words):
    (tmp_path / "mine.csv").write_text(text)
    refused(tmp_path / "mine.csv", words)
    (tmp_path / "mine.csv.gz").write_bytes(gzip.compress(text.encode()))
    refused(tmp_path / "mine.csv.gz", words)


def test_a_bad_file_is_one_sentence_of_the_command_and_writes_nothing(command, tmp_path):
    (tmp_path / "mine.csv").write_text(CSV["256"][0])
    for args in (["data"], ["data", "--to", "out.npz"], ["classify", "--csv", "out.csv"], ["show"]):
        ended = command(args[0], "mine.csv", *args[1:], cwd=tmp_path)
        assert (ended.code, ended.stdout) == (1, "")
        assert ended.stderr == "shuzi: mine.csv: line 2 has the value 256 at pixel 783, expected 0 to 255\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress], ids=["gz", "bz2"])
def test_a_packed_file_that_is_cut_off_is_refused(tmp_path, pack):
    data = pack((ROW * 300).encode())
    path = tmp_path / ("mine.csv.gz" if pack is gzip.compress else "usps.bz2")
    path.write_bytes(data[: len(data) // 2])
    refused(path, "damaged or cut off")
    path.write_bytes(b"not packed at all")
    refused(path, "")


def test_what_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "ALWAYS_ALLOWED", 100_000)
    text = (ROW.replace("255", "0") * 2000).encode()
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(text))
    refused(tmp_path / "bomb.csv.gz", "unpacks to more than")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train.csv", text)
    refused(tmp_path / "bomb.zip", "unpacks to more than")
    np.savez_compressed(tmp_path / "bomb.npz", images=np.zeros((3000, 784), np.uint8))
    refused(tmp_path / "bomb.npz", "unpacks to more than")


def test_a_huge_file_is_refused_by_its_size(tmp_path):
    with (tmp_path / "huge.csv").open("wb") as file:
        file.truncate(10_000_000_000)  # it takes no room on the disk
    refused(tmp_path / "huge.csv", "10,000,000,000 bytes, expected at most 2,000,000,000")


def test_a_zip_with_several_files_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "kaggle.zip", "w") as archive:
        for name in ("train.csv", "test.csv"):
            archive.writestr(name, ROW)
    refused(tmp_path / "kaggle.zip", "holds 2 files, expected one CSV file")


def test_objects_in_npz_are_never_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    np.savez(tmp_path / "mine.npz", images=np.array([Bomb()], object), labels=np.zeros(1))
    np.save(tmp_path / "X.npy", np.array([Bomb()], object))
    refused(tmp_path / "mine.npz", "holds Python objects")
    refused(tmp_path / "X.npy", "holds Python objects")
    assert not (tmp_path / "ran").exists()


IMAGES, LABELS = np.zeros((9, 28, 28)), np.arange(9)
ARRAYS = {
    "NaN": (np.where(np.arange(9)[:, None, None] == 4, np.nan, IMAGES), LABELS, "image 5 has the value nan"),
    "256": (IMAGES + 256, LABELS, "image 1 has the value 256.0, expected 0 to 1 or 0 to 255"),
    "-1": (IMAGES - 1, LABELS, "image 1 has the value -1.0, expected 0 to 1"),
    "not square": (IMAGES[:, 1:], LABELS, "images of shape (9, 27, 28), expected (N, 784)"),
    "texts": (np.full((9, 28, 28), "a"), LABELS, "values of type <U1, expected numbers"),
    "fewer labels": (IMAGES, LABELS[1:], "9 images but 8 labels"),
    "labels in words": (IMAGES, np.array(["0", "1", "2.0", *["three"] * 6]), "image 4 has the label three"),
    "no label": (IMAGES, np.where(LABELS == 4, np.nan, LABELS), "image 5 has no label, expected a digit"),
    "letters": (IMAGES, LABELS + 5, "its labels are 5 to 13, but shuzi reads digits"),
    "a negative label": (IMAGES, LABELS - 1, "label -1 at index 0"),
    "several columns": (IMAGES, np.zeros((9, 3)), "labels of shape (9, 3), expected one for each image"),
    "none": (IMAGES[:0], LABELS[:0], "holds no images"),
}


@pytest.mark.parametrize(("images", "labels", "words"), ARRAYS.values(), ids=ARRAYS)
def test_wrong_arrays_are_refused_with_their_row(tmp_path, images, labels, words):
    np.savez(tmp_path / "mine.npz", images=images, labels=labels)
    with pytest.raises(ShuziError) as raised:
        shuzi.load(tmp_path / "mine.npz")
    assert "mine.npz" in str(raised.value)
    assert words in str(raised.value)


def test_a_damaged_npz_or_npy_is_refused(tmp_path):
    np.savez(tmp_path / "mine.npz", images=np.random.default_rng(0).random((9, 28, 28)))
    np.save(tmp_path / "X.npy", IMAGES)
    for name in ("mine.npz", "X.npy"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
        refused(tmp_path / name, "damaged or cut off")


def test_a_damaged_header_of_npy_is_refused(tmp_path):
    np.save(tmp_path / "X.npy", IMAGES)
    data = (tmp_path / "X.npy").read_bytes()
    for wrong in (data.replace(b"}", b" ", 1), data.replace(b"'fortran_order'", b"(fortran_order,", 1)):
        (tmp_path / "X.npy").write_bytes(wrong)
        refused(tmp_path / "X.npy", "damaged or cut off")


def test_an_npz_without_names_that_say_what_it_holds_is_refused(tmp_path):
    np.savez(tmp_path / "mine.npz", IMAGES, LABELS)
    refused(tmp_path / "mine.npz", "Expected arrays called images and labels")


def png(side=28):
    file = io.BytesIO()
    Image.new("L", (side, side)).save(file, "png")
    return file.getvalue()


CELLS = {
    "paths alone": ([{"bytes": None, "path": "3.png"}], "row 1: only the path of a picture, '3.png'"),
    "paths as text": (["3.png"], "row 1: only the path of a picture, '3.png'"),
    "nothing": ([png(), None], "row 2: NoneType, expected the bytes of a picture"),
    "damaged": ([*[png()] * 16, png()[:40], png()], "row 17: "),
    "no picture": ([b"three"], "row 1: "),
    "several sizes": ([png(), png(), png(32)], "row 3 has an image of 32x32, expected 28x28 as in row 1"),
}


@pytest.mark.parametrize(("cells", "words"), CELLS.values(), ids=CELLS)
def test_a_wrong_picture_in_parquet_is_refused_with_its_row(tmp_path, cells, words):
    pq.write_table(pa.table({"image": cells, "label": [0] * len(cells)}), tmp_path / "mine.parquet")
    refused(tmp_path / "mine.parquet", words)


def test_a_wrong_parquet_file_is_refused(tmp_path):
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.table({"text": ["a"]}), path)
    refused(path, 'has the columns text, expected "image" and perhaps "label"')
    pq.write_table(pa.table({"image": [png()] * 50, "label": [1] * 50}), path)
    path.write_bytes(path.read_bytes()[:-100])
    refused(path, "not a Parquet file, or damaged")


@pytest.mark.parametrize("line", ["", "3 1:2", "11 1:0", "a 1:0", "3 300:0", "3 0:0", "3 1", "3 1:nan"])
def test_wrong_lines_of_usps_are_refused(tmp_path, line):
    (tmp_path / "usps.bz2").write_bytes(bz2.compress(f"3 1:-1 256:0.5\n{line}\n".encode() if line else b""))
    refused(tmp_path / "usps.bz2", "line 2 starts with" if line else "holds no images")


def test_a_file_whose_labels_are_missing_or_alone_is_named(tmp_path):
    idx.write(tmp_path / "train-images-idx3-ubyte", np.zeros((9, 28, 28), np.uint8))
    idx.write(tmp_path / "train-labels-idx1-ubyte", np.zeros(9, np.uint8))
    idx.write(tmp_path / "t10k-images-idx3-ubyte", np.zeros((9, 28, 28), np.uint8))
    with pytest.raises(ShuziError, match="no t10k-labels-idx1-ubyte in it"):
        shuzi.load(tmp_path)
    refused(tmp_path / "train-labels-idx1-ubyte", "holds labels by its name")
    assert read(tmp_path / "t10k-images-idx3-ubyte").parts["test"].labels is None


def test_what_is_no_dataset_says_what_is(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    refused(tmp_path / "notes.txt", "Expected IDX, CSV, NPZ, NPY or Parquet files")
    refused(tmp_path, "no dataset in it. Expected IDX, CSV")
