"""Compare shuzi with RapidOCR and Tesseract on synthetic pages, fields and single crops of MNIST's test digits.

    python benchmarks/reading.py [--pages 4] [--crops 500] [--only NAME]

Needs the packages of `make test` and, for the others, `pip install rapidocr` and the program `tesseract`; see
programs.py for how they are held to digits. RapidOCR is also measured as it is. On pages it
finds and reads the lines itself. On fields, the numbers cut out of the pages, and on crops it only recognises, which is
its stronger side. Wrong digits are those inserted, left out or changed, as a share of the digits written, line by line.
A line counts as whole if all its digits are right, wherever a program puts the spaces. benchmarks/real.py has real
pictures.
"""

from __future__ import annotations

import argparse
import platform
import time
from functools import partial

import numpy as np
from programs import Text, available, digits_of, rapidocr, shuzi_program, tesseract
from rapidfuzz.distance import Levenshtein

import shuzi
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
        text = "".join(text for _, text in sorted(read.get(int(line), [])))
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
            cut.append(
                (page.picture[top : int(y + h + margin), left : int(x + w + margin)], int(page.labels[i]))
            )
    return cut[:count]


def fields(pages: list[MadePage], count: int) -> list[tuple[np.ndarray, str]]:
    """Numbers cut from pages with a margin of a fifth of their height, and their digits."""
    cut = []
    for page in pages:
        for number in np.unique(page.numbers)[: -(-count // len(pages))]:
            own = page.boxes[page.numbers == number]
            low, high = own[:, :2].min(0), (own[:, :2] + own[:, 2:]).max(0)
            margin = 0.2 * (high - low)[1]
            (left, top), (right, bottom) = (
                np.maximum(low - margin, 0).astype(int),
                (high + margin).astype(int),
            )
            cut.append(
                (page.picture[top:bottom, left:right], "".join(map(str, page.labels[page.numbers == number])))
            )
    return cut


def row(
    name: str, pages: list[MadePage], readings: list[list[Text]], seconds: float, crops_right: str
) -> str:
    boxes = [[(text.text, text.box) for text in texts] for texts in readings]
    scores = sum((score_page(p, [], read) for p, read in zip(pages, boxes, strict=True)), PageScore())
    edits = [each for p, read in zip(pages, readings, strict=True) for each in wrong_digits(p, read)]
    return (
        f"| {name} | {100 * sum(edits) / scores.digits:.2f} | {edits.count(0)} of {len(edits)} "
        f"| {100 * scores.numbers_right / scores.numbers:.1f} "
        f"| {100 * scores.sixes_right / max(1, scores.sixes):.1f} | {seconds:.2f} | {crops_right} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=4, help="of each kind")
    parser.add_argument("--crops", type=int, default=500)
    parser.add_argument("--only", default="", help="a part of a program's name")
    options = parser.parse_args()
    _, test = shuzi.load("mnist")
    generator = np.random.default_rng(SEED)
    pages: list[MadePage] = [
        make_page(test.images, test.labels, kind, generator) for kind in KINDS for _ in range(options.pages)
    ]
    singles = crops(test.images, test.labels, options.crops, generator)
    cut = fields(pages, options.crops)
    print(
        f"{len(pages)} pages, {sum(len(p.labels) for p in pages):,} digits; {len(cut)} fields; "
        f"{len(singles)} crops; {platform.machine()}"
    )
    print(
        "| | wrong digits, % | lines whole | numbers whole, % | of six digits, % | s a page | fields whole, % "
        "| ms a field | crops right, % | ms a crop |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for program in available(shuzi_program, rapidocr, partial(rapidocr, only_digits=False), tesseract):
        if options.only not in program.name:
            continue
        program.page(pages[0].picture)  # the first call loads
        start = time.perf_counter()
        readings = [program.page(page.picture) for page in pages]
        seconds = (time.perf_counter() - start) / len(pages)
        shares = []
        for way, pictures in (program.line, cut), (program.digit, [(p, str(label)) for p, label in singles]):
            start = time.perf_counter()
            right = [
                "".join(digits_of(text.text) for text in way(picture)) == written
                for picture, written in pictures
            ]
            each = 1000 * (time.perf_counter() - start) / len(pictures)
            shares.append(f"{100 * np.mean(right):.1f} | {each:.1f}")
        print(row(program.name, pages, readings, seconds, " | ".join(shares)), flush=True)
        if program.name.startswith("shuzi"):
            for i, kind in enumerate(KINDS):
                part = slice(i * options.pages, (i + 1) * options.pages)
                print(row(f"shuzi, {kind}", pages[part], readings[part], seconds, " | | | "), flush=True)


if __name__ == "__main__":
    main()
