"""Whether Intercom reads in for Fin what it acknowledged, from a few pages of each run.

Most answers to a write tell it already. A page that was not read in by then is asked for again after later
runs, ever more seldom. A source of which nothing is waited for costs no request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from syncd.clock import Clock
from syncd.errors import ConfigError, PageError, SourceError
from syncd.log import get_logger
from syncd.model import Ingestion, ingested
from syncd.protocols import Lane, Target
from syncd.state.ingestions import Waiting, keep, waiting
from syncd.state.store import SqlStateStore

log = get_logger(__name__)

ASKED = 3
"""Pages that are asked for after one run, at most."""

MOST_WAITING = 10
"""Pages of one source that are waited for at once, at most."""

ASK_S = 5.0
"""Seconds that the asking may take: a run that ended keeps nobody waiting."""

_SOONEST_S, _SELDOM_S = 60.0, 3600.0


async def follow(
    name: str,
    sent: Sequence[Ingestion],
    *,
    store: SqlStateStore,
    lane: Lane,
    target: Callable[[], Awaitable[Target | None]],
    clock: Clock,
) -> None:
    """Keep what a run was told of the pages that it sent, and ask for those of earlier runs.

    Args:
        target: gives the import source; None if nothing of the source was ever sent.

    Raises:
        StateStoreError: it cannot be kept.
    """
    before = await lane(waiting, store, name)
    now = clock.now()
    last = {page.external_id: page for page in sent}.values()
    told = [page for page in last if page.ingested_at is not None]
    late = {one.page.external_id for one in before}
    new = [page for page in last if page.ingested_at is None and page.external_id not in late]
    told += new[: max(0, MOST_WAITING - len(before))]
    settled = {page.external_id for page in told}
    asked = [one for one in before if is_due(one, now) and one.page.external_id not in settled][:ASKED]
    gone: set[str] = set()
    try:
        async with asyncio.timeout(ASK_S):
            if asked and (pages := await target()) is not None:
                for one in asked:
                    if (found := await _look(pages, one.page)) is not None:
                        told.append(found)
                    else:
                        gone.add(one.page.external_id)
    except (ConfigError, SourceError, TimeoutError) as error:
        log.info("ingestion_not_asked", error=type(error).__name__)
    if told or gone:
        await lane(lambda: keep(store, name, told, gone, at=now))


def is_due(one: Waiting, now: float) -> bool:
    """Whether to ask again: after a minute, then after as long as it is waited for, at least each hour."""
    waited_s = one.asked_at - one.page.written_at
    return not 0 <= now - one.asked_at < min(max(waited_s, _SOONEST_S), _SELDOM_S)


async def _look(target: Target, page: Ingestion) -> Ingestion | None:
    """The page as it stands now; None if it is there no more."""
    try:
        shown = await target.get(page.page_id)
    except PageError:
        return page
    if shown is None or shown.external_id != page.external_id:
        return None
    return page._replace(ingested_at=ingested(page.written_at, shown.ingested_at))
