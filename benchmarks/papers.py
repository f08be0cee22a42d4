"""From a photographed price list, score sheet or meter sheet to a CSV file: how many cells are right.

    python benchmarks/papers.py [--papers 10] [--out FOLDER]

Held-out writers of the pens write each paper; words are part of it and belong to no cell. The scene generator lays it
on paper, lights and photographs it. A cell is right if `Page.table` has exactly its text in its row and column; columns
that words have added don't count. --out keeps the pictures, the overlays and the CSV files.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np

import shuzi
from shuzi.batch.csv_file import encoded, table_rows
from shuzi.batch.overlay import draw_overlay
from shuzi.data import pens
from shuzi.data.digits import CLASSES
from shuzi.evaluate.figures import accuracy_interval
from shuzi.page import Page
from shuzi.synth.canvas import Canvas
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.hands import hand
from shuzi.synth.numbers import Style, write_number
from shuzi.synth.optics import is_legible
from shuzi.synth.scene import picture_of
from shuzi.synth.words import spell, word

SEED = 20261130
HEIGHT = (20, 40)  # pixels of a digit
ROWS = (5, 9)
ROW, COLUMN, WORD = 2.0, 6.5, 7.5  # heights: from row to row, from column to column, and room for words
READABLE = 0.9  # of a paper's digits: a paper with fewer readable ones is drawn again
Cells = list[list[str | None]]


def price_list(g: np.random.Generator) -> Cells:
    """How many, what each costs, and the sum; some prices are missing."""
    rows: Cells = []
    for _ in range(int(g.integers(*ROWS))):
        count, cents = int(g.integers(1, 30)), int(g.integers(20, 5000))
        each = f"{cents / 100:.2f}" if g.random() > 0.15 else None
        rows.append([str(count), each, f"{count * cents / 100:.2f}"])
    return rows


def score_sheet(g: np.random.Generator) -> Cells:
    """Points of three players in each round, and no entry for who sat out."""
    return [
        [str(g.integers(0, 60)) if g.random() > 0.12 else None for _ in range(3)] for _ in range(int(g.integers(*ROWS)))
    ]


def meter_sheet(g: np.random.Generator) -> Cells:
    """Days and the meter's count."""
    count, rows = int(g.integers(1000, 90_000)), []
    for day in range(int(g.integers(*ROWS))):
        count += int(g.integers(2, 400))
        rows.append([f"{g.integers(1, 29)}.{1 + day % 12}.", f"{count},{g.integers(0, 10)}"])
    return rows


KINDS = {"price list": price_list, "score sheet": score_sheet, "meter sheet": meter_sheet}


@dataclass(frozen=True)
class Paper:
    """A picture, uint8 (H, W), and its cells."""

    kind: str
    picture: np.ndarray
    cells: Cells


def papers(glyphs: Glyphs, count: int) -> list[Paper]:
    """Draw so many readable papers of all kinds in turn."""
    made: list[Paper] = []
    for number in range(100 * count):
        g = np.random.default_rng([SEED, number])
        kind = list(KINDS)[len(made) % len(KINDS)]
        cells, height = KINDS[kind](g), float(g.uniform(*HEIGHT))
        if not all(any(row) for row in cells) or not all(any(column) for column in zip(*cells, strict=True)):
            continue
        canvas = written(glyphs, cells, height, kind != "meter sheet", g)
        picture = picture_of(canvas, g)
        digits = [item for item in canvas.items if item.label < CLASSES]
        if np.mean([is_legible(picture, canvas.ink, item.box) for item in digits]) >= READABLE:
            made.append(Paper(kind, picture, cells))
        if len(made) == count:
            break
    return made


def written(glyphs: Glyphs, cells: Cells, height: float, words: bool, g: np.random.Generator) -> Canvas:
    """Write cells in columns, with a word before each row or without."""
    left = WORD * words + 1
    canvas = Canvas(int(height * ROW * (len(cells) + 1)), int(height * (left + COLUMN * len(cells[0]) + 1)))
    style = Style(height, replace(hand(g, "pens"), school="usual", pen=float(g.uniform(0.07, 0.12))), 1.0)
    for i, row in enumerate(cells):
        y = height * ROW * (i + 1)
        if words:
            spell(canvas, glyphs, word(g)[:6], height, y, replace(style, height=0.9 * height), g)
        for j, text in enumerate(row):
            if text:
                write_number(canvas, glyphs, text, height * (left + COLUMN * j), y, style, g)
    return canvas


def cells_right(cells: Cells, page: Page) -> list[bool]:
    """Which cells are right, row by row, with the columns left out that words have added."""
    rows = [[cell and cell.text for cell in row] for row in page.table()]
    rows += [[]] * (len(cells) - len(rows))
    width, columns = max(len(cells[0]), *map(len, rows)), len(cells[0])
    rows = [row + [None] * (width - len(row)) for row in rows]
    return max(
        (
            [row[at] == text for row, own in zip(rows, cells, strict=False) for at, text in zip(kept, own, strict=True)]
            for kept in combinations(range(width), columns)
        ),
        key=sum,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--papers", type=int, default=10)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    reader = shuzi.Reader()
    right: list[bool] = []
    glyphs = Glyphs(shuzi.load("mnist")[1], pens.load().part(held_out=True))
    print("| paper | rows x columns | read | cells right |\n| --- | --- | --- | --- |")
    for number, paper in enumerate(papers(glyphs, options.papers)):
        page = reader.read(paper.picture)
        own = cells_right(paper.cells, page)
        right += own
        sizes = [f"{len(rows)} x {len(rows[0]) if rows else 0}" for rows in (paper.cells, page.table())]
        print(f"| {paper.kind} | {' | '.join(sizes)} | {sum(own)} of {len(own)} |", flush=True)
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            name = f"{number}-{paper.kind.replace(' ', '-')}"
            cv2.imwrite(str(options.out / f"{name}.png"), paper.picture)
            cv2.imwrite(str(options.out / f"{name}-read.png"), draw_overlay(paper.picture, page)[:, :, ::-1])
            (options.out / f"{name}.csv").write_bytes(encoded(table_rows([(f"{name}.png", 1, page)])))
    low, high = (100 * end for end in accuracy_interval(sum(right), len(right)))
    print(f"\n{100 * np.mean(right):.1f} % of {len(right)} cells (95 % interval {low:.1f} to {high:.1f})")


if __name__ == "__main__":
    main()
