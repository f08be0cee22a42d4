"""Find a form's sheet in a picture by its edges, and cut out its zones as if seen from straight above."""

from collections.abc import Iterator

import cv2
import numpy as np

from shuzi.data.picture import resize_by
from shuzi.errors import ShuziError
from shuzi.forms.fields import Form

SEARCH_SIDE = 800  # pixels of the longer side of the picture in which edges are searched
MIN_AREA = 0.15  # of the picture: a smaller quadrilateral is no sheet
# Contrast in Lab, between paper and background: of the weakest side, of all sides.
MIN_CONTRAST, MEAN_CONTRAST = 3.0, 10.0
CANNY = 10, 30  # thresholds
# How far from an edge both sides are compared, as shares of SEARCH_SIDE; a printed frame is narrower.
PROBES = 0.008, 0.025
# Factors by which a sheet's proportions may be off: seen at an angle, and filling the picture.
PHOTO_TOLERANCE, SCAN_TOLERANCE = 1.3, 1.06
PAPER_RIM = 0.95  # of the picture's rim that must be as light as paper for the sheet to fill the picture
LIGHTNESS = 30.0  # of 255: such a difference from the paper still counts as paper


def cut_zones(pixels: np.ndarray, form: Form) -> list[np.ndarray]:
    """Cut out each field's zone, uint8 (h, w, 3) RGB, with the perspective corrected.

    pixels: a picture of the form, uint8 (H, W, 3) RGB. Raises ShuziError if the sheet isn't found in it.
    """
    corners = find_sheet(pixels, form.sheet[0] / form.sheet[1])
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    view = cv2.getPerspectiveTransform(square, corners)
    zones = []
    for field in form.fields:
        x, y, width, height = field.zone
        ends = cv2.perspectiveTransform((square * (width, height) + (x, y)).astype(np.float32)[None], view)[0]
        top, right, bottom, left = np.linalg.norm(np.roll(ends, -1, 0) - ends, axis=1)
        size = max(4, round(float(max(top, bottom)))), max(4, round(float(max(left, right))))
        straight = cv2.getPerspectiveTransform(ends, (square * size).astype(np.float32))
        flags, border = cv2.INTER_CUBIC, cv2.BORDER_REPLICATE
        zones.append(cv2.warpPerspective(pixels, straight, size, flags=flags, borderMode=border))
    return zones


def find_sheet(pixels: np.ndarray, aspect: float) -> np.ndarray:
    """Find the sheet's corners in a picture: float32 (4, 2), clockwise from the upper left.

    pixels: uint8 (H, W, 3) RGB; aspect: the sheet's width over its height. Raises ShuziError if there is no sheet.
    """
    height, width = pixels.shape[:2]
    zoom = min(1.0, SEARCH_SIDE / max(height, width))
    small = cv2.GaussianBlur(resize_by(pixels, zoom), (0, 0), 1.5)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    found = [quad for quad in quadrilaterals(lab) if edge_contrast(lab, quad) > 0]
    fitting = [quad for quad in found if aspect_error(quad, aspect) <= PHOTO_TOLERANCE]
    if fitting:
        best = max(fitting, key=lambda quad: edge_contrast(lab, quad) * cv2.contourArea(quad))
        return (best / zoom).astype(np.float32)
    whole = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    if aspect_error(whole, aspect) <= SCAN_TOLERANCE and rim_is_paper(lab[:, :, 0]):
        return whole
    on_its_side = any(aspect_error(quad, 1 / aspect) <= PHOTO_TOLERANCE for quad in found)
    if on_its_side or aspect_error(whole, 1 / aspect) <= SCAN_TOLERANCE < aspect_error(whole, aspect):
        raise ShuziError("No form found: the sheet lies on its side. Turn the picture.")
    raise ShuziError("No form found. All four edges of the sheet must be visible, or the sheet must fill the picture.")


def aspect_error(quad: np.ndarray, aspect: float) -> float:
    """Compute the factor, 1 or more, by which a quadrilateral's proportions are off."""
    top, right, bottom, left = np.linalg.norm(np.roll(quad, -1, 0) - quad, axis=1)
    ratio = float((top + bottom) / max(left + right, 1e-9)) / aspect
    return max(ratio, 1 / max(ratio, 1e-9))


def quadrilaterals(lab: np.ndarray) -> Iterator[np.ndarray]:
    """Yield large quadrilaterals, float32 (4, 2), by lightness, by colour and by edges."""
    masks = []
    for plane in cv2.split(lab):
        light = cv2.threshold(plane, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1]
        masks += [light, 255 - light]
    edges = [cv2.Canny(plane, *CANNY) for plane in cv2.split(lab)]
    masks.append(cv2.dilate(np.max(edges, 0), np.ones((3, 3), np.uint8)))
    for mask in masks:
        opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        for contour in cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
            hull = cv2.convexHull(contour)
            large = cv2.contourArea(hull) >= MIN_AREA * mask.size
            if large and (quad := four_corners(hull)) is not None:
                yield quad


def four_corners(hull: np.ndarray) -> np.ndarray | None:
    """Reduce a convex outline to four corners, clockwise from the upper left; None if it has another shape."""
    around = cv2.arcLength(hull, True)
    for share in (0.01, 0.02, 0.03, 0.05):
        quad = cv2.approxPolyDP(hull, share * around, True).reshape(-1, 2).astype(np.float32)
        if len(quad) == 4:
            if cv2.contourArea(quad) < 0.95 * cv2.contourArea(hull):
                return None
            middle = quad.mean(0)
            quad = quad[np.argsort(np.arctan2(*(quad - middle).T[::-1]))]  # clockwise, as y points down
            return np.roll(quad, -int(quad.sum(1).argmin()), 0)
    return None


def edge_contrast(lab: np.ndarray, quad: np.ndarray) -> float:
    """Measure a quadrilateral's contrast with its surroundings, in Lab; 0 if one edge has hardly any."""
    height, width = lab.shape[:2]
    sides = []
    for start, end in zip(quad, np.roll(quad, -1, 0), strict=True):
        along = end - start
        normal = np.array([along[1], -along[0]]) / max(float(np.linalg.norm(along)), 1e-9)  # outwards
        points = start + np.linspace(0.05, 0.95, 50)[:, None] * along
        differ = []
        for probe in PROBES:
            outer, inner = (points + sign * probe * SEARCH_SIDE * normal for sign in (1, -1))
            seen = ((outer >= 0) & (outer < (width, height))).all(1)
            if seen.mean() > 0.5:  # else it is the picture's edge
                one, other = (colours_at(lab, each[seen]) for each in (inner, outer))
                differ.append(float(np.median(np.linalg.norm(one - other, axis=1))))
        if differ:
            sides.append(min(differ))
    enough = sides and min(sides) >= MIN_CONTRAST and np.mean(sides) >= MEAN_CONTRAST
    return float(np.mean(sides)) if enough else 0.0


def colours_at(lab: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Look up the colours at points (N, 2) of x and y: float64 (N, 3)."""
    x, y = np.clip(points, 0, (lab.shape[1] - 1, lab.shape[0] - 1)).astype(int).T
    return lab[y, x].astype(np.float64)


def rim_is_paper(light: np.ndarray) -> bool:
    """Tell whether a picture's rim is as light all around as most of the picture. light: uint8 (H, W)."""
    rim = np.concatenate([light[:3].ravel(), light[-3:].ravel(), light[:, :3].ravel(), light[:, -3:].ravel()])
    paper = float(np.median(light))
    return bool((np.abs(rim.astype(float) - paper) < LIGHTNESS).mean() >= PAPER_RIM)
