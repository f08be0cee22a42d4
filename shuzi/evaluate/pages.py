"""How well a reader reads synthetic pages and tables: digits, whole numbers, calibration, cells, and pages turned."""

from collections.abc import Iterator

import numpy as np

from shuzi.data.digits import Digits
from shuzi.evaluate.figures import Answers, answer_metrics
from shuzi.read.reader import Reader
from shuzi.synth.pages import KINDS, MadePage, PageScore, make_page, make_table, score_page

SEED = 0
PAGES = 12  # of each kind of paper
SINGLES = 40  # digits cut from a page
MARGIN = 0.2  # around each, in its larger side
TABLES = 24  # of each size of writing
TABLE_HEIGHTS = {"small writing": (12, 17), "usual writing": (24, 48)}  # pixels of their digits
TURNED = 2  # pages of each kind of paper that are read in each turn, and upright number by number


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
            by_digit.append((digit.confidence, score_page(page, [(digit.guess, digit.box)], []).right > 0))
        for number in read.numbers:
            text = "".join(str(digit.guess) for digit in number.digits)
            by_number.append((number.confidence, score_page(page, [], [(text, number.box)]).numbers_right > 0))
    return {
        "digits found": total.found / total.digits,
        "digits right": total.right / total.digits,
        "false digits": total.false / total.digits,
        "numbers whole": total.numbers_right / total.numbers,
        "six-digit numbers whole": total.sixes_right / total.sixes,
        **answer_metrics("digit", by_digit),
        **answer_metrics("number", by_number),
    }


def measure_singles(reader: Reader, digits: Digits) -> dict[str, float]:
    """Return the accuracy and the calibration of digits cut from such pages, each read as a picture of one digit."""
    answers = []
    for page in synthetic_pages(digits, np.random.default_rng(SEED + 1), 1):
        labelled = zip(page.labels.tolist(), page.boxes.tolist(), strict=True)
        for label, (x, y, w, h) in list(labelled)[:SINGLES]:
            margin = MARGIN * max(w, h)
            left, top = (max(0, round(at - margin)) for at in (x, y))
            crop = page.picture[top : round(y + h + margin), left : round(x + w + margin)]
            read = reader.read(crop, single=True).digits
            answers.append((read[0].confidence, read[0].guess == label) if read else (0.0, False))
    return {"digits right": float(np.mean([right for _, right in answers])), **answer_metrics("digit", answers)}


def measure_tables(reader: Reader, digits: Digits) -> dict[str, float]:
    """Return the shares of a table's cells that are right by `Page.table`, empty ones included, by size of writing."""
    shares = {}
    for name, heights in TABLE_HEIGHTS.items():
        right = []
        for number in range(TABLES):
            generator = np.random.default_rng([SEED, number])
            made = make_table(digits.images, digits.labels, float(generator.uniform(*heights)), generator)
            cells = reader.read(made.picture).table()
            read = {(i, j): cell.text for i, row in enumerate(cells) for j, cell in enumerate(row) if cell}
            right += [read.get((i, j)) == text for i, row in enumerate(made.cells) for j, text in enumerate(row)]
        shares[f"cells right, {name}"] = float(np.mean(right))
    return shares


def measure_turned(reader: Reader, digits: Digits) -> dict[str, float]:
    """Return the shares of turned pages whose turn is found, and of upright pages and numbers that are turned."""
    found, pages, numbers = [], [], []
    for page in synthetic_pages(digits, np.random.default_rng(SEED + 2), TURNED):
        pages.append(reader.read(page.picture).turned > 0)
        found += [reader.read(np.rot90(page.picture, times)).turned == 90 * times for times in (1, 2, 3)]
        for number in np.unique(page.numbers):
            boxes = page.boxes[page.numbers == number]
            margin = MARGIN * boxes[:, 3].max()
            left, top = np.maximum(boxes[:, :2].min(0) - margin, 0).astype(int)
            right, bottom = ((boxes[:, :2] + boxes[:, 2:]).max(0) + margin).astype(int)
            numbers.append(reader.read(page.picture[top:bottom, left:right]).turned > 0)
    return {
        "turn found": float(np.mean(found)),
        "upright pages turned": float(np.mean(pages)),
        "upright numbers turned": float(np.mean(numbers)),
    }
