"""Answers writes of pages as fast as Python can, so that a first run is not measured against the sandbox.

That what is sent is valid, and answered as Intercom answers it, is shown elsewhere, by the sandbox.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from multiprocessing.connection import Connection
from typing import Any

from syncd.intercom.pages import PATH
from tests.bench.intercom import UNLIMITED

_SOURCES = "/ai/content_import_sources"
COUNT = "/count"
"""Tells how many requests have written something."""


@contextmanager
def standin() -> Iterator[str]:
    """Serve on a free port of the loopback interface, in a process of its own; give its URL."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        ours.close()
        process.join(5)
        process.kill()


def answer(method: str, path: str, body: bytes, number: int) -> dict[str, Any]:
    """The document for one request: what a workspace with one import source and no pages would say."""
    path = path.partition("?")[0]
    if path == PATH and method == "POST":
        sent = json.loads(body)
        return {"type": "external_page", "id": str(number), **sent}
    if path == PATH:
        return {"type": "list", "data": [], "total_count": 0, "pages": {"type": "pages", "page": 1}}
    source = {"type": "content_import_source", "id": 1, "status": "active", "sync_behavior": "api"}
    source |= {"url": "https://bench.example.com", "audience_ids": []}
    if path == _SOURCES and method == "GET":
        return {"type": "list", "data": [source], "total_count": 1, "pages": {"type": "pages", "page": 1}}
    return source


class _Connection(asyncio.Protocol):
    """One connection that is kept; requests come one after the other."""

    writes = 0

    def __init__(self) -> None:
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            method, path, _ = self._buffer.split(b" ", 2)
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            self._answer(method.decode(), path.decode(), body)

    def _answer(self, method: str, path: str, body: bytes) -> None:
        assert self._transport is not None
        _Connection.writes += method != "GET"
        if path == COUNT:
            document: dict[str, Any] = {"writes": _Connection.writes}
        else:
            document = answer(method, path, body, 1000 + _Connection.writes)
        told = json.dumps(document).encode()
        now = time.time()
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(told)}\r\n"
            f"Date: {formatdate(now, usegmt=True)}\r\nX-RateLimit-Limit: {UNLIMITED}\r\n"
            f"X-RateLimit-Remaining: {UNLIMITED}\r\nX-RateLimit-Reset: {int(now) + 10}\r\n\r\n"
        )
        self._transport.write(head.encode() + told)


def _serve(pipe: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        pipe.send(f"http://{host}:{port}")
        # Its end of the pipe is closed when nobody needs this any more.
        await asyncio.to_thread(pipe.poll, None)
        server.close()

    asyncio.run(serve())
