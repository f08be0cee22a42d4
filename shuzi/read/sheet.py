"""The sheet of paper that was written on, where the picture shows it on a table."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from shuzi.read.picture import zoomed

SIDE = 160  # pixels of the long side: enough to find a sheet by
FILL = 640  # pixels of the long side: enough for what is papered over
TONES = 30  # grey levels between a sheet and its table
AREA = 0.03, 0.85  # a sheet's share of the frame, at least and at most
LONG, FULL = 2.5, 0.95  # of a sheet: its sides' ratio at most, and how much of it is as bright as itself
RIM = 9  # pixels: twice the width of a sheet's edge, from what is surely the sheet outwards
STROKE = 15  # pixels: no stroke is wider
SOLID = 0.93  # a sheet's share of its convex hull
EDGE = 0.5  # of the difference between sheet and table, within five pixels: light falls off more slowly


@dataclass(frozen=True, eq=False)
class Sheet:
    """A part of a picture that is a sheet of paper.

    pixels: uint8 (h, w, 3), what is not the sheet papered over; inside: bool (h, w), what is;
    left, top: of its corner in the picture's pixels; scale: the picture's pixels to one of these;
    rim: uint8, of a reduced picture, not 0 along the sheet's edge; to_rim: its pixels to one of the picture's.
    """

    pixels: np.ndarray
    inside: np.ndarray
    left: int
    top: int
    scale: float
    rim: np.ndarray
    to_rim: float

    def share(self, box: tuple[float, float, float, float]) -> float:
        """How much of a box (x, y, width, height), in the picture's pixels, is on the sheet, 0..1."""
        x, y = ((v - corner) / self.scale for v, corner in zip(box, (self.left, self.top), strict=False))
        w, h = (v / self.scale for v in box[2:])
        on = self.inside[max(round(y), 0) : max(round(y + h), 0), max(round(x), 0) : max(round(x + w), 0)]
        return min(1.0, float(on.sum()) / max(w * h, 1))

    def has_on_rim(self, points: np.ndarray) -> float:
        """How many of points (N, 2), x and y in the picture's pixels, are on the sheet's edge, 0..1."""
        high, wide = self.rim.shape
        x, y = (points * self.to_rim).astype(int).T
        return float((self.rim[np.clip(y, 0, high - 1), np.clip(x, 0, wide - 1)] > 0).mean())


def sheet(rgb: np.ndarray, largest: int) -> Sheet | None:
    """The one sheet that lies on a darker or a lighter table, if the picture shows that.

    rgb: uint8 (H, W, 3); largest: pixels of the sheet's long side, to which it is reduced.
    """
    zoom = SIDE / max(rgb.shape)
    if min(rgb.shape[:2]) * zoom < SIDE / 4:
        return None
    plane = cv2.cvtColor(zoomed(rgb, zoom), cv2.COLOR_RGB2GRAY)
    plane = cv2.medianBlur(plane, SIDE // 20 | 1)  # forgets strokes and the table's grain
    found = _brighter(plane) or _brighter(cv2.bitwise_not(plane))
    if found is None:
        return None
    mask, tone = found
    x, y, w, h = cv2.boundingRect(mask)
    left, top, right, bottom = (round(v / zoom) for v in (x, y, x + w, y + h))
    pixels = rgb[top:bottom, left:right]
    reduced = min(1.0, largest / max(pixels.shape))
    pixels = zoomed(pixels, reduced).copy()
    size = pixels.shape[1::-1]
    inside = cv2.resize(mask[y : y + h, x : x + w], size, interpolation=cv2.INTER_LINEAR) > 127
    # each pixel of the table becomes as the nearest of the sheet
    coarse = zoomed(pixels, min(1.0, FILL / max(size)))
    outside = cv2.resize((~inside).astype(np.uint8), coarse.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    _, nearest = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    colours = np.zeros((int(nearest.max()) + 1, 3), np.uint8)
    colours[nearest[outside == 0]] = coarse[outside == 0]
    pixels[~inside] = cv2.resize(colours[nearest], size, interpolation=cv2.INTER_LINEAR)[~inside]
    rim = _rim(mask)
    if max(w, h) > LONG * min(w, h) or cv2.mean(tone, mask)[0] < FULL * 255:
        rim[:] = 0  # it may be a bold 1, or a bold 0
    return Sheet(pixels, inside, left, top, 1 / reduced, rim, zoom)


def _rim(mask: np.ndarray) -> np.ndarray:
    """The edge of a sheet, given without it: a band around its hull, which no stroke that crosses it bends."""
    core = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((STROKE, STROKE), np.uint8))
    points = cv2.findNonZero(core)
    if points is None:
        return np.zeros_like(mask)
    hull = cv2.fillConvexPoly(np.zeros_like(mask), cv2.convexHull(points), (255,))
    return cv2.subtract(cv2.dilate(hull, np.ones((RIM, RIM), np.uint8)), hull)


def _brighter(plane: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The large, solid, sharply ending bright part of a plane without its rim, and all that is bright, or None.

    Both are masks, uint8 (h, w) of 0 and 255.
    """
    split, bright = cv2.threshold(plane, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    if not 0 < cv2.countNonZero(bright) < bright.size:
        return None
    tones = float(plane[plane > split].mean() - plane[plane <= split].mean())
    outlines, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(outlines, key=cv2.contourArea)
    area = cv2.contourArea(outline)
    if tones < TONES or not AREA[0] < area / plane.size < AREA[1]:
        return None
    if area < SOLID * cv2.contourArea(cv2.convexHull(outline)):
        return None
    square = np.ones((5, 5), np.uint8)
    rim = cv2.drawContours(np.zeros_like(plane), [outline], -1, (255,), 1) > 0
    rim[:2] = rim[-2:] = rim[:, :2] = rim[:, -2:] = False  # the frame cuts a sheet without an edge
    steps = cv2.subtract(cv2.dilate(plane, square), cv2.erode(plane, square))[rim]
    if not steps.size or np.percentile(steps, 25) < EDGE * tones:
        return None
    mask = cv2.drawContours(np.zeros_like(plane), [outline], -1, (255,), -1)
    mask = cv2.erode(mask, square, borderType=cv2.BORDER_REPLICATE)
    return (mask, bright) if mask.any() else None
