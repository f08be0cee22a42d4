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

AGAIN = 1.0  # seconds before a process that would not start is tried again
_RUN = "import sys; sys.path[:] = {path!r}; from shuzi.serve.worker import main; main({weights!r})"


class Readers:
    """Processes that read. Work that is given up, at a deadline or when its client is gone, is killed.

    weights: an ONNX network, None for the shipped one; count: processes. Where there are several, pictures leave one
    of them free for drawings, whose answers are awaited stroke by stroke.
    """

    def __init__(self, weights: str | None, count: int) -> None:
        self._code = _RUN.format(path=sys.path, weights=weights)
        self._count = count
        self._idle: asyncio.LifoQueue[Process] = asyncio.LifoQueue()
        self._pictures = asyncio.Semaphore(max(1, count - 1))
        self._all: set[Process] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._closed = False

    async def start(self) -> None:
        """Begins the first process; `about` awaits it."""
        self._first = await self._spawn()

    async def about(self) -> dict[str, Any]:
        """What the models are (answers.Models), once one process is ready; begins the others.

        Raises ShuziError when they can't be had.
        """
        status, said = await _heard(self._first)
        if status != 200:
            raise ShuziError(said.decode())
        self._idle.put_nowait(self._first)
        for _ in range(self._count - 1):
            self._begin(None)
        about: dict[str, Any] = json.loads(said)
        return about

    async def ask(self, question: Question, body: bytes, long: bool = False) -> bytes:
        """The answer to a question, JSON. long: it may take a while. Raises Problem."""
        async with self._pictures if long else contextlib.nullcontext():
            process = await self._idle.get()
            while process.returncode is not None:  # somebody killed it
                self._begin(process)
                process = await self._idle.get()
            try:
                status, said = await _asked(process, question, body)
            except (ConnectionError, asyncio.IncompleteReadError):
                self._begin(process)
                raise Problem(500, "reading this ended the process that read it; try another.") from None
            except BaseException:
                self._begin(process)
                raise
            self._idle.put_nowait(process)
        if status != 200:
            raise Problem(status, said.decode())
        return said

    async def use(self, weights: str) -> dict[str, Any]:
        """Reads with other weights from now on; what the models are then. Raises Problem where they can't be read."""
        before, self._code = self._code, _RUN.format(path=sys.path, weights=weights)
        first = await self._spawn()
        status, said = await _heard(first)
        if status != 200:
            self._code = before
            _kill(first)
            raise Problem(status, said.decode())
        old = [await self._idle.get() for _ in range(self._count)]  # none is in the middle of an answer
        self._idle.put_nowait(first)
        _kill(old[0])
        for each in old[1:]:
            self._begin(each)
        about: dict[str, Any] = json.loads(said)
        return about

    async def close(self) -> None:
        """Ends all of them, whatever they are at."""
        self._closed = True
        for task in self._starting:
            task.cancel()
        for process in self._all:
            _kill(process)
        await asyncio.gather(*(process.wait() for process in self._all))

    async def _spawn(self) -> Process:
        # In a session of its own: Ctrl-C on the terminal is for the server, which lets requests finish.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", self._code, stdin=PIPE, stdout=PIPE, start_new_session=True
        )
        self._all.add(process)
        return process

    def _begin(self, instead_of: Process | None) -> None:
        """Starts a process beside the present work, instead of one that is killed."""
        if instead_of is not None:
            _kill(instead_of)
        if self._closed:
            return
        task = asyncio.create_task(self._replace(instead_of))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _replace(self, old: Process | None) -> None:
        while True:
            if old is not None:
                await old.wait()
                self._all.discard(old)
            old = await self._spawn()
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                status, said = await _heard(old)
                if status == 200:
                    return self._idle.put_nowait(old)
                print(f"shuzi: {said.decode()}", file=sys.stderr, flush=True)
            _kill(old)
            await asyncio.sleep(AGAIN)


def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()


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
