"""The format of a dataset's files and what each holds, recognised by their names; and the arrays in them.

The words of a file's name say which part of a dataset it holds and whether images, labels or both:
`t10k-labels-idx1-ubyte.gz`, `X_kannada_MNIST_train.npz`, `mnist_test.csv`. The names of arrays in a file say the same.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shuzi.data import arrays, csv_images, encoded, idx, libsvm, npz, sources, unpack
from shuzi.errors import ShuziError

TRAIN, TEST, ALL = "train", "test", "all"  # the parts of a dataset; ALL: it isn't split
PARTS = {
    "train": TRAIN, "training": TRAIN, "test": TEST, "testing": TEST, "t10k": TEST, "t": TEST,
    "val": "validation", "validation": "validation",
}  # fmt: skip
IMAGES, LABELS = "images", "labels"
KINDS = {
    **dict.fromkeys(("images", "image", "imgs", "img", "x", "data", "pixels"), IMAGES),
    **dict.fromkeys(("labels", "label", "y", "target", "targets"), LABELS),
}
FORMAT_WORDS = {*("gz", "bz2", "zip", "csv", "npz", "npy", "parquet"), *("idx1", "idx2", "idx3", "ubyte", "int", "of")}
IDX_NAME = re.compile(r"[-.]idx\d-(ubyte|int)(\.gz)?$")
EXPECTED = "IDX, CSV, NPZ, NPY or Parquet files, or USPS as .bz2"


def read_idx(path: Path) -> dict[str, np.ndarray]:
    """Read the array of an IDX file; of QMNIST's labels, the first of 8 columns."""
    array = idx.read(path)
    return {"": array[:, 0] if array.ndim == 2 and array.shape[1] == 8 else array}


Read = Callable[[Path], dict[str, np.ndarray]]
READERS: dict[str, Read] = {  # the first wins where a folder has a dataset in several formats
    "IDX": read_idx,
    "NPZ": npz.read,
    "NPY": npz.read,
    "Parquet": encoded.read_parquet,
    "CSV": csv_images.read,
    "libsvm": libsvm.read,
    "pictures": encoded.read_folder,
}
SUFFIXES = {".npz": "NPZ", ".npy": "NPY", ".parquet": "Parquet", ".csv": "CSV", ".zip": "CSV", ".bz2": "libsvm"}


@dataclass(frozen=True)
class NameMeaning:
    """What the words of a name say. part, kind: None if they don't; dataset: the other words."""

    part: str | None
    kind: str | None
    dataset: str


def meaning_of(name: str) -> NameMeaning:
    """Find what the words of a file's or an array's name say."""
    words = re.findall("[a-z0-9]+", name.lower())
    part = next((PARTS[word] for word in words if word in PARTS), None)
    kind = next((KINDS[word] for word in words if word in KINDS), None)
    others = [word for word in words if word not in {*PARTS, *KINDS, *FORMAT_WORDS} and not word.isdigit()]
    return NameMeaning(part, kind, "-".join(others))


@dataclass(frozen=True)
class File:
    """A file of a dataset. size: in bytes; of .gz files of IDX, size and SHA-256 are of what they unpack to."""

    path: Path
    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class DatasetFile:
    """A file of a dataset, or a folder of pictures: its format and what its name says."""

    path: Path
    format: str
    meaning: NameMeaning

    @property
    def key(self) -> tuple[str, ...]:
        """Equal for a file and its packed copy beside it."""
        return tuple(re.findall("[a-z0-9]+", self.path.name.lower().removesuffix(".gz")))

    @property
    def order(self) -> tuple[bool, bool, str]:
        """Training before test, images before labels."""
        return self.meaning.part == TEST, self.meaning.kind == LABELS, self.path.name

    def as_read(self) -> File:
        """Return it with its size and SHA-256."""
        if self.format == "IDX":
            data = idx.read_bytes(self.path)
            return File(self.path, self.path.name.removesuffix(".gz"), len(data), hashlib.sha256(data).hexdigest())
        if self.path.is_dir():
            files = sorted(file for file in self.path.glob("[0-9]/*") if file.is_file())
            listing = "".join(f"{unpack.sha256(file)}  {file.parent.name}/{file.name}\n" for file in files)
            size = sum(file.stat().st_size for file in files)
            return File(self.path, self.path.name, size, hashlib.sha256(listing.encode()).hexdigest())
        return File(self.path, self.path.name, self.path.stat().st_size, unpack.sha256(self.path))


def recognise(path: Path) -> DatasetFile | None:
    """Recognise a file by its name; None if it isn't a dataset's."""
    meaning, name = meaning_of(path.name), path.name.lower()
    kind = "IDX" if IDX_NAME.search(name) else SUFFIXES.get(Path(name.removesuffix(".gz")).suffix)
    if kind is None or (name.endswith(".gz") and kind not in ("IDX", "CSV")):
        return None
    return DatasetFile(path, kind, meaning)


def in_folder(folder: Path) -> dict[str, list[DatasetFile]]:
    """Find the files of each dataset in a folder, in one format each, by the dataset's name."""
    by_key: dict[tuple[str, ...], DatasetFile] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        file = recognise(path) if path.is_file() and not path.name.startswith(".") else None
        if file is not None:
            by_key.setdefault(file.key, file)  # in order, a plain file comes before its .gz
    found: dict[str, list[DatasetFile]] = {}
    for file in by_key.values():
        found.setdefault(file.meaning.dataset, []).append(file)
    if any(file.meaning.part for files in found.values() for file in files):  # not a sample of a submission
        found = {name: files for name, files in found.items() if any(file.meaning.part for file in files)}
    for name, files in found.items():
        best = min((file.format for file in files), key=[*READERS].index)
        found[name] = sorted((file for file in files if file.format == best), key=lambda file: file.order)
    return found


def find(path: Path) -> list[DatasetFile]:
    """Find the files of the dataset that a path names.

    Args:
        path: one of its files; a folder with them in it, in `raw` or `data` below it, or in `NAME/raw`, as torchvision
            lays them; or, where a folder holds several datasets, the folder and the beginning that their names share.

    Raises:
        ShuziError: there is no such file or folder, it holds no dataset, or several.
    """
    if path.is_file():
        return named_file(path)
    if not path.is_dir():
        name = meaning_of(path.name).dataset
        files = in_folder(path.parent).get(name) if name and not path.suffix else None
        if not files:
            raise ShuziError(
                f"{path}: neither a file, a folder nor a dataset that shuzi knows ({', '.join(sources.SOURCES)})"
            )
        return files
    if pictures := picture_folders(path):
        return [DatasetFile(folder, "pictures", meaning_of(folder.name)) for folder in pictures]
    for folders in ((path,), (path / "raw",), (path / "data",), sorted(path.glob("*/raw"))):
        found = {folder / name: files for folder in folders for name, files in in_folder(folder).items()}
        if len(found) > 1:
            raise ShuziError(f"{path}: holds several datasets. Name one of them: {', '.join(map(str, found))}")
        for files in found.values():
            return files
    raise ShuziError(
        f"{path}: no dataset in it. Expected {EXPECTED}, or pictures in sub-folders 0 to 9. To read pictures: "
        f"shuzi read {path}"
    )


def named_file(path: Path) -> list[DatasetFile]:
    """Return a file that a person names and, if it holds images alone, the one with their labels."""
    file = recognise(path)
    if file is None:
        raise ShuziError(f"{path}: not recognised as a dataset by its name. Expected {EXPECTED}")
    if file.meaning.kind == LABELS:
        raise ShuziError(f"{path}: holds labels by its name; name the file with the images")
    others = in_folder(path.parent).get(file.meaning.dataset, []) if file.meaning.kind == IMAGES else []
    partners = [each for each in others if (each.meaning.part, each.meaning.kind) == (file.meaning.part, LABELS)]
    return [file, *partners]


def picture_folders(folder: Path) -> list[Path]:
    """Return those of a folder's sub-folders train and test that have sub-folders named by digits."""
    parts = (folder / TRAIN, folder / TEST)
    return [part for part in parts if any((part / str(digit)).is_dir() for digit in range(10))]


def exists(name: str) -> bool:
    """Tell whether a name is that of a file, a folder, or a dataset among the files of a folder."""
    path, dataset = Path(name), meaning_of(Path(name).name).dataset
    return path.exists() or bool(dataset and dataset in in_folder(path.parent))


@dataclass(frozen=True)
class DatasetPart:
    """A part of a dataset: images uint8 (N, 28, 28); labels, uint8 or int64 (N,), None if it has none."""

    images: np.ndarray
    labels: np.ndarray | None


def read(files: list[DatasetFile]) -> dict[str, DatasetPart]:
    """Read the parts of a dataset: TRAIN and TEST, or one of them, or ALL if nothing says which it is.

    Raises:
        ShuziError: a file is damaged, or holds something else.
    """
    values: dict[tuple[str, str], list[tuple[DatasetFile, np.ndarray]]] = {}
    for file in files:
        for name, array in READERS[file.format](file.path).items():
            inner = meaning_of(name)
            place = inner.part or file.meaning.part or ALL, inner.kind or file.meaning.kind or IMAGES
            if any(other is file for other, _ in values.get(place, [])):
                raise ShuziError(f"{file.path}: several arrays of images or none of labels. {NPZ_NAMES}")
            values.setdefault(place, []).append((file, array))
    if any(part == TEST for part, _ in values):
        values = {(TRAIN if part == ALL else part, kind): each for (part, kind), each in values.items()}
    found = {}
    for part in (TRAIN, TEST, ALL):
        images, labels = values.get((part, IMAGES)), values.get((part, LABELS))
        if images is not None:
            found[part] = to_part(images, labels)
            file = images[0][0]
            if labels is None and len(files) > 1 and file.format in ("IDX", "NPY") and file.meaning.kind == IMAGES:
                raise missing(file, IMAGES, LABELS)
        elif labels is not None:
            raise missing(labels[0][0], LABELS, IMAGES)
    if not found:
        raise ShuziError(f"{files[0].path}: holds no images. {NPZ_NAMES}")
    return found


NPZ_NAMES = "Expected arrays called images and labels, or x_train, y_train, x_test and y_test."


def to_part(
    images: list[tuple[DatasetFile, np.ndarray]], labels: list[tuple[DatasetFile, np.ndarray]] | None
) -> DatasetPart:
    """Make a part of a dataset from the arrays of its files."""
    file = images[0][0]
    pixels = concatenate(images)
    if file.meaning.dataset.startswith("emnist") and file.format in ("IDX", "CSV"):
        pixels = arrays.square(pixels, str(file.path)).transpose(0, 2, 1)  # EMNIST's images lie on their side
    return DatasetPart(
        arrays.to_images(pixels, str(file.path)),
        None if labels is None else arrays.to_labels(concatenate(labels), str(labels[0][0].path)),
    )


def concatenate(values: list[tuple[DatasetFile, np.ndarray]]) -> np.ndarray:
    """Join the arrays of several files. Raises ShuziError if their shapes differ."""
    first = values[0][1].shape[1:]
    for file, array in values:
        if array.shape[1:] != first:
            raise ShuziError(
                f"{file.path}: images of shape {array.shape[1:]}, expected {first} as in {values[0][0].path}"
            )
    return values[0][1] if len(values) == 1 else np.concatenate([array for _, array in values])


def missing(file: DatasetFile, has: str, lacks: str) -> ShuziError:
    """Describe that the partner of a file isn't there."""
    one, other = ("idx1", "idx3") if has == LABELS else ("idx3", "idx1")
    name = file.path.name.removesuffix(".gz").replace(has, lacks).replace(one, other)
    return ShuziError(f"{file.path.parent}: no {name} in it; expected {lacks} beside {file.path.name}")
