"""Compare shuzi with RapidOCR and Tesseract, all held to digits, on real pictures.

    python benchmarks/real.py FOLDER [SET ...] [--only NAME] [--detect]

FOLDER has `labels.csv` with the columns file; kind, `single` for one digit, `field` or `line` for one line, `page` for
several, `none` for a picture without digits; and text, the digits written there, a page's lines separated by "/". Each
of its sub-folders is a set. One row per set and program: the lines whose digits are all right with a 95 % interval
(Wilson), the digits inserted, left out or changed as a share of those written, and the lines that are wrong although
the program's confidence in all that it read is above 0.9. A page's line is compared with the most similar line that was
read. Of pictures without digits: those in which it reads a digit with such confidence; here the other programs are not
held to digits, which would make them read some. On lines and single digits RapidOCR's recogniser runs alone; --detect
measures it with its detector too, which takes a second or two per picture.
Needs the packages of `make test` and, for the others, `pip install rapidocr` and the program `tesseract`.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from programs import Program, Text, available, digits_of, lines_of, rapidocr, shuzi_program, tesseract
from rapidfuzz.distance import Levenshtein

from shuzi.evaluate.figures import accuracy_interval

SURE = 0.9


@dataclass
class Score:
    """Counts of lines, or of pictures without digits: whole is then those without a confident digit."""

    lines: int = 0
    whole: int = 0
    digits: int = 0
    wrong: int = 0
    confident: int = 0


def pictures(folder: Path, sets: list[str]) -> Iterator[tuple[str, str, list[str], np.ndarray]]:
    """Each picture's set, kind, lines as written, and pixels, uint8 (H, W, 3) RGB."""
    with (folder / "labels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            name = row["file"].split("/")[0]
            if not sets or name in sets:
                picture = cv2.imread(str(folder / row["file"]), cv2.IMREAD_COLOR)
                yield name, row["kind"], row["text"].split("/"), cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def read(program: Program, kind: str, picture: np.ndarray) -> list[Text]:
    way = {"single": program.digit, "page": program.page, "none": program.page}.get(kind, program.line)
    return way(picture)


def score(found: list[Text], kind: str, written: list[str], so_far: Score) -> None:
    """Add what was read of a picture to a score."""
    texts = [text for text in found if digits_of(text.text)]
    if kind == "none":
        digit = any(text.surest > SURE for text in texts)
        so_far.lines += 1
        so_far.whole += not digit
        return
    lines = lines_of(texts) if kind == "page" else ["".join(digits_of(text.text) for text in texts)]
    sure = bool(texts) and all(text.confidence > SURE for text in texts)
    for line in written:
        wrong = min(Levenshtein.distance(line, other) for other in ["", *lines])
        so_far.lines += 1
        so_far.whole += wrong == 0
        so_far.digits += len(line)
        so_far.wrong += wrong
        so_far.confident += wrong > 0 and sure


def row(name: str, program: Program, counted: Score, none: bool) -> str:
    share = counted.lines - counted.whole if none else counted.whole
    low, high = (100 * end for end in accuracy_interval(share, counted.lines))
    percent = f"{100 * share / counted.lines:.1f} | {low:.1f} to {high:.1f}"
    start = f"| {name} | {program.name} | {counted.lines} | {percent} |"
    if none:
        return f"{start} | |"
    return f"{start} {100 * counted.wrong / counted.digits:.1f} | {100 * counted.confident / counted.lines:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--only", default="", help="a part of a program's name")
    parser.add_argument("--detect", action="store_true", help="measure RapidOCR with its detector too")
    options = parser.parse_args()
    detector = [partial(rapidocr, finds=True)] * options.detect
    held = available(shuzi_program, rapidocr, *detector, tesseract)
    free = available(shuzi_program, partial(rapidocr, only_digits=False, finds=True), partial(tesseract, False))
    for program in held:
        print(f"{program.name}: {program.megabytes:.1f} MB of models")
    print("| set | program | n | right, % | 95 % interval | digits wrong, % | wrong though above 0.9, % |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    scores: dict[tuple[str, bool, int], Score] = {}
    programs = {False: held, True: free}
    for name, kind, written, picture in pictures(options.folder, options.sets):
        none = kind == "none"
        for number, program in enumerate(programs[none]):
            if options.only in program.name:
                so_far = scores.setdefault((name, none, number), Score())
                score(read(program, kind, picture), kind, written, so_far)
    for (name, none, number), counted in scores.items():
        print(row(name + ", no digits" * none, programs[none][number], counted, none))


if __name__ == "__main__":
    main()
