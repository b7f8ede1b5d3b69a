"""The pages that a run is at, on record before they are read: so a page that kills the process is found.

A run that ends in any other way than by being killed takes its marks away. If one finds the marks of a dead
one, it comes to those pages last, and to one at a time: the page at which the process dies again is parked
by the run after that. Since it may have been somebody else who killed the process, the page gets one more
try, alone, once it has rested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.plan import Task
from syncd.protocols import Lane, StateStore

REST_S = 24 * 3600.0
"""Seconds for which a page at which the process died twice is left alone: a service dies of it once a day at
most."""


class AtWork:
    """The marks of one run of one source."""

    def __init__(
        self, store: StateStore, keep: Lane, source: str, *, found: Mapping[str, bool], writes: bool
    ) -> None:
        """`found`: external_id → whether it was the only one at hand, of each mark of a dead run, and of each
        page that has rested.

        Without `writes` nothing is marked, and the order is the same.
        """
        self._store = store
        self._keep = keep
        self._source = source
        self._found = found
        self._writes = writes
        self._before: list[str] = []

    def is_deadly(self, external_id: str) -> bool:
        """Whether the process was killed at this page for the second time."""
        return self._found.get(external_id, False)

    def is_suspect(self, external_id: str) -> bool:
        """Whether it is one of the pages that were at hand when the process was killed."""
        return external_id in self._found

    def in_order(self, tasks: Sequence[Task]) -> list[Task]:
        """The tasks with the suspects last."""
        if not self._found:
            return list(tasks)
        return sorted(tasks, key=lambda task: self.is_suspect(task.item.external_id))

    async def begin(self, external_ids: Sequence[str], *, still: int = 0) -> None:
        """Say that these pages come next; the last `still` ones of those before may be under way yet."""
        if self._writes and external_ids:
            kept = self._before[-still:] if still else []
            self._before = list(external_ids)
            await self._keep(self._store.mark, self._source, [*kept, *external_ids, *self._found])

    async def begin_alone(self, external_id: str) -> None:
        """Say that this page comes next, and no other with it."""
        if self._writes:
            await self._keep(self._store.mark_alone, self._source, external_id)
