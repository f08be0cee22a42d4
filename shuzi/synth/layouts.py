"""Layouts: where numbers, words and clutter stand in a scene.

A field is a strip; pages, close-ups, tiny writing and empty scenes are squares; tables have a module of their own.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from shuzi.synth.canvas import ANYTHING, LETTER, Canvas
from shuzi.synth.clutter import rule_frame, rule_squares, scrawl
from shuzi.synth.distributions import Chance, Integers, LogNormal, LogUniform, Mixture, Normal, OneOf, Uniform
from shuzi.synth.fonts import fonts, handwritten_fonts
from shuzi.synth.glyphs import Glyphs, printed
from shuzi.synth.hands import Hand, hand
from shuzi.synth.ink import rewrite
from shuzi.synth.negatives import scribble, silhouette
from shuzi.synth.numbers import Style, number_text, write_number
from shuzi.synth.tables import table
from shuzi.synth.textures import texture
from shuzi.synth.words import write_word

STRIP, SQUARE = (64, 256), (128, 128)  # height and width in pixels: as many pixels either way
MIN_SIZE, MAX_SIZE = 12, 64  # pixels of a digit's larger side within which the finder is to find it


@dataclass(frozen=True)
class FieldStrip:
    """A number across a strip. "Share" is of the digits' height; all else in pixels."""

    height: LogUniform = LogUniform(13, 56)
    turn: Normal = Normal(0, 0.05)  # radians
    off_middle: Normal = Normal(0, 0.25)  # of the room above and below
    off_anyhow: Chance = Chance(0.2)
    off: Normal = Normal(0, 4)
    strength: Uniform = Uniform(0.7, 1)
    near_start: Chance = Chance(0.8)
    start: Uniform = Uniform(-0.2, 1.5)  # share
    far_start: Uniform = Uniform(0, 200)
    end: float = 250
    what: Mixture = Mixture(number=0.76, word=0.17, scrawl=0.07)
    named: Chance = Chance(0.1)  # words alone
    word_height: Uniform = Uniform(0.6, 1.2)  # share
    apart: Uniform = Uniform(1.0, 3.5)  # share
    last: Chance = Chance(0.5)
    neighbours: Chance = Chance(0.25)  # the lines above and below
    neighbour: Chance = Chance(0.6)
    neighbour_away: Uniform = Uniform(1.15, 1.8)  # share
    same_hand: Chance = Chance(0.6)
    neighbour_start: Uniform = Uniform(-20, 60)
    ruled: Chance = Chance(0.4)
    rule_below: Uniform = Uniform(0.45, 0.75)  # share
    rule_rise: Normal = Normal(0, 0.02)
    rule_width: OneOf = OneOf(0.6, 1, 1, 2, 3)
    rule_strength: Uniform = Uniform(0.2, 1)
    framed: Chance = Chance(0.12)
    squared: Chance = Chance(0.08)
    textured: Chance = Chance(0.05)
    texture_strength: Uniform = Uniform(0.05, 0.35)


@dataclass(frozen=True)
class PagePart:
    """Lines of numbers and words. "Share" is of a line's height; all else in pixels."""

    level: Chance = Chance(0.8)
    turn: Normal = Normal(0, 0.03)  # radians
    far_turn: Uniform = Uniform(-0.25, 0.25)
    usual: Chance = Chance(0.85)  # mostly numbers; else mostly words
    words: float = 0.9  # share of words on such a page
    start: Uniform = Uniform(-10, 20)
    size: LogUniform = LogUniform(11, 56)
    even: Chance = Chance(0.85)
    even_height: LogNormal = LogNormal(1, 0.12)  # of the size
    any_height: LogUniform = LogUniform(5, 60)
    first_hand: Chance = Chance(0.7)
    indent: Uniform = Uniform(-30, 30)
    strength: Uniform = Uniform(0.6, 1)
    apart: Uniform = Uniform(1.0, 2.2)  # share
    ruled: Chance = Chance(0.1)
    rule_below: float = 1.15  # share
    rule_width: OneOf = OneOf(0.7, 1, 2)
    rule_strength: Uniform = Uniform(0.3, 1)
    line_apart: Uniform = Uniform(1.15, 2.2)  # share
    squared: Chance = Chance(0.1)


@dataclass(frozen=True)
class CloseUp:
    """One digit or a few, large. "Share" is of the digits' height; all else in pixels."""

    height: Uniform = Uniform(30, 62)
    turned: Chance = Chance(0.14)
    turn: Normal = Normal(0, 0.4)  # radians
    strength: Uniform = Uniform(0.7, 1)
    middle: Normal = Normal(64, 14)
    other: Chance = Chance(0.34)  # a letter that nobody takes for a digit, or no sign at all
    others: OneOf = OneOf(1, 1, 1, 2)
    other_kind: Mixture = Mixture(letter=0.35, sign=0.25, foreign=0.2, shape=0.2)
    other_pen: LogUniform = LogUniform(0.02, 0.2)  # share
    handwritten: Chance = Chance(0.6)
    silhouette: Chance = Chance(0.3)
    other_apart: float = 0.9  # share
    digits: OneOf = OneOf(1, 1, 1, 2, 3, 4)
    to_left: float = 0.3  # share, for each digit
    neighbour: Chance = Chance(0.4)  # a line above or below
    above: Chance = Chance(0.5)
    neighbour_start: Uniform = Uniform(-40, 60)
    neighbour_away: Uniform = Uniform(1.15, 1.7)  # share
    rules: Integers = Integers(0, 3)
    rule_upright: Chance = Chance(0.5)
    upright_away: Uniform = Uniform(0.4, 1.2)  # share
    upright_lean: Normal = Normal(0, 5)
    level_away: Uniform = Uniform(0.4, 0.9)  # share
    level_rise: Normal = Normal(0, 4)
    rule_width: OneOf = OneOf(0.7, 1, 2, 4)
    rule_strength: Uniform = Uniform(0.2, 1)
    scrawl: Chance = Chance(0.3)
    scrawl_x: Uniform = Uniform(0, 100)
    scrawl_y: Uniform = Uniform(10, 120)
    scrawl_height: Uniform = Uniform(0.4, 1)  # share


@dataclass(frozen=True)
class Tiny:
    """Writing too small to be read, as a page's is in a reduced picture. "Share" is of its height."""

    height: LogUniform = LogUniform(1.5, 9)
    few: Chance = Chance(0.6)
    numbers: Integers = Integers(1, 6)
    full: int = 100  # numbers and words at most
    start: Uniform = Uniform(0, 100)
    full_start: Uniform = Uniform(0, 10)
    indent: Uniform = Uniform(-20, 100)
    full_indent: Uniform = Uniform(-20, 40)
    goes_on: Chance = Chance(0.8)
    line_apart: Uniform = Uniform(1.3, 3)  # share


@dataclass(frozen=True)
class Empty:
    """Nothing to be found. Lengths in pixels."""

    kind: Mixture = Mixture(words=0.3, huge=0.2, shapes=0.25, nothing=0.25)
    words: Integers = Integers(1, 8)
    word_x: Uniform = Uniform(-40, 100)
    word_height: LogUniform = LogUniform(8, 70)
    word_strength: Uniform = Uniform(0.4, 1)
    word_turn: Normal = Normal(0, 0.1)  # radians
    drawn: Chance = Chance(0.5)
    huge: Uniform = Uniform(100, 330)
    huge_middle: Uniform = Uniform(-20, 148)
    huge_strength: Uniform = Uniform(0.5, 1)
    shapes: Integers = Integers(1, 5)
    silhouette: Chance = Chance(0.5)
    shape_side: Uniform = Uniform(16, 160)
    shape_strength: Uniform = Uniform(0.2, 1)
    ruled: Chance = Chance(0.5)
    rules: Integers = Integers(1, 6)
    rule_end: Uniform = Uniform(-10, 138)
    rule_width: OneOf = OneOf(0.7, 1, 2, 4, 8)
    rule_strength: Uniform = Uniform(0.2, 1)


FIELD, PAGE, CLOSE_UP, TINY, EMPTY = FieldStrip(), PagePart(), CloseUp(), Tiny(), Empty()


def field_strip(glyphs: Glyphs, g: np.random.Generator) -> Canvas:
    """Draw a field: a number across a strip, with what stands before, after, above and below."""
    s, canvas = FIELD, Canvas(*STRIP)
    height = s.height.draw(g)
    by = hand(g, turn=s.turn.draw(g))
    y = canvas.height / 2 + s.off_middle.draw(g) * (canvas.height - height) / 2
    y += s.off.draw(g) if s.off_anyhow.draw(g) else 0
    style = Style(height, by, s.strength.draw(g))
    x = s.start.draw(g) * height if s.near_start.draw(g) else s.far_start.draw(g)
    named = s.named.draw(g)
    while x < s.end:
        what = "word" if named else s.what.draw(g)
        if what == "number":
            x = write_number(canvas, glyphs, number_text(g), x, y, style, g)
        elif what == "word":
            word = Style(height * s.word_height.draw(g), by, style.strength)
            x = write_word(canvas, glyphs, x, y, word, g)
        else:
            x = scrawl(canvas, glyphs, x, y, style, g)
        x += s.apart.draw(g) * height
        if s.last.draw(g):
            break
    if s.neighbours.draw(g):
        _neighbours(canvas, glyphs, y, style, g)
    if s.ruled.draw(g):
        base, rise = y + height * s.rule_below.draw(g), s.rule_rise.draw(g) * canvas.width
        canvas.line_across(base, rise, s.rule_width.draw(g), s.rule_strength.draw(g))
    if s.framed.draw(g):
        rule_frame(canvas, g)
    if s.squared.draw(g):
        rule_squares(canvas, height, g)
    if s.textured.draw(g):
        canvas.cover = np.maximum(canvas.cover, texture(STRIP, g) * np.float32(s.texture_strength.draw(g)))
    return canvas


def _neighbours(canvas: Canvas, glyphs: Glyphs, y: float, style: Style, g: np.random.Generator) -> None:
    """Write the lines above and below a field."""
    for side in (-1, 1):
        if FIELD.neighbour.draw(g):
            away = style.height * FIELD.neighbour_away.draw(g)
            by = style.by if FIELD.same_hand.draw(g) else hand(g)
            text, x = number_text(g), FIELD.neighbour_start.draw(g)
            write_number(canvas, glyphs, text, x, y + side * away, Style(style.height, by, style.strength), g)


def page_part(glyphs: Glyphs, g: np.random.Generator) -> Canvas:
    """Draw a part of a page: lines of numbers and words, of any height that the finder is to find, and smaller."""
    s, canvas = PAGE, Canvas(*SQUARE)
    turn = s.turn.draw(g) if s.level.draw(g) else s.far_turn.draw(g)
    words = g.random() ** 2 if s.usual.draw(g) else s.words
    y, hands = s.start.draw(g), [hand(g, turn=turn) for _ in range(2)]
    size = s.size.draw(g)
    while y < canvas.height + 4:
        height = size * s.even_height.draw(g) if s.even.draw(g) else s.any_height.draw(g)
        by = hands[0] if s.first_hand.draw(g) else hands[1]
        _line(canvas, glyphs, y + height / 2, turn, words, Style(height, by, 1.0), g)
        if s.ruled.draw(g):
            base, rise = y + height * s.rule_below, np.tan(turn) * canvas.width
            canvas.line_across(base, rise, s.rule_width.draw(g), s.rule_strength.draw(g))
        y += height * s.line_apart.draw(g)
    if s.squared.draw(g):
        rule_squares(canvas, size, g)
    return canvas


def _line(
    canvas: Canvas, glyphs: Glyphs, middle: float, turn: float, words: float, style: Style, g: np.random.Generator
) -> None:
    """Write a line of a page in a strength of its own. middle: at the left edge, in pixels; words: their share."""
    x, height = PAGE.indent.draw(g), style.height
    style = replace(style, strength=PAGE.strength.draw(g))
    word = replace(style, by=replace(style.by, turn=turn))
    while x < canvas.width - 2:
        start, y = x, middle + np.tan(turn) * x
        if g.random() < words:
            x = write_word(canvas, glyphs, x, y, word, g)
        else:
            x = write_number(canvas, glyphs, number_text(g), x, y, style, g)
        if height < MIN_SIZE:
            canvas.small.append((start, y - height / 2, x - start, height))
        x += PAGE.apart.draw(g) * height


def close_up(glyphs: Glyphs, g: np.random.Generator) -> Canvas:
    """Draw one digit or a few, large, with neighbours, rules and whatever else reaches into the frame."""
    s, canvas = CLOSE_UP, Canvas(*SQUARE)
    height = s.height.draw(g)
    by = hand(g, turn=s.turn.draw(g) if s.turned.draw(g) else 0.0)
    style = Style(height, by, s.strength.draw(g))
    x, y = s.middle.draw(g), s.middle.draw(g)
    if s.other.draw(g):
        style = replace(style, by=replace(by, pen=s.other_pen.draw(g)))
        for _ in range(int(s.others.draw(g))):
            ink, label = _other(glyphs, style, g)
            canvas.put(ink, x, y, style.strength, label, height)
            x += s.other_apart * height
        return canvas
    text = "".join(map(str, g.integers(0, 10, int(s.digits.draw(g)))))
    write_number(canvas, glyphs, text, x - s.to_left * height * len(text), y, style, g)
    if s.neighbour.draw(g):
        side = -1 if s.above.draw(g) else 1
        text, start = number_text(g), s.neighbour_start.draw(g)
        write_number(canvas, glyphs, text, start, y + side * height * s.neighbour_away.draw(g), style, g)
    for _ in range(s.rules.draw(g)):
        _rule_near(canvas, x, y, height, g)
    if s.scrawl.draw(g):
        x, y = s.scrawl_x.draw(g), s.scrawl_y.draw(g)
        scrawl(canvas, glyphs, x, y, Style(height * s.scrawl_height.draw(g), by, style.strength), g)
    return canvas


def _other(glyphs: Glyphs, style: Style, g: np.random.Generator) -> tuple[np.ndarray | None, int | None]:
    """Draw a letter, a sign, a shape or a scribble; return its ink, and its label if it is writing."""
    s, height, by = CLOSE_UP, style.height, style.by
    kind = s.other_kind.draw(g)
    path = str(g.choice(handwritten_fonts())) if s.handwritten.draw(g) and fonts() else by.font
    if kind == "letter" and path:
        letter = printed(str(g.choice(list(table("words")["single"]))), height, replace(by, font=path))
        if letter is not None:
            return letter, LETTER
    if kind == "foreign":
        return glyphs.foreign(height, by, g), ANYTHING
    if kind != "shape":
        return glyphs.letter(height, by, g), LETTER
    image = silhouette(g) if s.silhouette.draw(g) else scribble(g)
    return rewrite(image, height, by, g), None


def _rule_near(canvas: Canvas, x: float, y: float, height: float, g: np.random.Generator) -> None:
    """Rule a line beside or below a digit at x, y, upright or level."""
    s = CLOSE_UP
    if s.rule_upright.draw(g):
        at = x + g.choice([-1, 1]) * height * s.upright_away.draw(g)
        start, end = (at, -5), (at + s.upright_lean.draw(g), canvas.height + 5)
    else:
        at = y + g.choice([-1, 1]) * height * s.level_away.draw(g)
        start, end = (-5, at), (canvas.width + 5, at + s.level_rise.draw(g))
    canvas.line(start, end, s.rule_width.draw(g), s.rule_strength.draw(g))


def tiny(glyphs: Glyphs, g: np.random.Generator) -> Canvas:
    """Draw writing too small to be read: a little of it, or all over."""
    s, canvas = TINY, Canvas(*SQUARE)
    height = s.height.draw(g)
    few = s.few.draw(g)
    left = s.numbers.draw(g) if few else s.full
    words, style = g.random(), Style(height, hand(g), 1.0)
    word = replace(style, by=replace(style.by, turn=0.0))
    y = (s.start if few else s.full_start).draw(g)
    while y < canvas.height and left:
        start = end = (s.indent if few else s.full_indent).draw(g)
        while end < canvas.width and left and (end == start or s.goes_on.draw(g)):
            left -= 1
            if g.random() < words:
                end = write_word(canvas, glyphs, end, y, word, g)
            else:
                end = write_number(canvas, glyphs, number_text(g), end, y, style, g)
            end += height
        canvas.small.append((start, y - height / 2, end - height - start, height))
        y += height * s.line_apart.draw(g)
    return canvas


def empty(glyphs: Glyphs, g: np.random.Generator) -> Canvas:
    """Draw what holds nothing to be found: shapes, scribbles, words, or digits far too large."""
    s, canvas = EMPTY, Canvas(*SQUARE)
    kind = s.kind.draw(g)
    if kind == "words":
        for _ in range(s.words.draw(g)):
            x, y, height = s.word_x.draw(g), float(g.uniform(0, canvas.height)), s.word_height.draw(g)
            strength, by = s.word_strength.draw(g), Hand("strokes", turn=s.word_turn.draw(g))
            write_word(canvas, glyphs, x, y, Style(height, by, strength), g)
    elif kind == "huge":
        by = hand(g, "strokes" if s.drawn.draw(g) else "mnist")
        ink = glyphs.digit(int(g.integers(10)), s.huge.draw(g), by, g)
        canvas.put(ink, s.huge_middle.draw(g), s.huge_middle.draw(g), s.huge_strength.draw(g))
    elif kind == "shapes":
        for _ in range(s.shapes.draw(g)):
            _shape(canvas, g)
    if s.ruled.draw(g):
        for _ in range(s.rules.draw(g)):
            start, end = ([s.rule_end.draw(g), s.rule_end.draw(g)] for _ in range(2))
            canvas.line(start, end, s.rule_width.draw(g), s.rule_strength.draw(g))
    return canvas


def _shape(canvas: Canvas, g: np.random.Generator) -> None:
    """Lay a silhouette or a scribble of any size anywhere."""
    image = silhouette(g) if EMPTY.silhouette.draw(g) else scribble(g)
    side = int(EMPTY.shape_side.draw(g))
    ink = cv2.resize(image.astype(np.float32) / 255, (side, side), interpolation=cv2.INTER_CUBIC)
    x, y = float(g.uniform(0, canvas.width)), float(g.uniform(0, canvas.height))
    canvas.put(np.clip(ink, 0, 1), x, y, EMPTY.shape_strength.draw(g))
