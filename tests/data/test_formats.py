"""Datasets as people have them: each format is read back bit for bit as a common library wrote it."""

import bz2
import csv
import gzip
import hashlib
import io
import shutil
import warnings
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from sklearn.datasets import dump_svmlight_file

import shuzi
from shuzi.data import idx, libsvm, own
from shuzi.data.datasets import read
from shuzi.data.formats import ALL, TEST, TRAIN
from shuzi.errors import Notice, ShuziError

TRAIN_COUNT, TEST_COUNT = 60, 30


@pytest.fixture(scope="module")
def digits(mnist):
    """Training and test digits of MNIST."""
    return mnist[0].part(0, TRAIN_COUNT), mnist[1].part(0, TEST_COUNT)


def assert_same(path, digits):
    """The dataset at a path has a training and a test part, and they are these digits."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for found, expected in zip(shuzi.load(path), digits, strict=True):
            assert np.array_equal(found.images, expected.images)
            assert np.array_equal(found.labels, expected.labels)


def flat(digits):
    return digits.images.reshape(len(digits), -1)


def write_csv(path, digits, header=(), label=True, **options):
    """Write images as CSV, by numpy."""
    rows = np.column_stack([digits.labels, flat(digits)]) if label else flat(digits)
    np.savetxt(path, rows, "%d", ",", header=",".join(header), comments="", **options)


KAGGLE = [f"pixel{index}" for index in range(784)]
ROWS_AND_COLUMNS = [f"{row}x{column}" for row in range(1, 29) for column in range(1, 29)]


@pytest.mark.parametrize("header", [["label", *KAGGLE], ["label", *ROWS_AND_COLUMNS], []])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_csv_of_both_parts_in_a_folder(tmp_path, digits, header, suffix):
    for part, each in zip(("train", "test"), digits, strict=True):
        write_csv(tmp_path / f"mnist_{part}{suffix}", each, header)
    assert_same(tmp_path, digits)


def test_csv_as_pyarrow_writes_it_quotes_its_header(tmp_path, digits):
    for part, each in zip(("train", "test"), digits, strict=True):
        columns = {"label": each.labels, **dict(zip(KAGGLE, flat(each).T, strict=True))}
        pyarrow.csv.write_csv(pa.table(columns), tmp_path / f"{part}.csv")
    assert (tmp_path / "train.csv").read_bytes().startswith(b'"label"')
    assert_same(tmp_path, digits)


def test_a_zip_with_one_csv(tmp_path, digits):
    for part, each in zip(("train", "test"), digits, strict=True):
        write_csv(tmp_path / "inside.csv", each, ["label", *KAGGLE])
        with zipfile.ZipFile(tmp_path / f"{part}.csv.zip", "w") as archive:
            archive.write(tmp_path / "inside.csv", "inside.csv")
    (tmp_path / "inside.csv").unlink()
    assert_same(tmp_path, digits)


def test_kaggles_folder_holds_out_a_tenth_and_classifies_the_unlabelled_part(tmp_path, digits):
    write_csv(tmp_path / "train.csv", digits[0], ["label", *KAGGLE])
    write_csv(tmp_path / "test.csv", digits[1], KAGGLE, label=False)
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    parts = read(tmp_path).parts
    assert np.array_equal(parts[TRAIN].images, digits[0].images)
    assert np.array_equal(parts[TEST].images, digits[1].images)
    assert parts[TEST].labels is None
    with pytest.warns(Notice, match="only one part has labels; 1. of its 60 images, about a tenth of each"):
        train, test = shuzi.load(tmp_path)
    assert len(train) + len(test) == TRAIN_COUNT
    assert train.split_rule == own.IMAGE_SPLIT


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b",", b";"),
        lambda text: text.replace(b",", b"\t"),
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text.rstrip(b"\n"),
        lambda text: text + b"\n\n",
        lambda text: b"".join(b"," + line if number == 0 else b"%d,%s" % (number, line)
                              for number, line in enumerate(text.splitlines(True))),
    ],
    ids=["BOM", "semicolons", "tabs", "Windows", "no last line end", "blank lines", "index of pandas"],
)  # fmt: skip
def test_csv_as_other_programs_write_it(tmp_path, digits, change):
    write_csv(tmp_path / "mine.csv", digits[0], ["label", *KAGGLE])
    (tmp_path / "mine.csv").write_bytes(change((tmp_path / "mine.csv").read_bytes()))
    part = read(tmp_path / "mine.csv").parts[ALL]
    assert np.array_equal(part.images, digits[0].images)
    assert np.array_equal(part.labels, digits[0].labels)


@pytest.mark.parametrize("written", ["{}.0", '"{}"', ' "{}.0"', " {} "])
def test_labels_in_csv_may_be_quoted_or_fractions(tmp_path, digits, written):
    rows = [[written.format(label), *image] for label, image in zip(digits[1].labels, flat(digits[1]), strict=True)]
    text = "".join(",".join(map(str, row)) + "\n" for row in rows)
    (tmp_path / "mine.csv").write_text(text)
    assert np.array_equal(read(tmp_path / "mine.csv").parts[ALL].labels, digits[1].labels)


def test_fractions_in_csv_are_scaled_to_bytes(tmp_path, digits):
    np.savetxt(tmp_path / "mine.csv", flat(digits[1]) / 255, "%.6f", ",")
    assert np.array_equal(read(tmp_path / "mine.csv").parts[ALL].images, digits[1].images)


def test_a_large_csv_is_read_in_pieces(tmp_path, digits, monkeypatch):
    monkeypatch.setattr("shuzi.data.unpack.PIECE", 5_000)
    write_csv(tmp_path / "mine.csv", digits[0], ["label", *KAGGLE])
    assert np.array_equal(read(tmp_path / "mine.csv").parts[ALL].images, digits[0].images)


def test_keras_npz(tmp_path, digits):
    (x_train, y_train), (x_test, y_test) = [(each.images, each.labels) for each in digits]
    np.savez_compressed(tmp_path / "mnist.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    assert_same(tmp_path / "mnist.npz", digits)
    assert_same(tmp_path, digits)


@pytest.mark.parametrize("names", [("images", "labels"), ("X", "y"), ("data", "target")])
def test_npz_of_one_part(tmp_path, digits, names):
    np.savez(tmp_path / "mine.npz", **dict(zip(names, (flat(digits[0]), digits[0].labels), strict=True)))
    part = read(tmp_path / "mine.npz").parts[ALL]
    assert np.array_equal(part.images, digits[0].images)
    assert np.array_equal(part.labels, digits[0].labels)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("kmnist-{}-imgs.npz", "kmnist-{}-labels.npz"),
        ("X_kannada_MNIST_{}.npz", "y_kannada_MNIST_{}.npz"),
        ("X_{}.npy", "y_{}.npy"),
        ("{}_images.npy", "{}_labels.npy"),
    ],
)
def test_pairs_of_files_of_numpy(tmp_path, digits, images, labels):
    for part, each in zip(("train", "test"), digits, strict=True):
        save = np.save if images.endswith(".npy") else np.savez_compressed
        save(tmp_path / images.format(part), each.images)
        save(tmp_path / labels.format(part), each.labels)
    assert_same(tmp_path, digits)
    named = read(tmp_path / images.format("test"))
    assert list(named.parts) == [TEST]
    assert np.array_equal(named.parts[TEST].labels, digits[1].labels)


def png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "png")
    return file.getvalue()


def table(digits, wrap):
    cells = [wrap(png(image), f"{index}.png") for index, image in enumerate(digits.images)]
    return pa.table({"image": cells, "label": pa.array(digits.labels, pa.int64())})


@pytest.mark.parametrize("below", [".", "data"])
@pytest.mark.parametrize(
    "wrap", [lambda data, path: {"bytes": data, "path": path}, lambda data, path: data], ids=["struct", "bytes"]
)
def test_parquet_as_on_hugging_face(tmp_path, digits, below, wrap):
    (tmp_path / below).mkdir(exist_ok=True)
    train, test = digits
    for number, part in enumerate((train.part(0, 40), train.part(40, TRAIN_COUNT))):
        pq.write_table(table(part, wrap), tmp_path / below / f"train-{number:05}-of-00002.parquet")
    pq.write_table(table(test, wrap), tmp_path / below / "test-00000-of-00001.parquet")
    assert_same(tmp_path, digits)


def test_larger_pictures_in_parquet_are_laid_out(tmp_path, digits):
    larger = [np.kron(np.pad(image, 10), np.ones((2, 2), np.uint8)) for image in digits[1].images]
    cells = [{"bytes": png(255 - image), "path": None} for image in larger]
    pq.write_table(pa.table({"image": cells, "label": digits[1].labels}), tmp_path / "mine.parquet")
    with pytest.warns(Notice, match="dark ink on light paper"):
        images = read(tmp_path / "mine.parquet").parts[ALL].images
    assert np.array_equal(images, np.stack([shuzi.normalise(image) for image in larger]))


def gzipped(path, array):
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(idx.to_bytes(array)))


@pytest.mark.parametrize("write", [idx.write, gzipped], ids=["plain", "gz"])
@pytest.mark.parametrize("below", ["", "KMNIST/raw"])
def test_idx_as_torchvision_lays_it(tmp_path, digits, write, below):
    (tmp_path / below).mkdir(exist_ok=True, parents=True)
    for part, each in zip(("train", "t10k"), digits, strict=True):
        write(tmp_path / below / f"{part}-images-idx3-ubyte", each.images)
        write(tmp_path / below / f"{part}-labels-idx1-ubyte", each.labels)
    assert_same(tmp_path, digits)
    assert_same(tmp_path / below.partition("/")[0], digits)


def test_qmnists_labels_are_the_first_of_eight_columns(tmp_path, digits):
    for part, each in zip(("train", "test"), digits, strict=True):
        gzipped(tmp_path / f"qmnist-{part}-images-idx3-ubyte", each.images)
        labels = np.random.default_rng(0).integers(0, 4000, (len(each), 8), np.int32)
        labels[:, 0] = each.labels
        gzipped(tmp_path / f"qmnist-{part}-labels-idx2-int", labels)
    assert_same(tmp_path, digits)


def test_emnist_is_set_upright_and_one_of_its_sets_is_named(tmp_path, digits):
    folder = tmp_path / "EMNIST" / "raw"
    folder.mkdir(parents=True)
    for name in ("emnist-digits", "emnist-letters", "emnist-mnist"):
        for part, each in zip(("train", "test"), digits, strict=True):
            idx.write(folder / f"{name}-{part}-images-idx3-ubyte", each.images.transpose(0, 2, 1))
            labels = each.labels + 17 * (name == "emnist-letters")
            idx.write(folder / f"{name}-{part}-labels-idx1-ubyte", labels.astype(np.uint8))
    assert_same(folder / "emnist-digits", digits)
    assert_same(folder / "emnist-mnist", digits)
    with pytest.raises(ShuziError, match=r"holds several datasets\. Name one of them: .*/emnist-digits, "):
        shuzi.load(tmp_path / "EMNIST")
    with pytest.raises(ShuziError, match=r"its labels are 17 to 26, but shuzi reads digits, 0 to 9\..*--labels 0-9"):
        shuzi.load(folder / "emnist-letters")


def test_labels_take_only_some_images(command, tmp_path, digits):
    (x_train, y_train), (x_test, y_test) = [(each.images, each.labels) for each in digits]
    np.savez(tmp_path / "a.npz", x_train=x_train, y_train=y_train + 7, x_test=x_test, y_test=y_test + 7)
    train, test = shuzi.load(tmp_path / "a.npz", labels="0-9")
    assert np.array_equal(train.images, x_train[y_train < 3])
    assert np.array_equal(test.labels, y_test[y_test < 3] + 7)
    told = command("evaluate", "reader", "--data", tmp_path / "a.npz", "--labels", "0-9", "--json").json
    assert told["count"] == (y_test < 3).sum()
    with pytest.raises(ShuziError, match=r"^--labels a-z: expected a digit, or a range"):
        shuzi.load(tmp_path / "a.npz", labels="a-z")


def test_usps_as_torchvision_keeps_it(tmp_path):
    random = np.random.default_rng(0)
    for name, count in (("usps", 30), ("usps.t", 20)):
        images = np.pad(random.integers(0, 256, (count, 14, 14), np.uint8), ((0, 0), (1, 1), (1, 1)))
        images = images.reshape(count, 256)
        labels = random.integers(0, 10, count)
        file = io.BytesIO()
        dump_svmlight_file(images / 127.5 - 1, labels + 1, file, zero_based=False)
        path = tmp_path / f"{name}.bz2"
        path.write_bytes(bz2.compress(file.getvalue()))
        found = libsvm.read(path)
        assert np.array_equal(found["images"], images)
        assert np.array_equal(found["labels"], labels)
    train, test = shuzi.load(tmp_path)
    assert (len(train), len(test)) == (30, 20)
    assert np.array_equal(test.images, np.stack([shuzi.normalise(image.reshape(16, 16)) for image in images]))
    assert np.array_equal(test.labels, labels)


ARRAYS = {
    "(N, 784) uint8": flat,
    "(N, 28, 28) float in 0..1": lambda d: d.images / 255,
    "(N, 28, 28, 1) float in 0..255": lambda d: d.images[..., None].astype(np.float32),
    "(N, 1, 28, 28) torch float in 0..1": lambda d: torch.from_numpy(d.images[:, None] / np.float32(255)),
    "(N, 28, 28) int64": lambda d: d.images.astype(np.int64),
    "dark on light": lambda d: 255 - d.images,
}


@pytest.mark.parametrize("convert", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.filterwarnings("ignore:.*dark ink on light paper")
def test_arrays_of_any_usual_shape_and_type(digits, convert):
    for labels in (digits[0].labels, torch.from_numpy(digits[0].labels).long(), list(map(str, digits[0].labels))):
        found = shuzi.Digits.from_arrays(convert(digits[0]), labels)
        assert np.array_equal(found.images, digits[0].images)
        assert np.array_equal(found.labels, digits[0].labels)


def test_dark_ink_on_light_paper_is_said(digits):
    with pytest.warns(Notice, match="^mine: dark ink on light paper; shuzi has swapped dark and light"):
        shuzi.Digits.from_arrays(255 - digits[0].images, digits[0].labels, "mine")


@pytest.mark.parametrize("side", [8, 16, 32, 64])
def test_other_square_sizes_are_laid_out(digits, side):
    images = np.stack(
        [np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BOX)) for image in digits[1].images]
    )
    found = shuzi.Digits.from_arrays(images.reshape(len(images), -1), digits[1].labels)
    assert np.array_equal(found.images, np.stack([shuzi.normalise(image) for image in images]))


def test_scikit_learns_digits_reach_from_0_to_16(mnist):
    from sklearn.datasets import load_digits

    found = shuzi.Digits.from_arrays(*load_digits(return_X_y=True))
    assert len(found) == 1797
    assert np.median(found.images.max(axis=(1, 2))) == 255


class Rows(torch.utils.data.Dataset):
    """A dataset of Pillow images, of tensors, or of the rows that Hugging Face's datasets give."""

    def __init__(self, digits, row):
        self.digits, self.row = digits, row

    def __len__(self):
        return len(self.digits)

    def __getitem__(self, index):
        return self.row(self.digits.images[index], self.digits.labels[index])


@pytest.mark.parametrize(
    "row",
    [
        lambda image, label: (Image.fromarray(image), int(label)),
        lambda image, label: (torch.from_numpy(image[None] / np.float32(255)), torch.tensor(label)),
        lambda image, label: {"image": Image.fromarray(image), "label": int(label)},
    ],
    ids=["Pillow", "tensor", "datasets"],
)
def test_a_dataset_of_images_and_labels(digits, row):
    found = shuzi.Digits.from_arrays(Rows(digits[0], row))
    assert np.array_equal(found.images, digits[0].images)
    assert np.array_equal(found.labels, digits[0].labels)


def test_a_part_held_out_depends_on_each_image_alone(tmp_path, mnist):
    some = mnist[0].part(0, 400)
    np.savez(tmp_path / "a.npz", images=some.images, labels=some.labels)
    order = np.random.default_rng(0).permutation(400)
    np.savez(tmp_path / "b.npz", images=some.images[order], labels=some.labels[order])
    with pytest.warns(Notice):
        (train, test), (_, test_of_b) = shuzi.load(tmp_path / "a.npz"), shuzi.load(tmp_path / "b.npz")
    assert len(train) + len(test) == 400
    assert 20 < len(test) < 60
    assert {image.tobytes() for image in test.images} == {image.tobytes() for image in test_of_b.images}
    lowest = [hashlib.sha256(image).digest()[0] < 26 for image in test.images]
    assert np.mean(lowest) > 0.8  # others are the lowest of their digit
    assert len({image.tobytes() for image in train.images} & {image.tobytes() for image in test.images}) == 0


def test_checksums_are_of_the_files(command, tmp_path, digits):
    write_csv(tmp_path / "mine.csv", digits[0], ["label", *KAGGLE])
    printed = command("data", tmp_path / "mine.csv", "--json").json
    sha256 = hashlib.sha256((tmp_path / "mine.csv").read_bytes()).hexdigest()
    assert printed["files"][0]["sha256"] == sha256
    assert printed["sha256"] == hashlib.sha256(f"{sha256}  mine.csv\n".encode()).hexdigest()


def test_a_run_records_the_file_and_how_it_was_split(command, tmp_path, digits):
    write_csv(tmp_path / "mine.csv", digits[0], ["label", *KAGGLE])
    ended = command("train", "--data", tmp_path / "mine.csv", "--out", tmp_path / "run", "--batch-size", 10, "--json")
    assert "only one part has labels" in ended.stderr
    data = command("data", tmp_path / "mine.csv", "--json").json
    assert ended.json["data_sha256"] == data["sha256"]
    assert ended.json["split"] == own.IMAGE_SPLIT
    evaluated = command("evaluate", tmp_path / "run", "--json").json
    assert evaluated["count"] == data["test"]["count"]
    assert evaluated["accuracy"] == ended.json["test_accuracy"]
    shutil.copy(tmp_path / "mine.csv", tmp_path / "other.csv")
    with (tmp_path / "mine.csv").open("a", newline="") as file:
        csv.writer(file).writerow([3] + [0] * 784)
    assert "Restore the former data" in command("evaluate", tmp_path / "run").stderr
