"""What stands before the app: who may ask, how much, how long, and how many at once. Pure ASGI.

A page on a foreign host must not read or write through a person's browser: a request names one of our hosts (else
DNS rebinding), and comes from our own page where the browser says from which (else cross-site request forgery).
"""

import asyncio
import ipaddress
import json
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

LARGEST = 10_000_000  # bytes of a request's body
UPLOAD = 10.0  # seconds for a request's body
DEADLINE = (
    20.0  # seconds for its answer, then: a picture takes one or two, on a busy computer many times as long
)
IN_FLIGHT = 64  # requests being answered at once
COMPUTED = ("/api/learn/", "/api/review")  # of what is only asked for: all else is always answered
HELD = 200_000_000  # bytes of bodies at once: slow uploads cost what they hold
LEAVING = 2.0  # seconds that requests have to finish once the server is told to end
RETRY = {"Retry-After": "1"}  # seconds: the longest photo takes half of one
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


_NETLOC = re.compile(r"(\[[0-9a-f:.]+\]|[^\s\[\]:/@]+)(?::[0-9]*)?", re.IGNORECASE)


def host_of(netloc: str) -> str:
    """The host of `host:port`, lower case, without the brackets of an IPv6 address; empty where there is none."""
    found = _NETLOC.fullmatch(netloc)
    return found[1].strip("[]").lower() if found else ""


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
    for a server that listens on all of them (a rebound DNS name is never an address). upload: seconds for a
    request's body. deadline: seconds for its answer. most: requests being answered at once. held: bytes of bodies at
    once.
    """

    def __init__(
        self,
        app: App,
        hosts: Iterable[str] = (),
        trusted: Iterable[str] = (),
        addresses: bool = False,
        upload: float = UPLOAD,
        deadline: float = DEADLINE,
        most: int = IN_FLIGHT,
        held: int = HELD,
    ) -> None:
        self.app = app
        self.upload, self.deadline, self.most = upload, deadline, most
        self.trusted = frozenset(host.lower() for host in trusted)
        self.hosts = self.trusted | {host.lower() for host in hosts} | set(LOOPBACK)
        self.addresses = addresses
        self.in_flight = 0
        self.room = held
        self.leaving = False
        self._clocks: set[asyncio.Timeout] = set()

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
            self._check(scope["headers"])
            await self._answer(scope, receive, send_with_headers)
        except Problem as problem:
            if not started:
                await problem.send(send_with_headers)

    def leave(self, within: float = LEAVING) -> None:
        """The server ends: what is being answered has so many seconds to finish, then gets 503; new requests do."""
        self.leaving = True
        end = asyncio.get_running_loop().time() + within
        for clock in self._clocks:
            if not clock.expired():
                clock.reschedule(min(end, clock.when() or end))

    def _check(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        netloc, origin = _one(headers, b"host") or "", _one(headers, b"origin")
        host = host_of(netloc)
        if host not in self.hosts and not (self.addresses and _is_address(host)):
            raise Problem(
                421, f"this server does not answer for the host {netloc!r}; name it with --allow-host."
            )
        if origin is not None:
            scheme, _, from_netloc = origin.partition("://")
            same = scheme in ("http", "https") and from_netloc.lower() == netloc.lower()
            if not same and host_of(from_netloc) not in self.trusted:
                raise Problem(403, f"requests from pages of {origin!r} are not answered.")
        elif (
            _one(headers, b"sec-fetch-site") == "cross-site"
            and _one(headers, b"sec-fetch-mode") != "navigate"
        ):
            raise Problem(403, "requests from other sites' pages are not answered.")
        length = _one(headers, b"content-length") or "0"
        if not length.isdecimal() or int(length) > LARGEST:
            raise Problem(413, f"the request has {length} bytes; at most {LARGEST:,} are taken.", _CLOSE)
        if self.leaving:
            raise Problem(503, "the server is ending.", RETRY | _CLOSE)

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        upload = None if scope["method"] in ("GET", "HEAD") else _Upload(self, receive)
        clock = asyncio.timeout(self.deadline if upload is None else self.upload)
        try:
            async with clock:
                self._clocks.add(clock)
                if upload is None:
                    answer = self._work if scope["path"].startswith(COMPUTED) else self.app
                    await answer(scope, _replay(b"", receive), send)
                elif await upload.whole():
                    if not (self.leaving or clock.expired()):
                        clock.reschedule(asyncio.get_running_loop().time() + self.deadline)
                    await self._work(scope, _replay(upload.body, receive), send)
        except TimeoutError:
            raise self._too_late(upload) from None
        finally:
            self._clocks.discard(clock)
            if upload is not None:
                self.room += upload.total

    async def _work(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if self.in_flight >= self.most:
            raise Problem(503, f"{self.most} requests are being answered; try again in a second.", RETRY)
        self.in_flight += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.in_flight -= 1

    def _too_late(self, upload: "_Upload | None") -> Problem:
        if self.leaving:
            return Problem(503, "the server is ending.", RETRY | _CLOSE)
        if upload is not None and not upload.complete:
            return Problem(408, f"the request was not complete after {self.upload:g} s.", _CLOSE)
        return Problem(503, f"no answer within {self.deadline:g} s; try a smaller picture.", RETRY)


class _Upload:
    """A request's body, never more than LARGEST of it, nor than the guard has room for."""

    def __init__(self, guard: Guard, receive: Receive) -> None:
        self.guard, self.receive = guard, receive
        self.total = 0
        self.body = b""
        self.complete = False

    async def whole(self) -> bool:
        """Receives all of it; False where the client went away in the middle."""
        parts: list[bytes] = []
        while not self.complete:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                return False
            parts.append(message.get("body", b""))
            self.total += len(parts[-1])
            self.guard.room -= len(parts[-1])
            if self.total > LARGEST:
                raise Problem(413, f"the request has more than {LARGEST:,} bytes, the most taken.", _CLOSE)
            if self.guard.room < 0:
                raise Problem(
                    503, "too much is being uploaded at once; try again in a second.", RETRY | _CLOSE
                )
            self.complete = not message.get("more_body", False)
        self.body = b"".join(parts)
        return True


def _one(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """A header's value; None where there is none. Raises Problem 400 on two: proxies and servers would differ."""
    values = [value.decode("latin-1") for key, value in headers if key == name]
    if len(values) > 1:
        raise Problem(
            400, f"the request has {len(values)} headers {name.decode().title()}; expected one.", _CLOSE
        )
    return values[0] if values else None


_CLOSE = {"Connection": "close"}


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
