"""What training on one's own pictures gains: a hand that writes Chinese numerals, 20 pictures of each.

    python benchmarks/own_digits.py [PICTURES]

Draws 〇一二三四五六七八九 as a pen would, on uneven paper, photographed (PICTURES of each, default 20); then runs
`shuzi train best --data ... --start reader` and `shuzi evaluate` before and after, on new pictures by the same pen
(those that `evaluate` holds out of 50 of each) and on MNIST's test digits, to see what was forgotten.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from shuzi.synth.mnist_style import render
from shuzi.synth.skeletons import jitter, strokes_of

NUMERALS = (
    "50,4 20,16 4,50 20,84 50,96 80,84 96,50 80,16 50,4",
    "2,50 98,48",
    "18,16 80,14 | 2,86 98,84",
    "14,10 86,8 | 22,48 78,46 | 2,90 98,88",
    "8,12 10,88 | 8,12 92,12! 90,88 | 38,14 34,44 20,62 | 62,14 64,48! 86,52 | 10,86 90,86",
    "12,10 88,10 | 46,10 34,92 | 18,46 76,46! 74,92 | 2,92 98,92",
    "46,0 56,16 | 2,32 98,32 | 36,48 24,74 4,98 | 62,48 80,72 94,98",
    "2,44 98,34 | 44,4 46,72 56,92 92,90 94,74",
    "36,14 28,54 4,94 | 56,8 68,52 96,92",
    "34,4 32,46 4,96 | 8,36 66,32! 66,80 74,94 94,90 96,74",
)
HELD_BACK_PICTURES = 50


def draw(folder: Path, count: int, generator: np.random.Generator) -> None:
    for digit, numeral in enumerate(NUMERALS):
        (folder / str(digit)).mkdir(parents=True)
        for number in range(count):
            hand = jitter(list(strokes_of(numeral)), generator, 0.5)
            ink = render(hand, generator).astype(np.float32) / 255
            margins = generator.integers(20, 90, (2, 2))
            ink = np.pad(ink, [tuple(m) for m in margins])
            rows, columns = (np.linspace(-1, 1, n) for n in ink.shape)
            light = 205 + 30 * generator.normal() * rows[:, None] * columns + 25 * generator.uniform() * rows[:, None]
            picture = light * (1 - 0.7 * ink) + generator.normal(0, 3, ink.shape)
            cv2.imwrite(str(folder / str(digit) / f"{number:03}.jpg"), np.clip(picture, 0, 255).astype(np.uint8))


def shuzi(*arguments: str) -> dict:
    command = [sys.executable, "-m", "shuzi", *arguments, "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def shown(told: dict) -> str:
    """Give an accuracy with its 95 % interval and the number of pictures."""
    low, high = told["interval"]
    return f"{100 * told['accuracy']:.2f} % ({100 * low:.2f} to {100 * high:.2f}) of {told['count']:,}"


def main(pictures: int) -> None:
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(folder / "mine", pictures, generator)
        draw(folder / "new", HELD_BACK_PICTURES, generator)
        run = str(folder / "run")
        trained = shuzi("train", "best", "--data", str(folder / "mine"), "--start", "reader", "--out", run)
        print(f"{pictures} pictures of each digit, trained in {trained['train_seconds']:.0f} s")
        for title, data in (("new pictures of that hand", str(folder / "new")), ("MNIST test", "mnist")):
            before, after = (shuzi("evaluate", each, "--data", data) for each in ("reader", run))
            print(f"{title:26} {shown(before)} before, {shown(after)} after")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
