"""Runs the app on a socket that is bound before anything else is done."""

import asyncio
import contextlib
import errno
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.loops.auto import auto_loop_factory
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shuzi.errors import ShuziError
from shuzi.serve.guard import LEAVING, LOOPBACK, Guard
from shuzi.serve.readers import Readers
from shuzi.serve.settings import EVERYWHERE, Settings
from shuzi.serve.training import Trainer

metadata.version("fastapi")  # is imported while the readers start, but missed at once

HEADERS_WITHIN = 10.0  # seconds for a request's headers, from the connection's start or the last answer on it
LONGEST_HOST = 253  # letters of a DNS name
LARGEST_HEADERS = 65_536  # bytes
CONNECTIONS = 8_192  # at once, where the system lets us


class _Connection(HttpToolsProtocol):
    """A connection that is closed when it asks nothing, or takes too long or too much to say what it asks."""

    _patience: asyncio.TimerHandle | None = None
    _in_headers = False
    _headers = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._patience:
            self._patience.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._in_headers, self._headers = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_headers = False
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_headers:
            self._headers += len(data)
            if self._headers > LARGEST_HEADERS and not self.transport.is_closing():
                self.send_400_response(f"More than {LARGEST_HEADERS:,} bytes of headers.")

    def _wait(self) -> None:
        if self._patience:
            self._patience.cancel()
        self._patience = self.loop.call_later(HEADERS_WITHIN, self._give_up)

    def _give_up(self) -> None:
        asks = self.cycle is not None and not self.cycle.response_complete
        if not asks and not self.transport.is_closing():
            self.transport.close()


class _Server(uvicorn.Server):
    """Lets requests finish when it is told to end, and answers those that can't."""

    def __init__(self, guard: Guard) -> None:
        super().__init__(
            uvicorn.Config(
                guard,
                http=_Connection,
                ws="none",
                log_level="error",  # it warns of every malformed request, so that anybody could fill the terminal
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=round(LEAVING) + 1,
            )
        )
        self._guard, self._loop = guard, asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._loop.call_soon_threadsafe(self._guard.leave)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, ValueError) as error:  # ValueError: a name that no DNS could hold
        shown = host if len(host) <= LONGEST_HOST else f"{host[:LONGEST_HOST]}..."
        raise ShuziError(
            f"{shown}:{port} is no address to listen on ({error}); try --host 127.0.0.1."
        ) from error
    if os.name != "nt":  # there it would let two servers share the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        other = f'; choose another: "shuzi serve --port {port + 1}"' if port < 65535 else ""
        why = "is taken" if error.errno == errno.EADDRINUSE else f"can't be had ({error.strerror})"
        raise ShuziError(f"port {port} of {host} {why}{other}.") from error
    return listener


def _many_connections() -> None:
    """Lets this process have more open files than the usual 1,024: each connection is one."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, CONNECTIONS)
        if soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


async def _run(settings: Settings, listener: socket.socket, greet: Callable[[], Any]) -> None:
    readers, trainer = Readers(settings.weights, settings.workers), None
    try:
        await readers.start()
        from shuzi.serve.app import (
            about_server,
            create_app,
        )  # takes as long as the first reader's start, beside which it goes

        about = about_server(settings, await readers.about())
        trainer = Trainer(settings, readers, about)
        server = _Server(create_app(settings, readers, about, trainer))
        greet()
        await server.serve(sockets=[listener])
    finally:
        if trainer is not None:
            await trainer.close()
        await readers.close()


def serve(
    host: str = "127.0.0.1",
    port: int = 8000,
    weights: str | None = None,
    workers: int = 2,
    read_only: bool = False,
    open_browser: bool = True,
    allow_hosts: tuple[str, ...] = (),
    corrections_folder: str | None = None,
    review: str | None = None,
    say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
) -> None:
    """Serves the drawing page and its API until Ctrl-C.

    port: 0 takes a free one. workers: processes that read pictures and drawings. allow_hosts: names that a proxy in
    front of it is reached by. review: a CSV file of forms, whose page it opens. Raises ShuziError when the address
    can't be had, the weights or that file can't be read, or a number is out of range.
    """
    if not 1 <= workers <= 64:
        raise ShuziError(f"--workers {workers}: expected 1 to 64.")
    if not 0 <= port <= 65535:  # the resolver would take it modulo 65,536
        raise ShuziError(f"--port {port}: expected 0 to 65535.")
    if review is not None:
        from shuzi.serve.review import Review

        Review(Path(review))  # or it says why not
        if read_only:
            raise ShuziError("--review saves corrections, so it can't be combined with --read-only.")
    listener = _listen(host, port)
    port = listener.getsockname()[1]
    settings = Settings(host, port, weights, workers, read_only, allow_hosts, corrections_folder, review)
    shown = "127.0.0.1" if host in EVERYWHERE else f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{port}/{'' if review is None else 'review'}"

    def greet() -> None:
        say(f"shuzi is at {address}   (Ctrl-C ends it)")
        if review is not None:
            from shuzi.serve.corrections import default_folder

            folder = corrections_folder or default_folder()
            say(
                f"Saved fields are written to {review}; their digits are also kept for training, in {folder}."
            )
        if host not in LOOPBACK and not read_only:
            say("Others in your network can reach it and store corrections; --read-only stores none.")
        if open_browser:
            threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()

    _many_connections()
    try:
        with (
            contextlib.suppress(KeyboardInterrupt),  # the way to end it, once all is closed
            asyncio.Runner(loop_factory=auto_loop_factory(use_subprocess=False)) as runner,
        ):
            runner.run(_run(settings, listener, greet))
    finally:
        listener.close()
