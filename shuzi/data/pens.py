"""Pen trajectories of real writers: how hundreds of people write digits, letters and signs.

They come from UNIPEN train_r01_v07 (I. Guyon et al. 1994), pendigits (E. Alpaydin and F. Alimoglu 1998) and Omniglot
(B. Lake et al. 2015), whose original files `unipen` reads. A compact copy is kept in the user's cache folder.
"""

import functools
import hashlib
import io
import itertools
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from shuzi.data import sources, unipen
from shuzi.errors import ShuziError
from shuzi.files import read_bytes, write_whole

NAME = "unipen"  # of the dataset, as `shuzi data` has it
UNIT = 1000  # a glyph's larger side in the compact copy
SOURCES = ("UNIPEN", "pendigits", "Omniglot")
HELD_OUT = 10  # one writer in ten is for evaluation only
LEAST_DIGITS = 4  # different digits that a writer must have written to be a hand
MISSING = (
    "{folder}: no {missing} there. Download unipen-CDROM-train_r01_v07.tgz (doi.org/10.5281/zenodo.1195803, CC BY 4.0; "
    "the notice inside allows research) and unpack it, pendigits-orig.tra.Z (UCI Machine Learning Repository 81, "
    "CC BY 4.0) and strokes_background.zip (github.com/brendenlake/omniglot, python/, MIT) into one folder, then run: "
    "shuzi data unipen --root FOLDER"
)


@dataclass(frozen=True, eq=False)
class Pens:
    """Glyphs as strokes, with who wrote them.

    Attributes:
        points: int16 (P, 2), x to the right and y down; a glyph's larger side is UNIT long.
        strokes: int32 (S + 1,), where each stroke begins among the points.
        glyphs: int32 (N + 1,), where each glyph begins among the strokes.
        labels: uint32 (N,), the character written, or `unipen.STROKE`; of Omniglot's letters from `unipen.OTHER` on.
        sizes: float32 (N,), a glyph's larger side as a share of the height of its writer's digits.
        writers: int16 (N,), indices into names.
        names: str (W,), of the writers, each with its source.
        sha256: of the files that they were read from.
    """

    points: np.ndarray
    strokes: np.ndarray
    glyphs: np.ndarray
    labels: np.ndarray
    sizes: np.ndarray
    writers: np.ndarray
    names: np.ndarray
    sha256: str

    def __len__(self) -> int:
        return len(self.labels)

    def glyph(self, index: int) -> list[np.ndarray]:
        """Return a glyph's strokes, float64 (P, 2) each, in shares of its larger side."""
        bounds = self.strokes[self.glyphs[index] : self.glyphs[index + 1] + 1]
        return [self.points[a:b] / UNIT for a, b in itertools.pairwise(bounds)]

    @functools.cached_property
    def written(self) -> list[dict[str, np.ndarray]]:
        """The glyphs of each writer by character: indices."""
        each: list[defaultdict[str, list[int]]] = [defaultdict(list) for _ in self.names]
        for index, (writer, label) in enumerate(zip(self.writers.tolist(), self.labels.tolist(), strict=True)):
            each[writer][chr(label)].append(index)
        return [{label: np.array(indices) for label, indices in own.items()} for own in each]

    @functools.cached_property
    def slants(self) -> np.ndarray:
        """How far each writer leans to the right beyond the mean, in widths to a height: float64 (W,)."""
        leans = np.zeros(len(self))
        for index in range(len(self)):
            points = self.points[self.strokes[self.glyphs[index]] : self.strokes[self.glyphs[index + 1]]]
            x, y = (points - points.mean(0)).T.astype(float)
            leans[index] = -(x @ y) / max(float(y @ y), 1.0)
        usual = np.bincount(self.labels, leans) / np.maximum(np.bincount(self.labels), 1)
        beyond = np.clip(leans - usual[self.labels], -1, 1)
        glyphs = (self.writers == w for w in range(len(self.names)))
        return np.array([np.median(beyond[own]) if own.any() else 0.0 for own in glyphs])

    def counts(self) -> dict[str, dict[str, int]]:
        """Count digits, letters and other signs, and writers, of each source."""
        source = np.array([name.partition("/")[0] for name in self.names.tolist()])[self.writers]
        digit = (self.labels >= ord("0")) & (self.labels <= ord("9"))
        alphabetic = [chr(label).isalpha() or label >= unipen.OTHER for label in range(unipen.OTHER + 1)]
        letter = np.array(alphabetic)[np.minimum(self.labels, unipen.OTHER)]
        kinds = {"digits": digit, "letters": letter, "signs": ~digit & ~letter}
        pendigits, omniglot = source == "pendigits", source == "omniglot"
        counts = {}
        for name, own in zip(SOURCES, (~pendigits & ~omniglot, pendigits, omniglot), strict=True):
            names = self.names[np.unique(self.writers[own])].tolist()
            counts[name] = {kind: int((own & of).sum()) for kind, of in kinds.items()}
            counts[name] |= {"writers": len(names), "held out": sum(map(is_held_out, names))}
        return counts

    def part(self, held_out: bool) -> "Pens":
        """Return the glyphs of writers who are held out, or those of all others; names stay."""
        out = np.array([is_held_out(name) for name in self.names.tolist()])
        kept = out[self.writers] == held_out
        lengths, counts = np.diff(self.strokes), np.diff(self.glyphs)
        strokes = np.repeat(kept, counts)
        return replace(
            self,
            points=self.points[np.repeat(strokes, lengths)],
            strokes=_starts(lengths[strokes]),
            glyphs=_starts(counts[kept]),
            labels=self.labels[kept],
            sizes=self.sizes[kept],
            writers=self.writers[kept],
        )


def _starts(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)


def is_held_out(name: str) -> bool:
    """Tell whether a writer is for evaluation only."""
    return hashlib.sha256(name.encode()).digest()[0] % HELD_OUT == 0


def load(root: Path | None = None) -> Pens:
    """Load all pens: from the compact copy in the cache, which is made again if the publishers' files are others.

    root: folder with the publishers' files; default: SHUZI_DATA.

    Raises:
        ShuziError: neither the folder nor the cache has them; the sentence says what to download.
    """
    from platformdirs import user_cache_path

    cache, root = user_cache_path("shuzi", appauthor=False) / "pens", sources.resolve_root(root)
    found = unipen.find(root) if root is not None else None
    if found is not None and not found.missing:
        copy = cache / f"{found.key}.npz"
        if not copy.is_file():
            write_whole(copy, _packed(unipen.read(found)))
        return _unpacked(copy)
    copies = sorted(cache.glob("*.npz"), key=lambda path: path.stat().st_mtime)
    if not copies or (found is not None and len(found.missing) < len(SOURCES)):
        missing = ", ".join(found.missing) if found is not None else "UNIPEN"
        raise ShuziError(MISSING.format(folder=root or cache, missing=missing))
    return _unpacked(copies[-1])


def _packed(read: "unipen.Read") -> bytes:
    """Pack glyphs into the bytes of an npz file."""
    lengths = [len(stroke) for glyph in read.glyphs for stroke in glyph]
    names, writers = np.unique(read.writers, return_inverse=True)
    packed = io.BytesIO()
    np.savez_compressed(
        packed,
        points=np.concatenate([np.round(stroke * UNIT) for glyph in read.glyphs for stroke in glyph]).astype(np.int16),
        strokes=_starts(np.array(lengths)),
        glyphs=_starts(np.array([len(glyph) for glyph in read.glyphs])),
        labels=np.array([ord(label) for label in read.labels], np.uint32),
        sizes=np.array(read.sizes, np.float32),
        writers=writers.astype(np.int16),
        names=names,
        sha256=np.array(read.sha256),
    )
    return packed.getvalue()


def _unpacked(path: Path) -> Pens:
    """Unpack a compact copy. Raises ShuziError if it is damaged."""
    data = io.BytesIO(read_bytes(path))
    try:
        with np.load(data) as arrays:
            return Pens(
                **{name: arrays[name] for name in arrays.files if name != "sha256"}, sha256=str(arrays["sha256"])
            )
    except Exception as error:  # numpy and zipfile raise several kinds
        raise ShuziError(f"{path}: damaged ({error}). Delete it, and run: shuzi data unipen --root FOLDER") from error
