"""Answers put right by hand, kept as a folder of labelled pictures: <folder>/<label>/<id>.png."""

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import platformdirs
from PIL import Image

from shuzi.errors import ShuziError
from shuzi.files import cannot_write, locked, write_whole
from shuzi.serve.settings import Settings

MOST = 100_000  # pictures: nobody corrects as many by hand, and a runaway client can't fill the disk
PATIENCE = 5.0  # seconds to wait for another who writes there


@dataclass(frozen=True)
class Kept:
    """A correction. id: 16 hexadecimal digits, of the pixels; label: 0..9; was: the label it had before, if any."""

    id: str
    label: int
    was: int | None

    @property
    def file(self) -> str:
        """Its file in the folder."""
        return f"{self.label}/{self.id}.png"


def default_folder() -> Path:
    """Where corrections are kept unless told otherwise: in the user's data folder."""
    return platformdirs.user_data_path("shuzi", appauthor=False) / "corrections"


def folder_of(settings: Settings) -> Path | None:
    """Where a server keeps corrections; None where it is read-only."""
    return None if settings.read_only else Path(settings.corrections or default_folder())


def keep(folder: Path, image: np.ndarray, label: int) -> Kept:
    """Puts a 28x28 under its label; whole or not at all, and under one label at any time: the last it was given.

    image: uint8 (28, 28), 0 is paper and 255 is ink; label: 0..9. Raises ShuziError when the folder is full or can't
    be written.
    """
    kept = Kept(hashlib.sha256(image.tobytes()).hexdigest()[:16], label, None)
    path = folder / kept.file
    with _alone(folder):
        before = _files(folder, kept.id)
        if not before:
            if sum(1 for _ in folder.glob("[0-9]/*.png")) >= MOST:
                raise ShuziError(f"{folder} holds {MOST:,} corrections, the most kept; move some away.")
            png = BytesIO()
            Image.fromarray(image).save(png, "PNG")
            write_whole(path, png.getvalue())
            return kept
        path.parent.mkdir(exist_ok=True)
        before[0].replace(path)  # the name tells the pixels, so the file is the same
        for other in before[1:]:
            other.unlink()
        return Kept(kept.id, label, int(before[0].parent.name))


def drop(folder: Path, name: str) -> bool:
    """Takes a correction away by its id; whether there was one. Raises ShuziError when the folder can't be written."""
    if not folder.is_dir():
        return False
    with _alone(folder):
        found = _files(folder, name)
        for file in found:
            file.unlink()
        return bool(found)


def _files(folder: Path, name: str) -> list[Path]:
    return sorted(folder.glob(f"[0-9]/{name}.png"))


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps other threads and other servers from the folder, and says in a sentence what the disk said."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / "corrections", PATIENCE):
            yield
    except OSError as error:
        raise cannot_write(folder, error) from error
