"""Words beside numbers, written or printed, letter by letter."""

from dataclasses import dataclass, replace

import numpy as np

from shuzi.page import MARKS
from shuzi.synth.canvas import ANYTHING, LETTER, Canvas
from shuzi.synth.distributions import Chance, Integers, Mixture, Normal, Uniform
from shuzi.synth.fonts import any_font, character, fonts, has_han
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.hands import Hand, hand
from shuzi.synth.numbers import Style
from shuzi.synth.signs import LIKE_DIGITS
from shuzi.synth.tables import table


@dataclass(frozen=True)
class Words:
    """Which words stand on paper, and how. Lengths are shares of the words' height."""

    kind: Mixture = Mixture(pens=0.48, strokes=0.07, font=0.45)
    of_forms: Chance = Chance(0.25)
    letters: Integers = Integers(2, 9)
    single: Chance = Chance(0.12)  # one letter that nobody takes for a digit
    case: Mixture = Mixture(title=0.3, upper=0.45, lower=0.25)
    confusing: Chance = Chance(0.15)  # a letter looks like a digit
    signs: Integers = Integers(1, 7)  # of a word of skeletons
    sign_height: Uniform = Uniform(0.6, 1.1)
    sign_baseline: Normal = Normal(0, 0.08)
    gap: Uniform = Uniform(-0.05, 0.25)
    han: Chance = Chance(0.6)
    characters: Integers = Integers(1, 6)  # of a Chinese word
    slant: Normal = Normal(0, 0.08)


WORDS = Words()
HAN = 0x4E00, 0x9000  # code points
CONFUSING = "OISBZloGDQTAq"


def word(g: np.random.Generator) -> str:
    """Draw a word: of a form, a letter, or letters as often as English has them, some of them like digits."""
    if WORDS.of_forms.draw(g):
        words: list[str] = table("words")["form"]
        return words[g.integers(len(words))]
    if WORDS.single.draw(g):
        return str(g.choice([letter for letter in table("words")["single"] if letter.isascii()]))
    letters = table("words")["common_letters"]
    odds = 1.0 / (np.arange(len(letters)) + 3.0)
    text = "".join(g.choice(list(letters), WORDS.letters.draw(g), p=odds / odds.sum()))
    text = getattr(text, WORDS.case.draw(g))()  # lower, upper or title
    return "".join(str(g.choice(list(CONFUSING))) if WORDS.confusing.draw(g) else letter for letter in text)


def write_word(canvas: Canvas, glyphs: Glyphs, x: float, y: float, style: Style, g: np.random.Generator) -> float:
    """Write or print a word that has no digits; return where it ends, in pixels.

    style: only the turn of its hand counts, because a word has a hand or a font of its own.
    """
    by = hand(g, WORDS.kind.draw(g), style.by.turn)
    if by.kind == "font" and fonts():
        by = Hand("font", font=any_font(g), slant=WORDS.slant.draw(g), turn=style.by.turn)
        han = has_han(by.font) and WORDS.han.draw(g)
        text = "".join(map(chr, g.integers(*HAN, WORDS.characters.draw(g)))) if han else word(g)
    elif by.kind == "strokes" or glyphs.writers is None:
        return _scribbled(canvas, glyphs, x, y, replace(style, by=by), g)
    else:
        by, text = replace(by, kind="pens"), word(g)
    return spell(canvas, glyphs, text, x, y, replace(style, by=by), g)


def spell(canvas: Canvas, glyphs: Glyphs, text: str, x: float, y: float, style: Style, g: np.random.Generator) -> float:
    """Write a text that has no digits from x on, with the digits' middle at y; return where it ends, in pixels."""
    height, by, start, gap = style.height, style.by, x, WORDS.gap.draw(g)
    for sign in text:
        ink, low = glyphs.sign(sign, height, by, g)
        if ink is None:
            x += 0.3 * height
            continue
        drawn = character(sign, by.font) if by.kind == "font" and by.font else None
        left = drawn.left * height / drawn.digit if drawn else 0.0
        middle = y + low + float(np.tan(by.turn)) * (x - start)
        alone = len(text) == 1 and sign in LIKE_DIGITS
        label = ANYTHING if alone or sign in MARKS or sign in "'`" else LETTER
        canvas.put(ink, x + left + ink.shape[1] / 2, middle, style.strength, label, height)
        x += drawn.advance * height / drawn.digit if drawn else ink.shape[1] + gap * height
    return x


def write_letter(canvas: Canvas, glyphs: Glyphs, x: float, y: float, style: Style, g: np.random.Generator) -> float:
    """Write a letter of a grade or an answer, by a real writer unless the hand prints; return where it ends."""
    label = str(g.choice(list(table("words")["column"])))
    by = style.by if style.by.kind == "font" else replace(style.by, kind="pens")
    return spell(canvas, glyphs, label, x, y, replace(style, by=by), g)


def _scribbled(canvas: Canvas, glyphs: Glyphs, x: float, y: float, style: Style, g: np.random.Generator) -> float:
    """Write a word of signs that we drew."""
    height = style.height
    for _ in range(WORDS.signs.draw(g)):
        ink = glyphs.letter(height * WORDS.sign_height.draw(g), style.by, g)
        if ink is not None:
            low = WORDS.sign_baseline.draw(g) * height
            canvas.put(ink, x + ink.shape[1] / 2, y + low, style.strength, LETTER, height)
            x += ink.shape[1] + WORDS.gap.draw(g) * height
    return x
