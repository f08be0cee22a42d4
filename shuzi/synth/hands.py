"""Hands: how one person writes, or a printer prints."""

from dataclasses import dataclass

import numpy as np

from shuzi.synth.distributions import settings
from shuzi.synth.fonts import any_font
from shuzi.synth.raster import rotation

HANDS = settings("hands")
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
