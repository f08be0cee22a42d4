"""Datasets in every format, damaged: CSV, NPZ, NPY, Parquet, USPS, packed and plain; digits or one sentence."""

import bz2
import gzip
import io
import warnings
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from idx import mutated
from PIL import Image

import shuzi
from shuzi.data import csv_images, datasets

RANDOM = np.random.default_rng(0)
IMAGES, LABELS = RANDOM.integers(0, 256, (12, 28, 28), np.uint8), np.arange(12) % 10


def csv():
    header = ",".join(["label", *(f"pixel{index}" for index in range(784))])
    rows = (",".join(map(str, [label, *image.ravel()])) for label, image in zip(LABELS, IMAGES, strict=True))
    return "\n".join([header, *rows, ""]).encode()


def saved(save, *args, **kwargs):
    file = io.BytesIO()
    save(file, *args, **kwargs)
    return file.getvalue()


def png(image):
    return saved(Image.fromarray(image).save, "png")


def zipped(data):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train.csv", data)
    return file.getvalue()


TABLE = pa.table({"image": [{"bytes": png(image), "path": None} for image in IMAGES], "label": LABELS})
USPS = "\n".join(f"{label + 1} 1:-1 7:0.5 256:1" for label in LABELS).encode()
FILES = {
    "mine.csv": csv(),
    "mine.csv.gz": gzip.compress(csv(), 1),
    "mine.zip": zipped(csv()),
    "mine.npz": saved(np.savez, images=IMAGES, labels=LABELS),
    "packed.npz": saved(np.savez_compressed, x_train=IMAGES, y_train=LABELS, x_test=IMAGES, y_test=LABELS),
    "X.npy": saved(np.save, IMAGES / 255),
    "mine.parquet": saved(lambda file: pq.write_table(TABLE, file)),
    "usps.bz2": bz2.compress(USPS),
}
PACK = {"mine.csv.gz": lambda data: gzip.compress(data, 1), "mine.zip": zipped, "usps.bz2": bz2.compress}


def case(random, folder):
    name = [*FILES][random.integers(len(FILES))]
    if name in PACK and random.random() < 0.7:
        data = PACK[name](mutated(random, USPS if name == "usps.bz2" else FILES["mine.csv"]))
    else:
        data = mutated(random, FILES[name])
    (folder / name).write_bytes(data)
    warnings.simplefilter("ignore")  # of dark ink, and of one part
    for part in datasets.read(folder / name).parts.values():
        assert part.images.dtype == np.uint8
        assert part.images.shape[1:] == (28, 28)
    shuzi.load(folder / name)


def slow_cells(folder):
    """A million cells that the fast way doesn't take."""
    (folder / "mine.csv").write_text((",".join(["0.5"] * 784) + "\n") * 1300)
    csv_images.read(folder / "mine.csv")


def bomb(folder):
    (folder / "mine.csv.gz").write_bytes(gzip.compress((b"0," * 784 + b"0\n") * 20_000))
    csv_images.read(folder / "mine.csv.gz")


KNOWN = {"slow cells": slow_cells, "bomb": bomb}
