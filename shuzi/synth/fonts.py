"""The fonts on this machine, and text rendered in them."""

import functools
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ImageFont

from shuzi.synth.distributions import Chance
from shuzi.synth.raster import crop_to_ink
from shuzi.synth.tables import table

FOLDERS = ("/usr/share/fonts", "/Library/Fonts", "/System/Library/Fonts", "C:/Windows/Fonts")
PIXELS = 64  # a font's size when it is rendered
HANDWRITTEN = Chance(0.5)  # how often a font that looks handwritten is drawn


@functools.cache
def installed_fonts() -> tuple[Path, ...]:
    """Return the outline fonts on this machine and in SHUZI_FONTS, in the order of their names."""
    folders = [Path(each) for each in (*FOLDERS, *os.environ.get("SHUZI_FONTS", "").split(os.pathsep)) if each]
    files = {
        path.name.lower(): path
        for each in folders
        for end in ("ttf", "otf", "ttc", "woff2")
        for path in each.rglob(f"*.{end}")
    }
    return tuple(files[name] for name in sorted(files))


@functools.cache
def fonts() -> tuple[str, ...]:
    """Return the paths of fonts that have digits and letters and aren't held out."""
    unfit = (*table("fonts")["unfit"], *table("fonts")["held_out"])
    return tuple(str(path) for path in installed_fonts() if not any(word in path.name.lower() for word in unfit))


def held_out_fonts() -> tuple[Path, ...]:
    """Return fonts of handwriting that nothing learns from; empty where they aren't installed."""
    held_out = table("fonts")["held_out"]
    return tuple(path for path in installed_fonts() if any(word in path.name.lower() for word in held_out))


@functools.cache
def handwritten_fonts() -> tuple[str, ...]:
    """Return those of `fonts` that look handwritten; all of `fonts` where there are none."""
    words = table("fonts")["handwritten"]
    return tuple(path for path in fonts() if any(word in path.lower() for word in words)) or fonts()


def clear_caches() -> None:
    """Forget which fonts are installed, so that they are looked for again."""
    for cached in (installed_fonts, fonts, handwritten_fonts):
        cached.cache_clear()


def any_font(g: np.random.Generator) -> str:
    """Draw a font's path; "" where no fonts are installed."""
    paths = handwritten_fonts() if HANDWRITTEN.draw(g) else fonts()
    return paths[g.integers(len(paths))] if paths else ""


@functools.lru_cache(maxsize=512)
def font(path: str) -> ImageFont.FreeTypeFont:
    """Open a font at PIXELS."""
    return ImageFont.truetype(path, PIXELS)


@functools.cache
def has_han(path: str) -> bool:
    """Say whether a font has Chinese characters: whether two of them look different."""
    return bytes(font(path).getmask("数")) != bytes(font(path).getmask("字"))


@dataclass(frozen=True, eq=False)
class Character:
    """A character in a font. Lengths in pixels at PIXELS.

    ink: float32 (h, w), 0..1; above: how far its top lies above the line; left: where its ink begins; advance: where
    the next character begins; digit: the height of the font's zero.
    """

    ink: np.ndarray
    above: float
    left: float
    advance: float
    digit: float


@functools.lru_cache(maxsize=4096)
def character(label: str, path: str) -> Character | None:
    """Render a character; None if the font draws nothing or has no zero."""
    face, zero = font(path), font(path).getbbox("0", anchor="ls")
    left, top = face.getbbox(label, anchor="ls")[:2]
    ink = render_text(label, path)
    if ink is None or zero[3] - zero[1] < 1:
        return None
    return Character(ink, -float(top), float(left), float(face.getlength(label)), float(zero[3] - zero[1]))


def render_text(text: str, path: str) -> np.ndarray | None:
    """Render a text in a font, cropped to its ink: float32 (h, w), 0..1; None if the font draws nothing."""
    mask = font(path).getmask(text, mode="L")
    width, height = mask.size
    if not width or not height:
        return None
    return crop_to_ink(np.array(mask, np.uint8).reshape(height, width).astype(np.float32) / 255)
