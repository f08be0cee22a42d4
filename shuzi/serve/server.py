"""Runs the app on a socket that is bound before anything else is done."""

import asyncio
import contextlib
import errno
import importlib
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from h11 import IDLE, LocalProtocolError
from uvicorn.loops.auto import auto_loop_factory
from uvicorn.protocols.http.h11_impl import H11Protocol

from shuzi.errors import ShuziError
from shuzi.serve.pool import WorkerPool
from shuzi.serve.settings import ANY_ADDRESS, LOOPBACK, SHUTDOWN, ServerSettings

metadata.version("fastapi")  # is imported while the workers start, but its absence is reported at once

HEADERS_WITHIN = 10  # seconds for a request's headers, from the connection's start or the last answer on it
LONGEST_HOST = 253  # letters of a DNS name
LARGEST_HEADERS = 65_536  # bytes
CONNECTIONS = 8_192  # at once, where the system lets us


class _Connection(H11Protocol):
    """uvicorn's keep-alive limit, from the connection's start until a request's headers are complete.

    uvicorn itself starts it after the first answer and ends it at a request's first byte.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        clock, self.timeout_keep_alive_task = self.timeout_keep_alive_task, None
        super().data_received(data)
        if self.conn.their_state is IDLE:
            self.timeout_keep_alive_task = clock
        elif clock is not None:
            clock.cancel()

    def send_400_response(self, msg: str) -> None:
        """Closes a connection on which an answer has begun, where uvicorn fails and says so on the terminal."""
        with contextlib.suppress(LocalProtocolError):
            super().send_400_response(msg)
        self.transport.close()


class _Server(uvicorn.Server):
    """Calls `stop` when it is told to end; uvicorn itself would cut off requests that don't finish in time."""

    def __init__(self, app: Callable[..., Any], stop: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Connection,
                ws="none",
                log_level="error",  # it warns of every malformed request, so that anybody could fill the terminal
                access_log=False,
                server_header=False,
                timeout_keep_alive=HEADERS_WITHIN,
                h11_max_incomplete_event_size=LARGEST_HEADERS,
                timeout_graceful_shutdown=round(SHUTDOWN) + 1,
            )
        )
        self._stop, self._loop = stop, asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._loop.call_soon_threadsafe(self._stop)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, ValueError) as error:  # ValueError: a name that no DNS could hold
        shown = host if len(host) <= LONGEST_HOST else f"{host[:LONGEST_HOST]}..."
        raise ShuziError(f"can't listen on {shown}:{port} ({error}). Try --host 127.0.0.1.") from error
    both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
    try:
        return socket.create_server(address, family=family, backlog=2048, dualstack_ipv6=both)
    except OSError as error:
        other = f'; choose another: "shuzi serve --port {port + 1}"' if port < 65535 else ""
        reason = os.strerror(error.errno or errno.EIO)
        why = "is taken" if error.errno == errno.EADDRINUSE else f"can't be used ({reason})"
        raise ShuziError(f"port {port} of {host} {why}{other}.") from error


def _allow_connections() -> None:
    """Lets this process have more open files than the usual 1,024: each connection is one."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, CONNECTIONS)
        if soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


async def _run(settings: ServerSettings, listener: socket.socket, greet: Callable[[], Any]) -> None:
    pool, trainer = WorkerPool(settings.workers), None
    try:
        importing = asyncio.to_thread(importlib.import_module, "shuzi.serve.app")  # as long as the first worker's start
        models, _ = await asyncio.gather(pool.use(settings.weights), importing)
        from shuzi.serve.app import about_server, create_app
        from shuzi.serve.training import Trainer

        about = about_server(settings, models)
        trainer = Trainer(settings, pool, about)
        app = create_app(settings, pool, about, trainer)
        server = _Server(app, app.stop)
        greet()
        await server.serve(sockets=[listener])
    finally:
        if trainer is not None:
            await trainer.close()
        await pool.close()


def _address(settings: ServerSettings, port: int) -> str:
    host = settings.host
    shown = "127.0.0.1" if host in ANY_ADDRESS else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/{'' if settings.review is None else 'review'}"


def greeting(settings: ServerSettings, address: str) -> Iterator[str]:
    """The lines that say where the server is and what it saves."""
    yield f"shuzi is at {address}   (press Ctrl-C to stop)"
    if settings.review is not None:
        yield (
            f"Saved fields are written to {settings.review}; "
            f"their digits are also kept for training, in {settings.folder}."
        )
    if settings.host not in LOOPBACK and not settings.read_only:
        yield "Others on your network can open it and save corrections; --read-only saves none."


def serve(settings: ServerSettings, open_browser: bool = True) -> None:
    """Serves the drawing page and its API until Ctrl-C; with settings.review opens the review page.

    Raises ShuziError when the address can't be used, or the weights or the file to review can't be read.
    """
    if settings.review is not None:
        from shuzi.serve.review import open_review

        open_review(Path(settings.review))  # or it says why not
    listener = _listen(settings.host, settings.port)
    address = _address(settings, listener.getsockname()[1])

    def greet() -> None:
        for line in greeting(settings, address):
            print(line, file=sys.stderr, flush=True)
        if open_browser:
            threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()

    _allow_connections()
    try:
        with (
            contextlib.suppress(KeyboardInterrupt),  # the way to end it, once all is closed
            asyncio.Runner(loop_factory=auto_loop_factory(use_subprocess=False)) as runner,
        ):
            runner.run(_run(settings, listener, greet))
    finally:
        listener.close()
