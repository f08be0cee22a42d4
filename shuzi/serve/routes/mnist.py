"""MNIST, for the learning page."""

import asyncio

from fastapi import APIRouter, Response

from shuzi.serve import learn
from shuzi.serve.openapi import problems

BINARY = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}

router = APIRouter(prefix="/api/learn")


@router.get("/set", summary="MNIST to learn from", responses={200: BINARY, **problems(404)})
async def dataset() -> Response:
    """Gzipped: two uint32, little-endian, the numbers of training and test images; their labels; their images."""
    headers = {"Content-Encoding": "gzip", "Cache-Control": "private, max-age=604800"}
    body = await asyncio.to_thread(learn.packed_set)
    return Response(body, headers=headers, media_type="application/octet-stream")
