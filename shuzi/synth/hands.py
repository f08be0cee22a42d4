"""Hands: how one person writes, or a printer prints."""

from dataclasses import dataclass

import numpy as np

from shuzi.synth.distributions import Chance, LogNormal, Mixture, Normal, Uniform
from shuzi.synth.fonts import any_font
from shuzi.synth.raster import rotation


@dataclass(frozen=True)
class Hands:
    """How hands differ. Pens are shares of a digit's height, slants widths to a height, turns radians."""

    kind: Mixture = Mixture(pens=0.53, mnist=0.18, strokes=0.12, segments=0.04, font=0.13)
    steel: Chance = Chance(0.15)  # as people wrote with steel pens: slanted, thin up and thick down
    school: Mixture = Mixture(flagged=0.36, curly=0.14, usual=0.5)
    slant: Normal = Normal(0.05, 0.16)
    steel_slant: Uniform = Uniform(0.2, 0.75)
    upright_print: Chance = Chance(0.8)
    pen: LogNormal = LogNormal(0.1, 0.45)
    thinnest: float = 0.03
    thickest: float = 0.26
    broad_nib: Chance = Chance(0.12)
    nib: Uniform = Uniform(0, np.pi)
    steel_nib: Normal = Normal(0, 0.3)  # around the slant's direction
    stretch: LogNormal = LogNormal(1, 0.15)
    turn: Normal = Normal(0, 0.04)
    rough: Chance = Chance(0.3)
    roughness: Uniform = Uniform(0, 0.7)
    retraced: Chance = Chance(0.04)
    slashing: Chance = Chance(0.12)  # whose 1 leans like a slash
    slashed_one: Uniform = Uniform(0.25, 0.8)


HANDS = Hands()
PRINTED = ("font", "segments")


@dataclass(frozen=True)
class Hand:
    """How one person writes, or a printer prints.

    Attributes:
        kind: "pens" of a real writer, "mnist", "strokes" that we drew, "segments" of a display, or "font".
        school: a table of `tables/skeletons.toml`: which ways of writing digits it mostly takes.
        slant: of the strokes, in widths to a height, above 0 leaning to the right.
        pen: width of the stroke as a share of the height.
        nib: the direction in radians in which a broad nib draws thin, or None.
        stretch: width against the usual width.
        turn: radians, clockwise.
        font: a path, of those who print.
        habit: for each digit, which of its ways this hand writes, 0..1.
        rough: how much the pen's ink varies along the stroke, 0..1.
        retraced: whether strokes are drawn over again.
        writer: which of the writers of `data.pens` it is, 0..1.
        one: slant of its 1 beyond that of all its strokes.
    """

    kind: str
    school: str = "usual"
    slant: float = 0.0
    pen: float = 0.1
    nib: float | None = None
    stretch: float = 1.0
    turn: float = 0.0
    font: str = ""
    habit: tuple[float, ...] = ()
    rough: float = 0.0
    retraced: bool = False
    writer: float = 0.0
    one: float = 0.0

    @property
    def matrix(self) -> np.ndarray:
        """The 2x2 matrix of its stretch, slant and turn."""
        return rotation(self.turn) @ np.array([[self.stretch, -self.slant], [0, 1]])


def hand(g: np.random.Generator, kind: str | None = None, turn: float = 0.0) -> Hand:
    """Draw a hand of the given kind, else of any. turn: of its lines, in radians."""
    s = HANDS
    kind = kind or s.kind.draw(g)
    steel = s.steel.draw(g)
    school = "old" if steel else s.school.draw(g)
    slant = s.steel_slant.draw(g) if steel else s.slant.draw(g)
    pen = float(np.clip(s.pen.draw(g), s.thinnest, s.thickest))
    nib = None
    if steel or s.broad_nib.draw(g):
        nib = float(-np.arctan2(1, slant) + s.steel_nib.draw(g)) if steel else s.nib.draw(g)
    return Hand(
        kind,
        school,
        0.0 if kind in PRINTED and s.upright_print.draw(g) else slant,
        pen,
        nib,
        s.stretch.draw(g),
        turn + s.turn.draw(g),
        any_font(g),
        tuple(g.random(10)),
        s.roughness.draw(g) if s.rough.draw(g) else 0.0,
        s.retraced.draw(g),
        g.random(),
        s.slashed_one.draw(g) if s.slashing.draw(g) else 0.0,
    )
