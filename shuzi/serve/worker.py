"""The process that reads: questions come on stdin, answers go to stdout, and it ends when stdin does.

A picture is read in a process of its own so that a hostile one costs the server nothing: what takes too long is
killed, what breaks takes nobody with it, and the server's own process is always free to answer.
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
from typing import TYPE_CHECKING, BinaryIO

from shuzi.cores import cores, on_cores
from shuzi.errors import ShuziError, SystemFailure
from shuzi.serve.guard import Problem
from shuzi.serve.questions import ANSWER, QUESTION, Question

if TYPE_CHECKING:
    from shuzi.serve.models import Models


def main(weights: str | None, processes: int) -> None:
    """Says what the models are (or why there are none), then answers one question after another.

    processes: how many do so, which share the cores.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides when it ends
    warnings.simplefilter("ignore")  # Pillow warns of damage, which any client can send
    out = _stdout()
    asked: queue.SimpleQueue[tuple[bytes, bytes]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, asked), daemon=True).start()
    with contextlib.ExitStack() as shared, contextlib.suppress(BrokenPipeError):  # the server is gone
        try:
            from shuzi.serve.models import Models  # takes long, and the server may be gone before it is done

            shared.enter_context(on_cores(max(1, cores() // processes)))
            models = Models(weights)
            about = json.dumps(models.about()).encode()
        except ShuziError as error:
            return _send(out, 422, str(error).encode())
        _send(out, 200, about)
        while True:
            _send(out, *_answer(models, *asked.get()))


def _stdout() -> BinaryIO:
    """The real stdout; what a library prints goes to stderr from here on."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def _listen(stdin: BinaryIO, asked: "queue.SimpleQueue[tuple[bytes, bytes]]") -> None:
    """Takes questions until the server is gone; then ends the process, whatever it is at."""
    while len(head := stdin.read(QUESTION.size)) == QUESTION.size:
        question, body = QUESTION.unpack(head)
        asked.put((stdin.read(question), stdin.read(body)))
    os._exit(0)


def _answer(models: "Models", question: bytes, body: bytes) -> tuple[int, bytes]:
    try:
        return 200, models.answer(Question(**json.loads(question)), body)
    except Problem as problem:
        return problem.status, problem.detail.encode()
    except SystemFailure as error:  # of this machine, not of what was sent
        return 503, str(error).encode()
    except ShuziError as error:
        return 422, str(error).encode()
    except Exception:
        traceback.print_exc()
        return 500, b"the server met a fault; its terminal says which."


def _send(out: BinaryIO, status: int, said: bytes) -> None:
    out.write(ANSWER.pack(status, len(said)) + said)
    out.flush()
