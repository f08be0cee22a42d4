"""Tiny files in the formats of UNIPEN, pendigits and Omniglot, written here."""

import zipfile
from pathlib import Path

import numpy as np

from shuzi.data.pens import is_held_out

WRITERS = ("anna", "bo", "chi", next(name for name in map(str, range(99)) if is_held_out(f"tst/{name}")))
CHARACTERS = "0123456789ABCDEabcde.,-/:+()"
DOC = ".VERSION 1.0\n.COORD X Y T\n.X_POINTS_PER_INCH 100\n.Y_POINTS_PER_INCH 200\n"


def stroke(g: np.random.Generator) -> np.ndarray:
    """Draw a stroke (P, 2), whole numbers, y up."""
    knots = g.integers(0, 40, (4, 2)) + np.array([0, 100])
    t = np.linspace(0, 3, 25)
    return np.rint(np.stack([np.interp(t, range(4), knots[:, axis]) for axis in (0, 1)], 1)).astype(int)


def write_unipen(folder: Path, writer: str) -> None:
    """Write all characters of one writer as two components with a pen-up between them, and an empty one before."""
    g, ink, digits, others = np.random.default_rng(len(writer)), [], [], []
    number = 0
    for character in CHARACTERS:
        ink.append(".PEN_DOWN\n.PEN_UP")  # components without a point do not count
        for down in ("PEN_DOWN", "PEN_UP", "PEN_DOWN"):
            points = "\n".join(f"{x} {2 * y} {t}" for t, (x, y) in enumerate(stroke(g)))
            ink.append(f".{down}\n{points}")
        (digits if character.isdigit() else others).append(f'.SEGMENT CHARACTER {number}-{number + 2} OK "{character}"')
        number += 3
    files = {
        f"include/tst/{writer}.doc": f"{DOC}.WRITER_ID {writer}\n",
        f"include/tst/data/{writer}.dat": "\n".join(ink) + "\n",
        f"data/1a/tst/{writer}.dat": "\n".join(
            [f".INCLUDE tst/{writer}.doc", f".INCLUDE tst/data/{writer.upper()}.dat", *digits, ""]
        ),
        f"data/1d/tst/{writer}.dat": "\n".join(
            [f".INCLUDE tst/{writer}.doc", f".INCLUDE tst/data/{writer}.dat", *others, ""]
        ),
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="latin-1")


def pendigits() -> str:
    """Give two digits of writer 1 and one of writer 2 in the format of pendigits."""
    lines = [".INCLUDE dene.doc", "", '.LEXICON "0" "1"', ".HIERARCHY DIGIT", ""]
    for label, writer in ((8, 1), (1, 1), (4, 2)):
        lines += [f'.SEGMENT DIGIT    0 ? "{label}"', f".COMMENT {label} {writer}  224", ".PEN_DOWN"]
        lines += [f" {x}  {y}" for x, y in stroke(np.random.default_rng(label))] + [".PEN_UP", ".DT 100", ""]
    return "\n".join(lines)


def write_all(folder: Path) -> Path:
    """Write the files of all three sources into a folder."""
    for writer in WRITERS:
        write_unipen(folder / "unipen", writer)
    (folder / "pendigits-orig.tra").write_text(pendigits())
    with zipfile.ZipFile(folder / "strokes_background_tiny.zip", "w") as archive:
        for letter in (1, 2):
            for drawer in (1, 2):
                points = "\n".join(f"{x},{-y},{t}" for t, (x, y) in enumerate(stroke(np.random.default_rng(letter))))
                text = f"START\n{points}\nBREAK\n{points}\nBREAK\n"
                archive.writestr(f"tiny/Greek/character{letter:02d}/000{letter}_{drawer:02d}.txt", text)
    return folder
