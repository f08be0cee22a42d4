"""What stands before the app: who may ask, how much, how long, and how many at once. Pure ASGI.

A page on a foreign host must not read or write through a person's browser: a request names one of our hosts (else
DNS rebinding), and comes from our own page where the browser says from which (else cross-site request forgery).
"""

import asyncio
import ipaddress
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

LARGEST = 10_000_000  # bytes of a request's body
DEADLINE = 10.0  # seconds for a request: its upload and its answer
IN_FLIGHT = 64  # requests at once
RETRY_AFTER = 1  # seconds: the longest photo takes half of one
LOOPBACK = ("localhost", "127.0.0.1", "::1")

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


class Problem(Exception):
    """A request refused: becomes a problem document (RFC 9457). detail: one sentence that a person can act on."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}

    def body(self) -> bytes:
        """The problem document, JSON."""
        title = HTTPStatus(self.status).phrase
        document = {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail}
        return json.dumps(document, ensure_ascii=False).encode()

    async def send(self, send: Send) -> None:
        """Answers the request with it."""
        body = self.body()
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
        ]
        headers += [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def host_of(netloc: str) -> str:
    """The host of `host:port`, lower case, without the brackets of an IPv6 address."""
    if netloc.startswith("["):
        return netloc[1:].partition("]")[0].lower()
    return netloc.partition(":")[0].lower()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Guard:
    """The app behind its limits.

    app: what answers. hosts: names that a request may be for, besides loopback's. trusted: those whose own pages may
    ask too, whatever their port or scheme: a proxy's names. addresses: whether a request may be for any IP address,
    for a server that listens on all of them (a rebound DNS name is never an address). deadline: seconds for a
    request. most: requests at once.
    """

    def __init__(
        self,
        app: App,
        hosts: Iterable[str] = (),
        trusted: Iterable[str] = (),
        addresses: bool = False,
        deadline: float = DEADLINE,
        most: int = IN_FLIGHT,
    ) -> None:
        self.app = app
        self.deadline, self.most = deadline, most
        self.trusted = frozenset(host.lower() for host in trusted)
        self.hosts = self.trusted | {host.lower() for host in hosts} | set(LOOPBACK)
        self.addresses = addresses
        self.in_flight = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answers one request (ASGI)."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close"})
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        try:
            self._check(dict(scope["headers"]))
            if self.in_flight >= self.most:
                raise Problem(503, f"{self.most} requests are being answered; try again in a second.", _RETRY)
            self.in_flight += 1
            try:
                await self._answer(scope, receive, send_with_headers)
            finally:
                self.in_flight -= 1
        except Problem as problem:
            if not started:
                await problem.send(send_with_headers)

    def _check(self, headers: dict[bytes, bytes]) -> None:
        netloc = headers.get(b"host", b"").decode("latin-1")
        host = host_of(netloc)
        if host not in self.hosts and not (self.addresses and _is_address(host)):
            raise Problem(
                421, f"this server does not answer for the host {netloc!r}; name it with --allow-host."
            )
        origin = headers.get(b"origin")
        if origin is not None:
            scheme, _, from_netloc = origin.decode("latin-1").partition("://")
            same = scheme in ("http", "https") and from_netloc.lower() == netloc.lower()
            if not same and host_of(from_netloc) not in self.trusted:
                raise Problem(403, f"requests from pages of {origin.decode('latin-1')!r} are not answered.")
        elif (
            headers.get(b"sec-fetch-site") == b"cross-site" and headers.get(b"sec-fetch-mode") != b"navigate"
        ):
            raise Problem(403, "requests from other sites' pages are not answered.")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > LARGEST:
            raise Problem(
                413,
                f"the request has {length.decode('latin-1')} bytes; at most {LARGEST:,} are taken.",
                _CLOSE,
            )

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        body: bytes | None = None
        try:
            async with asyncio.timeout(self.deadline):
                body = b"" if scope["method"] in ("GET", "HEAD") else await _whole(receive)
                if body is None:  # the client went away in the middle
                    return
                await self.app(scope, _replay(body, receive), send)
        except TimeoutError:
            if body is None:
                raise Problem(
                    408, f"the request was not complete after {self.deadline:g} s.", _CLOSE
                ) from None
            raise Problem(
                503, f"no answer within {self.deadline:g} s; try a smaller picture.", _RETRY
            ) from None


_RETRY = {"Retry-After": str(RETRY_AFTER)}
_CLOSE = {"Connection": "close"}


async def _whole(receive: Receive) -> bytes | None:
    """The request's body, never more than LARGEST of it; None where the client went away."""
    parts: list[bytes] = []
    total = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        total += len(parts[-1])
        if total > LARGEST:
            raise Problem(413, f"the request has more than {LARGEST:,} bytes, the most taken.", _CLOSE)
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
