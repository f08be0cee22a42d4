"""The API's endpoints that read: POST /api/read and POST /api/explain."""

from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response

from shuzi.serve import answers as api
from shuzi.serve.guard import Problem
from shuzi.serve.http import is_json, json_response
from shuzi.serve.multipart import boundary_of
from shuzi.serve.openapi import POSTED, problems, request_body
from shuzi.serve.questions import Question
from shuzi.serve.readers import Readers

LONG = 100_000  # bytes of strokes that take long to read: more than a page full of digits

Which = Annotated[api.Model, Query(description="the network, or softmax regression")]
Single = Annotated[bool, Query(description="the whole picture is one digit")]
PageNumber = Annotated[int, Query(ge=1, le=1_000_000, description="which page of a TIFF or a PDF, from 1")]
Detail = Annotated[bool, Query(description="with the 28x28 that the network saw")]


def add_reading(app: FastAPI, readers: Readers) -> None:
    """Adds the endpoints to the app."""

    async def ask(request: Request, **asked: Any) -> Response:  # noqa: ANN401
        boundary = boundary_of(request.headers.get("content-type", ""))
        question = Question(json=is_json(request), boundary=boundary, **asked)
        body = await request.body()
        if not body and not question.json:
            raise Problem(400, "the body is empty; expected a picture, or JSON strokes as application/json.")
        return json_response(await readers.ask(question, body, long=not question.json or len(body) > LONG))

    @app.post(
        "/api/read",
        summary="Digits of a picture or a drawing",
        responses={200: {"model": api.PageAnswer}, **POSTED, **problems(404)},
        openapi_extra=request_body(api.Drawing),
    )
    async def read(
        request: Request,
        model: Which = "network",
        single: Single = False,
        detail: Detail = False,
        page: PageNumber = 1,
    ) -> Response:
        """The body is a picture (PNG, JPEG, WebP, TIFF, BMP, GIF, PDF), a form with one, or a drawing as JSON strokes.

        curl -F file=@photo.jpg posts a form, curl --data-binary @photo.jpg the picture alone.
        """
        return await ask(request, about="read", model=model, single=single, detail=detail, page=page)

    @app.post("/api/picture", include_in_schema=False)
    async def picture(request: Request, page: PageNumber = 1) -> Response:
        """A page as every browser shows it, for the drawing page; no part of the API."""
        picture = await readers.ask(Question("picture", page=page), await request.body(), long=True)
        return Response(picture, headers={"Cache-Control": "no-store"}, media_type="image/jpeg")

    @app.post(
        "/api/explain",
        summary="Why a digit is read as it is",
        responses={200: {"model": api.EvidenceAnswer}, **POSTED, **problems(404)},
        openapi_extra=request_body(api.Image28, api.Drawing),
    )
    async def explain(
        request: Request,
        model: Which = "network",
        single: Single = False,
        index: Annotated[int, Query(ge=0, le=10_000, description="which digit of several, from 0")] = 0,
        page: PageNumber = 1,
    ) -> Response:
        """The body is a 28x28 as `read` gives it with detail=true, or a picture or drawing as `read` takes it."""
        return await ask(request, about="explain", model=model, single=single, index=index, page=page)
