"""Requests and answers of the HTTP API: JSON, and every error as a problem document."""

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from shuzi.errors import ShuziError
from shuzi.serve import answers as api
from shuzi.serve.guard import Problem


def is_json(request: Request) -> bool:
    """Whether the request's body is JSON, by its Content-Type."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def json_response(answer: Mapping[str, Any] | bytes, status: int = 200) -> Response:
    """A response of JSON, given as bytes where it is written already; never cached."""
    text = answer if isinstance(answer, bytes) else json.dumps(answer, separators=(",", ":"))
    return Response(text, status, {"Cache-Control": "no-store"}, "application/json")


def answer_problems(app: FastAPI) -> None:
    """Makes a problem document of whatever an endpoint raises."""

    def answer(problem: Problem) -> Response:
        return Response(problem.body(), problem.status, problem.headers, "application/problem+json")

    @app.exception_handler(Problem)
    async def problem(_: Request, error: Problem) -> Response:
        return answer(error)

    @app.exception_handler(ShuziError)
    async def person(_: Request, error: ShuziError) -> Response:
        return answer(Problem(422, str(error)))

    @app.exception_handler(RequestValidationError)
    async def query(_: Request, error: RequestValidationError) -> Response:
        return answer(Problem(422, api.first_fault(error.errors())))

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        return answer(Problem(error.status_code, f"{error.detail}.", dict(error.headers or {})))

    @app.exception_handler(Exception)
    async def fault(_: Request, error: Exception) -> Response:
        return answer(Problem(500, "the server met a fault; its terminal says which."))
