"""What the learning page asks for: MNIST, initial weights, and the order of the images in an epoch."""

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from shuzi.serve import learn
from shuzi.serve.context import Shared
from shuzi.serve.openapi import problems
from shuzi.serve.task import Task

BINARY: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}
Seed = Annotated[int, Query(ge=0, le=learn.LAST_SEED)]
Count = Annotated[int, Query(ge=1, le=learn.MOST_IMAGES)]
Epoch = Annotated[int, Query(ge=1, le=learn.MOST_EPOCHS, description="from 1")]

router = APIRouter(prefix="/api/learn")


@router.get("/set", summary="MNIST to learn from", responses={**BINARY, **problems(404)})
async def dataset() -> Response:
    """Gzipped: two uint32, little-endian, the numbers of training and test images; their labels; their images."""
    headers = {"Content-Encoding": "gzip", "Cache-Control": "private, max-age=604800"}
    return _binary(await asyncio.to_thread(learn.packed_set), headers)


@router.get("/start", summary="Initial weights", responses={**BINARY, **problems(422)})
async def start(seed: Seed = 0) -> Response:
    """Those of `shuzi train softmax-numpy`: float32 W (784, 10) row by row, then b (10,)."""
    return _binary(learn.start(seed))


@router.get("/order", summary="The order of the images in an epoch", responses={**BINARY, **problems(422)})
async def order(
    context: Shared, seed: Seed = 0, count: Count = learn.MOST_IMAGES, epoch: Epoch = 1
) -> Response:
    """That of `shuzi train softmax-numpy`: uint32 (count,), each number below count once."""
    arguments = {"seed": seed, "count": count, "epoch": epoch}
    return _binary(await context.pool.run(Task("order"), json.dumps(arguments).encode(), long=True))


def _binary(body: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(body, headers=headers, media_type="application/octet-stream")
