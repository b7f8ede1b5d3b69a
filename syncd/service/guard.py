"""What every request meets first: the right name, an answer that gives nothing away, safe headers."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Collection, MutableMapping, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from syncd.log import get_logger

log = get_logger(__name__)

MAX_HEADERS_BYTES = 32_768

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Refused(Exception):
    """A request that is not served, with the status that says so. Its text is shown to the sender."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Guard:
    """An ASGI application around all others.

    A Host header with another name is refused: any website could have its own name point here (DNS
    rebinding), and be let in by the visitor's browser. The address itself is no such name, and what
    supervisors and Prometheus ask for. An error that nobody foresaw tells nothing.
    """

    def __init__(self, site: ASGIApp, *, hosts: Collection[str]) -> None:
        self._site = site
        self._hosts = LOCAL_NAMES | {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                _secure(message)
            await send(message)

        name = _host_name(scope)
        if name not in self._hosts and name != _own_address(scope):
            refused = Refused(421, "this host name is not served here; see 'hosts' in the configuration")
            await _refusal(refused)(scope, receive, answer)
            return
        if sum(len(key) + len(value) for key, value in scope["headers"]) > MAX_HEADERS_BYTES:
            await _refusal(Refused(431, "the headers are too long"))(scope, receive, answer)
            return
        try:
            await self._site(scope, receive, answer)
        except Exception:
            # Starlette has answered that there was an error, and not which.
            log.exception("request_failed", path=scope["path"])


def guarded(routes: Sequence[BaseRoute], *, hosts: Collection[str]) -> Guard:
    """Make one application of routes, in which whatever raises Refused is answered so."""

    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return _refusal(error)

    return Guard(Starlette(routes=routes, exception_handlers={Refused: refuse}), hosts=hosts)


async def body_of(request: Request, *, limit_bytes: int, limit_s: float) -> bytes:
    """Read the body of a request.

    Raises:
        Refused: it is too long, by its header or in fact; it is packed; or it does not come to an end.
    """
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or int(declared) > limit_bytes:
        raise Refused(413, f"the body is longer than {limit_bytes} bytes")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refused(415, "the body must not be compressed")
    body = bytearray()
    try:
        async with asyncio.timeout(limit_s):
            async for part in request.stream():
                body += part
                if len(body) > limit_bytes:
                    raise Refused(413, f"the body is longer than {limit_bytes} bytes")
    except TimeoutError:
        raise Refused(400, "the body did not come to an end") from None
    return bytes(body)


def bearer_is(request: Request, *tokens: str | None) -> bool:
    """Whether the request carries one of the tokens."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return False
    # All of them, whichever fits, so that the time tells nothing.
    fits = [hmac.compare_digest(given.strip().encode(), token.encode()) for token in tokens if token]
    return any(fits)


def unauthorized() -> Response:
    """The answer to a request without the right token."""
    return JSONResponse({"error": "a bearer token is needed"}, 401, headers={"WWW-Authenticate": "Bearer"})


def _refusal(refused: Refused) -> Response:
    return JSONResponse({"error": str(refused)}, refused.status)


def _secure(message: MutableMapping[str, Any]) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)


def _host_name(scope: Scope) -> str:
    host: str = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


def _own_address(scope: Scope) -> str | None:
    """The address that the client connected to, as a Host header has it."""
    if (server := scope.get("server")) is None:
        return None
    host = str(server[0])
    return f"[{host}]" if ":" in host else host
