"""The simulated world with its state in a real SQLite file, opened anew after each death."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from syncd.journal import Entry
from syncd.state.store import SqlStateStore
from syncd.testing.simulation.choices import USUAL
from syncd.testing.simulation.process import Process
from syncd.testing.simulation.store import Committed, ObservedStore
from syncd.testing.simulation.world import World


class ObservedSqlite(SqlStateStore):
    """A state file that tells what was committed; one process at a time, so without leases."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"sqlite:///{path}")
        self.committed: Committed = lambda run, entries, epoch, refused: None
        self.leases: dict[str, object] = {}
        self.takeovers = 0

    def write(self, source: str, run: int, entries: Sequence[Entry], **more: Any) -> frozenset[str]:
        refused = super().write(source, run, entries, **more)
        self.committed(run, entries, None, refused)
        return refused

    def image(self) -> dict[str, Any]:
        """Nothing is ever put back: what SQLite committed is on the disk."""
        return {}

    def put_back(self, image: dict[str, Any]) -> None:
        """See `image`."""


class OnSqlite(World):
    """One worker, whose state is a file that nobody replaces."""

    def __init__(self, seed: int, folder: Path) -> None:
        self._path = folder / "state.db"
        super().__init__(seed, given={"knob.workers": USUAL, "swarm.backup": USUAL})

    def make_store(self) -> ObservedStore:
        return cast("ObservedStore", ObservedSqlite(self._path))

    def died(self, process: Process) -> None:
        cast("ObservedSqlite", self.store).close()
        self.store = self.make_store()
        self.store.committed = self.committed
        super().died(process)
