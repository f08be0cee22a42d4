"""What the server asks of a process that reads, and how both write it."""

import struct
from dataclasses import dataclass
from typing import Literal

QUESTION = struct.Struct("!II")  # bytes of the Question as JSON, bytes of the body; they follow
ANSWER = struct.Struct("!HI")  # an HTTP status, bytes of what follows: JSON, or a problem's sentence


@dataclass(frozen=True)
class Question:
    """About a body, which is a picture's bytes or JSON.

    about: "read" what it says, "explain" why digit `index` is read as it is, or whether "ink" can be learnt from; the
    "picture" itself; the picture of a "zone" of a form (Review.zone), or the "order" of an epoch (learn.order), whose
    arguments it has. boundary: of a form that holds the picture (multipart.file_of). page: which of a TIFF or a PDF,
    from 1.
    """

    about: Literal["read", "explain", "ink", "picture", "zone", "order"]
    json: bool = False
    boundary: str | None = None
    model: Literal["network", "softmax"] = "network"
    single: bool = False
    detail: bool = False
    index: int = 0
    page: int = 1
