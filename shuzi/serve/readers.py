"""The server's side of the processes that read: a few of them, each asked one thing at a time."""

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import asdict
from typing import Any

from shuzi.errors import ShuziError
from shuzi.serve.guard import Problem
from shuzi.serve.questions import ANSWER, QUESTION, Question

AGAIN = 1.0  # seconds before another is started after one that would not
_RUN = "import sys; sys.path[:] = {path!r}; from shuzi.serve.worker import main; main({weights!r}, {count})"


class Readers:
    """Processes that read. Work that is given up, at a deadline or when its client is gone, is killed.

    Each process that ends, for whatever reason, is replaced as soon as the system lets us start another.
    weights: an ONNX network, None for the shipped one; count: processes. Where there are several, pictures leave one
    of them free for drawings, whose answers are awaited stroke by stroke.
    """

    def __init__(self, weights: str | None, count: int) -> None:
        self._code = _RUN.format(path=sys.path, weights=weights, count=count)
        self._count = count
        self._idle: asyncio.LifoQueue[Process] = asyncio.LifoQueue()
        self._pictures = asyncio.Semaphore(max(1, count - 1))
        self._ready: set[Process] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._complaint = ""  # said last, so that it is not said every second
        self._first: Process | None = None

    @property
    def ready(self) -> int:
        """How many processes can read, idle or at work."""
        return sum(process.returncode is None for process in self._ready)

    async def start(self) -> None:
        """Begins the first process; `about` awaits it. Raises ShuziError where the system starts none."""
        try:
            self._first = await _spawn(self._code)
        except OSError as error:
            raise ShuziError(_not_started(error)) from error

    async def about(self) -> dict[str, Any]:
        """What the models are (answers.Models), once one process is ready; begins the others.

        Raises ShuziError when they can't be had.
        """
        assert self._first is not None  # start
        about = await _greeting(self._first)
        first, self._first = self._first, None
        self._keep(first)
        return about

    async def ask(self, question: Question, body: bytes, long: bool = False) -> bytes:
        """The answer to a question: JSON, or a picture. long: it may take a while. Raises Problem."""
        async with self._pictures if long else contextlib.nullcontext():
            process = await self._taken()
            try:
                status, said = await _asked(process, question, body)
            except BaseException as error:
                _kill(process)
                if isinstance(error, ConnectionError | asyncio.IncompleteReadError):
                    raise Problem(500, "the process that read this crashed; try another picture.") from None
                raise
            self._idle.put_nowait(process)
        if status != 200:
            raise Problem(status, said.decode())
        return said

    async def use(self, weights: str) -> dict[str, Any]:
        """Reads with other weights from now on; what the models are then.

        Raises ShuziError where they can't be read, and OSError where no process can be started: then nothing changes.
        """
        code = _RUN.format(path=sys.path, weights=weights, count=self._count)
        first = await _spawn(code)
        taken: list[Process] = []
        try:
            about = await _greeting(first)
            while len(taken) < self._count:
                taken.append(await self._taken())  # so that none is in the middle of an answer
        except BaseException:
            for process in taken:
                self._idle.put_nowait(process)
            await _end(first)
            raise
        await self._end_keepers()
        self._code = code
        self._keep(first)
        return about

    async def close(self) -> None:
        """Ends all of them, whatever they are at."""
        await self._end_keepers()
        if self._first is not None:
            await _end(self._first)

    async def _taken(self) -> Process:
        while (process := await self._idle.get()).returncode is not None:
            pass  # it ended while it was idle, and has been replaced
        return process

    def _keep(self, first: Process) -> None:
        """Keeps `count` processes from now on, the first of which is ready."""
        self._offer(first)
        given = [first, *[None] * (self._count - 1)]
        self._keepers = [asyncio.create_task(self._keeper(each)) for each in given]

    async def _end_keepers(self) -> None:
        for task in self._keepers:
            task.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def _keeper(self, process: Process | None) -> None:
        """Keeps one process that reads: when it ends, another is started. process: the first, ready, if there is."""
        while True:
            try:
                if process is None:
                    process = await _spawn(self._code)
                    await _greeting(process)
                    self._offer(process)
                await process.wait()
            except (OSError, ShuziError) as error:
                self._complain(error)
                await asyncio.sleep(AGAIN)
            finally:
                if process is not None:
                    self._ready.discard(process)
                    await _end(process)
            process = None

    def _offer(self, process: Process) -> None:
        self._complaint = ""
        self._ready.add(process)
        self._idle.put_nowait(process)

    def _complain(self, error: OSError | ShuziError) -> None:
        """Says on the terminal why no process reads, once."""
        said = _not_started(error) if isinstance(error, OSError) else str(error)
        if said != self._complaint:
            print(f"shuzi: {said}", file=sys.stderr, flush=True)
        self._complaint = said


def _not_started(error: OSError) -> str:
    return f"a process that reads can't be started ({error.strerror or error}); close other programs."


async def _spawn(code: str) -> Process:
    # In a session of its own: Ctrl-C on the terminal is for the server, which lets requests finish.
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdin=PIPE, stdout=PIPE, start_new_session=True
    )


async def _greeting(process: Process) -> dict[str, Any]:
    """What the models of a process are, as it says once it is ready. Raises ShuziError where it can't read."""
    try:
        status, said = await _heard(process)
    except (ConnectionError, asyncio.IncompleteReadError):
        raise ShuziError(
            "a process that reads ended before it was ready; see above, and try again."
        ) from None
    if status != 200:
        raise ShuziError(said.decode())
    about: dict[str, Any] = json.loads(said)
    return about


def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()


async def _end(process: Process) -> None:
    _kill(process)
    await process.wait()


async def _asked(process: Process, question: Question, body: bytes) -> tuple[int, bytes]:
    assert process.stdin is not None  # PIPE
    head = json.dumps(asdict(question)).encode()
    process.stdin.writelines((QUESTION.pack(len(head), len(body)), head, body))
    await process.stdin.drain()
    return await _heard(process)


async def _heard(process: Process) -> tuple[int, bytes]:
    assert process.stdout is not None  # PIPE
    status, length = ANSWER.unpack(await process.stdout.readexactly(ANSWER.size))
    return status, await process.stdout.readexactly(length)
