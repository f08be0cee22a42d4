"""The drawing page and its HTTP API as an ASGI app."""

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse

from shuzi.errors import ShuziError
from shuzi.read.normalise import SIDE
from shuzi.read.reader import Page
from shuzi.serve import answers as api
from shuzi.serve import corrections, samples
from shuzi.serve.evidence import SOFTMAX, occlusion
from shuzi.serve.guard import IN_FLIGHT, LARGEST, App, Guard, Problem
from shuzi.serve.models import Models

STATIC = Path(__file__).parent / "static"
FEW = 20  # strokes read without leaving the event loop: some 5 ms, and a thread's turn costs one itself
READERS = 2  # threads that read pictures: OpenCV and the network run beside Python
EVERYWHERE = ("0.0.0.0", "::")  # what a server binds to for all its addresses
Body = TypeVar("Body", bound=BaseModel)
T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """What a server is started with.

    host, port: where it listens; weights: an ONNX network, None for the shipped one; read_only: nothing is stored;
    allow_hosts: names it answers for besides loopback's; corrections: their folder, None for the user's data folder.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    weights: str | None = None
    workers: int = 1
    read_only: bool = False
    allow_hosts: tuple[str, ...] = ()
    corrections: str | None = None


def _image(posted: api.Image28) -> np.ndarray:
    return np.frombuffer(base64.b64decode(posted.image), np.uint8).reshape(SIDE, SIDE)


# ---- requests -------------------------------------------------------------------------------------------------


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _parsed(kind: type[Body], body: bytes) -> Body:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise Problem(422, _first_fault(error.errors())) from None


def _first_fault(errors: Sequence[Any]) -> str:
    where = ".".join(str(part) for part in errors[0]["loc"]) or "body"
    return f"{where}: {errors[0]['msg']}."


def _json(answer: Mapping[str, Any], status: int = 200) -> Response:
    text = json.dumps(answer, separators=(",", ":"))
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
        404: "There is no such digit.",
        408: "The upload took too long.",
        413: f"More than {LARGEST:,} bytes.",
        415: "No such type of body.",
        421: "For a host that this server does not answer for.",
        422: "Not what was expected; the detail says what was found.",
        503: "Too much at once; Retry-After says when to try again.",
        507: "The correction can't be written.",
    }
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    media = {"application/problem+json": {"schema": schema}}
    return {status: {"description": words[status], "content": media} for status in (403, 421, 503, *statuses)}


POSTED = _problems(400, 408, 413, 415, 422)
Which = Annotated[api.Model, Query(description="the network, or softmax regression")]
Single = Annotated[bool, Query(description="the whole picture is one digit")]
Detail = Annotated[bool, Query(description="with the 28x28 that the network saw")]


class Readers:
    """A few threads for the work of a request, with a bounded queue before them."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="read")
        self._waiting = 0

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, done beside the event loop. Raises Problem 503 when too much is waiting."""
        if self._waiting >= IN_FLIGHT:
            raise Problem(503, "too many pictures are waiting; try again in a second.", {"Retry-After": "1"})
        self._waiting += 1
        loop = asyncio.get_running_loop()
        future = self._pool.submit(work)
        # Counted until the thread is done: a deadline ends the waiting for it, not the work.
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._done))
        return await asyncio.wrap_future(future)

    def _done(self) -> None:
        self._waiting -= 1


def _add_reading(app: FastAPI, models: Models, readers: Readers) -> None:
    async def page_of(request: Request, model: str, single: bool) -> Page:
        body = await request.body()
        if _is_json(request):
            drawing = _parsed(api.Drawing, body)
            if len(drawing.strokes) > FEW:
                return await readers.run(lambda: models.read_drawing(drawing, model, single))
            return models.read_drawing(drawing, model, single)
        if not body:
            raise Problem(400, "the body is empty; expected a picture, or JSON strokes as application/json.")
        return await readers.run(lambda: models.read_picture(body, model, single))

    @app.post(
        "/api/read",
        summary="Digits of a picture or a drawing",
        responses={200: {"model": api.PageAnswer}, **POSTED},
        openapi_extra=_body(api.Drawing),
    )
    async def read(
        request: Request, model: Which = "network", single: Single = False, detail: Detail = False
    ) -> Response:
        """The body is one picture (PNG, JPEG, WebP, TIFF, BMP, GIF), or a drawing as JSON strokes."""
        return _json(api.page_answer(await page_of(request, model, single), model, detail))

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
    ) -> Response:
        """The body is a 28x28 as `read` gives it with detail=true, or a picture or drawing as `read` takes it."""
        body = await request.body()
        if _is_json(request) and b'"image"' in body[:64]:
            image = _image(_parsed(api.Image28, body))
        else:
            digits = (await page_of(request, model, single)).digits
            if index >= len(digits):
                raise Problem(404, f"there is no digit {index}: {len(digits)} were found, counted from 0.")
            image = digits[index].image
        return Response(
            await readers.run(lambda: _evidence(models, model, image)), media_type="application/json"
        )


def _evidence(models: Models, model: str, image: np.ndarray) -> str:
    why = models.softmax.evidence(image) if model == "softmax" else occlusion(models.reader, image)
    answer = {
        "model": model,
        "method": "exact" if why.bias is not None else "occlusion",
        "logits": np.round(why.logits.astype(float), 5).tolist(),
        "bias": None if why.bias is None else np.round(why.bias.astype(float), 5).tolist(),
        "maps": np.round(why.maps.reshape(10, -1).astype(float), 5).tolist(),
    }
    return json.dumps(answer, separators=(",", ":"))


def _add_corrections(app: FastAPI, folder: Path | None, readers: Readers) -> None:
    @app.post(
        "/api/corrections",
        summary="Put a wrong answer right",
        status_code=201,
        responses={201: {"model": api.Kept}, **POSTED, **_problems(507)},
        openapi_extra=_body(api.Correction, pictures=False),
    )
    async def correct(request: Request) -> Response:
        """Kept as a labelled picture on this computer, for `shuzi train best --data`."""
        if folder is None:
            raise Problem(403, "this server is read-only: it keeps no corrections.")
        if not _is_json(request):
            raise Problem(415, "expected application/json with image and label.")
        correction = _parsed(api.Correction, await request.body())
        image = _image(correction)
        try:
            file = await readers.run(lambda: corrections.keep(folder, image, correction.label))
        except ShuziError as error:
            raise Problem(507, str(error)) from None
        return _json({"label": correction.label, "file": str(file)}, 201)


def _add_about(app: FastAPI, about: dict[str, Any]) -> None:
    shown = samples.load()
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


def _about(models: Models, folder: Path | None) -> dict[str, Any]:
    weights = Path(models.reader.path)
    cards = sorted(weights.parent.glob("*.md"))
    version = metadata.version("shuzi")
    network = weights.read_bytes()
    return {
        "version": version,
        "models": {
            "network": {
                "name": models.reader.name,
                "version": getattr(models.reader, "version", version),
                "sha256": hashlib.sha256(network).hexdigest(),
                "bytes": len(network),
                "threshold": models.reader.threshold,
                "card": cards[0].read_text("utf-8") if cards else "",
            },
            "softmax": {
                "name": "softmax",
                "version": version,
                "sha256": hashlib.sha256(SOFTMAX.read_bytes()).hexdigest(),
                "bias": np.round(models.softmax.b.astype(float), 5).tolist(),
                "templates": np.round(models.softmax.templates().reshape(10, -1).astype(float), 5).tolist(),
            },
        },
        "corrections": None if folder is None else str(folder),
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
        return answer(Problem(422, _first_fault(error.errors())))

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


def create_app(settings: Settings) -> App:
    """The app of one server process. Raises ShuziError when the weights can't be read."""
    folder = None if settings.read_only else Path(settings.corrections or corrections.default_folder())
    models = Models(settings.weights)
    about = _about(models, folder)
    app = _Documented(
        title="shuzi",
        version=about["version"],
        description="Reads handwritten digits. Everything stays on the computer that runs it.",
        docs_url=None,
        redoc_url=None,
    )
    readers = Readers()
    _add_problems(app)
    _add_reading(app, models, readers)
    _add_corrections(app, folder, readers)
    _add_about(app, about)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(STATIC / "docs.html")

    app.mount("/", StaticFiles(directory=STATIC, html=True))
    everywhere = settings.host in EVERYWHERE
    return Guard(app, () if everywhere else (settings.host,), settings.allow_hosts, addresses=everywhere)
