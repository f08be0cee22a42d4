"""The drawing page and its HTTP API as an ASGI app."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from shuzi import __version__
from shuzi.errors import ShuziError
from shuzi.serve import samples, schemas
from shuzi.serve.context import Context
from shuzi.serve.guard import Guard, problem_response
from shuzi.serve.openapi import Documented
from shuzi.serve.pool import WorkerPool
from shuzi.serve.problems import Problem, problem_of
from shuzi.serve.routes import about as about_routes
from shuzi.serve.routes import corrections, read, review, training
from shuzi.serve.settings import ANY_ADDRESS, ServerSettings
from shuzi.serve.training import Trainer

STATIC = Path(__file__).parent / "static"


def about_server(settings: ServerSettings, models: dict[str, Any]) -> dict[str, Any]:
    """The answer of GET /api/model (schemas.About). models: what the workers say they are."""
    return {
        "version": __version__,
        "models": models,
        "corrections": not settings.read_only,
        "folder": str(settings.folder) if settings.private and not settings.read_only else None,
    }


async def _answer_problem(_: Request, error: Exception) -> Response:
    """A problem document for whatever an endpoint raises."""
    if isinstance(error, RequestValidationError):
        error = Problem(422, schemas.first_fault(error.errors()))
    elif isinstance(error, HTTPException):
        error = Problem(error.status_code, f"{error.detail}.", dict(error.headers or {}))
    return problem_response(problem_of(error))


def create_app(settings: ServerSettings, pool: WorkerPool, about: dict[str, Any], trainer: Trainer) -> Guard:
    """The app of a server. about: of `about_server`; a training whose weights are used changes it."""
    app = Documented(
        title="shuzi",
        version=about["version"],
        description="Reads handwritten digits. Everything stays on the computer that runs it.",
        docs_url=None,
        redoc_url=None,
        exception_handlers=dict.fromkeys(
            (Problem, ShuziError, RequestValidationError, HTTPException, Exception), _answer_problem
        ),
    )
    app.state.context = Context(settings, pool, about, trainer, samples.load())
    for routes in (read, corrections, about_routes, training):
        app.include_router(routes.router)
    if settings.review is not None:
        app.include_router(review.router)
    _add_pages(app)
    everywhere = settings.host in ANY_ADDRESS
    hosts = () if everywhere else (settings.host,)
    return Guard(app, hosts, settings.allow_hosts, addresses=everywhere)


def _add_pages(app: FastAPI) -> None:
    @app.get("/learn", include_in_schema=False)
    async def learn() -> FileResponse:
        return FileResponse(STATIC / "learn.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(STATIC / "docs.html")

    app.mount("/", StaticFiles(directory=STATIC, html=True))
