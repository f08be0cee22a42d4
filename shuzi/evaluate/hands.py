"""How well a reader reads writers that nothing has learnt from: their numbers, their words, and photographs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from shuzi.data import pens
from shuzi.data.digits import CLASSES, Digits
from shuzi.evaluate.figures import CONFIDENT
from shuzi.evaluate.non_digits import sample_photographs, shares_taken
from shuzi.page import MARKS, Page
from shuzi.read.reader import Reader
from shuzi.synth.canvas import BOXED, Canvas, Item
from shuzi.synth.fonts import held_out_fonts
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.hands import Hand, hand
from shuzi.synth.layouts import STRIP
from shuzi.synth.numbers import Style, number_text, write_number
from shuzi.synth.optics import is_legible
from shuzi.synth.scene import VISIBLE, picture_of
from shuzi.synth.words import spell, word

SEED = 20261129
NUMBERS, WORDS, SIGNS, PATCHES = 1000, 200, 200, 200  # pictures of each kind; half of the numbers have marks
HEIGHTS, START = (20, 40), 12  # pixels
HIDDEN = 0.5  # of the writing in a mark's box: with more that is digits', nobody can read it
PATCH = 64, 256  # pixels of a photograph's part: the least and the most


@dataclass(frozen=True)
class Written:
    """A picture, uint8 (H, W), and the number written in it, marks included."""

    picture: np.ndarray
    text: str


def numbers(glyphs: Glyphs, count: int) -> Iterator[Written]:
    """Draw fields with one number each, legible as a whole, on papers of all kinds."""
    number = 0
    while count:
        number += 1
        g = np.random.default_rng([SEED, 0, number])
        text = number_text(g)
        if any(not sign.isdigit() and sign not in MARKS for sign in text):
            continue
        canvas, height = Canvas(*STRIP), float(g.uniform(*HEIGHTS))
        style = Style(height, replace(hand(g, "pens"), school="usual"), 1.0)
        write_number(canvas, glyphs, text, START, STRIP[0] / 2, style, g)
        whole = len(canvas.items) == len(text) and all(item.visible > VISIBLE for item in canvas.items)
        picture = picture_of(canvas, g)
        if whole and all(_is_seen(item, canvas, picture) for item in canvas.items):
            count -= 1
            yield Written(picture, text)


def _is_seen(item: Item, canvas: Canvas, picture: np.ndarray) -> bool:
    """Tell whether a digit is legible in a picture of a canvas, or a mark that digits' ink hides at most half of."""
    if item.label < CLASSES:
        return is_legible(picture, canvas.ink, item.box)
    x, y, width, height = map(int, item.box)
    where = np.s_[y : y + height, x : x + width]
    hidden = canvas.owner[where][canvas.writing[where] > BOXED] >= 0
    return is_legible(picture, canvas.writing, item.box) and float(hidden.mean()) <= HIDDEN


def words(glyphs: Glyphs, count: int, by: Hand | None = None) -> Iterator[np.ndarray]:
    """Draw fields with a word each, mostly in capitals. by: who writes; default all real writers."""
    for number in range(count):
        g = np.random.default_rng([SEED, 1, number])
        text = word(g)
        while len(text) < 2 or not text.isalpha():
            text = word(g)
        canvas = Canvas(*STRIP)
        style = Style(float(g.uniform(*HEIGHTS)), by or hand(g, "pens"), 1.0)
        spell(canvas, glyphs, text, START, STRIP[0] / 2, style, g)
        yield picture_of(canvas, g)


def photographs(count: int) -> Iterator[np.ndarray]:
    """Cut parts from scikit-learn's two photographs; none without scikit-learn."""
    g, images = np.random.default_rng([SEED, 2]), sample_photographs()
    for number in range(count if images else 0):
        grey = images[number % len(images)]
        height, width = (int(g.integers(*PATCH)) for _ in range(2))
        top, left = int(g.integers(grey.shape[0] - height)), int(g.integers(grey.shape[1] - width))
        yield grey[top : top + height, left : left + width]


def measure_hands(reader: Reader, digits: Digits) -> dict[str, float]:
    """Return the shares of held-out writers' numbers that are read, and of words and photographs taken for digits.

    Numbers count as read by their digits alone, and those with marks also by their text as written.

    digits: for `Glyphs`; the numbers are the writers' alone.

    Raises:
        ShuziError: the pens are missing.
    """
    glyphs = Glyphs(digits, pens.load().part(held_out=True))
    pages = [(each.text, reader.read(each.picture)) for each in numbers(glyphs, NUMBERS)]
    plain = [("".join(filter(str.isdigit, text)), _guesses(page)) for text, page in pages]
    marked = [(page.text == text, _confidence(page)) for text, page in pages if not text.isdigit()]
    shares = {
        "numbers whole": float(np.mean([text == read for text, read in plain])),
        "digit errors": sum(distance(*pair) for pair in plain) / sum(len(text) for text, _ in plain),
        "with marks, text right": float(np.mean([right for right, _ in marked])),
        "with marks, sure and wrong": float(np.mean([not right and p > CONFIDENT for right, p in marked])),
    }
    kinds = {"words of held-out writers": words(glyphs, WORDS), "photographs": photographs(PATCHES)}
    for path in held_out_fonts():
        kinds[f"words in {path.stem}"] = words(glyphs, SIGNS, Hand("font", font=str(path)))
    return shares | shares_taken(reader, kinds, single=False)


def _guesses(page: Page) -> str:
    """All digits of a page from left to right, unsure ones as the likeliest."""
    found = sorted(page.numbers, key=lambda number: number.box[0])
    return "".join(str(digit.guess) for number in found for digit in number.digits)


def _confidence(page: Page) -> float:
    """The probability that all numbers of a page are right; 0 without any."""
    return float(np.prod([number.confidence for number in page.numbers])) if page.numbers else 0.0


def distance(text: str, read: str) -> int:
    """Return how many characters must be changed, left out or added (V. Levenshtein 1966)."""
    row = list(range(len(read) + 1))
    for i, sign in enumerate(text, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(read, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (sign != other))
    return row[-1]
