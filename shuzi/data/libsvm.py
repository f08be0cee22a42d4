"""USPS as torchvision keeps it: lines of libsvm, packed by bzip2, of a label from 1 to 10 and 256 values from -1 to 1.

Source: J. J. Hull, "A database for handwritten text recognition research", IEEE PAMI 16 (1994), in the form of
https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass.html#usps.
"""

from pathlib import Path

import numpy as np

from shuzi.data.csv_images import whole_lines
from shuzi.errors import ShuziError

VALUES = 256  # 16x16


def read(path: Path) -> dict[str, np.ndarray]:
    """Read "images", uint8 (N, 256), and "labels", int64 (N,), 0 to 9. Raises ShuziError with the line's number."""
    images, labels, number = [], [], 0
    for text in whole_lines(path):
        for line in text.splitlines():
            number += 1
            if line.strip():
                image, label = parse_line(path, number, line)
                images.append(image)
                labels.append(label)
    if not images:
        raise ShuziError(f"{path}: holds no images, expected one in each line.")
    return {"images": np.stack(images), "labels": np.array(labels)}


def parse_line(path: Path, number: int, line: bytes) -> tuple[np.ndarray, int]:
    """Parse a line such as "7 1:-1 2:0.5"; values that it leaves out are 0."""
    cells = line.partition(b"#")[0].replace(b":", b" ").split()
    try:
        numbers = np.array(cells, np.float64)
        label, places, values = numbers[0], numbers[1::2], numbers[2::2]
        image = np.zeros(VALUES)
        image[places.astype(np.int64) - 1] = values
        right = (np.abs(values) <= 1).all() and (places >= 1).all() and 1 <= label <= 10 and label == int(label)
    except (ValueError, IndexError, OverflowError):
        right = False
    if not right:
        raise ShuziError(
            f"{path}: line {number} starts with {line[:30].decode('utf-8', 'replace')!r}, expected a label from 1 to "
            f"10 and up to {VALUES} values from -1 to 1, each as number:value."
        )
    return np.rint((image + 1) * 127.5).astype(np.uint8), int(label) - 1
