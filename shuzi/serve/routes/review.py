"""The review page and its endpoints, which are no part of the documented API."""

import asyncio
import contextlib
import json
from dataclasses import asdict
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from shuzi.errors import ShuziError
from shuzi.serve import corrections, schemas
from shuzi.serve.context import Context, Shared, expect_json
from shuzi.serve.problems import Problem
from shuzi.serve.review import Review, open_review
from shuzi.serve.task import Task

PAGE = Path(__file__).parents[1] / "review_page"

router = APIRouter(include_in_schema=False)  # of servers with a file to review alone


@router.get("/review")
async def page() -> FileResponse:
    """The review page."""
    return FileResponse(PAGE / "review.html")


@router.get("/review.js")
async def script() -> FileResponse:
    """Its script."""
    return FileResponse(PAGE / "review.js")


@router.get("/api/review")
async def fields(context: Shared) -> Response:
    """The uncertain fields, in the file's order."""
    found = await asyncio.to_thread(_review(context).uncertain)
    return JSONResponse({"items": [asdict(field) for field in found]})


@router.get("/api/review/zone")
async def zone(context: Shared, file: str, field: str) -> Response:
    """The part of a picture that holds a field."""
    return Response(await _zone(context, file, field), media_type="image/png")


@router.post("/api/review")
async def correct(request: Request, context: Shared) -> Response:
    """Saves what a field holds, and its digits for training if all of them were found."""
    expect_json(request, "file, field and text")
    field = schemas.parse(schemas.ReviewedField, await request.body())
    digits = await asyncio.to_thread(_review(context).write, field.file, field.field, field.text, field.anyway)
    kept = 0
    with contextlib.suppress(ShuziError, Problem):  # it is written, whether or not it can be learnt from
        kept = await _keep_digits(context, await _zone(context, field.file, field.field), digits)
    return JSONResponse({"kept": kept})


def _review(context: Context) -> Review:
    assert context.settings.review is not None  # or these endpoints are not there
    return open_review(Path(context.settings.review), context.settings.decimal)


async def _zone(context: Context, file: str, field: str) -> bytes:
    where = {"table": context.settings.review, "file": file, "field": field}
    return await context.pool.run(Task("zone"), json.dumps(where).encode(), long=True)


async def _keep_digits(context: Context, zone: bytes, text: str) -> int:
    """Saves the digits of a zone as corrections, if there are as many as in the text; their number."""
    page = json.loads(await context.pool.run(Task("read", detail=True), zone, long=True))
    digits = [digit for number in page["numbers"] for digit in number["digits"]]
    if len(digits) != len(text):
        return 0
    for digit, label in zip(digits, text, strict=True):
        if (image := schemas.decode(digit["image"])).tobytes() not in context.samples.known:
            await asyncio.to_thread(corrections.save, context.settings.folder, image, int(label))
    return len(digits)
