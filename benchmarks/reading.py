"""Compare shuzi with Tesseract and RapidOCR on synthetic pages, fields and single crops of MNIST's test digits.

    python benchmarks/reading.py [--pages 4] [--crops 500] [--only shuzi] [--real FOLDER]

Needs the packages of `make test`, the program `tesseract` and, for RapidOCR, `pip install rapidocr`; a program that is
missing is left out of the table. Tesseract reads digits only; RapidOCR is measured as it is and held to digits. On
pages RapidOCR finds and reads the lines itself. On fields, the numbers cut out of the pages, and on crops it only
recognises, which is its stronger side. Wrong digits are those inserted, left out or changed, as a share of the digits
written, line by line. A line counts as whole if all its digits are right, wherever a program puts the spaces.
--real: a folder of real pictures with `labels.csv` (file; kind: single, field or page; text: what is written, lines
separated by "/"). Each of its subfolders is a set of its own.
"""

from __future__ import annotations

import argparse
import csv
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rapidfuzz.distance import Levenshtein

import shuzi
from shuzi.synth.pages import KINDS, MadePage, PageScore, make_page, score_page

Box = tuple[float, float, float, float]
Reading = list[tuple[str, Box]]  # the texts on a page, and where
Readers = tuple[Callable[[np.ndarray], Reading], Callable[[np.ndarray], str], Callable[[np.ndarray], str]]
SEED = 20261123
PAGE_MODE = "11"  # Tesseract's "sparse text", better on these than its "block of text"


def shuzi_reader() -> Readers:
    """How it reads a page, a field and a single digit."""
    reader = shuzi.Reader()

    def page(picture: np.ndarray) -> Reading:
        return [(number.text, number.box) for number in reader.read(picture).numbers]

    return (
        page,
        lambda picture: reader.read(picture).text,
        lambda picture: reader.read(picture, single=True).text,
    )


def lines_of(page: MadePage) -> tuple[np.ndarray, np.ndarray]:
    """Each number's box (M, 4), and the line it stands on (M,): a line ends where the next number lies to the left."""
    boxes = []
    for number in np.unique(page.numbers):
        own = page.boxes[page.numbers == number]
        low, high = own[:, :2].min(0), (own[:, :2] + own[:, 2:]).max(0)
        boxes.append([*low, *(high - low)])
    found = np.array(boxes)
    return found, np.concatenate([[0], np.cumsum(np.diff(found[:, 0]) < 0)])


def wrong_digits(page: MadePage, numbers: list[tuple[str, Box]]) -> list[int]:
    """Give each line's edits between what is written and what was read; a text is on the line of the nearest number."""
    boxes, lines = lines_of(page)
    read: dict[int, list[tuple[float, str]]] = {}
    for text, (x, y, w, h) in numbers:
        centre = np.array([x + w / 2, y + h / 2])
        outside = np.maximum(np.maximum(boxes[:, :2] - centre, centre - boxes[:, :2] - boxes[:, 2:]), 0)
        read.setdefault(int(lines[np.hypot(*outside.T).argmin()]), []).append((x, text))
    edits = []
    for line in np.unique(lines):
        written = "".join(map(str, page.labels[np.isin(page.numbers, np.flatnonzero(lines == line))]))
        text = "".join(text for _, text in sorted(read.get(int(line), [])))
        edits.append(Levenshtein.distance(written, text))
    return edits


def tesseract() -> Readers:
    digits = ["-c", "tessedit_char_whitelist=0123456789"]

    def run(picture: np.ndarray, *options: str) -> str:
        png = cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes()
        command = ["tesseract", "-", "-", *options, *digits]
        return subprocess.run(command, input=png, capture_output=True, check=True).stdout.decode()

    def page(picture: np.ndarray) -> Reading:
        numbers = []
        for line in run(picture, "--psm", PAGE_MODE, "tsv").splitlines()[1:]:
            cells = line.split("\t")
            if cells[0] == "5" and cells[11].strip():
                x, y, w, h = (float(v) for v in cells[6:10])
                numbers.append((cells[11].strip(), (x, y, w, h)))
        return numbers

    return page, lambda picture: run(picture, "--psm", "7"), lambda picture: run(picture, "--psm", "10")


def rapidocr(only_digits: bool = False) -> Readers:
    pages, lines = rapidocr_engine(only_digits), rapidocr_engine(only_digits)  # `use_det=False` lasts

    def page(picture: np.ndarray) -> Reading:
        found = pages(picture[:, :, ::-1])
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
        return numbers

    def crop(picture: np.ndarray) -> str:
        found = lines(picture[:, :, ::-1], use_det=False, use_cls=False, use_rec=True)
        return (found.txts or [""])[0]

    return page, crop, crop


def rapidocr_engine(only_digits: bool) -> Any:
    """Make an engine; to hold it to digits, all other characters lose their probability before it decodes."""
    from rapidocr import RapidOCR

    engine: Any = RapidOCR(params={"Global.log_level": "error"})
    before = engine.use_det, engine.use_cls
    engine(np.full((48, 96, 3), 255, np.uint8), use_det=False, use_cls=False)  # makes the recogniser
    engine.use_det, engine.use_cls = before
    if only_digits:
        decode = engine.text_rec.postprocess_op
        kept = np.isin(decode.character, ["blank", " ", *"0123456789"])
        engine.text_rec.postprocess_op = lambda chances, *args, **options: decode(
            chances * kept, *args, **options
        )
    return engine


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


def digits_of(text: str) -> str:
    return re.sub("[^0-9]", "", text)


def real(folder: Path, read: Readers) -> dict[str, tuple[int, int, int, int]]:
    """Of each set: lines, those read whole, digits, wrong digits. A page's line is held to the likest that was read."""
    read_page, read_field, read_single = read
    scores: dict[str, tuple[int, int, int, int]] = {}
    for entry in csv.DictReader((folder / "labels.csv").open()):
        picture = cv2.cvtColor(cv2.imread(str(folder / entry["file"]), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        if entry["kind"] == "page":
            found = lines_read(read_page(picture))
        else:
            found = [digits_of((read_single if entry["kind"] == "single" else read_field)(picture))]
        wrong = [
            min(Levenshtein.distance(line, other) for other in ["", *found])
            for line in entry["text"].split("/")
        ]
        name = entry["file"].split("/")[0]
        more = len(wrong), wrong.count(0), len(entry["text"].replace("/", "")), sum(wrong)
        scores[name] = tuple(a + b for a, b in zip(scores.get(name, (0, 0, 0, 0)), more, strict=True))  # type: ignore[assignment]
    return scores


def lines_read(reading: Reading) -> list[str]:
    """The digits of each line of a page, from texts and their boxes: those of about one height stand on one line."""
    lines: list[list[tuple[float, float, str]]] = []
    for text, (x, y, _, h) in sorted(reading, key=lambda one: one[1][1] + one[1][3] / 2):
        middle = y + h / 2
        if lines and abs(middle - np.mean([other for other, *_ in lines[-1]])) < 0.5 * h:
            lines[-1].append((middle, x, text))
        else:
            lines.append([(middle, x, text)])
    return ["".join(digits_of(text) for _, _, text in sorted(line, key=lambda one: one[1])) for line in lines]


def row(name: str, pages: list[MadePage], readings: list[Reading], seconds: float, crops_right: str) -> str:
    scores = sum((score_page(p, [], read) for p, read in zip(pages, readings, strict=True)), PageScore())
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
    parser.add_argument("--only", help="one of shuzi, tesseract, rapidocr")
    parser.add_argument("--real", type=Path, help="a folder of real pictures with labels.csv")
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
    by_set: dict[str, dict[str, tuple[int, int, int, int]]] = {}
    makers = {
        "shuzi": shuzi_reader,
        "tesseract": tesseract,
        "rapidocr": rapidocr,
        "rapidocr, digits only": partial(rapidocr, only_digits=True),
    }
    for name, make in makers.items():
        if options.only not in (None, name.partition(",")[0]):
            continue
        if name == "tesseract" and not shutil.which("tesseract"):
            continue
        try:
            read = make()
        except ImportError:
            continue
        read_page, read_field, read_crop = read
        read_page(pages[0].picture)  # the first call loads
        start = time.perf_counter()
        readings = [read_page(page.picture) for page in pages]
        seconds = (time.perf_counter() - start) / len(pages)
        shares = []
        for way, pictures in (read_field, cut), (read_crop, [(p, str(label)) for p, label in singles]):
            start = time.perf_counter()
            right = [digits_of(way(picture)) == written for picture, written in pictures]
            each = 1000 * (time.perf_counter() - start) / len(pictures)
            shares.append(f"{100 * np.mean(right):.1f} | {each:.1f}")
        print(row(name, pages, readings, seconds, " | ".join(shares)), flush=True)
        if options.real is not None:
            by_set[name] = real(options.real, read)
        if name == "shuzi":
            for i, kind in enumerate(KINDS):
                part = slice(i * options.pages, (i + 1) * options.pages)
                print(row(f"shuzi, {kind}", pages[part], readings[part], seconds, " | | | "), flush=True)
    for name in next(iter(by_set.values()), {}):
        shown = [
            f"{other} {100 * scores[name][1] / scores[name][0]:.1f} % whole, "
            f"{100 * scores[name][3] / scores[name][2]:.1f} % of digits wrong"
            for other, scores in by_set.items()
        ]
        print(f"{name}, {next(iter(by_set.values()))[name][0]} lines: {'; '.join(shown)}")


if __name__ == "__main__":
    main()
