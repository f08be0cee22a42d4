"""How well a reader reads synthetic pages: digits found and right, whole numbers, and calibration."""

from collections.abc import Iterator

import numpy as np

from shuzi.data.digits import Digits
from shuzi.evaluate.figures import Answers
from shuzi.read.reader import Reader
from shuzi.synth.pages import KINDS, MadePage, PageScore, make_page, score_page

SEED = 0
PAGES = 12  # of each kind of paper
SINGLES = 40  # digits cut from a page
MARGIN = 0.2  # around each, in its larger side


def synthetic_pages(digits: Digits, generator: np.random.Generator, each: int) -> Iterator[MadePage]:
    """Yield pages of these digits, `each` of every kind of paper."""
    for kind in KINDS * each:
        yield make_page(digits.images, digits.labels, kind, generator)


def measure_pages(reader: Reader, digits: Digits) -> dict[str, float]:
    """Return the shares of digits found and right and of whole numbers, and the calibration of both."""
    total, by_digit, by_number = PageScore(), Answers(), Answers()
    for page in synthetic_pages(digits, np.random.default_rng(SEED), PAGES):
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
        **by_digit.metrics("digit"),
        **by_number.metrics("number"),
    }


def measure_singles(reader: Reader, digits: Digits) -> dict[str, float]:
    """Return the accuracy and the calibration of digits cut from such pages, each read as a picture of one digit."""
    answers = Answers()
    for page in synthetic_pages(digits, np.random.default_rng(SEED + 1), 1):
        labelled = zip(page.labels.tolist(), page.boxes.tolist(), strict=True)
        for label, (x, y, w, h) in list(labelled)[:SINGLES]:
            margin = MARGIN * max(w, h)
            left, top = (max(0, round(at - margin)) for at in (x, y))
            crop = page.picture[top : round(y + h + margin), left : round(x + w + margin)]
            read = reader.read(crop, single=True).digits
            answers.add(read[0].confidence if read else 0.0, bool(read) and read[0].guess == label)
    return {"digits right": float(np.mean(answers.right)), **answers.metrics("digit")}
