"""Layout of tables: grids and rows of boxes, some filled by hand and some in print."""

import itertools
from dataclasses import dataclass, replace

import numpy as np

from shuzi.synth.canvas import Canvas
from shuzi.synth.distributions import Chance, Integers, Normal, OneOf, Uniform
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.hands import hand
from shuzi.synth.layouts import MIN_SIZE, SQUARE
from shuzi.synth.numbers import Style, write_number
from shuzi.synth.words import write_letter, write_word


@dataclass(frozen=True)
class Table:
    """How tables look. "Share" is of a cell's height; lengths in pixels."""

    cell: Uniform = Uniform(18, 76)
    wide: Chance = Chance(0.4)
    wider: Uniform = Uniform(1.0, 3.0)  # share
    turn: Normal = Normal(0, 0.06)  # radians
    lean: Normal = Normal(0, 0.04)
    origin: Uniform = Uniform(-1, 0.4)  # of a cell
    rule_width: OneOf = OneOf(0.5, 1, 1, 1.5, 2, 3)
    rule_strength: Uniform = Uniform(0.15, 1)
    heavy: Integers = Integers(2, 6)  # every so many rules one is twice as wide
    heavy_upright: Chance = Chance(0.7)
    height: Uniform = Uniform(0.35, 0.85)  # share
    lowest: float = 7
    highest: float = 60
    printed: Uniform = Uniform(0, 1)  # share of cells in print, in tables that have some
    some_printed: Chance = Chance(0.6)
    empty: Uniform = Uniform(0, 0.4)  # share of cells
    ink: Uniform = Uniform(0.6, 1)
    printed_ink: Uniform = Uniform(0.3, 1)
    off_middle: float = 0.06  # standard deviation, of a cell
    word: Chance = Chance(0.03)
    letter: Chance = Chance(0.04)
    word_height: float = 0.7  # of the digits'
    word_left: float = 0.3  # of a cell, from its middle
    single: float = 1.6  # cells narrower than this share hold one digit each
    digits: Integers = Integers(1, 4)
    digit_width: float = 0.55  # of a digit's height
    printed_height: float = 1.05  # of the digits'
    beyond: float = 30  # a cell whose middle lies farther outside is left out


TABLE = Table()


@dataclass(frozen=True)
class Grid:
    """Where a table's cells lie, in pixels.

    origin, across, down: (2,) each; cell: (2,), width and height; columns, rows: so many may reach into the frame.
    """

    origin: np.ndarray
    across: np.ndarray
    down: np.ndarray
    cell: np.ndarray
    turn: float
    columns: int
    rows: int


def table_part(glyphs: Glyphs, g: np.random.Generator) -> Canvas:
    """Draw a part of a table, a grid or a row of boxes for digits."""
    s, canvas = TABLE, Canvas(*SQUARE)
    grid = _grid(g)
    _rule(canvas, grid, g)
    height = float(np.clip(grid.cell[1] * s.height.draw(g), s.lowest, s.highest))
    by, printer = hand(g, turn=grid.turn), hand(g, "font", grid.turn)
    share = s.printed.draw(g) * s.some_printed.draw(g)
    empty = s.empty.draw(g)
    written = Style(height, by, s.ink.draw(g))
    printed = Style(height * s.printed_height, printer, s.printed_ink.draw(g))
    for i, j in itertools.product(range(-1, grid.columns), range(-1, grid.rows)):
        if g.random() < empty:
            continue
        middle = grid.origin + (i + 0.5) * grid.across + (j + 0.5) * grid.down
        middle = middle + g.normal(0, s.off_middle, 2) * grid.cell
        if not ((middle > -s.beyond) & (middle < np.array(SQUARE) + s.beyond)).all():
            continue
        _fill(canvas, glyphs, grid, middle, height, printed if g.random() < share else written, g)
    return canvas


def _grid(g: np.random.Generator) -> Grid:
    s = TABLE
    cell = np.array([1.0, 1.0]) * s.cell.draw(g)
    if s.wide.draw(g):
        cell[0] *= s.wider.draw(g)
    turn, lean = s.turn.draw(g), s.lean.draw(g)
    across = np.array([np.cos(turn), np.sin(turn)]) * cell[0]
    down = np.array([-np.sin(turn) + lean, np.cos(turn)]) * cell[1]
    origin = np.array([s.origin.draw(g), s.origin.draw(g)]) * cell
    return Grid(origin, across, down, cell, turn, *(int(150 / side) + 3 for side in cell))


def _rule(canvas: Canvas, grid: Grid, g: np.random.Generator) -> None:
    """Rule the lines of a grid."""
    s = TABLE
    width, strength = s.rule_width.draw(g), s.rule_strength.draw(g)
    heavy = s.heavy.draw(g)
    origin, across, down = grid.origin, grid.across, grid.down
    for i in range(-2, grid.columns):
        w = width * (2 if i % heavy == 0 and s.heavy_upright.draw(g) else 1)
        start = origin + i * across
        canvas.line(start - 2 * down, start + grid.rows * down, w, strength)
    for j in range(-2, grid.rows):
        w = width * (2 if j % heavy == 0 else 1)
        start = origin + j * down
        canvas.line(start - 2 * across, start + grid.columns * across, w, strength)


def _fill(
    canvas: Canvas, glyphs: Glyphs, grid: Grid, middle: np.ndarray, height: float, style: Style, g: np.random.Generator
) -> None:
    """Fill a cell. middle: (2,), in pixels; height: of digits by hand, in pixels."""
    s = TABLE
    if s.word.draw(g):
        left = middle[0] - s.word_left * grid.cell[0]
        style = Style(height * s.word_height, replace(style.by, turn=grid.turn), style.strength)
        write_word(canvas, glyphs, left, middle[1], style, g)
        return
    if s.letter.draw(g):
        write_letter(canvas, glyphs, middle[0] - s.digit_width * height / 2, middle[1], style, g)
        return
    count = 1 if grid.cell[0] < s.single * grid.cell[1] else s.digits.draw(g)
    text = "".join(map(str, g.integers(0, 10, count)))
    start, items = middle[0] - s.digit_width * height * len(text) / 2, len(canvas.items)
    end = write_number(canvas, glyphs, text, start, middle[1], style, g)
    if height < MIN_SIZE and len(canvas.items) > items:
        canvas.small.append((start, middle[1] - height / 2, end - start, height))
