"""Pictures to digits with calibrated confidence, or "not sure": find, decode, normalise, classify."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from shuzi.cores import in_parallel
from shuzi.data.normalise import SIDE, as_mnist, normalise, two_tone_ink
from shuzi.data.picture import load
from shuzi.errors import ShuziError, enough_memory
from shuzi.forms.fields import P_BLANK, SURE_FIELD, Entry, Field, Form
from shuzi.forms.sheet import cut_zones
from shuzi.network import Network
from shuzi.page import MARKS, MAX_READINGS, Box, Digit, Mark, Number, Page, Reading, digit_as_read, round_box, unturned
from shuzi.read import decode
from shuzi.read.calibration import WITH_FINDER, Calibration, for_pair, sigmoid
from shuzi.read.find import Finder, turned
from shuzi.read.frames import ruled_frames
from shuzi.read.fuse import extract_ink, share_ink
from shuzi.read.proposals import MIN_DIGIT_CHANCE, Level, Proposal
from shuzi.read.single import crop_writing, pick_single_digit, whole_as_digit
from shuzi.scores import any_digit, given_digit
from shuzi.softmax.equations import softmax

if TYPE_CHECKING:
    import pyarrow

    from shuzi.data.picture import Picture, Source

SHIPPED_READER = Path(__file__).parent / "weights" / "reader.onnx"
CHUNK = 128  # images that one core classifies; more are shared among all
MAX_CLASSIFIED = 1000  # digits per picture, the least sure ones: half a second of a core
# Property of a classifier's file: it is asked about digits of which its finder is at most so sure, 0..1; default 1.
ASKED_UP_TO = "shuzi.asked_up_to"
INK_CHANCE = 0.3  # from here on a proposal keeps its ink from its neighbours
MIN_PROBABILITY = 1e-4  # of a digit, when finder and classifier are combined: neither is surer than that
# Constant and factor on the logit that it is a digit. A caller who says that the picture is one is mostly right, but
# letters are handed in too: a balance struck on real digits and on letters of held-out fonts.
SINGLE_DIGIT_PRIOR, NO_PRIOR = (0.8, 0.55), (0.0, 1.0)
DIGITS_ONLY_PRIOR = (2.0, 1.0)  # without letters a digit is seven times as likely: rules and blots are left
DEFAULT_THRESHOLD = 0.5  # for networks whose file has none: more likely right than wrong
EXAMPLES = [np.random.default_rng(0).integers(0, 256, (n, SIDE, SIDE), np.uint8) for n in (2, 1)]
EXPECTED = "images uint8 (N, 28, 28) to logits (N, 10) or (N, 11); a finder goes to Reader(finder=...)"


class Reader:
    """Reads handwritten digits from pictures. It can be shared by threads, copied, and sent to other machines.

    Args:
        path: an ONNX network, `images` uint8 (N, 28, 28) to `logits` float32 (N, 11), the last for "no digit", or
            (N, 10); or a folder that `shuzi export --to hub` wrote. Default: the shipped network.
        threshold: 0..1, the confidence below which an answer is "not sure". Default: the network's own.
        providers: what onnxruntime runs it on, such as ["CUDAExecutionProvider"]. Default: CUDA where this onnxruntime
            has it, else the CPU.
        finder: the ONNX file of a run of the recipe `finder`. Default: the shipped finder.
        digits_only: whether the pictures hold only digits and marks, so that O, I, S, B and Z are digits too. By
            default letters are not read, and what may be a letter among digits is "not sure".

    Raises:
        ShuziError: a file is missing or damaged, holds another network, or a provider isn't available.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        threshold: float | None = None,
        providers: Sequence[str] | None = None,
        finder: str | os.PathLike[str] | None = None,
        digits_only: bool = False,
    ) -> None:
        for each in (path, finder):
            if each is not None and not isinstance(each, (str, os.PathLike)):
                raise ShuziError(f"{each!r:.60}: expected the path of an ONNX network.")
        self.path = Path(path) if path is not None else SHIPPED_READER
        own = None if threshold is None else _confidence("threshold", threshold)
        network = Network(self.path, EXAMPLES, {"logits": _logits_shapes}, EXPECTED, providers)
        self.temperature = network.number("shuzi.temperature", 1.0, 1e-3, 1e3)
        recorded = network.number("shuzi.threshold", DEFAULT_THRESHOLD, 0.0, 1.0)
        self.threshold = recorded if own is None else own
        self.name = network.text("shuzi.name", self.path.stem)
        self.digits_only = digits_only
        self._network = network
        self._finder = Finder(finder, providers)
        self._calibration = for_pair(network, self._finder.sha256, self._finder.calibration)
        fitted = network.text(WITH_FINDER, "") == self._finder.sha256
        self._asked_up_to = network.number(ASKED_UP_TO, 1.0, 0.0, 1.0) if fitted else 1.0

    @property
    def providers(self) -> list[str]:
        """What it runs on, by onnxruntime's names, in order of preference."""
        return self._network.providers

    def __call__(self, batch: Mapping[str, Any]) -> pyarrow.Table:
        """Read a batch of pictures, as Ray's `map_batches` calls it; see `shuzi.arrow.read_batch`."""
        from shuzi.arrow import read_batch

        return read_batch(self.read, batch)

    @enough_memory("reading a picture")
    def scores(self, images: np.ndarray) -> np.ndarray:
        """Compute calibrated probabilities float32 (N, 11) of the ten digits and "no digit", summing to 1.

        images: uint8 (N, 28, 28), 0 is paper and 255 is ink. Raises ShuziError for another type or shape.
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
        if logits.shape[1] == 10:  # a network without "no digit"
            logits = np.pad(logits, ((0, 0), (0, 1)), constant_values=-np.inf)
        return softmax(logits.astype(np.float64)).astype(np.float32)

    def _logits(self, images: np.ndarray) -> np.ndarray:
        if len(images) <= CHUNK:
            return self._network.run(images)[0]
        chunks = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]
        return np.concatenate(in_parallel(self._logits, chunks))

    def classify(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Classify images: which digit each shows, and whether it shows one at all.

        images: uint8 (N, 28, 28), 0 is paper and 255 is ink. Returns float32 (N, 10), the digits' probabilities given
        that it is a digit, and bool (N,), whether the probability that it is one reaches the threshold.
        """
        scores = self.scores(images)
        return given_digit(scores), any_digit(scores) >= self.threshold

    @enough_memory("reading a picture")
    def read(
        self, source: Source, *, single: bool = False, decimal: str = "", gap: float | None = None, turn: bool = True
    ) -> Page:
        """Read the digits of a picture.

        Args:
            source: a path, the bytes of a file, a Pillow image, or an array uint8 (H, W), (H, W, 3) RGB or (H, W, 4)
                RGBA.
            single: the whole picture is one digit.
            decimal: "." or ",", the decimal sign where the writing leaves it open; see `Number.value`.
            gap: the widest gap within a number, in widths of a digit. Default: the reader decides for each gap, and
                is less confident where a gap leaves it open whether there are one or two numbers.
            turn: whether a page that lies on its side or upside down is turned; see `Page.turned`.

        Raises:
            ShuziError: the source is not a picture, or `decimal` or `gap` is something else.
        """
        if decimal not in ("", ".", ","):
            raise ShuziError(f"decimal {decimal!r:.60}: expected . or , or nothing.")
        if gap is not None and (not isinstance(gap, Real) or not float(gap) >= 0):
            raise ShuziError(f"gap {gap!r:.60}: expected widths of a digit, 0 or more.")
        return self._read(load(source), single, decimal, gap, turn, gap is not None)

    def _read(
        self,
        picture: Picture,
        single: bool = False,
        decimal: str = "",
        gap: float | None = None,
        turn: bool = False,
        apart: bool = False,
    ) -> Page:
        """Read a picture as `read` does. apart: whether it is known which digits are one number."""
        grey = cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2GRAY)
        quarters, first = (0, []) if single or not turn else self._finder.turn(grey)
        grey = turned(grey, quarters)
        proposals, groups, images, scores = self._find(grey, first, single, gap)

        def place(proposal: Proposal) -> Box:
            return round_box(unturned(proposal.box, grey.shape, quarters) * picture.scale, picture.size)

        answers = iter(zip(images, scores, strict=True))
        numbers = []
        for group, layout in zip(groups, decode.p_layout(groups, proposals, apart), strict=True):
            own = tuple(digit_as_read(*next(answers), place(digit), self.threshold) for digit in group.digits)
            whole = 1.0 if single else self._p_whole(own, group, layout)
            marks = tuple(mark_as_read(mark, place(mark)) for mark in group.marks)
            numbers.append(Number(own, group.line, whole, marks, decimal, 90 * quarters))
        unread = () if single else tuple(map(place, decode.unread(groups, proposals)))
        return Page(tuple(numbers), picture.size, unread, 90 * quarters)

    def _find(
        self, grey: np.ndarray, first: list[Level], single: bool, gap: float | None
    ) -> tuple[list[Proposal], list[decode.DigitGroup], np.ndarray, np.ndarray]:
        """Find the digits of a picture: all proposals, numbers, and of each digit its image and its scores."""
        as_is = as_mnist(grey) if single else None
        if as_is is not None:  # a 28x28 laid out as in MNIST needs no normalising
            whole = whole_as_digit(as_is)
            return [whole], [decode.DigitGroup((whole,))], as_is[None], self.scores(as_is[None])
        proposals, levels = self._finder(grey, first, letters=not self.digits_only)
        if single:
            groups = [decode.DigitGroup((pick_single_digit(proposals, grey.shape),))]
        else:
            likely = [p.box for p in proposals if not p.mark and p.chance >= MIN_DIGIT_CHANCE]
            groups = decode.group_digits(proposals, gap, ruled_frames(grey, np.array(likely).reshape(-1, 4)))
        digits = [digit for group in groups for digit in group.digits]
        images = cut_out_digits(digits, proposals)
        if single and self._calibration is None:
            images[0] = normalise(all_writing(grey, levels))
        return proposals, groups, images, self._combined_scores(images, digits, single)

    @enough_memory("reading a picture")
    def read_fields(
        self, source: Source, form: Form | str | os.PathLike[str], sure: float = SURE_FIELD
    ) -> tuple[Entry, ...]:
        """Read the fields of a form, in the form's order.

        source: as for `read`, a picture of the whole sheet; form: as `Form.load` returns it, or the path of its file;
        sure: 0..1, the confidence from which on a field is sure. Raises ShuziError for a file that is not a picture
        or not a form, and where the sheet isn't found in the picture.
        """
        sure = _confidence("sure", sure)
        form = form if isinstance(form, Form) else Form.load(form)
        zones = cut_zones(load(source).pixels, form)
        return tuple(self._entry(field, zone, sure) for field, zone in zip(form.fields, zones, strict=True))

    def _entry(self, field: Field, zone: np.ndarray, sure: float) -> Entry:
        page = self._read(load(zone), apart=True)
        whole = float(np.prod([number.whole for number in page.numbers]))
        marks = tuple(mark for number in page.numbers for mark in number.marks)
        number = Number(page.digits, 0, whole, marks)  # a comb is one number too
        readings = number.alternatives(MAX_READINGS) if page.digits else (Reading("", P_BLANK),)
        text, confidence, is_sure = field.pick(readings, sure)
        formatted, value, is_sure = field.formatted(text), field.value(text), is_sure and not page.unread
        return Entry(field.name, formatted, confidence, is_sure, zone, page.digits, readings, value)

    @enough_memory("reading a picture")
    def writing(self, source: Source) -> np.ndarray:
        """Normalise all writing of a picture, whatever signs it shows, as one image: uint8 (28, 28), blank without any.

        source: as for `read`. Raises ShuziError for a file that is not a picture.
        """
        grey = cv2.cvtColor(load(source).pixels, cv2.COLOR_RGB2GRAY)
        as_is = as_mnist(grey)
        if as_is is not None:
            return as_is
        return normalise(all_writing(grey, self._finder(grey)[1]))

    def _combined_scores(self, images: np.ndarray, digits: list[Proposal], single: bool) -> np.ndarray:
        """Combine the finder's and the classifier's answers: probabilities float32 (N, 11), the last for "no digit"."""
        if not len(images) or self._calibration is None:
            return self.scores(images)
        found = np.array([digit.classes for digit in digits])
        chances = np.array([digit.chance for digit in digits])
        scores = np.concatenate([found * chances[:, None], 1 - chances[:, None]], 1).astype(np.float32)
        sure = np.minimum(chances, found.max(1))
        asked = sure.argsort()[:MAX_CLASSIFIED]
        if not single:
            asked = asked[sure[asked] <= self._asked_up_to]
        scores[asked] = self.scores(images[asked])
        prior = SINGLE_DIGIT_PRIOR if single else DIGITS_ONLY_PRIOR if self.digits_only else NO_PRIOR
        return combine_scores(self._calibration, found, chances, scores, prior)

    def _p_whole(self, digits: tuple[Digit, ...], group: decode.DigitGroup, layout: float) -> float:
        """Estimate the probability that a number is whole, so that its confidence is calibrated.

        layout: as `decode.p_layout` returns it.
        """
        together = float(np.prod([digit.confidence for digit in digits]))
        evidence = number_evidence(together * layout, group.p_linked, len(digits))
        odds = float(np.dot((self._calibration or self._finder.calibration).number, evidence))
        return min(1.0, float(sigmoid(odds)) / max(together * group.p_marks, 1e-9))


def mark_as_read(proposal: Proposal, box: Box) -> Mark:
    """Build a mark of its proposal, with the other marks and digits that it may be."""
    signs = dict(zip(MARKS, (proposal.chance * proposal.classes).tolist(), strict=True))
    if proposal.digit is not None and proposal.shares[0] > 0:
        signs |= {str(k): float(proposal.shares[0] * p) for k, p in enumerate(proposal.digit.classes)}
    return Mark(proposal.mark, signs.pop(proposal.mark), box, signs)


def _confidence(name: str, value: object) -> float:
    if not isinstance(value, Real) or not 0 <= float(value) <= 1:
        raise ShuziError(f"{name} {value!r:.60}: expected a confidence from 0 to 1.")
    return float(value)


def _logits_shapes(images: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    return (images[0], 10), (images[0], 11)


def all_writing(grey: np.ndarray, levels: list[Level]) -> np.ndarray:
    """Return the ink of all writing of a picture, cropped, uint8 (h, w); all of it where the picture has two tones."""
    ink = two_tone_ink(grey)
    return crop_writing(levels) if ink is None else ink


def cut_out_digits(digits: list[Proposal], proposals: list[Proposal]) -> np.ndarray:
    """Cut out and normalise each digit, without its neighbours' ink: uint8 (N, 28, 28). Tighten its box to its ink.

    proposals: all of the picture; likely ones keep their ink.
    """
    rivals = [p for p in proposals if not p.mark and p.chance >= INK_CHANCE]
    images = np.zeros((len(digits), SIDE, SIDE), np.uint8)
    boxes = np.array([p.box for p in rivals]).reshape(-1, 4)
    for i, digit in enumerate(digits):
        ink, digit.box = extract_ink(digit, [rivals[j] for j in np.flatnonzero(share_ink(digit.box, boxes))])
        images[i] = normalise(ink)
    return images


def combine_scores(
    calibration: Calibration,
    found: np.ndarray,
    chances: np.ndarray,
    scores: np.ndarray,
    prior: tuple[float, float] = NO_PRIOR,
) -> np.ndarray:
    """Combine the finder's classes (N, 10) and chances (N,) with the classifier's scores (N, 11): float32 (N, 11).

    prior: constant and factor on the logit that it is a digit.
    """
    finder, classifier = calibration.named
    logs = finder * np.log(found + MIN_PROBABILITY)
    logs += classifier * np.log(given_digit(scores).astype(np.float64) + MIN_PROBABILITY)
    named = softmax(logs.astype(np.float64))
    constant, finder, classifier = calibration.digit
    odds = prior[0] + prior[1] * (constant + finder * logit(chances) + classifier * logit(any_digit(scores)))
    is_digit = sigmoid(odds)
    return np.concatenate([named * is_digit[:, None], 1 - is_digit[:, None]], 1).astype(np.float32)


def number_evidence(right: float, linked: float, digits: int) -> np.ndarray:
    """Build what `Calibration.number` weighs, (4,): 1, the logits of both probabilities, the log of how many digits."""
    return np.array([1.0, logit(np.array(right)), logit(np.array(linked)), np.log(digits)])


def logit(p: np.ndarray) -> np.ndarray:
    """Compute log odds, of probabilities clipped to [0.0001, 0.9999]."""
    p = np.clip(np.asarray(p, np.float64), 1e-4, 1 - 1e-4)
    return np.log(p / (1 - p))
