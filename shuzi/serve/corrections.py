"""Corrections by hand, saved as a folder of labelled pictures: <folder>/<label>/<id>.png."""

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import platformdirs
from PIL import Image

from shuzi.display import png
from shuzi.errors import ShuziError
from shuzi.files import cannot_write, locked, write_whole
from shuzi.serve.settings import ServerSettings

MOST_CORRECTIONS = 100_000  # nobody corrects as many by hand, and a runaway client can't fill the disk
LOCK_TIMEOUT = 5.0  # seconds to wait for another process that writes there


@dataclass(frozen=True)
class SavedCorrection:
    """A correction. id: 16 hexadecimal digits, of the pixels; label: 0..9; was: the label it had before, if any."""

    id: str
    label: int
    was: int | None

    @property
    def file(self) -> str:
        """Its file in the folder."""
        return f"{self.label}/{self.id}.png"


def default_folder() -> Path:
    """The default folder of corrections, in the user's data folder."""
    return platformdirs.user_data_path("shuzi", appauthor=False) / "corrections"


def folder_of(settings: ServerSettings) -> Path | None:
    """The folder of a server's corrections; None where it is read-only."""
    return None if settings.read_only else Path(settings.corrections or default_folder())


def save(folder: Path, image: np.ndarray, label: int) -> SavedCorrection:
    """Saves a 28x28 under its label, completely or not at all, and under one label at any time: the last one.

    image: uint8 (28, 28), 0 is paper and 255 is ink; label: 0..9. Raises ShuziError when the folder is full or can't
    be written.
    """
    saved = SavedCorrection(hashlib.sha256(image.tobytes()).hexdigest()[:16], label, None)
    path = folder / saved.file
    with _locked(folder):
        before = _files(folder, saved.id)
        if not before:
            if sum(1 for _ in folder.glob("[0-9]/*.png")) >= MOST_CORRECTIONS:
                raise ShuziError(f"{folder} has {MOST_CORRECTIONS:,} corrections, the limit; move some away.")
            write_whole(path, png(Image.fromarray(image)))
            return saved
        path.parent.mkdir(exist_ok=True)
        before[0].replace(path)  # the name follows from the pixels, so the file is the same
        for other in before[1:]:
            other.unlink()
        return replace(saved, was=int(before[0].parent.name))


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
