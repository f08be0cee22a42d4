"""The two models behind one interface: pictures and drawings to pages of digits."""

import numpy as np

from shuzi.read.reader import Digit, Number, Page, Reader
from shuzi.serve import answers as api
from shuzi.serve.evidence import Softmax
from shuzi.serve.guard import Problem
from shuzi.serve.strokes import Box, drawn_digits

MOST_DIGITS = 300  # of one drawing


class Models:
    """The network and the softmax regression, asked alike."""

    def __init__(self, weights: str | None) -> None:
        self.reader = Reader(weights)
        self.softmax = Softmax()

    def read_picture(self, picture: bytes, model: str, single: bool) -> Page:
        """Finds digits as the reader does; by softmax regression the same 28x28s are answered again."""
        page = self.reader.read(picture, single=single)
        if model == "network" or not page.digits:
            return page
        softmax = self.softmax
        scores = iter(softmax.scores(np.stack([digit.image for digit in page.digits])))
        again = (
            Number(
                tuple(_digit(d.image, d.box, next(scores), softmax.threshold) for d in number.digits),
                number.line,
            )
            for number in page.numbers
        )
        return Page(tuple(again), page.size)

    def read_drawing(self, drawing: api.Drawing, model: str, single: bool) -> Page:
        """Digits from strokes, in lines and numbers as a page has them."""
        strokes = [_points(stroke) for stroke in drawing.strokes if stroke]
        if sum(map(len, strokes)) > api.MOST_POINTS:
            raise Problem(422, f"the drawing has more than {api.MOST_POINTS:,} points, the most taken.")
        size = (round(drawing.width), round(drawing.height))
        lines = drawn_digits(strokes, drawing.height, self.reader.scores, single)
        images = [digit.image for line in lines for number in line for digit in number]
        if len(images) > MOST_DIGITS:
            raise Problem(
                422, f"the drawing has {len(images):,} marks apart; at most {MOST_DIGITS} are read."
            )
        if not images:
            return Page((), size)
        asked = self.softmax if model == "softmax" else self.reader
        scores = iter(asked.scores(np.stack(images)))
        found = (
            Number(tuple(_digit(d.image, d.box, next(scores), asked.threshold) for d in number), at)
            for at, line in enumerate(lines)
            for number in line
        )
        return Page(tuple(found), size)


def _digit(image: np.ndarray, box: Box, score: np.ndarray, threshold: float) -> Digit:
    """What the probabilities (11,), the last for "no digit", say of one image."""
    guess = int(score[:10].argmax())
    confidence, total = float(score[guess]), float(score[:10].sum())
    probabilities = score[:10] / total if total > 0 else np.full(10, 0.1, np.float32)
    return Digit(guess if confidence >= threshold else None, guess, confidence, probabilities, box, image)


def _points(stroke: list[list[float]]) -> np.ndarray:
    """One stroke as float (n, 3): x, y, pressure in 0..1; 0.5 where there is none."""
    points = np.array([[*point, 0.5][:3] for point in stroke], np.float64)
    points[:, 2] = points[:, 2].clip(0, 1)
    return points
