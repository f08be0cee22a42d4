"""Ink to boxes in reading order: parts of a digit joined, lines of writing found, numbers grouped by their gaps."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

GAP = 0.6  # of the digits' height: a wider gap ends a number


@dataclass(frozen=True)
class Blob:
    """Connected ink: its box (x, y, width, height) in pixels, its area in pixels, its label in the label picture."""

    x: int
    y: int
    w: int
    h: int
    area: int
    label: int

    @property
    def right(self) -> int:
        return self.x + self.w

    @property
    def bottom(self) -> int:
        return self.y + self.h


def blobs(ink: np.ndarray) -> tuple[np.ndarray, list[Blob]]:
    """The connected parts of all that is at least half inked. Returns the labels int32 (H, W) and the blobs."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((ink > 127).astype(np.uint8), connectivity=8)
    found = [Blob(*map(int, row), label) for label, row in enumerate(stats) if label]
    return labels, found


def _alike(a: Blob, b: Blob) -> bool:
    """Whether two blobs may stand side by side in one line of writing."""
    overlap = min(a.bottom, b.bottom) - max(a.y, b.y)
    gap = max(a.x, b.x) - min(a.right, b.right)
    low, high = sorted((a.h, b.h))
    return overlap > 0.4 * low and high < 2.2 * low and gap < 2.5 * high


def lines(found: list[Blob]) -> list[list[Blob]]:
    """Blobs in lines from top to bottom, each from left to right."""
    rows: list[list[Blob]] = []
    for blob in sorted(found, key=lambda b: b.x):
        near = [row for row in rows if _alike(row[-1], blob)]
        if near:
            min(near, key=lambda row: abs(row[-1].y + row[-1].bottom - blob.y - blob.bottom)).append(blob)
        else:
            rows.append([blob])
    return sorted(rows, key=lambda row: float(np.mean([b.y + b.h / 2 for b in row])))


def numbers(row: list[Blob]) -> list[list[Blob]]:
    """One line's blobs, parted where the gap is wider than GAP of their height."""
    groups = [[row[0]]]
    for blob in row[1:]:
        last = groups[-1][-1]
        if blob.x - last.right > GAP * max(last.h, blob.h):
            groups.append([blob])
        else:
            groups[-1].append(blob)
    return groups
