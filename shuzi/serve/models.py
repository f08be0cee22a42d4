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
        if model == "network":
            return page
        answered = iter(self._answered(model, [(digit.image, digit.box) for digit in page.digits]))
        again = (Number(tuple(next(answered) for _ in number.digits), number.line) for number in page.numbers)
        return Page(tuple(again), page.size)

    def read_drawing(self, drawing: api.Drawing, model: str, single: bool) -> Page:
        """Digits from strokes, in lines and numbers as a page has them."""
        strokes = [_points(stroke) for stroke in drawing.strokes if stroke]
        if sum(map(len, strokes)) > api.MOST_POINTS:
            raise Problem(422, f"the drawing has more than {api.MOST_POINTS:,} points, the most taken.")
        lines = drawn_digits(strokes, drawing.height, single)
        drawn = [(digit.image, digit.box) for line in lines for number in line for digit in number]
        if len(drawn) > MOST_DIGITS:
            raise Problem(422, f"the drawing has {len(drawn):,} marks apart; at most {MOST_DIGITS} are read.")
        answered = iter(self._answered(model, drawn))
        found = (
            Number(tuple(next(answered) for _ in number), at)
            for at, line in enumerate(lines)
            for number in line
        )
        return Page(tuple(found), (round(drawing.width), round(drawing.height)))

    def _answered(self, model: str, drawn: list[tuple[np.ndarray, Box]]) -> list[Digit]:
        asked = self.softmax if model == "softmax" else self.reader
        scores = asked.scores(np.stack([image for image, _ in drawn])) if drawn else np.empty((0, 11))
        return [
            _digit(image, box, score, asked.threshold)
            for (image, box), score in zip(drawn, scores, strict=True)
        ]


def _digit(image: np.ndarray, box: Box, score: np.ndarray, threshold: float) -> Digit:
    """What the probabilities (11,), the last for "no digit", say of one image."""
    guess = int(score[:10].argmax())
    confidence, total = float(score[guess]), float(score[:10].sum())
    probabilities = score[:10] / total if total > 0 else np.full(10, 0.1, np.float32)
    return Digit(guess if confidence >= threshold else None, guess, confidence, probabilities, box, image)


def _points(stroke: list[list[float]]) -> np.ndarray:
    """One stroke as float (n, 3): x, y, pressure; 0.5 where there is none."""
    return np.array([[*point, 0.5][:3] for point in stroke], np.float64)
