"""A store that tells the laws what was committed, and that can be put back to what was really on the disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from syncd.journal import Entry, Lease
from syncd.testing.memory import MemoryStateStore, Run

Committed = Callable[[int, Sequence[Entry], int | None, frozenset[str]], None]
"""Hears of a run's entries, the epoch under which they were written, and what of them was refused."""


class ObservedStore(MemoryStateStore):
    """The rows in memory.

    Attributes:
        takeovers: leases that were taken over from somebody who had not given them back.
        committed: hears of each batch of entries when it has become true.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock`: the store's own, by which leases go."""
        super().__init__()
        self._clock = clock
        self.takeovers = 0
        # Kept beside the state, as the lock file does.
        self._last_run: tuple[int, float] | None = None
        self.committed: Committed = lambda run, entries, epoch, refused: None

    def write(self, source: str, run: int, entries: Sequence[Entry], **more: Any) -> Any:
        answer = super().write(source, run, entries, **more)
        self.committed(run, entries, more.get("epoch"), frozenset(answer or ()))
        return answer

    def start(self, source: str, **more: Any) -> int:
        number = super().start(source, **more)
        self._last_run = (number, self.runs[number].started)
        return number

    def acquire(self, source: str, *, owner: str, until: float, at: float) -> Lease:
        now = self._clock()
        lease = super().acquire(source, owner=owner, until=now + until - at, at=now)
        self.takeovers += lease.former is not None
        return lease

    def renew(self, lease: Lease, *, until: float, at: float) -> Lease:
        now = self._clock()
        return super().renew(lease, until=now + until - at, at=now)

    def image(self) -> dict[str, Any]:
        """All that it holds, to be put back by `put_back`."""
        return {name: _copied(value) for name, value in vars(self).items() if not callable(value)}

    def put_back(self, image: dict[str, Any]) -> None:
        """Forget all that was committed since the image was made."""
        vars(self).update({name: _copied(value) for name, value in image.items()})

    def go_back(self, image: dict[str, Any]) -> bool:
        """Put a backup in the place of the state, as an operator does; whether it knows less.

        It finds that out by itself, as SQLite's does: see syncd/state/restored.py.
        """
        last_run = self._last_run
        self.put_back(image)
        self._last_run = last_run
        if last_run is None or last_run in _started(self.runs):
            return False
        self._distrust()
        return True

    def _distrust(self) -> None:
        for source, standing in self._standings.items():
            self._standings[source] = replace(standing, verified_at=None, revision=None)
        for rows in self.rows.values():
            rows.update({key: row._replace(absences=0, absent_since=None) for key, row in rows.items()})
        for holds in self._holds.values():
            for question, hold in holds.items():
                holds[question] = replace(hold, approved=None, approved_until=None, approved_by=None)

    def lose(self) -> None:
        """Forget everything: the file is gone."""
        self.put_back(MemoryStateStore().__dict__)


def _started(runs: Mapping[int, Run]) -> set[tuple[int, float]]:
    return {(number, run.started) for number, run in runs.items()}


def _copied(value: Any) -> Any:
    """A copy of the dicts and lists in it; rows and entries are immutable."""
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    if isinstance(value, list):
        return list(value)
    return value
