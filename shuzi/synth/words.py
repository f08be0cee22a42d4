"""Words beside numbers, written or printed."""

from dataclasses import dataclass

import cv2
import numpy as np

from shuzi.synth.canvas import Canvas
from shuzi.synth.distributions import Chance, Integers, LogNormal, Mixture, Normal, Uniform
from shuzi.synth.fonts import any_font, fonts, has_han, render_text
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.hands import Hand, hand
from shuzi.synth.ink import deform
from shuzi.synth.numbers import Style
from shuzi.synth.tables import table


@dataclass(frozen=True)
class Words:
    """Which words stand on paper, and how. Lengths are shares of the words' height."""

    of_forms: Chance = Chance(0.3)
    letters: Integers = Integers(2, 9)
    case: Mixture = Mixture(title=0.4, upper=0.1, lower=0.5)
    by_hand: Chance = Chance(0.3)
    signs: Integers = Integers(1, 7)  # of a word by hand
    sign_height: Uniform = Uniform(0.6, 1.1)
    sign_baseline: Normal = Normal(0, 0.08)
    sign_gap: Uniform = Uniform(-0.05, 0.2)
    han: Chance = Chance(0.6)
    characters: Integers = Integers(1, 6)  # of a Chinese word
    slant: Normal = Normal(0, 0.08)
    stretch: LogNormal = LogNormal(1, 0.1)
    lowest: int = 20  # pixels: a word of lower letters is scaled as if it had these


WORDS = Words()
HAN = 0x4E00, 0x9000  # code points


def word(g: np.random.Generator) -> str:
    """Draw a word: of a form, or letters as often as English has them."""
    if WORDS.of_forms.draw(g):
        words: list[str] = table("words")["form"]
        return words[g.integers(len(words))]
    letters = table("words")["common_letters"]
    odds = 1.0 / (np.arange(len(letters)) + 3.0)
    text = "".join(g.choice(list(letters), WORDS.letters.draw(g), p=odds / odds.sum()))
    case = WORDS.case.draw(g)
    return text.title() if case == "title" else text.upper() if case == "upper" else text


def write_word(
    canvas: Canvas, glyphs: Glyphs, x: float, y: float, style: Style, g: np.random.Generator
) -> float:
    """Write or print a word that has no digits; return where it ends, in pixels.

    style: only the turn of its hand counts, because a word has a hand or a font of its own.
    """
    if WORDS.by_hand.draw(g) or not fonts():
        return _handwritten(canvas, glyphs, x, y, style, g)
    path = any_font(g)
    if has_han(path) and WORDS.han.draw(g):
        text = "".join(chr(int(c)) for c in g.integers(*HAN, WORDS.characters.draw(g)))
    else:
        text = word(g)
    ink = render_text(text, path)
    if ink is None:
        return x
    slant, stretch = WORDS.slant.draw(g), WORDS.stretch.draw(g)
    ink = deform(ink, Hand("font", slant=slant, stretch=stretch, turn=style.by.turn, font=path))
    if ink is None:
        return x
    scale = style.height / max(ink.shape[0], WORDS.lowest)
    size = (max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale)))
    ink = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    canvas.put(ink, x + ink.shape[1] / 2, y, style.strength)
    return x + ink.shape[1]


def _handwritten(
    canvas: Canvas, glyphs: Glyphs, x: float, y: float, style: Style, g: np.random.Generator
) -> float:
    height, by = style.height, hand(g, "strokes", style.by.turn)
    for _ in range(WORDS.signs.draw(g)):
        ink = glyphs.letter(height * WORDS.sign_height.draw(g), by, g)
        if ink is not None:
            canvas.put(ink, x + ink.shape[1] / 2, y + WORDS.sign_baseline.draw(g) * height, style.strength)
            x += ink.shape[1] + WORDS.sign_gap.draw(g) * height
    return x
