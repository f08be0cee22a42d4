"""Made-up forms, filled in with other people's digits, scanned or photographed, for benchmarks and tests."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from shuzi.synth.pages import HEIGHT, WIDTH, drawn_ink, inked, photographed, scanned, shadow
from shuzi.synth.raster import lay

ZONE = 620, 100  # pixels of a field's zone
FRAME = 8  # pixels from a zone's edge to what is printed in it
CELL = 0.95  # of the frame's height: the width of a cell of a comb, at most
SIZES = 0.45, 0.75  # of the frame's height: that of digits
# How the fields are printed, and what is written there, as `shuzi read --fields` takes it.
PRINTED = ("box", "comb", "line", "box", "comb", "line", "line", "box")
WRITTEN: tuple[dict[str, Any], ...] = (
    {"name": "account", "pattern": r"\d{6}"},
    {"name": "born", "date": "DD.MM.YYYY"},
    {"name": "card", "length": 16, "check": "luhn"},
    {"name": "amount", "length": [1, 6]},
    {"name": "postcode", "length": 5},
    {"name": "book", "check": "isbn", "length": 13},
    {"name": "reference", "check": "mod97", "length": [6, 12]},
    {"name": "article", "check": "ean", "length": 13, "optional": True},
)


def place(index: int) -> tuple[int, int]:
    """Left and top of a field's zone, in pixels of the sheet: two columns of four."""
    return 90 + 710 * (index % 2), 160 + 230 * (index // 2)


FORM: dict[str, Any] = {
    "sheet": [WIDTH, HEIGHT],
    "fields": [
        each | {"zone": [place(i)[0] / WIDTH, place(i)[1] / HEIGHT, ZONE[0] / WIDTH, ZONE[1] / HEIGHT]}
        for i, each in enumerate(WRITTEN)
    ],
}


def make_form(
    images: np.ndarray, labels: np.ndarray, texts: Sequence[str], photo: bool, generator: np.random.Generator
) -> np.ndarray:
    """FORM filled in, uint8 (H, W, 3), RGB.

    images: uint8 (N, 28, 28), 0 is paper and 255 is ink; labels: uint8 (N,), 0..9; texts: the digits of each field, ""
    for none; photo: lying on a table, seen at an angle, shadowed, out of focus and as JPEG; else as a scan.
    """
    printed = np.full((HEIGHT, WIDTH, 3), generator.integers(230, 256), np.uint8)
    print_colour = [float(v) for v in generator.choice([(60, 60, 60), (110, 150, 210), (200, 120, 110)])]
    ink = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.putText(printed, "FORM A", (90, 90), cv2.FONT_HERSHEY_DUPLEX, 1.6, print_colour, 2, cv2.LINE_AA)
    for i, (text, kind) in enumerate(zip(texts, PRINTED, strict=True)):
        x, y = place(i)
        name = WRITTEN[i]["name"]
        cv2.putText(printed, name, (x, y - 12), cv2.FONT_HERSHEY_SIMPLEX, 0.8, print_colour, 1, cv2.LINE_AA)
        cells = len(text) if kind == "comb" else 0
        _print(printed, (x, y), kind, cells, print_colour)
        digits = [images[generator.choice(np.flatnonzero(labels == int(d)))] for d in text]
        _write(ink, (x, y), digits, cells, generator)
    sheet = inked(printed, ink, generator)
    if photo:
        return photographed(sheet * shadow(generator), np.zeros((1, 4), np.float32), generator)[0]
    return scanned(sheet, generator)


def _cell(cells: int) -> float:
    return min((ZONE[0] - 2 * FRAME) / cells, CELL * (ZONE[1] - 2 * FRAME))


def _print(sheet: np.ndarray, at: tuple[int, int], kind: str, cells: int, colour: list[float]) -> None:
    left, top, right, bottom = at[0] + FRAME, at[1] + FRAME, at[0] + ZONE[0] - FRAME, at[1] + ZONE[1] - FRAME
    if kind == "line":
        cv2.line(sheet, (left, bottom), (right, bottom), colour, 2)
        return
    if cells:
        right = left + round(cells * _cell(cells))
        for i in range(1, cells):
            cv2.line(sheet, (x := left + round(i * _cell(cells)), top), (x, bottom), colour, 1)
    cv2.rectangle(sheet, (left, top), (right, bottom), colour, 2)


def _write(
    ink: np.ndarray, at: tuple[int, int], digits: list[np.ndarray], cells: int, generator: np.random.Generator
) -> None:
    room = ZONE[1] - 2 * FRAME
    size, slant = generator.uniform(*SIZES) * room, generator.normal(0, 0.12)
    size = min(size, 0.85 * (_cell(cells) if cells else (ZONE[0] - 4 * FRAME) / max(1, len(digits))))
    apart = generator.uniform(0.0, 0.2) * size
    x = at[0] + 2 * FRAME + generator.uniform(0, 10)
    for i, digit in enumerate(digits):
        one = drawn_ink(digit, size * generator.uniform(0.92, 1.08), slant)
        height, width = one.shape
        if cells:
            x = at[0] + FRAME + (i + 0.5) * _cell(cells) - width / 2 + generator.normal(0, 0.05) * size
        lay(ink, one, round(x), round(at[1] + FRAME + (room - height) / 2 + generator.normal(0, 0.06) * size))
        x += width + apart
