"""A refused request as a problem document (RFC 9457). Loads no Starlette, which the reading processes do without."""

from http import HTTPStatus
from typing import Any

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
