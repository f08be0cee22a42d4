"""Normalise a digit's ink to 28x28, as NIST became MNIST.

Each NIST digit was scaled to fit a 20x20 box keeping its aspect, anti-aliased, then placed so that the centre of
mass of its ink falls on the centre of the 28x28 (LeCun, Cortes, Burges, the MNIST database, 1998).
"""

from statistics import median

import cv2
import numpy as np

from shuzi.errors import ShuziError

BOX = 20  # the box a digit is scaled into, and the picture it is placed in: LeCun et al. 1998
SIDE = 28
# Stroke widths in the 20x20 box: 1.4 and 4.8 are the 1st and 99th percentile of MNIST's training digits. A digit
# outside them was drawn with another pen than MNIST's; it is brought to MNIST's 20th or 97th percentile.
THINNEST, THIN, THICK, THICKEST = 1.4, 2.0, 4.2, 4.8
MAX_PAPER_NOISE = 16  # grey levels, of a 28x28 laid out as in MNIST
MAX_INKED_BORDER = 0.25  # of its border's pixels
MAX_OFF_CENTRE = 1.5  # pixels
# Of a picture of two tones: the least contrast in grey levels, how far from a tone a pixel of it may lie, the most
# pixels between the tones, as a share of those of ink, and the most ink.
MIN_CONTRAST, NEAR_TONE, MAX_BETWEEN, MAX_INKED = 100, 0.2, 4.0, 0.4
MIN_INK = 64  # of 255: a fainter pixel is the blur around a stroke, not a part of the digit


def stroke_width(ink: np.ndarray) -> float:
    """Measure the mean stroke width in pixels: four times the mean distance of ink to paper, exact for a long bar.

    ink: uint8 (H, W), 0 is paper and 255 is ink. Returns 0 for blank paper.
    """
    inside = cv2.copyMakeBorder((ink > 127).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    if not inside.any():
        return 0.0
    # a lone pixel is 1 away from paper by the transform's measure and 0.5 by ours
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    return float(4 * (distance[inside > 0] - 0.5).mean())


def crop_to_ink(ink: np.ndarray) -> np.ndarray:
    """Crop to the smallest rectangle that holds all pixels of MIN_INK or more; of shape (0, 0) if blank."""
    x, y, w, h = cv2.boundingRect((ink >= MIN_INK).astype(np.uint8))
    return ink[y : y + h, x : x + w]


def two_tone_ink(grey: np.ndarray) -> np.ndarray | None:
    """Return the ink of a picture that has plainly two tones, cropped, 255 where it is full; None for any other.

    grey: uint8 (H, W). Nearly all pixels are of one tone or the other; paper is the one that most of the border has.
    """
    low, high = (int(tone) for tone in (grey.min(), grey.max()))
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]).astype(np.float32)
    if high - low < MIN_CONTRAST:
        return None
    share = (grey.astype(np.float32) - low) / (high - low)
    paper = float((border > (low + high) / 2).mean() > 0.5)
    ink = np.abs(share - paper)
    between = ((ink > NEAR_TONE) & (ink < 1 - NEAR_TONE)).mean()
    on_border = (np.abs((border - low) / (high - low) - paper) > NEAR_TONE).mean()
    if between > MAX_BETWEEN * (ink > 1 - NEAR_TONE).mean() or (ink > 0.5).mean() > MAX_INKED or on_border > 0:
        return None
    return crop_to_ink(np.round(ink * 255).astype(np.uint8))


def _with_stroke_in_range(ink: np.ndarray) -> np.ndarray:
    """Redraw a digit with a pen in MNIST's range; most digits are in it and return unchanged."""
    side = max(ink.shape)
    # measured and mended at a side of 80 or more, where one pixel is at most a quarter of one in the 20x20 box
    zoom = max(1.0, 4 * BOX / side)
    large = cv2.resize(ink, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC) if zoom > 1 else ink
    unit = max(large.shape) / BOX
    width = stroke_width(large) / unit
    if THINNEST <= width <= THICKEST:
        return ink
    wanted = THIN if width < THINNEST else THICK
    reach = round(abs(wanted - width) * unit / 2)
    if reach < 1:
        return ink
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    if width < THINNEST:
        return cv2.dilate(cv2.copyMakeBorder(large, reach, reach, reach, reach, cv2.BORDER_CONSTANT), disc)
    thinner = crop_to_ink(cv2.erode(large, disc, borderType=cv2.BORDER_CONSTANT, borderValue=(0,)))
    return thinner if thinner.size else ink


def normalise(ink: np.ndarray) -> np.ndarray:
    """Normalise a digit's ink as MNIST did: in a 20x20 box, aspect kept, centre of mass at the centre.

    ink: uint8 (H, W), 0 is paper and 255 is ink, any size. Returns uint8 (28, 28), blank for blank ink.
    Raises ShuziError for another type or shape.
    """
    if not isinstance(ink, np.ndarray) or ink.dtype != np.uint8 or ink.ndim != 2:
        found = f"{ink.dtype} {ink.shape}" if isinstance(ink, np.ndarray) else type(ink).__name__
        raise ShuziError(f"ink of {found}: expected uint8 (H, W), where 0 is paper and 255 is ink.")
    ink = crop_to_ink(ink)
    if not ink.size:
        return np.zeros((SIDE, SIDE), np.uint8)
    ink = _with_stroke_in_range(ink)
    height, width = ink.shape
    scale = BOX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    small = cv2.convertScaleAbs(small, alpha=255 / max(1, int(small.max())))
    moments = cv2.moments(small)
    left = round(SIDE / 2 - moments["m10"] / moments["m00"])
    top = round(SIDE / 2 - moments["m01"] / moments["m00"])
    left = min(max(left, 0), SIDE - size[0])
    top = min(max(top, 0), SIDE - size[1])
    digit = np.zeros((SIDE, SIDE), np.uint8)
    digit[top : top + size[1], left : left + size[0]] = small
    return digit


def as_mnist(grey: np.ndarray) -> np.ndarray | None:
    """Return a picture, uint8 (H, W), as light on dark if it is a 28x28 laid out as in MNIST; else None."""
    if grey.shape != (SIDE, SIDE):
        return None
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = int(median(border.tolist()))
    if (
        MAX_PAPER_NOISE < paper < 255 - MAX_PAPER_NOISE
        or (np.abs(border.astype(int) - paper) > MAX_PAPER_NOISE / 2).mean() > MAX_INKED_BORDER
    ):
        return None  # a photo's paper is neither black nor white
    ink = 255 - grey if paper > 127 else grey
    _, _, w, h = cv2.boundingRect((ink >= MIN_INK).astype(np.uint8))
    if not w or ink.max() < 128 or not BOX - 2 <= max(w, h) <= BOX + 1:
        return None
    moments = cv2.moments(ink)
    centre = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
    return ink if max(abs(c - SIDE / 2) for c in centre) < MAX_OFF_CENTRE else None
