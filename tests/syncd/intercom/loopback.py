"""A server on this machine that answers with given bytes, and keeps what it was sent."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Loopback:
    """What came, and where it listens."""

    url: str = ""
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    busy: int = 0
    busiest: int = 0


def reply(body: bytes = b"{}", *, status: int = 200, headers: tuple[str, ...] = ()) -> bytes:
    """A whole HTTP answer."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@asynccontextmanager
async def answering(answer: bytes | Reply, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Loopback]:
    """Serve that answer to each request."""
    loopback = Loopback()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loopback.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                loopback.heads.append(head)
                loopback.asked.set()
                length = [line for line in head.lower().split("\r\n") if line.startswith("content-length")]
                loopback.bodies.append(
                    await reader.readexactly(int(length[0].split(":")[1]) if length else 0)
                )
                loopback.busy += 1
                loopback.busiest = max(loopback.busiest, loopback.busy)
                if isinstance(answer, bytes):
                    await asyncio.sleep(0)
                    writer.write(answer)
                else:
                    await answer(writer)
                await writer.drain()
                loopback.busy -= 1
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client left, or the test is over
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        loopback.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield loopback
    finally:
        server.close()
