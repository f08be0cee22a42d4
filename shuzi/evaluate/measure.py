"""What a network is worth on sets it was not trained on: how right, how sure, and what it refuses."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from shuzi import load
from shuzi.data.corrupted import CORRUPTIONS, corrupted
from shuzi.data.digits import CLASSES, Digits
from shuzi.data.pages import KINDS, PageScore, make_page, score_page
from shuzi.data.sources import NewProgress
from shuzi.errors import ShuziError
from shuzi.evaluate.figures import Evaluation, evaluate
from shuzi.read.normalise import normalise
from shuzi.read.reader import Reader, any_digit, given_digit

Score = Callable[[np.ndarray], np.ndarray]
KEPT = 0.99  # of MNIST's test digits, at the threshold where refusals and the surest answers are measured
SEED = 0  # of the corruptions and of what is made up
PAGES = 4  # of each kind of paper
MADE_UP = 2000  # images of each kind of what is no digit


@dataclass(frozen=True)
class Network:
    """Anything that scores digits.

    Attributes:
        score: images uint8 (N, 28, 28) to probabilities (N, 10 or 11), the eleventh for "no digit".
        data: the name of the set it was trained on.
        reader: what reads whole pages with it, if it is a reader.
    """

    score: Score
    data: str = "mnist"
    reader: Reader | None = None


def measure(
    network: Network, data: str | None = None, root: Path | None = None, progress: NewProgress | None = None
) -> Evaluation | dict[str, float]:
    """Evaluate a network on a set, by default the test digits of what it was trained on.

    A set's name or folder gives an Evaluation of its test digits. Where all are digits, the probabilities are those
    given that it is one, as `Reader.classify` gives them. Other names give shares, 0..1, by name:
    `optdigits` and `corrupted` of what is read rightly; `surest` of what is right among MNIST's surest 99 %;
    `no-digits`, and `fashion-mnist` unless it was trained on, of what is refused as no digit, as `Reader.classify`
    does, where 99 % of MNIST is kept;
    `pages`, made of MNIST's test digits, of what is found, right, false and whole.

    Raises:
        ShuziError: a set cannot be had, or pages are asked of what is no reader.
    """
    data = data or network.data
    if data == "optdigits":
        return {"accuracy": accuracy(network.score, optdigits())}
    if data not in ("corrupted", "surest", "no-digits", "pages") and (
        data != "fashion-mnist" or network.data == data
    ):
        test = load(data, root, progress)[1]
        return evaluate(given_digit(network.score(test.images)), test.labels)
    test = load("mnist", root, progress)[1]
    if data == "corrupted":
        return under_corruption(network.score, test)
    if data == "pages":
        if network.reader is None:
            raise ShuziError("pages are read by a reader; make one of the run with: shuzi export RUN")
        return on_pages(network.reader, test)
    scores = network.score(test.images)
    if data == "surest":
        alone = given_digit(scores)
        confidence, right = alone.max(axis=1), alone.argmax(axis=1) == test.labels
        threshold = float(np.quantile(confidence, 1 - KEPT))
        return {"threshold": threshold, "accuracy": float(right[confidence >= threshold].mean())}
    threshold = float(np.quantile(any_digit(scores), 1 - KEPT))
    others = no_digits() if data == "no-digits" else {data: load(data, root, progress)[1].images}
    return {"threshold": threshold} | {
        f"{name} refused": float((any_digit(network.score(images)) < threshold).mean())
        for name, images in others.items()
    }


def accuracy(score: Score, digits: Digits) -> float:
    """Give the share of digits whose likeliest reading is their label."""
    return float((score(digits.images)[:, :CLASSES].argmax(axis=1) == digits.labels).mean())


def optdigits() -> Digits:
    """Give scikit-learn's 1,797 digits of 8x8, brought to 28x28 by `normalise`. Raises ShuziError without it."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise ShuziError(
            "optdigits come with scikit-learn; install it with: pip install scikit-learn"
        ) from error
    bunch = load_digits()
    images = np.stack([normalise(np.rint(image * (255 / 16)).astype(np.uint8)) for image in bunch.images])
    return Digits(images, bunch.target.astype(np.uint8), "optdigits")


def under_corruption(score: Score, digits: Digits) -> dict[str, float]:
    """Give the accuracy under each of MNIST-C's corruptions, fed to the network as they are, and their mean."""
    generator = np.random.default_rng(SEED)
    each = {
        name: accuracy(score, Digits(corrupted(digits.images, name, generator), digits.labels, name))
        for name in CORRUPTIONS
    }
    return each | {"mean": float(np.mean(list(each.values())))}


def on_pages(reader: Reader, digits: Digits) -> dict[str, float]:
    """Give what a reader makes of made-up pages of these digits, all kinds of paper together."""
    generator = np.random.default_rng(SEED)
    total = PageScore()
    for kind in KINDS * PAGES:
        page = make_page(digits.images, digits.labels, kind, generator)
        read = reader.read(page.picture)
        total += score_page(
            page, [(digit.digit, digit.box) for digit in read.digits], [(n.text, n.box) for n in read.numbers]
        )
    return {
        "digits found": total.found / total.digits,
        "digits right": total.right / total.digits,
        "false digits": total.false / total.digits,
        "numbers whole": total.numbers_right / total.numbers,
        "six-digit numbers whole": total.sixes_right / total.sixes,
    }


def no_digits() -> dict[str, np.ndarray]:
    """Give made-up images uint8 (N, 28, 28) of what is no digit: blank paper, noise and scribbles."""
    generator = np.random.default_rng(SEED)
    grey = generator.integers(0, 256, MADE_UP)[:, None, None]
    blank = np.concatenate(
        [np.zeros((MADE_UP // 2, 28, 28)), np.broadcast_to(grey[: MADE_UP // 2], (MADE_UP // 2, 28, 28))]
    )
    noise = np.concatenate(
        [
            generator.uniform(0, 255, (MADE_UP // 2, 28, 28)),
            255
            * (
                generator.random((MADE_UP // 2, 28, 28))
                < generator.uniform(0.02, 0.5, MADE_UP // 2)[:, None, None]
            ),
        ]
    )
    return {
        "blank": blank.astype(np.uint8),
        "noise": noise.astype(np.uint8),
        "scribble": np.stack([scribble(generator) for _ in range(MADE_UP)]),
    }


def scribble(generator: np.random.Generator) -> np.ndarray:
    """Give one scribble, uint8 (28, 28): a pen driven to 8 to 30 random places, brought to 28x28 as digits are."""
    places = generator.uniform(20, 180, (int(generator.integers(8, 31)), 2))
    canvas = np.zeros((200, 200), np.uint8)
    thickness = int(generator.integers(4, 14))
    cv2.polylines(canvas, [places.round().astype(np.int32)], False, 255, thickness, cv2.LINE_AA)
    return normalise(canvas)
