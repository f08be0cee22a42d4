"""Made-up pictures of writing with the whole truth beside them: what the finder learns from.

A scene is a small grey picture: a field, a part of a page or a table, a digit among its neighbours, or writing too low
to be read, on paper that is plain, ruled, patterned or dirty, seen by a scanner or a phone. Digits are MNIST's, those
of `strokes` and those of the fonts on this machine; between and around them stand points, commas, dashes, letters,
words, rules and blots. Everything is drawn from a generator that is passed in.
"""

import functools
import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import ImageFont

from shuzi.data import strokes
from shuzi.data.digits import CLASSES, Digits

MARKS = ".,-/:"  # labels 10 to 14, in this order
STRIP, SQUARE = (64, 256), (128, 128)  # height and width in pixels: as many pixels either way
LEAST, MOST = 12, 64  # pixels of a digit's larger side within which the finder is to find it
VISIBLE = 0.55  # of a digit's ink: so much must lie in the frame for it to count
LEGIBLE, LEAST_TONES = 0.3, 5.0  # correlation of ink and picture, and grey levels between ink and paper
WORK = 44  # pixels: glyphs lower than that are drawn enlarged, and then shrunk, which smooths them

FONT_FOLDERS = ("/usr/share/fonts", "/Library/Fonts", "/System/Library/Fonts", "C:/Windows/Fonts")
# Symbols, ornaments and blackletter, whose digits are none or no one's hand; and those kept for measuring.
UNFIT_FONTS = (
    "symbol",
    "d050000l",
    "keyboard",
    "initials",
    "math",
    "mtextra",
    "emoji",
    "joscelyn",
    "isabella",
    "havana",
)
# In their paths, fonts that look written by hand; they are drawn from more often than their number would have them.
WRITTEN = (
    "handwriting",
    "kristi",
    "dancing",
    "kaushan",
    "klee",
    "kiloji",
    "comic",
    "humor",
    "ecolier",
    "becausewe",
    "bwht",
    "lobster",
)
HELD_OUT_FONTS = (
    *(
        "breip",
        "rufscript",
        "femkeklaver",
        "dkghandwriting",
        "bad-script",
        "caveat-latin",
        "coming-soon",
        "delius-latin",
    ),
    *(
        "gaegu",
        "handlee",
        "homemade-apple",
        "indie-flower",
        "kalam",
        "mali",
        "neucha",
        "nothing-you-could-do",
    ),
    *("patrick-hand-latin", "reenie-beanie", "sedgwick-ave", "short-stack", "yomogi", "zeyada"),
)
LETTERS = list("ACDEFGHJKLMNPQRTUVWXYadefhjkmnprtuvwxy@#&%?$+=*<>日人中文")
COMMON = "etaoinshrdlucmfwypvbgkjqxz"
WORDS = (
    *("Name", "Date", "Total", "Sum", "No.", "Nr.", "Fr.", "EUR", "USD"),
    *("CHF", "Betrag", "Datum", "Summe", "Menge", "Preis", "Konto", "Zahl", "Page"),
    *("Seite", "Tel.", "Room", "Score", "Rs.", "Valor", "Fecha", "Monto", "Pesos"),
    *("Cheque", "Amount", "Year", "Age", "kg", "cm", "km", "Kr.", "Box"),
    *("Lot", "Ref.", "Ticket", "Meter", "A/C", "Code", "Id.", "Order"),
)
# Ways to write that `strokes` has less of, in its notation: the long flags, ribbons and hooks of South America, the
# loops of those who never lift the pencil, and hands of steel pens.
FLAGGED: dict[int, tuple[str, ...]] = {
    0: (
        "2: 70,-6 40,8 10,40 16,84 50,100 84,76 86,36 62,10 30,14",
        "2: 60,0 20,16 6,54 24,92 60,98 88,66 84,28 60,12 40,20",
        "2: 50,0 16,20 8,60 30,98 64,94 88,56 78,16 52,0 44,8 80,4",
        "3: 50,0 14,24 10,70 40,100 78,84 90,40 66,4 48,0",
    ),
    8: (
        "2: 80,20 60,2 30,10 34,36 66,60 76,84 50,100 24,84 40,56 84,16",
        "2: 70,6 40,0 24,24 50,46 72,70 54,100 26,88 36,58 66,36 80,10",
    ),
    1: (
        "3: 10,36 30,22 52,0! 50,50 46,100",
        "2: 0,50 24,34 60,-4! 52,100",
        "3: 0,62 52,0! 50,100",
        "3: 4,36 50,0! 54,100",
        "2: 14,30 60,0! 40,102",
        "2: 0,100 34,60 64,0! 58,60 50,104",
        "1: -6,84 8,94 44,56 66,0! 60,104",
        "1: 8,50 30,30 54,0! 54,60 48,100",
    ),
    2: (
        "2: 22,40 4,28 14,6 50,0 78,14 70,44 8,98! 60,94 100,96",
        "1: 10,20 44,0 84,12 70,50 30,78 8,96 24,76 60,96 104,90",
    ),
    5: (
        "2: 0,36 10,40 24,100! 40,60 52,14! 100,4",
        "1: 0,24 16,84 24,100! 44,20 50,6! 104,2",
        "2: 96,8 44,4! 40,40 30,90 16,98 0,70",
        "2: 100,0 40,4! 34,36! 52,54 44,92 20,102 2,84",
        "1: 44,4! 38,44! 60,52 62,80 40,100 6,92 | 44,4 100,-4",
    ),
    7: ("2: 10,22 6,6! 94,4! 54,50 40,104 | 26,56 92,50", "1: 4,8 30,4 90,0! 50,102 | 20,60 84,44"),
    9: (
        "2: 78,12 40,0 14,26 40,50 76,30! 84,6! 78,60 60,104 30,100",
        "1: 84,20 50,2 20,24 46,48 80,26! 74,104",
        "2: 80,16 52,0 26,12 30,36 56,40 76,20 80,8! 66,54 58,100",
        "2: 56,70 30,54 12,30 30,4 62,0 86,22 70,50 44,72 40,100",
        "2: 70,66 40,50 14,26 36,2 72,4 84,30 60,60 44,84 50,104",
        "1: 60,62 30,40 34,8 66,0 86,20 66,52 44,80 48,100 62,98",
    ),
    4: ("2: 26,0 6,58! 98,52 | 78,24 70,104", "1: 60,0 0,66! 96,62 | 72,40 64,104"),
}
CURLY: dict[int, tuple[str, ...]] = {
    1: (
        "2: 0,44 60,0! 44,100",
        "1: 6,40 56,0! 50,96 | 14,98 92,94",
        "1: 0,60 30,40 56,0! 44,70 54,100 70,94",
    ),
    2: (
        "2: 0,30 20,4 60,0 84,24 70,60 30,98 6,96 4,76 30,70 60,90 100,92",
        "2: 30,72 12,40 30,6 70,2 82,36 50,80 18,100 4,88 22,70 50,84 80,100 104,86",
        "1: 10,20 44,0 76,20 60,56 20,98 0,92 16,76 44,86 70,100 100,60",
    ),
    3: (
        "2: 10,16 40,0 74,14 66,40 40,50 30,42 44,34 60,46 84,70 60,98 20,96 0,84",
        "1: 0,10 34,0 80,10 60,36 30,48! 70,52 92,76 60,100 10,98",
    ),
    4: ("2: 50,0 30,40 2,62 40,66 104,54 | 62,34 50,104", "1: 40,0 14,50 30,60 60,44 70,28 74,40 64,104"),
    5: (
        "2: 104,-4 34,4 24,40 54,36 82,60 70,92 30,100 0,80",
        "1: 96,0 40,6 30,40! 70,40 80,70 50,98 20,90 30,74 60,84 96,100",
    ),
    6: (
        "2: 90,16 60,0 20,20 8,60 30,96 66,92 74,66 50,52 24,70 14,90",
        "2: 96,20 70,0 22,14 4,46 30,66 92,62 100,80 60,84 26,70 18,90 34,108",
        "1: 76,0 40,14 10,56 20,94 60,96 80,70 56,54 20,70",
    ),
    7: (
        "2: 0,6 14,30 50,36 90,24 96,6 76,2 58,30 44,100 | 24,70 76,66",
        "2: 4,14 10,0 50,10 96,0! 54,50 36,100 | 14,52 84,46",
        "1: 0,4 10,26 30,20 60,8 96,4! 50,60 40,104",
    ),
    8: (
        "2: 90,6 60,0 30,10 30,36 60,52 80,76 54,100 26,90 30,62 66,40 80,16",
        "1: 60,44 30,30 40,2 74,6 70,36 30,62 24,92 60,100 76,74 44,46",
    ),
    9: (
        "2: 20,14 10,0 40,-2 72,10 40,20 24,36 44,54 74,36 80,8! 74,70 50,100 16,92",
        "2: 80,10 46,0 14,20 26,46 64,44 82,10! 80,70 50,104 10,96",
        "1: 86,2 60,6 30,20 40,44 66,36 82,8 60,4! 56,60 20,104",
    ),
}
OLD: dict[int, tuple[str, ...]] = {
    0: ("1: 62,2 30,14 10,54 26,94 56,98 84,58 80,14 60,2 44,10",),
    1: ("3: 56,0 50,50 44,100", "2: 34,20 54,0! 46,100", "1: 50,6 58,0! 40,96 48,100"),
    2: (
        "3: 56,34 36,44 24,28 36,4 62,2 74,24 54,60 10,98! 20,84 36,84 62,98 92,86",
        "2: 50,26 38,34 28,22 44,4 68,8 70,32 44,70 8,94 0,88 14,80 44,96 76,100 98,88",
        "3: 46,36 28,34 26,12 50,0 72,14 62,48 12,96 4,90 20,80 46,92 70,100 96,84",
        "2: 58,30 40,42 22,26 40,2 70,6 70,36 40,70 6,98! 30,86 60,98 94,88",
        "2: 34,34 20,22 34,4 66,0 78,22 56,58 4,100! 26,88 56,100 92,96",
        "1: 20,26 34,4 66,4 74,28 46,70 10,96 2,88 20,82 50,98 84,94",
    ),
    3: (
        "2: 14,20 24,4 54,4 60,22 40,44! 60,50 66,74 40,98 8,90 10,82",
        "2: 8,16 30,2 70,10 90,0! 50,40! 76,56 70,86 34,102 0,90 6,82",
        "1: 20,14 46,0 66,14 44,44! 62,52 60,84 24,104 -8,84 0,74",
        "1: 22,16 40,0 74,2! 44,38! 66,50 62,86 28,104 -4,100 -4,88 8,90",
    ),
    4: (
        "2: 36,0 0,66! 70,60 100,56 | 62,30 46,104",
        "2: 30,0 4,58 40,56 84,50 | 84,10 52,108",
        "1: 44,0 0,60! 100,54 | 84,0 44,104",
        "1: 24,0 10,56 28,66 70,50 | 84,0 62,104",
        "1: 34,0 6,60! 84,54 | 92,0 58,104",
    ),
    5: (
        "3: 36,14 28,44! 44,38 60,48 62,70 46,92 18,98 6,90 14,82 | 36,14 56,16 76,10 100,0",
        "3: 34,18 20,46! 50,40 70,58 60,88 30,100 6,92 10,84 | 34,18 60,24 104,4",
        "2: 40,14 26,44! 56,42 66,66 44,96 10,98 4,88 | 40,14 70,18 112,10",
        "2: 40,20 30,46! 56,46 66,68 48,96 16,100 6,88 22,88 | 56,8 84,0 112,4",
        "1: 42,16 30,46! 54,44 66,64 48,94 20,100 8,92 | 48,10 70,-4 96,4 116,-8",
        "1: 30,22 22,48 50,44 62,66 40,98 8,92 | 26,16 56,8 108,14",
    ),
    6: (
        "2: 80,0 40,30 12,70 20,98 50,96 64,72 46,58 20,76",
        "1: 66,0 28,40 14,80 30,100 58,86 60,64 36,62 16,82",
    ),
    7: (
        "2: 10,14 20,2 44,12 92,0! 60,40 30,100",
        "2: 6,26 14,6 30,4 54,14 92,2! 44,60 24,104",
        "1: 10,18 24,4 50,14 88,0! 40,104 | 22,66 76,56",
        "1: 2,22 12,6 40,14 90,0! 50,50 30,98 20,100",
        "1: -6,26 4,4 30,14 58,18 94,0! 56,54 14,120",
    ),
    8: (
        "3: 80,10 56,2 40,16 46,40 62,62 50,92 22,98 14,76 44,52 76,26 78,8",
        "2: 84,4 60,0 40,14 50,44 60,70 40,98 16,90 26,64 66,34 88,10",
        "1: 82,12 60,0 38,14 48,34 66,52 64,84 36,100 12,86 24,62 56,44 90,2",
        "1: 76,22 84,6 58,0 40,16 52,38 70,60 56,94 22,96 18,72 48,50 80,20",
    ),
    9: (
        "2: 76,14 50,0 22,18 26,44 54,44 78,16 82,4! 60,60 20,108",
        "2: 70,8 40,4 24,24 36,44 62,34 76,6! 66,50 36,90 -4,110",
        "1: 74,10 46,2 30,24 44,40 70,20 78,2! 66,56 30,104 -6,96",
        "2: 76,8 50,0 34,16 42,30 64,20 80,2! 62,50 24,122",
        "1: 80,10 58,0 40,14 48,28 70,18 82,4! 60,60 4,128",
        "1: 70,10 44,2 26,22 40,36 66,18 76,4! 64,60 22,118 -24,104",
        "1: 72,6 50,0 36,14 40,28 56,26 74,6! 56,66 10,116 -44,126",
        "1: 40,22 44,6 62,0 80,16 72,56 34,94 -14,102",
        "1: 76,6 44,2 22,26 40,44 66,26 80,2! 60,62 20,120",
    ),
}


SCHOOLS = {"old": OLD, "flagged": FLAGGED, "curly": CURLY}


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture and what is written on it.

    Attributes:
        picture: uint8 (H, W), grey.
        labels: uint8 (N,), 0..9, or 10 + the index in MARKS.
        boxes: float32 (N, 4), x, y, width, height in pixels, around the ink that lies in the frame.
        sizes: float32 (N,), pixels: the larger side of a digit's whole ink; of a mark, that of its number's digits.
        visible: float32 (N,), the share of the ink that lies in the frame.
        following: int64 (N,), the next digit of the same number, -1 for its last and for marks.
        ink: uint8 (H, W), how much of each pixel digits' ink covers, 255 all.
        owner: int16 (H, W), the digit that most of a pixel's ink is, -1 where there is none.
        writing: uint8 (H, W), how much of each pixel any writing covers: digits, marks, words and scribbles, no rules.
        small: float32 (M, 4), boxes of writing too low to be read at this size.
    """

    picture: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    sizes: np.ndarray
    visible: np.ndarray
    following: np.ndarray
    ink: np.ndarray
    owner: np.ndarray
    writing: np.ndarray
    small: np.ndarray


@functools.cache
def installed_fonts() -> tuple[Path, ...]:
    """The outline fonts on this machine, in the order of their names."""
    folders = [
        Path(each) for each in (*FONT_FOLDERS, *os.environ.get("SHUZI_FONTS", "").split(os.pathsep)) if each
    ]
    files = {
        path.name.lower(): path
        for each in folders
        for end in ("ttf", "otf", "ttc", "woff2")
        for path in each.rglob(f"*.{end}")
    }
    return tuple(files[name] for name in sorted(files))


@functools.cache
def fonts() -> tuple[str, ...]:
    """Paths of those that the finder learns from: they have digits and letters, and aren't kept for measuring."""
    unfit = (*UNFIT_FONTS, *HELD_OUT_FONTS)
    return tuple(
        str(path) for path in installed_fonts() if not any(word in path.name.lower() for word in unfit)
    )


def held_out_fonts() -> tuple[Path, ...]:
    """Fonts of handwriting that nothing learns from; none where they aren't installed."""
    return tuple(path for path in installed_fonts() if any(w in path.name.lower() for w in HELD_OUT_FONTS))


@functools.cache
def written_fonts() -> tuple[str, ...]:
    """Those of `fonts` that look written by hand; all of them where there are none."""
    return tuple(path for path in fonts() if any(word in path.lower() for word in WRITTEN)) or fonts()


def any_font(g: np.random.Generator) -> str:
    """The path of a font, one that looks written by hand in half of all; "" where there are no fonts."""
    paths = written_fonts() if g.random() < 0.5 else fonts()
    return paths[g.integers(len(paths))] if paths else ""


@functools.lru_cache(maxsize=512)
def font(path: str) -> ImageFont.FreeTypeFont:
    """A font at 64 pixels."""
    return ImageFont.truetype(path, 64)


@functools.cache
def has_han(path: str) -> bool:
    """Say whether a font has Chinese characters: whether two of them look different."""
    return bytes(font(path).getmask("数")) != bytes(font(path).getmask("字"))


def printed(text: str, path: str) -> np.ndarray | None:
    """A text in a font, cropped to its ink: float32 (h, w), 0..1; None if the font draws nothing."""
    mask = font(path).getmask(text, mode="L")
    width, height = mask.size
    if not width or not height:
        return None
    return cropped(np.array(mask, np.uint8).reshape(height, width).astype(np.float32) / 255)


def cropped(ink: np.ndarray, least: float = 0.25) -> np.ndarray | None:
    """The smallest part of ink that holds all of it; None if there is none."""
    x, y, w, h = cv2.boundingRect((ink > least).astype(np.uint8))
    return ink[y : y + h, x : x + w] if w else None


@functools.lru_cache(maxsize=1024)
def curves(skeleton: str) -> tuple[np.ndarray, ...]:
    """The strokes of a skeleton of `strokes`, as points (P, 2)."""
    return tuple(strokes.curve(stroke) for stroke in skeleton.split("|"))


@functools.cache
def ways(digit: int, school: str) -> tuple[list[str], np.ndarray]:
    """How people of a school write a digit: skeletons and how likely each is."""
    usual = strokes.DIGITS[digit]
    lines = SCHOOLS[school].get(digit, usual) if school else usual
    pairs = [line.split(":") for line in lines]
    odds = np.array([float(weight) for weight, _ in pairs])
    return [skeleton for _, skeleton in pairs], odds / odds.sum()


@dataclass(frozen=True)
class Hand:
    """How one person writes, or a printer prints.

    Attributes:
        kind: "mnist", "strokes" or "font".
        school: "", or of SCHOOLS: which ways of writing digits it mostly takes.
        slant: of the strokes, in widths to a height, above 0 leaning to the right.
        pen: width of the stroke as a share of the height.
        nib: the direction in radians in which a broad nib draws thin, or None.
        stretch: width against the usual width.
        turn: radians, clockwise.
        font: a path, of those who print.
        habit: for each digit, which of its ways this hand writes, 0..1.
        rough: how much the pen's ink varies along the stroke, 0..1.
        twice: whether strokes are drawn over again.
    """

    kind: str
    school: str
    slant: float
    pen: float
    nib: float | None
    stretch: float
    turn: float
    font: str
    habit: tuple[float, ...]
    rough: float
    twice: bool


def hand(g: np.random.Generator, kind: str | None = None, turn: float = 0.0) -> Hand:
    """A hand of the given kind, else of any."""
    kind = kind or str(g.choice(["mnist", "strokes", "font"], p=[0.44, 0.38, 0.18]))
    old = g.random() < 0.2  # as people wrote with steel pens: slanted, thin up and thick down
    school = "old" if old else str(g.choice(["flagged", "curly", ""], p=[0.36, 0.14, 0.5]))
    slant = g.uniform(0.2, 0.75) if old else g.normal(0.05, 0.16)
    pen = float(np.clip(np.exp(g.normal(np.log(0.1), 0.45)), 0.03, 0.26))
    nib = None
    if old or g.random() < 0.12:
        nib = float(-np.arctan2(1, slant) + g.normal(0, 0.3)) if old else float(g.uniform(0, np.pi))
    return Hand(
        kind,
        school,
        0.0 if kind == "font" and g.random() < 0.8 else float(slant),
        pen,
        nib,
        float(np.exp(g.normal(0, 0.15))),
        turn + float(g.normal(0, 0.04)),
        any_font(g),
        tuple(g.random(10)),
        float(g.uniform(0, 0.7)) if g.random() < 0.3 else 0.0,
        bool(g.random() < 0.04),
    )


class Glyphs:
    """Draws digits and other signs. written: the digits of other people to draw from."""

    def __init__(self, written: Digits) -> None:
        self.images = written.images
        self.of = [np.flatnonzero(written.labels == digit) for digit in range(CLASSES)]

    def digit(self, digit: int, height: float, by: Hand, g: np.random.Generator) -> np.ndarray | None:
        """A digit's ink, float32 (h, w), 0..1, about `height` pixels high."""
        if by.kind == "font" and by.font:
            ink = printed(str(digit), by.font)
            return None if ink is None else fitted(leant(ink, by), height)
        foreign = by.school and g.random() < (0.75 if by.kind == "strokes" or by.school == "old" else 0.5)
        foreign = foreign and digit in SCHOOLS[by.school]
        if by.kind == "mnist" and not foreign:
            image = self.images[g.choice(self.of[digit])]
            return fitted(rewritten(image, height, by, g), height)
        skeletons, odds = ways(digit, by.school if foreign else "")
        steady = int(np.searchsorted(np.cumsum(odds), by.habit[digit], side="right"))
        chosen = min(steady, len(odds) - 1) if g.random() < 0.7 else int(g.choice(len(odds), p=odds))
        return drawn(skeletons[chosen], height, by, g)

    def letter(self, height: float, by: Hand, g: np.random.Generator) -> np.ndarray | None:
        """A letter or sign that is no digit, likewise."""
        return drawn(strokes.MARKS[g.integers(len(strokes.MARKS))], height, by, g, 0.6)


def leant(ink: np.ndarray, by: Hand) -> np.ndarray | None:
    """Ink slanted, stretched and turned as a hand does."""
    h, w = ink.shape
    matrix = shape_of(by)
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]]) @ matrix.T
    low, size = corners.min(0), np.ptp(corners, axis=0)
    move = np.hstack([matrix, -low[:, None] + 1]).astype(np.float32)
    return cropped(cv2.warpAffine(ink, move, (int(size[0]) + 3, int(size[1]) + 3), flags=cv2.INTER_LINEAR))


def shape_of(by: Hand) -> np.ndarray:
    """The 2x2 matrix of a hand's stretch, slant and turn."""
    cos, sin = np.cos(by.turn), np.sin(by.turn)
    return np.array([[cos, -sin], [sin, cos]]) @ np.array([[by.stretch, -by.slant], [0, 1]])


def fitted(ink: np.ndarray | None, height: float) -> np.ndarray | None:
    """Ink resized so that its height, or a wide glyph's width, is as asked."""
    if ink is None or not ink.size:
        return None
    scale = height / max(ink.shape[0], 0.8 * ink.shape[1])
    size = (max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale)))
    return cv2.resize(ink, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def rewritten(image: np.ndarray, height: float, by: Hand, g: np.random.Generator) -> np.ndarray | None:
    """A 28x28 written again larger, with another pen: its strokes' width is changed about their middle."""
    zoom = max(height, WORK) / 20
    matrix = shape_of(by) * zoom
    side = int(28 * zoom * (1 + abs(by.slant) / 2)) + 4
    offset = side / 2 - matrix @ np.array([14, 14])
    move = np.hstack([matrix, offset[:, None]]).astype(np.float32)
    large = cv2.warpAffine(image, move, (side, side), flags=cv2.INTER_CUBIC)
    inside = (large > 110).astype(np.uint8)
    x, y, w, h = cv2.boundingRect(inside)
    if not w:
        return None
    room = int(0.15 * zoom * 20)
    top, left = max(0, y - room), max(0, x - room)
    inside = inside[top : y + h + room, left : x + w + room]
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    reach = max(3, int(0.14 * zoom * 20) | 1)
    middle = cv2.dilate(depth, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    natural = 2 * float(middle[inside > 0].mean())
    wanted = by.pen * 20 * zoom * float(np.exp(g.normal(0, 0.1)))
    if wanted < natural:  # keep what is near the middle of the stroke
        distance = np.where(inside > 0, depth - middle * (1 - max(wanted, 1.2) / natural), -1)
    else:
        distance = (
            depth
            - cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
            + min((wanted - natural) / 2, 0.06 * height)
        )
    ink = np.clip(distance + 0.5, 0, 1)
    if by.nib is not None:
        ink = nibbed(ink, by)
    return cropped(ink)


def nibbed(ink: np.ndarray, by: Hand) -> np.ndarray:
    """Ink spread along the broad side of a nib."""
    reach = by.pen * ink.shape[0] * 0.4
    side = int(2 * reach) | 1
    if side < 3:
        return ink
    kernel = np.zeros((side, side), np.uint8)
    dx, dy = reach * np.cos((by.nib or 0) + np.pi / 2), reach * np.sin((by.nib or 0) + np.pi / 2)
    middle = side // 2
    cv2.line(kernel, (round(middle - dx), round(middle - dy)), (round(middle + dx), round(middle + dy)), 1, 1)
    return cv2.dilate(ink, kernel)


def drawn(
    skeleton: str, height: float, by: Hand, g: np.random.Generator, squeeze: float = 1.0
) -> np.ndarray | None:
    """A skeleton's ink, float32 (h, w), 0..1, about `height` pixels high."""
    lines = strokes.moved(list(curves(skeleton)), g, squeeze)
    if by.twice:
        lines += [line + g.normal(0, 0.025, 2) for line in lines]
    matrix = shape_of(by)
    lines = [line @ matrix.T for line in lines]
    points = np.concatenate(lines)
    low, size = points.min(0), np.ptp(points, axis=0)
    larger = max(float(size[1]), 0.8 * float(size[0]), 1e-3)
    times = max(1.0, WORK / height)
    scale = height * times / larger
    pen = max(1.0, by.pen * height * times * float(np.exp(g.normal(0, 0.08))))
    margin = int(pen) + 3
    canvas = np.zeros([int(v * scale) + 2 * margin + 1 for v in size[::-1]], np.uint8)
    for line in lines:
        path = (line - low) * scale + margin
        if by.nib is None:
            cv2.polylines(
                canvas, [np.round(path * 16).astype(np.int32)], False, 255, max(1, round(pen)), cv2.LINE_AA, 4
            )
        else:
            across = np.array([np.cos(by.nib + np.pi / 2), np.sin(by.nib + np.pi / 2)]) * pen * 0.6
            for a, b in itertools.pairwise(path):
                slab = np.round(np.array([a - across, a + across, b + across, b - across]) * 16).astype(
                    np.int32
                )
                cv2.fillConvexPoly(canvas, slab, 255, cv2.LINE_AA, 4)
            fine = max(1, round(pen * 0.35))
            cv2.polylines(canvas, [np.round(path * 16).astype(np.int32)], False, 255, fine, cv2.LINE_AA, 4)
    ink: np.ndarray = canvas.astype(np.float32) / 255
    if by.rough:
        grain: np.ndarray = cv2.resize(
            g.random((6, 6), np.float32), canvas.shape[::-1], interpolation=cv2.INTER_CUBIC
        )
        ink *= np.clip(1 - by.rough * grain, 0.15, 1)
    if times > 1:
        shrunk = (max(1, round(ink.shape[1] / times)), max(1, round(ink.shape[0] / times)))
        ink = cv2.resize(ink, shrunk, interpolation=cv2.INTER_AREA)
    return cropped(ink, 0.2)


@dataclass
class Canvas:
    """A scene in the making.

    cover, writing, ink: float32 (H, W), how much of each pixel is covered by anything, by writing, and by digits;
    the rest as in Scene.
    """

    height: int
    width: int
    cover: np.ndarray = field(init=False)
    writing: np.ndarray = field(init=False)
    ink: np.ndarray = field(init=False)
    owner: np.ndarray = field(init=False)
    items: list[tuple[int, tuple[float, float, float, float], float, float]] = field(default_factory=list)
    following: dict[int, int] = field(default_factory=dict)
    small: list[tuple[float, float, float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with empty paper."""
        self.cover = np.zeros((self.height, self.width), np.float32)
        self.writing, self.ink = self.cover.copy(), self.cover.copy()
        self.owner = np.full((self.height, self.width), -1, np.int16)

    def put(
        self,
        ink: np.ndarray | None,
        x: float,
        y: float,
        strength: float = 1.0,
        label: int | None = None,
        size: float = 0,
    ) -> int | None:
        """Lay ink with its middle at x, y; give the item's index where it has a label and lies in the frame."""
        if ink is None:
            return None
        h, w = ink.shape
        left, top = round(x - w / 2), round(y - h / 2)
        x0, t, r, b = max(left, 0), max(top, 0), min(left + w, self.width), min(top + h, self.height)
        if x0 >= r or t >= b:
            return None
        part = ink[t - top : b - top, x0 - left : r - left]
        there = self.cover[t:b, x0:r]
        np.maximum(there, part * strength, out=there)
        there = self.writing[t:b, x0:r]
        np.maximum(there, part, out=there)
        if label is None:
            return None
        box = cv2.boundingRect((part > 0.3).astype(np.uint8))
        if not box[2]:
            return None
        index = len(self.items)
        share = float(part.sum() / max(float(ink.sum()), 1e-6))
        self.items.append((label, (x0 + box[0], t + box[1], box[2], box[3]), size or max(h, w), share))
        if label < CLASSES:
            inked, owned = self.ink[t:b, x0:r], self.owner[t:b, x0:r]
            owned[(part > inked) & (part > 0.25)] = index
            np.maximum(inked, part, out=inked)
        return index

    def line(
        self,
        start: Sequence[float] | np.ndarray,
        end: Sequence[float] | np.ndarray,
        width: float,
        strength: float,
    ) -> None:
        """Rule a line."""
        layer = np.zeros((self.height, self.width), np.uint8)
        a, b = ([round(float(v) * 16) for v in p] for p in (start, end))
        cv2.line(layer, a, b, 255, max(1, round(width)), cv2.LINE_AA, 4)
        np.maximum(self.cover, layer.astype(np.float32) * (strength * min(width, 1) / 255), out=self.cover)


def number_text(g: np.random.Generator) -> str:
    """A number as people write them: digits, with points, commas, dashes, slashes or colons in some."""

    def run(count: int) -> str:
        digits = "".join(map(str, g.integers(0, 10, count)))
        if count > 2 and g.random() < 0.25:  # amounts are round more often than not
            zeros = int(g.integers(1, count))
            digits = digits[: count - zeros] + "0" * zeros
        return digits

    kind = g.random()
    if kind < 0.5:
        return run(int(g.integers(1, 9)))
    if kind < 0.72:  # thousands, with cents or a dash that closes
        head, sign = run(int(g.integers(1, 4))), str(g.choice([".", ",", "."]))
        text = head + "".join(sign + run(3) for _ in range(1 if g.random() < 0.8 else 2))
        end = g.random()
        return text + (
            f",{run(2)}"
            if end < 0.12
            else ",-"
            if end < 0.2
            else ".-"
            if end < 0.28
            else "-"
            if end < 0.33
            else "."
            if end < 0.42
            else ""
        )
    if kind < 0.84:
        end = g.random()
        return run(int(g.integers(1, 5))) + (
            f",{run(2)}"
            if end < 0.3
            else f".{run(2)}"
            if end < 0.55
            else ",-"
            if end < 0.7
            else ".-"
            if end < 0.8
            else "."
            if end < 0.9
            else ","
        )
    if kind < 0.93:
        sign = str(g.choice(list(".-/")))
        return f"{g.integers(1, 32)}{sign}{g.integers(1, 13)}{sign}{run(4 if g.random() < 0.5 else 2)}"
    if kind < 0.95:
        return f"{g.integers(0, 24)}:{g.integers(0, 60):02d}"
    if kind < 0.98:
        return f"-{run(int(g.integers(1, 4)))}"
    return f"{run(3)}-{run(int(g.integers(2, 5)))}"


def mark(
    sign: str, height: float, by: Hand, g: np.random.Generator
) -> tuple[np.ndarray | None, float, float]:
    """A mark's ink for digits of a height; how far its middle lies below theirs, and its width, in pixels."""
    if by.kind == "font" and by.font:
        ink = printed(sign, by.font)
        whole = printed("0", by.font)
        if ink is None or whole is None:
            return None, 0.0, 0.0
        scale = height / whole.shape[0]
        ink = fitted(ink, max(1.0, max(ink.shape[0], 0.8 * ink.shape[1]) * scale))
        low = {".": 0.46, ",": 0.52, "-": 0.1, "/": 0.0, ":": 0.15}[sign]
        return ink, low * height, 0.0 if ink is None else float(ink.shape[1])
    pen = max(by.pen, 0.06)
    if sign in ".:":
        r = float(np.clip(pen * g.uniform(0.6, 1.1), 0.04, 0.13))
        a, bend = r * g.uniform(0.7, 1.3), g.uniform(-0.6, 0.6) * r
        points = [np.array([[-a, -bend], [a, bend]])]
        if sign == ":":
            points = [points[0] + [0, -0.22], points[0] + [0, 0.22]]
        low = 0.45 + g.normal(0, 0.05) if sign == "." else g.normal(0.12, 0.05)
    elif sign == ",":
        down = g.uniform(0.12, 0.3)
        points = [np.array([[0.25 * down, -down / 2], [0.2 * down, 0.1 * down], [-0.3 * down, down / 2]])]
        low = 0.5 + g.normal(0, 0.05)
    elif sign == "-":
        half, rise = g.uniform(0.15, 0.42), g.normal(0, 0.06)
        points = [np.array([[-half, rise], [0, g.normal(0, 0.03)], [half, -rise]])]
        low = g.normal(0.05, 0.12)
    else:
        half = g.uniform(0.55, 0.8)
        lean = max(by.slant, 0) + g.uniform(0.25, 0.55)
        points = [np.array([[half * lean, -half], [-half * lean, half]])]
        low = g.normal(0, 0.08)
    times = max(1.0, WORK / height)
    scale = height * times
    every = np.concatenate(points)
    thick = max(1.0, (pen if sign not in ".:" else 1.6 * pen) * scale)
    origin, margin = every.min(0), thick + 2
    canvas = np.zeros([int(v * scale + 2 * margin) + 1 for v in np.ptp(every, axis=0)[::-1]], np.uint8)
    for line in points:
        path = np.round(((line - origin) * scale + margin) * 16).astype(np.int32)
        cv2.polylines(canvas, [path], False, 255, max(1, round(thick)), cv2.LINE_AA, 4)
    shrunk = (max(1, round(canvas.shape[1] / times)), max(1, round(canvas.shape[0] / times)))
    ink = cropped(cv2.resize(canvas.astype(np.float32) / 255, shrunk, interpolation=cv2.INTER_AREA), 0.15)
    return ink, low * height, 0.0 if ink is None else float(ink.shape[1])


def write_number(
    canvas: Canvas,
    glyphs: Glyphs,
    text: str,
    x: float,
    y: float,
    height: float,
    by: Hand,
    g: np.random.Generator,
    strength: float,
    gap: float | None = None,
) -> float:
    """Write a number from x on with the digits' middle at y; give where it ends."""
    if gap is None:
        how = g.random()
        gap = (
            g.uniform(-0.1, 0.06)
            if how < 0.25
            else g.uniform(0.04, 0.3)
            if how < 0.8
            else g.uniform(0.3, 0.85)
        )
    slope = np.tan(by.turn)
    start, previous = x, None
    raised, uneven = False, 0.07 if g.random() < 0.8 else 0.18  # of the digits' heights
    for at, sign in enumerate(text):
        if sign in MARKS:
            if g.random() < 0.1:  # a point or dash that fell out or stands wide
                x += g.uniform(0, 0.3) * height
            ink, low, wide = mark(sign, height, by, g)
            there = wide * (0.5 if sign == "/" else 1.0)
            space = 0.05 * height if sign in ".,:" else 0.08 * height
            x += space
            canvas.put(
                ink,
                x + there / 2,
                y + low + slope * (x - start),
                strength,
                CLASSES + MARKS.index(sign),
                height,
            )
            x += there + space + gap * height * 0.3
            if sign in ".," and len(text) - at == 3 and g.random() < 0.12:
                raised = True  # cents written high and small
            continue
        tall = height * float(np.exp(g.normal(0, uneven))) * (0.65 if raised else 1)
        ink = glyphs.digit(int(sign), tall, by, g)
        if ink is None:
            continue
        if sign == "1" and ink.shape[0] < 0.6 * tall:
            continue
        lean = 0.75 * abs(by.slant) * ink.shape[0] if by.kind != "font" or by.slant else 0.0
        wide = max(ink.shape[1] - lean, 0.3 * ink.shape[1])
        middle = y + slope * (x - start) + g.normal(0, 0.04) * height - (0.18 * height if raised else 0)
        index = canvas.put(
            ink, x + wide / 2, middle, strength * g.uniform(0.85, 1), int(sign), max(ink.shape)
        )
        if index is not None:
            if previous is not None:
                canvas.following[previous] = index
            previous = index
        x += wide + (gap + g.uniform(-0.04, 0.08)) * height
    return x


def word(g: np.random.Generator) -> str:
    """A word: of a form, or letters as often as English has them."""
    if g.random() < 0.3:
        return WORDS[g.integers(len(WORDS))]
    odds = 1.0 / (np.arange(26) + 3.0)
    text = "".join(g.choice(list(COMMON), int(g.integers(2, 9)), p=odds / odds.sum()))
    how = g.random()
    return text.title() if how < 0.4 else text.upper() if how < 0.5 else text


def write_word(
    canvas: Canvas,
    glyphs: Glyphs,
    x: float,
    y: float,
    height: float,
    g: np.random.Generator,
    strength: float,
    turn: float = 0,
) -> float:
    """Write or print a word that has no digits; give where it ends."""
    if g.random() < 0.3 or not fonts():
        by = hand(g, "strokes", turn)
        for _ in range(int(g.integers(1, 7))):
            ink = glyphs.letter(height * g.uniform(0.6, 1.1), by, g)
            if ink is not None:
                canvas.put(ink, x + ink.shape[1] / 2, y + g.normal(0, 0.08) * height, strength)
                x += ink.shape[1] + g.uniform(-0.05, 0.2) * height
        return x
    path = any_font(g)
    if has_han(path) and g.random() < 0.6:
        text = "".join(chr(int(c)) for c in g.integers(0x4E00, 0x9000, int(g.integers(1, 6))))
    else:
        text = word(g)
    ink = printed(text, path)
    if ink is None:
        return x
    by = Hand(
        "font",
        "",
        float(g.normal(0, 0.08)),
        0.1,
        None,
        float(np.exp(g.normal(0, 0.1))),
        turn,
        path,
        (),
        0,
        False,
    )
    ink = leant(ink, by)
    if ink is None:
        return x
    scale = height / max(ink.shape[0], 20)
    ink = cv2.resize(
        ink,
        (max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale))),
        interpolation=cv2.INTER_AREA,
    )
    canvas.put(ink, x + ink.shape[1] / 2, y, strength)
    return x + ink.shape[1]


def strip(glyphs: Glyphs, g: np.random.Generator) -> Canvas:
    """A field: a number across it, with what stands before, after, above and below."""
    canvas = Canvas(*STRIP)
    height = float(np.exp(g.uniform(np.log(13), np.log(56))))
    by = hand(g, turn=g.normal(0, 0.03))
    y = 32 + g.normal(0, 0.25) * (64 - height) / 2 + (g.normal(0, 4) if g.random() < 0.2 else 0)
    strength = g.uniform(0.7, 1)
    x = g.uniform(-0.2, 1.5) * height if g.random() < 0.8 else g.uniform(0, 200)
    while x < 250:
        what = g.random()
        if what < 0.8:
            x = write_number(canvas, glyphs, number_text(g), x, y, height, by, g, strength)
        elif what < 0.95:
            x = write_word(canvas, glyphs, x, y, height * g.uniform(0.6, 1.2), g, strength, by.turn)
        else:
            x = scrawl(canvas, glyphs, x, y, height, by, g, strength)
        x += g.uniform(1.0, 3.5) * height
        if g.random() < 0.5:
            break
    if g.random() < 0.25:  # the lines above and below
        for side in (-1, 1):
            if g.random() < 0.6:
                away = height * g.uniform(1.15, 1.8)
                other = by if g.random() < 0.6 else hand(g)
                write_number(
                    canvas,
                    glyphs,
                    number_text(g),
                    g.uniform(-20, 60),
                    y + side * away,
                    height,
                    other,
                    g,
                    strength,
                )
    if g.random() < 0.4:
        base = y + height * g.uniform(0.45, 0.75)
        rise = g.normal(0, 0.02) * 256
        canvas.line((-5, base), (261, base + rise), g.choice([0.6, 1, 1, 2, 3]), g.uniform(0.2, 1))
    if g.random() < 0.12:
        box_around(canvas, g)
    if g.random() < 0.08:
        squares(canvas, height, g)
    return canvas


def squares(canvas: Canvas, height: float, g: np.random.Generator) -> None:
    """Squared paper as strong as a table's lines, across which numbers run; height: of their digits."""
    step, turn = height * g.uniform(0.8, 3), g.normal(0, 0.02)
    width, strength = float(g.choice([0.7, 1, 1.5, 2, 3])), g.uniform(0.15, 0.8)
    far = canvas.width + canvas.height
    for at in np.arange(g.uniform(-step, 0), far, step):
        canvas.line((at, -5), (at - turn * far, far), width, strength)
        canvas.line((-5, at), (far, at + turn * far), width, strength)


def scrawl(
    canvas: Canvas,
    glyphs: Glyphs,
    x: float,
    y: float,
    height: float,
    by: Hand,
    g: np.random.Generator,
    strength: float,
) -> float:
    """A sign, a scribble, a bracket, an arrow or something crossed out; give where it ends."""
    kind = g.integers(4)
    if kind == 0:
        ink = glyphs.letter(height * g.uniform(0.7, 1.4), by, g)
    elif kind == 1:
        count = int(g.integers(9, 26))
        points = np.clip(np.cumsum(g.normal(0, 25, (count, 2)), 0) % 200 - 100, -100, 100)
        ink = drawn(" ".join(f"{a:.0f},{b:.0f}" for a, b in points), height * g.uniform(0.8, 1.6), by, g, 0.3)
    elif kind == 2:
        ink = drawn(
            str(
                g.choice(
                    [
                        "0,40 100,40 | 0,60 100,60",
                        "0,50 100,50 | 50,0 50,100",
                        "30,0 0,50 30,100",
                        "0,0 30,50 0,100",
                        "0,50 100,50 | 70,30 100,50! 70,70",
                        "0,50 100,44 98,56 2,52 100,60",
                    ]
                )
            ),
            height,
            by,
            g,
            0.3,
        )
    else:  # a digit or two crossed out, which is none
        at = x
        for _ in range(int(g.integers(1, 3))):
            digit = glyphs.digit(int(g.integers(10)), height, by, g)
            if digit is not None:
                canvas.put(digit, x + digit.shape[1] / 2, y, strength)
                x += digit.shape[1]
        for _ in range(int(g.integers(2, 6))):
            ends = g.uniform(-0.5, 0.5, 2) * height + y
            canvas.line((at - 0.1 * height, ends[0]), (x + 0.1 * height, ends[1]), by.pen * height, strength)
        return x
    if ink is None:
        return x
    canvas.put(ink, x + ink.shape[1] / 2, y, strength)
    return x + ink.shape[1]


def box_around(canvas: Canvas, g: np.random.Generator) -> None:
    """A printed frame near the edges."""
    x0, t = g.uniform(-6, 12), g.uniform(-6, 10)
    r, b = canvas.width - g.uniform(-6, 12), canvas.height - g.uniform(-6, 10)
    width, strength = g.choice([0.7, 1, 2, 3]), g.uniform(0.3, 1)
    for p, q in (((x0, t), (r, t)), ((r, t), (r, b)), ((r, b), (x0, b)), ((x0, b), (x0, t))):
        if g.random() < 0.85:
            canvas.line(p, q, width, strength)


def page(glyphs: Glyphs, g: np.random.Generator) -> Canvas:
    """A part of a page: lines of numbers and words, of any heights the finder is to find, and lower ones."""
    canvas = Canvas(*SQUARE)
    turn = g.normal(0, 0.03) if g.random() < 0.8 else g.uniform(-0.25, 0.25)
    words = g.random() ** 2 if g.random() < 0.85 else 0.9
    y, hands = g.uniform(-10, 20), [hand(g, turn=turn) for _ in range(2)]
    size = float(np.exp(g.uniform(np.log(11), np.log(56))))
    while y < 132:
        height = (
            size * float(np.exp(g.normal(0, 0.12)))
            if g.random() < 0.85
            else float(np.exp(g.uniform(np.log(5), np.log(60))))
        )
        by = hands[0] if g.random() < 0.7 else hands[1]
        middle, x = y + height / 2, g.uniform(-30, 30)
        strength = g.uniform(0.6, 1)
        while x < 126:
            before = x
            high = middle + np.tan(turn) * x
            if g.random() < words:
                x = write_word(canvas, glyphs, x, high, height, g, strength, turn)
            else:
                x = write_number(canvas, glyphs, number_text(g), x, high, height, by, g, strength)
            if height < LEAST:
                canvas.small.append((before, high - height / 2, x - before, height))
            x += g.uniform(1.0, 2.2) * height
        if g.random() < 0.1:
            canvas.line(
                (-5, y + height * 1.15),
                (133, y + height * 1.15 + np.tan(turn) * 128),
                g.choice([0.7, 1, 2]),
                g.uniform(0.3, 1),
            )
        y += height * g.uniform(1.15, 2.2)
    if g.random() < 0.1:
        squares(canvas, size, g)
    return canvas


def table(glyphs: Glyphs, g: np.random.Generator) -> Canvas:
    """A part of a table, a grid or a row of boxes for digits, some filled by hand and some in print."""
    canvas = Canvas(*SQUARE)
    cell = np.array([1.0, 1.0]) * g.uniform(18, 76)
    if g.random() < 0.4:
        cell[0] *= g.uniform(1.0, 3.0)
    turn, lean = g.normal(0, 0.06), g.normal(0, 0.04)
    across, down = (
        np.array([np.cos(turn), np.sin(turn)]) * cell[0],
        np.array([-np.sin(turn) + lean, np.cos(turn)]) * cell[1],
    )
    origin = g.uniform(-1, 0.4, 2) * cell
    columns, rows = int(150 / cell[0]) + 3, int(150 / cell[1]) + 3
    width, strength = float(g.choice([0.5, 1, 1, 1.5, 2, 3])), g.uniform(0.15, 1)
    heavy = int(g.integers(2, 6))
    for i in range(-2, columns):
        w = width * (2 if i % heavy == 0 and g.random() < 0.7 else 1)
        canvas.line(origin + i * across - 2 * down, origin + i * across + rows * down, w, strength)
    for j in range(-2, rows):
        w = width * (2 if j % heavy == 0 else 1)
        canvas.line(origin + j * down - 2 * across, origin + j * down + columns * across, w, strength)
    height = float(np.clip(cell[1] * g.uniform(0.35, 0.85), 7, 60))
    by, print_hand = hand(g, turn=turn), hand(g, "font", turn)
    digits, share, empty = cell[0] < 1.6 * cell[1], g.uniform(0, 1) * (g.random() < 0.6), g.uniform(0, 0.4)
    ink, other = g.uniform(0.6, 1), g.uniform(0.3, 1)
    for i, j in itertools.product(range(-1, columns), range(-1, rows)):
        if g.random() < empty:
            continue
        middle = origin + (i + 0.5) * across + (j + 0.5) * down + g.normal(0, 0.06, 2) * cell
        if not (-30 < middle[0] < 158 and -30 < middle[1] < 158):
            continue
        who, tone = (print_hand, other) if g.random() < share else (by, ink)
        if g.random() < 0.03:
            write_word(canvas, glyphs, middle[0] - 0.3 * cell[0], middle[1], height * 0.7, g, tone, turn)
            continue
        text = str(g.integers(10)) if digits else "".join(map(str, g.integers(0, 10, int(g.integers(1, 4)))))
        room = 0.55 * height * len(text)
        start = len(canvas.items)
        end = write_number(
            canvas,
            glyphs,
            text,
            middle[0] - room / 2,
            middle[1],
            height * (1.05 if who is print_hand else 1),
            who,
            g,
            tone,
        )
        if height < LEAST and len(canvas.items) > start:
            canvas.small.append(
                (middle[0] - room / 2, middle[1] - height / 2, end - middle[0] + room / 2, height)
            )
    return canvas


def close(glyphs: Glyphs, g: np.random.Generator) -> Canvas:
    """One digit or two, large, with neighbours, rules and whatever else reaches into the frame."""
    canvas = Canvas(*SQUARE)
    height = g.uniform(30, 62)
    by = hand(g, turn=g.normal(0, 0.4) if g.random() < 0.14 else 0.0)
    strength = g.uniform(0.7, 1)
    x, y = 64 + g.normal(0, 14, 2)
    if g.random() < 0.34:  # a letter that no one takes for a digit, or what is no sign at all, alone or two
        for _ in range(int(g.choice([1, 1, 1, 2]))):
            what = g.random()
            path = str(g.choice(written_fonts())) if g.random() < 0.6 and fonts() else by.font
            lone = printed(str(g.choice(LETTERS)), path) if what < 0.6 and path else None
            if lone is not None:
                ink = fitted(leant(lone, by), height)
            elif what < 0.8:
                ink = glyphs.letter(height, by, g)
            else:
                image = strokes.silhouette(g) if g.random() < 0.3 else strokes.scribble(g)
                ink = fitted(rewritten(image, height, by, g), height)
            canvas.put(ink, x, y, strength)
            x += 0.9 * height
        return canvas
    text = "".join(map(str, g.integers(0, 10, int(g.choice([1, 1, 1, 2, 3, 4])))))
    write_number(canvas, glyphs, text, x - 0.3 * height * len(text), y, height, by, g, strength)
    if g.random() < 0.4:  # a line above or below
        side = -1 if g.random() < 0.5 else 1
        write_number(
            canvas,
            glyphs,
            number_text(g),
            g.uniform(-40, 60),
            y + side * height * g.uniform(1.15, 1.7),
            height,
            by,
            g,
            strength,
        )
    for _ in range(int(g.integers(0, 3))):
        if g.random() < 0.5:
            at = x + g.choice([-1, 1]) * height * g.uniform(0.4, 1.2)
            canvas.line((at, -5), (at + g.normal(0, 5), 133), g.choice([0.7, 1, 2, 4]), g.uniform(0.2, 1))
        else:
            at = y + g.choice([-1, 1]) * height * g.uniform(0.4, 0.9)
            canvas.line((-5, at), (133, at + g.normal(0, 4)), g.choice([0.7, 1, 2, 4]), g.uniform(0.2, 1))
    if g.random() < 0.3:
        scrawl(
            canvas, glyphs, g.uniform(0, 100), g.uniform(10, 120), height * g.uniform(0.4, 1), by, g, strength
        )
    return canvas


def low(glyphs: Glyphs, g: np.random.Generator) -> Canvas:
    """Writing too low to be read, as a page's is in a picture of it made small: some of it, or all over."""
    canvas = Canvas(*SQUARE)
    height = float(np.exp(g.uniform(np.log(1.5), np.log(9))))
    few = g.random() < 0.6
    left = int(g.integers(1, 6)) if few else 100  # numbers and words still to be written
    words, by = g.random(), hand(g)
    y = g.uniform(0, 100 if few else 10)
    while y < 128 and left:
        start = end = g.uniform(-20, 100 if few else 40)
        while end < 128 and left and (end == start or g.random() < 0.8):
            left -= 1
            if g.random() < words:
                end = write_word(canvas, glyphs, end, y, height, g, 1.0)
            else:
                end = write_number(canvas, glyphs, number_text(g), end, y, height, by, g, 1.0)
            end += height
        canvas.small.append((start, y - height / 2, end - height - start, height))
        y += height * g.uniform(1.3, 3)
    return canvas


def clutter(glyphs: Glyphs, g: np.random.Generator) -> Canvas:
    """Nothing to be found: shapes, scribbles, words, or digits far too large."""
    canvas = Canvas(*SQUARE)
    kind = g.random()
    if kind < 0.3:
        for _ in range(int(g.integers(1, 8))):
            write_word(
                canvas,
                glyphs,
                g.uniform(-40, 100),
                g.uniform(0, 128),
                float(np.exp(g.uniform(np.log(8), np.log(70)))),
                g,
                g.uniform(0.4, 1),
                g.normal(0, 0.1),
            )
    elif kind < 0.5:  # parts of a digit that is far too large
        by = hand(g, "strokes" if g.random() < 0.5 else "mnist")
        canvas.put(
            glyphs.digit(int(g.integers(10)), g.uniform(100, 330), by, g),
            float(g.uniform(-20, 148)),
            float(g.uniform(-20, 148)),
            g.uniform(0.5, 1),
        )
    elif kind < 0.75:
        for _ in range(int(g.integers(1, 5))):
            image = strokes.silhouette(g) if g.random() < 0.5 else strokes.scribble(g)
            side = int(g.uniform(16, 160))
            ink = cv2.resize(image.astype(np.float32) / 255, (side, side), interpolation=cv2.INTER_CUBIC)
            canvas.put(
                np.clip(ink, 0, 1), float(g.uniform(0, 128)), float(g.uniform(0, 128)), g.uniform(0.2, 1)
            )
    if g.random() < 0.5:
        for _ in range(int(g.integers(1, 6))):
            canvas.line(
                g.uniform(-10, 138, 2), g.uniform(-10, 138, 2), g.choice([0.7, 1, 2, 4, 8]), g.uniform(0.2, 1)
            )
    return canvas


def noise(shape: tuple[int, int], knots: float, g: np.random.Generator) -> np.ndarray:
    """Smooth noise with about so many pixels between its knots: float32, standard deviation about 1."""
    small = g.standard_normal([max(2, int(n / knots) + 2) for n in shape], np.float32)
    return cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC)


def paper(shape: tuple[int, int], g: np.random.Generator) -> np.ndarray:
    """Paper without writing: float32 (H, W), about 1 where it is bare and less where something is printed on it."""
    tone = np.ones(shape, np.float32)
    if g.random() < 0.6:
        tone += noise(shape, g.uniform(2, 8), g) * g.uniform(0, 0.06)
    if g.random() < 0.3:
        tone += noise(shape, g.uniform(10, 60), g) * g.uniform(0, 0.08)
    kind = g.random()
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    depth = float(g.uniform(0.04, 0.35))
    if kind < 0.2:  # lines of security print: waves, one family or two that cross
        for _ in range(int(g.integers(1, 4))):
            turn, period = g.uniform(0, np.pi), g.uniform(3.5, 16)
            bent = noise(shape, g.uniform(20, 60), g) * g.uniform(0, 14)
            phase = (x * np.cos(turn) + y * np.sin(turn) + bent) / period
            line = np.abs((phase + g.uniform()) % 1 - 0.5) * period
            tone -= depth * np.clip(g.uniform(0.7, 1.6) - line, 0, 1)
    elif kind < 0.32:  # a weave or a raster
        turn, period = g.choice([0.0, np.pi / 4, g.uniform(0, np.pi)]), g.uniform(2.2, 7)
        a = np.sin((x * np.cos(turn) + y * np.sin(turn)) * 2 * np.pi / period)
        b = np.sin((y * np.cos(turn) - x * np.sin(turn)) * 2 * np.pi / period)
        tone -= depth * 0.6 * (np.clip(a * b * 2, -1, 1) if g.random() < 0.5 else np.maximum(a, b))
        if g.random() < 0.5:
            tone += noise(shape, 2.5, g) * depth * 0.4
    elif kind < 0.47:  # ruled or squared
        step, turn = g.uniform(7, 50), g.normal(0, 0.02)
        line = np.abs(((y + np.tan(turn) * x) / step + g.uniform()) % 1 - 0.5) * step
        tone -= depth * 1.6 * np.clip(g.uniform(0.6, 1.4) - line, 0, 1)
        if g.random() < 0.5:
            line = np.abs(((x - np.tan(turn) * y) / step + g.uniform()) % 1 - 0.5) * step
            tone -= depth * 1.6 * np.clip(g.uniform(0.6, 1.4) - line, 0, 1)
    elif kind < 0.52:  # dotted rules
        line, beat = np.abs((y / g.uniform(20, 60) + g.uniform()) % 1 - 0.5) * 40, g.uniform(3, 7)
        tone -= depth * 1.6 * np.clip(1.2 - line, 0, 1) * (np.sin(x * 2 * np.pi / beat) > 0)
    elif kind < 0.57:  # what stands on the other side shines through
        tone -= depth * 0.5 * np.clip(noise(shape, g.uniform(6, 14), g) - 0.6, 0, 1)
    return tone


def lit(picture: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """The picture in uneven light, with shadows, or with the paper's edge and what lies beyond."""
    h, w = picture.shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    turn = g.uniform(0, 2 * np.pi)
    along = (x - w / 2) * np.cos(turn) + (y - h / 2) * np.sin(turn)
    if g.random() < 0.5:
        picture = picture * (1 + g.uniform(-0.5, 0.5) * along / max(h, w))
    if g.random() < 0.15:
        edge = 1 / (
            1 + np.exp(np.clip(-(along - g.uniform(-0.4, 0.4) * h) / g.choice([1.0, 4.0, 20.0]), -30, 30))
        )
        picture = picture * (1 - g.uniform(0.15, 0.65) * edge)
    if g.random() < 0.07:  # beyond the paper: a table, dark or bright, plain or grained
        beyond = along > g.uniform(0.25, 0.5) * h
        table_tone = g.uniform(0.05, 1.2) + noise((h, w), g.uniform(3, 30), g) * g.uniform(0, 0.12)
        picture = np.where(beyond, table_tone, picture)
    return picture


def seen(picture: np.ndarray, sizes: Sequence[float], g: np.random.Generator) -> np.ndarray:
    """The picture as a camera or scanner gives it: float32 in, uint8 out; of any contrast, dark on light or not.

    sizes: pixels of what is written in it. Low writing is that of a larger picture made small, which has little noise
    and is sharp.
    """
    h, w = picture.shape
    least, usual = (min(sizes), float(np.median(sizes))) if sizes else (20.0, 20.0)
    how, made_small = g.random(), usual < LEAST
    if how < 0.35:  # out of focus, sometimes as far as what is written can bear
        most = min(max(1.7, 0.1 * usual) if g.random() < 0.3 else 1.7, 0.15 * usual)
        picture = cv2.GaussianBlur(picture, (0, 0), float(g.uniform(0.2, max(most, 0.3))))
    elif how < 0.42 and not made_small:
        length, turn = int(g.integers(3, 7)), g.uniform(0, np.pi)
        kernel = np.zeros((9, 9), np.float32)
        dx, dy = length / 2 * np.cos(turn), length / 2 * np.sin(turn)
        cv2.line(kernel, (round(4 - dx), round(4 - dy)), (round(4 + dx), round(4 + dy)), 1.0, 1)
        picture = cv2.filter2D(picture, -1, kernel / kernel.sum())
    if g.random() < 0.22 and not made_small:  # few pixels, made many again
        times = max(1.05, min(g.uniform(1.2, 2.6), least / 10))
        small = cv2.resize(picture, (round(w / times), round(h / times)), interpolation=cv2.INTER_AREA)
        if g.random() < 0.25:
            small = (small > (small.mean() + small.min()) / 2).astype(np.float32)
        way = g.choice([cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC])
        picture = cv2.resize(small, (w, h), interpolation=int(way))
    if g.random() < 0.5:
        grain = g.uniform(0, 0.1) * g.random() * min(1, usual / LEAST)
        picture = picture + g.standard_normal((h, w), np.float32) * grain
    if g.random() < 0.05:  # black and white, as a fax
        picture = (picture > cv2.GaussianBlur(picture, (0, 0), 12) - g.uniform(0.05, 0.2)).astype(np.float32)
    low, high = picture.min(), picture.max()
    if g.random() < 0.25:
        picture = (picture - low) / max(float(high - low), 1e-3)
    top = g.uniform(90, 255)
    grey = np.clip(picture * top, 0, 255)
    if g.random() < 0.28:
        grey = 255 - grey
        if g.random() < 0.4:
            grey = np.clip((grey - grey.min()) * g.uniform(0.3, 2), 0, 255)
    image = grey.astype(np.uint8)
    if g.random() < 0.35 and not made_small:
        _, code = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(g.integers(25, 92))])
        image = np.asarray(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE))
    return image


def legible(image: np.ndarray, ink: np.ndarray, box: tuple[float, float, float, float]) -> bool:
    """Whether the ink within a box can be seen in the picture: how well the two correlate, and how far they differ."""
    x, y, w, h = (int(v) for v in box)
    where = np.s_[max(y - 2, 0) : max(y + h + 2, 0), max(x - 2, 0) : max(x + w + 2, 0)]
    tone, cover = image[where].astype(np.float32), ink[where]
    if not tone.size:
        return False
    tone, cover = tone - tone.mean(), cover - cover.mean()
    both, spread = float((tone * cover).mean()), float((cover * cover).mean()) + 1e-6
    return (
        abs(both) > LEGIBLE * np.sqrt(spread * float((tone * tone).mean()) + 1e-6)
        and abs(both) / spread > LEAST_TONES
    )


LAYOUTS: tuple[tuple[Callable[[Glyphs, np.random.Generator], Canvas], float], ...] = (
    (page, 0.33),
    (table, 0.23),
    (close, 0.27),
    (clutter, 0.1),
    (low, 0.07),
)


def scene(glyphs: Glyphs, g: np.random.Generator, shape: tuple[int, int] = STRIP) -> Scene:
    """A scene of STRIP's or SQUARE's shape."""
    if shape == STRIP:
        canvas = strip(glyphs, g)
    else:
        layouts, odds = zip(*LAYOUTS, strict=True)
        canvas = layouts[g.choice(len(layouts), p=odds)](glyphs, g)
    cover, writing, ink, owner = canvas.cover, canvas.writing, canvas.ink, canvas.owner
    if g.random() < 0.25:  # pencil: ink that lets the paper's grain through
        cover = cover * np.clip(1 - np.abs(noise(shape, g.uniform(1.5, 3), g)) * g.uniform(0.1, 0.6), 0, 1)
    contrast = float(np.exp(g.uniform(np.log(0.12), 0))) if g.random() < 0.5 else g.uniform(0.55, 1)
    picture = paper(shape, g)
    picture = picture * (1 - contrast * cover)
    picture = lit(picture, g)
    frame = [0, 0, 0, 0]
    if g.random() < 0.3:  # the picture ends here; what was beyond is filled with its last pixels
        frame = [
            int(g.integers(0, 1 + n // 4)) if g.random() < 0.5 else 0
            for n in (shape[0], shape[0], shape[1], shape[1])
        ]
    t, b, x0, r = frame
    sizes = [size for label, _, size, _ in canvas.items if label < CLASSES]
    sizes += [height for *_, height in canvas.small]
    image = seen(picture[t : shape[0] - b, x0 : shape[1] - r].astype(np.float32), sizes, g)
    if any(frame):
        image = cv2.copyMakeBorder(image, t, b, x0, r, cv2.BORDER_REPLICATE)
        keep = np.zeros(shape, bool)
        keep[t : shape[0] - b, x0 : shape[1] - r] = True
        ink, writing = np.where(keep, ink, 0), np.where(keep, writing, 0)
        owner = np.where(keep, owner, -1).astype(np.int16)
    items = canvas.items
    boxes = np.array([box for _, box, _, _ in items], np.float32).reshape(-1, 4)
    visible = np.array([share for *_, share in items], np.float32)
    if any(frame) and len(items):
        low = np.maximum(boxes[:, :2], (x0, t))
        high = np.minimum(boxes[:, :2] + boxes[:, 2:], (shape[1] - r, shape[0] - b))
        inside = np.maximum(high - low, 0)
        visible = visible * (inside.prod(1) / np.maximum(boxes[:, 2:].prod(1), 1))
        boxes = np.concatenate([low, np.maximum(inside, 1)], 1).astype(np.float32)
    for i, (label, box, *_) in enumerate(items):
        if label < CLASSES and visible[i] >= VISIBLE and not legible(image, ink, box):
            visible[i] = 0
    following = np.full(len(items), -1, np.int64)
    for one, other in canvas.following.items():
        following[one] = other
    return Scene(
        image,
        np.array([label for label, *_ in items], np.uint8),
        boxes,
        np.array([size for _, _, size, _ in items], np.float32),
        visible.astype(np.float32),
        following,
        np.round(ink * 255).astype(np.uint8),
        owner,
        np.round(writing * 255).astype(np.uint8),
        np.array([box for box in canvas.small if legible(image, writing, box)], np.float32).reshape(-1, 4),
    )
