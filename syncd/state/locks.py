"""One process at a time on one state file: an operating-system lock, which no crash leaves behind."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from syncd.errors import SourceBusy, StateStoreError

_held: set[int] = set()

_MAX_BYTES = 1_048_576


def _close_in_child() -> None:
    # A forked child shares the lock, and would keep it after its parent was killed.
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_close_in_child)


class LastRun(NamedTuple):
    """One run of a state file: numbers begin anew with a new file, so its start tells it from others."""

    number: int
    started: float


class KeptOut(NamedTuple):
    """A page that a person took down; `since`: Unix seconds."""

    source: str
    external_id: str
    since: float
    by: str
    why: str


class ProcessLock(AbstractContextManager["ProcessLock"]):
    """Held from `with` to its end, or to the end of the process, however it ends.

    The file names the holder, for people and for messages; it stays when the lock is released, since
    removing it would let two processes lock two files of one name. And it remembers the newest run, so
    that a state file which was replaced by an older one is noticed.

    Attributes:
        last_run: the newest run that any holder told; None if none did.
        kept_out: the pages that were taken down when it began.
        unclean: whether the last holder died with the lock. It stays so, for later holders too, until
            somebody who has looked at the state sets it to False.
    """

    def __init__(self, path: Path, *, command: str, at: float) -> None:
        """Take nothing yet.

        Args:
            path: of the lock file; made on demand, its folder is not.
            command: what a second process is told about this one; no secrets.
            at: Unix seconds now.
        """
        self.path = path
        self._holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "command": command,
            "since": datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds"),
        }
        self.last_run: LastRun | None = None
        self.kept_out: tuple[KeptOut, ...] = ()
        self.unclean = False
        self._descriptor: int | None = None

    def __enter__(self) -> ProcessLock:
        """Take the lock, without waiting.

        Raises:
            SourceBusy: another process (or another part of this one) has it.
            StateStoreError: the file cannot be made or locked.
        """
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateStoreError(
                f"lock file {self.path} cannot be opened: {error.strerror}. "
                "Let this user write the folder of the state file."
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            who = holder(self.path) or "another process"
            raise SourceBusy(
                f"state file {self.path.with_suffix('')} is in use by {who}: nothing was done. "
                "Wait until it has finished, or stop it, then run again."
            ) from error
        except OSError as error:
            os.close(descriptor)
            raise StateStoreError(
                f"lock file {self.path} cannot be locked: {error.strerror}. "
                "Keep the state file on a local disk, not on a network file system."
            ) from error
        self._descriptor = descriptor
        _held.add(descriptor)
        content = os.pread(descriptor, _MAX_BYTES, 0)
        self.last_run, self.unclean = _run_in(content), b'"pid"' in content or b'"unclean"' in content
        self.kept_out = _kept_out_in(content)
        self._write(self._holder | self._noted())
        return self

    def remember(self, number: int, started: float, kept_out: Iterable[KeptOut] = ()) -> None:
        """Keep a run that has begun, for whoever holds the lock later; `started`: Unix seconds.

        And the pages that are taken down then: whatever becomes of the state, they must not come back.
        """
        self.last_run, self.kept_out = LastRun(number, started), tuple(kept_out)
        self._write(self._holder | self._noted())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._descriptor is not None:
            _held.discard(self._descriptor)
            self._write(self._noted() | ({"unclean": True} if self.unclean else {}))
            os.close(self._descriptor)
            self._descriptor = None

    def _noted(self) -> dict[str, object]:
        if self.last_run is None:
            return {}
        noted: dict[str, object] = {"run": self.last_run.number, "started": self.last_run.started}
        return noted | ({"kept_out": self.kept_out} if self.kept_out else {})

    def _write(self, content: Mapping[str, object]) -> None:
        if self._descriptor is not None:
            text = json.dumps(content).encode()
            if len(text) > _MAX_BYTES:  # what could not be read again would take the rest along
                rest = {name: value for name, value in content.items() if name != "kept_out"}
                text = json.dumps(rest).encode()
            os.pwrite(self._descriptor, text, 0)
            os.ftruncate(self._descriptor, len(text))


def _run_in(content: bytes) -> LastRun | None:
    try:
        told = json.loads(content)
        return LastRun(int(told["run"]), float(told["started"]))
    except (ValueError, LookupError, TypeError):
        return None


def _kept_out_in(content: bytes) -> tuple[KeptOut, ...]:
    try:
        rows = [KeptOut(*row) for row in json.loads(content)["kept_out"]]
    except (ValueError, LookupError, TypeError):
        return ()
    return tuple(row for row in rows if isinstance(row.since, float))


def lock_path(state_path: Path) -> Path:
    """Where the lock of a state file lies: beside it."""
    return state_path.with_name(state_path.name + ".lock")


def holder(path: Path) -> str | None:
    """Name the process that holds the lock, in words; None if none does, or it cannot be told."""
    try:
        told = json.loads(path.read_bytes())
        # A process that was killed left its name. To try the lock would be to keep others from it.
        if told["host"] == socket.gethostname() and not _lives(told["pid"]):
            return None
        return f"process {told['pid']} on {told['host']} ({told['command']}, since {told['since']})"
    except (OSError, ValueError, LookupError, TypeError, OverflowError):
        return None


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return True
