"""Downloads that work wherever pip's do: the system's certificates, proxies, and what pip is told in its files."""

from __future__ import annotations

import ast
import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit, urlunsplit

from shuzi.errors import ShuziError

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS, READ_SECONDS = 5, 30  # a source that is silent for longer is passed over
PIP_SECONDS = 30  # for pip to tell its settings; it takes half a one
TRIES = 2
MOST_BYTES = 100_000_000  # of a download; the largest takes 12 million
PIECE = 1 << 16
T = TypeVar("T")
logger = logging.getLogger(__name__)


class Progress(Protocol):
    """How far a download is: `total` bytes (0: unknown), `update(count)` as they arrive."""

    total: int

    def update(self, count: int, /) -> None: ...  # noqa: D102
    def reset(self) -> None: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


NewProgress = Callable[[str], Progress]


@dataclass(frozen=True)
class Settings:
    """What pip is told: the addresses of its indexes, the first one first; a proxy; a file of certificates."""

    indexes: tuple[str, ...]
    proxy: str | None = None
    certificates: str | None = None


def pip_settings() -> Settings:
    """Give pip's settings, from its files and the environment (PIP_INDEX_URL and the like), as pip itself puts them."""
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    command = [sys.executable, "-m", "pip", "config", "list"]
    try:
        told = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=PIP_SECONDS
        ).stdout
    except (OSError, subprocess.SubprocessError):
        told = ""
    names = ("index-url", "extra-index-url", "proxy", "cert")
    said = {
        name: os.environ.get(f"PIP_{name.upper().replace('-', '_')}", "") for name in names
    }  # if there is no pip
    # what is told later goes before: of all commands, of those that fetch, of the environment
    for section in ("global", "install", "download", ":env:"):
        for line in told.splitlines():
            key, _, value = line.partition("=")
            if key in [f"{section}.{name}" for name in names]:
                said[key.removeprefix(f"{section}.")] = _unquoted(key, value)
    indexes = [said["index-url"] or PYPI_SIMPLE_ENDPOINT, *said["extra-index-url"].split()]
    web = tuple(dict.fromkeys(index for index in indexes if index.startswith(("http://", "https://"))))
    return Settings(web, said["proxy"] or None, said["cert"] or None)


def _unquoted(key: str, value: str) -> str:
    """The text of a Python literal, as `pip config list` prints settings; empty where it is none."""
    try:
        return str(ast.literal_eval(value))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        logger.warning("pip's setting %s can't be parsed and is ignored", key)
        return ""


def session(settings: Settings) -> requests.Session:
    """Give what asks for pages: it trusts whom the system trusts, and goes through the proxy pip goes through."""
    import ssl

    import requests
    import truststore
    from requests.adapters import HTTPAdapter

    class System(HTTPAdapter):
        """Trusts the system's certificates beside those that Python brings."""

        def init_poolmanager(self, *args: Any, **more: Any) -> None:  # noqa: ANN401
            super().init_poolmanager(*args, ssl_context=context, **more)

        def proxy_manager_for(self, *args: Any, **more: Any) -> Any:  # noqa: ANN401
            return super().proxy_manager_for(*args, ssl_context=context, **more)

    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asks = requests.Session()
    asks.mount("https://", System())
    if settings.proxy:
        asks.proxies = {"http": settings.proxy, "https": settings.proxy}
    if settings.certificates:
        asks.verify = settings.certificates
    return asks


def twice(ask: Callable[[], T]) -> T:
    """Give what `ask` gives, at the second try if not at the first. Raises what it raises at the last."""
    import requests

    for _ in range(TRIES - 1):
        with contextlib.suppress(requests.RequestException):
            return ask()
    return ask()


def download(asks: requests.Session, address: str, title: str, progress: NewProgress | None) -> bytes:
    """Give what lies at an address, asked for twice.

    Raises:
        ShuziError: it is larger than anything we want.
        requests.RequestException: it can't be had.
    """
    bar = progress(title) if progress else None

    def once() -> bytes:
        data = bytearray()
        with asks.get(address, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)) as answer:
            answer.raise_for_status()
            if bar:
                bar.reset()
                bar.total = int(answer.headers.get("Content-Length", 0))
            for piece in answer.iter_content(PIECE):
                data += piece
                if len(data) > MOST_BYTES:
                    raise ShuziError(f"sends more than {MOST_BYTES:,} bytes")
                if bar:
                    bar.update(len(piece))
        return bytes(data)

    try:
        return twice(once)
    finally:
        if bar:
            bar.close()


def from_index(
    asks: requests.Session, index: str, project: str, archive: str, progress: NewProgress | None
) -> bytes:
    """Give one file of a project on a Python package index.

    Raises:
        ShuziError: the project has no such file.
        requests.RequestException: the index or the file can't be had.
    """
    from pypi_simple import PyPISimple

    client = PyPISimple(index, session=asks)
    page = twice(lambda: client.get_project_page(project, timeout=(CONNECT_SECONDS, READ_SECONDS)))
    address = next((package.url for package in page.packages if package.filename == archive), None)
    if address is None:
        raise ShuziError(f"has no {archive}")
    return download(asks, _with_password(address, index), archive, progress)


def _with_password(address: str, index: str) -> str:
    """An address, with the name and the password of the index if it is on the same host."""
    at, ours = urlsplit(address), urlsplit(index)
    same = (at.scheme, at.hostname, at.port) == (ours.scheme, ours.hostname, ours.port)
    return urlunsplit(at._replace(netloc=ours.netloc)) if same else address
