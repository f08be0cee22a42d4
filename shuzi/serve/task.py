"""What the server gives a reading process to do, and how both write it."""

import struct
from dataclasses import dataclass
from typing import Literal

TASK = struct.Struct("!II")  # bytes of the Task as JSON, bytes of the body; both follow
RESULT = struct.Struct("!HI")  # an HTTP status, bytes of what follows: JSON, or a problem's sentence


@dataclass(frozen=True)
class Task:
    """A task about a body, which is a picture's bytes or JSON.

    kind: "read" a page, "explain" the prediction of digit `index`, check an image for "ink", draw a "picture", or cut
    out a form's "zone" (Review.zone), which has its arguments in the body. boundary: of a form that holds the picture
    (multipart.file_of). page: of a TIFF or a PDF, from 1. decimal, gap, turn: as for Reader.read; digits_only: as for
    Reader.
    """

    kind: Literal["read", "explain", "ink", "picture", "zone"]
    json: bool = False
    boundary: str | None = None
    model: Literal["network", "softmax"] = "network"
    single: bool = False
    detail: bool = False
    index: int = 0
    page: int = 1
    decimal: Literal["", ".", ","] = ""
    gap: float | None = None
    turn: bool = True
    digits_only: bool = False
