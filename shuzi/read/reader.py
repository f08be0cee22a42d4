"""Pictures to digits with confidence that can be believed, or "not sure": by way of find, decode and normalise."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from shuzi.cores import in_parallel
from shuzi.data.picture import load
from shuzi.errors import ShuziError, enough_memory
from shuzi.forms.fields import BLANK, SURE, Entry, Field, Form
from shuzi.forms.sheet import zones
from shuzi.network import Network, softmax
from shuzi.page import MOST_READINGS, Box, Digit, Number, Page, Reading
from shuzi.read import decode
from shuzi.read.calibration import Calibration, for_pair
from shuzi.read.find import Finder, Proposal, beside, ink_of
from shuzi.read.normalise import SIDE, laid_out, normalise

if TYPE_CHECKING:
    import pyarrow

    from shuzi.data.picture import Picture, Source

SHIPPED = Path(__file__).parent / "weights" / "reader.onnx"
CHUNK = 128  # images: so many are read on one core, more on all
MOST_ASKED = (
    1000  # digits of a picture that the classifier names too, half a second of a core: the least sure of them
)
RIVAL = 0.3  # the chance from which on a proposal keeps its ink from its neighbours
FLOOR = 1e-4  # the least probability of a digit: neither finder nor classifier is surer when they are joined
# Constant and factor of the logit that it is a digit, where somebody says that the picture is one: they are mostly
# right, but letters are handed in too. A balance of the two, struck on real digits and on letters of held-out fonts.
TOLD, UNTOLD = (0.8, 0.55), (0.0, 1.0)
THRESHOLD = 0.5  # for networks whose file names none: more likely right than wrong
EXAMPLES = [np.random.default_rng(0).integers(0, 256, (n, SIDE, SIDE), np.uint8) for n in (2, 1)]
EXPECTED = "images uint8 (N, 28, 28) to logits (N, 10) or (N, 11); a finder goes to Reader(finder=...)"


class Reader:
    """Reads handwritten digits from pictures; one may serve many threads, be copied, and be sent to other machines.

    path: an ONNX network, `images` uint8 (N, 28, 28) to `logits` float32 (N, 11), the last for "no digit", or
    (N, 10), or a folder that `shuzi export --to hub` wrote; the shipped one by default. threshold: 0..1, below which
    confidence an answer is "not sure"; by default the one recorded in the network. providers: what onnxruntime runs
    it on, such as ["CUDAExecutionProvider"]; by default CUDA where this onnxruntime has it, else the CPU. finder: the
    ONNX file of a run of the recipe `finder`; the shipped one by default.
    Raises ShuziError when a file is missing, damaged, or no such network, or a provider isn't there.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        threshold: float | None = None,
        providers: Sequence[str] | None = None,
        finder: str | os.PathLike[str] | None = None,
    ) -> None:
        for each in (path, finder):
            if each is not None and not isinstance(each, (str, os.PathLike)):
                raise ShuziError(f"{each!r:.60}: expected the path of an ONNX network.")
        self.path = Path(path) if path is not None else SHIPPED
        own = None if threshold is None else _confidence("threshold", threshold)
        network = Network(self.path, EXAMPLES, {"logits": _shapes}, EXPECTED, providers)
        self.temperature = network.number("shuzi.temperature", 1.0, 1e-3, 1e3)
        recorded = network.number("shuzi.threshold", THRESHOLD, 0.0, 1.0)
        self.threshold = recorded if own is None else own
        self.name = network.text("shuzi.name", self.path.stem)
        self._network = network
        self._finder = Finder(finder, providers)
        self._calibration = for_pair(network, self._finder.sha256, self._finder.calibration)

    @property
    def providers(self) -> list[str]:
        """What it runs on, by onnxruntime's names, the first before the others."""
        return self._network.providers

    def __call__(self, batch: Mapping[str, Any]) -> pyarrow.Table:
        """Read a batch of pictures, as Ray's `map_batches` calls it; arguments as `shuzi.arrow.read_batch`."""
        from shuzi.arrow import read_batch

        return read_batch(self.read, batch)

    @enough_memory("reading a picture")
    def scores(self, images: np.ndarray) -> np.ndarray:
        """Calibrated probabilities float32 (N, 11): the ten digits and "no digit", summing to 1.

        images: uint8 (N, 28, 28), 0 is paper and 255 is ink. Raises ShuziError on another type or shape.
        """
        try:
            images = np.asarray(images)
        except (ValueError, TypeError):
            raise ShuziError(f"images of {type(images).__name__}: expected uint8 (N, 28, 28).") from None
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
        return np.concatenate(in_parallel(self._logits, chunks))

    def classify(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What digit each 28x28 is, and whether it is one at all.

        images: uint8 (N, 28, 28), 0 is paper and 255 is ink. Returns float32 (N, 10), the digits' probabilities
        given that it is a digit, and bool (N,), whether it is one with a probability that reaches the threshold.
        """
        scores = self.scores(images)
        return given_digit(scores), any_digit(scores) >= self.threshold

    @enough_memory("reading a picture")
    def read(self, source: Source, *, single: bool = False) -> Page:
        """The digits of a picture.

        source: a path, the bytes of a file, a Pillow image, or an array uint8 (H, W), (H, W, 3) RGB or (H, W, 4).
        single: the whole picture is one digit. Raises ShuziError on what is no picture.
        """
        picture = load(source)
        grey = cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2GRAY)
        as_is = laid_out(grey) if single else None
        if as_is is not None:  # a 28x28 as MNIST lays them: nothing could be made better
            digits = proposals = [decode.alone(as_is)]
            groups, images = [decode.Found(tuple(proposals), (), 0)], as_is[None]
            scores = self.scores(images)
        else:
            proposals, levels = self._finder(grey)
            if single:
                groups = [decode.Found((decode.likeliest(proposals, grey.shape),), (), 0)]
            else:
                groups = decode.numbers(proposals)
            digits = [digit for group in groups for digit in group.digits]
            images = images_of(digits, proposals)
            if single and self._calibration is None:
                images[0] = normalise(decode.all_writing(levels))
            scores = self._joined(images, digits, single)
        read = iter([self._digit(*one, picture) for one in zip(images, scores, digits, strict=True)])
        numbers = []
        for group, unmissed in zip(groups, decode.unmissed(groups, proposals), strict=True):
            own = tuple(next(read) for _ in group.digits)
            whole = 1.0 if single else self._whole(own, unmissed, group.linked)
            numbers.append(Number(own, group.line, decode.written(group, own), whole))
        return Page(tuple(numbers), picture.size)

    @enough_memory("reading a picture")
    def read_fields(
        self, source: Source, form: Form | str | os.PathLike[str], sure: float = SURE
    ) -> tuple[Entry, ...]:
        """What stands in the fields of a form, in the form's order.

        source: as for `read`, a picture of the whole sheet; form: as `Form.load` gives it, or the path of its file;
        sure: 0..1, the confidence from which on a field is sure. Raises ShuziError on what is no picture or no form,
        and where the sheet isn't found in the picture.
        """
        sure = _confidence("sure", sure)
        form = form if isinstance(form, Form) else Form.load(form)
        cut = zones(load(source).pixels, form)
        return tuple(self._entry(each, zone, sure) for each, zone in zip(form.fields, cut, strict=True))

    def _entry(self, of: Field, zone: np.ndarray, sure: float) -> Entry:
        found = self.read(zone)
        all_of_it = Number(found.digits, 0, whole=float(np.prod([n.whole for n in found.numbers])))
        readings = all_of_it.alternatives(MOST_READINGS) if found.digits else (Reading("", BLANK),)
        text, confidence, is_sure = of.pick(readings, sure)
        return Entry(of.name, of.shown(text), confidence, is_sure, zone, found.digits, readings)

    @enough_memory("reading a picture")
    def writing(self, source: Source) -> np.ndarray:
        """All writing of a picture as one 28x28, uint8 (28, 28), whatever signs it shows; blank where there is none.

        source: as for `read`. Raises ShuziError on what is no picture.
        """
        grey = cv2.cvtColor(load(source).pixels, cv2.COLOR_RGB2GRAY)
        as_is = laid_out(grey)
        return as_is if as_is is not None else normalise(decode.all_writing(self._finder(grey)[1]))

    def _joined(self, images: np.ndarray, digits: list[Proposal], single: bool) -> np.ndarray:
        """What the finder and the classifier say together: probabilities float32 (N, 11), the last for "no digit"."""
        if not len(images) or self._calibration is None:
            return self.scores(images)
        found = np.array([digit.classes for digit in digits])
        chances = np.array([digit.chance for digit in digits])
        scores = np.concatenate([found * chances[:, None], 1 - chances[:, None]], 1).astype(np.float32)
        asked = np.minimum(chances, found.max(1)).argsort()[:MOST_ASKED]
        scores[asked] = self.scores(images[asked])
        return join(self._calibration, found, chances, scores, TOLD if single else UNTOLD)

    def _whole(self, digits: tuple[Digit, ...], unmissed: float, linked: float) -> float:
        """0..1, that a number is whole: what makes its confidence, with the digits' own, the share of right ones.

        unmissed: 0..1, that no unlikely proposal beside its digits is one of them; linked: as `Found.linked` has it.
        """
        together = float(np.prod([digit.confidence for digit in digits]))
        evidence = number_evidence(together * unmissed, linked, len(digits))
        odds = float(np.dot((self._calibration or self._finder.calibration).number, evidence))
        return float(min(1.0, 1 / (1 + np.exp(-odds)) / max(together, 1e-9)))

    def _digit(self, image: np.ndarray, score: np.ndarray, found: Proposal, picture: Picture) -> Digit:
        guess = int(score[:10].argmax())
        confidence = float(score[guess])
        digit = guess if confidence >= self.threshold else None
        box = in_pixels(found.box * picture.scale, picture.size)
        return Digit(digit, guess, confidence, given_digit(score[None])[0], box, image)


def _confidence(name: str, value: object) -> float:
    if not isinstance(value, Real) or not 0 <= float(value) <= 1:
        raise ShuziError(f"{name} {value!r:.60}: expected a confidence from 0 to 1.")
    return float(value)


def _shapes(images: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    return (images[0], 10), (images[0], 11)


def in_pixels(box: np.ndarray, size: tuple[int, int]) -> Box:
    """Round the edges of a box, float64 (4,), to whole pixels inside a picture of this (width, height)."""
    left, top = np.clip(np.rint(box[:2]), 0, np.array(size) - 1).astype(int).tolist()
    right, bottom = np.clip(np.rint(box[:2] + box[2:]), (left + 1, top + 1), size).astype(int).tolist()
    return left, top, right - left, bottom - top


def images_of(digits: list[Proposal], proposals: list[Proposal]) -> np.ndarray:
    """The 28x28 of each digit, uint8 (N, 28, 28), of its ink alone; its box becomes that of its ink.

    proposals: all of the picture; the likely ones keep their ink.
    """
    rivals = [p for p in proposals if not p.mark and p.chance >= RIVAL]
    images = np.zeros((len(digits), SIDE, SIDE), np.uint8)
    boxes = np.array([p.box for p in rivals]).reshape(-1, 4)
    for i, digit in enumerate(digits):
        ink, box = ink_of(digit, [rivals[j] for j in np.flatnonzero(beside(digit.box, boxes))])
        images[i] = normalise(ink)
        digit.box = box
    return images


def join(
    calibration: Calibration,
    found: np.ndarray,
    chances: np.ndarray,
    scores: np.ndarray,
    told: tuple[float, float] = UNTOLD,
) -> np.ndarray:
    """Probabilities (N, 11) of the finder's classes (N, 10) and chances (N,) and the classifier's scores (N, 11).

    told: constant and factor of the logit that it is a digit, by what was known before.
    """
    finder, classifier = calibration.named
    logs = finder * np.log(found + FLOOR)
    logs += classifier * np.log(given_digit(scores).astype(np.float64) + FLOOR)
    named = softmax(logs)
    constant, finder, classifier = calibration.digit
    odds = told[0] + told[1] * (constant + finder * logit(chances) + classifier * logit(any_digit(scores)))
    is_digit = 1 / (1 + np.exp(-odds))
    return np.concatenate([named * is_digit[:, None], 1 - is_digit[:, None]], 1).astype(np.float32)


def number_evidence(right: float, linked: float, digits: int) -> np.ndarray:
    """What `Calibration.number` weighs, (4,): 1, the logits of both chances, the logarithm of how many digits."""
    return np.array([1.0, logit(np.array(right)), logit(np.array(linked)), np.log(digits)])


def logit(p: np.ndarray) -> np.ndarray:
    """The logarithm of the odds, of probabilities kept away from 0 and 1."""
    p = np.clip(np.asarray(p, np.float64), 1e-4, 1 - 1e-4)
    return np.log(p / (1 - p))


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
