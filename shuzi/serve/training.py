"""Further training of the network on the corrections, by the commands that a person would type.

One training at a time, in a process of its own. Its result is used only once somebody accepts it.
"""

import asyncio
import contextlib
import json
import re
import shutil
import sys
import tempfile
import traceback
from asyncio.subprocess import DEVNULL, PIPE, Process
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from shuzi.data import sources
from shuzi.errors import ShuziError
from shuzi.files import write_whole
from shuzi.serve.pool import WorkerPool
from shuzi.serve.problems import Problem
from shuzi.serve.schemas import Accuracies, TrainingAnswer
from shuzi.serve.settings import ServerSettings

RECIPE, EPOCHS, MNIST = "best", 4, "mnist"
NEW_WEIGHTS = "reader.onnx"  # beside the corrections' folder
_EPOCH = re.compile(r"epoch (\d+)/\d+")


class Trainer:
    """Trains on corrections when asked to. progress: of the training that was started last."""

    def __init__(self, settings: ServerSettings, pool: WorkerPool, about: dict[str, Any]) -> None:
        self._pool, self._about = pool, about
        self._base = settings.weights or "reader"
        self._corrections = settings.folder
        self._refused = _refused(settings)
        self.progress = self._begin("idle")
        self._task: asyncio.Task[None] | None = None
        self._folder: Path | None = None

    def start(self, epochs: int = EPOCHS) -> None:
        """Starts a training. Raises Problem 403 where it must not, 409 during one or without corrections."""
        if self._refused:
            raise Problem(403, self._refused)
        if self._task is not None and not self._task.done():
            raise Problem(409, "a training is under way already; wait for it, or stop it.")
        if not any(self._corrections.glob("[0-9]/*.png")):
            raise Problem(409, "there are no corrections to train on yet; correct some results first.")
        self._clear()
        self.progress = self._begin("training", 1, epochs)
        self._task = asyncio.create_task(self._run(epochs))

    async def stop(self) -> None:
        """Stops the training and discards its result. Raises Problem 409 while that is being put to use."""
        if self.progress.state == "keeping":
            raise Problem(409, "the new weights are being put to use.")
        await self.close()
        self.progress = self._begin("idle")

    async def close(self) -> None:
        """Ends whatever is under way."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._clear()

    def keep(self) -> None:
        """Starts to use the new weights, saved as a file. Raises Problem 409 where there are none."""
        if self.progress.state != "done":
            raise Problem(409, "there are no new weights to keep; train first.")
        self.progress.state = "keeping"
        self._task = asyncio.create_task(self._keep())

    def _begin(self, state: Literal["idle", "training"], epoch: int = 0, epochs: int = 0) -> TrainingAnswer:
        unknown = dict.fromkeys(("error", "before", "after", "file"))
        return TrainingAnswer(state=state, epoch=epoch, epochs=epochs, refused=self._refused, **unknown)

    async def _keep(self) -> None:
        progress, folder, file = self.progress, self._folder, self._corrections.parent / NEW_WEIGHTS
        assert folder is not None  # "done"
        try:
            write_whole(file, (folder / NEW_WEIGHTS).read_bytes())
            self._about["models"] = await self._pool.use(str(file))
            progress.state, progress.file, self._base = "kept", str(file), str(file)
        except Exception as error:
            progress.state, progress.error = "failed", f"{file} can't be used ({_reason(error)})."
        finally:
            self._clear()

    def _clear(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None

    async def _run(self, epochs: int) -> None:
        progress, data = self.progress, self._corrections
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="shuzi-"))
            run, weights, data = (self._folder / name for name in ("run", NEW_WEIGHTS, "corrections"))
            # a copy: corrections that arrive meanwhile would change what is measured
            await asyncio.to_thread(_copy, self._corrections, data)
            await self._command(
                "train", RECIPE, "--data", data, "--start", self._base, "--epochs", epochs, "--out", run
            )
            progress.state = "measuring"
            await self._command("export", run, "--out", weights)
            progress.before = await self._accuracies(self._base, data)
            progress.after = await self._accuracies(weights, data)
            progress.state = "done"
        except Exception as error:
            reason = _reason(error).replace(str(data), str(self._corrections))
            progress.state, progress.error = "failed", f"{reason}."
            self._clear()

    async def _accuracies(self, weights: str | Path, corrections: Path) -> Accuracies:
        async def accuracy(data: str | Path) -> float:
            printed = await self._command("evaluate", weights, "--data", data, "--json")
            return float(json.loads(printed)["accuracy"])

        here = len(await asyncio.to_thread(sources.find_local, MNIST)) == len(sources.NAMES)
        return Accuracies(own=await accuracy(corrections), mnist=await accuracy(MNIST) if here else None)

    async def _command(self, *arguments: object) -> str:
        """The stdout of a shuzi command; counts its epochs as they end. Raises ShuziError with its last line."""
        code = f"import sys; sys.path[:] = {sys.path!r}; from shuzi.cli import main; main()"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, *map(str, arguments),
            stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            printed, last = await asyncio.gather(process.stdout.read(), self._follow(process))  # type: ignore[union-attr]
            if await process.wait():
                raise ShuziError(last.removeprefix("shuzi: "))
            return printed.decode()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    async def _follow(self, process: Process) -> str:
        """The last line that a command prints to stderr."""
        last = ""
        async for line in process.stderr:  # type: ignore[union-attr]
            last = line.decode(errors="replace").strip() or last
            if ended := _EPOCH.match(last):
                self.progress.epoch = min(int(ended[1]) + 1, self.progress.epochs)
        return last


def _copy(corrections: Path, to: Path) -> None:
    for picture in corrections.glob("[0-9]/*.png"):
        (to / picture.parent.name).mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
            shutil.copy(picture, to / picture.parent.name)


def _reason(error: Exception) -> str:
    """Why a training failed, without a full stop. Prints a traceback of an unexpected error."""
    if isinstance(error, OSError):
        return f"the system refuses: {error.strerror or error}"
    if isinstance(error, ShuziError):
        return str(error).rstrip(".")
    traceback.print_exception(error)
    return "the server failed; its terminal says why"


def _refused(settings: ServerSettings) -> str | None:
    """Why this server doesn't train, or None."""
    if settings.read_only:
        return "this server is read-only and doesn't train."
    if not settings.private:
        return "this server trains only where nobody else can ask it: on 127.0.0.1, without --allow-host."
    if find_spec("torch") is None:
        return "training needs torch; in the folder of shuzi's source, install it with: pip install '.[train]'."
    return None
