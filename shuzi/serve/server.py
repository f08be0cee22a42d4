"""Runs the app: one process or several, on a socket that is bound before anything else is done."""

import contextlib
import errno
import json
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import asdict

import uvicorn
from uvicorn.supervisors import Multiprocess

from shuzi.errors import ShuziError
from shuzi.read.reader import Reader
from shuzi.serve.app import EVERYWHERE, Settings, create_app
from shuzi.serve.guard import LOOPBACK, App

ENVIRONMENT = "SHUZI_SERVE"  # carries the settings to worker processes, as JSON


def from_environment() -> App:
    """The app of a worker process: its settings come by the environment."""
    read = json.loads(os.environ[ENVIRONMENT])
    return create_app(Settings(**read | {"allow_hosts": tuple(read["allow_hosts"])}))


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ShuziError(
            f"{host}:{port} is no address to listen on ({error}); try --host 127.0.0.1."
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


def _quiet(app: App | str, workers: int) -> uvicorn.Config:
    """Runs `app`, or what the function of that name makes, with no log but of faults."""
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=workers,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )


def serve(
    host: str = "127.0.0.1",
    port: int = 8000,
    weights: str | None = None,
    workers: int = 1,
    read_only: bool = False,
    open_browser: bool = True,
    allow_hosts: tuple[str, ...] = (),
    corrections_folder: str | None = None,
    say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
) -> None:
    """Serves the drawing page and its API until Ctrl-C.

    port: 0 takes a free one. allow_hosts: names that a proxy in front of it is reached by. Raises ShuziError when
    the address can't be had, the weights can't be read, or a number is out of range.
    """
    if not 1 <= workers <= 64:
        raise ShuziError(f"--workers {workers}: expected 1 to 64.")
    if not 0 <= port <= 65535:  # the resolver would take it modulo 65,536
        raise ShuziError(f"--port {port}: expected 0 to 65535.")
    listener = _listen(host, port)
    port = listener.getsockname()[1]
    settings = Settings(host, port, weights, workers, read_only, allow_hosts, corrections_folder)
    shown = "127.0.0.1" if host in EVERYWHERE else f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{port}/"
    try:
        if workers == 1:
            config = _quiet(create_app(settings), 1)
        else:
            Reader(weights)  # a fault in the weights is said once, here, not by each worker
            os.environ[ENVIRONMENT] = json.dumps(asdict(settings))
            config = _quiet("shuzi.serve.server:from_environment", workers)
        say(f"shuzi is at {address}   (Ctrl-C ends it)")
        if host not in LOOPBACK and not read_only:
            say("Others in your network can reach it and store corrections; --read-only stores none.")
        if open_browser:
            threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):  # the way to end it, once all is closed
            if workers == 1:
                uvicorn.Server(config).run(sockets=[listener])
            else:
                Multiprocess(config, sockets=[listener]).run()
    finally:
        listener.close()
