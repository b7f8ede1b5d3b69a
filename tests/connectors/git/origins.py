"""Real repositories for tests, and a real HTTP server in front of them."""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

QUIET = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "LC_ALL": "C",
}


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Submodule:
    """A commit of another repository."""

    commit: str = "1" * 40


class Origin:
    """A bare repository; commits are made without any work tree, so every name is possible."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not folder.exists():
            self.git("init", "--quiet", "--bare", "--initial-branch=main", str(folder), at=None)
            self.git("config", "uploadpack.allowFilter", "true")

    def git(self, *arguments: str, stdin: bytes = b"", at: Path | None = Path()) -> str:
        """Run git in the repository and return what it prints."""
        place = [] if at is None else ["--git-dir", str(self.folder)]
        done = subprocess.run(
            ["git", *place, *arguments], env=QUIET, input=stdin, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode("utf-8", "replace").strip()

    def commit(
        self,
        files: Mapping[str, Any] | Mapping[bytes, Any],
        *,
        branch: str = "main",
        orphan: bool = False,
        at: int = 1_700_000_000,
    ) -> str:
        """Make the newest commit of a branch hold exactly these files; return its id.

        A file is text, bytes, a Link or a Submodule.
        """
        tip = self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
        lines = [
            f"commit refs/heads/{branch}".encode(),
            f"committer A <a@example.com> {at} +0000".encode(),
            b"data 1\nx",
            *([f"from {tip}".encode()] if tip and not orphan else []),
            b"deleteall",
        ]
        for name, content in files.items():
            raw = name if isinstance(name, bytes) else name.encode()
            quoted = b'"' + b"".join(b"\\%03o" % one for one in raw) + b'"'
            if isinstance(content, Submodule):
                lines.append(b"M 160000 " + content.commit.encode() + b" " + quoted)
                continue
            mode = b"120000" if isinstance(content, Link) else b"100644"
            text = content.target if isinstance(content, Link) else content
            data = text if isinstance(text, bytes) else text.encode()
            lines += [b"M " + mode + b" inline " + quoted, b"data %d" % len(data), data]
        self.git("fast-import", "--quiet", "--force", stdin=b"\n".join(lines) + b"\n")
        return self.git("rev-parse", f"refs/heads/{branch}")

    def bundle(self, file: Path) -> Path:
        """Write all branches into a bundle."""
        self.git("bundle", "create", "--quiet", str(file), "--all")
        return file


@dataclass
class Server:
    """What the HTTP server does and saw; a test may change `token`, `status`, `location` and `hang`.

    Attributes:
        token: that every request has to bring.
        status: answer each request with it instead.
        location: and with this header.
        hang: give no answer until it is set.
        requests: method and path of each request.
    """

    url: str = ""
    token: str | None = None
    status: int | None = None
    location: str | None = None
    hang: threading.Event | None = None
    requests: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def serving(folder: Path, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve the repositories in a folder by `git http-backend` on the loopback interface."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server.requests.append(f"{self.command} {self.path}")
            server.headers.append(dict(self.headers))
            if server.hang is not None:
                server.hang.wait()
            wanted = base64.b64encode(f"x-access-token:{server.token}".encode()).decode()
            if server.status is not None:
                self.send_response(server.status)
                if server.location is not None:
                    self.send_header("Location", server.location)
                self.end_headers()
            elif server.token is not None and self.headers.get("Authorization") != f"Basic {wanted}":
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="private"')
                self.end_headers()
            else:
                self._backend(body)

        do_POST = do_GET

        def _backend(self, body: bytes) -> None:
            path, _, query = self.path.partition("?")
            env = {
                **QUIET,
                "GIT_PROJECT_ROOT": str(folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type") or "",
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol") or "",
                "REMOTE_ADDR": "127.0.0.1",
            }
            done = subprocess.run(
                ["git", "http-backend"], env=env, input=body, capture_output=True, check=False
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = [line.split(": ", 1) for line in head.decode().split("\r\n") if line]
            status = next((value for name, value in headers if name == "Status"), "200 OK")
            self.send_response(int(status.split()[0]))
            for name, value in headers:
                if name != "Status":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(ConnectionError):
                self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *arguments: object) -> None:
            pass  # a client that hangs up, as over an unknown certificate it should

    with Quiet(("127.0.0.1", 0), Handler) as http:
        server.url = f"{'https' if tls else 'http'}://127.0.0.1:{http.server_port}"
        if tls is not None:
            http.socket = tls.wrap_socket(http.socket, server_side=True)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            if server.hang is not None:
                server.hang.set()
            http.shutdown()
            thread.join()
