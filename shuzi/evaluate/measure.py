"""What a network is worth on sets it was not trained on: how right, how sure, and what it refuses."""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from shuzi import load
from shuzi.data.digits import CLASSES, SIDE, Digits
from shuzi.data.sources import SOURCES, NewProgress
from shuzi.errors import ShuziError
from shuzi.evaluate.figures import Evaluation, calibration_error, evaluate
from shuzi.evaluate.forms import on_forms
from shuzi.page import Page
from shuzi.read.normalise import normalise
from shuzi.read.reader import Reader, any_digit, given_digit
from shuzi.synth.corruptions import CORRUPTIONS, corrupted
from shuzi.synth.fonts import held_out_fonts
from shuzi.synth.negatives import scribble
from shuzi.synth.pages import KINDS, MadePage, PageScore, make_page, score_page

Score = Callable[[np.ndarray], np.ndarray]
KEPT = 0.99  # of MNIST's test digits, at the threshold where refusals and the surest answers are measured
SEED = 0  # of the corruptions and of what is made up
PAGES = 12  # of each kind of paper
# MNIST test digits whose label fewer than three of five people gave (C. Northcutt, A. Athalye and J. Mueller,
# "Pervasive label errors in test sets", NeurIPS 2021; cleanlab's label-errors, mturk/mnist_mturk.json).
DISPUTED = (947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729)
PICTURES = 500  # of scribbles, each alone
MADE_UP = 2000  # images of each kind of what is no digit
SINGLES = 40  # digits cut from a page
PAPERS = Path("/usr/share/mypaint/backgrounds")
MARGIN = 0.2  # around each, in its larger side
SURE = 0.9
LABELS = "labels.csv"  # beside pictures: what is written in each
WRITTEN = ("file", "kind", "text")  # its columns
ONE_DIGIT, PAGE = "single", "page"  # of a picture's kinds the two that aren't read as one line
LETTERS = "ACEFHKMNPRUVWXacdefhkmnprtuvwxy"


@dataclass(frozen=True)
class Network:
    """Anything that scores digits.

    Attributes:
        score: images uint8 (N, 28, 28) to probabilities (N, 10 or 11), the eleventh for "no digit".
        data: the name of the set it was trained on.
        reader: what reads whole pages with it, if it is a reader.
        load: loads a set by its name, as `shuzi.load`; it may refuse data that the network may have learnt from.
    """

    score: Score
    data: str = "mnist"
    reader: Reader | None = None
    load: Callable[[str, Path | None, NewProgress | None], tuple[Digits, Digits]] = load


def measure(
    network: Network, data: str | None = None, root: Path | None = None, progress: NewProgress | None = None
) -> Evaluation | dict[str, float]:
    """Evaluate a network on a set, by default the test digits of what it was trained on.

    A set's name or folder gives an Evaluation of its test digits. Where all are digits, the probabilities are those
    given that it is one, as `Reader.classify` gives them. Other names give shares, 0..1, by name; a folder with
    labels.csv those of `on_pictures`:
    `optdigits`, `corrupted` and `mnist-9985`, MNIST's test digits but for the 15 that people don't agree about, of what
    is read rightly; `surest` of what is right among MNIST's surest 99 %;
    `no-digits`, and `fashion-mnist` unless it was trained on, of what is refused as no digit, as `Reader.classify`
    does, where 99 % of MNIST is kept, and for `no-digits` of what a reader, shown the picture, is sure is a digit;
    `pages`, made of MNIST's test digits, of what is found, right, false and whole, and `singles`, cut from such pages,
    of what is right; both with how far the confidences that people see are from the shares right; `forms`, filled in
    with such digits, of fields that are right, surely answered, and right among these.

    Raises:
        ShuziError: a set cannot be had, or pages are asked of what is no reader.
    """
    data = data or network.data
    if data not in TESTS and not Path(data).is_dir():
        raise ShuziError(f"{data}: neither a folder nor a dataset to test on. There are {', '.join(TESTS)}")
    if (Path(data) / LABELS).is_file():
        return on_pictures(reader_of(network, data), Path(data))
    if data == "optdigits":
        return {"accuracy": accuracy(network.score, optdigits())}
    if data not in MADE_OF_MNIST and (data != "fashion-mnist" or network.data == data):
        test = network.load(data, root, progress)[1]
        return evaluate(given_digit(network.score(test.images)), test.labels)
    test = load("mnist", root, progress)[1]
    if data == "mnist-9985":
        return {"accuracy": accuracy(network.score, undisputed(test))}
    if data == "corrupted":
        return under_corruption(network.score, test)
    if data in READ:
        return READ[data](reader_of(network, data), test)
    if data == "surest":
        return surest(network.score, test)
    others = no_digits() if data == "no-digits" else {data: load(data, root, progress)[1].images}
    shares = refused(network.score, test, others)
    if data == "no-digits" and network.reader is not None:
        shares |= taken_for_digits(network.reader)
    return shares


def reader_of(network: Network, data: str) -> Reader:
    """Give what reads whole pictures with a network. Raises ShuziError if it is no reader."""
    if network.reader is None:
        raise ShuziError(f"{data} are read by a reader; make one of the run with: shuzi export RUN")
    return network.reader


def surest(score: Score, digits: Digits) -> dict[str, float]:
    """Give the confidence that 99 % of the digits reach, and the accuracy of these."""
    alone = given_digit(score(digits.images))
    confidence, right = alone.max(axis=1), alone.argmax(axis=1) == digits.labels
    threshold = float(np.quantile(confidence, 1 - KEPT))
    return {"threshold": threshold, "accuracy": float(right[confidence >= threshold].mean())}


def refused(score: Score, digits: Digits, others: dict[str, np.ndarray]) -> dict[str, float]:
    """Give the chance to be a digit that 99 % of the digits reach, and the share of others that don't, by name."""
    threshold = float(np.quantile(any_digit(score(digits.images)), 1 - KEPT))
    return {"threshold": threshold} | {
        f"{name} refused": float((any_digit(score(images)) < threshold).mean())
        for name, images in others.items()
    }


def taken_for_digits(reader: Reader) -> dict[str, float]:
    """Give the shares of letters, scribbles and blank papers, each a picture, that a reader is sure are a digit."""
    generator = np.random.default_rng(SEED)
    scribbles = [
        cv2.resize(scribble(generator), (84, 84), interpolation=cv2.INTER_CUBIC) for _ in range(PICTURES)
    ]
    shares = {}
    kinds = {"handwritten letters": letters(), "scribbles": np.stack(scribbles), "blank papers": papers()}
    for name, pictures in kinds.items():
        sure = [
            any(digit.confidence > SURE for digit in reader.read(255 - picture, single=True).digits)
            for picture in pictures
        ]
        if sure:
            shares[f"{name} surely taken for digits"] = float(np.mean(sure))
    return shares


def accuracy(score: Score, digits: Digits) -> float:
    """Give the share of digits whose likeliest reading is their label."""
    return float((score(digits.images)[:, :CLASSES].argmax(axis=1) == digits.labels).mean())


def undisputed(digits: Digits) -> Digits:
    """Give MNIST's test digits without those whose label has no majority among people who checked it."""
    kept = np.delete(np.arange(len(digits)), DISPUTED)
    return Digits(digits.images[kept], digits.labels[kept], "mnist-9985")


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


def made_pages(digits: Digits, generator: np.random.Generator, each: int) -> Iterator[MadePage]:
    """Give pages of these digits, `each` of every kind of paper."""
    for kind in KINDS * each:
        yield make_page(digits.images, digits.labels, kind, generator)


def on_pages(reader: Reader, digits: Digits) -> dict[str, float]:
    """Give what a reader makes of made-up pages of these digits, all kinds of paper together."""
    total, by_digit, by_number = PageScore(), Answers(), Answers()
    for page in made_pages(digits, np.random.default_rng(SEED), PAGES):
        read = reader.read(page.picture)
        total += score_page(
            page, [(digit.digit, digit.box) for digit in read.digits], [(n.text, n.box) for n in read.numbers]
        )
        for digit in read.digits:
            by_digit.add(digit.confidence, score_page(page, [(digit.guess, digit.box)], []).right > 0)
        for number in read.numbers:
            text = "".join(str(digit.guess) for digit in number.digits)
            by_number.add(number.confidence, score_page(page, [], [(text, number.box)]).numbers_right > 0)
    return {
        "digits found": total.found / total.digits,
        "digits right": total.right / total.digits,
        "false digits": total.false / total.digits,
        "numbers whole": total.numbers_right / total.numbers,
        "six-digit numbers whole": total.sixes_right / total.sixes,
        **by_digit.shares("digit"),
        **by_number.shares("number"),
    }


def on_singles(reader: Reader, digits: Digits) -> dict[str, float]:
    """Give what a reader makes of digits cut from such pages, each read as a picture of one digit."""
    answers = Answers()
    for page in made_pages(digits, np.random.default_rng(SEED + 1), 1):
        for label, (x, y, w, h) in list(zip(page.labels.tolist(), page.boxes.tolist(), strict=True))[
            :SINGLES
        ]:
            margin = MARGIN * max(w, h)
            left, top = (max(0, round(at - margin)) for at in (x, y))
            crop = page.picture[top : round(y + h + margin), left : round(x + w + margin)]
            read = reader.read(crop, single=True).digits
            answers.add(read[0].confidence if read else 0.0, bool(read) and read[0].guess == label)
    return {"digits right": float(np.mean(answers.right)), **answers.shares("digit")}


READ = {"pages": on_pages, "singles": on_singles, "forms": on_forms}
MADE_OF_MNIST = ("mnist-9985", "corrupted", "no-digits", "surest", *READ)
TESTS = (*SOURCES, "optdigits", *MADE_OF_MNIST)  # all that a network is measured on by name


def on_pictures(reader: Reader, folder: Path) -> dict[str, float]:
    """Give what a reader makes of labelled pictures, set by set; a set is a folder in the folder.

    folder: holds labels.csv with the columns file, the path of a picture; kind, `single` for one digit, `field` for a
    line, `page` for several; and text, the digits written there without spaces, the lines of a page parted by "/", and
    none on blank paper.

    Returns of each set the share of lines read whole, of blank pictures that of those in which nothing is read; and of
    all lines that are read how far their confidence is from the share right, and how many are wrong though sure.

    Raises:
        ShuziError: labels.csv is none or lists no pictures, or a picture can't be read.
    """
    sets: defaultdict[str, tuple[list[bool], Answers]] = defaultdict(lambda: ([], Answers()))
    for file, kind, text in labelled(folder):
        whole, answers = sets[file.rpartition("/")[0] or folder.name]
        lines = lines_of(reader.read(folder / file, single=kind == ONE_DIGIT), apart=kind == PAGE)
        written = text.split("/") if text else []
        certain = [read for read, _, _ in lines]
        whole += [line in certain for line in written] if written else [not lines]
        for _, guess, confidence in lines:
            answers.add(confidence, guess in written)
        if not lines and written:
            answers.add(0.0, right=False)
    if not sets:
        raise ShuziError(f"{folder / LABELS}: lists no pictures. Add a row for each picture")
    return {
        f"{name}, {share}": value
        for name, (whole, answers) in sets.items()
        for share, value in {"right": float(np.mean(whole)), **answers.shares("line")}.items()
    }


def labelled(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Give each row of a folder's labels.csv as `on_pictures` has it. Raises ShuziError where it is none."""
    path = folder / LABELS
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield tuple(row[name].strip() for name in WRITTEN)  # type: ignore[misc]
    except (
        KeyError,
        AttributeError,
        csv.Error,
        UnicodeDecodeError,
    ):  # AttributeError: a row that is too short
        raise ShuziError(f"{path}: expected a CSV file with the columns {', '.join(WRITTEN)}") from None


def lines_of(page: Page, apart: bool) -> list[tuple[str, str, float]]:
    """Give a page's lines, or all as one: as read, the likeliest digits, and the chance that they are right."""
    lines: defaultdict[int, tuple[str, str, float]] = defaultdict(lambda: ("", "", 1.0))
    for number in page.numbers:
        read, guess, confidence = lines[line := number.line if apart else 0]
        guess += "".join(str(digit.guess) for digit in number.digits)
        lines[line] = (read + number.text, guess, confidence * number.confidence)
    return list(lines.values())


@dataclass
class Answers:
    """How sure answers were, 0..1, and whether they were right."""

    confidence: list[float] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)

    def add(self, confidence: float, right: bool) -> None:
        """Count an answer."""
        self.confidence.append(confidence)
        self.right.append(right)

    def shares(self, name: str) -> dict[str, float]:
        """Give the calibration error, and the share of all that are wrong with a confidence above 0.9."""
        confidence, right = np.array(self.confidence), np.array(self.right, bool)
        if not len(right):
            return {}
        return {
            f"{name} calibration error": calibration_error(confidence, right),
            f"{name} sure and wrong": float(((confidence > SURE) & ~right).mean()),
        }


def no_digits() -> dict[str, np.ndarray]:
    """Give images uint8 (N, 28, 28) of what is no digit, by kind.

    Blank paper, noise and scribbles are made up, the scribbles by the generator that training has too. What nothing of
    ours made is there where its package is: patches of scikit-learn's two photographs, letters of handwriting fonts.
    """
    generator = np.random.default_rng(SEED)
    half = MADE_UP // 2
    grey = np.broadcast_to(generator.integers(0, 256, half)[:, None, None], (half, SIDE, SIDE))
    dots = generator.random((half, SIDE, SIDE)) < generator.uniform(0.02, 0.5, half)[:, None, None]
    made_up = {
        "blank": np.concatenate([np.zeros((half, SIDE, SIDE)), grey]),
        "noise": np.concatenate([generator.uniform(0, 255, (half, SIDE, SIDE)), 255 * dots]),
        "scribble": np.stack([scribble(generator) for _ in range(MADE_UP)]),
    }
    laid_out = [normalise(letter) for letter in letters()]
    found = {"photographs": photographs(generator), "handwritten letters": np.array(laid_out)}
    return {name: images.astype(np.uint8) for name, images in (made_up | found).items() if len(images)}


def photographs(generator: np.random.Generator) -> np.ndarray:
    """Give squares of scikit-learn's two photographs, dark as ink, uint8 (N, 28, 28); none without scikit-learn."""
    try:
        from sklearn.datasets import load_sample_images
    except ModuleNotFoundError:
        return np.zeros((0, SIDE, SIDE), np.uint8)
    patches = []
    for photograph in load_sample_images().images:
        ink = 255 - cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)
        for _ in range(MADE_UP // 2):
            side = int(generator.integers(SIDE, 200))
            top, left = (int(generator.integers(0, size - side + 1)) for size in ink.shape)
            patch = ink[top : top + side, left : left + side]
            patches.append(cv2.resize(patch, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    return np.stack(patches)


def letters(fonts: Sequence[Path] | None = None) -> np.ndarray:
    """Give letters that nobody takes for a digit, of held-out fonts of handwriting: uint8 (N, 220, 220), 255 is ink."""
    drawn = []
    for path in held_out_fonts() if fonts is None else fonts:
        font = ImageFont.truetype(str(path), 100)
        for letter in LETTERS:
            picture = Image.new("L", (220, 220))
            ImageDraw.Draw(picture).text((110, 110), letter, 255, font, anchor="mm")
            drawn.append(np.asarray(picture))
    return np.stack(drawn) if drawn else np.zeros((0, 220, 220), np.uint8)


def papers() -> np.ndarray:
    """Give blank papers, as painters have them beneath their brush: uint8 (N, 256, 256), dark is 255; none without.

    They are the tiles of 64 pixels of Debian's mypaint-data, laid side by side.
    """
    tiles = [Image.open(path).convert("L") for path in sorted(PAPERS.glob("paper*_*.png"))]
    laid = [255 - np.tile(np.asarray(tile), (4, 4)) for tile in tiles if tile.size == (64, 64)]
    return np.stack(laid) if laid else np.zeros((0, 256, 256), np.uint8)
