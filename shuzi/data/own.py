"""A person's own digits: a folder with one sub-folder per label, 0 to 9, of pictures of any size."""

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from shuzi.data.digits import CLASSES, Digits
from shuzi.data.sources import SOURCES
from shuzi.errors import ShuziError
from shuzi.files import read_bytes

# The rule that splits a person's pictures, as run.json and exports record it: for each label, pictures whose SHA-256 is
# in the lowest fifth of all values are for the test.
SPLIT = "SHA-256"
HELD_OUT = 1 / 5
# The same for a dataset that has one part only: a tenth of each label, by the SHA-256 of the images.
IMAGE_SPLIT, IMAGES_HELD_OUT = "SHA-256 of the image", 1 / 10
DIGEST_VALUES = 2**256


def is_own(name: str | Path) -> bool:
    """Tell whether a dataset's name is that of a folder with sub-folders named by labels."""
    return str(name) not in SOURCES and any((Path(name) / str(label)).is_dir() for label in range(CLASSES))


def pictures(folder: Path) -> dict[int, list[Path]]:
    """List each label's pictures by name, without hidden files.

    Raises:
        ShuziError: there are none.
    """
    found = {}
    for label in range(CLASSES):
        files = (folder / str(label)).glob("[!.]*")
        if paths := sorted(path for path in files if path.is_file()):
            found[label] = paths
    if not found:
        raise ShuziError(f"{folder}: its sub-folders 0 to 9 hold no pictures. Add some.")
    return found


def from_pictures(
    folder: Path, normalise: Callable[[bytes], np.ndarray], skip_blank: bool = False
) -> tuple[Digits, Digits]:
    """Load the training and the test digits of a folder of pictures.

    A picture's bytes decide its part (see `test_digests`), so adding, renaming or removing others doesn't move it.
    Both parts are sorted by label and, within a label, by SHA-256.

    Args:
        folder: has sub-folders 0 to 9, or some of them.
        normalise: turns a picture's bytes into the uint8 (28, 28) that a reader will see of it.
        skip_blank: leave pictures without ink out; otherwise they are an error that lists them all.

    Raises:
        ShuziError: there are no pictures, no label has two different ones, a file is not a picture, or some have no
            ink.
    """
    found = {label: by_digest(paths) for label, paths in pictures(folder).items()}
    for_test = set[str]().union(*(test_digests([digest for digest, _ in pairs], HELD_OUT) for pairs in found.values()))
    files = [(label, digest, path) for label, pairs in found.items() for digest, path in pairs]
    images = np.stack([load_image(path, normalise) for *_, path in files])
    inked = [bool(image.any()) for image in images]
    blank = [f"{label}/{path.name}" for (label, _, path), has_ink in zip(files, inked, strict=True) if not has_ink]
    if blank and not skip_blank:
        raise ShuziError(
            f"{folder}: no ink found in {', '.join(blank)}. "
            "Replace them with clearer pictures, or go on without them: --skip-blank"
        )
    files = list(itertools.compress(files, inked))
    test = np.array([digest in for_test for _, digest, _ in files], bool)
    if not test.any():
        raise ShuziError(
            f"{folder}: no label has 2 different pictures, one to learn from and one to test with. Add some."
        )
    labels = np.array([label for label, *_ in files], np.uint8)
    listing = "".join(f"{digest}  {label}\n" for label, digest, _ in files)
    sha256 = hashlib.sha256(listing.encode()).hexdigest()
    return parted(Digits(images[inked], labels, folder.resolve().name, sha256, split_rule=SPLIT), test)


def parted(digits: Digits, test: np.ndarray) -> tuple[Digits, Digits]:
    """Part digits into those to learn from and those for the test: bool (N,). Both are called by their set's name."""
    train, tested = (
        replace(digits, images=digits.images[part], labels=digits.labels[part], name=f"{digits.name} {title}")
        for part, title in ((~test, "train"), (test, "test"))
    )
    return train, tested


def by_digest(paths: list[Path]) -> list[tuple[str, Path]]:
    """Pair files with the SHA-256 of their bytes, lowest first. Raises ShuziError if one can't be read."""
    return sorted((hashlib.sha256(read_bytes(path)).hexdigest(), path) for path in paths)


def test_digests(digests: list[str], share: float) -> set[str]:
    """Choose which of a label's pictures, by SHA-256 in hexadecimal, are for the test.

    They are those in the lowest `share` of all values, or the lowest if there are none; never the highest, so that at
    least one is left for training. Copies of a picture count as one.
    """
    lowest_first = sorted(set(digests))
    lowest = [each for each in lowest_first if int(each, 16) < share * DIGEST_VALUES]
    return set(lowest or lowest_first[:1]) - set(lowest_first[-1:])


def hold_out(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Choose which images of a set of one part are for the test: bool (N,), by IMAGE_SPLIT. Copies are on one side."""
    digests = np.array([hashlib.sha256(image).hexdigest() for image in images])
    chosen = np.zeros(len(labels), bool)
    for label in range(CLASSES):
        of_label = labels == label
        lowest = test_digests(digests[of_label].tolist(), IMAGES_HELD_OUT)
        chosen |= of_label & np.isin(digests, [*lowest])
    return chosen


def load_image(path: Path, normalise: Callable[[bytes], np.ndarray]) -> np.ndarray:
    """Load a picture as uint8 (28, 28). Raises ShuziError, naming the file, if it is not a picture."""
    data = read_bytes(path)
    try:
        return normalise(data)
    except ShuziError as error:
        raise ShuziError(f"{path}: {error}") from error


def repeated(few: Digits, least: int) -> Digits:
    """Repeat digits until there are at least `least`; augmentation makes each copy different."""
    times = -(-least // len(few))
    return Digits(np.tile(few.images, (times, 1, 1)), np.tile(few.labels, times), few.name)
