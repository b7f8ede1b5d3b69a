"""Servers of this machine that take what is sent, and show it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Receiver:
    """An HTTP server.

    Attributes:
        received: (method, path, headers in lower case, body) of each request, in order.
        answers: statuses of the next answers; 200 once there are none left.
    """

    port: int = 0
    received: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def receiver() -> Iterator[Receiver]:
    taken = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            taken.received.append((self.command, self.path, headers, body))
            self.send_response(taken.answers.pop(0) if taken.answers else 200)
            self.send_header("Location", f"http://127.0.0.1:{taken.port}/elsewhere")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        do_GET = do_POST  # the name is that of the base class

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    taken.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield taken
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class MailServer:
    """An SMTP server that takes everything.

    Attributes:
        said: what clients said, line by line, without the mails.
        mails: their texts.
        refuse: the answer to a mail, instead of taking it.
    """

    port: int = 0
    said: list[str] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)
    refuse: str | None = None


@contextmanager
def mail_server() -> Iterator[MailServer]:
    taken = MailServer()
    listener = socket.create_server(("127.0.0.1", 0))
    taken.port = listener.getsockname()[1]

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, connection.makefile("rwb") as stream, suppress(OSError):
                    _talk(taken, stream)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield taken
    finally:
        listener.close()


def _talk(taken: MailServer, stream: object) -> None:
    def say(line: str) -> None:
        stream.write(line.encode() + b"\r\n")  # type: ignore[attr-defined]
        stream.flush()  # type: ignore[attr-defined]

    say("220 here")
    while line := stream.readline().decode().rstrip("\r\n"):  # type: ignore[attr-defined]
        taken.said.append(line)
        command = line.split(" ")[0].upper()
        if command == "DATA":
            say("354 go on")
            lines = []
            while (text := stream.readline().decode().rstrip("\r\n")) != ".":  # type: ignore[attr-defined]
                lines.append(text)
            if taken.refuse is None:
                taken.mails.append("\n".join(lines))
            say(taken.refuse or "250 taken")
        elif command == "QUIT":
            say("221 bye")
            return
        else:
            say("250 fine")
