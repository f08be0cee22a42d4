"""Limits in front of the app: who may ask, how much, for how long, and how many at once. Pure ASGI.

A page on a foreign host must not read or write through a person's browser. So a request names one of our hosts
(against DNS rebinding) and comes from our own page, where the browser says which page it comes from (against
cross-site request forgery).

Starlette and uvicorn have no time or size limits for bodies. Starlette's TrustedHostMiddleware cuts the host at its
first colon and knows no IP addresses; uvicorn's limit_concurrency counts idle connections.
"""

import asyncio
import contextlib
import ipaddress
import math
import re
from collections.abc import AsyncIterator, Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shuzi.serve.problems import CLOSE, RETRY, Problem
from shuzi.serve.settings import LOOPBACK, SHUTDOWN

LARGEST_BODY = 10_000_000  # bytes
UPLOAD = 10.0  # seconds for a request's body
DEADLINE = 20.0  # seconds for an answer: a picture takes one or two, on a busy computer many times as long
IN_FLIGHT = 64  # requests being answered at once
COMPUTED = ("/api/learn/", "/api/review")  # GET requests that cost work; all others are always answered
HELD = 200_000_000  # bytes of bodies in memory at once

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_NETLOC = re.compile(r"(\[[0-9a-f:.]+\]|[^\s\[\]:/@]+)(?::[0-9]*)?", re.IGNORECASE)


def problem_response(problem: Problem) -> Response:
    """A problem as an HTTP response."""
    return JSONResponse(problem.document(), problem.status, problem.headers, "application/problem+json")


def host_of(netloc: str) -> str:
    """The host of `host:port`, lower case, without the brackets of an IPv6 address; empty where there is none."""
    match = _NETLOC.fullmatch(netloc)
    return match[1].strip("[]").lower() if match else ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Guard:
    """The app behind its limits.

    hosts: names that a request may be for, besides loopback's. trusted: names whose own pages may ask too, whatever
    their port or scheme: a proxy's. addresses: whether a request may be for any IP address, for a server that listens
    on all of them (a rebound DNS name is never an address). upload, deadline: seconds for a request's body and for
    its answer. most: requests being answered at once. held: bytes of bodies in memory at once.
    """

    def __init__(
        self,
        app: ASGIApp,
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
        self._end = math.inf  # on the loop's clock: when all requests must be finished
        self._clocks: set[asyncio.Timeout] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check(Headers(scope=scope))
            await self._answer(scope, receive, send_with_headers)
        except ClientDisconnect:
            pass
        except Problem as problem:
            if not started:
                await problem_response(problem)(scope, receive, send_with_headers)

    def stop(self, within: float = SHUTDOWN) -> None:
        """Let running requests finish within so many seconds, then answer them with 503; new ones at once."""
        self._end = asyncio.get_running_loop().time() + within
        for clock in self._clocks:
            if not clock.expired():
                clock.reschedule(min(self._end, clock.when() or self._end))

    def _check(self, headers: Headers) -> None:
        netloc, origin = _only(headers, "Host") or "", _only(headers, "Origin")
        host = host_of(netloc)
        if host not in self.hosts and not (self.addresses and _is_address(host)):
            raise Problem(421, f"this server does not answer for the host {netloc!r}; name it with --allow-host.")
        if origin is not None:
            scheme, _, from_netloc = origin.partition("://")
            same = scheme in ("http", "https") and from_netloc.lower() == netloc.lower()
            if not same and host_of(from_netloc) not in self.trusted:
                raise Problem(403, f"requests from pages of {origin!r} are not answered.")
        elif headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            raise Problem(403, "requests from other sites' pages are not answered.")
        length = _only(headers, "Content-Length") or "0"
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            raise Problem(413, f"the request has {length} bytes; the limit is {LARGEST_BODY:,}.", CLOSE)
        if self._end < math.inf:
            raise self._stopping()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        reads = scope["method"] in ("GET", "HEAD")
        try:
            if not reads:
                late = Problem(408, f"the request was not complete after {self.upload:g} s.", CLOSE)
                async with self._within(self.upload, late):
                    body = await self._body(Request(scope, receive))
            late = Problem(503, f"no answer within {self.deadline:g} s; try a smaller picture.", RETRY)
            async with self._within(self.deadline, late):
                answer = self.app if reads and not scope["path"].startswith(COMPUTED) else self._counted
                await answer(scope, _replay(body, receive), send)
        finally:
            self.room += len(body)

    @contextlib.asynccontextmanager
    async def _within(self, seconds: float, late: Problem) -> AsyncIterator[None]:
        """A time limit. Raises the problem `late` after it, and 503 when the server stops."""
        clock = asyncio.timeout_at(min(self._end, asyncio.get_running_loop().time() + seconds))
        try:
            async with clock:
                self._clocks.add(clock)
                yield
        except TimeoutError:
            raise (self._stopping() if self._end < math.inf else late) from None
        finally:
            self._clocks.discard(clock)

    async def _body(self, request: Request) -> bytes:
        """A request's body, at most LARGEST_BODY of it and no more than there is room for; takes that room."""
        body = bytearray()
        try:
            async for part in request.stream():
                body += part
                self.room -= len(part)
                if len(body) > LARGEST_BODY:
                    raise Problem(413, f"the request has more than {LARGEST_BODY:,} bytes, the limit.", CLOSE)
                if self.room < 0:
                    raise Problem(503, "too many uploads at once; try again in a second.", RETRY | CLOSE)
        except BaseException:
            self.room += len(body)
            raise
        return bytes(body)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.in_flight >= self.most:
            raise Problem(503, f"{self.most} requests are being answered; try again in a second.", RETRY)
        self.in_flight += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.in_flight -= 1

    def _stopping(self) -> Problem:
        return Problem(503, "the server is shutting down.", RETRY | CLOSE)


def _only(headers: Headers, name: str) -> str | None:
    """A header's value; None where there is none. Raises Problem 400 on two: proxies and servers would differ."""
    values = headers.getlist(name)
    if len(values) > 1:
        raise Problem(400, f"the request has {len(values)} headers {name}; expected one.", CLOSE)
    return values[0] if values else None


def _replay(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
