"""What a model is measured on: a suite for each dataset and for each question about a reader."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shuzi import load
from shuzi.data.digits import CLASSES, Digits
from shuzi.data.formats import exists, picture_folders
from shuzi.data.normalise import normalise
from shuzi.data.sources import SOURCES, Progress
from shuzi.errors import ShuziError
from shuzi.evaluate.figures import Evaluation, Measurement, evaluate
from shuzi.evaluate.form_fields import measure_forms
from shuzi.evaluate.hands import measure_hands
from shuzi.evaluate.non_digits import count_false_alarms, non_digits
from shuzi.evaluate.pages import measure_pages, measure_singles, measure_tables, measure_turned
from shuzi.evaluate.pictures import LABELS, measure_pictures
from shuzi.evaluate.predictions import Score
from shuzi.read.reader import DEFAULT_THRESHOLD, Reader
from shuzi.scores import any_digit, given_digit
from shuzi.synth.corruptions import CORRUPTIONS, corrupted

LoadTest = Callable[[str], Digits]  # a dataset's test digits by its name
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
        threshold: the least probability of being a digit, below which an image is not one.
    """

    score: Score
    data: str = "mnist"
    reader: Reader | None = None
    load: Callable[..., tuple[Digits, Digits]] = load
    threshold: float = DEFAULT_THRESHOLD


Run = Callable[[Scorer, LoadTest], Evaluation | dict[str, float]]


@dataclass(frozen=True)
class Suite:
    """Tests of a model. run: measures it, given what loads the test digits of a dataset by its name."""

    name: str
    description: str
    run: Run


def dataset(name: str) -> Run:
    """Return what measures on a dataset's test digits, each classified given that it is a digit, as by `classify`."""

    def run(scorer: Scorer, load_test: LoadTest) -> Evaluation:
        test = load_test(name)
        return evaluate(given_digit(scorer.score(test.images)), test.labels)

    return run


def on_mnist(name: str, description: str, measure: Callable[[Scorer, Digits], dict[str, float]]) -> Suite:
    """Return a suite that measures a model with MNIST's test digits."""
    return Suite(name, description, lambda scorer, test: measure(scorer, test("mnist")))


def reading(name: str, description: str, measure: Callable[[Reader, Digits], dict[str, float]]) -> Suite:
    """Return a suite that measures a reader on pictures made of MNIST's test digits."""
    return on_mnist(name, description, lambda scorer, digits: measure(reader_of(scorer, name), digits))


def reader_of(scorer: Scorer, name: str) -> Reader:
    """Return what reads whole pictures with a model. Raises ShuziError if nothing does."""
    if scorer.reader is None:
        raise ShuziError(f"{name}: only a reader can read these. Make one from the run with: shuzi export RUN")
    return scorer.reader


def accuracy(scorer: Scorer, digits: Digits) -> float:
    """Return the share of digits whose most probable reading is their label."""
    return float((scorer.score(digits.images)[:, :CLASSES].argmax(axis=1) == digits.labels).mean())


def optdigits() -> Digits:
    """Return scikit-learn's 1,797 digits of 8x8, brought to 28x28 by `normalise`. Raises ShuziError without it."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise ShuziError("optdigits come with scikit-learn; install it with: pip install scikit-learn") from error
    bunch = load_digits()
    images = np.stack([normalise(np.rint(image * (255 / 16)).astype(np.uint8)) for image in bunch.images])
    return Digits(images, bunch.target.astype(np.uint8), "optdigits")


def undisputed(digits: Digits) -> Digits:
    """Return MNIST's test digits without those whose label has no majority among people who checked it."""
    images, labels = (np.delete(each, DISPUTED, axis=0) for each in (digits.images, digits.labels))
    return Digits(images, labels, "mnist-9985")


def measure_corrupted(scorer: Scorer, digits: Digits) -> dict[str, float]:
    """Return the accuracy under each of MNIST-C's corruptions, without `normalise`, and their mean."""
    generator = np.random.default_rng(SEED)
    each = {
        name: accuracy(scorer, Digits(corrupted(digits.images, name, generator), digits.labels, name))
        for name in CORRUPTIONS
    }
    return each | {"mean": float(np.mean(list(each.values())))}


def measure_most_confident(scorer: Scorer, digits: Digits) -> dict[str, float]:
    """Return the confidence that 99 % of the digits reach, and the accuracy of these."""
    probabilities = given_digit(scorer.score(digits.images))
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == digits.labels
    threshold = float(np.quantile(confidence, 1 - KEPT))
    return {"threshold": threshold, "accuracy": float(right[confidence >= threshold].mean())}


def measure_rejection(scorer: Scorer, digits: Digits, others: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the probability of being a digit that 99 % of digits reach, and the share of other images below it."""
    threshold = float(np.quantile(any_digit(scorer.score(digits.images)), 1 - KEPT))
    return {"threshold": threshold} | {
        f"{name} refused": float((any_digit(scorer.score(images)) < threshold).mean())
        for name, images in others.items()
    }


def measure_non_digits(scorer: Scorer, digits: Digits) -> dict[str, float]:
    """Return the shares of non-digits that are rejected, and of those that a reader confidently takes for a digit."""
    metrics = measure_rejection(scorer, digits, non_digits())
    return metrics if scorer.reader is None else metrics | count_false_alarms(scorer.reader)


ALL = (
    Suite("mnist", "MNIST's 10,000 test digits", dataset("mnist")),
    Suite(
        "fashion-mnist",
        "the share of its images that are rejected where 99 % of MNIST is accepted",
        lambda scorer, test: measure_rejection(scorer, test("mnist"), {"fashion-mnist": test("fashion-mnist").images}),
    ),
    Suite(
        "optdigits",
        "accuracy on scikit-learn's 1,797 digits of 8x8 pixels",
        lambda scorer, _: {"accuracy": accuracy(scorer, optdigits())},
    ),
    on_mnist(
        "mnist-9985",
        "accuracy on MNIST without 15 test digits whose label people don't agree about",
        lambda scorer, digits: {"accuracy": accuracy(scorer, undisputed(digits))},
    ),
    on_mnist("corrupted", "accuracy under each of MNIST-C's 15 corruptions", measure_corrupted),
    on_mnist(
        "no-digits",
        "the share of blank paper, noise, scribbles, letters and photographs that is rejected",
        measure_non_digits,
    ),
    on_mnist("surest", "accuracy on the most confident 99 % of MNIST's test digits", measure_most_confident),
    reading("pages", "digits and numbers read on synthetic pages, and their calibration", measure_pages),
    reading("singles", "digits cut from synthetic pages, each read alone", measure_singles),
    reading("tables", "cells of synthetic tables read in their row and column", measure_tables),
    reading(
        "turned", "upright pages, and pages on their side or upside down: how many are turned correctly", measure_turned
    ),
    reading("forms", "fields read on synthetic forms", measure_forms),
    reading("pens", "numbers and words by writers that nothing has learnt from, and photographs", measure_hands),
)
SUITES = {suite.name: suite for suite in ALL}


def find_run(name: str, trained_on: str) -> Run:
    """Return what measures on a suite, dataset or folder; where a model was trained on it, on its test digits.

    Raises:
        ShuziError: there is none.
    """
    folder = Path(name)
    if (folder / LABELS).is_file() and not picture_folders(folder):
        return lambda scorer, _: measure_pictures(reader_of(scorer, name), folder)
    if name in SUITES and name != trained_on:
        return SUITES[name].run
    if name in SOURCES or exists(name):
        return dataset(name)
    raise ShuziError(f"{name}: neither a file, a folder nor a dataset to test on. There are {', '.join(SUITES)}")


def measure(
    scorer: Scorer, data: str | None = None, root: Path | None = None, progress: Progress | None = None
) -> Measurement:
    """Run the suite of a name or folder, by default the test digits of the dataset that a model was trained on.

    Raises:
        ShuziError: there is no such suite, its data can't be had, or it needs a reader and the model is none.
    """
    run = find_run(data or scorer.data, scorer.data)
    found = run(scorer, lambda name: scorer.load(name, root, progress)[1])
    return Measurement(found.to_json(), found) if isinstance(found, Evaluation) else Measurement(found)
