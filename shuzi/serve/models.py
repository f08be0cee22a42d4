"""The two models behind one interface: pictures and drawings to pages of digits, and why each is read so."""

import base64
import hashlib
import json
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from shuzi.data import picture as pictures
from shuzi.page import Box, Digit, Page
from shuzi.read.normalise import SIDE
from shuzi.read.reader import SHIPPED_READER, Reader
from shuzi.serve import answers as api
from shuzi.serve.evidence import SOFTMAX, Softmax, occlusion
from shuzi.serve.guard import Problem
from shuzi.serve.multipart import file_of
from shuzi.serve.questions import Question
from shuzi.serve.strokes import drawn


class Models:
    """The network and the softmax regression, asked alike.

    weights: an ONNX network, None for the shipped one. Raises ShuziError when it can't be read.
    """

    def __init__(self, weights: str | None) -> None:
        self.own = weights is not None
        self.reader = Reader(weights)
        self.softmax = Softmax()

    def answer(self, question: Question, body: bytes) -> bytes:
        """JSON: a PageAnswer, an EvidenceAnswer, or whether there is ink; or a PNG, a JPEG or an order's bytes.

        Raises Problem, or ShuziError.
        """
        if question.about == "ink":
            return json.dumps(self.has_ink(_image(body))).encode()
        if question.about == "explain":
            return self._evidence(question, body)
        if question.about == "zone":
            return _zone(**json.loads(body))
        if question.about == "order":
            return _order(**json.loads(body))
        if question.about == "picture":
            pixels = pictures.load(body, question.page - 1).pixels
            return cv2.imencode(".jpg", pixels[:, :, ::-1])[1].tobytes()
        page, pages = self.page(question, body)
        return _json(api.page_answer(page, pages, question.model, question.detail))

    def page(self, question: Question, body: bytes) -> tuple[Page, int]:
        """What a picture or a drawing says, and the number of pages. Raises Problem 404 where it has no such page."""
        if question.boundary is not None:
            body = file_of(body, question.boundary)
        pages = 1 if question.json else pictures.pages(body)
        if question.page > pages:
            raise Problem(404, f"there is no page {question.page}: the last one is page {pages}.")
        if question.json:
            return self.read_drawing(api.drawing(body), question.model, question.single), pages
        return self._read(pictures.load(body, question.page - 1), question.model, question.single), pages

    def has_ink(self, image: np.ndarray) -> bool:
        """Whether training would find ink in a 28x28, which goes the way of its pictures (shuzi.data.own)."""
        page = self.reader.read(image, single=True)
        return bool(page.digits) and bool(page.digits[0].image.any())

    def _read(self, picture: np.ndarray | pictures.Picture, model: str, single: bool) -> Page:
        """Finds digits as the reader does; by softmax regression the same 28x28s are answered again."""
        page = self.reader.read(picture, single=single)
        if model == "network" or not page.digits:
            return page
        softmax = self.softmax
        scores = iter(softmax.scores(np.stack([digit.image for digit in page.digits])))
        again = (
            replace(
                number,
                digits=tuple(_digit(d.image, d.box, next(scores), softmax.threshold) for d in number.digits),
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
        if not strokes:
            return Page((), size)
        picture = drawn(strokes)
        page = self._read(picture.pixels, model, single)
        numbers = (
            replace(number, digits=tuple(replace(d, box=picture.on_sheet(d.box)) for d in number.digits))
            for number in page.numbers
        )
        return Page(tuple(numbers), size)

    def _evidence(self, question: Question, body: bytes) -> bytes:
        if question.json and b'"image"' in body[:64]:
            image = _image(base64.b64decode(api.parsed(api.Image28, body).image))
        else:
            digits = self.page(question, body)[0].digits
            if question.index >= len(digits):
                raise Problem(
                    404, f"there is no digit {question.index}: {len(digits)} were found, counted from 0."
                )
            image = digits[question.index].image
        why = self.softmax.evidence(image) if question.model == "softmax" else occlusion(self.reader, image)
        return _json(
            {
                "model": question.model,
                "method": "exact" if why.bias is not None else "occlusion",
                "logits": _rounded(why.logits),
                "bias": None if why.bias is None else _rounded(why.bias),
                "maps": _rounded(why.maps.reshape(10, -1)),
            }
        )

    def about(self) -> dict[str, Any]:
        """What both models are (answers.Models)."""
        version = metadata.version("shuzi")
        weights = Path(self.reader.path)
        network = weights.read_bytes()
        return {
            "network": {
                "name": _run(weights) if self.own else self.reader.name,
                "version": version,
                "own": self.own,
                "sha256": hashlib.sha256(network).hexdigest(),
                "bytes": len(network),
                "threshold": self.reader.threshold,
                "card": "" if self.own else SHIPPED_READER.with_name("CARD.md").read_text("utf-8"),
            },
            "softmax": {
                "name": "softmax",
                "version": version,
                "sha256": hashlib.sha256(SOFTMAX.read_bytes()).hexdigest(),
                "bias": _rounded(self.softmax.b),
                "templates": _rounded(self.softmax.templates().reshape(10, -1)),
            },
        }


def _zone(table: str, file: str, field: str) -> bytes:
    from shuzi.serve.review import Review  # few servers review forms

    return Review(Path(table)).zone(file, field)


def _order(seed: int, count: int, epoch: int) -> bytes:
    from shuzi.serve import learn  # most servers are never asked

    return learn.order(seed, count, epoch)


def _run(weights: Path) -> str:
    """The name of the run that a file of weights was exported from: runs/mine/model.onnx is of "mine"."""
    return weights.absolute().parent.name if weights.stem == "model" else weights.stem


def _image(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8).reshape(SIDE, SIDE)


def _rounded(values: np.ndarray) -> Any:  # noqa: ANN401
    return np.round(values.astype(float), 5).tolist()


def _json(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode()


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
