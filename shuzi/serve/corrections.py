"""Corrections by hand, saved as a folder of labelled pictures: <folder>/<label>/<id>.png."""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from shuzi.display import png
from shuzi.errors import ShuziError
from shuzi.files import cannot_write, locked, write_whole
from shuzi.serve.schemas import CorrectionAnswer

MOST_CORRECTIONS = 100_000  # nobody corrects as many by hand, and a runaway client can't fill the disk
LOCK_TIMEOUT = 5.0  # seconds to wait for another process that writes there


def save(folder: Path, image: np.ndarray, label: int) -> CorrectionAnswer:
    """Saves a 28x28 under its label, completely or not at all, and under one label at any time: the last one.

    image: uint8 (28, 28), 0 is paper and 255 is ink; label: 0..9. Raises ShuziError when the folder is full or can't
    be written.
    """
    id = hashlib.sha256(image.tobytes()).hexdigest()[:16]
    file = f"{label}/{id}.png"
    with _locked(folder):
        before = _files(folder, id)
        if before:
            (folder / file).parent.mkdir(exist_ok=True)
            before[0].replace(folder / file)  # the name follows from the pixels, so the file is the same
            for other in before[1:]:
                other.unlink()
        elif sum(1 for _ in folder.glob("[0-9]/*.png")) >= MOST_CORRECTIONS:
            raise ShuziError(f"{folder} has {MOST_CORRECTIONS:,} corrections, the limit; move some away.")
        else:
            write_whole(folder / file, png(Image.fromarray(image)))
    was = int(before[0].parent.name) if before else None
    return CorrectionAnswer(id=id, label=label, was=was, file=file)


def delete(folder: Path, id: str) -> bool:
    """Deletes a correction; whether there was one. Raises ShuziError when the folder can't be written."""
    if not folder.is_dir():
        return False
    with _locked(folder):
        files = _files(folder, id)
        for file in files:
            file.unlink()
        return bool(files)


def _files(folder: Path, id: str) -> list[Path]:
    return sorted(folder.glob(f"[0-9]/{id}.png"))


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keeps other threads and servers out of the folder, and turns errors of the disk into a ShuziError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / "corrections", LOCK_TIMEOUT):
            yield
    except OSError as error:
        raise cannot_write(folder, error) from error
