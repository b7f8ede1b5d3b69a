"""The workspace on disk: a file of JSON lines, one for each change, in the order in which they happened.

A line is written before its change takes effect, and so before the answer: neither a clean stop nor a
killed process loses an acknowledged write. (A power cut may: lines are not forced to the disk.) A last
line that a kill cut short is left out. On opening, a file that holds many outdated lines is
written anew beside itself and put in place in one step.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import IO, Any

from syncd.errors import ConfigError
from syncd.sandbox.content import (
    Change,
    Emptied,
    Page,
    PageGone,
    PageHeld,
    Source,
    SourceGone,
    SourceHeld,
)
from syncd.sandbox.workspace import Workspace

_HEADER = {"syncd_sandbox": 1}
_SOURCE = tuple(each.name for each in fields(Source))
_PAGE = tuple(each.name for each in fields(Page))


class Storage:
    """Keeps one workspace in one file, from opening to `close`."""

    def __init__(self, path: Path, workspace: Workspace) -> None:
        """Build the workspace from the file, made if absent, and record what happens to it from now on.

        Raises:
            ConfigError: the file cannot be used, is of something else, or another sandbox has it open.
        """
        self.path = path
        try:
            self._file = self._locked()
            lines = self._load(workspace)
            if lines > 2 * sum(1 for _ in workspace.changes()) + 100:
                self._compact(workspace)
        except OSError as error:
            raise ConfigError(
                f"the sandbox file {path} cannot be used: {error.strerror or error}; "
                "name another with --file."
            ) from error
        workspace.record = self.record

    def record(self, change: Change) -> None:
        """Write one change and hand it to the operating system."""
        self._file.write(_line(_written(change)))
        self._file.flush()

    def close(self) -> None:
        """Bring the file to the disk and let go of it."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def _locked(self) -> IO[bytes]:
        file = self.path.open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise ConfigError(
                f"another sandbox has {self.path} open; stop it or name another file with --file."
            ) from None
        return file

    def _load(self, workspace: Workspace) -> int:
        self._file.seek(0)
        count = good_bytes = 0
        for line in self._file:
            # A kill can cut the last line short; a file that is no sandbox's is not to be cut.
            if not line.endswith(b"\n") and (count or _line(_HEADER).startswith(line)):
                break
            try:
                value = json.loads(line)
                if count == 0:
                    if value != _HEADER:
                        raise ValueError(value)
                else:
                    workspace.replay(_read(value))
            except (ValueError, KeyError, TypeError):
                self._file.close()
                raise ConfigError(
                    f"line {count + 1} of {self.path} is not what a sandbox wrote; "
                    "move the file away or name another with --file."
                ) from None
            count += 1
            good_bytes += len(line)
        self._file.truncate(good_bytes)
        if count == 0:
            self._file.write(_line(_HEADER))
            self._file.flush()
        return count

    def _compact(self, workspace: Workspace) -> None:
        beside = self.path.with_name(self.path.name + ".new")
        with beside.open("wb") as file:
            file.write(_line(_HEADER))
            for change in workspace.changes():
                file.write(_line(_written(change)))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
        self._file.close()
        self._file = self._locked()


def _line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _written(change: Change) -> dict[str, Any]:
    match change:
        case PageHeld(page):
            return {"page": {name: getattr(page, name) for name in _PAGE}}
        case SourceHeld(source):
            return {"source": {name: getattr(source, name) for name in _SOURCE}}
        case PageGone(page_id):
            return {"page_gone": page_id}
        case SourceGone(source_id):
            return {"source_gone": source_id}
        case Emptied():
            return {"emptied": True}


def _read(value: dict[str, Any]) -> Iterator[Change]:
    ((kind, content),) = value.items()
    if kind in ("page", "source"):
        content["audience_ids"] = tuple(content["audience_ids"])
    match kind:
        case "page":
            yield PageHeld(Page(**content))
        case "source":
            yield SourceHeld(Source(**content))
        case "page_gone":
            yield PageGone(content)
        case "source_gone":
            yield SourceGone(content)
        case "emptied":
            yield Emptied()
        case _:
            raise ValueError(kind)
