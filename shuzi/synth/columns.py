"""Layouts of letters in columns beside digits, and of textures."""

from dataclasses import dataclass

import numpy as np

from shuzi.synth.canvas import Canvas
from shuzi.synth.distributions import Chance, LogUniform, Normal, OneOf, Uniform
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.hands import hand
from shuzi.synth.layouts import SQUARE
from shuzi.synth.numbers import Style, number_text, write_number
from shuzi.synth.textures import texture
from shuzi.synth.words import write_letter, write_word


@dataclass(frozen=True)
class Column:
    """Letters or words in a column beside digits. "Share" is of a line's height; all else in pixels."""

    height: LogUniform = LogUniform(13, 48)
    turn: Normal = Normal(0, 0.04)  # radians
    left: Uniform = Uniform(-10, 20)
    apart: Uniform = Uniform(20, 80)
    line_apart: Uniform = Uniform(1.2, 2.4)  # share
    letters_first: Chance = Chance(0.6)
    word: Chance = Chance(0.3)  # in place of a letter
    there: Chance = Chance(0.9)  # an entry
    digits: OneOf = OneOf(1, 1, 2, 2, 3, 4)
    ruled: Chance = Chance(0.4)
    rule_below: float = 0.75  # share
    rule_strength: Uniform = Uniform(0.3, 1)
    strength: Uniform = Uniform(0.6, 1)


@dataclass(frozen=True)
class Textured:
    """A texture, with a number on it or none."""

    written: Chance = Chance(0.3)
    strength: Uniform = Uniform(0.3, 1)
    under: Uniform = Uniform(0.05, 0.35)  # its strength where it is written on
    height: LogUniform = LogUniform(16, 50)


COLUMN, TEXTURED = Column(), Textured()


def column(glyphs: Glyphs, g: np.random.Generator) -> Canvas:
    """Draw lines that have a letter or a word in one column, and a number in the next."""
    s, canvas = COLUMN, Canvas(*SQUARE)
    height, turn = s.height.draw(g), s.turn.draw(g)
    style = Style(height, hand(g, turn=turn), s.strength.draw(g))
    places = np.cumsum([s.left.draw(g), s.apart.draw(g), s.apart.draw(g)])
    y, letters = float(g.uniform(-height, height)), int(not s.letters_first.draw(g))
    while y < canvas.height + height:
        for number, x in enumerate(places.tolist()):
            if not s.there.draw(g):
                continue
            if number % 2 != letters:
                text = "".join(map(str, g.integers(0, 10, int(s.digits.draw(g)))))
                write_number(canvas, glyphs, text, x, y + np.tan(turn) * x, style, g)
            elif s.word.draw(g):
                write_word(canvas, glyphs, x, y + np.tan(turn) * x, style, g)
            else:
                write_letter(canvas, glyphs, x, y + np.tan(turn) * x, style, g)
        if s.ruled.draw(g):
            rise = np.tan(turn) * canvas.width
            canvas.line_across(y + height * s.rule_below, rise, 1, s.rule_strength.draw(g))
        y += height * s.line_apart.draw(g)
    return canvas


def textured(glyphs: Glyphs, g: np.random.Generator) -> Canvas:
    """Draw a texture or what a photograph shows; on some of them stands a number."""
    s, canvas = TEXTURED, Canvas(*SQUARE)
    if not s.written.draw(g):
        canvas.cover = texture(SQUARE, g) * np.float32(s.strength.draw(g))
        return canvas
    height = s.height.draw(g)
    x, y = float(g.uniform(0, canvas.width / 2)), float(g.uniform(height / 2, canvas.height - height / 2))
    write_number(canvas, glyphs, number_text(g), x, y, Style(height, hand(g), 1.0), g)
    canvas.cover = np.maximum(canvas.cover, texture(SQUARE, g) * np.float32(s.under.draw(g)))
    return canvas
