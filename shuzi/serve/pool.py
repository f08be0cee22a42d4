"""The processes that read, as the server sees them: a few of them, each at one task at a time.

concurrent.futures has no way to end a task that runs too long, or whose client is gone, together with its process.
"""

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any

from shuzi.errors import ShuziError
from shuzi.serve.problems import Problem
from shuzi.serve.task import RESULT, TASK, Task

RETRY_AFTER = 1.0  # seconds until another start after one that failed
_CODE = "import sys; sys.path[:] = {path!r}; from shuzi.serve.worker import main; main({weights!r}, {count})"


class WorkerPool:
    """Processes that read. Kills work that is given up, at a deadline or when its client is gone.

    Replaces each process that ends, for whatever reason, as soon as the system can start another.
    There are `count` of them from the first `use` on. Where there are several, pictures leave one of them free for
    drawings, whose answers are awaited stroke by stroke.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._idle: asyncio.LifoQueue[Process] = asyncio.LifoQueue()
        self._long = asyncio.Semaphore(max(1, count - 1))
        self._ready: set[Process] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._complaint = ""  # the last one, which is not repeated every second

    @property
    def ready(self) -> int:
        """How many processes can read, idle or at work."""
        return sum(process.returncode is None for process in self._ready)

    async def run(self, task: Task, body: bytes, long: bool = False) -> bytes:
        """The result of a task: JSON, or a picture. long: it may take a while. Raises Problem."""
        async with self._long if long else contextlib.nullcontext():
            process = await self._take()
            try:
                status, result = await _run(process, task, body)
            except BaseException as error:
                _kill(process)
                if isinstance(error, ConnectionError | asyncio.IncompleteReadError):
                    raise Problem(500, "reading this picture crashed the reader; try another picture.") from None
                raise
            self._idle.put_nowait(process)
        if status != 200:
            raise Problem(status, result.decode())
        return result

    async def use(self, weights: str | None) -> dict[str, Any]:
        """Reads with these weights from now on, an ONNX network, None for the shipped one.

        Returns what the models are (schemas.ModelsAbout), once one process is ready. Raises ShuziError where they can't
        be loaded, or no process can be started: then nothing changes.
        """
        code = _CODE.format(path=sys.path, weights=weights, count=self._count)
        first = await _spawn(code)
        taken: list[Process] = []
        try:
            about = await _greeting(first)
            while len(taken) < len(self._keepers):
                taken.append(await self._take())  # so that none is in the middle of an answer
        except BaseException:
            for process in taken:
                self._idle.put_nowait(process)
            await _end(first)
            raise
        await self.close()
        self._offer(first)
        processes = [first, *[None] * (self._count - 1)]
        self._keepers = [asyncio.create_task(self._keeper(code, each)) for each in processes]
        return about

    async def close(self) -> None:
        """Ends all processes, whatever they are doing."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def _take(self) -> Process:
        while (process := await self._idle.get()).returncode is not None:
            pass  # it ended while it was idle, and has been replaced
        return process

    async def _keeper(self, code: str, process: Process | None) -> None:
        """Keeps one process running: starts another when it ends. process: the first, if it is ready."""
        while True:
            try:
                if process is None:
                    process = await _spawn(code)
                    await _greeting(process)
                    self._offer(process)
                await process.wait()
            except ShuziError as error:
                self._complain(str(error))
                await asyncio.sleep(RETRY_AFTER)
            finally:
                if process is not None:
                    self._ready.discard(process)
                    await _end(process)
            process = None

    def _offer(self, process: Process) -> None:
        self._complaint = ""
        self._ready.add(process)
        self._idle.put_nowait(process)

    def _complain(self, complaint: str) -> None:
        """Says on the terminal why no process reads, once."""
        if complaint != self._complaint:
            print(f"shuzi: {complaint}", file=sys.stderr, flush=True)
        self._complaint = complaint


async def _spawn(code: str) -> Process:
    """A new process. Raises ShuziError where the system starts none."""
    try:
        # In a session of its own: Ctrl-C on the terminal is for the server, which lets requests finish.
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stdin=PIPE, stdout=PIPE, start_new_session=True
        )
    except OSError as error:
        reason = error.strerror or error
        raise ShuziError(f"a process that reads can't be started ({reason}); close other programs.") from error


async def _greeting(process: Process) -> dict[str, Any]:
    """What the models of a process are, which it says once it is ready. Raises ShuziError where it can't read."""
    try:
        status, result = await _result(process)
    except (ConnectionError, asyncio.IncompleteReadError):
        raise ShuziError("a process that reads ended before it was ready; see above, and try again.") from None
    if status != 200:
        raise ShuziError(result.decode())
    return json.loads(result)


def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()


async def _end(process: Process) -> None:
    _kill(process)
    await process.wait()


async def _run(process: Process, task: Task, body: bytes) -> tuple[int, bytes]:
    assert process.stdin is not None  # PIPE
    head = json.dumps(vars(task)).encode()
    process.stdin.writelines((TASK.pack(len(head), len(body)), head, body))
    await process.stdin.drain()
    return await _result(process)


async def _result(process: Process) -> tuple[int, bytes]:
    assert process.stdout is not None  # PIPE
    status, length = RESULT.unpack(await process.stdout.readexactly(RESULT.size))
    return status, await process.stdout.readexactly(length)
