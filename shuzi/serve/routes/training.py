"""Training the network further on the corrections."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from shuzi.serve import schemas
from shuzi.serve.context import Shared
from shuzi.serve.openapi import problems
from shuzi.serve.training import EPOCHS, Trainer

ANSWER = {"model": schemas.TrainingAnswer}
router = APIRouter(prefix="/api/training")


@router.get("", summary="Progress of training", responses={200: ANSWER, **problems(409)})
async def progress(context: Shared) -> Response:
    """The training that was started last."""
    return _progress(context.trainer)


@router.post(
    "",
    summary="Train the network on the corrections",
    status_code=202,
    responses={202: ANSWER, **problems(408, 409, 413, 422)},
)
async def train(context: Shared, epochs: Annotated[int, Query(ge=1, le=100)] = EPOCHS) -> Response:
    """As `shuzi train best --start reader` does, then tested before and after. One at a time, only on loopback."""
    context.trainer.start(epochs)
    return _progress(context.trainer, 202)


@router.delete("", summary="Stop training, or discard its result", responses={200: ANSWER, **problems(409)})
async def stop(context: Shared) -> Response:
    """Nothing is left of it."""
    await context.trainer.stop()
    return _progress(context.trainer)


@router.post(
    "/keep",
    summary="Use the new weights",
    status_code=202,
    responses={202: ANSWER, **problems(408, 409, 413)},
)
async def keep(context: Shared) -> Response:
    """Writes them beside the corrections' folder; start with `shuzi serve --weights` to use them again."""
    context.trainer.keep()
    return _progress(context.trainer, 202)


def _progress(trainer: Trainer, status: int = 200) -> Response:
    return JSONResponse(trainer.progress.model_dump(), status)
