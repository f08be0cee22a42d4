"""Compare the accuracy of shuzi, RapidOCR and Tesseract on made-up pages, fields, crops, and numbers of real writers.

    python benchmarks/reading.py [--pages 4] [--crops 500] [--only NAME]

Needs the packages of `make test` and, for the others, `pip install rapidocr` and the program `tesseract`; see
programs.py for how they are held to digits. RapidOCR is measured held to digits and free, as its recogniser alone and
with its detector; pages always need the detector. Pages, fields and crops are made of MNIST's test digits; the numbers
are by held-out writers of the pens. Digits are compared with digits, spaces and marks left out; numbers with marks are
also compared as text, which programs held to digits can't read. Wrong digits are those inserted, left out or changed,
as a share of the digits written, line by line. A line counts as whole if all its digits are right, wherever a program
puts the spaces. benchmarks/real.py has real pictures; benchmarks/reader_speed.py measures speed.
"""

from __future__ import annotations

import argparse
import re
from functools import partial

import cv2
import numpy as np
from programs import Program, Text, available, digits_of, rapidocr, shuzi_program, tesseract
from rapidfuzz.distance import Levenshtein

import shuzi
from shuzi.data import pens
from shuzi.evaluate.figures import accuracy_interval
from shuzi.evaluate.hands import numbers
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.pages import KINDS, MadePage, PageScore, make_page, score_page

SEED = 20261123


def lines_of(page: MadePage) -> tuple[np.ndarray, np.ndarray]:
    """Each number's box (M, 4), and the line it stands on (M,): a line ends where the next number lies to the left."""
    boxes = []
    for number in np.unique(page.numbers):
        own = page.boxes[page.numbers == number]
        low, high = own[:, :2].min(0), (own[:, :2] + own[:, 2:]).max(0)
        boxes.append([*low, *(high - low)])
    found = np.array(boxes)
    return found, np.concatenate([[0], np.cumsum(np.diff(found[:, 0]) < 0)])


def wrong_digits(page: MadePage, texts: list[Text]) -> list[int]:
    """Each line's edits between what is written and what was read; a text is on the line of the nearest number."""
    boxes, lines = lines_of(page)
    read: dict[int, list[tuple[float, str]]] = {}
    for text, (x, y, w, h), *_ in texts:
        centre = np.array([x + w / 2, y + h / 2])
        outside = np.maximum(np.maximum(boxes[:, :2] - centre, centre - boxes[:, :2] - boxes[:, 2:]), 0)
        read.setdefault(int(lines[np.hypot(*outside.T).argmin()]), []).append((x, text))
    edits = []
    for line in np.unique(lines):
        written = "".join(map(str, page.labels[np.isin(page.numbers, np.flatnonzero(lines == line))]))
        text = "".join(digits_of(text) for _, text in sorted(read.get(int(line), [])))
        edits.append(Levenshtein.distance(written, text))
    return edits


def crops(
    images: np.ndarray, labels: np.ndarray, count: int, generator: np.random.Generator
) -> list[tuple[np.ndarray, int]]:
    """Single digits cut from synthetic pages with a margin of half their size."""
    cut = []
    while len(cut) < count:
        page = make_page(images, labels, KINDS[len(cut) % len(KINDS)], generator)
        for i in generator.permutation(len(page.labels))[: -(-count // 24)].tolist():
            x, y, w, h = page.boxes[i]
            margin = 0.2 * max(w, h)
            top, left = int(max(y - margin, 0)), int(max(x - margin, 0))
            cut.append((page.picture[top : int(y + h + margin), left : int(x + w + margin)], int(page.labels[i])))
    return cut[:count]


def fields(pages: list[MadePage], count: int) -> list[tuple[np.ndarray, str]]:
    """Numbers cut from pages with a margin of a fifth of their height, and their digits."""
    cut = []
    for page in pages:
        for number in np.unique(page.numbers)[: -(-count // len(pages))]:
            own = page.boxes[page.numbers == number]
            low, high = own[:, :2].min(0), (own[:, :2] + own[:, 2:]).max(0)
            margin = 0.2 * (high - low)[1]
            (left, top), (right, bottom) = (np.maximum(low - margin, 0).astype(int), (high + margin).astype(int))
            cut.append((page.picture[top:bottom, left:right], "".join(map(str, page.labels[page.numbers == number]))))
    return cut


def row(name: str, pages: list[MadePage], readings: list[list[Text]], shares: str) -> str:
    boxes = [[(digits_of(text.text), text.box) for text in texts] for texts in readings]
    scores = sum((score_page(p, [], read) for p, read in zip(pages, boxes, strict=True)), PageScore())
    edits = [each for p, read in zip(pages, readings, strict=True) for each in wrong_digits(p, read)]
    return (
        f"| {name} | {100 * sum(edits) / scores.digits:.2f} | {interval(edits.count(0), len(edits))} "
        f"| {interval(scores.numbers_right, scores.numbers)} | {shares} |"
    )


def interval(right: int, count: int) -> str:
    """A share in per cent and its 95 % interval (Wilson)."""
    low, high = accuracy_interval(right, count)
    return f"{100 * right / count:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def shares_right(program: Program, kinds: dict[str, list[tuple[np.ndarray, str]]]) -> str:
    """What a program reads right of fields, crops and numbers, by their digits, and of numbers with marks, as text."""
    cells = []
    for kind, pictures in kinds.items():
        way = program.digit if kind == "crops" else program.line
        texts = ["".join(text.text for text in way(picture)) for picture, _ in pictures]
        written = [text for _, text in pictures]
        digits = [digits_of(a) == digits_of(b) for a, b in zip(texts, written, strict=True)]
        cells.append(interval(sum(digits), len(digits)))
        marked = [re.sub(r"\s", "", a) == b for a, b in zip(texts, written, strict=True) if not b.isdigit()]
        if marked:
            cells.append(interval(sum(marked), len(marked)))
    return " | ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=4, help="of each kind")
    parser.add_argument("--crops", type=int, default=500, help="crops, fields, and numbers of held-out writers")
    parser.add_argument("--only", default="", help="a part of a program's name")
    options = parser.parse_args()
    _, test = shuzi.load("mnist")
    generator = np.random.default_rng(SEED)
    pages: list[MadePage] = [
        make_page(test.images, test.labels, kind, generator) for kind in KINDS for _ in range(options.pages)
    ]
    glyphs = Glyphs(test, pens.load().part(held_out=True))
    kinds = {
        "fields": fields(pages, options.crops),
        "crops": [(crop, str(label)) for crop, label in crops(test.images, test.labels, options.crops, generator)],
        "numbers": [
            (cv2.cvtColor(each.picture, cv2.COLOR_GRAY2RGB), each.text) for each in numbers(glyphs, options.crops)
        ],
    }
    counts = "; ".join(f"{len(pictures)} {kind}" for kind, pictures in kinds.items())
    print(f"{len(pages)} pages, {sum(len(p.labels) for p in pages):,} digits; {counts}")
    print(
        "| right, % (95 % interval) | wrong digits of pages | lines | numbers | fields | crops "
        "| writers' numbers, digits | with marks, text |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    makers = [partial(rapidocr, held, finds) for held in (True, False) for finds in (False, True)]
    for program in available(shuzi_program, *makers, tesseract):
        if options.only in program.name:
            readings = [program.page(page.picture) for page in pages]
            print(row(program.name, pages, readings, shares_right(program, kinds)), flush=True)


if __name__ == "__main__":
    main()
