"""Strokes of a pen to the picture of them that is read: cropped to the writing, at the size that is read best."""

from dataclasses import dataclass

import cv2
import numpy as np

from shuzi.read.proposals import BEST_SIZE

PEN = 0.11  # stroke width over a digit's larger side: about the median of people's handwriting
SHORT = 0.5  # of the pen: short strokes, of smaller digits, are drawn with one no finer than that
TALL = 75  # percentile of the strokes' larger sides that counts as a digit's: bars and dots are shorter
MARGIN = 0.5  # digits' sizes of paper around the writing
MOST_PIXELS = 300_000  # of the picture: a sheet full of small digits
SHIFT = 4  # OpenCV draws at sixteenths of a pixel


@dataclass(frozen=True, eq=False)
class RenderedStrokes:
    """A picture of strokes.

    pixels: uint8 (H, W), dark on white; left, top: where it begins on the sheet, in the sheet's units;
    scale: its pixels to one of them.
    """

    pixels: np.ndarray
    left: float
    top: float
    scale: float

    def on_sheet(self, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """A box (x, y, width, height) of the picture, on the sheet."""
        x, y, w, h = (v / self.scale for v in box)
        left, top = round(x + self.left), round(y + self.top)
        return left, top, round(x + self.left + w) - left, round(y + self.top + h) - top


def render(strokes: list[np.ndarray]) -> RenderedStrokes:
    """Draws strokes. Each is float (n, 3): x, y in any unit, y down, and pressure, 0..1, 0.5 where there is none."""
    points = np.concatenate(strokes)[:, :2]
    sides = np.array([np.ptp(stroke[:, :2], axis=0).max() for stroke in strokes])
    low, size = points.min(0), np.ptp(points, axis=0)
    digit = max(float(np.percentile(sides, TALL)), float(size.max()) / 100, 1e-3)
    margin = MARGIN * digit
    area = float((size + 2 * margin).prod())
    scale = min(BEST_SIZE / digit, (MOST_PIXELS / area) ** 0.5)
    pen = PEN * digit * scale
    width, height = (np.ceil((size + 2 * margin) * scale)).astype(int)
    pixels = np.full((height, width), 255, np.uint8)
    for stroke, side in zip(strokes, sides.tolist(), strict=True):
        wide = pen * min(max(side / digit, SHORT), 1)
        fixed = np.rint((stroke[:, :2] - low + margin) * scale * (1 << SHIFT)).astype(np.int32)
        pressure = stroke[:, 2]
        if pressure.min() == pressure.max():
            thick = max(1, round(wide * (0.5 + float(pressure[0]))))
            cv2.polylines(pixels, [fixed], False, 0, thick, cv2.LINE_AA, SHIFT)
            continue
        for a, b, p in zip(fixed[:-1], fixed[1:], pressure[1:], strict=True):
            cv2.line(pixels, a.tolist(), b.tolist(), 0, max(1, round(wide * (0.5 + p))), cv2.LINE_AA, SHIFT)
    return RenderedStrokes(pixels, float(low[0] - margin), float(low[1] - margin), scale)
