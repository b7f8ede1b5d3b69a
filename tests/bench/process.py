"""Processes from the outside: how long they take, and how much memory they and their children hold."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from syncd.cli import exit_codes

_PROC = Path("/proc")
_EVERY_S = 0.1
_KILOBYTE = 1024


class Spent(NamedTuple):
    """What a process and its children took, in seconds."""

    wall_s: float
    cpu_s: float


class Peak(NamedTuple):
    """Memory of a process and its children, in bytes; None where the system does not tell.

    Attributes:
        resident: sum of what each held at most (VmHWM); what they share counts for each.
        proportional: the most that all held together at one moment, what they share counted once (PSS).
        processes: how many there were.
    """

    resident: int | None
    proportional: int | None
    processes: int


def spent(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Spent:
    """Run a command to its end without its output.

    Raises:
        SystemExit: it failed.
    """
    began_s = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - began_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (exit_codes.OK, exit_codes.PARTIAL):
        raise SystemExit(f"{' '.join(command[3:])} failed: {said.decode(errors='replace')}")
    return Spent(wall_s, usage.ru_utime + usage.ru_stime)


class Watch:
    """Looks at the memory of a process and its children, ten times a second, while a context lasts."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._resident: dict[int, int] = {}
        self._proportional = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look_again, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def peak(self) -> Peak:
        """The most that was seen."""
        if not self._resident:
            return Peak(None, None, 0)
        return Peak(sum(self._resident.values()), self._proportional or None, len(self._resident))

    def _look_again(self) -> None:
        while not self._done.wait(_EVERY_S):
            together = 0
            for pid in _family(self._pid):
                self._resident[pid] = max(self._resident.get(pid, 0), _kilobytes(pid, "status", "VmHWM"))
                together += _kilobytes(pid, "smaps_rollup", "Pss")
            self._proportional = max(self._proportional, together)


def own_peak_bytes() -> int | None:
    """The most memory that this process held so far."""
    return _kilobytes(os.getpid(), "status", "VmHWM") or None


def imported(command: Sequence[str], environment: Mapping[str, str]) -> list[tuple[float, str]]:
    """Modules that a command imports, in the order in which they ended, with seconds of their own."""
    done = subprocess.run(
        [command[0], "-X", "importtime", *command[1:]],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    found: list[tuple[float, str]] = []
    for line in done.stderr.splitlines():
        head, _, rest = line.partition("import time:")
        cells = rest.split("|")
        if not head and len(cells) == 3 and cells[0].strip().isdigit():
            found.append((int(cells[0]) / 1e6, cells[2].strip()))
    return found


def importing(modules: Sequence[str]) -> list[str]:
    """A command that imports these modules and ends."""
    names = [name for name in modules if name != "site" and not name.startswith("_frozen")]
    body = (
        f"import importlib\nfor name in {names!r}:\n"
        "    try: importlib.import_module(name)\n"
        "    except ImportError: pass\n"
    )
    return [sys.executable, "-c", body]


def _family(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        try:
            lists = [path.read_text() for path in (_PROC / str(each) / "task").glob("*/children")]
        except OSError:  # it ended
            continue
        found += [int(child) for children in lists for child in children.split()]
    return found


def _kilobytes(pid: int, file: str, field: str) -> int:
    """A field of a process in bytes; 0 if it, or /proc, is not there."""
    try:
        for line in (_PROC / str(pid) / file).read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * _KILOBYTE
    except (OSError, ValueError):
        pass
    return 0
