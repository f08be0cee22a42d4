"""Calibration: how the answers of finder and classifier become confidences, fitted on synthetic scenes new to both."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from shuzi.data import pens
from shuzi.data.digits import CLASSES, Digits
from shuzi.data.pens import Pens
from shuzi.page import MARKS
from shuzi.read import decode
from shuzi.read.calibration import CALIBRATION, UNFITTED, WITH_FINDER, Calibration
from shuzi.read.find import Finder
from shuzi.read.fuse import suppress
from shuzi.read.lines import chain_pairs
from shuzi.read.proposals import Proposal, iou, level_proposals
from shuzi.read.reader import MIN_PROBABILITY, Reader, combine_scores, cut_out_digits, logit, number_evidence
from shuzi.scores import any_digit, given_digit
from shuzi.synth.canvas import LETTER
from shuzi.synth.glyphs import Glyphs
from shuzi.synth.layouts import MAX_SIZE, MIN_SIZE, SQUARE
from shuzi.synth.pages import KINDS, make_page
from shuzi.synth.scene import VISIBLE, Scene
from shuzi.train.finder.batches import squares_and_strips
from shuzi.train.graph import with_properties

SEED = 20261125  # of the scenes; those of a training have its own
SCENES = 6_000  # 5 minutes on one core
# For a classifier beside a finder that has its own. Two sets of so many give confidences of digits that differ by at
# most 0.04, of numbers by 0.08; 300 give 0.09 and 0.11.
CLASSIFIER_SCENES = 600
LEAST_TOGETHER = 1_000  # digits; with fewer, the scenes show the same ones again and again
PAGES = 4  # of each kind of paper
NEAR = 0.35  # of a sign's larger side: how far its proposal's middle may be from its own
SMALLEST_MARK = 0.3  # of the digits' height: the size that a smaller mark, such as a point, counts as
# Added to the logarithm of a letter's odds: letters are rarer beside numbers than in scenes. Of 1,000 numbers by
# held-out writers, with 0, -2 and -6 78.7, 79.8 and 79.9 % are read; of 400 of their words 4.3, 5.3 and 6.3 % give a
# digit with a confidence above 0.9.
LETTERS_RARER = -2.0
# Added to the logarithm of a number's odds, for caution: of 709 numbers with marks by held-out writers 1.0 % are then
# wrong with a confidence above 0.9, and 2.0 % without it.
CAUTION = -0.35
NO_ODDS = -30.0  # the logarithm of the odds where there is no evidence


@dataclass
class Seen:
    """The answers for proposals, and what these really show.

    Attributes:
        chances, classes, scores: the finder's chance, its classes (10,) and the classifier's scores (11,) of each.
        labels: the digit that each shows, -1 for none.
        numbers: of each number of a field: the indices of its digits, its `decode.p_layout` and `DigitGroup.p_linked`,
            and the digits it shows; None if its digits and marks are not those of one whole number.
    """

    chances: list[float] = field(default_factory=list)
    classes: list[np.ndarray] = field(default_factory=list)
    scores: list[np.ndarray] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    numbers: list[tuple[list[int], float, float, list[int] | None]] = field(default_factory=list)


def pages(digits: Digits, each: int) -> Iterator[Scene]:
    """Yield pages on each kind of paper as scenes, easier than those that a finder learns from."""
    generator = np.random.default_rng(SEED)
    for kind in KINDS * each:
        page = make_page(digits.images, digits.labels, kind, generator)
        grey = cv2.cvtColor(page.picture, cv2.COLOR_RGB2GRAY)
        count, nothing = len(page.labels), np.zeros(grey.shape, np.uint8)
        following = np.append(np.where(np.diff(page.numbers) == 0, np.arange(1, count), -1), -1)
        yield Scene(
            grey, page.labels, page.boxes, page.boxes[:, 2:].max(1), np.ones(count, np.float32),
            following, nothing, nothing.astype(np.int16), nothing, np.zeros((0, 4), np.float32),
        )  # fmt: skip


def calibrated(data: bytes, digits: Digits) -> tuple[bytes, Calibration]:
    """Return a finder's ONNX file with its calibration inside, and the calibration; digits: as for `calibrate`.

    The scenes are by the writers that are held out. Raises ShuziError if the pens are missing.
    """
    writers = pens.load().part(held_out=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "finder.onnx"
        path.write_bytes(data)
        fitted = calibrate(path, digits, SCENES, writers)
    return with_properties(data, {CALIBRATION: fitted.to_text()}), fitted


def beside_finder(data: bytes, digits: Digits | None) -> bytes:
    """Return a classifier's ONNX file with the calibration of it and the shipped finder together.

    Args:
        data: the file.
        digits: digits that it has not learnt from. If there are too few, or None, nothing is fitted: the finder's own
            calibration is taken, which was fitted with the shipped classifier.
    """
    finder = Finder()
    fitted = finder.calibration
    if digits is not None and len(digits) >= LEAST_TOGETHER:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "classifier.onnx"
            path.write_bytes(data)
            fitted = together(Reader(path), finder, digits, CLASSIFIER_SCENES)
    return with_properties(data, {CALIBRATION: fitted.to_text(), WITH_FINDER: finder.sha256})


def names_digits(images: np.ndarray, labels: np.ndarray) -> bool:
    """Tell whether labels (N,) name the digits that images uint8 (N, 28, 28) show, and not other signs.

    They do if the shipped classifier agrees with at least half of them.
    """
    return bool((Reader().scores(images)[:, :CLASSES].argmax(1) == labels).mean() >= 0.5)


def calibrate(path: Path, digits: Digits, count: int, writers: Pens) -> Calibration:
    """Fit a finder's calibration beside the shipped classifier's, by likelihood.

    Args:
        path: its ONNX file.
        digits: digits that it has not learnt from.
        count: number of scenes; the chance that a proposal is a digit is fitted on the first half of them.
        writers: writers that it has not learnt from.
    """
    reader, finder = Reader(), Finder(path)
    heats, kinds = [], []
    for made in squares_and_strips(Glyphs(digits, writers), count // 2, SEED):
        seen = [p for level in finder.levels(made.picture) for p in level_proposals(level)]
        for proposal, label in labelled(made, suppress(seen, UNFITTED)):
            heats.append(proposal.heat)
            kinds.append(0 if label < 0 else 1 if label < CLASSES else 3 if label == LETTER else 2)
    fitted = fit_kinds(np.array(heats), np.array(kinds))
    constant, factor = fitted.letter
    finder.calibration = replace(fitted, letter=(round(constant + LETTERS_RARER, 4), factor))
    return together(reader, finder, digits, count, writers)


def fit_kinds(heats: np.ndarray, kinds: np.ndarray) -> Calibration:
    """Fit how heat becomes the chance of a digit, a mark and a letter, by the likelihood of what there is.

    heats: (N, 10), as `Proposal.heat`; kinds: (N,), 0 for nothing, 1 a digit, 2 a mark, 3 a letter.
    """
    heat = torch.from_numpy(heats)
    present = heat > 0
    logits = torch.logit(heat, 1e-4)
    truth = torch.from_numpy(kinds)
    groups = [[0], [*range(1, 1 + len(MARKS))], [-1]]

    def loss(w: Tensor) -> Tensor:
        odds = [torch.zeros(len(heat), dtype=torch.float64)]
        for (constant, factor), columns in zip(w.view(3, 2), groups, strict=True):
            one = torch.where(present[:, columns], constant + factor * logits[:, columns], NO_ODDS)
            odds.append(one.logsumexp(1))
        return F.cross_entropy(torch.stack(odds, 1), truth)

    w = minimised(loss, 6)
    return Calibration(w[:2], w[2:4], w[4:])


def together(reader: Reader, finder: Finder, digits: Digits, count: int, writers: Pens | None = None) -> Calibration:
    """Fit the calibration of a reader's classifier and a finder together; the finder's chance stays as it is.

    Args:
        reader: has the classifier.
        finder: its chance is fitted already.
        digits: digits that neither has learnt from.
        count: number of scenes.
        writers: writers that neither has learnt from; None: scenes have only these digits and drawn skeletons.
    """
    on_scenes, on_pages = Seen(), Seen()
    made_up = squares_and_strips(Glyphs(digits, writers), count, SEED)
    for seen, pictures in ((on_scenes, made_up), (on_pages, pages(digits, PAGES))):
        for made in pictures:
            look(finder, reader, made, seen)
    return fit(finder.calibration, on_scenes, on_pages, count / SCENES)


def fit(finders: Calibration, on_scenes: Seen, on_pages: Seen, page: float) -> Calibration:
    """Fit a calibration to what was seen.

    Args:
        finders: the finder's calibration, whose kinds stay as they are.
        on_scenes: what was seen on scenes.
        on_pages: what was seen on pages.
        page: the weight of a number on a page, where one on a scene has 1. With fewer scenes it must be smaller, to
            keep the mixture.
    """
    chances, scores = np.array(on_scenes.chances), np.array(on_scenes.scores)
    is_digit = np.array(on_scenes.labels) >= 0
    before = replace(
        finders,
        named=weights([on_scenes, on_pages]),
        digit=logistic(np.stack([logit(chances), logit(any_digit(scores))], 1), is_digit),
    )
    (values, right), (more, too) = (numbers(seen, before) for seen in (on_scenes, on_pages))
    counts = np.repeat([1.0, page], [len(right), len(too)])
    constant, *factors = logistic(np.concatenate([values, more]), np.concatenate([right, too]), counts)
    return replace(before, number=(round(constant + CAUTION, 4), *factors))


def labelled(made: Scene, proposals: list[Proposal]) -> list[tuple[Proposal, int]]:
    """Label proposals by the digit, mark or letter that stands there, as `Scene.labels`; -1 for none of them.

    Those that cover part of a digit, or writing too small to be read, are left out. Each sign goes to one proposal,
    the likeliest near it.
    """
    asked = (
        (made.labels <= LETTER) & (made.visible >= VISIBLE) & (made.sizes >= MIN_SIZE) & (made.sizes <= 2 * MAX_SIZE)
    )
    boxes, labels = made.boxes[asked], made.labels[asked]
    sides = np.maximum(boxes[:, 2:].max(1), SMALLEST_MARK * made.sizes[asked])
    partly = np.concatenate([made.boxes[(made.labels <= LETTER) & ~asked], made.small])
    free = np.ones(len(boxes), bool)
    pairs = []
    for proposal in sorted(proposals, key=lambda p: -p.chance):
        away = np.abs(boxes[:, :2] + boxes[:, 2:] / 2 - proposal.middle).max(1)
        near = np.flatnonzero(free & (away < NEAR * sides))
        if len(near):
            best = near[(away / sides)[near].argmin()]
            free[best] = False
            pairs.append((proposal, int(labels[best])))
        elif not len(partly) or not touches(proposal, partly):
            pairs.append((proposal, -1))
    return pairs


def touches(proposal: Proposal, boxes: np.ndarray) -> bool:
    """Tell whether a proposal shares a tenth of its area with a box, or has its middle in one."""
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    within = ((proposal.middle > low) & (proposal.middle < high)).all(1)
    return bool(within.any() or iou(proposal.box, boxes).max() > 0.1)


def look(finder: Finder, reader: Reader, made: Scene, seen: Seen) -> None:
    """Read a scene, and add the answers to `seen`."""
    proposals, _ = finder(made.picture)
    here = labelled(made, [p for p in proposals if not p.mark])
    pairs = [(p, k if k < CLASSES else -1) for p, k in here if k != LETTER]  # see LETTERS_RARER
    if not pairs:
        return
    scores = reader.scores(cut_out_digits([p for p, _ in pairs], proposals))
    place = {id(p): len(seen.labels) + i for i, (p, _) in enumerate(pairs)}
    for (proposal, label), score in zip(pairs, scores, strict=True):
        seen.chances.append(proposal.chance)
        seen.classes.append(proposal.classes)
        seen.scores.append(score)
        seen.labels.append(label)
    partly = (made.labels < CLASSES) & (made.visible > 0) & (made.visible < VISIBLE)
    if made.picture.shape == SQUARE or partly.any():  # the frame cuts its numbers
        return
    whole = written(made)
    groups = decode.group_digits(proposals)
    for group, layout in zip(groups, decode.p_layout(groups, proposals), strict=True):
        if all(id(p) in place for p in group.digits):
            indices = [place[id(p)] for p in group.digits]
            labels = [seen.labels[i] for i in indices]
            signs = [(float(p.middle[0]), str(k)) for p, k in zip(group.digits, labels, strict=True)]
            signs += [(float(mark.middle[0]), mark.mark) for mark in group.marks]
            text = "".join(sign for _, sign in sorted(signs))
            seen.numbers.append((indices, layout, group.p_linked, labels if text in whole else None))


def written(made: Scene) -> set[str]:
    """Return each number of a scene, marks included. A mark belongs to the number with the nearest digit."""
    digits = np.flatnonzero(made.labels < CLASSES)
    pairs = ((0.0, i, j) for i, j in enumerate(made.following.tolist()) if j >= 0)
    members = [chain for chain in chain_pairs(len(made.labels), pairs) if made.labels[chain[0]] < CLASSES]
    number = {i: chain for chain in members for i in chain}
    middles = made.boxes[:, :2] + made.boxes[:, 2:] / 2
    seen = made.visible > 0
    for mark in np.flatnonzero(seen & (made.labels >= CLASSES) & (made.labels < LETTER)):
        if len(digits):
            away = np.abs(middles[digits] - middles[mark]) - made.boxes[digits, 2:] / 2
            number[digits[away.max(1).argmin()]].append(int(mark))
    signs = [str(k) for k in range(CLASSES)] + list(MARKS)
    ordered = (sorted(chain, key=lambda i: middles[i, 0]) for chain in members)
    return {"".join(signs[made.labels[i]] for i in chain) for chain in ordered}


def numbers(seen: Seen, fitted: Calibration) -> tuple[np.ndarray, np.ndarray]:
    """Return the evidence for numbers (N, 3), `number_evidence` without the 1, and whether they are right (N,)."""
    right, evidence = [], []
    joined = combine_scores(fitted, np.array(seen.classes), np.array(seen.chances), np.array(seen.scores))
    for indices, layout, linked, written in seen.numbers:
        right.append(written is not None and joined[indices, :CLASSES].argmax(1).tolist() == written)
        together = float(joined[indices, :CLASSES].max(1).prod())
        evidence.append(number_evidence(layout * together, linked, len(indices))[1:])
    return np.array(evidence).reshape(-1, 3), np.array(right, bool)


def logistic(values: np.ndarray, truth: np.ndarray, counts: np.ndarray | None = None) -> tuple[float, ...]:
    """Fit the logistic regression of truth (N,) on values (N, k) by maximum likelihood: constant and weights.

    counts: (N,), how often each counts; default once.
    """
    x = torch.from_numpy(np.concatenate([np.ones((len(values), 1)), values], 1))
    y = torch.from_numpy(truth.astype(np.float64))
    weight = None if counts is None else torch.from_numpy(counts / counts.mean())
    return minimised(lambda w: F.binary_cross_entropy_with_logits(x @ w, y, weight), x.shape[1])


def weights(kinds: Sequence[Seen]) -> tuple[float, ...]:
    """Fit the weights of the finder's and the classifier's log probabilities by maximum likelihood.

    On pages the classifier is best, on hard scenes the finder. The sum of the losses on each kind of picture, each
    divided by the least loss possible there, is minimised, so that no kind is sacrificed for another.
    """
    parts = []
    for seen in kinds:
        labels, found, scores = np.array(seen.labels), np.array(seen.classes), np.array(seen.scores)
        known = labels >= 0
        one, other = (np.log(p[known].astype(np.float64) + MIN_PROBABILITY) for p in (found, given_digit(scores)))
        parts.append(mixed(*map(torch.from_numpy, (one, other, labels[known]))))
    least = [float(loss(torch.tensor(minimised(loss, 2), dtype=torch.float64))) for loss in parts]
    return minimised(lambda w: torch.stack([loss(w) / a for loss, a in zip(parts, least, strict=True)]).sum(), 2)


def mixed(one: Tensor, other: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
    """Return a function of weights (2,): the cross-entropy of two log probabilities (N, 10) mixed by them."""
    return lambda w: F.cross_entropy(w[0] * one + w[1] * other, labels)


def minimised(loss: Callable[[Tensor], Tensor], count: int) -> tuple[float, ...]:
    """Minimise a convex loss; the arguments are rounded."""
    w = torch.full((count,), 0.5, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([w], max_iter=100, line_search_fn="strong_wolfe")

    def step() -> float:
        optimizer.zero_grad()
        value = loss(w)
        value.backward()
        return float(value.detach())

    optimizer.step(step)
    return tuple(round(float(v), 4) for v in w.detach())
