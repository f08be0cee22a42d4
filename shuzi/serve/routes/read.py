"""POST /api/read and POST /api/explain, and pictures for the drawing page."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from shuzi.serve import schemas
from shuzi.serve.context import Context, Shared, is_json
from shuzi.serve.multipart import boundary_of
from shuzi.serve.openapi import POSTED, problems, request_body
from shuzi.serve.problems import Problem
from shuzi.serve.task import Task

LONG = 100_000  # bytes of strokes that take long to read: more than a page full of digits

Model = Annotated[schemas.Model, Query(description="the network, or softmax regression")]
Single = Annotated[bool, Query(description="the whole picture is one digit")]
PageNumber = Annotated[int, Query(ge=1, le=1_000_000, description="which page of a TIFF or a PDF, from 1")]
Detail = Annotated[bool, Query(description="with the 28x28 that the network saw")]
Decimal = Annotated[
    Literal["", ".", ","], Query(description="the decimal sign of numbers such as 1.234, which leave it open")
]
Gap = Annotated[float | None, Query(ge=0, le=100, description="the widest gap within a number, in widths of a digit")]
Turn = Annotated[bool, Query(description="turn pages that lie on their side or upside down")]
DigitsOnly = Annotated[bool, Query(description="there are no letters: O, I, S, B and Z are digits")]
Index = Annotated[int, Query(ge=0, le=10_000, description="which digit of several, from 0")]

router = APIRouter()


@router.post(
    "/api/read",
    summary="Read the digits of a picture or a drawing",
    responses={200: {"model": schemas.PageAnswer}, **POSTED, **problems(404)},
    openapi_extra=request_body(schemas.Drawing),
)
async def read(
    request: Request,
    context: Shared,
    model: Model = "network",
    single: Single = False,
    detail: Detail = False,
    page: PageNumber = 1,
    decimal: Decimal = "",
    gap: Gap = None,
    turn: Turn = True,
    digits_only: DigitsOnly = False,
) -> Response:
    """The body is a picture (PNG, JPEG, WebP, TIFF, BMP, GIF, PDF), a form with one, or a drawing as JSON strokes.

    curl -F file=@photo.jpg posts a form, curl --data-binary @photo.jpg the picture alone.
    """
    task = Task(
        "read", *_body_kind(request), model=model, single=single, detail=detail, page=page,
        decimal=decimal, gap=gap, turn=turn, digits_only=digits_only,
    )  # fmt: skip
    return await _run(request, context, task)


@router.post(
    "/api/explain",
    summary="Explain the prediction of a digit",
    responses={200: {"model": schemas.EvidenceAnswer}, **POSTED, **problems(404)},
    openapi_extra=request_body(schemas.Image28, schemas.Drawing),
)
async def explain(
    request: Request,
    context: Shared,
    model: Model = "network",
    single: Single = False,
    index: Index = 0,
    page: PageNumber = 1,
) -> Response:
    """The body is a 28x28 as `read` returns it with detail=true, or a picture or drawing as `read` takes it."""
    task = Task("explain", *_body_kind(request), model=model, single=single, index=index, page=page)
    return await _run(request, context, task)


@router.post("/api/picture", include_in_schema=False)
async def picture(request: Request, context: Shared, page: PageNumber = 1) -> Response:
    """A page as every browser shows it, for the drawing page; not part of the API."""
    jpeg = await context.pool.run(Task("picture", page=page), await request.body(), long=True)
    return Response(jpeg, media_type="image/jpeg")


def _body_kind(request: Request) -> tuple[bool, str | None]:
    """Whether a body is JSON, and the boundary of one that is a form."""
    return is_json(request), boundary_of(request.headers.get("content-type", ""))


async def _run(request: Request, context: Context, task: Task) -> Response:
    body = await request.body()
    if not body and not task.json:
        raise Problem(400, "the body is empty; expected a picture, or JSON strokes as application/json.")
    answer = await context.pool.run(task, body, long=not task.json or len(body) > LONG)
    return Response(answer, media_type="application/json")
