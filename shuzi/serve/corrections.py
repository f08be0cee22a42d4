"""Answers put right by hand, kept as a folder of labelled pictures: <folder>/<label>/<name>.png."""

import hashlib
import secrets
from io import BytesIO
from pathlib import Path

import numpy as np
import platformdirs
from PIL import Image

from shuzi.errors import ShuziError

MOST = 100_000  # pictures: nobody corrects as many by hand, and a runaway client can't fill the disk


def default_folder() -> Path:
    """Where corrections are kept unless told otherwise: in the user's data folder."""
    return platformdirs.user_data_path("shuzi", appauthor=False) / "corrections"


def keep(folder: Path, image: np.ndarray, label: int) -> Path:
    """Writes a 28x28 under its label and returns the file; whole or not at all.

    image: uint8 (28, 28), 0 is paper and 255 is ink; label: 0..9. The name comes from the pixels, so one picture
    has one label: the last that it was given. Raises ShuziError when the folder is full or can't be written.
    """
    name = hashlib.sha256(image.tobytes()).hexdigest()[:16] + ".png"
    path = folder / str(label) / name
    png = BytesIO()
    Image.fromarray(image).save(png, "PNG")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if sum(1 for _ in folder.glob("[0-9]/*.png")) >= MOST:
            raise ShuziError(f"{folder} holds {MOST:,} corrections, the most kept; move some away.")
        beside = path.with_name(
            f".{name}.{secrets.token_hex(4)}"
        )  # hidden: a half file is never taken for a picture
        beside.write_bytes(png.getvalue())
        beside.replace(path)
        for other in folder.glob(f"[0-9]/{name}"):
            if other != path:
                other.unlink(missing_ok=True)
    except OSError as error:
        raise ShuziError(
            f"{path} can't be written ({error.strerror}); free or name another folder."
        ) from error
    return path
