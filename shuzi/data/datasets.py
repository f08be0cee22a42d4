"""Datasets by name: those that shuzi downloads, and files as people have them."""

import hashlib
import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from shuzi.data import formats, idx, own, sources
from shuzi.data.digits import CLASSES, Digits
from shuzi.data.formats import ALL, TEST, TRAIN, DatasetPart, File
from shuzi.errors import Notice, ShuziError


@dataclass(frozen=True)
class Dataset:
    """A dataset as its files hold it, before it is split. name: as messages call it; parts: by TRAIN, TEST or ALL."""

    name: str
    files: list[File]
    parts: dict[str, DatasetPart]

    @property
    def sha256(self) -> str:
        """The SHA-256 of the lines that `sha256sum` prints for its files."""
        listing = "".join(f"{file.sha256}  {file.name}\n" for file in self.files)
        return hashlib.sha256(listing.encode()).hexdigest()

    def split(self) -> tuple[Digits, Digits]:
        """Return the training and the test digits; hold a tenth out if only one part has labels, with a Notice.

        Raises:
            ShuziError: it has no labels, labels above 9, or too few images.
        """
        parts = {name: part for name, part in self.parts.items() if part.labels is not None}
        if not parts:
            raise ShuziError(f"{self.name}: has no labels. shuzi classify names its images.")
        sets = {name: self._digits(name, part) for name, part in parts.items()}
        for each in sets.values():
            if not len(each):
                raise ShuziError(f"{each.name}: holds no images, expected 1 or more")
        if len(sets) > 1:
            return sets[TRAIN], sets[TEST]
        (whole,) = sets.values()
        test = own.hold_out(whole.images, whole.labels)
        if not test.any():
            raise ShuziError(f"{self.name}: no label has 2 different images, one to learn from and one to test with.")
        warnings.warn(
            f"{self.name}: only one part has labels; {test.sum():,} of its {len(test):,} images, about a tenth of each "
            "digit, chosen by their SHA-256, are held out for the test.",
            Notice,
            stacklevel=2,
        )
        return own.parted(replace(whole, name=self.name, split_rule=own.IMAGE_SPLIT), test)

    def to_classify(self) -> tuple[str, DatasetPart]:
        """Return the name and the images of the test part, or of the only part."""
        name = TEST if TEST in self.parts else next(iter(self.parts))
        return name, self.parts[name]

    def _digits(self, name: str, part: DatasetPart) -> Digits:
        labels = np.asarray(part.labels)
        title = "images" if name == ALL else name
        others = np.flatnonzero((labels < 0) | (labels >= CLASSES))
        if len(others):
            raise ShuziError(
                f"{self.name}: label {labels[others[0]]} at index {others[0]}; its labels are {labels.min()} to "
                f"{labels.max()}, but shuzi reads digits, 0 to 9. Take only the images of digits: --labels 0-9"
            )
        return Digits(part.images, labels.astype(np.uint8), f"{self.name} {title}", self.sha256)


def read(
    name: str | Path = "mnist",
    root: str | Path | None = None,
    progress: sources.Progress | None = None,
    labels: str | None = None,
) -> Dataset:
    """Read a dataset as its files hold it; it needs no labels.

    Args:
        name: "mnist", "fashion-mnist", or the path of a file or folder as `formats.find` takes it.
        root: folder of downloaded datasets, in torchvision's layout; by default SHUZI_DATA, else the user's cache.
        progress: called as a download proceeds: file name, bytes received, bytes in total (0: unknown).
        labels: take only images with these labels, such as "0-9".

    Raises:
        ShuziError: an unknown name, a folder without a dataset, a damaged file, or no source for a missing one.
    """
    chosen = None if labels is None else parse_labels(labels)
    if str(name) in sources.SOURCES:
        dataset = from_files(str(name), sources.obtain(str(name), Path(root) if root else None, progress))
    else:
        files = formats.find(Path(name))
        parts = formats.read(files)
        dataset = Dataset(Path(name).resolve().name, [file.as_read() for file in files], parts)
    if chosen is None:
        return dataset
    return replace(dataset, parts={part: only(each, chosen) for part, each in dataset.parts.items()})


def of(train: Digits, test: Digits) -> Dataset:
    """Return training and test digits as a dataset without files."""
    return Dataset(
        train.name, [], {TRAIN: DatasetPart(train.images, train.labels), TEST: DatasetPart(test.images, test.labels)}
    )


def parse_labels(text: str) -> range:
    """Parse a range of labels, such as 0-9 or 7. Raises ShuziError for anything else."""
    if not re.fullmatch("[0-9](-[0-9])?", text):
        raise ShuziError(f"--labels {text}: expected a digit, or a range of them such as 0-9")
    return range(int(text[0]), int(text[-1]) + 1)


def only(part: DatasetPart, labels: range) -> DatasetPart:
    """Return the images of a part with these labels."""
    if part.labels is None:
        return part
    chosen = np.isin(part.labels, labels)
    return DatasetPart(part.images[chosen], part.labels[chosen])


def from_files(name: str, found: list[sources.DataFile]) -> Dataset:
    """Return the dataset of a name that is in its four files, in the order of `sources.NAMES`."""
    files = [File(file.path, file.name, len(file.data), sources.SOURCES[name].files[file.name]) for file in found]
    images, labels, test_images, test_labels = (idx.parse(file.data, file.name) for file in found)
    return Dataset(name, files, {TRAIN: DatasetPart(images, labels), TEST: DatasetPart(test_images, test_labels)})
