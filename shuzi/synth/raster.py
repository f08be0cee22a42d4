"""Rasters of ink: cropping, scaling and drawing lines on them."""

import cv2
import numpy as np

SUBPIXEL = 4  # bits of a coordinate below the pixel, as OpenCV's drawing takes them


def crop_to_ink(ink: np.ndarray, least: float = 0.25) -> np.ndarray | None:
    """Return the smallest part that holds all ink above `least`; None if there is none."""
    x, y, w, h = cv2.boundingRect((ink > least).astype(np.uint8))
    return ink[y : y + h, x : x + w] if w else None


def resize_to_height(ink: np.ndarray | None, height: float) -> np.ndarray | None:
    """Resize ink so that its height, or a wide glyph's width, is as asked, in pixels."""
    if ink is None or not ink.size:
        return None
    return rescale(ink, height / max(ink.shape[0], 0.8 * ink.shape[1]))


def rescale(ink: np.ndarray, scale: float) -> np.ndarray:
    """Resize ink by a factor, to one pixel a side at least."""
    size = (max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale)))
    return cv2.resize(ink, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def shrink(ink: np.ndarray, times: float) -> np.ndarray:
    """Make ink smaller by a factor, to one pixel a side at least."""
    size = (max(1, round(ink.shape[1] / times)), max(1, round(ink.shape[0] / times)))
    return cv2.resize(ink, size, interpolation=cv2.INTER_AREA)


def lay(canvas: np.ndarray, ink: np.ndarray, left: int, top: int) -> None:
    """Lay ink (h, w) on a canvas, its corner at left, top, in pixels: of either the darker stays."""
    place = canvas[top : top + ink.shape[0], left : left + ink.shape[1]]
    np.maximum(place, ink, out=place)


def rotation(turn: float) -> np.ndarray:
    """Return the 2x2 matrix that turns points (x, y) clockwise, y pointing down. turn: radians."""
    return np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])


def line_kernel(side: int, reach: float, turn: float) -> np.ndarray:
    """Draw a line through the middle of a square, reaching so far either way: uint8 (side, side), 1 on the line."""
    kernel, middle = np.zeros((side, side), np.uint8), side // 2
    dx, dy = reach * np.cos(turn), reach * np.sin(turn)
    return cv2.line(kernel, (round(middle - dx), round(middle - dy)), (round(middle + dx), round(middle + dy)), 1, 1)


def fixed_point(points: np.ndarray) -> np.ndarray:
    """Return points (P, 2) in pixels as OpenCV's drawing takes them, int32 with SUBPIXEL bits."""
    return np.round(points * 2**SUBPIXEL).astype(np.int32)


def polyline(canvas: np.ndarray, path: np.ndarray, width: float) -> None:
    """Draw a path (P, 2) of a width, both in pixels, on a canvas uint8 (h, w)."""
    cv2.polylines(canvas, [fixed_point(path)], False, 255, max(1, round(width)), cv2.LINE_AA, SUBPIXEL)
