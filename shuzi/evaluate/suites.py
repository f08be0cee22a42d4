"""What a model is measured on: a suite for each dataset and for each question about a reader."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from shuzi import load
from shuzi.data.digits import CLASSES, Digits
from shuzi.data.sources import SOURCES, Progress
from shuzi.errors import ShuziError
from shuzi.evaluate.figures import Measurement, evaluate
from shuzi.evaluate.forms import measure_forms
from shuzi.evaluate.non_digits import count_false_alarms, non_digits
from shuzi.evaluate.pages import measure_pages, measure_singles
from shuzi.evaluate.pictures import LABELS, measure_pictures
from shuzi.read.normalise import normalise
from shuzi.read.reader import Reader, any_digit, given_digit
from shuzi.synth.corruptions import CORRUPTIONS, corrupted

Score = Callable[[np.ndarray], np.ndarray]
KEPT = 0.99  # of MNIST's test digits, at the thresholds of rejection and of confidence
SEED = 0  # of the corruptions
# MNIST test digits whose label fewer than three of five people gave (C. Northcutt, A. Athalye and J. Mueller,
# "Pervasive label errors in test sets", NeurIPS 2021; cleanlab's label-errors, mturk/mnist_mturk.json).
DISPUTED = (947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729)


@dataclass(frozen=True)
class Scorer:
    """A model to measure.

    Attributes:
        score: images uint8 (N, 28, 28) to probabilities (N, 10 or 11), the eleventh for "not a digit".
        data: the name of the dataset it was trained on.
        reader: reads whole pages with the model, if it can.
        load: loads a dataset by its name, as `shuzi.load`; may refuse data that the model was trained on.
    """

    score: Score
    data: str = "mnist"
    reader: Reader | None = None
    load: Callable[[str, Path | None, Progress | None], tuple[Digits, Digits]] = load


class Suite(Protocol):
    """A set of tests. run: downloads what it needs to `root`, default the cache, and measures a model."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def description(self) -> str: ...  # noqa: D102
    def run(self, scorer: Scorer, root: Path | None, progress: Progress | None) -> Measurement: ...  # noqa: D102


@dataclass(frozen=True)
class Dataset:
    """The test digits of a dataset: a name that `shuzi.load` knows, or a folder."""

    name: str
    description: str = "the test images of a dataset"

    def run(self, scorer: Scorer, root: Path | None, progress: Progress | None) -> Measurement:
        """Evaluate the probabilities of the ten digits, given that each image is one, as `Reader.classify` does."""
        test = scorer.load(self.name, root, progress)[1]
        evaluation = evaluate(given_digit(scorer.score(test.images)), test.labels)
        return Measurement(evaluation.to_json(), evaluation)


@dataclass(frozen=True)
class LabelledPictures:
    """A folder of pictures with labels.csv, as `measure_pictures` describes it."""

    name: str
    description: str = "pictures of digits, lines and pages, with labels.csv"

    def run(self, scorer: Scorer, root: Path | None, progress: Progress | None) -> Measurement:
        """Read each picture."""
        return Measurement(measure_pictures(reader_of(scorer, self.name), Path(self.name)))


@dataclass(frozen=True)
class Optdigits:
    """The 1,797 digits of 8x8 pixels that come with scikit-learn."""

    name: str = "optdigits"
    description: str = "accuracy on scikit-learn's 1,797 digits of 8x8 pixels"

    def run(self, scorer: Scorer, root: Path | None, progress: Progress | None) -> Measurement:
        """Measure the accuracy. Raises ShuziError if there is no scikit-learn."""
        return Measurement({"accuracy": accuracy(scorer.score, optdigits())})


@dataclass(frozen=True)
class FromMnist:
    """A question answered with MNIST's test digits. measure: from a model and these digits to metrics."""

    name: str
    description: str
    measure: Callable[[Scorer, Digits], dict[str, float]]

    def run(self, scorer: Scorer, root: Path | None, progress: Progress | None) -> Measurement:
        """Load the digits and measure."""
        return Measurement(self.measure(scorer, load("mnist", root, progress)[1]))


@dataclass(frozen=True)
class Rejection:
    """Images of another dataset, none of which is a digit."""

    name: str
    description: str = "the share of its images that are rejected where 99 % of MNIST is accepted"

    def run(self, scorer: Scorer, root: Path | None, progress: Progress | None) -> Measurement:
        """Count the images that are rejected."""
        digits, others = (load(name, root, progress)[1] for name in ("mnist", self.name))
        return Measurement(measure_rejection(scorer.score, digits, {self.name: others.images}))


def reader_of(scorer: Scorer, name: str) -> Reader:
    """Return what reads whole pictures with a model. Raises ShuziError if nothing does."""
    if scorer.reader is None:
        raise ShuziError(
            f"{name}: only a reader can read these. Make one from the run with: shuzi export RUN"
        )
    return scorer.reader


def accuracy(score: Score, digits: Digits) -> float:
    """Return the share of digits whose most probable reading is their label."""
    return float((score(digits.images)[:, :CLASSES].argmax(axis=1) == digits.labels).mean())


def optdigits() -> Digits:
    """Return scikit-learn's digits, brought to 28x28 by `normalise`. Raises ShuziError if there is no scikit-learn."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise ShuziError(
            "optdigits come with scikit-learn; install it with: pip install scikit-learn"
        ) from error
    bunch = load_digits()
    images = np.stack([normalise(np.rint(image * (255 / 16)).astype(np.uint8)) for image in bunch.images])
    return Digits(images, bunch.target.astype(np.uint8), "optdigits")


def undisputed(digits: Digits) -> Digits:
    """Return MNIST's test digits without those whose label has no majority among people who checked it."""
    kept = np.delete(np.arange(len(digits)), DISPUTED)
    return Digits(digits.images[kept], digits.labels[kept], "mnist-9985")


def measure_corrupted(score: Score, digits: Digits) -> dict[str, float]:
    """Return the accuracy under each of MNIST-C's corruptions, without `normalise`, and their mean."""
    generator = np.random.default_rng(SEED)
    each = {
        name: accuracy(score, Digits(corrupted(digits.images, name, generator), digits.labels, name))
        for name in CORRUPTIONS
    }
    return each | {"mean": float(np.mean(list(each.values())))}


def measure_most_confident(score: Score, digits: Digits) -> dict[str, float]:
    """Return the confidence that 99 % of the digits reach, and the accuracy of these."""
    probabilities = given_digit(score(digits.images))
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == digits.labels
    threshold = float(np.quantile(confidence, 1 - KEPT))
    return {"threshold": threshold, "accuracy": float(right[confidence >= threshold].mean())}


def measure_rejection(score: Score, digits: Digits, others: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the probability of being a digit that 99 % of digits reach, and the share of other images below it."""
    threshold = float(np.quantile(any_digit(score(digits.images)), 1 - KEPT))
    return {"threshold": threshold} | {
        f"{name} refused": float((any_digit(score(images)) < threshold).mean())
        for name, images in others.items()
    }


def measure_non_digits(scorer: Scorer, digits: Digits) -> dict[str, float]:
    """Return the shares of non-digits that are rejected, and of those that a reader confidently takes for a digit."""
    metrics = measure_rejection(scorer.score, digits, non_digits())
    return metrics if scorer.reader is None else metrics | count_false_alarms(scorer.reader)


ALL: tuple[Suite, ...] = (
    Dataset("mnist", "MNIST's 10,000 test digits, or the test images of the dataset it was trained on"),
    Rejection("fashion-mnist"),
    Optdigits(),
    FromMnist(
        "mnist-9985",
        "accuracy on MNIST without 15 test digits whose label people don't agree about",
        lambda scorer, digits: {"accuracy": accuracy(scorer.score, undisputed(digits))},
    ),
    FromMnist(
        "corrupted",
        "accuracy under each of MNIST-C's 15 corruptions",
        lambda scorer, digits: measure_corrupted(scorer.score, digits),
    ),
    FromMnist(
        "no-digits",
        "the share of blank paper, noise, scribbles, letters and photographs that is rejected",
        measure_non_digits,
    ),
    FromMnist(
        "surest",
        "accuracy on the most confident 99 % of MNIST's test digits",
        lambda scorer, digits: measure_most_confident(scorer.score, digits),
    ),
    FromMnist(
        "pages",
        "digits and numbers read on synthetic pages, and their calibration",
        lambda scorer, digits: measure_pages(reader_of(scorer, "pages"), digits),
    ),
    FromMnist(
        "singles",
        "digits cut from synthetic pages, each read alone",
        lambda scorer, digits: measure_singles(reader_of(scorer, "singles"), digits),
    ),
    FromMnist(
        "forms",
        "fields read on synthetic forms",
        lambda scorer, digits: measure_forms(reader_of(scorer, "forms"), digits),
    ),
)
SUITES = {suite.name: suite for suite in ALL}


def find_suite(name: str, trained_on: str) -> Suite:
    """Return the suite of a name or folder; for the dataset that a model was trained on, that of its test digits.

    Raises:
        ShuziError: there is none.
    """
    if (Path(name) / LABELS).is_file():
        return LabelledPictures(name)
    if name in SUITES and name != trained_on:
        return SUITES[name]
    if name in SOURCES or Path(name).is_dir():
        return Dataset(name)
    raise ShuziError(f"{name}: neither a folder nor a dataset to test on. There are {', '.join(SUITES)}")


def measure(
    scorer: Scorer, data: str | None = None, root: Path | None = None, progress: Progress | None = None
) -> Measurement:
    """Run the suite of a name or folder, by default the test digits of the dataset that a model was trained on.

    Raises:
        ShuziError: there is no such suite, its data can't be had, or it needs a reader and the model is none.
    """
    return find_suite(data or scorer.data, scorer.data).run(scorer, root, progress)
