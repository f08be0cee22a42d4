"""Where a form's sheet lies in a picture, by its edges; and its zones, cut out as if seen from straight above."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from shuzi.data.picture import zoomed
from shuzi.errors import ShuziError
from shuzi.forms.fields import Form

LOOK = 800  # pixels of the longer side of the picture in which edges are looked for
LEAST = 0.15  # of the picture: a smaller sheet is none
CONTRAST = (
    3.0,
    10.0,
)  # in Lab: how far paper and what it lies on differ, where least and in the mean of the sides
EDGES = 10, 30  # Canny's thresholds
ASIDE = 0.008, 0.025  # of LOOK: how far from an edge both are looked at; a printed frame is less wide
SEEN, SCANNED = (
    1.3,
    1.06,
)  # how far a sheet's proportions may be off, seen at an angle and filling the picture
PLAIN = 0.95  # of the picture's rim that is as light as the rest: then the sheet fills the picture
LIGHTNESS = 30.0  # of 255: what counts as light


def zones(pixels: np.ndarray, form: Form) -> list[np.ndarray]:
    """Each field's zone of a picture of the form, uint8 (h, w, 3) RGB, perspective undone.

    pixels: uint8 (H, W, 3) RGB. Raises ShuziError if the sheet isn't found in it.
    """
    corners = find(pixels, form.sheet[0] / form.sheet[1])
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    view = cv2.getPerspectiveTransform(square, corners)
    cut = []
    for field in form.fields:
        x, y, width, height = field.zone
        ends = cv2.perspectiveTransform((square * (width, height) + (x, y)).astype(np.float32)[None], view)[0]
        top, right, bottom, left = np.linalg.norm(np.roll(ends, -1, 0) - ends, axis=1)
        size = max(4, round(float(max(top, bottom)))), max(4, round(float(max(left, right))))
        straight = cv2.getPerspectiveTransform(ends, (square * size).astype(np.float32))
        cut.append(
            cv2.warpPerspective(
                pixels, straight, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
            )
        )
    return cut


def find(pixels: np.ndarray, aspect: float) -> np.ndarray:
    """The sheet's corners in a picture, float32 (4, 2), from the upper left one clockwise.

    pixels: uint8 (H, W, 3) RGB; aspect: the sheet's width over its height. Raises ShuziError where there is none.
    """
    height, width = pixels.shape[:2]
    zoom = min(1.0, LOOK / max(height, width))
    small = cv2.GaussianBlur(zoomed(pixels, zoom), (0, 0), 1.5)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    found = [quad for quad in quadrilaterals(lab) if stands_out(lab, quad) > 0]
    fitting = [quad for quad in found if off(quad, aspect) <= SEEN]
    if fitting:
        best = max(fitting, key=lambda quad: stands_out(lab, quad) * cv2.contourArea(quad))
        return (best / zoom).astype(np.float32)
    whole = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    if off(whole, aspect) <= SCANNED and fills(lab[:, :, 0]):
        return whole
    turned = any(
        off(quad, 1 / aspect) <= (SEEN if quad is not whole else SCANNED) for quad in [*found, whole]
    )
    if turned and off(whole, 1 / aspect) > 1:
        raise ShuziError("the form isn't found: a sheet lies on its side there; turn the picture.")
    raise ShuziError(
        "the form isn't found: all four edges of its sheet must be in the picture, or be its edges."
    )


def off(quad: np.ndarray, aspect: float) -> float:
    """By what factor, 1 or more, the proportions of a quadrilateral are off."""
    top, right, bottom, left = np.linalg.norm(np.roll(quad, -1, 0) - quad, axis=1)
    ratio = float((top + bottom) / max(left + right, 1e-9)) / aspect
    return max(ratio, 1 / max(ratio, 1e-9))


def quadrilaterals(lab: np.ndarray) -> Iterator[np.ndarray]:
    """Large quadrilaterals, float32 (4, 2): of what is lighter, darker or of another colour, and within edges."""
    masks = []
    for plane in cv2.split(lab):
        light = cv2.threshold(plane, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1]
        masks += [light, 255 - light]
    edges = [cv2.Canny(plane, *EDGES) for plane in cv2.split(lab)]
    masks.append(cv2.dilate(np.max(edges, 0), np.ones((3, 3), np.uint8)))
    for mask in masks:
        opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        for contour in cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
            if cv2.contourArea(hull := cv2.convexHull(contour)) >= LEAST * mask.size:
                quad = cornered(hull)
                if quad is not None:
                    yield quad


def cornered(hull: np.ndarray) -> np.ndarray | None:
    """The four corners of a convex outline, clockwise from the upper left; None if it has another shape."""
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


def stands_out(lab: np.ndarray, quad: np.ndarray) -> float:
    """How far a quadrilateral differs from its surroundings along its edges; 0 where one edge hardly does."""
    height, width = lab.shape[:2]
    sides = []
    for start, end in zip(quad, np.roll(quad, -1, 0), strict=True):
        along = end - start
        normal = np.array([along[1], -along[0]]) / max(float(np.linalg.norm(along)), 1e-9)  # outwards
        points = start + np.linspace(0.05, 0.95, 50)[:, None] * along
        differ = []
        for aside in ASIDE:
            outer, inner = (points + sign * aside * LOOK * normal for sign in (1, -1))
            seen = ((outer >= 0) & (outer < (width, height))).all(1)
            if seen.mean() > 0.5:  # else it is the picture's edge
                one, other = (colours(lab, each[seen]) for each in (inner, outer))
                differ.append(float(np.median(np.linalg.norm(one - other, axis=1))))
        if differ:
            sides.append(min(differ))
    enough = sides and min(sides) >= CONTRAST[0] and np.mean(sides) >= CONTRAST[1]
    return float(np.mean(sides)) if enough else 0.0


def colours(lab: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The colours at points (N, 2) of x and y: float64 (N, 3)."""
    x, y = np.clip(points, 0, (lab.shape[1] - 1, lab.shape[0] - 1)).astype(int).T
    return lab[y, x].astype(np.float64)


def fills(light: np.ndarray) -> bool:
    """Whether the rim of a picture is paper: as light all around as the picture mostly is. light: uint8 (H, W)."""
    rim = np.concatenate([light[:3].ravel(), light[-3:].ravel(), light[:, :3].ravel(), light[:, -3:].ravel()])
    paper = float(np.median(light))
    return bool((np.abs(rim.astype(float) - paper) < LIGHTNESS).mean() >= PLAIN)
