"""A page's ink to digits in reading order: touching digits parted, broken strokes joined, numbers grouped by gaps.

Geometry proposes and the network decides: a wide blob is cut where little ink is crossed, small parts are joined to
what they nearly touch, and of all ways the one stays whose pieces look most like digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np

from shuzi.read.ink import edges_around, faintest, is_clear, sharpness
from shuzi.read.normalise import normalise

Score = Callable[
    [np.ndarray], np.ndarray
]  # uint8 (N, 28, 28) to probabilities (N, 11), the last for "no digit"

SMALLEST = 8  # pixels of height: less can't be told from a speck
WRITING = 4  # tall parts within the picture: from so many on they tell what writing looks like on this page
FAINT = 0.4  # of the usual contrast: less is a shadow's edge or the other side's writing
# Of an edge as sharp as can be: less is a shadow. Of the usual: less is one, or out of focus and no writing.
SOFT, SOFTER = 0.3, 0.5
FILLS = 0.8  # of the picture: what runs out of it is a part of something else, unless it fills it
SURE = 0.9  # a blob read with this confidence, and not wide, is left as it is
WIDE = 1.15  # width over height: a blob wider than this may be several digits
SEAM_HEIGHT = 40  # pixels: the resolution at which cuts are sought
CUTS = 7  # cuts tried per blob at most
# Width over height: a blob narrower than SINGLE is hardly several digits, less likely by AGAINST with each cut; one
# wider than WIDEST is hardly one, less likely by AGAINST for each time that it is as wide.
SINGLE, WIDEST, AGAINST = 0.9, 1.3, 0.3
# Gaps, in the digits' height: one narrower never ends a number; evenly spaced digits are one number up to LOOSE.
# MIDDLING parts a row whose gaps tell no kinds. EVEN: how many times the usual gap is still the same kind.
GAP, MIDDLING, LOOSE, FARTHEST = 0.45, 0.65, 1.0, 3.0
EVEN = 1.7
JOIN_GAIN = 0.02  # of confidence: what a part must add to the digit that it is joined to
DOT = 0.45  # of its neighbours' height: what is lower, and narrow, is a point or a comma
LONE = 0.5  # confidence that a glyph without neighbours needs, to be more than a stain
DASH = 0.3  # of its neighbours' height: what is lower is a dash
TOWERS = 1.8  # times the height of all else that was read: a 1 that high is a line
CRUMB = 0.15  # of the usual height: a lone glyph so low is none
SPECK = 0.1  # of a digit's ink: less may be left out
UNEXPLAINED = 0.6  # how likely a reading is that leaves out more than a speck


@dataclass(frozen=True, eq=False)
class Glyph:
    """A piece of ink that may be a digit.

    x, y: of its crop's corner in pixels; ink: uint8 (h, w), the piece alone; image: uint8 (28, 28);
    score: float32 (11,), the ten digits and "no digit".
    """

    x: int
    y: int
    ink: np.ndarray
    image: np.ndarray
    score: np.ndarray

    @property
    def w(self) -> int:
        """Width in pixels."""
        return self.ink.shape[1]

    @property
    def h(self) -> int:
        """Height in pixels."""
        return self.ink.shape[0]

    @property
    def right(self) -> int:
        """The first column beyond."""
        return self.x + self.w

    @property
    def bottom(self) -> int:
        """The first row beyond."""
        return self.y + self.h

    @property
    def confidence(self) -> float:
        """0..1, that it is a digit and the likeliest one."""
        return float(self.score[:10].max())


@dataclass(frozen=True, eq=False)
class Writing:
    """What was found on a page, digits or not.

    glyphs: at `zoom` times the picture's pixels; left, top: of the page's corner in the picture's pixels.
    """

    glyphs: list[Glyph]
    zoom: float
    left: int = 0
    top: int = 0

    @property
    def legible(self) -> float:
        """How much was read for sure: a large digit counts for several specks that happen to look like digits.

        In the picture's pixels of height, to the power of 1.5: between what many small digits and what few large ones
        would ask for.
        """
        return float(sum((g.h / self.zoom) ** 1.5 for g in self.glyphs if g.confidence > SURE))

    def box(self, glyph: Glyph) -> tuple[float, float, float, float]:
        """A glyph's x, y, width and height in the picture's pixels."""
        x, y, w, h = (v / self.zoom for v in (glyph.x, glyph.y, glyph.w, glyph.h))
        return x + self.left, y + self.top, w, h

    def points(self, glyph: Glyph) -> np.ndarray:
        """Where a glyph has ink: float64 (N, 2), x and y in the picture's pixels."""
        y, x = np.nonzero(glyph.ink > 127)
        return np.stack([x + glyph.x, y + glyph.y], 1) / self.zoom + (self.left, self.top)

    def where(self, kept: Callable[[Glyph], bool]) -> Writing:
        """The writing without some of its glyphs."""
        return replace(self, glyphs=[glyph for glyph in self.glyphs if kept(glyph)])


Piece = tuple[int, int, np.ndarray]  # x, y and the ink of what is not scored yet


def _glyphs(pieces: list[Piece], score: Score) -> list[Glyph]:
    if not pieces:
        return []
    images = np.stack([normalise(ink) for _, _, ink in pieces])
    return [Glyph(*piece, image, s) for piece, image, s in zip(pieces, images, score(images), strict=True)]


def _trimmed(piece: Piece) -> Piece | None:
    """The piece without empty margins; None if nothing is left."""
    x, y, ink = piece
    left, top, w, h = cv2.boundingRect((ink > 127).astype(np.uint8))
    return (x + left, y + top, ink[top : top + h, left : left + w]) if w else None


def pieces_of(ink: np.ndarray, contrast: np.ndarray, plane: np.ndarray) -> list[Piece]:
    """The connected parts of all that is at least half inked, each alone with its soft edge.

    Specks and shadows are left out, and what most of the page's writing shows to be none: parts far fainter or far
    softer than it, and parts that run out of the picture while it doesn't.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats((ink > 127).astype(np.uint8), connectivity=8)
    found: list[Piece] = []
    strengths: list[float] = []
    sharps: list[float] = []
    on_edge: list[bool] = []
    height, width = ink.shape
    floor = faintest(contrast)
    for label in range(1, count):
        x, y, w, h, area = (int(v) for v in stats[label])
        if max(w, h) < 3 or area < 4:
            continue
        inside = labels[y : y + h, x : x + w] == label
        around = contrast[y : y + h, x : x + w]
        at_edge = x == 0 or y == 0 or x + w == width or y + h == height
        if at_edge and max(w / width, h / height) < FILLS:
            continue
        if h >= SMALLEST and not is_clear(around, inside, floor):
            continue
        alone = inside.astype(np.uint8)
        sharp = 1.0 if h < SMALLEST else sharpness(inside, around, edges_around(plane, x, y, w, h))
        if sharp < SOFT:
            continue
        strengths.append(cv2.mean(around, alone)[0])
        sharps.append(sharp)
        on_edge.append(at_edge)
        alone = cv2.dilate(alone, np.ones((3, 3), np.uint8))
        found.append((x, y, ink[y : y + h, x : x + w] * alone))
    tall = [i for i, piece in enumerate(found) if piece[2].shape[0] >= SMALLEST and not on_edge[i]]
    if len(tall) < WRITING:
        return found
    # by their height, so that a hundred specks don't outvote ten digits
    heights = np.array([found[i][2].shape[0] for i in tall])
    usual = [_usual(np.array(measured)[tall], heights) for measured in (strengths, sharps)]
    return [
        piece
        for piece, strength, sharp, cut in zip(found, strengths, sharps, on_edge, strict=True)
        if not cut and strength > FAINT * usual[0] and sharp > SOFTER * usual[1]
    ]


def _usual(values: np.ndarray, weights: np.ndarray) -> float:
    """The weighted median of values (N,)."""
    order = np.argsort(values)
    return float(values[order][np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)])


def _joined(a: Piece, b: Piece) -> Piece:
    """Two pieces as one."""
    x, y = min(a[0], b[0]), min(a[1], b[1])
    right = max(a[0] + a[2].shape[1], b[0] + b[2].shape[1])
    bottom = max(a[1] + a[2].shape[0], b[1] + b[2].shape[0])
    both = np.zeros((bottom - y, right - x), np.uint8)
    for left, top, ink in (a, b):
        place = both[top - y : top - y + ink.shape[0], left - x : left - x + ink.shape[1]]
        np.maximum(place, ink, out=place)
    return x, y, both


def seams(ink: np.ndarray) -> list[np.ndarray]:
    """Paths from top to bottom that cross little ink, from left to right.

    ink: uint8 (h, w). Returns at most CUTS arrays float32 (h,): for each row the column where the cut runs.
    """
    h = len(ink)
    zoom = min(1.0, SEAM_HEIGHT / h)
    small = cv2.resize(ink, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA) if zoom < 1 else ink
    rows, columns = small.shape
    if columns < 5:
        return []
    cost = small.astype(np.float32) / 255
    total = np.pad(cost[0], 1, constant_values=np.inf)
    steps = np.zeros((rows, columns), np.int8)
    for row in range(1, rows):
        # a step aside costs a little, so that a cut through paper stays straight
        ways = np.stack([total[:-2] + 0.05, total[1:-1], total[2:] + 0.05])
        steps[row] = ways.argmin(0) - 1
        total[1:-1] = ways.min(0) + cost[row]
    paths: dict[int, tuple[float, np.ndarray]] = {}
    for end in range(2, columns - 2):
        path = np.zeros(rows, np.int64)
        path[-1] = end
        for row in range(rows - 1, 0, -1):
            path[row - 1] = path[row] + steps[row, path[row]]
        # paths that share their middle are one cut: the cheapest stands for it
        middle = int(path[rows // 2]) // 3
        price = float(total[end + 1])
        if price < paths.get(middle, (np.inf,))[0]:
            paths[middle] = (price, path)
    cheap = sorted(paths.values(), key=lambda p: p[0])[:CUTS]
    cuts = sorted((path for price, path in cheap if price < 0.6 * rows), key=lambda path: float(path.mean()))
    at = np.linspace(0, rows - 1, h)
    return [np.interp(at, np.arange(rows), path) / zoom for path in cuts]


def _parted(glyph: Glyph, height: float, score: Score) -> list[Glyph]:
    """The glyph, or the digits that it looks more like when it is cut."""
    cuts = seams(glyph.ink)
    if not cuts:
        return [glyph]
    columns = np.arange(glyph.w)[None, :]
    bounds = [np.zeros(glyph.h), *cuts, np.full(glyph.h, glyph.w)]
    spans: dict[tuple[int, int], Piece] = {}
    for i in range(len(bounds)):
        for j in range(i + 1, len(bounds)):
            if (i, j) == (0, len(bounds) - 1):
                continue
            inside = (columns >= bounds[i][:, None]) & (columns < bounds[j][:, None])
            piece = _trimmed((glyph.x, glyph.y, np.where(inside, glyph.ink, np.uint8(0))))
            # a part of a touching pair is nearly as high as the others, and no wider than a digit
            if piece and piece[2].shape[0] > 0.45 * height and piece[2].shape[1] < WIDEST * height:
                spans[i, j] = piece
    scored = dict(zip(spans, _glyphs(list(spans.values()), score), strict=True))
    scored[0, len(bounds) - 1] = glyph
    tall = max(height, glyph.h)
    against = float(np.log(AGAINST))
    price = against if glyph.w < SINGLE * tall else 0.0
    best: dict[int, tuple[float, list[Glyph]]] = {0: (0.0, [])}
    for j in range(1, len(bounds)):
        ways = []
        for i in range(j):
            if i in best and (i, j) in scored:
                part = scored[i, j]
                likely = float(np.log(part.confidence + 1e-6)) + (price if i else 0.0)
                if part is glyph and glyph.w > WIDEST * tall:
                    likely += against * glyph.w / (WIDEST * tall)
                ways.append((best[i][0] + likely, [*best[i][1], part]))
        if ways:
            best[j] = max(ways, key=lambda way: way[0])
    return best[len(bounds) - 1][1]


def _boxes(glyphs: list[Glyph]) -> np.ndarray:
    """Left, top, right, bottom of each: float64 (N, 4)."""
    return np.array([(g.x, g.y, g.right, g.bottom) for g in glyphs], np.float64).reshape(-1, 4)


def _gaps(boxes: np.ndarray, glyph: Glyph) -> np.ndarray:
    """The gap between each box and the glyph's, in pixels; 0 where they overlap."""
    across = np.maximum(np.maximum(boxes[:, 0] - glyph.right, glyph.x - boxes[:, 2]), 0)
    down = np.maximum(np.maximum(boxes[:, 1] - glyph.bottom, glyph.y - boxes[:, 3]), 0)
    return np.hypot(across, down)


def _alike(a: Glyph, b: Glyph) -> bool:
    """Whether two glyphs may stand side by side in one line of writing; a flat 2 counts by its width."""
    overlap = min(a.bottom, b.bottom) - max(a.y, b.y)
    low, high = sorted(max(g.h, g.w) if g.confidence > SURE else g.h for g in (a, b))
    return overlap > 0.4 * min(a.h, b.h) and high < 2.2 * low


def _height_around(glyph: Glyph, sure: np.ndarray) -> float:
    """The height of digits in the glyph's surroundings: of the nearest sure ones, given by their boxes."""
    if not len(sure):
        return float(glyph.h)
    # a digit of the same line tells more than one above or below
    away = 3 * np.abs((sure[:, 1] + sure[:, 3]) / 2 - glyph.y - glyph.h / 2) + _gaps(sure, glyph)
    near = np.argsort(away)[:5]
    return float(np.median(sure[near, 3] - sure[near, 1]))


def digits_of(ink: np.ndarray, contrast: np.ndarray, plane: np.ndarray, score: Score) -> list[Glyph]:
    """All glyphs of a page, parted and joined, digits or not.

    ink: uint8 (H, W), 0 is paper and 255 is ink, ruled lines removed; contrast: uint8 (H, W), how dark it is;
    plane: uint8 (H, W), the brightness.
    """
    pieces = pieces_of(ink, contrast, plane)
    tall = [p for p in pieces if p[2].shape[0] >= SMALLEST]
    glyphs = _glyphs(tall, score)
    crumbs = [p for p in pieces if p[2].shape[0] < SMALLEST and max(p[2].shape) >= 4]
    sure = [g for g in glyphs if g.confidence > SURE and g.w < WIDE * g.h]
    around = _boxes(sure)
    heights = [_height_around(g, around) for g in glyphs]
    done: list[Glyph] = []
    parts: list[Glyph] = []
    for glyph, height in zip(glyphs, heights, strict=True):
        if glyph.confidence > SURE and glyph.w < WIDE * glyph.h and glyph.h > 0.6 * height:
            done.append(glyph)
        elif glyph.h > 0.6 * height and (glyph.w > 0.6 * height) and glyph.w < 12 * height:
            done.extend(_parted(glyph, height, score))
        else:
            parts.append(glyph)
    parts += [Glyph(*p, np.zeros((28, 28), np.uint8), np.eye(11, dtype=np.float32)[10]) for p in crumbs]
    return _with_parts(done, parts, around, score)


def _with_parts(done: list[Glyph], parts: list[Glyph], around: np.ndarray, score: Score) -> list[Glyph]:
    """Joins each small part to the neighbour that it completes to a better digit; others stay as they are."""
    everything = done + parts
    boxes = _boxes(everything)
    gone: set[int] = set()
    for index in sorted(range(len(done), len(everything)), key=lambda i: -everything[i].h * everything[i].w):
        part = everything[index]
        if index in gone:
            continue
        height = _height_around(part, around)
        joint_h = np.maximum(boxes[:, 3], part.bottom) - np.minimum(boxes[:, 1], part.y)
        joint_w = np.maximum(boxes[:, 2], part.right) - np.minimum(boxes[:, 0], part.x)
        fits = (_gaps(boxes, part) < 0.25 * height) & (joint_h < 1.4 * height) & (joint_w < 1.3 * height)
        near = [i for i in np.flatnonzero(fits).tolist() if i != index and i not in gone]
        mine = (part.x, part.y, part.ink)
        together = _glyphs(
            [_joined((everything[i].x, everything[i].y, everything[i].ink), mine) for i in near], score
        )
        whole = part.confidence if part.h > DOT * height else 0.0
        gains = []
        for i, both in zip(near, together, strict=True):
            # ink that is no speck has to be explained: left out, it speaks against the rest
            apart = everything[i].confidence
            if np.count_nonzero(part.ink > 127) > SPECK * np.count_nonzero(everything[i].ink > 127):
                beside = min(everything[i].right, part.right) - max(everything[i].x, part.x) < part.w / 2
                apart *= max(whole, UNEXPLAINED) if beside else UNEXPLAINED
            gains.append(both.confidence - apart)
        if gains and max(gains) > JOIN_GAIN:
            best = int(np.argmax(gains))
            gone.add(index)
            everything[near[best]] = together[best]
            boxes[near[best]] = _boxes([together[best]])[0]
    return [glyph for i, glyph in enumerate(everything) if i not in gone]


def _rows(glyphs: list[Glyph]) -> list[list[Glyph]]:
    """Glyphs that stand side by side, from left to right, with gaps of at most FARTHEST of their height."""
    rows: list[list[Glyph]] = []
    for glyph in sorted(glyphs, key=lambda g: g.x):
        near = [
            row
            for row in rows
            if _alike(row[-1], glyph) and glyph.x - row[-1].right < FARTHEST * max(row[-1].h, glyph.h)
        ]
        if near:
            min(near, key=lambda row: abs(row[-1].y + row[-1].bottom - glyph.y - glyph.bottom)).append(glyph)
        else:
            rows.append([glyph])
    return rows


def _widest_within(gaps: list[float]) -> float:
    """The widest gap within a number, given a row's gaps in heights.

    Evenly spaced digits are one number, unless they stand wide apart. Where gaps are of two kinds, the narrow kind is
    within numbers.
    """
    ordered = sorted(gaps)
    usual, widest = ordered[len(ordered) // 2], ordered[-1]
    if widest < EVEN * usual + 0.1:
        return widest if usual < LOOSE else -np.inf
    for narrow, wide in pairwise(ordered):
        if wide > GAP and wide > EVEN * narrow + 0.1:
            return narrow
    return MIDDLING


def words(glyphs: list[Glyph]) -> list[list[Glyph]]:
    """Glyphs that make up numbers, each from left to right."""
    found: list[list[Glyph]] = []
    for row in _rows(glyphs):
        gaps = [(b.x - a.right) / max(a.h, b.h) for a, b in pairwise(row)]
        widest = _widest_within(gaps) if gaps else 0.0
        found.append([row[0]])
        for gap, glyph in zip(gaps, row[1:], strict=True):
            if gap <= widest:
                found[-1].append(glyph)
            else:
                found.append([glyph])
    return found


def _is_mark(word: list[Glyph], boxes: np.ndarray) -> bool:
    """Whether a lone glyph is a point, a comma or a dash beside taller writing, given by all boxes."""
    if len(word) > 1:
        return False
    (mark,) = word
    heights = boxes[:, 3] - boxes[:, 1]
    lower = (mark.h < DASH * heights) | ((mark.h < DOT * heights) & (mark.w < DOT * heights))
    beside = (mark.y < boxes[:, 3] + 0.3 * heights) & (mark.bottom > boxes[:, 1] - 0.3 * heights)
    return bool((lower & beside & (_gaps(boxes, mark) < 1.5 * heights)).any())


def _stands_out(word: list[Glyph], heights: np.ndarray) -> bool:
    """Whether a lone glyph is a 1 that towers over all else that was read, given by its heights, or a crumb beside it.

    The one is a sheet's edge or a line, the other what is left of one.
    """
    if len(word) > 1 or len(heights) < WRITING:
        return False
    (lone,) = word
    towers = lone.score[:10].argmax() == 1 and lone.h > TOWERS * np.sort(heights)[-2]
    return bool(towers or lone.h < CRUMB * _usual(heights, heights))


def lines(found: list[list[Glyph]]) -> list[list[list[Glyph]]]:
    """Words in lines from top to bottom, each from left to right.

    A word joins the line whose last word it continues: the line may slope.
    """
    rows: list[list[list[Glyph]]] = []
    for word in sorted(found, key=lambda word: word[0].x):
        first = word[0]
        near = [row for row in rows if _alike(row[-1][-1], first) and first.x >= row[-1][-1].x]
        if near:
            min(
                near, key=lambda row: abs(row[-1][-1].y + row[-1][-1].bottom - first.y - first.bottom)
            ).append(word)
        else:
            rows.append([word])
    return sorted(rows, key=lambda row: float(np.mean([g.y + g.h / 2 for word in row for g in word])))


def arrange(glyphs: list[Glyph]) -> list[list[list[Glyph]]]:
    """Lines of numbers of glyphs: what is no digit is left out, alone or when most of its word is none."""
    kept = [word for word in words(glyphs) if np.mean([g.score[10] for g in word]) < 0.5]
    kept = [word for word in kept if len(word) > 1 or word[0].confidence > LONE]
    heights = np.array([glyph.h for word in kept for glyph in word if glyph.confidence > SURE])
    kept = [word for word in kept if not _stands_out(word, heights)]
    boxes = _boxes([glyph for word in kept for glyph in word])
    return lines([word for word in kept if not _is_mark(word, boxes)])
