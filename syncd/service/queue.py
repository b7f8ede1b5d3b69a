"""Which sources want a run, and which may have one now. No clock, no I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from syncd.outcome import Outcome
from syncd.survey import Progress


class Activity(Progress):
    """How one run goes on, for whoever looks.

    Attributes:
        run: its number; None until it has one.
        planned, finished: pages that are looked at, and how many of them are done.
    """

    def __init__(self) -> None:
        self.run: int | None = None
        self.planned_pages = 0
        self.finished_pages = 0

    def begun(self, source: str, run: int) -> None:
        self.run = run

    def planned(self, source: str, pages: int) -> None:
        self.planned_pages = pages

    def done(self, source: str, external_id: str) -> None:
        self.finished_pages += 1


@dataclass(slots=True, kw_only=True, eq=False)
class Want:
    """That a source should run; all who want the same before it begins share one.

    Attributes:
        why: what asked first: schedule, webhook, watch, manual, cron, control.
        full: somebody wants every page to be looked at.
        repair: somebody wants it compared with Intercom, and what differs sent again.
        began: Unix seconds; None while it waits.
        outcome: of the run, once it ended; cancelled if it never will.
    """

    source: str
    why: str
    full: bool = False
    repair: bool = False
    began: float | None = None
    activity: Activity = field(default_factory=Activity)
    outcome: asyncio.Future[Outcome] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Queue:
    """At most one run of a source at once, and one that waits for it; the longest wait goes first."""

    def __init__(self, limit: int) -> None:
        """Let up to `limit` sources run at once."""
        self.limit = limit
        self._waiting: dict[str, Want] = {}
        self._running: dict[str, Want] = {}

    @property
    def running(self) -> Mapping[str, Want]:
        """The runs that are under way."""
        return self._running

    @property
    def waiting(self) -> Mapping[str, Want]:
        """The runs that have not begun."""
        return self._waiting

    def want(self, source: str, why: str, *, full: bool = False, repair: bool = False) -> Want:
        """Ask for a run that begins after this moment; return the one that will be."""
        want = self._waiting.setdefault(source, Want(source=source, why=why))
        want.full = want.full or full
        want.repair = want.repair or repair
        return want

    def take(self) -> Want | None:
        """Return the want that may begin now; it counts as running until `ended`."""
        if len(self._running) >= self.limit:
            return None
        for source, want in self._waiting.items():
            if source not in self._running:
                del self._waiting[source]
                self._running[source] = want
                return want
        return None

    def ended(self, want: Want) -> None:
        """Let the source's next run begin."""
        del self._running[want.source]

    def drop(self, source: str) -> None:
        """Forget what waits for a source."""
        if (want := self._waiting.pop(source, None)) is not None:
            want.outcome.cancel()

    def drop_all(self) -> None:
        """Forget all that waits."""
        for source in list(self._waiting):
            self.drop(source)
