"""A person's own digits: a folder with one sub-folder per label, 0 to 9, of pictures of any size."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from shuzi.data.digits import CLASSES, SIDE, Digits
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
    listing, blank = hashlib.sha256(), []
    parts: dict[bool, tuple[list[np.ndarray], list[int]]] = {False: ([], []), True: ([], [])}
    found = {label: by_digest(paths) for label, paths in pictures(folder).items()}
    digests = [[digest for digest, _ in pairs] for pairs in found.values()]
    for_test = set().union(*(test_digests(each, HELD_OUT) for each in digests))
    for label, pairs in found.items():
        for digest, path in pairs:
            image = load_image(path, normalise)
            if not image.any():
                blank.append(f"{label}/{path.name}")
                continue
            listing.update(f"{digest}  {label}\n".encode())
            images, labels = parts[digest in for_test]
            images.append(image)
            labels.append(label)
    check_found(folder, [] if skip_blank else blank, bool(parts[True][0]))
    train, test = (
        Digits(
            np.array(parts[part][0], np.uint8).reshape(-1, SIDE, SIDE),
            np.array(parts[part][1], np.uint8),
            f"{folder.resolve().name} {'test' if part else 'train'}",
            listing.hexdigest(),
            split_rule=SPLIT,
        )
        for part in (False, True)
    )
    return train, test


def check_found(folder: Path, blank: list[str], any_tested: bool) -> None:
    """Raise ShuziError if pictures without ink were found, or none that are for the test."""
    if blank:
        raise ShuziError(
            f"{folder}: no ink found in {', '.join(blank)}. "
            "Replace them with clearer pictures, or go on without them: --skip-blank"
        )
    if not any_tested:
        raise ShuziError(
            f"{folder}: no label has 2 different pictures, one to learn from and one to test with. Add some."
        )


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
