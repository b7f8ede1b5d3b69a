"""A sandbox over real HTTP, in a thread of its own."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from syncd.errors import ConfigError
from syncd.sandbox.asgi import CONNECTION, Application
from syncd.sandbox.control import Control
from syncd.sandbox.exchange import Exchange
from syncd.sandbox.faults import Faults
from syncd.sandbox.sandbox import Sandbox
from syncd.sandbox.viewer import Viewer
from syncd.sandbox.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A sandbox that is being served.

    Attributes:
        url: such as http://127.0.0.1:8089, without a slash at the end; the base_url of a client.
    """

    url: str
    sandbox: Sandbox

    @property
    def workspace(self) -> Workspace:
        """What Intercom would hold."""
        return self.sandbox.workspace

    @property
    def faults(self) -> Faults:
        """The rules in force."""
        return self.sandbox.faults

    @property
    def requests(self) -> list[Exchange]:
        """The logged exchanges, oldest first."""
        return list(self.sandbox.log)


@contextmanager
def serving(
    sandbox: Sandbox | None = None, *, host: str = "127.0.0.1", port: int = 0, allow_remote: bool = False
) -> Iterator[Running]:
    """Serve a sandbox until the context ends; port 0 takes a free one.

    When it ends, open connections are closed, and the sandbox lets go of its file.

    Raises:
        ConfigError: the address is not this machine's own loopback, or the port is taken.
    """
    sandbox = sandbox or Sandbox()
    try:
        with _listening(host, port, allow_remote=allow_remote) as listener:
            site = Starlette(routes=Viewer(sandbox).routes() + Control(sandbox).routes())
            server = _Server(
                uvicorn.Config(
                    Application(sandbox, site, loopback_only=not allow_remote),
                    http=_Protocol,
                    ws="none",
                    lifespan="off",
                    log_config=None,
                    access_log=False,
                    date_header=False,
                    server_header=False,
                    timeout_keep_alive=75,
                )
            )
            thread = threading.Thread(
                target=server.run, args=([listener],), name="syncd-sandbox", daemon=True
            )
            thread.start()
            server.ready.wait()
            try:
                yield Running(url=_url(listener), sandbox=sandbox)
            finally:
                server.stop()
                thread.join()
    finally:
        sandbox.close()


class _Protocol(H11Protocol):
    """uvicorn's HTTP, and the application may close the connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._application = self.app
        self.app = self._with_connection

    async def _with_connection(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"] = {CONNECTION: self.transport}
        await self._application(scope, receive, send)


class _Server(uvicorn.Server):
    """uvicorn's server, but it tells when it is ready, and stops at once."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event

    def stop(self) -> None:
        """Ask it to stop, from another thread."""
        self._loop.call_soon_threadsafe(self._stop.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        await self._stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # asyncio loses a connection whose listener is closed while it is being accepted; so first no new
        # ones, and those on the way get a few turns of the loop to arrive.
        for server in self.servers:
            for listener in server.sockets:
                self._loop.remove_reader(listener.fileno())
        turns = 5
        while turns > 0 or self.server_state.connections:
            turns -= 1
            for connection in list(self.server_state.connections):
                transport: asyncio.Transport | None = connection.transport
                if transport is not None:
                    transport.abort()
            for task in list(self.server_state.tasks):
                task.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)
        for server in self.servers:
            server.close()
            await server.wait_closed()


def _listening(host: str, port: int, *, allow_remote: bool) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"the host {host!r} has no address ({error}); use --host 127.0.0.1.") from error
    if not allow_remote and not ipaddress.ip_address(address[0]).is_loopback:
        raise ConfigError(
            f"{host} can be reached from other machines, and a sandbox shows its pages to anybody; "
            "use --host 127.0.0.1, or say --allow-remote."
        )
    # asyncio turns Nagle's algorithm off only for a socket that says TCP; with it, an answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"port {port} on {host} is taken by another program; stop it, or use --port with another "
                "number (0 takes a free one)."
            ) from error
        raise ConfigError(f"cannot listen on {host} port {port}: {error.strerror}; use --port.") from error
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
