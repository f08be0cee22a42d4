"""A dataset written in another format: CSV, NPZ, Parquet, PNG files in folders, or IDX."""

import csv
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from shuzi.data import idx
from shuzi.data.formats import ALL, TEST, TRAIN, DatasetPart
from shuzi.errors import ShuziError, needs
from shuzi.files import cannot_write, whole_file

IDX_PREFIX = "idx:"
CSV_HEADER = ["label", *(f"pixel{index}" for index in range(784))]  # as on Kaggle
CELLS = [str(value) for value in range(256)]
LABELS_FILE = "labels.csv"
# What Hugging Face's datasets read from a Parquet file: that the bytes are pictures, and the labels classes.
FEATURES = {"image": {"_type": "Image"}, "label": {"names": [str(digit) for digit in range(10)], "_type": "ClassLabel"}}


def write(parts: dict[str, DatasetPart], to: str) -> list[Path]:
    """Write a dataset; what shuzi reads of it are the same images and labels.

    Args:
        parts: of the dataset, by TRAIN and TEST, or one of them or ALL.
        to: a path that ends in .csv, .npz or .parquet; "idx:FOLDER"; or a folder for PNG files. Two parts become two
            CSV or Parquet files: for OUT.csv, OUT_train.csv and OUT_test.csv.

    Returns:
        The files or the folder that are written.

    Raises:
        ShuziError: one is there already or can't be written, pyarrow is missing, or there are no labels and the format
            needs them.
    """
    path = Path(to.removeprefix(IDX_PREFIX))
    if to.startswith(IDX_PREFIX):
        return write_folder(path, parts, write_idx)
    if path.suffix == "":
        return write_folder(path, parts, write_pngs)
    if path.suffix == ".npz":
        files = {path: partial(save_npz, parts=parts)}
    elif path.suffix in (".csv", ".parquet"):
        save = save_csv if path.suffix == ".csv" else save_parquet
        paths = [path] if len(parts) == 1 else [path.with_stem(f"{path.stem}_{name}") for name in parts]
        files = {file: partial(save, part=part) for file, part in zip(paths, parts.values(), strict=True)}
    else:
        raise ShuziError(f"--to {to}: expected OUT.csv, OUT.npz, OUT.parquet, a folder, or {IDX_PREFIX}FOLDER")
    for file in files:
        refuse_existing(file)
    for file, write_to in files.items():
        with whole_file(file) as temporary:
            write_to(temporary)
    return [*files]


def refuse_existing(path: Path) -> None:
    """Raise ShuziError if a file, or a folder with something in it, is there."""
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise ShuziError(f"{path}: already there. Choose another name, or remove it.")


def write_folder(
    path: Path, parts: dict[str, DatasetPart], save: Callable[[Path, dict[str, DatasetPart]], None]
) -> list[Path]:
    """Write a dataset into a folder, completely or not at all; ALL is written as TRAIN."""
    refuse_existing(path)
    if any(part.labels is None for part in parts.values()):
        raise ShuziError(f"{path}: the images have no labels. Write .csv, .npz or .parquet.")
    with whole_folder(path) as folder:
        save(folder, {TRAIN if name == ALL else name: part for name, part in parts.items()})
    return [path]


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; it is renamed to `path` if the block succeeds, and removed if not."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".shuzi-", dir=path.parent))
        try:
            temporary.chmod(0o755)
            yield temporary
            if path.is_dir():
                path.rmdir()
            temporary.rename(path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def write_idx(folder: Path, parts: dict[str, DatasetPart]) -> None:
    """Write each part as two IDX files, by MNIST's names."""
    for name, part in parts.items():
        stem = "t10k" if name == TEST else "train"
        idx.write(folder / f"{stem}-images-idx3-ubyte", part.images)
        idx.write(folder / f"{stem}-labels-idx1-ubyte", np.asarray(part.labels))


def write_pngs(folder: Path, parts: dict[str, DatasetPart]) -> None:
    """Write each part as PNG files, numbered from 1, such as train/3/00001.png; and labels.csv, one row per file."""
    with (folder / LABELS_FILE).open("w", newline="", encoding="utf-8") as text:
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["file", "label"])
        for name, part in parts.items():
            labels = np.asarray(part.labels)
            for label in np.unique(labels):
                (folder / name / str(label)).mkdir(parents=True)
            width = max(5, len(str(len(labels))))
            for number, (image, label) in enumerate(zip(part.images, labels, strict=True), 1):
                file = f"{name}/{label}/{number:0{width}}.png"
                (folder / file).write_bytes(png(image))
                rows.writerow([file, label])


def png(image: np.ndarray) -> bytes:
    """Encode an image, uint8 (28, 28), as PNG."""
    return cv2.imencode(".png", image)[1].tobytes()


def save_csv(path: Path, part: DatasetPart) -> None:
    """Write a part as Kaggle's Digit Recognizer has it."""
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.write(",".join(CSV_HEADER[part.labels is None :]) + "\n")
        for index, image in enumerate(part.images.reshape(len(part.images), -1)):
            label = "" if part.labels is None else f"{part.labels[index]},"
            file.write(label + ",".join([CELLS[value] for value in image.tolist()]) + "\n")


def save_npz(path: Path, parts: dict[str, DatasetPart]) -> None:
    """Write the parts of a dataset as Keras' mnist.npz has them; a single one as images and labels."""
    arrays = {}
    for name, part in parts.items():
        images, labels = ("images", "labels") if len(parts) == 1 else (f"x_{name}", f"y_{name}")
        arrays[images] = part.images
        if part.labels is not None:
            arrays[labels] = part.labels
    data = io.BytesIO()  # np.savez would add .npz to the name
    np.savez_compressed(data, allow_pickle=False, **arrays)
    path.write_bytes(data.getvalue())


def save_parquet(path: Path, part: DatasetPart) -> None:
    """Write a part as Hugging Face's datasets do: PNG files in a struct, and labels."""
    parquet = needs("parquet", "pyarrow.parquet")
    import pyarrow as pa

    files = [{"bytes": png(image), "path": None} for image in part.images]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns: dict[str, object] = {"image": pa.array(files, kind)}
    if part.labels is not None:
        columns["label"] = pa.array(part.labels, pa.int64())
    features = {name: feature for name, feature in FEATURES.items() if name in columns}
    table = pa.table(columns, metadata={"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(table, path)
