"""Datasets of encoded pictures: Parquet files as Hugging Face stores them, and folders of PNG files."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from shuzi.data import picture
from shuzi.data.arrays import stack
from shuzi.data.own import pictures
from shuzi.data.unpack import max_unpacked
from shuzi.errors import ShuziError, needs
from shuzi.files import read_bytes

IMAGES, LABELS = ("image", "img"), ("label", "labels", "digit")
BATCH = 500  # rows of a Parquet file that are in memory at a time
MAX_PIXELS = 2_000_000_000  # of a set's pictures together


def decode(data: bytes, where: str) -> np.ndarray:
    """Decode a picture to grey, uint8 (H, W). Raises ShuziError that begins with `where` if it is damaged."""
    try:
        return cv2.cvtColor(picture.load(data).pixels, cv2.COLOR_RGB2GRAY)
    except ShuziError as error:
        raise ShuziError(f"{where}: {error}") from error


def read_parquet(path: Path) -> dict[str, np.ndarray]:
    """Read "images", uint8 (N, H, W), and, if the file has them, "labels" from a Parquet file.

    Raises:
        ShuziError: pyarrow is missing, the file is damaged or has other columns, or a picture is damaged, missing or of
            another size; the sentence has the row's number, from 1.
    """
    parquet = needs("parquet", "pyarrow.parquet")
    import pyarrow

    try:
        max_unpacked(path)
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            image = next((name for name in IMAGES if name in names), None)
            label = next((name for name in LABELS if name in names), None)
            if image is None:
                raise ShuziError(f'{path}: has the columns {", ".join(names)}, expected "image" and perhaps "label".')
            images: list[np.ndarray] = []
            labels: list[Any] = []
            for batch in file.iter_batches(BATCH, columns=[image, label] if label else [image]):
                columns = batch.to_pydict()
                labels += columns[label] if label else []
                for cell in columns[image]:
                    where = f"{path}, row {len(images) + 1:,}"
                    images.append(decode(bytes_of(cell, where), where))
                    if len(images) * images[0].size > MAX_PIXELS:
                        raise ShuziError(f"{path}: more than {MAX_PIXELS:,} pixels in all. Split it.")
    except (pyarrow.ArrowException, OSError, KeyError, UnicodeDecodeError) as error:
        raise ShuziError(f"{path}: not a Parquet file, or damaged ({str(error).splitlines()[0]:.80}).") from error
    found = {"images": stack(images, str(path))}
    return found | {"labels": np.array(labels, object)} if label else found


def bytes_of(cell: object, where: str) -> bytes:
    """Return the file of a picture in a cell: its bytes, or a dictionary with them."""
    data = cell.get("bytes") if isinstance(cell, dict) else cell
    if isinstance(data, bytes) and data:
        return data
    path = cell.get("path") if isinstance(cell, dict) else cell
    if isinstance(path, str):
        raise ShuziError(f"{where}: only the path of a picture, {path!r:.60}, without its bytes. Embed the pictures.")
    raise ShuziError(f"{where}: {type(cell).__name__}, expected the bytes of a picture.")


def read_folder(path: Path) -> dict[str, np.ndarray]:
    """Read "images", uint8 (N, H, W), and "labels" from a folder with sub-folders 0 to 9, in the order of file names.

    Raises:
        ShuziError: a file is not a picture, or of another size than the first.
    """
    found = sorted((file.name, label, file) for label, files in pictures(path).items() for file in files)
    images = [decode(read_bytes(file), str(file)) for _, _, file in found]
    return {"images": stack(images, str(path)), "labels": np.array([label for _, label, _ in found])}
