"""The process that reads: tasks come on stdin, results go to stdout, and it ends when stdin does.

A picture is read in a process of its own so that a hostile one costs the server nothing: what takes too long is
killed, what crashes takes nothing with it, and the server's own process is always free to answer.
"""

import contextlib
import json
import os
import queue
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from typing import BinaryIO

from shuzi.cores import cores, on_cores
from shuzi.errors import ShuziError
from shuzi.serve.problems import problem_of
from shuzi.serve.task import RESULT, TASK, Task


def main(weights: str | None, processes: int) -> None:
    """Says what the models are (or why they can't be loaded), then does one task after another.

    processes: how many do so, which share the cores.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides when it ends
    warnings.simplefilter("ignore")  # Pillow warns of damage, which any client can send
    out = _stdout()
    tasks: queue.SimpleQueue[tuple[bytes, bytes]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, tasks), daemon=True).start()
    with contextlib.ExitStack() as shared, contextlib.suppress(BrokenPipeError):  # the server is gone
        try:
            from shuzi.serve.models import ServedModels  # slow, and the server may be gone before it is done

            shared.enter_context(on_cores(max(1, cores() // processes)))
            models = ServedModels(weights)
            about = json.dumps(models.about()).encode()
        except ShuziError as error:
            return _send(out, 422, str(error).encode())
        _send(out, 200, about)
        while True:
            _send(out, *_result(models.run, *tasks.get()))


def _stdout() -> BinaryIO:
    """The real stdout; what a library prints goes to stderr from here on."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def _listen(stdin: BinaryIO, tasks: "queue.SimpleQueue[tuple[bytes, bytes]]") -> None:
    """Takes tasks until the server is gone; then ends the process, whatever it is doing."""
    while len(head := stdin.read(TASK.size)) == TASK.size:
        task, body = TASK.unpack(head)
        tasks.put((stdin.read(task), stdin.read(body)))
    os._exit(0)


def _result(run: Callable[[Task, bytes], bytes], task: bytes, body: bytes) -> tuple[int, bytes]:
    try:
        return 200, run(Task(**json.loads(task)), body)
    except Exception as error:
        problem = problem_of(error)
        if problem.status == 500:
            traceback.print_exc()
        return problem.status, problem.detail.encode()


def _send(out: BinaryIO, status: int, result: bytes) -> None:
    out.write(RESULT.pack(status, len(result)) + result)
    out.flush()
