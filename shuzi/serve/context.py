"""What the endpoints share, and how they get it."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from shuzi.serve.pool import WorkerPool
from shuzi.serve.problems import Problem
from shuzi.serve.samples import Samples
from shuzi.serve.settings import ServerSettings
from shuzi.serve.training import Trainer


@dataclass(frozen=True, eq=False)
class Context:
    """What the endpoints share. about: the answer of GET /api/model, which a training that is kept changes."""

    settings: ServerSettings
    pool: WorkerPool
    about: dict[str, Any]
    trainer: Trainer
    samples: Samples


async def _context(request: Request) -> Context:  # async: FastAPI calls other functions in threads
    return request.app.state.context


Shared = Annotated[Context, Depends(_context)]


def expect_json(request: Request, what: str) -> None:
    """Raises Problem 415 on a request whose body is no JSON. what: the body should have."""
    if not is_json(request):
        raise Problem(415, f"expected application/json with {what}.")


def is_json(request: Request) -> bool:
    """Whether the request's body is JSON, by its Content-Type."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
