"""Digits of one's own: a folder with one sub-folder a label, 0 to 9, of pictures of any size."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from shuzi.data.digits import CLASSES, SIDE, Digits
from shuzi.data.sources import SOURCES
from shuzi.errors import ShuziError

HELD_BACK = (
    5  # of each label every fifth picture, in the order of their names, is for the test; of fewer, the last
)


def is_own(name: str | Path) -> bool:
    """Say whether a set's name is that of a folder with sub-folders named by labels."""
    return str(name) not in SOURCES and any((Path(name) / str(label)).is_dir() for label in range(CLASSES))


def pictures(folder: Path) -> dict[int, list[Path]]:
    """Give the pictures of each label there is, by name; hidden files are left out.

    Raises:
        ShuziError: there are none.
    """
    found = {}
    for label in range(CLASSES):
        files = (folder / str(label)).glob("[!.]*")
        if paths := sorted(path for path in files if path.is_file()):
            found[label] = paths
    if not found:
        raise ShuziError(f"{folder}: its sub-folders 0 to 9 hold no pictures")
    return found


def from_pictures(folder: Path, normalise: Callable[[bytes], np.ndarray]) -> tuple[Digits, Digits]:
    """Give the training and the test digits of a folder of pictures.

    Args:
        folder: has sub-folders 0 to 9, or some of them.
        normalise: a picture's bytes to the uint8 (28, 28) that a reader will see of it.

    Raises:
        ShuziError: no pictures, one at most of each label, a file that is none, or a picture without ink.
    """
    listing = hashlib.sha256()
    parts: dict[str, tuple[list[np.ndarray], list[int]]] = {"train": ([], []), "test": ([], [])}
    for label, paths in pictures(folder).items():
        tested = paths[HELD_BACK - 1 :: HELD_BACK] or paths[1:][-1:]
        for path in paths:
            try:
                data = path.read_bytes()
                image = normalise(data)
            except (ShuziError, OSError) as error:
                raise ShuziError(f"{path}: {error}") from error
            if not image.any():
                raise ShuziError(f"{path}: no ink found in it; take it out, or put a clearer picture there")
            listing.update(f"{hashlib.sha256(data).hexdigest()}  {label}/{path.name}\n".encode())
            images, labels = parts["test" if path in tested else "train"]
            images.append(image)
            labels.append(label)
    if not parts["test"][0]:
        raise ShuziError(
            f"{folder}: no label has 2 pictures, one to learn from and one to test with; add some"
        )
    train, test = (
        Digits(
            np.array(images, np.uint8).reshape(-1, SIDE, SIDE),
            np.array(labels, np.uint8),
            f"{folder} {part}",
            listing.hexdigest(),
        )
        for part, (images, labels) in parts.items()
    )
    return train, test


def repeated(few: Digits, least: int) -> Digits:
    """Give digits, each as often as it takes to have `least` or more; a warped copy is never the same twice."""
    times = -(-least // len(few))
    return Digits(np.tile(few.images, (times, 1, 1)), np.tile(few.labels, times), few.name)
