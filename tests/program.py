"""The program as a process of its own, without paying each time for what it imports.

A process that is started afresh spends half a second of processor time on imports, and the tests start more
than a thousand. So each process of pytest keeps one that has imported everything, has no threads and does
nothing else, and has it fork: what a fork runs is the command from its very beginning, with its own
environment, folder, pipes and signals.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

MAIN = "from syncd.cli import main; main()"

_FORKING = f"from tests.program import forks; forks(int(__import__('sys').argv[1])); {MAIN}"
_MESSAGE_BYTES = 1 << 17


class Program:
    """A running command, with the part of `subprocess.Popen` that the tests use."""

    def __init__(self, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> None:
        self.args = ["syncd", *arguments]
        self.returncode: int | None = None
        (out, theirs_out), (err, theirs_err) = os.pipe(), os.pipe()
        self._told, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        message = json.dumps([list(arguments), str(cwd), dict(env)]).encode()
        try:
            socket.send_fds(_forking(), [message], [theirs_out, theirs_err, theirs.fileno()])
        finally:
            theirs.close()
            os.close(theirs_out)
            os.close(theirs_err)
        self.stdout: IO[str] = open(out, encoding="utf-8", errors="replace")  # noqa: SIM115
        self.stderr: IO[str] = open(err, encoding="utf-8", errors="replace")  # noqa: SIM115
        self.pid = int(self._told.recv(64))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        self.close()

    def poll(self) -> int | None:
        """The exit code once it ended, negative for a signal."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            ready, _, _ = select.select([self._told], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = os.waitstatus_to_exitcode(int(self._told.recv(64)))
            self._told.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it printed until its end. Raises subprocess.TimeoutExpired."""
        told: dict[IO[str], list[bytes]] = {self.stdout: [], self.stderr: []}
        left = set(told)
        end = None if timeout is None else time.monotonic() + timeout
        while left:
            ready, _, _ = select.select(left, [], [], None if end is None else max(0, end - time.monotonic()))
            if not ready:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            for pipe in ready:
                piece = os.read(pipe.fileno(), 1 << 16)
                told[pipe].append(piece)
                if not piece:
                    left.discard(pipe)
        self.wait(None if end is None else max(0, end - time.monotonic()))
        out, err = (b"".join(pieces).decode(errors="replace") for pieces in told.values())
        self.close()
        return out, err

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        self.stdout.close()
        self.stderr.close()


def environment() -> dict[str, str]:
    """The least that a program needs."""
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


@functools.cache
def _forking() -> socket.socket:
    """The other end of the process that forks; it ends with this one."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    search = os.pathsep.join([str(Path(__file__).parent.parent), *filter(None, sys.path)])
    process = subprocess.Popen(
        [sys.executable, "-c", _FORKING, str(there.fileno())],
        env={**environment(), "PYTHONPATH": search},
        pass_fds=[there.fileno()],
        stdin=subprocess.DEVNULL,
        # Python looks at its standard streams once: the forks write into pipes.
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    there.close()

    def end() -> None:
        here.close()
        process.wait(10)

    atexit.register(end)
    return here


def forks(control: int) -> None:
    """Fork for each message, and return in the fork; exit once nobody can send any more."""
    _import_all()
    server = socket.socket(fileno=control)
    wake, woken = socket.socketpair()
    woken.setblocking(False)
    signal.set_wakeup_fd(woken.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    children: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([server, wake], [], [])
        if wake in ready:
            wake.recv(4096)
            _tell_ends(children)
        if server not in ready:
            continue
        message, fds, _, _ = socket.recv_fds(server, _MESSAGE_BYTES, 3)
        if not message:
            sys.exit()
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            for end in (server, wake, woken):
                end.close()
            for told in (*children.values(), fds[2]):
                os.close(told)
            _become(json.loads(message), *fds[:2])
            return
        children[pid] = fds[2]
        os.write(fds[2], b"%d" % pid)
        os.close(fds[0])
        os.close(fds[1])


def _tell_ends(children: dict[int, int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            told = children.pop(pid)
            with contextlib.suppress(BrokenPipeError):
                os.write(told, b"%d" % status)
            os.close(told)


def _become(message: Any, out: int, err: int) -> None:
    arguments, cwd, env = message
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for fd, name in ((1, out), (2, err)):
        os.dup2(name, fd)
        os.close(name)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv[:] = ["-c", *arguments]


def _import_all() -> None:
    import syncd

    for module in pkgutil.walk_packages(syncd.__path__, "syncd."):
        if not module.name.startswith("syncd.testing") and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.collect()
    gc.freeze()
