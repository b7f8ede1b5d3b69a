"""HTTP in, HTTP out: the API to the sandbox, everything else to the viewer and the control.

The API goes around Starlette's routing, since tests and benchmarks send it thousands of requests a second.
"""

from __future__ import annotations

import asyncio
from itertools import count

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from syncd.sandbox.exchange import Answer, Request, json_answer
from syncd.sandbox.sandbox import Sandbox

MAX_BODY_BYTES = 64_000_000
CONNECTION = "syncd.connection"
"""Key in the scope's extensions: the asyncio transport, so that a fault can close it."""

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Application:
    """The ASGI application of one sandbox.

    Attributes:
        loopback_only: refuse a Host header that names another machine. Without it, any website could have
            its own name point here (DNS rebinding) and read the pages through the visitor's browser.
    """

    def __init__(self, sandbox: Sandbox, site: ASGIApp, *, loopback_only: bool = True) -> None:
        self.sandbox = sandbox
        self.site = site
        self.loopback_only = loopback_only
        self._numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            await self._serve(scope, receive, send)
        except asyncio.CancelledError:
            # The server stops, and has closed the connection already.
            return

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if self.loopback_only and _host_name(headers.get("host", "")) not in LOOPBACK_NAMES:
            await _send(send, _plain(403, "This sandbox answers to localhost and 127.0.0.1 only.\n"))
            return
        if not scope["path"].startswith("/ai/"):
            await self.site(scope, receive, send)
            return
        try:
            body = await _body(receive)
        except ConnectionError:
            return
        if body is None:
            await _send(send, json_answer(413, {"type": "error.list", "errors": [{"code": "client_error"}]}))
            return
        request = Request(
            number=next(self._numbers),
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            body=body,
        )
        answer, cut = await self.sandbox.exchange(request)
        transport: asyncio.Transport = scope["extensions"][CONNECTION]
        if answer is None:
            transport.abort()
        elif cut:
            await _send(send, answer, cut=True)
            transport.close()
        else:
            await _send(send, answer)
            return
        while (await receive())["type"] != "http.disconnect":
            pass


def _host_name(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


def _plain(status: int, text: str) -> Answer:
    return Answer(status=status, body=text.encode(), media_type="text/plain; charset=utf-8")


async def _body(receive: Receive) -> bytes | None:
    """The whole body, None if it is too large; a client that went away gets ConnectionError."""
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            return None
        more = message.get("more_body", False)
    return b"".join(parts)


async def _send(send: Send, answer: Answer, *, cut: bool = False) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if answer.status != 204:
        headers.append((b"Content-Type", answer.media_type.encode()))
        headers.append((b"Content-Length", str(len(answer.body)).encode()))
    start: Message = {"type": "http.response.start", "status": answer.status, "headers": headers}
    await send(start)
    body = answer.body[: len(answer.body) // 2] if cut else answer.body
    await send({"type": "http.response.body", "body": body, "more_body": cut})
