"""A refused request as a problem document (RFC 9457). Loads no Starlette, which the reading processes do without."""

from http import HTTPStatus
from typing import Any

from shuzi.errors import ShuziError, SystemFailure

RETRY = {"Retry-After": "1"}  # seconds: the longest photo takes half of one
CLOSE = {"Connection": "close"}


class Problem(Exception):
    """A refused request. detail: one sentence that a person can act on."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}

    def document(self) -> dict[str, Any]:
        """The problem document."""
        title = HTTPStatus(self.status).phrase
        return {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail}


def problem_of(error: Exception) -> Problem:
    """What an error is to a client: of what was sent, of this machine, or a defect of ours."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ShuziError):
        return Problem(503 if isinstance(error, SystemFailure) else 422, str(error))
    return Problem(500, "the server failed; its terminal says why.")
