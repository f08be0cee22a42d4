"""The files of UNIPEN, pendigits and Omniglot as their publishers give them, read as strokes with who wrote them.

UNIPEN 1.0 (I. Guyon et al., ICPR 1994): a file of `data/` names its ink by `.INCLUDE` and labels parts of it by
`.SEGMENT`; a part is a list of components, each of them what lies between two of `.PEN_DOWN` and `.PEN_UP`.
"""

import functools
import hashlib
import io
import lzma
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import cv2
import numpy as np

from shuzi.errors import ShuziError
from shuzi.files import read_bytes

CATEGORIES = ("1a", "1b", "1c", "1d")  # isolated digits, capitals, small letters, signs
VERSION = 2  # of what is made of the files
# In Unicode's private use area: a single stroke, and the first of Omniglot's letters.
STROKE, OTHER = 0xE000, 0xE001
UNIPEN, PENDIGITS, OMNIGLOT = "UNIPEN", "pendigits-orig.tra", "Omniglot's strokes_background*.zip"
SEGMENT = re.compile(r'\S+\s+([\d:,\- \t]+?)\s+(?:OK|BAD|LABELED|\?)?\s*"(.*)"', re.DOTALL)
NUMBERS = re.compile(r"^[ \t]*[-+\d.]+(?:[ \t]+[-+\d.]+)*", re.MULTILINE)  # at the start of a line
DENSITY = 40  # points along a path as long as a glyph's larger side
SMOOTH = 0.7, 1.2  # standard deviation of smoothing, in points: at least, and of one step of a coarse tablet
EXACT = 0.004  # of a glyph's larger side: how far a straight piece may leave the path
CAPITALS, TALL = "ABDEFGHIKLMNPRTUVXYZ", "bdfhklt"
SMALL = "aceimnorsuvwxz"
X_HEIGHT = 0.62  # of small letters, as a share of the height of digits

Strokes = list[np.ndarray]


@dataclass(frozen=True)
class Found:
    """The files in a folder. unipen: the folder that holds `data` and `include`."""

    unipen: Path | None
    pendigits: Path | None
    omniglot: tuple[Path, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """What isn't there."""
        there = {UNIPEN: self.unipen, PENDIGITS: self.pendigits, OMNIGLOT: self.omniglot}
        return tuple(name for name, path in there.items() if not path)

    @property
    def key(self) -> str:
        """Sixteen hexadecimal digits that change with the files' names and sizes, and with what is made of them."""
        files = [*_all(self.unipen), *self.omniglot, self.pendigits]
        listing = "".join(f"{path.name} {path.stat().st_size}\n" for path in files if path is not None)
        return hashlib.sha256(f"{VERSION}\n{listing}".encode()).hexdigest()[:16]


@dataclass
class Read:
    """What was read, glyph by glyph. sizes: larger sides, as shares of the height of their writer's digits."""

    glyphs: list[Strokes] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    writers: list[str] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)
    sha256: str = ""

    def add(self, glyphs: list[tuple[str, Strokes]], writer: str) -> None:
        """Add what one writer wrote on one tablet, sign by sign."""
        height = _height(glyphs)
        for label, strokes in glyphs:
            every = np.concatenate(strokes)
            larger = max(float(np.ptp(every, axis=0).max()), height / 50, 1e-6)  # a point is one sample
            self.glyphs.append(smoothed([(stroke - every.min(0)) / larger for stroke in strokes], 1 / larger))
            self.labels.append(label)
            self.writers.append(writer)
            self.sizes.append(larger / height)


def find(root: Path) -> Found:
    """Find the files below a folder, at most three levels deep."""
    places = [path for depth in ("", "*/", "*/*/") for path in sorted(root.glob(f"{depth}data/1a"))]
    pendigits = [path for name in ("", ".Z", ".xz") for path in sorted(root.glob(f"**/{PENDIGITS}{name}"))]
    omniglot = sorted(root.glob("**/*strokes_background*.zip"))
    return Found(places[0].parents[1] if places else None, pendigits[0] if pendigits else None, tuple(omniglot))


def read(found: Found) -> Read:
    """Read all files. Raises ShuziError if one is damaged."""
    into, digest = Read(), hashlib.sha256()
    assert found.unipen is not None
    assert found.pendigits is not None
    for path in [*_all(found.unipen), found.pendigits, *found.omniglot]:
        digest.update(f"{hashlib.sha256(read_bytes(path)).hexdigest()}  {path.name}\n".encode())
    letters: dict[str, str] = {}
    omniglot = (omniglot_glyphs(path, letters) for path in found.omniglot)
    for writer, glyphs in chain(unipen_glyphs(found.unipen), pendigits_glyphs(found.pendigits), *omniglot):
        into.add(glyphs, writer)
    into.sha256 = digest.hexdigest()
    return into


def _all(folder: Path | None) -> list[Path]:
    """Return the files of UNIPEN that count, in the order of their names."""
    if folder is None:
        return []
    places = [*(folder / "data" / category for category in CATEGORIES), folder / "include"]
    return [path for place in places for path in sorted(place.rglob("*")) if path.is_file()]


def unipen_glyphs(folder: Path) -> Iterator[tuple[str, list[tuple[str, Strokes]]]]:
    """Yield a writer and what is labelled, of the files of all categories that label the same ink."""
    files: defaultdict[Path, list[Path]] = defaultdict(list)
    for category in CATEGORIES:
        for path in sorted((folder / "data" / category).rglob("*.dat")):
            files[path.relative_to(folder / "data" / category)].append(path)
    blocks = functools.lru_cache(maxsize=16)(_blocks)
    for name, paths in files.items():
        glyphs, writer = [], ""
        for path in paths:
            ink = _Ink()
            ink.take(path, folder / "include", blocks)
            writer = f"{name.parts[0]}/{ink.writer or name.stem}"
            glyphs += ink.glyphs()
        yield writer, glyphs


class _Ink:
    """The components of a file and of those that it includes, and its segments."""

    def __init__(self) -> None:
        self.columns, self.scale = ["X", "Y"], np.ones(2)
        self.components: list[tuple[np.ndarray, bool]] = []  # points, and whether the pen was down
        self.segments: list[tuple[str, str]] = []  # a list of components, and a label
        self.writer = ""

    def take(self, path: Path, includes: Path, blocks: "functools._lru_cache_wrapper[list[tuple[str, str]]]") -> None:
        """Take in a file."""
        for keyword, body in blocks(path):
            if keyword == "INCLUDE":
                self.take(_included(includes, body.strip(), path), includes, blocks)
            elif keyword == "COORD":
                self.columns = body.upper().split()
            elif keyword == "WRITER_ID":
                self.writer = body.strip().split("\n")[0].strip()
            elif keyword[1:] in ("_POINTS_PER_INCH", "_POINTS_PER_MM"):
                self.scale["XY".index(keyword[0])] = 1 / float(body.split()[0])
            elif keyword in ("PEN_DOWN", "PEN_UP"):
                points = self._points(body)
                if len(points):  # components without a point do not count
                    self.components.append((points, keyword == "PEN_DOWN"))
            elif keyword == "SEGMENT" and (match := SEGMENT.match(body.strip())):
                # "\@" labels a stroke that is no character, such as the dot of an i
                label = chr(STROKE) if match[2] == r"\@" else re.sub(r"\\(.)", r"\1", match[2])
                self.segments.append((match[1], label))

    def _points(self, body: str) -> np.ndarray:
        """Parse lines of coordinates: float64 (P, 2), y down."""
        width = len(self.columns)
        try:
            table = np.array(body.split(), np.float64).reshape(-1, width)
        except ValueError:  # a line with too few or too many values, or a remark
            lines = [match[0].split() for match in NUMBERS.finditer(body)]
            rows = [line[:width] for line in lines if len(line) >= width]
            table = np.array(rows, np.float64).reshape(-1, width)
        xy = table[:, [self.columns.index("X"), self.columns.index("Y")]]
        return xy * self.scale / self.scale[0] * (1, -1)

    def glyphs(self) -> list[tuple[str, Strokes]]:
        """Return the labelled glyphs, those without ink left out."""
        found = [(label, self._strokes(where)) for where, label in self.segments]
        return [(label, strokes) for label, strokes in found if strokes and len(label) == 1]

    def _strokes(self, where: str) -> Strokes:
        """Return the strokes of a delineation such as 3, 0-4, 2:5-3:9, or several of them after commas."""
        strokes = []
        for piece in filter(None, re.split(r"[,\s]+", where)):
            first, _, last = piece.partition("-")
            start, since = _place(first)
            end, until = _place(last) if last else (start, None)
            for number, (points, down) in enumerate(self.components[start : end + 1], start):
                low = since if number == start else 0
                high = until + 1 if until is not None and number == end else None
                if down and len(points[low:high]):
                    strokes.append(points[low:high])
        return strokes


def _place(text: str) -> tuple[int, int | None]:
    """Parse component:point."""
    component, _, point = text.partition(":")
    return int(component), int(point) if point else None


def _blocks(path: Path) -> list[tuple[str, str]]:
    """Split a file into keywords and what follows them."""
    text = read_bytes(path).decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")
    blocks = re.split(r"(?:^|\n)[ \t]*\.(?=[A-Z])", text)
    split = [re.split(r"\s+", block, maxsplit=1) for block in blocks]
    return [(each[0], each[1] if len(each) > 1 else "") for each in split]


def _included(folder: Path, name: str, by: Path) -> Path:
    """Return an included file, whatever its name's case. Raises ShuziError if it is missing."""
    path = folder / name
    if path.is_file():
        return path
    for part in Path(name).parts:
        folder = next((each for each in folder.glob("*") if each.name.lower() == part.lower()), folder / part)
    if not folder.is_file():
        raise ShuziError(f"{by}: includes {name}, which is missing. Unpack the whole archive again")
    return folder


def pendigits_glyphs(path: Path) -> Iterator[tuple[str, list[tuple[str, Strokes]]]]:
    """Yield each writer of pendigits and the digits written, from the file as it is, .Z or .xz."""
    expand: dict[str, Callable[[bytes], bytes]] = {".xz": lzma.decompress, ".Z": uncompressed}
    data = expand.get(path.suffix, bytes)(read_bytes(path))
    written: defaultdict[str, list[tuple[str, Strokes]]] = defaultdict(list)
    for segment in re.split(r"\n\.SEGMENT ", data.decode("latin-1"))[1:]:
        label, writer = re.search(r'"(\d)"', segment), re.search(r"\.COMMENT +\d+ +(\d+)", segment)
        strokes = [
            np.array(block.split("\n.")[0].split(), np.float64).reshape(-1, 2) * (1, -1)
            for block in segment.split(".PEN_DOWN\n")[1:]
        ]
        strokes = [stroke for stroke in strokes if len(stroke)]
        if label and writer and strokes:
            written[f"pendigits/{writer[1]}"].append((label[1], strokes))
    yield from written.items()


def omniglot_glyphs(path: Path, letters: dict[str, str]) -> Iterator[tuple[str, list[tuple[str, Strokes]]]]:
    """Yield who drew letters of Omniglot, and these. letters: a label for each name so far, which grows."""
    written: defaultdict[str, list[tuple[str, Strokes]]] = defaultdict(list)
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            match = re.search(r"([^/]+/character\d+)/\d+_(\d+)\.txt$", name)
            if not match or "__MACOSX" in name:
                continue
            label = letters.setdefault(match[1], chr(OTHER + len(letters)))
            text = archive.read(name).decode("latin-1").replace("START", "")
            strokes = [
                np.array([line.split(",")[:2] for line in stroke.split()], np.float64) * (1, -1)
                for stroke in text.split("BREAK") if stroke.split()
            ]  # fmt: skip
            if strokes:
                written[f"omniglot/{match[1].partition('/')[0]}/{match[2]}"].append((label, strokes))
    yield from written.items()


def _height(glyphs: list[tuple[str, Strokes]]) -> float:
    """Estimate how high digits are by the hand that wrote these: by digits, else capitals, else letters."""
    heights: defaultdict[str, list[float]] = defaultdict(list)
    for label, strokes in glyphs:
        kind = "digit" if label.isdigit() else "tall" if label in CAPITALS + TALL else ""
        if label in SMALL:
            kind = "small"
        heights[kind].append(float(np.ptp(np.concatenate(strokes)[:, 1])))
    for kind, share in (("digit", 1.0), ("tall", 1.0), ("small", X_HEIGHT), ("", 1.0)):
        if (middle := float(np.median(heights[kind] or [0.0]))) > 0:
            return middle / share
    return 1.0


def smoothed(strokes: Strokes, step: float) -> Strokes:
    """Resample strokes evenly along their path, smooth what a coarse tablet left, and keep the points that matter.

    strokes: (P, 2) each, in shares of the glyph's larger side; step: of the tablet, in the same.
    """
    sigma = max(SMOOTH[0], SMOOTH[1] * step * DENSITY)
    even = []
    for stroke in strokes:
        along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(stroke, axis=0).T))])
        count = max(2, round(along[-1] * DENSITY) + 1)
        at = np.linspace(0, along[-1], count)
        path = np.stack([np.interp(at, along, stroke[:, axis]) for axis in (0, 1)], 1)
        if count > 3:
            reach = min(int(3 * sigma) + 1, count - 1)
            padded = np.concatenate([2 * path[0] - path[reach:0:-1], path, 2 * path[-1] - path[-2 : -reach - 2 : -1]])
            path = cv2.GaussianBlur(padded, (1, 2 * reach + 1), sigma)[reach:-reach]
        even.append(cv2.approxPolyDP(path.astype(np.float32)[:, None], EXACT, False)[:, 0])
    return even


def uncompressed(data: bytes) -> bytes:
    """Expand a .Z file of Unix's `compress` (LZW, T. Welch 1984). Raises ShuziError if it is none."""
    if data[:2] != b"\x1f\x9d":
        raise ShuziError("not a .Z file. Download it again")
    most, clears = data[2] & 31, bool(data[2] & 128)
    table = [bytes([value]) for value in range(256)] + [b""] * clears
    packed, bits, before, out = io.BytesIO(data[3:]), 9, b"", []
    while group := packed.read(bits):  # eight codes of so many bits; what is left of a group is skipped
        codes = int.from_bytes(group, "little")
        for place in range(0, 8 * len(group) - bits + 1, bits):
            code = codes >> place & (1 << bits) - 1
            if clears and code == 256:
                del table[257:]
                bits, before = 9, b""
                break
            if code > len(table):
                raise ShuziError("a damaged .Z file. Download it again")
            entry = table[code] if code < len(table) else before + before[:1]
            out.append(entry)
            if before and len(table) < 1 << most:
                table.append(before + entry[:1])
            before = entry
            if len(table) == 1 << bits and bits < most:
                bits += 1
                break
    return b"".join(out)
