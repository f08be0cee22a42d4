"""The drawing page and its HTTP API as an ASGI app."""

import asyncio
import base64
import json
import secrets
import sys
from dataclasses import asdict
from importlib import metadata
from pathlib import Path as Folder
from typing import Annotated, Any, cast

import numpy as np
from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.staticfiles import StaticFiles
from starlette.responses import FileResponse

from shuzi.errors import ShuziError
from shuzi.read.normalise import SIDE
from shuzi.serve import answers as api
from shuzi.serve import corrections, learn, samples
from shuzi.serve.guard import RETRY, App, Guard, Problem
from shuzi.serve.http import answer_problems, is_json, json_response
from shuzi.serve.openapi import POSTED, Documented, problems, request_body
from shuzi.serve.questions import Question
from shuzi.serve.readers import Readers
from shuzi.serve.reading import add_reading
from shuzi.serve.review_api import add_review
from shuzi.serve.settings import EVERYWHERE, Settings
from shuzi.serve.training import EPOCHS, Trainer

STATIC = Folder(__file__).parent / "static"
ONE_IMAGE = 10_000  # bytes of JSON around one 28x28


def _add_corrections(app: FastAPI, settings: Settings, readers: Readers, shown: samples.Samples) -> None:
    folder = corrections.folder_of(settings)

    def allowed() -> Folder:
        if folder is None:
            raise Problem(403, "this server is read-only: it keeps no corrections.")
        return folder

    def unwritten(error: ShuziError) -> Problem:
        if settings.private:
            return Problem(507, f"{str(error).rstrip('.')}.")
        print(f"shuzi: {error}", file=sys.stderr, flush=True)
        return Problem(507, "the correction can't be written; the server's terminal says why.")

    @app.post(
        "/api/corrections",
        summary="Put a wrong answer right",
        status_code=201,
        responses={201: {"model": api.Kept}, **POSTED, **problems(507)},
        openapi_extra=request_body(api.Correction, pictures=False),
    )
    async def correct(request: Request) -> Response:
        """Keeps a labelled picture for `shuzi train best --data`. Refuses blank pictures and the page's own samples.

        The samples, of `GET /api/samples`, are from MNIST's test set. Its other digits are not recognised.
        """
        to = allowed()
        if not is_json(request):
            raise Problem(415, "expected application/json with image and label.")
        body = await request.body()
        if len(body) > ONE_IMAGE:
            raise Problem(413, f"a correction has {len(body):,} bytes; at most {ONE_IMAGE:,} are taken.")
        correction = api.parsed(api.Correction, body)
        pixels = base64.b64decode(correction.image)
        if pixels in shown.known:
            raise Problem(
                422,
                "image: a sample digit of this page, from MNIST's test set; training on it would spoil the test.",
            )
        if not json.loads(await readers.ask(Question("ink"), pixels)):
            raise Problem(422, "image: no ink found in it, so nothing can be learnt from it.")
        image = np.frombuffer(pixels, np.uint8).reshape(SIDE, SIDE)
        try:
            kept = await asyncio.to_thread(corrections.keep, to, image, correction.label)
        except ShuziError as error:
            raise unwritten(error) from None
        return json_response({"id": kept.id, "label": kept.label, "was": kept.was, "file": kept.file}, 201)

    @app.delete(
        "/api/corrections/{id}",
        summary="Take a correction back",
        status_code=204,
        responses=problems(404, 408, 413, 422, 507),
    )
    async def drop(
        id: Annotated[str, Path(pattern=api.ID, description="as it was given when kept")],
    ) -> Response:
        """The picture is deleted."""
        try:
            if not await asyncio.to_thread(corrections.drop, allowed(), id):
                raise Problem(404, f"no correction {id} is kept.")
        except ShuziError as error:
            raise unwritten(error) from None
        return Response(status_code=204)


def _add_about(app: FastAPI, readers: Readers, about: dict[str, Any], shown: samples.Samples) -> None:
    generator = np.random.default_rng(secrets.randbits(64))

    @app.get(
        "/api/samples",
        summary="Real test digits",
        responses={200: {"model": api.SamplesAnswer}, **problems(422)},
    )
    async def some(
        count: Annotated[int, Query(ge=1, le=50)] = 1,
        hard: Annotated[bool, Query(description="those whose label the network finds least likely")] = False,
    ) -> Response:
        """Digits of MNIST's test set (CC BY-SA 3.0), in random order."""
        choice = generator.permutation(np.flatnonzero(shown.hard == hard))[:count]
        return json_response(
            {
                "samples": [
                    {
                        "index": int(shown.index[i]),
                        "label": int(shown.labels[i]),
                        "image": api.encoded(shown.images[i]),
                    }
                    for i in choice
                ]
            }
        )

    @app.get("/api/health", summary="Does it answer", responses={200: {"model": api.Health}, **problems()})
    async def health() -> Response:
        """Answers 503 while no process can read."""
        if not readers.ready:
            raise Problem(503, "no process can read at the moment; try again in a second.", RETRY)
        return json_response({"status": "ok", "version": about["version"]})

    @app.get("/api/model", summary="What answers here", responses={200: {"model": api.About}, **problems()})
    async def model() -> Response:
        return json_response(about)


BINARY: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}
Seed = Annotated[int, Query(ge=0, le=learn.LAST_SEED)]


def _add_learning(app: FastAPI, readers: Readers) -> None:
    def binary(body: bytes, **headers: str) -> Response:
        return Response(body, headers=headers, media_type="application/octet-stream")

    @app.get("/api/learn/set", summary="MNIST to learn from", responses={**BINARY, **problems(404)})
    async def whole_set() -> Response:
        """Gzipped: two uint32, little-endian, how many to train and test with; a byte a label; 784 bytes an image."""
        packed = await asyncio.to_thread(learn.packed_set)
        return binary(packed, **{"Content-Encoding": "gzip", "Cache-Control": "private, max-age=604800"})

    @app.get("/api/learn/start", summary="Weights to start from", responses={**BINARY, **problems(422)})
    async def start(seed: Seed = 0) -> Response:
        """Those of `shuzi train softmax-numpy`: float32 W (784, 10) row by row, then b (10,)."""
        return binary(learn.start(seed))

    @app.get("/api/learn/order", summary="The order of an epoch", responses={**BINARY, **problems(422)})
    async def order(
        seed: Seed = 0,
        count: Annotated[int, Query(ge=1, le=learn.MOST_IMAGES)] = learn.MOST_IMAGES,
        epoch: Annotated[int, Query(ge=1, le=learn.MOST_EPOCHS, description="from 1")] = 1,
    ) -> Response:
        """That of `shuzi train softmax-numpy`: uint32 (count,), each number below count once."""
        asked = {"seed": seed, "count": count, "epoch": epoch}
        return binary(await readers.ask(Question("order"), json.dumps(asked).encode(), long=True))


def _add_training(app: FastAPI, trainer: Trainer) -> None:
    def answer(status: int = 200) -> Response:
        return json_response(asdict(trainer.progress) | {"refused": trainer.refused}, status)

    answers: dict[int | str, dict[str, Any]] = {200: {"model": api.TrainingAnswer}, **problems(409)}

    @app.get("/api/training", summary="How far training on the corrections is", responses=answers)
    async def progress() -> Response:
        return answer()

    @app.post(
        "/api/training",
        summary="Train the network on the corrections",
        status_code=202,
        responses={202: {"model": api.TrainingAnswer}, **problems(408, 409, 413, 422)},
    )
    async def train(epochs: Annotated[int, Query(ge=1, le=100)] = EPOCHS) -> Response:
        """As `shuzi train best --start reader` does, then tested before and after. One at a time, on loopback alone."""
        trainer.start(epochs)
        return answer(202)

    @app.delete("/api/training", summary="Stop it, or drop what came of it", responses=answers)
    async def stop() -> Response:
        await trainer.stop()
        return answer()

    @app.post(
        "/api/training/keep",
        summary="Read with the new weights",
        status_code=202,
        responses={202: {"model": api.TrainingAnswer}, **problems(408, 409, 413)},
    )
    async def keep() -> Response:
        """They are written beside the corrections' folder; `shuzi serve --weights` takes them."""
        trainer.keep()
        return answer(202)


def _add_pages(app: FastAPI) -> None:
    @app.get("/learn", include_in_schema=False)
    async def learning() -> FileResponse:
        return FileResponse(STATIC / "learn.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(STATIC / "docs.html")

    app.mount("/", StaticFiles(directory=STATIC, html=True))


def about_server(settings: Settings, models: dict[str, Any]) -> dict[str, Any]:
    """What answers here (answers.About). models: what the readers say they are."""
    folder = corrections.folder_of(settings)
    return {
        "version": metadata.version("shuzi"),
        "models": models,
        "corrections": folder is not None,
        "folder": str(folder) if folder is not None and settings.private else None,
    }


def create_app(settings: Settings, readers: Readers, about: dict[str, Any], trainer: Trainer) -> Guard:
    """The app of a server. about: what GET /api/model says, `about_server`'s; a training that is kept changes it."""
    shown = samples.load()
    app = Documented(
        title="shuzi",
        version=about["version"],
        description="Reads handwritten digits. Everything stays on the computer that runs it.",
        docs_url=None,
        redoc_url=None,
    )
    answer_problems(app)
    add_reading(app, readers)
    _add_corrections(app, settings, readers, shown)
    add_review(app, settings, readers, shown)
    _add_about(app, readers, about, shown)
    _add_learning(app, readers)
    _add_training(app, trainer)
    _add_pages(app)
    everywhere = settings.host in EVERYWHERE
    return Guard(
        cast(App, app), () if everywhere else (settings.host,), settings.allow_hosts, addresses=everywhere
    )
