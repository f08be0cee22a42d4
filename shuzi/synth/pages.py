"""Synthetic pages and tables: other people's digits written on paper, and what is written where.

They serve the benchmarks, the suites and the tests. Digits are MNIST's, resized, slanted, inked and laid out as numbers
on papers of six kinds, or in the cells of a table; papers, shadows, perspective, noise and JPEG are drawn from a
generator.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np

from shuzi.synth.distributions import LogUniform
from shuzi.synth.glyphs import mark
from shuzi.synth.hands import Hand
from shuzi.synth.raster import lay

KINDS = ("plain", "ruled", "squared", "shadowed", "photographed", "negative")

HEIGHT, WIDTH = 1100, 1500  # pixels of a page: about 130 dpi on A4
SIZES = LogUniform(20, 120)  # pixels of a digit's height
LENGTHS = (3, 8)  # digits of a number: 3 to 7
# One number's digits stand this far apart, in shares of their height: from just touching to loose.
APART = (-0.02, 0.3)
BETWEEN = (1.0, 2.5)  # numbers of a line, in shares of the digits' height
NEAR = 0.35  # of a digit's size: how far a reading's centre may lie from the truth's
INKS = ((25, 25, 30), (20, 35, 110), (95, 95, 100), (130, 25, 30), (15, 70, 45))  # RGB of pens and a pencil
Box = tuple[float, float, float, float]  # x, y, width, height in pixels
ROWS, COLUMNS = (5, 15), (3, 7)  # of a table: 5 to 14, and 3 to 6
ROW_HEIGHT, COLUMN_APART = (1.5, 2.3), (1.2, 2.4)  # of a table, in shares of the digits' height
TABLE_MARGIN = (20, 150)  # pixels around a table
EMPTY, RULED = 0.12, 0.6  # shares of cells without a number, and of tables with rules
TILT = 1.0  # degrees: so far a table may lie askew
RULE = 0.5  # ink of its rules
MARKED = 0.5  # share of columns whose numbers have a mark


@dataclass(frozen=True)
class MadePage:
    """A page and what is written on it.

    picture: uint8 (H, W, 3), RGB; labels: uint8 (N,), 0..9, in reading order; boxes: float32 (N, 4), x, y, width,
    height in pixels, around each digit's ink; numbers: int64 (N,), to which number of the page each digit belongs.
    """

    picture: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    numbers: np.ndarray


def drawn_ink(image: np.ndarray, height: float, slant: float) -> np.ndarray:
    """A 28x28's ink at `height` pixels for its 20-pixel box, slanted, cropped: float32 (h, w), 0..1."""
    zoom = height / 20
    side = int(np.ceil(28 * zoom)) + 2
    lean = np.array([[zoom, -slant * zoom, slant * zoom * 14], [0, zoom, 0]], np.float32)
    large = cv2.warpAffine(image, lean, (side, side), flags=cv2.INTER_CUBIC)
    # enlarging blurs the strokes' edges: a pen's are sharp, so about one pixel of blur is kept
    ink = np.clip((large.astype(np.float32) / 255 - 0.5) * max(1.0, zoom * 0.6) + 0.5, 0, 1)
    x, y, w, h = cv2.boundingRect((ink > 0.3).astype(np.uint8))
    return ink[max(y - 1, 0) : y + h + 1, max(x - 1, 0) : x + w + 1]


def paper_of(kind: str, generator: np.random.Generator, shape: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """Empty paper of a kind: float32 (H, W, 3), 0..255."""
    height, width = shape
    tint = np.array([1, 1, 1]) - generator.uniform(0, 0.12) * np.array([0.2, 0.4, 1.0])
    paper = np.full((height, width, 3), generator.uniform(225, 255) * tint, np.float32)
    if kind in ("ruled", "squared"):
        step = int(generator.integers(28, 90))
        thick = int(generator.integers(1, 4))
        colour = np.array([(110, 150, 210), (150, 150, 155), (190, 120, 130)][generator.integers(3)], np.float32)
        for y in range(step // 2, height, step):
            paper[y : y + thick] = colour
        if kind == "squared":
            for x in range(step // 2, width, step):
                paper[:, x : x + thick] = colour
    return paper


def shadow(generator: np.random.Generator) -> np.ndarray:
    """Light on a page that someone leans over: float32 (HEIGHT, WIDTH, 1), 0..1."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    angle = generator.uniform(0, 2 * np.pi)
    across = np.cos(angle) * (x - WIDTH * generator.uniform(0.3, 0.7))
    across += np.sin(angle) * (y - HEIGHT * generator.uniform(0.3, 0.7))
    soft = generator.choice([6.0, 60.0, 250.0])  # pixels over which the shadow's edge fades
    edge = 1 / (1 + np.exp(np.clip(-across / soft, -30, 30)))
    slope = 1 - generator.uniform(0, 0.3) * (x / WIDTH if generator.random() < 0.5 else y / HEIGHT)
    return ((1 - generator.uniform(0.3, 0.6) * edge) * slope)[:, :, None]


def photographed(page: np.ndarray, boxes: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The page seen by a phone: on a table, at an angle, out of focus, noisy, as JPEG; and the boxes there."""
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    corners = square * np.array([WIDTH, HEIGHT], np.float32)
    moved = corners + (1 - 2 * square) * generator.uniform(10, 70, (4, 2))
    view = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    table = [float(v) for v in generator.uniform(30, 140, 3)]
    seen: np.ndarray = cv2.warpPerspective(
        page, view, (WIDTH, HEIGHT), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_CONSTANT, borderValue=table
    )
    seen = cv2.GaussianBlur(seen, (0, 0), generator.uniform(0.4, 1.1))
    seen += generator.normal(0, generator.uniform(2, 7), seen.shape).astype(np.float32)
    quality = int(generator.integers(40, 90))
    _, jpeg = cv2.imencode(".jpg", np.clip(seen, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
    ends = boxes[:, None, :2] + square * boxes[:, None, 2:]
    there = cv2.perspectiveTransform(ends.reshape(1, -1, 2), view).reshape(-1, 4, 2)
    low, high = there.min(1), there.max(1)
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR)), np.concatenate([low, high - low], 1)


def make_page(images: np.ndarray, labels: np.ndarray, kind: str, generator: np.random.Generator) -> MadePage:
    """One page of `kind`, its digits drawn from `images` until the page is full.

    images: uint8 (N, 28, 28), 0 is paper and 255 is ink; labels: uint8 (N,), 0..9; kind: one of KINDS.
    """
    paper, ink = paper_of(kind, generator), np.zeros((HEIGHT, WIDTH), np.float32)
    numbers: list[list[tuple[int, Box]]] = []
    y = generator.uniform(90, 130)
    while y + (size := SIZES.draw(generator)) <= HEIGHT - 90:
        numbers += _write_line(ink, images, y, size, generator)
        y += size * generator.uniform(1.5, 2.0) + 14
    chosen, places = zip(*itertools.chain(*numbers), strict=True)
    page, boxes = inked(paper, ink, generator), np.array(places, np.float32)
    if kind == "negative":
        page = 255 - page
    if kind in ("shadowed", "photographed"):
        page *= shadow(generator)
    if kind == "photographed":
        picture, boxes = photographed(page, boxes, generator)
    else:
        picture = scanned(page, generator)
    return MadePage(picture, labels[[*chosen]], boxes, np.repeat(np.arange(len(numbers)), [*map(len, numbers)]))


def _write_line(
    ink: np.ndarray, images: np.ndarray, y: float, size: float, g: np.random.Generator
) -> list[list[tuple[int, Box]]]:
    """Write numbers until a line is full; return each: its digits' indices in `images` and their boxes.

    ink: float32 (HEIGHT, WIDTH), 0..1, of the page; y: the line's top; size: of its digits; both in pixels.
    """
    numbers: list[list[tuple[int, Box]]] = []
    x = g.uniform(90, 160)
    slope = g.uniform(-0.02, 0.02)  # lines of writing rise and fall by a degree
    while True:
        length, slant, apart = int(g.integers(*LENGTHS)), g.normal(0, 0.12), g.uniform(*APART)
        drawn, at = [], x
        for pick in g.integers(0, len(images), length).tolist():
            digit = drawn_ink(images[pick], size * g.uniform(0.92, 1.08), slant)
            h, w = digit.shape
            top = round(y + (size - h) / 2 + slope * (at - x) + g.normal(0, 0.03) * size)
            drawn.append((digit, pick, (round(at) + 1, top + 1, w - 2, h - 2)))
            at += w + (apart + g.uniform(0, 0.1)) * size
        if at > WIDTH - 90:
            return numbers
        for digit, _, (left, top, _, _) in drawn:
            lay(ink, digit, left - 1, top - 1)
        numbers.append([(pick, box) for _, pick, box in drawn])
        x = at + g.uniform(*BETWEEN) * size


def scanned(page: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A page, float32 (H, W, 3), with a scanner's noise: uint8."""
    noisy = page + generator.normal(0, 1.5, page.shape).astype(np.float32)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def inked(paper: np.ndarray, ink: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Paper (H, W, 3) with ink (H, W), 0..1, of one pen on it: float32 (H, W, 3), 0..255."""
    pen = np.array(INKS[generator.integers(len(INKS))], np.float32)
    strength = ink[:, :, None] * generator.uniform(0.75, 1.0)
    return np.asarray(paper * (1 - strength) + np.minimum(pen, paper) * strength)


@dataclass(frozen=True)
class MadeTable:
    """A table and what is written in it.

    picture: uint8 (H, W, 3), RGB; cells: rows of columns, the text of each cell, None where it is empty.
    """

    picture: np.ndarray
    cells: tuple[tuple[str | None, ...], ...]


def make_table(images: np.ndarray, labels: np.ndarray, height: float, generator: np.random.Generator) -> MadeTable:
    """A table of numbers in right-aligned columns, ruled or not, some cells empty, in the middle of a picture.

    In about half of the columns all numbers have cents after a point or a comma. No row and no column is empty.
    images, labels: as for `make_page`; height: of the digits, in pixels.
    """
    g = generator
    rows, columns = int(g.integers(*ROWS)), int(g.integers(*COLUMNS))
    filled = g.random((rows, columns)) >= EMPTY
    filled[:, 0] = filled[0] = True
    marks = [str(g.choice([".", ","])) if g.random() < MARKED else "" for _ in range(columns)]
    by = Hand("mnist", slant=g.normal(0, 0.12), pen=g.uniform(0.07, 0.12))
    cells = [
        [
            _numeral(images, labels, height, mark, by, g) if there else None
            for mark, there in zip(marks, row, strict=True)
        ]
        for row in filled.tolist()
    ]
    ink = _tabulated(cells, height, g)
    turn = cv2.getRotationMatrix2D((ink.shape[1] / 2, ink.shape[0] / 2), g.uniform(-TILT, TILT), 1.0)
    ink = cv2.warpAffine(ink, turn, ink.shape[::-1], flags=cv2.INTER_LINEAR)
    picture = scanned(inked(paper_of("plain", g, ink.shape), ink, g), g)
    return MadeTable(picture, tuple(tuple(cell and cell[0] for cell in row) for row in cells))


def _numeral(
    images: np.ndarray, labels: np.ndarray, height: float, sign: str, by: Hand, g: np.random.Generator
) -> tuple[str, np.ndarray]:
    """A number of one to four digits, with cents after a sign if there is one: its text, and its ink, (h, w)."""
    picks = g.integers(0, len(images), int(g.integers(1, 5)) + 2 * bool(sign)).tolist()
    text, x, middle = "", 2, round(0.7 * height)
    ink = np.zeros((2 * middle + 2, round((len(picks) + 1) * 1.5 * height)), np.float32)
    for place, pick in enumerate(picks):
        parts = [(str(labels[pick]), drawn_ink(images[pick], height * g.uniform(0.92, 1.08), by.slant), 0.0)]
        if sign and place == len(picks) - 2:
            drawn, low = mark(sign, height, by, g)
            if drawn is not None:
                parts.insert(0, (sign, drawn, low))
        for label, part, low in parts:
            h, w = part.shape
            top = int(np.clip(round(middle + low - h / 2 + g.normal(0, 0.03) * height), 0, ink.shape[0] - h))
            lay(ink, part, x, top)
            x += w + max(1, round(g.uniform(0.06, 0.18) * height))
            text += label
    return text, ink[:, :x]


def _tabulated(cells: list[list[tuple[str, np.ndarray] | None]], height: float, g: np.random.Generator) -> np.ndarray:
    """The ink of a table, right-aligned with a margin around, float32 (h, w), 0..1."""
    widths = [max(cell[1].shape[1] for cell in column if cell) for column in zip(*cells, strict=True)]
    apart, row_height = g.uniform(*COLUMN_APART) * height, round(g.uniform(*ROW_HEIGHT) * height)
    margin = g.integers(*TABLE_MARGIN, 2).tolist()
    edges = margin[0] + np.cumsum([0, *(round(width + apart) for width in widths)])
    tops = margin[1] + row_height * np.arange(len(cells) + 1)
    ink = np.zeros((tops[-1] + margin[1], edges[-1] + margin[0]), np.float32)
    for top, row in zip(tops, cells, strict=False):
        for right, cell in zip(edges[1:], row, strict=True):
            if cell:
                h, w = cell[1].shape
                x = round(right - apart / 2 + g.normal(0, 0.1) * height) - w
                y = round(top + (row_height - h) / 2 + g.normal(0, 0.04) * height)
                lay(ink, cell[1], x, y)
    if g.random() < RULED:
        ink[tops, edges[0] : edges[-1]] = RULE
        ink[tops[0] : tops[-1], edges] = RULE
    return ink


@dataclass(frozen=True)
class PageScore:
    """What a reader made of pages: counts that add up.

    digits, numbers, sixes: how many are written, the last being numbers of six digits; found: digits at whose place
    the reader says something; right: digits read right there; false: digits read where none is;
    numbers_right, sixes_right: numbers read whole, without a digit more or less.
    """

    digits: int = 0
    found: int = 0
    right: int = 0
    false: int = 0
    numbers: int = 0
    numbers_right: int = 0
    sixes: int = 0
    sixes_right: int = 0

    def __add__(self, other: PageScore) -> PageScore:
        return PageScore(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def score_page(
    page: MadePage, digits: Sequence[tuple[int | None, Box]], numbers: Sequence[tuple[str, Box]]
) -> PageScore:
    """Compares what was read with the truth.

    digits: what was read and where, None for unsure; numbers: texts and where; boxes are x, y, width, height in
    pixels. A reading belongs to the truth whose centre is nearest, within NEAR of its size.
    """
    centres = np.array([(x + w / 2, y + h / 2) for _, (x, y, w, h) in digits]).reshape(-1, 2)
    free = np.ones(len(digits), bool)
    found = right = 0
    for label, (x, y, w, h) in zip(page.labels.tolist(), page.boxes.tolist(), strict=True):
        away = np.where(free, np.abs(centres - (x + w / 2, y + h / 2)).max(1, initial=0), np.inf)
        if len(away) and away.min() < NEAR * max(w, h):
            nearest = int(away.argmin())
            free[nearest] = False
            found += 1
            right += digits[nearest][0] == label
    false = sum(digits[i][0] is not None for i in np.flatnonzero(free).tolist())
    score = PageScore(len(page.labels), found, right, false)
    for number in np.unique(page.numbers):
        own = page.numbers == number
        text, boxes = "".join(map(str, page.labels[own])), page.boxes[own]
        left, top = boxes[:, :2].min(0)
        near = NEAR * float((boxes[:, 1] + boxes[:, 3]).max() - top)
        whole = text in [t for t, (x, y, _, _) in numbers if max(abs(x - left), abs(y - top)) < near]
        six = len(text) == 6
        score += PageScore(numbers=1, numbers_right=whole, sixes=six, sixes_right=whole and six)
    return score
