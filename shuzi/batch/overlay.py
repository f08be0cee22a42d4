"""What was read, drawn: copies of pictures with boxes and readings, and the images that the network saw."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from shuzi.batch.folders import Job
from shuzi.data.picture import load
from shuzi.files import write_png
from shuzi.page import Page

if TYPE_CHECKING:
    from shuzi.data.picture import Source

MAX_NAME_BYTES = 255  # of a file
SURE, UNSURE = (0, 140, 60), (230, 90, 0)  # RGB


def draw_overlay(source: Source, page: Page) -> np.ndarray:
    """Draw a box around each digit of a picture and its reading above it: uint8 (H, W, 3), RGB, upright.

    Unsure digits are orange with a question mark. Large pictures are reduced.
    """
    picture = load(source)
    enlarge = max(1, round(480 / max(picture.pixels.shape[:2])))  # a 28x28 leaves no room for letters
    drawn = cv2.resize(picture.pixels, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_NEAREST)
    scale = enlarge / picture.scale
    pen = max(1, round(max(drawn.shape) / 800))
    for digit in page.digits:
        x, y, w, h = (round(v * scale) for v in digit.box)
        colour = UNSURE if digit.digit is None else SURE
        cv2.rectangle(drawn, (x - pen, y - pen), (x + w + pen, y + h + pen), colour, pen, cv2.LINE_AA)
        text = f"{digit.guess}?" if digit.digit is None else str(digit.digit)
        size = min(max(h / 60, 0.4 * pen), 1.2 * pen)
        above = y - 3 * pen if y - 3 * pen > 22 * size else y + h + 3 * pen + round(22 * size)
        for width, tone in ((3 * pen, (255, 255, 255)), (pen, colour)):  # legible on dark and on light
            cv2.putText(drawn, text, (x, above), cv2.FONT_HERSHEY_SIMPLEX, size, tone, width, cv2.LINE_AA)
    return drawn


def _output(folder: str | os.PathLike[str], name: str, ending: str) -> Path:
    """Name a file in a folder. A name that is too long is cut and ends in a hash of the whole."""
    path = Path(folder) / f"{name}{ending}"
    whole = os.fsencode(path.name)
    if len(whole) <= MAX_NAME_BYTES:
        return path
    mark = f"-{hashlib.sha256(whole).hexdigest()[:16]}{ending}"
    return path.with_name(whole[: MAX_NAME_BYTES - len(mark)].decode("utf-8", "ignore") + mark)


def _write_png(path: Path, pixels: np.ndarray) -> None:
    data = cv2.imencode(".png", pixels[:, :, ::-1] if pixels.ndim == 3 else pixels)[1]
    write_png(path, data.tobytes())


def write_overlay(folder: str | os.PathLike[str], job: Job, page: Page) -> Path:
    """Write a job's overlay to `folder`/NAME.png and return that path. Raises ShuziError if it can't be written."""
    path = _output(folder, job.name, ".png")
    _write_png(path, draw_overlay(job.load(), page))
    return path


def write_inputs(folder: str | os.PathLike[str], job: Job, page: Page) -> list[Path]:
    """Write each digit's image as the network saw it to `folder`/NAME-INDEX-READING.png; return the paths."""
    paths = []
    for index, digit in enumerate(page.digits):
        reading = "unsure" if digit.digit is None else str(digit.digit)
        paths.append(_output(folder, job.name, f"-{index:03d}-{reading}.png"))
        _write_png(paths[-1], digit.image)
    return paths
