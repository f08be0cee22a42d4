"""Programs that read digits, called alike: shuzi, RapidOCR and Tesseract.

RapidOCR comes with `pip install rapidocr`, its models inside; Tesseract is a program of the system. One that is missing
is left out. shuzi reads nothing but digits, so the others are held to digits too: Tesseract by its whitelist; in
RapidOCR all other characters lose their probability before it decodes, and the rest are scaled to sum to 1.
"""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

import shuzi

PAGE, LINE, SIGN = ("11", "7", "10")  # Tesseract's modes: sparse text (better here than a block), a line, a character


class Text(NamedTuple):
    """A text on a picture: what it says, its box (x, y, width, height), and the program's confidence, 0..1.

    surest: the confidence of its most confident digit; of a program that gives only the text's confidence, this.
    line: the line that it stands on, from 0; None if the program doesn't say.
    """

    text: str
    box: tuple[float, float, float, float]
    confidence: float
    surest: float
    line: int | None = None


Read = Callable[[np.ndarray], list[Text]]  # takes uint8 (H, W, 3), RGB


@dataclass(frozen=True)
class Program:
    """A program: its name with its version, the size of its models, and how it reads a page, a line and one digit."""

    name: str
    megabytes: float
    page: Read = field(repr=False)
    line: Read = field(repr=False)
    digit: Read = field(repr=False)


def shuzi_program() -> Program:
    reader = shuzi.Reader()

    def read(picture: np.ndarray, single: bool = False) -> list[Text]:
        numbers = reader.read(picture, single=single).numbers
        return [
            Text(number.text, number.box, number.confidence, max(d.confidence for d in number.digits), number.line)
            for number in numbers
        ]

    weights = Path(shuzi.__file__).parent / "read" / "weights"
    size = megabytes(weights.glob("*.onnx"))
    return Program(f"shuzi {shuzi.__version__}", size, read, read, lambda picture: read(picture, single=True))


def tesseract(whitelist: bool = True) -> Program:
    """Raises ImportError where there is no such program."""
    if not shutil.which("tesseract"):
        raise ImportError("tesseract")
    first, *_ = run("--version").decode().splitlines()
    data = re.search(r'"(.+)"', run("--list-langs").decode())
    size = megabytes([Path(data[1]) / "eng.traineddata"] if data else [])
    held = ["-c", "tessedit_char_whitelist=0123456789"] if whitelist else []

    def reads(mode: str) -> Read:
        def read(picture: np.ndarray) -> list[Text]:
            png = cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes()
            rows = run("-", "-", "--psm", mode, *held, "tsv", given=png).decode().splitlines()[1:]
            words = [cells for row in rows if (cells := row.split("\t"))[0] == "5" and cells[11].strip()]
            return [
                Text(cells[11].strip(), tuple(map(float, cells[6:10])), *[float(cells[10]) / 100] * 2)  # type: ignore[arg-type]
                for cells in words
            ]

        return read

    return Program(first.capitalize(), size, reads(PAGE), reads(LINE), reads(SIGN))


def run(*words: str, given: bytes | None = None) -> bytes:
    return subprocess.run(["tesseract", *words], input=given, capture_output=True, check=True).stdout


def rapidocr(only_digits: bool = True, finds: bool = False) -> Program:
    """RapidOCR; on lines and single digits its recogniser alone, or with finds also what looks for text.

    Raises ImportError where it is not installed.
    """
    import rapidocr as module

    whole, alone = rapidocr_engine(only_digits), rapidocr_engine(only_digits)  # `use_det=False` lasts

    def page(picture: np.ndarray) -> list[Text]:
        found = whole(picture[:, :, ::-1])
        if found.boxes is None:
            return []
        return [
            word
            for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
            for word in words_of(corners, text, float(score))
        ]

    def line(picture: np.ndarray) -> list[Text]:
        found = alone(picture[:, :, ::-1], use_det=False, use_cls=False, use_rec=True)
        box = (0.0, 0.0, float(picture.shape[1]), float(picture.shape[0]))
        return [Text(found.txts[0], box, *[float(found.scores[0])] * 2)] if found.txts and found.txts[0] else []

    name = f"RapidOCR {importlib.metadata.version('rapidocr')}{', digits only' if only_digits else ''}"
    name += ", with its detector" if finds else ""
    models = [*(Path(module.__file__).parent / "models").glob("*.onnx")]
    read = page if finds else line
    return Program(name, megabytes(models), page, read, read)


def rapidocr_engine(only_digits: bool) -> Any:
    """Make an engine, and hold it to digits."""
    from rapidocr import RapidOCR

    engine: Any = RapidOCR(params={"Global.log_level": "critical"})
    before = engine.use_det, engine.use_cls
    engine(np.full((48, 96, 3), 255, np.uint8), use_det=False, use_cls=False)  # makes the recogniser
    engine.use_det, engine.use_cls = before
    if only_digits:
        decode = engine.text_rec.postprocess_op
        kept = np.isin(decode.character, ["blank", " ", *"0123456789"])

        def held(chances: np.ndarray, *args: Any, **options: Any) -> Any:
            chances = chances * kept
            return decode(chances / chances.sum(axis=2, keepdims=True), *args, **options)

        engine.text_rec.postprocess_op = held
    return engine


def words_of(corners: np.ndarray, text: str, score: float) -> list[Text]:
    """The words of a line of text, each with its part of the line's box."""
    x, y = corners.min(0)
    w, h = corners.max(0) - (x, y)
    return [
        Text(
            word[0], (x + w * word.start() / len(text), y, w * (word.end() - word.start()) / len(text), h), score, score
        )
        for word in re.finditer(r"\S+", text)
    ]


def lines_of(texts: list[Text]) -> list[str]:
    """The digits of each line; where a program doesn't say, texts of about one height stand on one line."""
    lines: list[list[Text]] = []
    for text in sorted(texts, key=middle if any(text.line is None for text in texts) else line_of):
        if lines and same_line(text, lines[-1]):
            lines[-1].append(text)
        else:
            lines.append([text])
    return ["".join(digits_of(text.text) for text in sorted(line, key=lambda one: one.box[0])) for line in lines]


def same_line(text: Text, line: list[Text]) -> bool:
    if text.line is not None:
        return text.line == line[-1].line
    return bool(abs(middle(text) - np.mean([middle(other) for other in line])) < 0.5 * text.box[3])


def line_of(text: Text) -> float:
    return text.line or 0.0


def middle(text: Text) -> float:
    return text.box[1] + text.box[3] / 2


def digits_of(text: str) -> str:
    """A text's digits, and shuzi's '?' for an uncertain one."""
    return re.sub("[^0-9?]", "", text)


def megabytes(files: Any) -> float:
    return sum(path.stat().st_size for path in files) / 1e6


def available(*makers: Callable[[], Program]) -> list[Program]:
    """The programs that are installed."""
    made = []
    for make in makers:
        try:
            made.append(make())
        except ImportError as missing:
            print(f"left out: {missing.name or missing}")
    return made
