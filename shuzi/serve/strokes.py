"""Strokes of a pen to 28x28 digits: strokes that belong together found, each digit drawn as MNIST's pen would.

A drawing says more than a picture of it: which ink was one movement, and where the pen was rather than how wide it
was. So digits that touch come apart here, and a large digit and a small one both get MNIST's stroke.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import cv2
import numpy as np

from shuzi.read.normalise import BOX, normalise

PEN = 2.6 / BOX  # stroke width over a digit's longer side: the median over MNIST's training digits
DRAWN = 4 * BOX  # pixels a digit's longer side is drawn with: one is a quarter of a pixel in the 20x20 box
STEP = 2.0  # pixels of the drawn digit between points: half a pixel of the 20x20 box
SHIFT = 4  # OpenCV draws at sixteenths of a pixel
SHARE = 0.45  # of the lower group's height that stands beside another: then both are on one line
SURELY, PERHAPS = 0.0, 0.15  # reach (see _belong) within which strokes are one digit, and may be
PARTING = 0.05  # nats by which two digits must be likelier than one
MOST_PARTS = 6  # that are tried in all ways; more are a scribble
APART = 0.3  # of the taller stroke's height: strokes further above each other are two lines of writing
DOT = 0.2  # of the tallest digit: what is smaller is a dot between digits, not a digit
GAP = 0.8  # of the digits' height: a wider gap between them ends a number

Box = tuple[int, int, int, int]
Score = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Drawn:
    """Strokes that make one digit. box: (x, y, width, height) on the sheet; image: uint8 (28, 28)."""

    box: Box
    image: np.ndarray


@dataclass(eq=False)
class _Group:
    strokes: list[np.ndarray]
    left: float
    top: float
    right: float
    bottom: float

    @property
    def side(self) -> float:
        return max(self.right - self.left, self.bottom - self.top)


def _group(stroke: np.ndarray) -> _Group:
    (left, top), (right, bottom) = stroke[:, :2].min(0), stroke[:, :2].max(0)
    return _Group([stroke], float(left), float(top), float(right), float(bottom))


def _joined(a: _Group, b: _Group) -> _Group:
    return _Group(
        a.strokes + b.strokes,
        min(a.left, b.left),
        min(a.top, b.top),
        max(a.right, b.right),
        max(a.bottom, b.bottom),
    )


def _belong(a: _Group, b: _Group, reach: float) -> bool:
    """Whether two groups are parts of one digit: one stands over the other, not beside it nor on another line.

    reach: of the taller one's height, how far the middle of the narrow one may stand outside the wide one.
    """
    narrow, wide = sorted((a, b), key=lambda g: g.right - g.left)
    taller = max(a.bottom - a.top, b.bottom - b.top)
    middle = (narrow.left + narrow.right) / 2
    between = max(a.top, b.top) - min(a.bottom, b.bottom)
    aside = max(wide.left - middle, middle - wide.right)
    return aside <= reach * taller and between <= APART * taller


def _gathered(groups: list[_Group], reach: float) -> list[list[_Group]]:
    """Groups with those that belong to them, directly or through others."""
    found: list[tuple[_Group, list[_Group]]] = []
    for group in groups:
        whole, parts = group, [group]
        # joining may bring the next neighbour into reach, so look until nothing changes
        while touched := [each for each in found if _belong(each[0], whole, reach)]:
            for each in touched:
                whole = _joined(each[0], whole)
                parts = each[1] + parts
                found.remove(each)
        found.append((whole, parts))
    return [parts for _, parts in found]


def _groups(strokes: list[np.ndarray], score: Score) -> list[_Group]:
    """Strokes as digits: what surely belongs together is joined, and what may is left to the network."""
    sure = [reduce(_joined, parts) for parts in _gathered([_group(stroke) for stroke in strokes], SURELY)]
    return [group for parts in _gathered(sure, PERHAPS) for group in _likeliest(parts, score)]


def _likeliest(parts: list[_Group], score: Score) -> list[_Group]:
    """The parts, from left to right, joined to the digits that the network is surest of."""
    if len(parts) == 1 or len(parts) > MOST_PARTS:
        return parts
    parts = sorted(parts, key=lambda g: g.left + g.right)
    spans = [(i, j) for i in range(len(parts)) for j in range(i + 1, len(parts) + 1)]
    joined = {span: reduce(_joined, parts[slice(*span)]) for span in spans}
    scores = score(np.stack([_image(group) for group in joined.values()]))[:, :10].max(1)
    sureness = dict(zip(spans, np.log(scores + 1e-6), strict=True))
    best: list[tuple[float, list[_Group]]] = [(0.0, [])]
    for end in range(1, len(parts) + 1):
        ways = [
            (best[i][0] + float(sureness[i, end]) - PARTING, [*best[i][1], joined[i, end]])
            for i in range(end)
        ]
        best.append(max(ways, key=lambda way: way[0]))
    return best[-1][1]


def _thinned(stroke: np.ndarray, step: float) -> np.ndarray:
    """The stroke with one point for each `step` of its way: a mouse gives many more than can be seen."""
    if len(stroke) < 3:
        return stroke
    way = np.hypot(*np.diff(stroke[:, :2], axis=0).T).cumsum() // step
    kept = np.concatenate([[True], np.diff(way, prepend=0.0) > 0])
    kept[-1] = True
    return stroke[kept]


def _image(group: _Group) -> np.ndarray:
    """The group drawn with MNIST's pen, as uint8 (28, 28)."""
    scale = DRAWN * (1 - PEN) / max(group.side, 1e-6)
    pen = PEN * DRAWN
    margin = np.array([pen, pen])
    size = (np.array([group.right - group.left, group.bottom - group.top]) * scale + 2 * margin).astype(
        int
    ) + 1
    ink = np.zeros((size[1], size[0]), np.uint8)
    for stroke in group.strokes:
        stroke = _thinned(stroke, STEP / scale)
        points = (stroke[:, :2] - (group.left, group.top)) * scale + margin
        fixed = np.rint(points * (1 << SHIFT)).astype(np.int32)
        pressure = stroke[:, 2]
        if pressure.min() == pressure.max():
            cv2.polylines(
                ink, [fixed], False, 255, max(1, round(pen * (0.5 + pressure[0]))), cv2.LINE_AA, SHIFT
            )
            continue
        for a, b, p in zip(fixed[:-1], fixed[1:], pressure[1:], strict=True):
            cv2.line(ink, a.tolist(), b.tolist(), 255, max(1, round(pen * (0.5 + p))), cv2.LINE_AA, SHIFT)
    return normalise(ink)


def drawn_digits(
    strokes: list[np.ndarray], height: float, score: Score, single: bool = False
) -> list[list[list[Drawn]]]:
    """The digits of a drawing: its lines from top to bottom, in each its numbers, in each its digits.

    strokes: each float (n, 3) of x, y and pressure (0..1, 0.5 where there is none); x and y in the sheet's units,
    y down; height: the sheet's, in those units; score: the network's, images uint8 (N, 28, 28) to
    probabilities (N, 11), asked where strokes may be one digit or two; single: all strokes are one digit. Dots between
    digits are left out.
    """
    if not strokes:
        return []
    pen = 0.05 * height  # about as wide as the page draws it: strokes this close look joined
    if single:
        groups = [reduce(_joined, map(_group, strokes))]
    else:
        groups = _groups(strokes, score)
        tallest = max(group.side for group in groups)
        groups = [group for group in groups if group.side >= DOT * tallest]
    return [
        [[Drawn(_box(group, pen), _image(group)) for group in number] for number in _numbers(line, pen)]
        for line in _lines(groups, pen)
    ]


def _lines(groups: list[_Group], pen: float) -> list[list[_Group]]:
    """Groups that stand side by side, each line from left to right."""
    rows: list[list[_Group]] = []
    for group in sorted(groups, key=lambda g: g.left):
        for row in rows:
            last = row[-1]
            beside = min(last.bottom, group.bottom) - max(last.top, group.top) + pen
            if beside > SHARE * (min(last.bottom - last.top, group.bottom - group.top) + pen):
                row.append(group)
                break
        else:
            rows.append([group])
    return sorted(rows, key=lambda row: sum(g.top + g.bottom for g in row) / len(row))


def _numbers(line: list[_Group], pen: float) -> list[list[_Group]]:
    """One line's digits, parted at gaps wider than GAP of their height."""
    found = [[line[0]]]
    for last, group in pairwise(line):
        taller = max(last.bottom - last.top, group.bottom - group.top) + pen
        if group.left - last.right - pen > GAP * taller:
            found.append([])
        found[-1].append(group)
    return found


def _box(group: _Group, pen: float) -> Box:
    left, top = round(group.left - pen / 2), round(group.top - pen / 2)
    return left, top, round(group.right + pen / 2) - left, round(group.bottom + pen / 2) - top
