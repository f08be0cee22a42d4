"""What the server is and has: its health, its models, its sample digits, and MNIST for the learning page."""

import asyncio
import secrets
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from shuzi.serve import learn, schemas
from shuzi.serve.context import Shared
from shuzi.serve.openapi import problems
from shuzi.serve.problems import RETRY, Problem

Count = Annotated[int, Query(ge=1, le=50)]
Hard = Annotated[bool, Query(description="only digits whose label the network finds least likely")]
BINARY = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}

router = APIRouter()
_generator = np.random.default_rng(secrets.randbits(64))


@router.get("/api/samples", summary="Test digits", responses=problems(422))
async def samples(context: Shared, count: Count = 1, hard: Hard = False) -> schemas.SamplesAnswer:
    """Digits of MNIST's test set (CC BY-SA 3.0), in random order."""
    shown = context.samples
    chosen = _generator.permutation(np.flatnonzero(shown.hard == hard))[:count]
    rows = zip(shown.index[chosen].tolist(), shown.labels[chosen].tolist(), shown.images[chosen], strict=True)
    return schemas.SamplesAnswer(
        samples=[schemas.Sample(index=i, label=k, image=schemas.encode(image)) for i, k, image in rows]
    )


@router.get("/api/health", summary="Health", responses=problems())
async def health(context: Shared) -> schemas.Health:
    """Answers 503 while no process can read."""
    if not context.pool.ready:
        raise Problem(503, "no process can read at the moment; try again in a second.", RETRY)
    return schemas.Health(status="ok", version=context.about["version"])


@router.get("/api/model", summary="The models", responses={200: {"model": schemas.About}, **problems()})
async def model(context: Shared) -> Response:
    """Both models, and whether corrections are saved."""
    return JSONResponse(context.about)


@router.get("/api/learn/set", summary="MNIST to learn from", responses={200: BINARY, **problems(404)})
async def dataset() -> Response:
    """Gzipped: two uint32, little-endian, the numbers of training and test images; their labels; their images."""
    headers = {"Content-Encoding": "gzip", "Cache-Control": "private, max-age=604800"}
    body = await asyncio.to_thread(learn.packed_set)
    return Response(body, headers=headers, media_type="application/octet-stream")
