"""The drawing page and its HTTP API as an ASGI app."""

import asyncio
import base64
import contextlib
import json
import secrets
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path as Folder
from typing import Annotated, Any, cast

import numpy as np
from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse

from shuzi.errors import ShuziError
from shuzi.serve import answers as api
from shuzi.serve import corrections, learn, samples
from shuzi.serve.guard import LARGEST, App, Guard, Problem
from shuzi.serve.questions import Question
from shuzi.serve.readers import Readers
from shuzi.serve.review import Review
from shuzi.serve.settings import EVERYWHERE, Settings
from shuzi.serve.training import EPOCHS, Trainer

STATIC = Folder(__file__).parent / "static"
REVIEW = STATIC.with_name("review_page")  # served where there is something to review
SIDE = 28
LONG = 100_000  # bytes of strokes that take long to read: more than a page full of digits
ONE_IMAGE = 10_000  # bytes of JSON around one 28x28


# ---- requests -------------------------------------------------------------------------------------------------


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _json(answer: Mapping[str, Any] | bytes, status: int = 200) -> Response:
    text = answer if isinstance(answer, bytes) else json.dumps(answer, separators=(",", ":"))
    return Response(text, status, {"Cache-Control": "no-store"}, "application/json")


PICTURE = {
    "schema": {"type": "string", "format": "binary", "description": "a picture of any type the reader takes"}
}


def _body(*kinds: type[BaseModel], pictures: bool = True) -> dict[str, Any]:
    """OpenAPI's words for a body that the endpoint parses itself."""
    schemas = [kind.model_json_schema() for kind in kinds]
    content: dict[str, Any] = {
        "application/json": {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}
    }
    if pictures:
        content |= {"image/*": PICTURE, "application/octet-stream": PICTURE}
    return {"requestBody": {"required": True, "content": content}}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    words = {
        400: "The request can't be understood.",
        403: "From a foreign page, or the server is read-only.",
        404: "There is no such thing.",
        408: "The upload took too long.",
        409: "Not now: a training is under way, or none has ended.",
        413: f"More than {LARGEST:,} bytes.",
        415: "No such type of body.",
        421: "For a host that this server does not answer for.",
        422: "Not what was expected; the detail says what was found.",
        503: "Too much at once; Retry-After says when to try again.",
        507: "The correction can't be written.",
    }
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    media = {"application/problem+json": {"schema": schema}}
    return {
        status: {"description": words[status], "content": media} for status in (400, 403, 421, 503, *statuses)
    }


POSTED = _problems(400, 408, 413, 415, 422)
Which = Annotated[api.Model, Query(description="the network, or softmax regression")]
Single = Annotated[bool, Query(description="the whole picture is one digit")]
PageNumber = Annotated[int, Query(ge=1, le=1_000_000, description="which page of a TIFF or a PDF, from 1")]
Detail = Annotated[bool, Query(description="with the 28x28 that the network saw")]


def _add_reading(app: FastAPI, readers: Readers) -> None:
    async def ask(request: Request, **asked: Any) -> Response:  # noqa: ANN401
        question = Question(json=_is_json(request), **asked)
        body = await request.body()
        if not body and not question.json:
            raise Problem(400, "the body is empty; expected a picture, or JSON strokes as application/json.")
        return _json(await readers.ask(question, body, long=not question.json or len(body) > LONG))

    @app.post(
        "/api/read",
        summary="Digits of a picture or a drawing",
        responses={200: {"model": api.PageAnswer}, **POSTED, **_problems(404)},
        openapi_extra=_body(api.Drawing),
    )
    async def read(
        request: Request,
        model: Which = "network",
        single: Single = False,
        detail: Detail = False,
        page: PageNumber = 1,
    ) -> Response:
        """The body is one picture (PNG, JPEG, WebP, TIFF, BMP, GIF, PDF), or a drawing as JSON strokes."""
        return await ask(request, about="read", model=model, single=single, detail=detail, page=page)

    @app.post(
        "/api/explain",
        summary="Why a digit is read as it is",
        responses={200: {"model": api.EvidenceAnswer}, **POSTED, **_problems(404)},
        openapi_extra=_body(api.Image28, api.Drawing),
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


def _add_corrections(app: FastAPI, settings: Settings, readers: Readers, shown: samples.Samples) -> None:
    folder = _folder(settings)

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
        responses={201: {"model": api.Kept}, **POSTED, **_problems(507)},
        openapi_extra=_body(api.Correction, pictures=False),
    )
    async def correct(request: Request) -> Response:
        """Kept as a labelled picture, for `shuzi train best --data`. Test digits and empty sheets are not."""
        to = allowed()
        if not _is_json(request):
            raise Problem(415, "expected application/json with image and label.")
        body = await request.body()
        if len(body) > ONE_IMAGE:
            raise Problem(413, f"a correction has {len(body):,} bytes; at most {ONE_IMAGE:,} are taken.")
        correction = api.parsed(api.Correction, body)
        pixels = base64.b64decode(correction.image)
        if pixels in shown.known:
            raise Problem(
                422, "image: a digit of MNIST's test set; who trains on it can't test with it any more."
            )
        if not json.loads(await readers.ask(Question("ink"), pixels)):
            raise Problem(422, "image: no ink found in it, so nothing can be learnt from it.")
        image = np.frombuffer(pixels, np.uint8).reshape(SIDE, SIDE)
        try:
            kept = await asyncio.to_thread(corrections.keep, to, image, correction.label)
        except ShuziError as error:
            raise unwritten(error) from None
        return _json({"id": kept.id, "label": kept.label, "was": kept.was, "file": kept.file}, 201)

    @app.delete(
        "/api/corrections/{id}",
        summary="Take a correction back",
        status_code=204,
        responses=_problems(404, 408, 413, 422, 507),
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


def _add_review(app: FastAPI, settings: Settings, readers: Readers, shown: samples.Samples) -> None:
    """What its own page asks; no part of the API."""
    if settings.review is None:
        return
    review = Review(Folder(settings.review))

    async def learn_from(zone: bytes, text: str) -> int:
        """Keep the digits of a zone under their labels, if all were found; gives how many."""
        answer = json.loads(await readers.ask(Question("read", detail=True), zone, long=True))
        digits = [digit for number in answer["numbers"] for digit in number["digits"]]
        if (folder := _folder(settings)) is None or len(digits) != len(text):
            return 0
        for digit, label in zip(digits, text, strict=True):
            if (pixels := base64.b64decode(digit["image"])) not in shown.known:
                image = np.frombuffer(pixels, np.uint8).reshape(SIDE, SIDE)
                await asyncio.to_thread(corrections.keep, folder, image, int(label))
        return len(digits)

    @app.get("/review", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(REVIEW / "review.html")

    @app.get("/review.js", include_in_schema=False)
    async def script() -> FileResponse:
        return FileResponse(REVIEW / "review.js")

    @app.get("/api/review", include_in_schema=False)
    async def items() -> Response:
        return _json({"items": [asdict(item) for item in await asyncio.to_thread(review.items)]})

    @app.get("/api/review/zone", include_in_schema=False)
    async def zone(file: str, field: str) -> Response:
        picture = await asyncio.to_thread(review.zone, file, field)
        return Response(picture, headers={"Cache-Control": "no-store"}, media_type="image/png")

    @app.post("/api/review", include_in_schema=False)
    async def put_right(request: Request) -> Response:
        if not _is_json(request):
            raise Problem(415, "expected application/json with file, field and text.")
        asked = api.parsed(api.Reviewed, await request.body())
        text = await asyncio.to_thread(review.write, asked.file, asked.field, asked.text, asked.anyway)
        kept = 0
        with contextlib.suppress(ShuziError, Problem):  # it is written, whether or not it can be learnt from
            kept = await learn_from(await asyncio.to_thread(review.zone, asked.file, asked.field), text)
        return _json({"kept": kept})


def _folder(settings: Settings) -> Folder | None:
    return None if settings.read_only else Folder(settings.corrections or corrections.default_folder())


def _add_about(app: FastAPI, about: dict[str, Any], shown: samples.Samples) -> None:
    generator = np.random.default_rng(secrets.randbits(64))

    @app.get(
        "/api/samples",
        summary="Real test digits",
        responses={200: {"model": api.SamplesAnswer}, **_problems(422)},
    )
    async def some(
        count: Annotated[int, Query(ge=1, le=50)] = 1,
        hard: Annotated[bool, Query(description="those whose label the network finds least likely")] = False,
    ) -> Response:
        """Digits of MNIST's test set (CC BY-SA 3.0), in random order."""
        choice = generator.permutation(np.flatnonzero(shown.hard == hard))[:count]
        return _json(
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

    @app.get("/api/health", summary="Does it answer", responses={200: {"model": api.Health}, **_problems()})
    async def health() -> Response:
        return _json({"status": "ok", "version": about["version"]})

    @app.get("/api/model", summary="What answers here", responses={200: {"model": api.About}, **_problems()})
    async def model() -> Response:
        return _json(about)


BINARY: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}
Seed = Annotated[int, Query(ge=0, le=learn.LAST_SEED)]


def _add_learning(app: FastAPI) -> None:
    def binary(body: bytes, **headers: str) -> Response:
        return Response(body, headers=headers, media_type="application/octet-stream")

    @app.get("/api/learn/set", summary="MNIST to learn from", responses={**BINARY, **_problems(404)})
    async def whole_set() -> Response:
        """Gzipped: two uint32, little-endian, how many to train and test with; a byte a label; 784 bytes an image."""
        packed = await asyncio.to_thread(learn.packed_set)
        return binary(packed, **{"Content-Encoding": "gzip", "Cache-Control": "private, max-age=604800"})

    @app.get("/api/learn/start", summary="Weights to start from", responses={**BINARY, **_problems(422)})
    async def start(seed: Seed = 0) -> Response:
        """Those of `shuzi train softmax-numpy`: float32 W (784, 10) row by row, then b (10,)."""
        return binary(learn.start(seed))

    @app.get("/api/learn/order", summary="The order of an epoch", responses={**BINARY, **_problems(422)})
    async def order(
        seed: Seed = 0,
        count: Annotated[int, Query(ge=1, le=learn.MOST_IMAGES)] = learn.MOST_IMAGES,
        epoch: Annotated[int, Query(ge=1, le=learn.MOST_EPOCHS, description="from 1")] = 1,
    ) -> Response:
        """That of `shuzi train softmax-numpy`: uint32 (count,), each number below count once."""
        return binary(await asyncio.to_thread(learn.order, seed, count, epoch))


def _add_training(app: FastAPI, trainer: Trainer) -> None:
    def answer(status: int = 200) -> Response:
        return _json(asdict(trainer.progress) | {"refused": trainer.refused}, status)

    answers: dict[int | str, dict[str, Any]] = {200: {"model": api.TrainingAnswer}, **_problems(409)}

    @app.get("/api/training", summary="How far training on the corrections is", responses=answers)
    async def progress() -> Response:
        return answer()

    @app.post(
        "/api/training",
        summary="Train the network on the corrections",
        status_code=202,
        responses={202: {"model": api.TrainingAnswer}, **_problems(408, 409, 413, 422)},
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
        responses={202: {"model": api.TrainingAnswer}, **_problems(408, 409, 413)},
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
    folder = _folder(settings)
    return {
        "version": metadata.version("shuzi"),
        "models": models,
        "corrections": folder is not None,
        "folder": str(folder) if folder is not None and settings.private else None,
    }


# ---- the app --------------------------------------------------------------------------------------------------


def _add_problems(app: FastAPI) -> None:
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


class _Documented(FastAPI):
    """FastAPI has its own words for a 422; here every error is a problem document."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made when first asked for."""
        document = super().openapi()
        schemas = document["components"]["schemas"]
        schemas["ProblemDocument"] = api.ProblemDocument.model_json_schema()
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        return document


def create_app(settings: Settings, readers: Readers, about: dict[str, Any], trainer: Trainer) -> Guard:
    """The app of a server. about: what GET /api/model says, `about_server`'s; a training that is kept changes it."""
    shown = samples.load()
    app = _Documented(
        title="shuzi",
        version=about["version"],
        description="Reads handwritten digits. Everything stays on the computer that runs it.",
        docs_url=None,
        redoc_url=None,
    )
    _add_problems(app)
    _add_reading(app, readers)
    _add_corrections(app, settings, readers, shown)
    _add_review(app, settings, readers, shown)
    _add_about(app, about, shown)
    _add_learning(app)
    _add_training(app, trainer)
    _add_pages(app)
    everywhere = settings.host in EVERYWHERE
    return Guard(
        cast(App, app), () if everywhere else (settings.host,), settings.allow_hosts, addresses=everywhere
    )
