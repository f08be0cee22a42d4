"""What the finder learns from, and what is still read wrong: two sheets of pictures, and how often each kind occurs.

    python benchmarks/hands.py FOLDER

Writes scenes.png, 100 scenes as training draws them, and wrong.png, the first 40 numbers of held-out writers that are
read wrong, each with the kind of its mistake, what is written and what was read. The pens must have been downloaded.
"""

import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

import shuzi
from shuzi.data import pens
from shuzi.evaluate import hands
from shuzi.page import MARKS
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.layouts import SQUARE, STRIP
from shuzi.synth.scene import scene

SEED = 20261201
SQUARES, STRIPS = 60, 40  # scenes
WRONG = 40  # pictures
MARGIN, CAPTION = 4, 18  # pixels


def kind(text: str, read: str) -> str:
    """Name a mistake: by the digits first, then by the marks, then by the gaps."""
    one, other = ("".join(filter(str.isdigit, each)) for each in (text, read))
    if "?" in read:
        return "not sure"
    if len(one) != len(other):
        return "a digit is missed" if len(one) > len(other) else "a digit too many"
    if one != other:
        return "a digit is named wrong"
    marks, others = (Counter(sign for sign in each if sign in MARKS) for each in (text, read))
    if marks != others:
        return "a mark is missed" if marks - others and not others - marks else "another mark"
    return "two numbers"


def sheet(pictures: list[np.ndarray], columns: int) -> np.ndarray:
    """Lay pictures of one size out in rows: uint8 (H, W) or (H, W, 3)."""
    around = [cv2.copyMakeBorder(each, *[MARGIN] * 4, cv2.BORDER_CONSTANT, value=[255] * 3) for each in pictures]
    around += [np.full_like(around[0], 255)] * (-len(around) % columns)
    return np.vstack([np.hstack(around[i : i + columns]) for i in range(0, len(around), columns)])


def captioned(picture: np.ndarray, caption: str) -> np.ndarray:
    below = np.full((CAPTION, picture.shape[1]), 255, np.uint8)
    cv2.putText(below, caption, (2, CAPTION - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.36, 0, 1, cv2.LINE_AA)
    return np.vstack([picture, below])


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    digits, held_out = shuzi.load("mnist")[0].split(5000)
    glyphs = Glyphs(digits, pens.load().part(held_out=False))

    def drawn(count: int, shape: tuple[int, int]) -> list[np.ndarray]:
        numbers = (np.random.default_rng([SEED, shape[0], i]) for i in range(count))
        return [scene(glyphs, g, shape).picture for g in numbers]

    both = sheet(drawn(SQUARES, SQUARE), 10), sheet(drawn(STRIPS, STRIP), 5)
    width = max(each.shape[1] for each in both)
    both = [np.pad(each, ((0, 0), (0, width - each.shape[1])), constant_values=255) for each in both]
    cv2.imwrite(str(folder / "scenes.png"), np.vstack(both))

    reader, wrong, read = shuzi.Reader(), [], 0
    for each in hands.numbers(Glyphs(held_out, pens.load().part(held_out=True)), hands.NUMBERS):
        text = reader.read(each.picture).text.replace("\n", " ")
        read += 1
        if text != each.text:
            wrong.append((each.picture, kind(each.text, text), each.text, text))
        if len(wrong) == WRONG:
            break
    kinds = Counter(name for _, name, _, _ in wrong)
    print(f"{read - len(wrong)} of {read} numbers are right with their marks; of the others")
    for name, count in kinds.most_common():
        print(f"{count:4} {name}")
    pictures = [captioned(picture, f"{name}: {text} | {said}") for picture, name, text, said in wrong]
    cv2.imwrite(str(folder / "wrong.png"), sheet(pictures, 4))


if __name__ == "__main__":
    main()
