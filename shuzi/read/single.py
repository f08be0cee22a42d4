"""The one digit of a picture: what could be its ink, as a few candidates for the network to choose from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from shuzi.read import ink as inks
from shuzi.read.normalise import BOX, SIDE, normalise, stroke_width
from shuzi.read.picture import zoomed
from shuzi.read.sheet import Sheet, sheet

SHEET = 640  # pixels of a sheet's long side: enough to read a digit on it
WORKING = 320  # pixels of the long side: a digit of a twentieth of the frame is still 16 high
# Windows wider than the widest stroke looked for, as shares of the frame, and weights.
# The narrow one cuts thick strokes to pieces, so where both find a digit the wide one is right.
WINDOWS = ((0.35, 1.0), (0.12, 0.6))
# Of the frame: the paper around a digit that nearly fills it, and around one on a paper that doesn't fill the frame.
SURROUNDINGS = 0.75, 0.25
SLENDER = 8.0  # lengths of a stroke to its width: ink that is plumper is less likely written
SIDE_FACTOR = 0.35  # per side of the frame touched: shadows, tables, lines and other digits run out of it
CUT = 0.4  # the weight of what runs out of one side: taken where nothing within the frame is as likely
FILLS = 0.8  # of the frame: a digit that runs out of the frame does so because it fills it
LINE = 0.025  # of the frame: with a stroke so thin it is a line
# Blobs that may be the digit's main part, and how striking beside the most striking.
MAINS, LEAST_MAIN = 3, 0.2
# How far from the digit, in its size, a part of it may stand, and how striking it must be beside the main one.
NEAR_PART, FAR_PART = (0.2, 0.12), (0.45, 0.25)
FAR_WEIGHT = 0.7  # the network must like a far part clearly better
FAR_TONES = 100  # grey levels between paper and ink: nothing that light or noise makes
TWO_TONES = 0.2  # mean distance of a pixel from the nearer tone, beside their distance: a photo has more
# A paper and its shadow, or its table, are two tones as well: then neither surrounds the other.
SURELY_DRAWN, BESIDE_DRAWN = 0.3, 0.1  # from this weight on a drawing, and then the weight of other estimates
SOFT = 2, 4  # powers of the sharpness: for which blob is the main one, and for the weight of all
OTHER_INK = 0.25  # of all evidence: dark or light ink that has less is not looked at

Planes = tuple[np.ndarray, np.ndarray]  # one for dark ink and one for light ink, uint8 (H, W) each


@dataclass(frozen=True)
class Candidate:
    """One reading of the ink.

    image: uint8 (28, 28); box: x, y, width, height in the picture's pixels; weight: how likely this is the digit's
    ink; whole: whether it lies within the frame, but for a little on one side, or fills it.
    """

    image: np.ndarray
    box: tuple[int, int, int, int]
    weight: float
    whole: bool


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

    def goes_around(self, other: Blob) -> bool:
        """Whether it lies beyond the other on all four sides, as a printed box does."""
        beside = self.x < other.x and other.right < self.right
        return beside and self.y < other.y and other.bottom < self.bottom


def blobs(ink: np.ndarray) -> tuple[np.ndarray, list[Blob]]:
    """The connected parts of all that is at least half inked. Returns the labels int32 (H, W) and the blobs."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((ink > 127).astype(np.uint8), connectivity=8)
    found = []
    for label, row in enumerate(stats.tolist()):
        if label:
            x, y, w, h, area = row
            found.append(Blob(x, y, w, h, area, label))
    return labels, found


def as_mnist(rgb: np.ndarray) -> np.ndarray | None:
    """The picture itself, light on dark, if it is a 28x28 laid out as MNIST lays them; else None."""
    if rgb.shape[:2] != (SIDE, SIDE):
        return None
    plane = inks.plane_of(rgb)
    border = np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])
    paper = int(np.median(border))
    if (
        16 < paper < 239 or (np.abs(border.astype(int) - paper) > 8).mean() > 0.25
    ):  # a photo's paper is neither
        return None
    ink = 255 - plane if paper > 127 else plane
    _, _, w, h = cv2.boundingRect((ink >= 64).astype(np.uint8))
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


def _sides(blob: Blob, width: int, height: int) -> int:
    """How many sides of the frame the blob touches."""
    return (blob.x <= 1) + (blob.y <= 1) + (blob.right >= width - 1) + (blob.bottom >= height - 1)


def _groups(
    labels: np.ndarray, found: list[Blob], contrast: np.ndarray, edges: np.ndarray
) -> list[tuple[list[Blob], float]]:
    """The blobs that may make up the digit, each with a weight up to 1.

    The most striking ones, each with its near parts, and also with its far ones.
    """
    height, width = labels.shape
    strength, sharp = {}, {}
    for blob in found:
        place = slice(blob.y, blob.bottom), slice(blob.x, blob.right)
        inside = labels[place] == blob.label
        grey = float(contrast[place][inside].mean())
        off = np.hypot((blob.x + blob.w / 2) / width - 0.5, (blob.y + blob.h / 2) / height - 0.5)
        clear = (1 - _border_share(blob, width, height)) ** 3 * SIDE_FACTOR ** _sides(blob, width, height)
        sharp[blob.label] = inks.sharpness(inside, contrast[place], edges[place])
        size = (blob.area * max(blob.w, blob.h)) ** 0.5
        strength[blob.label] = 1e-6 + grey * size * (1 - 0.7 * off) * clear * sharp[blob.label] ** SOFT[0]
    ranked = sorted(found, key=lambda b: -strength[b.label])
    groups: list[tuple[list[Blob], float]] = []
    for main in ranked[:MAINS]:
        weight = strength[main.label] / strength[ranked[0].label]
        if weight < LEAST_MAIN:
            break
        for (reach, least), factor in ((NEAR_PART, 1.0), (FAR_PART, FAR_WEIGHT)):
            group = [main]
            for blob in ranked:
                x, y = min(b.x for b in group), min(b.y for b in group)
                right, bottom = max(b.right for b in group), max(b.bottom for b in group)
                size = max(right - x, bottom - y)
                gap = max(blob.x - right, x - blob.right, blob.y - bottom, y - blob.bottom)
                strong = least * strength[main.label] < strength[blob.label] and blob.area > 0.03 * main.area
                close = blob is not main and gap < reach * size and not blob.goes_around(main)
                if close and strong and not _sides(blob, width, height):
                    group.append(blob)
            if all({b.label for b in group} != {b.label for b in other} for other, _ in groups):
                groups.append((group, weight * factor * sharp[main.label] ** SOFT[1]))
    return groups


def _is_clear(contrast: np.ndarray, labels: np.ndarray, blob: Blob, floor: float) -> bool:
    place = slice(blob.y, blob.bottom), slice(blob.x, blob.right)
    return inks.is_clear(contrast[place], labels[place] == blob.label, floor)


def _candidate(
    ink: np.ndarray, labels: np.ndarray, group: list[Blob], scale: float, weight: float
) -> Candidate:
    """The group's ink as the network sees it."""
    height, width = ink.shape
    x, y = min(b.x for b in group), min(b.y for b in group)
    right, bottom = max(b.right for b in group), max(b.bottom for b in group)
    x0, y0, x1, y1 = max(x - 2, 0), max(y - 2, 0), min(right + 2, width), min(bottom + 2, height)
    inside = np.isin(labels[y0:y1, x0:x1], [b.label for b in group])
    mine = cv2.dilate(inside.astype(np.uint8), np.ones((3, 3), np.uint8))
    left, top, w, h = (round(v * scale) for v in (x, y, right - x, bottom - y))
    stroke = stroke_width(np.where(inside, np.uint8(255), np.uint8(0)))
    fills = max((right - x) / width, (bottom - y) / height) >= FILLS and stroke > LINE * max(width, height)
    sides = 0 if fills else max(_sides(b, width, height) for b in group)
    if sides == 1:  # the frame may cut a digit, but rather one that stands beside the digit meant
        weight *= CUT
    weight *= min(1.0, float(inside.sum()) / stroke**2 / SLENDER) ** 2
    return Candidate(normalise(cv2.multiply(ink[y0:y1, x0:x1], mine)), (left, top, w, h), weight, sides < 2)


def _candidates(planes: Planes, edges: Planes, width: float, scale: float) -> list[Candidate]:
    plane = planes[0]
    window = max(5, int(width * max(plane.shape)) | 1)
    both = inks.contrasts(planes[0], window)[0], inks.contrasts(planes[1], window)[1]
    weights = np.zeros(2)
    for around in SURROUNDINGS:
        sums = np.array([e.sum() for e in inks.evidence(plane, *both, around=around)], dtype=float) + 1e-6
        weights += sums / sums.sum() / len(SURROUNDINGS)
    longest = inks.THROUGH * plane.shape[1], inks.THROUGH * plane.shape[0]
    found = []
    for contrast, sharp, weight in zip(both, edges, weights, strict=True):
        if weight < OTHER_INK:
            continue
        floor = inks.faintest(contrast)
        ink = inks.soft_ink(contrast, window, floor)
        plain = inks.without_lines(ink, contrast, floor, longest)
        for kept, factor in ((plain, 1.0), (ink, 0.5))[: 1 if plain is ink else 2]:
            labels, parts = blobs(kept)
            parts = [b for b in parts if _is_clear(contrast, labels, b, floor)]
            for group, share in _groups(labels, parts, contrast, sharp):
                found.append(_candidate(kept, labels, group, scale, weight * factor * share))
    return found


def _drawn(planes: Planes, edges: Planes, scale: float) -> list[Candidate]:
    """Candidates of a picture that has two tones only, as drawn or scanned ones have, even if the ink fills it."""
    found = []
    for plane, sharp, light in zip(planes, edges, (False, True), strict=True):
        split, _ = cv2.threshold(plane, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
        low, high = plane[plane <= split], plane[plane > split]
        if not low.size or not high.size:
            return []
        dark, bright = float(low.mean()), float(high.mean())
        tones = np.abs(low - np.float32(dark)).sum() + np.abs(high - np.float32(bright)).sum()
        if bright - dark < FAR_TONES or tones / plane.size > TWO_TONES * (bright - dark):
            return []
        ink = np.clip((plane - np.float32(dark)) / (bright - dark), 0, 1)
        ink = (255 * (ink if light else 1 - ink)).astype(np.uint8)
        inked = ink > 127
        outline = np.concatenate([inked[0], inked[-1], inked[:, 0], inked[:, -1]])
        labels, parts = blobs(ink)
        weight = float(
            (1 - outline.mean()) ** 2 * (1 - inked.mean())
        )  # paper surrounds ink, and there is more of it
        found += [
            _candidate(ink, labels, group, scale, weight * share)
            for group, share in _groups(labels, parts, ink, sharp)
        ]
    return found


def _planes(rgb: np.ndarray, zoom: float) -> Planes:
    """The picture at working size, for dark ink and for light ink.

    Drawn strokes of one pixel would fade when reduced, so where there is no noise they are widened before.
    """
    plane = inks.plane_of(rgb)
    method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    both = (plane, plane)
    if zoom < 0.7 and inks.noise(plane) < 0.5:
        square = np.ones((round(1 / zoom) + 1,) * 2, np.uint8)
        both = cv2.erode(plane, square), cv2.dilate(plane, square)
    dark, light = (cv2.GaussianBlur(zoomed(p, zoom, method), (3, 3), 0) for p in both)
    return dark, light


def candidates(rgb: np.ndarray) -> list[Candidate]:
    """What could be the digit's ink, at two stroke widths, dark on light and light on dark.

    rgb: uint8 (H, W, 3). An even picture gives an empty list.
    """
    straight = as_mnist(rgb)
    if straight is not None:
        x, y, w, h = cv2.boundingRect((straight >= 64).astype(np.uint8))
        return [Candidate(straight, (x, y, w, h), 1.0, True)]
    paper = sheet(rgb, SHEET)
    if paper is None:
        return _anywhere(rgb)
    found = _anywhere(rgb, paper)
    for candidate in _anywhere(paper.pixels):
        x, y, w, h = candidate.box
        around = paper.inside[max(y - 2, 0) : y + h + 2, max(x - 2, 0) : x + w + 2]
        x, y, w, h = (round(v * paper.scale) for v in candidate.box)
        weight = candidate.weight * (1.0 if around.all() else CUT)
        found.append(replace(candidate, box=(paper.left + x, paper.top + y, w, h), weight=weight))
    return found


def _anywhere(rgb: np.ndarray, paper: Sheet | None = None) -> list[Candidate]:
    """Candidates from all of the picture, but for the edge of a sheet in it."""
    zoom = WORKING / max(rgb.shape)
    planes = _planes(rgb, zoom)
    edges = inks.edges_of(planes[0]), inks.edges_of(planes[1])
    if paper is not None:
        rim = cv2.resize(paper.rim, planes[0].shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
        for sharp in edges:
            sharp[rim] = 0
    drawn = _drawn(planes, edges, 1 / zoom)
    usual = [
        replace(c, weight=c.weight * weight)
        for width, weight in WINDOWS
        for c in _candidates(planes, edges, width, 1 / zoom)
    ]
    if max((c.weight for c in drawn), default=0.0) > SURELY_DRAWN:
        usual = [replace(c, weight=c.weight * BESIDE_DRAWN) for c in usual]
    return drawn + usual
