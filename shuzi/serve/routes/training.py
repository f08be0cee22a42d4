"""Training the network further on the corrections."""

from typing import Annotated

from fastapi import APIRouter, Query

from shuzi.serve.context import Shared
from shuzi.serve.openapi import problems
from shuzi.serve.schemas import TrainingAnswer
from shuzi.serve.training import EPOCHS

router = APIRouter(prefix="/api/training")


@router.get("", summary="Progress of training", responses=problems(409))
async def progress(context: Shared) -> TrainingAnswer:
    """The training that was started last."""
    return context.trainer.progress


@router.post(
    "", summary="Train the network on the corrections", status_code=202, responses=problems(408, 409, 413, 422)
)
async def train(context: Shared, epochs: Annotated[int, Query(ge=1, le=100)] = EPOCHS) -> TrainingAnswer:
    """As `shuzi train best --start reader` does, then tested before and after. One at a time, only on loopback."""
    context.trainer.start(epochs)
    return context.trainer.progress


@router.delete("", summary="Stop training, or discard its result", responses=problems(409))
async def stop(context: Shared) -> TrainingAnswer:
    """Nothing is left of it."""
    await context.trainer.stop()
    return context.trainer.progress


@router.post("/keep", summary="Use the new weights", status_code=202, responses=problems(408, 409, 413))
async def keep(context: Shared) -> TrainingAnswer:
    """Writes them beside the corrections' folder; start with `shuzi serve --weights` to use them again."""
    context.trainer.keep()
    return context.trainer.progress
