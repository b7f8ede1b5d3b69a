"""How long changes took from their origins to Intercom's acknowledgement. Reads only.

A change begins when its origin dates it: the pinned commit of a Git run, the file's own time, or what
Confluence says. First syncs, adoptions, and pages that are sent again though nothing changed do not count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, or_, select, text

from syncd.state.queries import SourceSummary
from syncd.state.store import SqlStateStore
from syncd.state.tables import HAS_LAG, ingestions, outcomes

WINDOW_S = 7 * 86400.0
WINDOW_CHANGES = 1000
"""A source is judged by the newest changes: so many at most, none older than so many seconds."""

INGESTED_WITHIN_S = 86400.0
"""Seconds in which Intercom should have read in what it acknowledged. It speaks of ten hours at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How long the changes of a source took that were acknowledged lately.

    Attributes:
        changes: how many they are.
        p50_s, p95_s: half of them, and 95 of 100, took no longer; None without a change.
        ingested: pages, a few of each run, of which Intercom told when it read them in for Fin.
        ingested_p50_s, ingested_p95_s: how long that took from the acknowledgement, in the same way.
        ingesting: such pages that were not read in when Intercom was last asked.
        overdue: those of them that had waited for more than INGESTED_WITHIN_S by then.
        overdue_since: Unix seconds when the first of these was sent; None without one.
    """

    changes: int = 0
    p50_s: float | None = None
    p95_s: float | None = None
    ingested: int = 0
    ingested_p50_s: float | None = None
    ingested_p95_s: float | None = None
    ingesting: int = 0
    overdue: int = 0
    overdue_since: float | None = None

    def misses(self, objective_s: float) -> bool:
        """Whether changes took longer than they may; never with an objective of 0, which is none."""
        return objective_s > 0 and self.p95_s is not None and self.p95_s > objective_s


_LAGS = (
    select(outcomes.c.lag_s)
    .where(outcomes.c.source == bindparam("of"), text(HAS_LAG), outcomes.c.at >= bindparam("since"))
    .order_by(outcomes.c.id.desc())
    .limit(WINDOW_CHANGES)
)
_INGESTIONS = select(ingestions.c.written_at, ingestions.c.ingested_at, ingestions.c.asked_at).where(
    ingestions.c.source == bindparam("of"),
    or_(ingestions.c.ingested_at.is_(None), ingestions.c.written_at >= bindparam("since")),
)
_NEW = (
    select(outcomes.c.id, outcomes.c.source, outcomes.c.lag_s)
    .where(outcomes.c.id > bindparam("after"), text(HAS_LAG))
    .order_by(outcomes.c.id)
)


def freshness(
    store: SqlStateStore, names: Iterable[str], *, now: float, window_s: float = WINDOW_S
) -> Mapping[str, Freshness]:
    """Return how fresh each of the sources is at a moment, in Unix seconds."""

    def work(connection: Connection) -> dict[str, Freshness]:
        found = {}
        for name in names:
            asked = {"of": name, "since": now - window_s}
            changes = summed([row[0] for row in connection.execute(_LAGS, asked)])
            found[name] = _with_ingestions(changes, connection.execute(_INGESTIONS, asked))
        return found

    return store.read(work)


def _with_ingestions(changes: Freshness, rows: Iterable[Row[Any, Any, Any]]) -> Freshness:
    lags_s: list[float] = []
    ingesting, overdue = 0, []
    for written_at, ingested_at, asked_at in rows:
        if ingested_at is not None:
            lags_s.append(ingested_at - written_at)
            continue
        ingesting += 1
        if asked_at - written_at > INGESTED_WITHIN_S:
            overdue.append(written_at)
    done = summed(lags_s)
    return replace(
        changes,
        ingested=done.changes,
        ingested_p50_s=done.p50_s,
        ingested_p95_s=done.p95_s,
        ingesting=ingesting,
        overdue=len(overdue),
        overdue_since=min(overdue, default=None),
    )


def is_stale(summary: SourceSummary | None, objective_s: float, *, now: float) -> bool:
    """Whether the last complete run is longer ago than changes may take; 0: they may take ever so long.

    One that never completed a run is stale once its first one is over.
    """
    if not objective_s or summary is None:
        return False
    if summary.last_complete is None:
        return summary.last_run is not None and summary.last_run.result == "failed"
    return now - summary.last_complete > objective_s


def lags_after(store: SqlStateStore, after: int | None) -> tuple[int, Sequence[tuple[str, float]]]:
    """Return (source, seconds) of each change that was acknowledged after a line of the audit trail, and the
    newest line; with None only that line."""

    def work(connection: Connection) -> tuple[int, Sequence[tuple[str, float]]]:
        newest = connection.scalar(select(func.max(outcomes.c.id))) or 0
        if after is None or newest <= after:
            return newest, ()
        return newest, [(row.source, row.lag_s) for row in connection.execute(_NEW, {"after": after})]

    return store.read(work)


def summed(lags_s: Sequence[float]) -> Freshness:
    """Sum up some changes, by the nearest rank: each percentile is a lag that was met."""
    if not lags_s:
        return Freshness()
    ordered = sorted(lags_s)

    def percentile(share: float) -> float:
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    return Freshness(changes=len(ordered), p50_s=percentile(0.5), p95_s=percentile(0.95))
