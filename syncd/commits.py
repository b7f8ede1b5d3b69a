"""Record: entries go to the state store in groups, each group one transaction."""

from __future__ import annotations

import asyncio

from syncd.journal import Entry
from syncd.protocols import Clock, Lane, StateStore

LULL_S = 0.025
"""Seconds between two commits at least: a commit for each of two hundred pages a second would cost the main
process as much as the requests."""


class Journal:
    """Commits entries in groups: all that came since the last commit goes into one transaction.

    So one commit does not cost one page, and an entry that comes after a lull does not wait.
    """

    def __init__(
        self, store: StateStore, lane: Lane, clock: Clock, source: str, run: int, *, epoch: int | None = None
    ) -> None:
        self._store = store
        self._lane = lane
        self._clock = clock
        self._source = source
        self._run = run
        self._epoch = epoch
        self._waiting: list[tuple[tuple[Entry, ...], asyncio.Future[frozenset[str]]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._committed_s = -LULL_S

    def now(self) -> float:
        """Unix seconds."""
        return self._clock.now()

    async def write(self, *entries: Entry) -> frozenset[str]:
        """Return once the entries are committed, with the external ids whose intent was refused.

        Raises the store's error if they could not be.
        """
        done: asyncio.Future[frozenset[str]] = asyncio.get_running_loop().create_future()
        self._waiting.append((entries, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._commit_all())
        # The commit goes on even if this page's task is cancelled: it may hold other pages' entries.
        return await asyncio.shield(done)

    async def settle(self) -> None:
        """Wait until all entries are committed or refused, also those of pages that were given up."""
        if self._writer is not None:
            await asyncio.wait((self._writer,))

    async def _commit_all(self) -> None:
        while self._waiting:
            lull_s = self._committed_s + LULL_S - self._clock.monotonic()
            if lull_s > 0:
                await self._clock.sleep(lull_s)
            group, self._waiting = self._waiting, []
            entries = [entry for waiting, _ in group for entry in waiting]
            try:
                refused = await self._lane(
                    self._store.write,
                    self._source,
                    self._run,
                    entries,
                    at=self._clock.now(),
                    epoch=self._epoch,
                )
            except Exception as error:  # also one that nobody foresaw: the pages wait for an answer
                for _, done in group:
                    if not done.done():
                        done.set_exception(error)
                        done.exception()  # a page that was cancelled meanwhile never asks
                continue
            finally:
                self._committed_s = self._clock.monotonic()
            for waiting, done in group:
                if not done.done():
                    done.set_result(refused & {entry.external_id for entry in waiting})
