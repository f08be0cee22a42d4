"""Files from a Python package index: from whichever index, proxy and certificates pip is set to use."""

from __future__ import annotations

import ast
import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from shuzi.data import web
from shuzi.errors import ShuziError

if TYPE_CHECKING:
    import requests

PIP_SECONDS = 30  # for pip to print its settings; it takes half a second
OPTIONS = ("index-url", "extra-index-url", "proxy", "cert")
SECTIONS = ("global", "install", "download", ":env:")  # later ones override earlier ones


@dataclass(frozen=True)
class PipSettings:
    """pip's settings: the addresses of its indexes, in order; a proxy; a file of certificates."""

    indexes: tuple[str, ...]
    proxy: str | None = None
    certificates: str | None = None


def pip_settings() -> PipSettings:
    """Return pip's settings from its files and the environment; what can't be parsed is ignored."""
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    options = {name: os.environ.get(f"PIP_{name.upper().replace('-', '_')}", "") for name in OPTIONS}
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = ""
    with contextlib.suppress(OSError, subprocess.SubprocessError):  # there may be no pip
        answer = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=PIP_SECONDS)
        listed = answer.stdout
    values = dict(line.split("=", 1) for line in listed.splitlines() if "=" in line)
    for section in SECTIONS:
        for name in OPTIONS:
            with contextlib.suppress(KeyError, ValueError, SyntaxError, MemoryError, RecursionError):
                options[name] = str(ast.literal_eval(values[f"{section}.{name}"]))
    indexes = [options["index-url"] or PYPI_SIMPLE_ENDPOINT, *options["extra-index-url"].split()]
    unique = dict.fromkeys(index for index in indexes if index.startswith(("http://", "https://")))
    return PipSettings(tuple(unique), options["proxy"] or None, options["cert"] or None)


def download(
    session: requests.Session, index: str, project: str, file: str, progress: web.Progress | None = None
) -> bytearray:
    """Return one file of a project on a package index.

    Raises:
        ShuziError: the project has no such file.
        requests.RequestException: the index can't be reached or the download failed.
    """
    from pypi_simple import PyPISimple

    client, timeout = PyPISimple(index, session=session), (web.CONNECT_SECONDS, web.READ_SECONDS)
    page = web.retry(lambda: client.get_project_page(project, timeout=timeout))
    address = next((urlsplit(each.url) for each in page.packages if each.filename == file), None)
    if address is None:
        raise ShuziError(f"has no {file}")
    ours = urlsplit(index)
    if (address.scheme, address.hostname, address.port) == (ours.scheme, ours.hostname, ours.port):
        address = address._replace(netloc=ours.netloc)  # with the index's name and password
    return web.download(session, urlunsplit(address), file, progress)
