"""28x28 to digits with confidence that can be believed, or "not sure"."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from shuzi import display
from shuzi.errors import ShuziError
from shuzi.read import ink as inks
from shuzi.read import layout
from shuzi.read import single as single_digit
from shuzi.read.network import Network, softmax
from shuzi.read.normalise import SIDE
from shuzi.read.picture import Picture, load, zoomed
from shuzi.read.sheet import Sheet, sheet

if TYPE_CHECKING:
    import pyarrow

    from shuzi.read.picture import Source

SHIPPED = Path(__file__).parent / "weights" / "reader.onnx"
LEAST_HEIGHT = 6  # pixels of a page's digit: nobody can read a lower one
CHUNK = 128  # images: so many are read on one core, more on all
RUNS_OUT = 0.4  # how likely ink that runs out of the frame is a digit, beside ink within
# Of a glyph's ink: so much on a sheet's edge makes it that edge. Of what is read on the sheet: so little beside it is
# the table's grain.
ON_RIM, BESIDE = 0.5, 0.25
LIKELY = 0.15  # the weight of ink from which on the network alone decides
THRESHOLD = 0.5  # for networks whose file names none: more likely right than wrong
EXAMPLE = np.random.default_rng(0).integers(
    0, 256, (2, SIDE, SIDE), np.uint8
)  # what every network must answer to
EXPECTED = "images uint8 (N, 28, 28) to logits (N, 10) or (N, 11)"

Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Digit:
    """One digit as read.

    digit: 0..9, or None where the reader is not sure; guess: 0..9, the likeliest whether sure or not;
    confidence: 0..1, that it is a digit and this one; probabilities: float32 (10,), summing to 1, given that it is
    a digit; box: (x, y, width, height) in pixels of the upright picture; image: uint8 (28, 28), what the network saw.
    """

    digit: int | None
    guess: int
    confidence: float
    probabilities: np.ndarray = field(repr=False)
    box: Box
    image: np.ndarray = field(repr=False)

    def __str__(self) -> str:
        return f"{'?' if self.digit is None else self.digit}, {100 * self.confidence:.1f} %"

    def _repr_png_(self) -> bytes:
        return display.digit(self)


@dataclass(frozen=True, eq=False)
class Number:
    """Digits that stand together. line: 0 is the topmost line of the page."""

    digits: tuple[Digit, ...]
    line: int

    @property
    def text(self) -> str:
        """The digits from left to right, '?' for each that the reader is not sure of."""
        return "".join("?" if d.digit is None else str(d.digit) for d in self.digits)

    @property
    def confidence(self) -> float:
        """0..1, that all digits are right."""
        return float(np.prod([d.confidence for d in self.digits]))

    @property
    def box(self) -> Box:
        """The box (x, y, width, height) around all digits, in pixels of the upright picture."""
        x, y = min(d.box[0] for d in self.digits), min(d.box[1] for d in self.digits)
        right = max(d.box[0] + d.box[2] for d in self.digits)
        return x, y, right - x, max(d.box[1] + d.box[3] for d in self.digits) - y

    def __str__(self) -> str:
        return f"{self.text}, {100 * self.confidence:.1f} %"

    def _repr_png_(self) -> bytes:
        return display.number(self)


@dataclass(frozen=True, eq=False)
class Page:
    """What a picture says. numbers: in reading order; size: (width, height) of the upright picture in pixels."""

    numbers: tuple[Number, ...]
    size: tuple[int, int]

    @property
    def text(self) -> str:
        """One line a line of writing, a space between numbers, '?' for a digit the reader is not sure of."""
        lines: dict[int, list[str]] = {}
        for number in self.numbers:
            lines.setdefault(number.line, []).append(number.text)
        return "\n".join(" ".join(texts) for texts in lines.values())

    @property
    def digits(self) -> tuple[Digit, ...]:
        """All digits in reading order."""
        return tuple(digit for number in self.numbers for digit in number.digits)

    def __str__(self) -> str:
        return self.text

    def _repr_png_(self) -> bytes:
        return display.page(self)


class Reader:
    """Reads handwritten digits from pictures; one may serve many threads, be copied, and be sent to other machines.

    path: an ONNX network, `images` uint8 (N, 28, 28) to `logits` float32 (N, 11), the last for "no digit", or
    (N, 10), or a folder that `shuzi export --to hub` wrote; the shipped one by default. threshold: 0..1, below which
    confidence an answer is "not sure"; by default the one recorded in the network. providers: what onnxruntime runs
    it on, such as ["CUDAExecutionProvider"]; by default CUDA where this onnxruntime has it, else the CPU.
    Raises ShuziError when the file is missing, damaged, or no such network, or a provider isn't there.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        threshold: float | None = None,
        providers: Sequence[str] | None = None,
    ) -> None:
        self.path = Path(path) if path is not None else SHIPPED
        if threshold is not None and not 0 <= threshold <= 1:
            raise ShuziError(f"threshold {threshold}: expected a confidence from 0 to 1.")
        network = Network(self.path, EXAMPLE, {"logits": ((2, 10), (2, 11))}, EXPECTED, providers)
        self.temperature = network.number("shuzi.temperature", 1.0, 1e-3, 1e3)
        own = network.number("shuzi.threshold", THRESHOLD, 0.0, 1.0)
        self.threshold = own if threshold is None else threshold
        self.name = network.text("shuzi.name", self.path.stem)
        self._network = network

    @property
    def providers(self) -> list[str]:
        """What it runs on, by onnxruntime's names, the first before the others."""
        return self._network.providers

    def __call__(self, batch: Mapping[str, Any]) -> pyarrow.Table:
        """Read a batch of pictures, as Ray's `map_batches` calls it; arguments as `shuzi.read.parquet.read_batch`."""
        from shuzi.read.parquet import read_batch

        return read_batch(self, batch)

    def scores(self, images: np.ndarray) -> np.ndarray:
        """Calibrated probabilities float32 (N, 11): the ten digits and "no digit", summing to 1.

        images: uint8 (N, 28, 28), 0 is paper and 255 is ink. Raises ShuziError on another type or shape.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
            raise ShuziError(f"images of {images.dtype} {images.shape}: expected uint8 (N, 28, 28).")
        if not len(images):
            return np.zeros((0, 11), np.float32)
        logits = self._logits(images) / np.float32(self.temperature)
        if logits.shape[1] == 10:  # a network that knows no "no digit"
            logits = np.pad(logits, ((0, 0), (0, 1)), constant_values=-np.inf)
        return softmax(logits).astype(np.float32)

    def _logits(self, images: np.ndarray) -> np.ndarray:
        if len(images) <= CHUNK:
            return self._network.run(images)[0]
        chunks = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]
        with ThreadPoolExecutor(min(len(chunks), os.cpu_count() or 1)) as pool:
            return np.concatenate(list(pool.map(self._logits, chunks)))

    def classify(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What digit each 28x28 is, and whether it is one at all.

        images: uint8 (N, 28, 28), 0 is paper and 255 is ink. Returns float32 (N, 10), the digits' probabilities
        given that it is a digit, and bool (N,), whether it is one with a probability that reaches the threshold.
        """
        scores = self.scores(images)
        return given_digit(scores), any_digit(scores) >= self.threshold

    def _digit(self, image: np.ndarray, score: np.ndarray, box: Box) -> Digit:
        guess = int(score[:10].argmax())
        confidence = float(score[guess])
        digit = guess if confidence >= self.threshold else None
        return Digit(digit, guess, confidence, given_digit(score[None])[0], box, image)

    def read(self, source: Source, *, single: bool = False) -> Page:
        """The digits of a picture.

        source: a path, the bytes of a file, a Pillow image, or an array uint8 (H, W), (H, W, 3) RGB or (H, W, 4).
        single: the whole picture is one digit. Raises ShuziError on what is no picture.
        """
        picture = load(source)
        return self._single(picture) if single else self._page(picture)

    def _single(self, picture: Picture) -> Page:
        options = single_digit.candidates(picture.pixels)
        if not options:
            blank = np.zeros((SIDE, SIDE), np.uint8)
            nothing = np.eye(11, dtype=np.float32)[10]
            return Page((Number((self._digit(blank, nothing, (0, 0, *picture.size)),), 0),), picture.size)
        scores = self.scores(np.stack([option.image for option in options]))
        # what runs out of the frame without filling it is more likely an edge or a shadow than a digit
        for score, option in zip(scores, options, strict=True):
            if not option.whole:
                _lower(score, RUNS_OUT)
        weights = np.array([option.weight for option in options]) + 1e-9
        best = int(np.argmax(scores[:, :10].max(1) * (weights / weights.max()) ** 0.5))
        if weights[best] < LIKELY:  # nothing in the picture looks like a pen's: a blank one
            _lower(scores[best], weights[best] / LIKELY)
        box = _scaled(options[best].box, picture.scale)
        return Page((Number((self._digit(options[best].image, scores[best], box),), 0),), picture.size)

    def _page(self, picture: Picture) -> Page:
        writing = self._written(picture.pixels)
        paper = sheet(picture.pixels, max(picture.pixels.shape))
        if paper is not None:
            writing = _on_sheet(writing, self._written(paper.pixels, paper.left, paper.top), paper)
        numbers = []
        for line, words in enumerate(layout.arrange(writing.glyphs)):
            for word in words:
                boxes = (_scaled(writing.box(g), picture.scale) for g in word)
                digits = (self._digit(g.image, g.score, box) for g, box in zip(word, boxes, strict=True))
                numbers.append(Number(tuple(digits), line))
        return Page(tuple(numbers), picture.size)

    def _written(self, pixels: np.ndarray, left: int = 0, top: int = 0) -> layout.Writing:
        """What is written on a page, uint8 (H, W, 3), at the scale at which most can be read; its corner's place."""
        found = []
        for zoom, window in inks.page_scales(pixels):
            method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
            looked_at = pixels if zoom == 1 else zoomed(pixels, zoom, method)
            # digits stand among digits: there is less to doubt
            glyphs = layout.digits_of(*inks.page_ink(looked_at, window), self.scores)
            glyphs = [g for g in glyphs if g.h >= LEAST_HEIGHT * zoom]
            found.append(layout.Writing(glyphs, zoom, left, top))
        return max(found, key=lambda writing: writing.legible)


def _on_sheet(seen: layout.Writing, alone: layout.Writing, paper: Sheet) -> layout.Writing:
    """What is written on a sheet, given what was seen on all of the picture and on the sheet alone.

    If much was seen beside the sheet it is none, but a part of the page in other light: then all of that.
    """

    def part(way: layout.Writing, inside: bool) -> layout.Writing:
        return way.where(
            lambda glyph: (
                (paper.share(way.box(glyph)) > 0.5) == inside and paper.has_on_rim(way.points(glyph)) < ON_RIM
            )
        )

    best = max(part(seen, True), part(alone, True), key=lambda way: way.legible)
    return best if part(seen, False).legible < BESIDE * best.legible else seen


def _scaled(box: tuple[float, float, float, float], scale: float) -> Box:
    x, y, w, h = (round(v * scale) for v in box)
    return x, y, w, h


def given_digit(scores: np.ndarray) -> np.ndarray:
    """The digits' probabilities (N, 10) given that each is one, of scores (N, 10 or 11); even where that can't be."""
    digits = scores[:, :10]
    sums = digits.sum(1, keepdims=True)
    return np.where(sums > 0, digits / np.maximum(sums, 1e-30), np.float32(0.1)).astype(np.float32)


def any_digit(scores: np.ndarray) -> np.ndarray:
    """How likely each is a digit, whichever it is: (N,), of scores (N, 11).

    Scores of a network that knows no "no digit", (N, 10) or with 0 for it, give the likeliest digit's.
    """
    digits = scores[:, :10]
    return digits.sum(1) if scores[:, 10:].any() else digits.max(1, initial=0)


def _lower(score: np.ndarray, factor: float) -> None:
    """Make all digits less likely by a factor, 0..1, in place, and "no digit" as much likelier. score: (11,)."""
    score[:10] *= factor
    score[10] = 1 - score[:10].sum()
