"""Arrays as numpy saves them: .npz files such as Keras' mnist.npz, and .npy files. Nothing is ever unpickled."""

import zipfile
from pathlib import Path
from tokenize import TokenError

import numpy as np

from shuzi.data.unpack import damaged_file_as_error, max_unpacked
from shuzi.errors import ShuziError


def read(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of an .npz file by their names, or the array of an .npy file by the name "".

    Raises:
        ShuziError: it can't be read, is damaged, holds Python objects, or unpacks to too much.
    """
    try:
        with damaged_file_as_error(path):
            most = max_unpacked(path)
            if path.suffix == ".npy":
                return {"": np.load(path, mmap_mode="r", allow_pickle=False)}
            with zipfile.ZipFile(path) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > most:
                    raise ShuziError(f"{path}: unpacks to more than {most:,} bytes. Unpack it yourself.")
            with np.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
    except (ValueError, TypeError, KeyError, SyntaxError, TokenError, MemoryError) as error:
        said = str(error)
        if "pickle" in said or "Object arrays" in said or "Python objects" in said:
            raise ShuziError(
                f"{path}: holds Python objects, which could run code when they are loaded. "
                "Save plain arrays of numbers with numpy.savez."
            ) from error
        raise ShuziError(f"{path}: damaged or cut off ({said:.80}). Download it again.") from error
