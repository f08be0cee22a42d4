"""Corrections: saved for training, and deleted again."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path as Folder
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Request, Response

from shuzi.errors import ShuziError
from shuzi.serve import corrections, schemas
from shuzi.serve.context import Context, Shared, expect_json
from shuzi.serve.openapi import POSTED, problems, request_body
from shuzi.serve.problems import Problem
from shuzi.serve.task import Task

LARGEST = 10_000  # bytes of JSON around one 28x28

T = TypeVar("T")
Id = Annotated[str, Path(pattern=schemas.ID, description="as returned when it was saved")]
router = APIRouter()


@router.post(
    "/api/corrections",
    summary="Save a correction",
    status_code=201,
    responses=POSTED | problems(507),
    openapi_extra=request_body(schemas.Correction, pictures=False),
)
async def correct(request: Request, context: Shared) -> schemas.CorrectionAnswer:
    """Saves a labelled picture for `shuzi train best --data`. Refuses blank pictures and the page's own samples.

    The samples, of `GET /api/samples`, are from MNIST's test set. Its other digits are not recognised.
    """
    folder = _folder(context)
    expect_json(request, "image and label")
    body = await request.body()
    if len(body) > LARGEST:
        raise Problem(413, f"a correction has {len(body):,} bytes; the limit is {LARGEST:,}.")
    correction = schemas.parse(schemas.Correction, body)
    image = schemas.decode(correction.image)
    if image.tobytes() in context.samples.known:
        raise Problem(422, "image: this digit is from MNIST's test set; training on it would spoil the test.")
    if not json.loads(await context.pool.run(Task("ink"), image.tobytes())):
        raise Problem(422, "image: no ink found in it, so there is nothing to learn from.")
    return await _write(context, lambda: corrections.save(folder, image, correction.label))


@router.delete(
    "/api/corrections/{id}", summary="Delete a correction", status_code=204, responses=problems(404, 408, 413, 422, 507)
)
async def drop(context: Shared, id: Id) -> Response:
    """Deletes the picture."""
    folder = _folder(context)
    if not await _write(context, lambda: corrections.delete(folder, id)):
        raise Problem(404, f"there is no correction {id}.")
    return Response(status_code=204)


def _folder(context: Context) -> Folder:
    if context.settings.read_only:
        raise Problem(403, "this server is read-only and saves no corrections.")
    return context.settings.folder


async def _write(context: Context, write: Callable[[], T]) -> T:
    """What a write returns. Raises Problem 507, which names no paths to people at other computers."""
    try:
        return await asyncio.to_thread(write)
    except ShuziError as error:
        if context.settings.private:
            raise Problem(507, f"{str(error).rstrip('.')}.") from None
        print(f"shuzi: {error}", file=sys.stderr, flush=True)
        raise Problem(507, "the correction can't be saved; the server's terminal says why.") from None
