"""Both models with one interface: pictures and drawings to pages of digits, and explanations of the predictions."""

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from shuzi import __version__
from shuzi.data import picture as pictures
from shuzi.data.digits import CLASSES
from shuzi.data.normalise import SIDE, normalise
from shuzi.page import Box, Digit, Number, Page, digit_as_read
from shuzi.read.reader import SHIPPED_READER, Reader
from shuzi.serve import schemas
from shuzi.serve.multipart import file_of
from shuzi.serve.occlusion import occlusion
from shuzi.serve.problems import Problem
from shuzi.serve.strokes import render
from shuzi.serve.task import Task
from shuzi.softmax.evidence import WEIGHTS, SoftmaxReader

# Of a connected drawing, to the classifier: so sure, it is wrong as seldom as together with the finder, and far sooner.
SURELY_ALONE = 0.995


class ServedModels:
    """The network and the softmax regression.

    weights: an ONNX network, None for the shipped one. Raises ShuziError when it can't be read.
    """

    def __init__(self, weights: str | None) -> None:
        self.own = weights is not None
        self.reader = Reader(weights)
        self.digit_reader = copy.copy(self.reader)  # the same networks
        self.digit_reader.digits_only = True
        self.softmax = SoftmaxReader()

    def run(self, task: Task, body: bytes) -> bytes:
        """The result of a task: JSON (PageAnswer, EvidenceAnswer, or whether there is ink), a PNG or a JPEG.

        Raises Problem, or ShuziError.
        """
        match task.kind:
            case "read":
                page, pages = self.page(task, body)
                return _json(schemas.page_answer(page, pages, task.model, task.detail))
            case "explain":
                return _json(self._evidence(task, body))
            case "ink":
                return _json(self.has_ink(np.frombuffer(body, np.uint8).reshape(SIDE, SIDE)))
            case "picture":
                pixels = pictures.load(body, task.page - 1).pixels
                return cv2.imencode(".jpg", pixels[:, :, ::-1])[1].tobytes()
            case "zone":
                return _zone(**json.loads(body))

    def page(self, task: Task, body: bytes) -> tuple[Page, int]:
        """A page of a picture or a drawing, and the number of pages. Raises Problem 404 where there is no such page."""
        if task.boundary is not None:
            body = file_of(body, task.boundary)
        pages = 1 if task.json else pictures.pages(body)
        if task.page > pages:
            raise Problem(404, f"there is no page {task.page}: the last one is page {pages}.")
        if task.json:
            return self.read_drawing(schemas.parse_drawing(body), task), pages
        return self._read(pictures.load(body, task.page - 1), task), pages

    def has_ink(self, image: np.ndarray) -> bool:
        """Whether training would find ink in a 28x28, which it reads as a picture (shuzi.data.own)."""
        page = self.reader.read(image, single=True)
        return bool(page.digits) and bool(page.digits[0].image.any())

    def _read(self, picture: np.ndarray | pictures.Picture, task: Task) -> Page:
        """Finds digits as the reader does; softmax regression then classifies the same 28x28s."""
        reader = self.digit_reader if task.digits_only else self.reader
        page = reader.read(picture, single=task.single, decimal=task.decimal, gap=task.gap, turn=task.turn)
        return self._named_by(task.model, page)

    def _named_by(self, model: str, page: Page) -> Page:
        """The page as a model names its digits."""
        if model == "network" or not page.digits:
            return page
        scores = iter(self.softmax.scores(np.stack([digit.image for digit in page.digits])))
        return _replace_digits(
            page, lambda digit: digit_as_read(digit.image, next(scores), digit.box, self.softmax.threshold)
        )

    def read_drawing(self, drawing: schemas.Drawing, task: Task) -> Page:
        """The digits of strokes, in lines and numbers as on a page."""
        strokes = [_points(stroke) for stroke in drawing.strokes if stroke]
        if sum(map(len, strokes)) > schemas.MOST_POINTS:
            raise Problem(422, f"the drawing has more than {schemas.MOST_POINTS:,} points, the limit.")
        size = (round(drawing.width), round(drawing.height))
        if not strokes:
            return Page((), size)
        picture = render(strokes)
        alone = None if self.own else self._lone_digit(255 - picture.pixels)
        page = self._read(picture.pixels, task) if alone is None else self._named_by(task.model, alone)
        return _on_sheet(page, picture.on_sheet, size)

    def _lone_digit(self, ink: np.ndarray) -> Page | None:
        """Classifies connected ink, uint8 (H, W), without the finder; None unless it is surely one digit."""
        inked = (ink > 127).astype(np.uint8)
        if cv2.connectedComponents(inked)[0] != 2:  # paper is a component too
            return None
        image = normalise(ink)
        score = self.reader.scores(image[None])[0]
        if score[:CLASSES].max() < SURELY_ALONE:
            return None
        x, y, w, h = cv2.boundingRect(inked)
        digit = digit_as_read(image, score, (x, y, w, h), self.reader.threshold)
        return Page((Number((digit,), 0),), (ink.shape[1], ink.shape[0]))

    def _evidence(self, task: Task, body: bytes) -> dict[str, Any]:
        if task.json and b'"image"' in body[:64]:
            image = schemas.decode(schemas.parse(schemas.Image28, body).image)
        else:
            digits = self.page(task, body)[0].digits
            if task.index >= len(digits):
                raise Problem(404, f"there is no digit {task.index}: {len(digits)} were found, counted from 0.")
            image = digits[task.index].image
        why = self.softmax.evidence(image) if task.model == "softmax" else occlusion(self.reader, image)
        return {
            "model": task.model,
            "method": "exact" if why.bias is not None else "occlusion",
            "logits": _rounded(why.logits),
            "bias": None if why.bias is None else _rounded(why.bias),
            "maps": _rounded(why.maps.reshape(10, -1)),
        }

    def about(self) -> dict[str, Any]:
        """What both models are (schemas.ModelsAbout)."""
        weights = Path(self.reader.path)
        network = weights.read_bytes()
        return {
            "network": {
                "name": _run_name(weights) if self.own else self.reader.name,
                "version": __version__,
                "own": self.own,
                "sha256": hashlib.sha256(network).hexdigest(),
                "bytes": len(network),
                "threshold": self.reader.threshold,
                "card": "" if self.own else SHIPPED_READER.with_name("CARD.md").read_text("utf-8"),
            },
            "softmax": {
                "name": "softmax",
                "version": __version__,
                "sha256": hashlib.sha256(WEIGHTS.read_bytes()).hexdigest(),
                "bias": _rounded(self.softmax.b),
                "templates": _rounded(self.softmax.templates().reshape(10, -1)),
            },
        }


def _zone(table: str, file: str, field: str) -> bytes:
    from shuzi.serve.review import open_review  # few servers have a file to review

    return open_review(Path(table)).zone(file, field)


def _run_name(weights: Path) -> str:
    """The name of the run that a file of weights was exported from: "mine" for runs/mine/model.onnx."""
    return weights.absolute().parent.name if weights.stem == "model" else weights.stem


def _rounded(values: np.ndarray) -> list[Any]:
    return np.round(values.astype(float), 5).tolist()


def _json(answer: dict[str, Any] | bool) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode()


def _replace_digits(page: Page, change: Callable[[Digit], Digit]) -> Page:
    numbers = (replace(number, digits=tuple(map(change, number.digits))) for number in page.numbers)
    return replace(page, numbers=tuple(numbers))


def _on_sheet(page: Page, place: Callable[[Box], Box], size: tuple[int, int]) -> Page:
    """Move all boxes of a page by `place`, to a sheet of another size."""
    page = _replace_digits(page, lambda digit: replace(digit, box=place(digit.box)))
    numbers = (
        replace(number, marks=tuple(replace(mark, box=place(mark.box)) for mark in number.marks))
        for number in page.numbers
    )
    return replace(page, numbers=tuple(numbers), size=size, unread=tuple(map(place, page.unread)))


def _points(stroke: list[list[float]]) -> np.ndarray:
    """One stroke as float (n, 3): x, y, pressure in 0..1; 0.5 where there is none."""
    points = np.array([[*point, 0.5][:3] for point in stroke], np.float64)
    points[:, 2] = points[:, 2].clip(0, 1)
    return points
