"""A proxy between syncd and the sandbox that spoils requests by their number."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

Toxic = Literal[
    "kill-before",
    "kill-after",
    "kill-late",
    "drop-before",
    "drop-after",
    "late",
    "reset",
    "truncate",
    "delay",
    "drip",
    "endless",
    "not-http",
]
"""What happens to a request:

kill-before, kill-after   the client process gets SIGKILL, before or after the server applied it
drop-before, drop-after   the connection ends without an answer, before or after
kill-late, late           the same, and the server gets the request when the test says so
reset                     applied, then a TCP reset instead of the answer
truncate                  applied, then half of the answer
delay, drip               applied; the answer comes late, or in single bytes
endless                   applied; the answer is larger than any that is allowed
not-http                  applied; the answer is of another protocol
"""

DELAY_S = 0.5


@dataclass
class Proxy:
    """What it is to do, and what it did.

    Attributes:
        url: the base_url of a client.
        toxics: by number of the request, counted from one over all connections.
        pid: the process that a kill is for.
        met: method and path of each request, in order.
        late: requests that the server has not got yet.
    """

    url: str = ""
    toxics: Mapping[int, Toxic] = field(default_factory=dict)
    pid: int | None = None
    met: list[str] = field(default_factory=list)
    late: list[bytes] = field(default_factory=list)
    upstream: tuple[str, int] = ("", 0)

    def begin(self, toxics: Mapping[int, Toxic] | None = None) -> None:
        """Count from one again, with these toxics."""
        self.toxics, self.met = toxics or {}, []

    def deliver(self) -> int:
        """Let the late requests take effect; return how many there were."""
        held, self.late = self.late, []
        for request in held:
            asyncio.run(_exchange(self.upstream, request))
        return len(held)


@contextmanager
def between(upstream: str) -> Iterator[Proxy]:
    """Serve a proxy before this URL until the context ends."""
    proxy, ready = Proxy(upstream=_address(upstream)), threading.Event()
    end: list[Callable[[], object]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        end.append(lambda: loop.call_soon_threadsafe(stop.set))
        server = await asyncio.start_server(
            lambda reader, writer: _client(proxy, reader, writer), "127.0.0.1", 0
        )
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await stop.wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="proxy", daemon=True)
    thread.start()
    ready.wait()
    try:
        yield proxy
    finally:
        end[0]()
        thread.join()


async def _client(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection of the client."""
    with suppress(OSError, asyncio.IncompleteReadError):
        while (request := await _message(reader)) is not None:
            proxy.met.append(" ".join(request.split(b"\r\n", 1)[0].decode().split()[:2]))
            toxic = proxy.toxics.get(len(proxy.met))
            if toxic in ("kill-before", "drop-before"):
                _kill(proxy, toxic)
                break
            if toxic in ("kill-late", "late"):
                proxy.late.append(request)
                _kill(proxy, toxic)
                break
            answer = await _exchange(proxy.upstream, request)
            if toxic in ("kill-after", "drop-after"):
                _kill(proxy, toxic)
                break
            if toxic == "reset":
                _linger_not(writer)
                break
            if toxic is not None:
                await _spoil(writer, toxic, answer)
                if toxic not in ("delay", "drip"):
                    break
            else:
                writer.write(answer)
                await writer.drain()
    with suppress(OSError):
        writer.close()
        await writer.wait_closed()


async def _spoil(writer: asyncio.StreamWriter, toxic: Toxic, answer: bytes) -> None:
    head = answer.split(b"\r\n\r\n", 1)[0]
    if toxic == "truncate":
        writer.write(answer[: len(head) + (len(answer) - len(head)) // 2])
    elif toxic == "not-http":
        writer.write(b"220 mail.example.com ESMTP\r\n")
    elif toxic == "endless":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while True:
            writer.write(b" " * 65536)
            await writer.drain()
    elif toxic == "delay":
        await asyncio.sleep(DELAY_S)
        writer.write(answer)
    else:
        for byte in answer:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
    await writer.drain()


async def _exchange(upstream: tuple[str, int], request: bytes) -> bytes:
    """Send one request over a connection of its own; return the whole answer."""
    reader, writer = await asyncio.open_connection(*upstream)
    try:
        writer.write(request)
        answer = await _message(reader)
        assert answer is not None
        return answer
    finally:
        writer.close()


async def _message(reader: asyncio.StreamReader) -> bytes | None:
    """Read one request or answer as it came; None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return head + await reader.readexactly(length)


def _kill(proxy: Proxy, toxic: Toxic) -> None:
    if toxic.startswith("kill"):
        assert proxy.pid is not None
        os.kill(proxy.pid, signal.SIGKILL)


def _linger_not(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port
