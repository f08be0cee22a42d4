"""What was read, drawn: copies of pictures with boxes and readings, and the images that the network saw."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import cv2
import numpy as np

from shuzi.batch.folders import Job
from shuzi.data.picture import load
from shuzi.files import write_png
from shuzi.page import Box, Digit, Number, Page
from shuzi.read.proposals import intersection

if TYPE_CHECKING:
    from shuzi.data.picture import Source

MAX_NAME_BYTES = 255  # of a file
SURE, UNSURE = (0, 140, 60), (230, 90, 0)  # RGB


def draw_overlay(source: Source, page: Page) -> np.ndarray:
    """Draw boxes around the digits and marks of a picture, and each number's text above it: uint8 (H, W, 3), RGB.

    Uncertain digits are orange, and so are places that were not read. Large pictures are reduced.
    """
    picture = load(source)
    enlarge = max(1, round(480 / max(picture.pixels.shape[:2])))  # a 28x28 leaves no room for letters
    drawn = cv2.resize(picture.pixels, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_NEAREST)
    scale = enlarge / picture.scale
    pen = max(1, round(max(drawn.shape) / 800))

    def frame(box: Box, colour: tuple[int, int, int]) -> None:
        x, y, w, h = _scaled(box, scale)
        cv2.rectangle(drawn, (x - pen, y - pen), (x + w + pen, y + h + pen), colour, pen, cv2.LINE_AA)

    taken = [_scaled(part.box, scale) for number in page.numbers for part in number.parts]
    for number in page.numbers:
        for part in number.parts:
            frame(part.box, UNSURE if isinstance(part, Digit) and part.digit is None else SURE)
        taken.append(_label(drawn, number, scale, pen, taken))
    for box in page.unread:
        frame(box, UNSURE)
    return drawn


def _label(drawn: np.ndarray, number: Number, scale: float, pen: int, taken: list[Box]) -> Box:
    """Write a number's text beside it, as wide as it is at most, and return the text's box.

    It stands above the number, or on its right, on its left or below it: where it hides least of the boxes `taken`.
    """
    x, y, w, h = _scaled(number.box, scale)
    (width, _), _ = cv2.getTextSize(number.text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, pen)
    digit = median(each.box[3] for each in number.digits) * scale
    size = max(min(max(digit / 60, 0.4 * pen), 1.2 * pen, w / width), 0.3 * pen)
    wide, high, apart = round(width * size), round(22 * size), 3 * pen
    middle = y + (h - high) // 2
    beside = (x, y - apart - high), (x + w + apart, middle), (x - apart - wide, middle), (x, y + h + apart)
    left, top = min(beside, key=lambda corner: _hidden((*corner, wide, high), taken, drawn.shape))
    colour = UNSURE if "?" in number.text else SURE
    for line, tone in ((3 * pen, (255, 255, 255)), (pen, colour)):  # legible on dark and on light
        cv2.putText(drawn, number.text, (left, top + high), cv2.FONT_HERSHEY_SIMPLEX, size, tone, line, cv2.LINE_AA)
    return left, top, wide, high


def _scaled(box: Box, scale: float) -> Box:
    x, y, w, h = (round(v * scale) for v in box)
    return x, y, w, h


def _hidden(label: Box, taken: list[Box], shape: tuple[int, ...]) -> float:
    """Measure how many pixels of boxes (N, 4) a label hides; all of its own too if it leaves a picture (H, W, 3)."""
    left, top, wide, high = label
    outside = left < 0 or top < 0 or left + wide > shape[1] or top + high > shape[0]
    return float(intersection(np.array(label), np.array(taken)).sum()) + outside * wide * high


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
