"""The web server, inside the service's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.types import ASGIApp

from syncd.config.service import ServiceConfig
from syncd.errors import ConfigError
from syncd.service.guard import MAX_HEADERS_BYTES

_GRACE_S = 1


def listening(settings: ServiceConfig) -> socket.socket:
    """Open the port.

    Raises:
        ConfigError: it is taken, or this user may not have it.
    """
    host, port = settings.address
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # asyncio turns Nagle's algorithm off only for a socket that says TCP.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise ConfigError(f"service.listen: {host!r} is no address of this machine ({error})") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(512)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        why = {
            errno.EADDRINUSE: "another program has the port; stop it, or choose another one",
            errno.EACCES: "ports below 1024 are for root; choose another one",
            errno.EADDRNOTAVAIL: "this machine has no such address",
        }.get(error.errno or 0, (error.strerror or "unknown reason").lower())
        raise ConfigError(f"service.listen: cannot listen on {settings.listen}: {why}") from error
    return listener


@contextlib.asynccontextmanager
async def serving(application: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    """Serve while the context lasts; then give requests that are under way a second."""
    server = _Server(
        uvicorn.Config(
            application,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # Who asks is who connected: what a header says of that, anybody can write.
            proxy_headers=False,
            h11_max_incomplete_event_size=MAX_HEADERS_BYTES,
            limit_concurrency=512,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=_GRACE_S,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.stop()
        await task


class _Server(uvicorn.Server):
    """uvicorn's server, but signals are the service's, and it waits without looking ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._asked_to_stop = asyncio.Event()

    def stop(self) -> None:
        self.should_exit = True
        self._asked_to_stop.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        counter = 0
        while not await self.on_tick(counter):
            # It keeps the Date header.
            counter += 10
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._asked_to_stop.wait()
