"""Downloads with the certificates that the system trusts, and through the proxy that pip uses.

Ours, not pooch's: pooch takes one address per file, no session that trusts the system's certificates, and hashes what
is sent, while the mirrors compress the same file differently.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from shuzi.errors import ShuziError

if TYPE_CHECKING:
    import requests
    from urllib3 import ProxyManager

CONNECT_SECONDS, READ_SECONDS = 5, 30  # a source that is silent for longer is given up
TRIES = 2
MOST_BYTES = 100_000_000  # of a download; the largest takes 12 million
CHUNK = 1 << 16
T = TypeVar("T")

Progress = Callable[[str, int, int], None]
"""Called as a download proceeds: the file's name, the bytes received, the bytes in total (0: unknown)."""


def session(proxy: str | None = None, certificates: str | None = None) -> requests.Session:
    """Return a session that trusts the system's certificates, or those in a file, and uses a proxy if given."""
    import ssl

    import requests
    import truststore
    from requests.adapters import HTTPAdapter

    class SystemTrust(HTTPAdapter):
        """Trusts the system's certificates besides those that Python brings."""

        def init_poolmanager(self, *args: Any, **more: Any) -> None:
            super().init_poolmanager(*args, ssl_context=context, **more)

        def proxy_manager_for(self, *args: Any, **more: Any) -> ProxyManager:
            return super().proxy_manager_for(*args, ssl_context=context, **more)

    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    opened = requests.Session()
    opened.mount("https://", SystemTrust())
    if proxy:
        opened.proxies = {"http": proxy, "https": proxy}
    if certificates:
        opened.verify = certificates
    return opened


def retry(ask: Callable[[], T]) -> T:
    """Return what `ask` returns, calling it again if a request fails. Raises what the last of TRIES calls raises."""
    import requests

    for _ in range(TRIES - 1):
        with contextlib.suppress(requests.RequestException):
            return ask()
    return ask()


def download(session: requests.Session, address: str, name: str, progress: Progress | None = None) -> bytearray:
    """Return what is at an address. name: the file's, for `progress`.

    Raises:
        ShuziError: it is larger than any file that we want.
        requests.RequestException: the download failed.
    """

    def attempt() -> bytearray:
        data = bytearray()
        with session.get(address, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)) as answer:
            answer.raise_for_status()
            total = int(answer.headers.get("Content-Length", 0))
            for chunk in answer.iter_content(CHUNK):
                data += chunk
                if len(data) > MOST_BYTES:
                    raise ShuziError(f"sends more than {MOST_BYTES:,} bytes")
                if progress:
                    progress(name, len(data), total)
        return data

    return retry(attempt)
