"""A real PostgreSQL for the tests: one that is named, or a private one from the binaries of this machine."""

from __future__ import annotations

import glob
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

NAMED = "SYNCD_TEST_POSTGRES_URL"

MISSING = f"no PostgreSQL: neither is {NAMED} set, nor is initdb in the PATH or in /usr/lib/postgresql/*/bin"

NOBODY = 65534


class Server:
    """A server of our own: started, stopped, restarted as a test needs it.

    Attributes:
        url: of its only database; the server is reached by a socket.
    """

    def __init__(self, home: Path, programs: Path) -> None:
        self._programs = programs
        # PostgreSQL refuses to run as root.
        self._as: dict[str, Any] = (
            {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        )
        if self._as:
            os.chown(home, NOBODY, NOBODY)
        self._home, self._data = home, home / "data"
        self.url = f"postgresql://syncd@/postgres?host={quote(str(home), safe='')}"
        self._run("initdb", "-D", str(self._data), "-U", "syncd", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()

    def start(self, *, wait: bool = True) -> None:
        options = f"-k {self._home} -h '' -c fsync=off -c full_page_writes=off -c max_connections=100"
        self._run(
            "pg_ctl",
            *("-D", str(self._data), "-l", str(self._home / "log"), "-o", options),
            "-w" if wait else "-W",
            "start",
        )

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", str(self._data), "-m", mode, "-w", "stop")

    def pause(self) -> None:
        """Let the server answer nothing any more; its connections stay."""
        for process in self._processes():
            os.kill(process, signal.SIGSTOP)

    def go_on(self) -> None:
        for process in self._processes():
            os.kill(process, signal.SIGCONT)

    def _processes(self) -> list[int]:
        parent = int((self._data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [parent, *map(int, children)]

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            cwd=self._home,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
            **self._as,
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"


def programs() -> Path | None:
    """The folder of the newest installed PostgreSQL's programs."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: int(path.split("/")[4]))
    if found:
        return Path(found[-1]).parent
    program = shutil.which("initdb")
    return Path(program).resolve().parent if program else None


@contextmanager
def serving() -> Iterator[Server]:
    """A server that lives as long as the context."""
    folder = programs()
    assert folder is not None, MISSING
    # A socket's path may have 107 bytes, which the folders of pytest would use up.
    with tempfile.TemporaryDirectory(prefix="syncd-pg-", dir="/tmp") as home:
        server = Server(Path(home), folder)
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def schema(url: str, name: str) -> Iterator[str]:
    """The URL of a schema that nobody else uses, and that is dropped at the end."""
    try:
        yield f"{url}{'&' if '?' in url else '?'}schema={name}"
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE".encode())


def execute(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement with the tables of the URL's schema in reach."""
    base, _, name = url.rpartition("schema=")
    with psycopg.connect(base.rstrip("?&"), autocommit=True) as connection:
        connection.execute(f"SET search_path TO {name}".encode())
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []
