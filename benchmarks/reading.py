"""Made-up pages and single crops from MNIST's test digits: shuzi, Tesseract (digits only) and RapidOCR.

    python benchmarks/reading.py [--pages 4] [--crops 500] [--only shuzi]

Needs the program `tesseract` and, for RapidOCR, `pip install rapidocr`; what is missing is left out of the table. On
pages RapidOCR finds and reads the lines itself; on crops it only recognises. Prints the table of the README.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

import shuzi
from shuzi.data.pages import KINDS, MadePage, PageScore, make_page, score_page

Box = tuple[float, float, float, float]
Reading = tuple[list[tuple[int | None, Box]], list[tuple[str, Box]]]
SEED = 20261123


def shuzi_reader() -> tuple[Callable[[np.ndarray], Reading], Callable[[np.ndarray], str]]:
    reader = shuzi.Reader()

    def page(picture: np.ndarray) -> Reading:
        read = reader.read(picture)
        return [(d.digit, d.box) for d in read.digits], [(n.text, n.box) for n in read.numbers]

    return page, lambda picture: reader.read(picture, single=True).text


def spread(text: str, box: Box) -> list[tuple[int | None, Box]]:
    """The digits of a text, evenly along its box: where a program tells words but not digits."""
    x, y, w, h = box
    step = w / max(1, len(text))
    return [
        (int(c) if c.isdecimal() and c.isascii() else None, (x + i * step, y, step, h))
        for i, c in enumerate(text)
    ]


def tesseract() -> tuple[Callable[[np.ndarray], Reading], Callable[[np.ndarray], str]]:
    digits = ["-c", "tessedit_char_whitelist=0123456789"]

    def run(picture: np.ndarray, *options: str) -> str:
        png = cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes()
        command = ["tesseract", "-", "-", *options, *digits]
        return subprocess.run(command, input=png, capture_output=True, check=True).stdout.decode()

    def page(picture: np.ndarray) -> Reading:
        numbers = []
        for line in run(picture, "--psm", "6", "tsv").splitlines()[1:]:
            cells = line.split("\t")
            if cells[0] == "5" and cells[11].strip():
                x, y, w, h = (float(v) for v in cells[6:10])
                numbers.append((cells[11].strip(), (x, y, w, h)))
        return [d for text, box in numbers for d in spread(text, box)], numbers

    return page, lambda picture: run(picture, "--psm", "10").strip()


def rapidocr() -> tuple[Callable[[np.ndarray], Reading], Callable[[np.ndarray], str]]:
    from rapidocr import RapidOCR

    engine: Any = RapidOCR(params={"Global.log_level": "error"})

    def page(picture: np.ndarray) -> Reading:
        found = engine(picture[:, :, ::-1])
        numbers: list[tuple[str, Box]] = []
        for corners, text in zip(
            found.boxes if found.boxes is not None else [], found.txts or [], strict=True
        ):
            x, y = corners.min(0)
            w, h = corners.max(0) - (x, y)
            at = 0
            for word in text.split():  # a line's words lie along its box as their letters do
                start = text.index(word, at)
                at = start + len(word)
                numbers.append((word, (x + w * start / len(text), y, w * len(word) / len(text), h)))
        return [d for text, box in numbers for d in spread(text, box)], numbers

    def crop(picture: np.ndarray) -> str:
        found = engine(picture[:, :, ::-1], use_det=False, use_cls=False, use_rec=True)
        return (found.txts or [""])[0].strip()

    return page, crop


def crops(
    images: np.ndarray, labels: np.ndarray, count: int, generator: np.random.Generator
) -> list[tuple[np.ndarray, int]]:
    """Single digits cut from made-up pages with a margin of half their size."""
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


def row(name: str, score: PageScore, seconds: float, right: float, each: float) -> str:
    wrong, false = 1 - score.right / score.digits, score.false / score.digits
    whole, six = score.numbers_right / score.numbers, score.sixes_right / max(1, score.sixes)
    return (
        f"| {name} | {100 - 100 * wrong:.2f} | {100 * false:.2f} | {100 * whole:.1f} | {100 * six:.1f} | {seconds:.2f} "
        f"| {100 * right:.1f} | {1000 * each:.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=4, help="of each kind")
    parser.add_argument("--crops", type=int, default=500)
    parser.add_argument("--only", help="one of shuzi, tesseract, rapidocr")
    options = parser.parse_args()
    _, test = shuzi.load("mnist")
    generator = np.random.default_rng(SEED)
    pages: list[MadePage] = [
        make_page(test.images, test.labels, kind, generator) for kind in KINDS for _ in range(options.pages)
    ]
    singles = crops(test.images, test.labels, options.crops, generator)
    print(
        f"{len(pages)} pages, {sum(len(p.labels) for p in pages):,} digits; {len(singles)} crops; {platform.machine()}"
    )
    print(
        "| | digits right % | false % | numbers whole % | of six digits % | s a page | crops right % | ms a crop |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    makers = {"shuzi": shuzi_reader, "tesseract": tesseract, "rapidocr": rapidocr}
    for name, make in makers.items():
        if options.only not in (None, name):
            continue
        if name == "tesseract" and not shutil.which("tesseract"):
            continue
        try:
            read_page, read_crop = make()
        except ImportError:
            continue
        read_page(pages[0].picture)  # the first call loads
        start = time.perf_counter()
        scores = [score_page(page, *read_page(page.picture)) for page in pages]
        seconds = (time.perf_counter() - start) / len(pages)
        start = time.perf_counter()
        right = [read_crop(picture) == str(label) for picture, label in singles]
        each = (time.perf_counter() - start) / len(singles)
        print(row(name, sum(scores, PageScore()), seconds, float(np.mean(right)), each), flush=True)
        if name == "shuzi":
            for i, kind in enumerate(KINDS):
                part = sum(scores[i * options.pages : (i + 1) * options.pages], PageScore())
                print(row(f"shuzi, {kind}", part, seconds, float(np.mean(right)), each), flush=True)


if __name__ == "__main__":
    main()
