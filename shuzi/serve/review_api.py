"""The endpoints of the review page, which are no part of the documented API."""

import asyncio
import base64
import contextlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from fastapi import FastAPI, Request, Response
from starlette.responses import FileResponse

from shuzi.errors import ShuziError
from shuzi.read.normalise import SIDE
from shuzi.serve import answers as api
from shuzi.serve import corrections
from shuzi.serve.guard import Problem
from shuzi.serve.http import is_json, json_response
from shuzi.serve.questions import Question
from shuzi.serve.readers import Readers
from shuzi.serve.review import Review
from shuzi.serve.samples import Samples
from shuzi.serve.settings import Settings

PAGE = Path(__file__).parent / "review_page"  # served where there is something to review


def add_review(app: FastAPI, settings: Settings, readers: Readers, shown: Samples) -> None:
    """Adds the endpoints to the app, where the settings name a file to review."""
    if settings.review is None:
        return
    review = Review(Path(settings.review))

    async def zone_of(file: str, field: str) -> bytes:
        asked = {"table": str(review.path), "file": file, "field": field}
        return await readers.ask(Question("zone"), json.dumps(asked).encode(), long=True)

    async def learn_from(zone: bytes, text: str) -> int:
        """Keep the digits of a zone under their labels, if all were found; gives how many."""
        answer = json.loads(await readers.ask(Question("read", detail=True), zone, long=True))
        digits = [digit for number in answer["numbers"] for digit in number["digits"]]
        if (folder := corrections.folder_of(settings)) is None or len(digits) != len(text):
            return 0
        for digit, label in zip(digits, text, strict=True):
            if (pixels := base64.b64decode(digit["image"])) not in shown.known:
                image = np.frombuffer(pixels, np.uint8).reshape(SIDE, SIDE)
                await asyncio.to_thread(corrections.keep, folder, image, int(label))
        return len(digits)

    @app.get("/review", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "review.html")

    @app.get("/review.js", include_in_schema=False)
    async def script() -> FileResponse:
        return FileResponse(PAGE / "review.js")

    @app.get("/api/review", include_in_schema=False)
    async def items() -> Response:
        return json_response({"items": [asdict(item) for item in await asyncio.to_thread(review.items)]})

    @app.get("/api/review/zone", include_in_schema=False)
    async def zone(file: str, field: str) -> Response:
        return Response(
            await zone_of(file, field), headers={"Cache-Control": "no-store"}, media_type="image/png"
        )

    @app.post("/api/review", include_in_schema=False)
    async def put_right(request: Request) -> Response:
        if not is_json(request):
            raise Problem(415, "expected application/json with file, field and text.")
        asked = api.parsed(api.Reviewed, await request.body())
        text = await asyncio.to_thread(review.write, asked.file, asked.field, asked.text, asked.anyway)
        kept = 0
        with contextlib.suppress(ShuziError, Problem):  # it is written, whether or not it can be learnt from
            kept = await learn_from(await zone_of(asked.file, asked.field), text)
        return json_response({"kept": kept})
