"""Numbers of a page to columns: which boxes of different lines stand one above the other."""

from collections.abc import Sequence
from itertools import pairwise
from operator import itemgetter
from statistics import median

import numpy as np

Row = Sequence[tuple[int, int, int, int]]
"""Boxes (x, y, width, height) of one line, from left to right."""
Column = dict[int, int]
"""The cells of a column: for each row that has one, the index of its box."""

EDGE_REACH = 1.0  # heights: edges that are further apart don't count as aligned
MIN_SCORE = 0.5  # of a cell in a column: edges within half a height, or half of a box above the other
NEAREST = 3  # cells of a column, in the nearest rows, that another is compared with: columns may lean
# Boxes nearer than this, in heights, may be halves of one number: if in this many other rows and more one box spans
# both, and in this many times fewer rows two boxes part there. A box spans another if it lies above this share of it.
SPLIT_GAP, MIN_SPANNED, PARTED, SPANNED_SHARE = 1.0, 3, 4, 0.5
# Widths to a height that columns may lean; how near edges of one column then are, in heights; and how many more pairs
# of boxes than in upright columns must have such edges.
LEANS, LEANING_REACH, LEAN_GAIN = np.linspace(-0.4, 0.4, 81), 0.25, 1.25
ROUNDS = 2  # the second one sees columns that only later rows have shown


def assign_columns(rows: Sequence[Row]) -> list[list[int]]:
    """Assign the boxes of each row to columns 0, 1, ... from left to right.

    The fullest row is taken first, then the rows below and above it. Each row is aligned with the columns so far as
    sequences are (S. Needleman and C. Wunsch 1970); boxes that fit no column open a new one.
    """
    if sum(map(bool, rows)) <= 1:
        return [[*range(len(row))] for row in rows]
    edges = level_edges(rows)
    fullest = max(range(len(rows)), key=lambda row: len(rows[row]))
    columns: list[Column] = []
    for row in [*range(fullest, len(rows)), *reversed(range(fullest))] * ROUNDS:
        for column in columns:
            column.pop(row, None)
        columns = insert_row([column for column in columns if column], edges, row)
    places = {cell: place for place, column in enumerate(columns) for cell in column.items()}
    return [[places[row, cell] for cell in range(len(boxes))] for row, boxes in enumerate(rows)]


def unite_halves(rows: Sequence[Row]) -> list[list[int]]:
    """Number the cells of each row from left to right: boxes that are halves of one number share a cell."""
    if sum(map(bool, rows)) <= 1:
        return [[*range(len(row))] for row in rows]
    edges, cells = level_edges(rows), []
    for row, own in enumerate(edges):
        cells.append([0] * min(len(own), 1))
        for one, other in pairwise(own):
            united = other[0] - one[1] < SPLIT_GAP and are_halves(one, other, edges[:row] + edges[row + 1 :])
            cells[-1].append(cells[-1][-1] + (not united))
    return cells


def are_halves(one: np.ndarray, other: np.ndarray, rows: list[np.ndarray]) -> bool:
    """Tell whether two neighbours, edges (3,), are one number by what stands above and below them, edges (n, 3)."""

    def spanning(half: np.ndarray, row: np.ndarray) -> np.ndarray:
        shared = np.minimum(row[:, 1], half[1]) - np.maximum(row[:, 0], half[0])
        return np.asarray(shared > SPANNED_SHARE * (half[1] - half[0]))

    over = [(spanning(one, row), spanning(other, row)) for row in rows]
    spanned = sum(bool((left & right).any()) for left, right in over)
    parted = sum(bool(left.any() and right.any() and not (left & right).any()) for left, right in over)
    return spanned >= max(MIN_SPANNED, PARTED * parted)


def level_edges(rows: Sequence[Row]) -> list[np.ndarray]:
    """Measure left edges, right edges and centres, in heights, as if lines were level and columns upright.

    Returns float64 (n, 3) for each row.
    """
    boxes = [np.array(row, float).reshape(-1, 4) for row in rows]
    middles = [box[:, :2] + box[:, 2:] / 2 for box in boxes]
    steps = np.array([after - one for row in middles for one, after in pairwise(row)]).reshape(-1, 2)
    slope = median((steps[:, 1] / np.maximum(steps[:, 0], 1)).tolist()) if len(steps) else 0.0
    height = median(np.concatenate(boxes)[:, 3].tolist())
    edges = [
        (np.stack([x, x + width, x + width / 2], 1) + slope * middle[:, 1:]) / height
        for (x, _, width, _), middle in ((box.T, middle) for box, middle in zip(boxes, middles, strict=True))
    ]
    heights = [(middle[:, 1:] - slope * middle[:, :1]) / height for middle in middles]
    lean = leaning(edges, heights)
    return [across - lean * down for across, down in zip(edges, heights, strict=True)]


def leaning(edges: list[np.ndarray], heights: list[np.ndarray]) -> float:
    """Find how far to the right columns lean on their way down, in widths to a height, by votes of pairs of boxes.

    edges: of each row, (n, 3); heights: of each row's boxes down the page, (n, 1). Boxes of the next NEAREST rows vote
    for the leans that align an edge of theirs (as in P. Hough's transform).
    """
    votes = np.zeros(len(LEANS))
    for row, own in enumerate(edges):
        for other in range(row + 1, min(row + 1 + NEAREST, len(edges))):
            across = edges[other][None] - own[:, None]  # (n, m, 3)
            down = (heights[other][None] - heights[row][:, None])[..., None]  # (n, m, 1, 1)
            near = np.abs(across[..., None] - LEANS * down) < LEANING_REACH
            votes += near.any(2).sum((0, 1))
    upright = len(LEANS) // 2
    best = int(np.argmax(votes - 1e-3 * np.abs(LEANS)))
    return float(LEANS[best]) if votes[best] > max(LEAN_GAIN * votes[upright], NEAREST) else 0.0


def insert_row(columns: list[Column], edges: list[np.ndarray], row: int) -> list[Column]:
    """Add a row's cells to the columns, in the order of both, and new columns for those that fit none."""
    own = edges[row]
    near = [sorted(column.items(), key=lambda cell: abs(cell[0] - row))[:NEAREST] for column in columns]
    members = [np.array([edges[r][i] for r, i in cells]) for cells in near]
    gains = np.array([alignment(own, cells) - MIN_SCORE for cells in members]).reshape(len(columns), len(own)).T
    result, at = [], 0
    matches = align(gains)
    for cell, match in enumerate(matches):
        until = next((later for later in matches[cell:] if later is not None), len(columns))
        while at < until and (match is not None or members[at][:, 2].mean() < own[cell, 2]):
            result.append(columns[at])
            at += 1
        result.append({row: cell} if match is None else columns[match] | {row: cell})
        at += match is not None
    return result + columns[at:]


def alignment(cells: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Score how well cells, edges (n, 3), stand in a column with members (m, 3): float64 (n,), 0..2.

    One point if one kind of edge agrees in all members, one if the smaller box lies above or below the larger.
    """
    apart = np.abs(cells[:, None] - members).mean(1).min(1)
    (left, right), (lefts, rights) = cells[:, None, :2].transpose(2, 0, 1), members[:, :2].T
    shared = np.minimum(right, rights) - np.maximum(left, lefts)
    overlap = np.maximum(shared, 0) / np.maximum(np.minimum(right - left, rights - lefts), 1e-9)
    return np.asarray(np.maximum(1 - apart / EDGE_REACH, 0) + overlap.mean(1))


def align(gains: np.ndarray) -> list[int | None]:
    """Match cells to columns in the order of both, for the largest sum of gains (n, k); None: matches no column."""
    best: list[tuple[float, list[int | None]]] = [(0.0, [])] * (gains.shape[1] + 1)  # with the columns so far
    for own in gains.tolist():
        now = [(total, [*matches, None]) for total, matches in best]
        for j, gain in enumerate(own):
            matched = best[j][0] + gain, [*best[j][1], j]
            now[j + 1] = max(now[j + 1], now[j], matched, key=itemgetter(0))
        best = now
    return best[-1][1]
