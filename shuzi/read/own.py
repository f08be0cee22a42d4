"""Digits of one's own: a folder with one sub-folder a label, 0 to 9, of pictures of any size.

Each picture goes the way of the reader, so that training sees what reading will see.
"""

import hashlib
from pathlib import Path

import numpy as np

from shuzi.data import digits, sources
from shuzi.data.digits import CLASSES, SIDE, Digits
from shuzi.errors import ShuziError

HELD_BACK = (
    5  # of each label every fifth picture, in the order of their names, is for the test; of fewer, the last
)


def load(
    name: str | Path = "mnist", root: str | Path | None = None, progress: sources.NewProgress | None = None
) -> tuple[Digits, Digits]:
    """Give the training and the test digits of a set.

    Args:
        name: "mnist", "fashion-mnist", or a folder: of pictures in sub-folders 0 to 9, or of four IDX files.
        root: where named sets lie, in torchvision's layout; default SHUZI_DATA, else the user's cache.
        progress: makes a progress display for downloads; default none.

    Raises:
        ShuziError: an unknown name, a folder with neither, a file that is not what it should be, or no
            source for one that is missing.
    """
    if str(name) not in sources.SOURCES and is_own(Path(name)):
        return from_pictures(Path(name))
    return digits.load(name, root, progress)


def is_own(folder: Path) -> bool:
    """Say whether a folder has sub-folders named by labels."""
    return any((folder / str(label)).is_dir() for label in range(CLASSES))


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


def from_pictures(folder: Path) -> tuple[Digits, Digits]:
    """Give the training and the test digits of a folder of pictures.

    Raises:
        ShuziError: no pictures, one at most of each label, a file that is none, or a picture without ink.
    """
    from shuzi.read.reader import Reader

    reader = Reader()
    listing = hashlib.sha256()
    parts: dict[str, tuple[list[np.ndarray], list[int]]] = {"train": ([], []), "test": ([], [])}
    for label, paths in pictures(folder).items():
        tested = paths[HELD_BACK - 1 :: HELD_BACK] or paths[1:][-1:]
        for path in paths:
            try:
                data = path.read_bytes()
                image = reader.read(data, single=True).digits[0].image
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
