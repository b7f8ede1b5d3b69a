"""Running Git so that neither a repository nor a person's settings decide what it does.

Every command gets an environment made from nothing: no system or global configuration, no hooks, no
filters, no credential helpers, no prompts, and only the protocols that the source allows. The token
travels in that environment alone: it is in no argument list, no address and no file.
"""

from __future__ import annotations

import base64
import copy
import os
import re
import select
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Final, NamedTuple
from urllib.parse import quote

# What a person's environment may decide: where programs are, and how to reach the network.
_PASSED_ON: Final = (
    "PATH",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
)

_SETTINGS: Final = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.symlinks": "false",
    "core.askPass": "",
    "credential.helper": "",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "fetch.unpackLimit": "1",
    "gc.autoDetach": "false",
    "gc.autoPackLimit": "50",
    "http.followRedirects": "false",  # the token is for this host
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "protocol.version": "2",
}

_CHUNK_BYTES: Final = 1 << 16

# What Git and ssh add to the line that says what went wrong.
_NOISE: Final = re.compile(r"hint:|warning:|Warning:|Please make sure|and the repository exists|debug\d:")


# GIT_CONFIG_GLOBAL came with 2.32; an older Git would obey a person's settings.
_OLDEST: Final = (2, 32)


class GitFailed(Exception):
    """A git command failed.

    Attributes:
        text: what Git said, without secrets, on one line.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class GitLimit(GitFailed):
    """A git command took too long, or too much room."""


class GitUnfit(GitFailed):
    """There is no Git, or one that is too old."""


class Git:
    """Git commands on one bare repository."""

    def __init__(
        self,
        folder: Path,
        *,
        protocols: Sequence[str],
        time_limit_s: float,
        max_bytes: int,
        authorization: tuple[str, str, str] | None = None,
        ssh_options: Sequence[str] = (),
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            folder: of the repository.
            protocols: that Git may use.
            time_limit_s: for each command.
            max_bytes: that the repository may grow to.
            authorization: address, user name and token.
            ssh_options: arguments for ssh.
        """
        self.folder = folder
        self.time_limit_s = time_limit_s
        self._max_bytes = max_bytes
        settings = dict(_SETTINGS)
        self._secrets: tuple[str, ...] = ()
        if authorization is not None:
            url, user, token = authorization
            basic = base64.b64encode(f"{user}:{token}".encode()).decode("ascii")
            settings[f"http.{url}.extraHeader"] = f"Authorization: Basic {basic}"
            self._secrets = (basic, token, quote(token, safe=""))
        # Not every build of Git looks at SSL_CERT_FILE.
        authorities = os.environ.get("SSL_CERT_FILE")
        self._environment = {
            **({"GIT_SSL_CAINFO": authorities} if authorities else {}),
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            "HOME": str(folder.parent),  # curl would look for a .netrc
            "LC_ALL": "C",
            "GIT_DIR": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": ":".join(protocols),
            "GIT_SSH_COMMAND": shlex.join(["ssh", *ssh_options]),
            "GIT_SSH_VARIANT": "ssh",
            **_as_environment(settings),
        }

    def at(self, folder: Path) -> Git:
        """Return the same for another repository."""
        other = copy.copy(self)
        other.folder = folder
        other._environment = {**self._environment, "GIT_DIR": str(folder)}
        return other

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run one command to its end and return what it printed.

        Raises:
            GitFailed: it failed, or took too long or too much room.
        """
        with self._start(arguments) as process:
            deadline_s = time.monotonic() + self.time_limit_s
            waiting: bytes | None = stdin
            while True:
                try:
                    printed, complaint = process.communicate(waiting, timeout=0.5)
                    break
                except subprocess.TimeoutExpired:
                    waiting = None
                    try:
                        self._check_limits(arguments[0], deadline_s)
                    except GitLimit:
                        _end(process)
                        raise
        if process.returncode != 0:
            raise GitFailed(self._clean(complaint) or f"git {arguments[0]} ended with {process.returncode}")
        return printed

    def fields(self, *arguments: str) -> Iterator[bytes]:
        """Run one command and give what it prints piece by piece, as it comes, without the NUL bytes.

        Raises:
            GitFailed: it failed; what was given until then is true.
        """
        with self._running(*arguments) as (process, complaints):
            assert process.stdout is not None
            rest = b""
            while chunk := self._receive(process.stdout, arguments[0]):
                *whole, rest = (rest + chunk).split(b"\0")
                yield from whole
            if process.wait() != 0 or rest:
                complaints.seek(0)
                raise GitFailed(self._clean(complaints.read()) or f"git {arguments[0]} broke off")

    def check_version(self) -> None:
        """Raise GitUnfit if Git is older than what keeps other programs from being run."""
        said = self.run("version").decode("ascii", "replace").strip()
        numbers = re.search(r"(\d+)\.(\d+)", said)
        if numbers is None or (int(numbers[1]), int(numbers[2])) < _OLDEST:
            raise GitUnfit(f"this is {said[:60]!r}; install Git {_OLDEST[0]}.{_OLDEST[1]} or later")

    def check_size(self) -> None:
        """Raise GitLimit if the repository is larger than allowed."""
        if _size_bytes(self.folder) > self._max_bytes:
            raise GitLimit(f"the repository needs more than max_repository_bytes ({self._max_bytes:,})")

    def batch(self) -> Batch:
        """Start a process that gives the contents of objects."""
        return Batch(self)

    @contextmanager
    def _running(self, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
        """A process and what it writes to its standard error; it is ended when the context is left."""
        with tempfile.TemporaryFile() as complaints, self._start(arguments, complaints) as process:
            try:
                yield process, complaints
            finally:
                _end(process)

    def _start(
        self, arguments: Sequence[str], complaints: IO[bytes] | int = subprocess.PIPE
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                ["git", *arguments],
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                bufsize=0,
                # Git starts ssh and others, which have to end with it.
                start_new_session=True,
            )
        except OSError as error:
            raise GitUnfit(f"git cannot be started ({error.strerror}); install Git") from error

    def _receive(self, pipe: IO[bytes], command: str, limit: int = _CHUNK_BYTES) -> bytes:
        waiting = select.poll()
        waiting.register(pipe, select.POLLIN)
        if not waiting.poll(self.time_limit_s * 1000):
            raise GitLimit(f"git {command} gave no answer for {self.time_limit_s:g} s")
        return os.read(pipe.fileno(), limit)

    def _check_limits(self, command: str, deadline_s: float) -> None:
        if time.monotonic() > deadline_s:
            raise GitLimit(f"git {command} took longer than time_limit_s ({self.time_limit_s:g} s)")
        self.check_size()

    def _clean(self, complaint: bytes) -> str:
        text = complaint.decode("utf-8", "backslashreplace")
        for secret in self._secrets:
            text = text.replace(secret, "***")
        lines = [re.sub(r"[^\x20-\x7e]+", " ", line).strip(" .") for line in text.splitlines()]
        telling = [line.removeprefix("fatal: ") for line in lines if line and not _NOISE.match(line)]
        return "; ".join(telling[-4:])[:500]


class GitObject(NamedTuple):
    """An object of a repository.

    Attributes:
        id: its name, in hexadecimal digits.
        kind: blob, tree, commit or tag.
        content: None if it is larger than was asked for.
    """

    id: str
    kind: str
    size_bytes: int
    content: bytes | None


class Batch:
    """A `git cat-file --batch` process; `close` ends it."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._held = ExitStack()
        self._process, self._complaints = self._held.enter_context(git._running("cat-file", "--batch"))
        self._waiting = b""

    def close(self) -> None:
        """End the process."""
        self._held.close()

    def read(self, name: str, *, most_bytes: int) -> GitObject | None:
        """Return an object by its id or any name that Git understands; None if there is none.

        Raises:
            GitFailed: the process ended; this one is of no more use.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(name.encode() + b"\n")
        except BrokenPipeError:
            raise self._broken() from None
        head = self._line().split()
        if len(head) != 3 or not head[2].isdigit():  # "missing", with the name before it
            return None
        identifier, kind, size = (part.decode("ascii") for part in head)
        size_bytes = int(size)
        wanted = size_bytes <= most_bytes
        content = self._take(size_bytes, keep=wanted)
        self._take(1, keep=False)
        return GitObject(identifier, kind, size_bytes, content if wanted else None)

    def _line(self) -> bytes:
        while b"\n" not in self._waiting:
            self._waiting += self._more()
        line, _, self._waiting = self._waiting.partition(b"\n")
        return line

    def _take(self, count: int, *, keep: bool) -> bytes:
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        parts = [taken] if keep else []
        left = count - len(taken)
        while left:
            chunk = self._more(min(left, _CHUNK_BYTES))
            left -= len(chunk)
            if keep:
                parts.append(chunk)
        return b"".join(parts)

    def _more(self, limit: int = _CHUNK_BYTES) -> bytes:
        assert self._process.stdout is not None
        chunk = self._git._receive(self._process.stdout, "cat-file", limit)
        if not chunk:
            raise self._broken()
        return chunk

    def _broken(self) -> GitFailed:
        self._process.wait()
        self._complaints.seek(0)
        return GitFailed(self._git._clean(self._complaints.read()) or "git cat-file ended")


def _as_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings as Git takes them from the environment, git-config(1) GIT_CONFIG_COUNT."""
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _size_bytes(repository: Path) -> int:
    total = 0
    with suppress(FileNotFoundError), os.scandir(repository / "objects/pack") as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                total += entry.stat().st_size
    return total
