"""The one digit of a picture: what could be its ink, as a few candidates for the network to choose from."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from shuzi.read import ink as inks
from shuzi.read.normalise import BOX, SIDE, normalise

WORKING = 320  # pixels of the long side: a digit of a twentieth of the frame is still 16 high
CLOSE_UP = 80  # pixels: a digit smaller than this is looked at again in a close-up of the original
# Widths of the widest stroke looked for, as shares of the frame: a digit that fills it, and one small within it.
WINDOWS = (0.35, 0.12)
OTHER_INK = 0.25  # of all evidence: dark or light ink that has less is not looked at


@dataclass(frozen=True)
class Candidate:
    """One reading of the ink: the 28x28, its box in the picture's pixels, and how ink-like it is (a weight)."""

    image: np.ndarray
    box: tuple[int, int, int, int]
    weight: float


@dataclass(frozen=True)
class Blob:
    """Connected ink: its box (x, y, width, height) and area in pixels, and its number in the label picture."""

    x: int
    y: int
    w: int
    h: int
    area: int
    label: int

    @property
    def right(self) -> int:
        """The first column beyond."""
        return self.x + self.w

    @property
    def bottom(self) -> int:
        """The first row beyond."""
        return self.y + self.h


def blobs(ink: np.ndarray) -> tuple[np.ndarray, list[Blob]]:
    """The connected parts of all that is at least half inked. Returns the labels int32 (H, W) and the blobs."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((ink > 127).astype(np.uint8), connectivity=8)
    return labels, [Blob(*map(int, row), label) for label, row in enumerate(stats) if label]


def as_mnist(rgb: np.ndarray) -> np.ndarray | None:
    """The picture itself, light on dark, if it is a 28x28 laid out as MNIST lays them; else None."""
    if rgb.shape[:2] != (SIDE, SIDE):
        return None
    plane = inks.plane_of(rgb)
    border = np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])
    if int(border.max()) - int(border.min()) > 8:  # a photo's paper is never that even
        return None
    ink = 255 - plane if border.mean() > 127 else plane
    x, y, w, h = cv2.boundingRect((ink >= 64).astype(np.uint8))
    if not w or ink.max() < 128 or max(w, h) > BOX + 1:
        return None
    moments = cv2.moments(ink)
    centre = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
    return ink if max(w, h) >= BOX - 2 and max(abs(c - SIDE / 2) for c in centre) < 1.5 else None


def _border_share(blob: Blob, width: int, height: int) -> float:
    """How much of the box's outline lies on the frame, 0..1."""
    touching = (blob.x <= 1) * blob.h + (blob.right >= width - 1) * blob.h
    touching += (blob.y <= 1) * blob.w + (blob.bottom >= height - 1) * blob.w
    return touching / (2 * (blob.w + blob.h))


def _main_group(labels: np.ndarray, found: list[Blob], contrast: np.ndarray) -> list[Blob]:
    """The blobs that make up the digit: the most striking one and the parts that belong to it."""
    height, width = labels.shape
    strength = {}
    for blob in found:
        inside = labels[blob.y : blob.bottom, blob.x : blob.right] == blob.label
        grey = float(contrast[blob.y : blob.bottom, blob.x : blob.right][inside].mean())
        off = np.hypot((blob.x + blob.w / 2) / width - 0.5, (blob.y + blob.h / 2) / height - 0.5)
        strength[blob.label] = (
            grey
            * (blob.area**0.5)
            * max(blob.w, blob.h) ** 0.5
            * (1 - 0.7 * off)
            * (1 - _border_share(blob, width, height)) ** 3
        )
    if not strength:
        return []
    ranked = sorted(found, key=lambda b: -strength[b.label])
    group = ranked[:1]
    for blob in ranked[1:]:
        x, y = min(b.x for b in group), min(b.y for b in group)
        right, bottom = max(b.right for b in group), max(b.bottom for b in group)
        size = max(right - x, bottom - y)
        gap = max(blob.x - right, x - blob.right, blob.y - bottom, y - blob.bottom)
        main = group[0]
        big_enough = blob.area > 0.03 * main.area and strength[blob.label] > 0.12 * strength[main.label]
        edge = _border_share(blob, width, height) > 0.25
        if gap < 0.2 * size and big_enough and not edge:
            group.append(blob)
    return group


def _candidate(ink: np.ndarray, contrast: np.ndarray, scale: float, weight: float) -> Candidate | None:
    """The digit's part of the ink as the network sees it; None when nothing is inked."""
    height, width = ink.shape
    labels, parts = blobs(ink)
    group = _main_group(labels, parts, contrast)
    if not group:
        return None
    x, y = min(b.x for b in group), min(b.y for b in group)
    right, bottom = max(b.right for b in group), max(b.bottom for b in group)
    x0, y0, x1, y1 = max(x - 2, 0), max(y - 2, 0), min(right + 2, width), min(bottom + 2, height)
    near = labels[y0:y1, x0:x1]
    mine = cv2.dilate(np.isin(near, [b.label for b in group]).astype(np.uint8), np.ones((3, 3), np.uint8))
    left, top, w, h = (round(v * scale) for v in (x, y, right - x, bottom - y))
    return Candidate(normalise(ink[y0:y1, x0:x1] * mine), (left, top, w, h), weight)


def _candidates(plane: np.ndarray, share: float, scale: float) -> list[Candidate]:
    window = max(5, int(share * max(plane.shape)) | 1)
    floor = max(inks.FAINTEST, 5 * inks.noise(plane) * 255 / max(32.0, float(np.median(plane))))
    both = inks.contrasts(plane, window)
    weights = np.array([e.sum() for e in inks.evidence(plane, *both)]) + 1e-6
    weights /= weights.sum()
    found = []
    for contrast, weight in zip(both, weights, strict=True):
        if weight < OTHER_INK:
            continue
        ink = inks.soft_ink(contrast, window, floor)
        plain = inks.without_lines(ink, contrast, through=True)
        found.append(_candidate(plain, contrast, scale, weight))
        if plain is not ink:
            found.append(_candidate(ink, contrast, scale, weight * 0.5))
    return [c for c in found if c]


def candidates(rgb: np.ndarray) -> list[Candidate]:
    """What could be the digit's ink, at two stroke widths, dark on light and light on dark.

    rgb: uint8 (H, W, 3). An even picture gives an empty list.
    """
    straight = as_mnist(rgb)
    if straight is not None:
        x, y, w, h = cv2.boundingRect((straight >= 64).astype(np.uint8))
        return [Candidate(straight, (x, y, w, h), 1.0)]
    zoom = WORKING / max(rgb.shape)
    method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    small = cv2.resize(rgb, None, fx=zoom, fy=zoom, interpolation=method)
    plane = cv2.GaussianBlur(inks.plane_of(small), (3, 3), 0)
    return [c for share in WINDOWS for c in _candidates(plane, share, 1 / zoom)]
