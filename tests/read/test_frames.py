"""Ruled frames: where they are found, and how they part lines."""

import cv2
import numpy as np
import pytest

import shuzi
from shuzi.read.frames import NO_FRAMES, ruled_frames, split_at_frames

PITCH, SIDE = 40, 6  # pixels from line to line; cells along and down a grid


def grid(picture, left, top, ink=90, filled=1.0, columns=SIDE):
    """Rule a grid; return the boxes of digits in a share of its cells, which are drawn as strokes."""
    for i in range(columns + 1):
        cv2.line(picture, (left + i * PITCH, top), (left + i * PITCH, top + SIDE * PITCH), ink, 2)
    for i in range(SIDE + 1):
        cv2.line(picture, (left, top + i * PITCH), (left + columns * PITCH, top + i * PITCH), ink, 2)
    cells = [(i, j) for j in range(SIDE) for i in range(columns)][: round(filled * columns * SIDE)]
    boxes = [(left + i * PITCH + 14, top + j * PITCH + 10, 12, 20) for i, j in cells]
    for x, y, w, h in boxes:
        cv2.line(picture, (x, y + h), (x + w, y), ink // 2, 3)
    return boxes


@pytest.fixture
def paper():
    return np.full((320, 640), 220, np.uint8)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("filled", [1.0, 0.2])
def test_two_grids_side_by_side_are_two_frames(paper, dark, filled):
    boxes = np.array(grid(paper, 20, 30) + grid(paper, 300, 40, filled=filled), float)
    frames = ruled_frames(255 - paper if dark else paper, boxes)
    assert len(frames) == 2
    assert np.abs(sorted(frames.tolist()) - np.array([[20, 30, 240, 240], [300, 40, 240, 240]])).max() < 6


def test_a_tilted_and_blurred_grid_is_a_frame_beside_other_digits(paper):
    boxes = np.array([*grid(paper, 60, 40), (500, 60, 12, 20)], float)
    turn = cv2.getRotationMatrix2D((180, 160), 3, 1.0)
    tilted = cv2.GaussianBlur(cv2.warpAffine(paper, turn, paper.shape[::-1], borderValue=220), (0, 0), 1.2)
    boxes[:, :2] = (boxes[:, :2] + boxes[:, 2:] / 2) @ turn[:, :2].T + turn[:, 2] - boxes[:, 2:] / 2
    assert len(ruled_frames(tilted, boxes)) == 1


def test_what_parts_nothing_is_no_frame(paper):
    boxes = np.array(grid(paper, 20, 30), float)
    assert len(ruled_frames(paper, boxes)) == 0  # all digits are in it
    outside = np.array([[560, 60, 12, 20]], float)
    assert len(ruled_frames(paper, np.concatenate([boxes, outside]))) == 1
    assert len(ruled_frames(paper, np.concatenate([boxes[:8], outside]))) == 0  # few digits
    plain = np.full_like(paper, 220)
    assert len(ruled_frames(plain, np.concatenate([boxes, outside]))) == 0
    plain[40::40] = 90  # ruled, without a line across
    assert len(ruled_frames(plain, np.concatenate([boxes, outside]))) == 0


def test_squared_paper_is_no_frame(paper):
    for at in range(20, 320, 18):
        cv2.line(paper, (10, at), (500, at), 120, 1)
    for at in range(10, 520, 18):
        cv2.line(paper, (at, 20), (at, 308), 120, 1)
    random = np.random.default_rng(0)
    boxes = np.concatenate([random.uniform((20, 30), (450, 270), (40, 2)), np.full((40, 2), (14, 24))], 1)
    assert len(ruled_frames(paper, np.concatenate([boxes, [[560, 60, 12, 20]]]))) == 0


def test_lines_end_where_their_frame_does():
    frames = np.array([[0, 0, 100, 90], [150, 0, 100, 90]], float)
    middles = np.array([(x, y) for y in (10, 40, 70, 120) for x in (20, 60, 180)], float)
    lines = [[*range(at, at + 3)] for at in range(0, 12, 3)]
    parted = split_at_frames(lines, middles, frames)
    assert parted == [[0, 1], [3, 4], [6, 7], [2], [5], [8], [9, 10, 11]]  # below both, a line is whole
    assert split_at_frames(lines, middles, NO_FRAMES) == lines


def test_numbers_beside_most_lines_of_a_frame_are_of_those_lines():
    frames = np.array([[50, 0, 100, 90]], float)
    middles = np.array([(x, y) for y in (10, 40, 70) for x in (20, 80, 120)], float)
    lines = [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert split_at_frames(lines, middles, frames) == lines
    few = [[0, 1, 2], [4, 5], [7, 8]]
    assert split_at_frames(few, middles, frames) == [[0], [1, 2], [4, 5], [7, 8]]


def test_grids_side_by_side_are_read_one_after_the_other(paper, mnist):
    boxes = grid(paper.copy(), 20, 30) + grid(paper.copy(), 300, 40, filled=0.5)
    grid(paper, 20, 30, filled=0)
    grid(paper, 300, 40, filled=0)
    for (x, y, _, _), image in zip(boxes, mnist[1].images, strict=False):
        part = paper[y - 4 : y + 24, x - 8 : x + 20]
        part[:] = np.where(image > 0, np.minimum(part, 255 - image), part)
    lines = shuzi.Reader().read(paper).text.splitlines()
    assert [len(line.replace(" ", "")) for line in lines] == [SIDE] * SIDE + [SIDE] * (SIDE // 2)
    said = "".join(lines).replace(" ", "")
    assert sum(a == str(b) for a, b in zip(said, mnist[1].labels, strict=False)) >= 50
