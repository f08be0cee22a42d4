"""The network trained on, from the corrections kept here, by the commands that a person would type.

One training at a time, in a process of its own. What comes of it is used only once somebody keeps it.
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
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from shuzi.data import sources
from shuzi.errors import ShuziError
from shuzi.files import write_whole
from shuzi.serve.corrections import default_folder
from shuzi.serve.guard import Problem
from shuzi.serve.readers import Readers
from shuzi.serve.settings import Settings

RECIPE, EPOCHS, MNIST = "best", 4, "mnist"
KEPT = "reader.onnx"  # beside the corrections' folder
_EPOCH = re.compile(r"epoch (\d+)/\d+")


@dataclass(frozen=True)
class Shares:
    """Shares right, 0..1: of the corrections held back, and of MNIST's test digits where they are on this computer."""

    own: float
    mnist: float | None


@dataclass
class Progress:
    """How far the training is that was begun last. epoch: the one it is in, from 1."""

    state: Literal["idle", "training", "measuring", "done", "keeping", "kept", "failed"] = "idle"
    epoch: int = 0
    epochs: int = 0
    error: str | None = None
    before: Shares | None = None
    after: Shares | None = None
    file: str | None = None


class Failed(Exception):
    """A command that did not go well; its last words."""


class Trainer:
    """Trains on corrections when asked to."""

    def __init__(self, settings: Settings, readers: Readers, about: dict[str, Any]) -> None:
        self._readers, self._about = readers, about
        self._base = settings.weights or "reader"
        self._corrections = Path(settings.corrections or default_folder())
        self.refused = _refused(settings)
        self.progress = Progress()
        self._task: asyncio.Task[None] | None = None
        self._folder: Path | None = None

    @property
    def busy(self) -> bool:
        """Whether it is training or measuring."""
        return self._task is not None and not self._task.done()

    def start(self, epochs: int = EPOCHS) -> None:
        """Begins. Raises Problem 403 where it may not, 409 while one is under way or there is nothing to train on."""
        if self.refused:
            raise Problem(403, self.refused)
        if self.busy:
            raise Problem(409, "a training is under way already; wait for it, or stop it.")
        if not any(self._corrections.glob("[0-9]/*.png")):
            raise Problem(409, "there are no corrections to train on yet; put some answers right first.")
        self._clear()
        self.progress = Progress("training", 1, epochs)
        self._task = asyncio.create_task(self._run(epochs))

    async def stop(self) -> None:
        """Ends what is under way and drops what came of it. Raises Problem 409 while that is being put to use."""
        if self.progress.state == "keeping":
            raise Problem(409, "the new weights are being put to use.")
        await self.close()
        self.progress = Progress()

    async def close(self) -> None:
        """Ends what is under way."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._clear()

    def keep(self) -> None:
        """Begins to read with the new weights, kept as a file. Raises Problem 409 where there are none."""
        if self.progress.state != "done":
            raise Problem(409, "there are no new weights to keep; train first.")
        self.progress.state = "keeping"
        self._task = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        now, made, file = self.progress, self._folder, self._corrections.parent / KEPT
        assert made is not None  # "done"
        try:
            write_whole(file, (made / KEPT).read_bytes())
            self._about["models"] = await self._readers.use(str(file))
            now.state, now.file, self._base = "kept", str(file), str(file)
        except Exception as error:
            now.state, now.error = "failed", f"{file} can't be used ({_reason(error)})."
        finally:
            self._clear()

    def _clear(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None

    async def _run(self, epochs: int) -> None:
        now, data = self.progress, self._corrections
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="shuzi-"))
            run, made, data = self._folder / "run", self._folder / KEPT, self._folder / "corrections"
            # a copy: corrections that arrive meanwhile would change what is measured
            await asyncio.to_thread(_copy, self._corrections, data)
            await self._command(
                "train", RECIPE, "--data", data, "--start", self._base, "--epochs", epochs, "--out", run
            )
            now.state = "measuring"
            await self._command("export", run, "--out", made)
            now.before, now.after = await self._shares(self._base, data), await self._shares(made, data)
            now.state = "done"
        except Exception as error:
            now.state, now.error = "failed", f"{_reason(error)}.".replace(str(data), str(self._corrections))
            self._clear()

    async def _shares(self, what: str | Path, corrections: Path) -> Shares:
        async def right(data: str | Path) -> float:
            said = json.loads(await self._command("evaluate", what, "--data", data, "--json"))
            return float(said["accuracy"])

        here = len(await asyncio.to_thread(sources.find_local, MNIST)) == len(sources.NAMES)
        return Shares(await right(corrections), await right(MNIST) if here else None)

    async def _command(self, *arguments: object) -> str:
        """What a shuzi command prints to stdout; its epochs are noted as they end. Raises Failed."""
        code = f"import sys; sys.path[:] = {sys.path!r}; from shuzi.cli import main; main()"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, *map(str, arguments),
            stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            said, complained = await asyncio.gather(process.stdout.read(), self._listened(process))  # type: ignore[union-attr]
            if await process.wait():
                raise Failed(complained.removeprefix("shuzi: ").rstrip("."))
            return said.decode()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    async def _listened(self, process: Process) -> str:
        last = ""
        async for line in process.stderr:  # type: ignore[union-attr]
            last = line.decode(errors="replace").strip() or last
            if ended := _EPOCH.match(last):
                self.progress.epoch = min(int(ended[1]) + 1, self.progress.epochs)
        return last


def _copy(corrections: Path, to: Path) -> None:
    for picture in corrections.glob("[0-9]/*.png"):
        (to / picture.parent.name).mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # taken back meanwhile
            shutil.copy(picture, to / picture.parent.name)


def _reason(error: Exception) -> str:
    """Why a training failed, without a full stop. An error that nobody foresaw goes to the terminal too."""
    if isinstance(error, OSError):
        return f"the system refuses: {error.strerror or error}"
    if isinstance(error, Failed | ShuziError):
        return str(error).rstrip(".")
    traceback.print_exception(error)
    return "the server met a fault; its terminal says which"


def _refused(settings: Settings) -> str | None:
    """Why this server trains for nobody, or None."""
    if settings.read_only:
        return "this server is read-only: it trains nothing."
    if not settings.private:
        return "this server trains only where nobody else can ask it: on 127.0.0.1, without --allow-host."
    if find_spec("torch") is None:
        return (
            "training needs torch; in the folder of shuzi's source, install it with: pip install '.[train]'."
        )
    return None
