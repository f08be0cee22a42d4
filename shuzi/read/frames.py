"""Ruled frames of a page, as of a grid or a table: a line of numbers ends where its frame does."""

import cv2
import numpy as np

from shuzi.data.picture import resize_by

NO_FRAMES = np.zeros((0, 4))
PIXELS = 0.3e6  # of the picture in which lines are looked for
MIN_DIGITS = 12  # in a frame that parts lines, as in three rows of four: a box around one number parts nothing
CONTRAST = 4  # greys by which a ruled line is darker than the mean around it
AROUND = 25  # pixels a side of that
LENGTH = 0.05  # of the picture's longer side: shorter strokes are no ruled lines
BEND = 3  # pixels up or down that a line may run within that length
MIN_LINES = 3  # that cross a frame, of those along and those across; two of the others
SPAN = 0.6  # of a frame's side: a line along it is at least as long
LABELLED = 0.5  # of a frame's lines: if more have a number beside it, labels or sums, those belong to its lines
CROSSED = 0.5  # of a frame's digits: if lines run through more, it is paper with squares, on which one writes anywhere


def ruled_frames(grey: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """Find the frames around a picture's digits, uint8 (H, W), if one holds many of them and not all.

    digits: float64 (N, 4), their boxes. Returns boxes float64 (M, 4), largest first; none lies in another.
    """
    if len(digits) <= MIN_DIGITS:
        return NO_FRAMES
    scale = min(1.0, float(np.sqrt(PIXELS / grey.size)))
    small = resize_by(grey, scale, cv2.INTER_AREA) if scale < 1 else grey
    corners = np.concatenate([digits[:, :2], digits[:, :2] + digits[:, 2:]], 1) * scale
    corners = np.clip(corners.round().astype(int), 0, [*small.shape[::-1]] * 2)
    parts = [part for x0, y0, x1, y1 in corners if (part := small[y0:y1, x0:x1]).size]
    if np.mean([part.mean() - np.median(part) for part in parts]) > 0:  # light ink on dark ground
        small = 255 - small
    dark = cv2.adaptiveThreshold(small, 1, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, AROUND, CONTRAST)
    length = round(LENGTH * max(small.shape))
    lines = [straight(dark, length), straight(dark.T, length).T]
    ruled, middles = np.maximum(*lines), digits[:, :2] + digits[:, 2:] / 2
    components = cv2.connectedComponentsWithStats(ruled)[2][1:, :4]
    frames: list[np.ndarray] = []
    most = 0  # digits in one frame
    for box in sorted(components, key=lambda box: -int(box[2]) * int(box[3])):
        held = inside(middles, box / scale)
        if held.any() and not any(inside(box[None, :2], other)[0] for other in frames):
            counts = sorted(count_lines(*each) for each in ((lines[0], box), (lines[1].T, box[[1, 0, 3, 2]])))
            if counts[0] >= 2 and counts[1] >= MIN_LINES and not is_squared(ruled, corners[held]):
                frames.append(box)
                most = max(most, int(held.sum()))
    return np.array(frames) / scale if MIN_DIGITS <= most < len(digits) else NO_FRAMES


def straight(dark: np.ndarray, length: int) -> np.ndarray:
    """Keep the level lines of a mask, uint8 (H, W), that are at least so long; they may bend a little."""
    thick = cv2.dilate(dark, np.ones((BEND, 1), np.uint8))
    return cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))


def inside(points: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Tell which points (N, 2) lie in a box (4,): bool (N,)."""
    return np.asarray(((points >= box[:2]) & (points < box[:2] + box[2:])).all(1))


def count_lines(lines: np.ndarray, box: np.ndarray) -> int:
    """Count the level lines of a mask, uint8 (H, W), that span a box (4,)."""
    x, y, width, height = box
    spans = cv2.connectedComponentsWithStats(np.ascontiguousarray(lines[y : y + height, x : x + width]))[2][1:]
    return int((spans[:, cv2.CC_STAT_WIDTH] > SPAN * width).sum())


def is_squared(ruled: np.ndarray, corners: np.ndarray) -> bool:
    """Tell whether lines run through most digits. corners: int (N, 4), left, top, right, bottom of each."""
    return float(np.mean([ruled[y0:y1, x0:x1].any() for x0, y0, x1, y1 in corners])) > CROSSED


def split_at_frames(lines: list[list[int]], middles: np.ndarray, frames: np.ndarray) -> list[list[int]]:
    """Split lines where a frame ends, and sort them: those beside a frame before or after all of its own.

    lines: indices of numbers, from left to right, the topmost line first; middles: float64 (N, 2), theirs.
    """
    if not len(frames):
        return lines
    frame = np.full(len(middles), -1)
    for k, box in reversed([*enumerate(frames)]):
        frame[inside(middles, box)] = k
    rows = [np.array(line) for line in lines]
    for k, (x, _, width, _) in enumerate(frames):
        own = [row for row in rows if (frame[row] == k).any()]
        for side in (middles[:, 0] < x, middles[:, 0] > x + width):
            beside = [row[(frame[row] < 0) & side[row]] for row in own]
            if sum(map(bool, map(len, beside))) > LABELLED * len(own):
                frame[np.concatenate(beside)] = k
    parts = [part.tolist() for row in rows for part in np.split(row, np.flatnonzero(np.diff(frame[row])) + 1)]

    def order(part: list[int]) -> tuple[float, float, float]:
        x, y = middles[part].mean(0)
        own = frame[part[0]]
        level = frames[(frames[:, 1] <= y) & (y < frames[:, 1] + frames[:, 3])]
        if not len(level):
            return y, 0.0, 0.0
        return float(level[:, 1].min()), float(frames[own, 0]) if own >= 0 else float(x), y

    return sorted(parts, key=order)
