"""Bodies and answers of the API, as its OpenAPI document describes them; and pages as answers."""

import base64
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, FailFast, Field, ValidationError
from pydantic_core import PydanticCustomError

from shuzi.batch.folders import as_json
from shuzi.data.normalise import SIDE
from shuzi.page import Digit, Page
from shuzi.serve.problems import Problem

MOST_STROKES = 1_000
MOST_POINTS = 20_000

Coordinate = Annotated[float, Field(ge=-1e5, le=1e5, allow_inf_nan=False)]
Point = Annotated[list[Coordinate], Field(min_length=2, max_length=3)]
Stroke = Annotated[list[Point], FailFast()]
Box = Annotated[list[int], Field(min_length=4, max_length=4)]
Ten = Annotated[list[float], Field(min_length=10, max_length=10)]
Model = Literal["network", "softmax"]
Body = TypeVar("Body", bound=BaseModel)
ID = "^[0-9a-f]{16}$"


class Drawing(BaseModel):
    """Strokes of a pen on a sheet, in units of the client's choice, y down."""

    model_config = ConfigDict(extra="forbid", strict=True)
    width: float = Field(gt=0, le=1e5, description="the sheet's width")
    height: float = Field(gt=0, le=1e5, description="the sheet's height")
    strokes: Annotated[list[Stroke], FailFast()] = Field(
        max_length=MOST_STROKES,
        description=f"each stroke its points: [x, y] or [x, y, pressure 0..1]; at most {MOST_POINTS:,} points in all",
    )


IMAGE_BASE64 = "^[A-Za-z0-9+/]{1045}[AQgw]==$"  # the only shape of 784 bytes


def _image(text: str) -> str:
    """Refuse any other text than 784 bytes in base64."""
    if not re.fullmatch(IMAGE_BASE64, text):
        raise PydanticCustomError("image", "expected the base64 of 784 bytes, as a digit's image has it")
    return text


class Image28(BaseModel):
    """One 28x28 as the network sees it."""

    model_config = ConfigDict(extra="forbid", strict=True)
    image: Annotated[str, AfterValidator(_image)] = Field(
        json_schema_extra={"pattern": IMAGE_BASE64},
        description="base64 of 784 bytes, row by row; 0 is paper, 255 is ink",
    )


def _integer(value: object) -> object:
    """JSON doesn't tell integers from other numbers: 4.0 is 4."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Correction(Image28):
    """A picture with its right label."""

    label: Annotated[int, BeforeValidator(_integer)] = Field(ge=0, le=9)


class ReviewedField(BaseModel):
    """What a field holds, according to a person."""

    model_config = ConfigDict(extra="forbid", strict=True)
    file: str
    field: str
    text: str = Field(max_length=100)
    anyway: bool = False


class DigitAnswer(BaseModel):
    """One digit."""

    digit: int | None = Field(ge=0, le=9, description="null where the reader is not sure, or it is not a digit")
    guess: int = Field(ge=0, le=9, description="the likeliest digit, sure or not")
    confidence: float = Field(ge=0, le=1, description="that it is a digit and this one")
    is_digit: bool = Field(description="false: no digit at all (a scribble, a letter, blank paper)")
    digit_probability: float = Field(ge=0, le=1, description="that it is a digit at all")
    probabilities: Ten = Field(description="of 0 to 9, given that it is one")
    box: Box = Field(description="x, y, width, height in the picture's pixels")
    image: str | None = Field(None, description="base64 of the 28x28 that the network saw; with detail=true")


class MarkAnswer(BaseModel):
    """One mark of a number."""

    sign: str = Field(description="one of . , ' - / : + %")
    confidence: float = Field(ge=0, le=1, description="that it is one and this one")
    box: Box


class NumberAnswer(BaseModel):
    """Digits and marks that form a number."""

    text: str = Field(description="as written; '?' for an uncertain digit")
    value: str | None = Field(
        description="what it is worth, in decimals; null for dates, times, fractions and anything uncertain"
    )
    confidence: float = Field(ge=0, le=1, description="that all of the text is right")
    line: int = Field(ge=0, description="0 is the topmost")
    column: int = Field(ge=0, description="of the page's table; 0 is the leftmost")
    box: Box
    digits: list[DigitAnswer]
    marks: list[MarkAnswer]


class PageAnswer(BaseModel):
    """What a picture or a drawing says, with the fields of `shuzi read --json`."""

    file: str = Field(description="empty: what was posted has no name")
    text: str = Field(description="one line per line of writing; '?' for an uncertain digit")
    size: list[int] = Field(min_length=2, max_length=2, description="width, height of the picture as a viewer shows it")
    pages: int = Field(ge=1, description="how many pages the TIFF or PDF has; 1 for anything else")
    model: Model
    turned: Literal[0, 90, 180, 270] = Field(
        description="degrees clockwise, before it was read; boxes are those of the picture as a viewer shows it"
    )
    numbers: list[NumberAnswer]
    unread: list[list[int]] = Field(description="boxes of what looks like digits and is in no number")


class EvidenceAnswer(BaseModel):
    """Why a digit is read as it is: a map of 28x28 for each of the ten digits."""

    model: Model
    method: Literal["exact", "occlusion"] = Field(
        description="exact: logit k is the sum of map k plus bias k; "
        "occlusion: what logit k loses when a 5x5 patch is erased"
    )
    logits: Ten
    bias: list[float] | None
    maps: list[list[float]] = Field(description="ten maps of 784 values, row by row; above 0 supports the digit")


class Sample(BaseModel):
    """A real digit of MNIST's test set."""

    index: int = Field(ge=0, lt=10_000, description="its place in the test set")
    label: int = Field(ge=0, le=9)
    image: str = Field(description="base64 of its 784 bytes")


class SamplesAnswer(BaseModel):
    """Some test digits, in random order."""

    samples: list[Sample]


class Health(BaseModel):
    """The server answers."""

    status: Literal["ok"]
    version: str


class NetworkAbout(BaseModel):
    """The network."""

    name: str
    version: str
    sha256: str
    bytes: int
    threshold: float = Field(description="below this confidence it is not sure")
    own: bool = Field(description="given by --weights; then its name is that of its run")
    card: str = Field(description="the model card, Markdown; empty for weights of your own")


class SoftmaxAbout(BaseModel):
    """The softmax regression."""

    name: str
    version: str
    sha256: str
    bias: list[float]
    templates: list[list[float]] = Field(description="the ten columns of W, each 28x28 row by row")


class ModelsAbout(BaseModel):
    """Both models."""

    network: NetworkAbout
    softmax: SoftmaxAbout


class About(BaseModel):
    """The server and its models."""

    version: str = Field(description="of shuzi")
    models: ModelsAbout
    corrections: bool = Field(description="whether they are saved; false: the server is read-only")
    folder: str | None = Field(description="where they are saved; null: nowhere, or other computers can ask")


class CorrectionAnswer(BaseModel):
    """A correction was saved."""

    id: str = Field(pattern=ID, description="to delete it by; the same pixels have the same id")
    label: int = Field(ge=0, le=9)
    was: int | None = Field(ge=0, le=9, description="the label that these pixels had before, if any")
    file: str = Field(description="where in the folder")


class Accuracies(BaseModel):
    """Accuracies."""

    own: float = Field(ge=0, le=1, description="on the held-out corrections")
    mnist: float | None = Field(ge=0, le=1, description="on MNIST's test set; null where it is not on this computer")


class TrainingAnswer(BaseModel):
    """The training on corrections that was started last."""

    state: Literal["idle", "training", "measuring", "done", "keeping", "kept", "failed"]
    epoch: int = Field(ge=0, description="the present one, from 1")
    epochs: int = Field(ge=0)
    error: str | None
    before: Accuracies | None
    after: Accuracies | None
    file: str | None = Field(description="where the new weights were saved")
    refused: str | None = Field(description="why this server trains nothing; null: it can train")


class ProblemDocument(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


def parse(kind: type[Body], body: bytes) -> Body:
    """A body of JSON. Raises Problem 422 on anything else."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise Problem(422, first_fault(error.errors(include_url=False, include_input=False))) from None


def parse_drawing(body: bytes) -> Drawing:
    """A drawing. Counts its points before parsing them: a list takes a hundred times its two letters of JSON."""
    most = MOST_POINTS + MOST_STROKES
    if body.count(b"[") + body.count(b"{") > most + 2 or body.count(b",") > 3 * most:
        raise Problem(422, f"the drawing has more than {MOST_POINTS:,} points or {MOST_STROKES:,} strokes, the limit.")
    return parse(Drawing, body)


def first_fault(errors: Sequence[Any]) -> str:
    """The first validation error, as a sentence."""
    where = ".".join(str(part) for part in errors[0]["loc"]) or "body"
    return f"{where}: {errors[0]['msg']}."


def encode(image: np.ndarray) -> str:
    """A 28x28 as base64."""
    return base64.b64encode(image.tobytes()).decode()


def decode(image: str) -> np.ndarray:
    """A 28x28 from base64, uint8 (28, 28)."""
    return np.frombuffer(base64.b64decode(image), np.uint8).reshape(SIDE, SIDE)


def _extra(digit: Digit, detail: bool) -> dict[str, Any]:
    extra = {
        "guess": digit.guess,
        "is_digit": digit.digit is not None or digit.digit_probability >= 0.5,
        "digit_probability": round(digit.digit_probability, 4),
    }
    return extra | {"image": encode(digit.image)} if detail else extra


def page_answer(page: Page, pages: int, model: str, detail: bool) -> dict[str, Any]:
    """A page of `pages` as the API returns it (PageAnswer): as in `shuzi read --json`, with more of each digit."""
    answer = as_json(page, file="") | {"pages": pages, "model": model}
    digits = (digit for number in answer["numbers"] for digit in number["digits"])
    for digit, fields in zip(page.digits, digits, strict=True):
        fields |= _extra(digit, detail)
    return answer
