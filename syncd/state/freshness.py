"""How long changes took from their origins to Intercom's acknowledgement. Reads only.

A change begins when its origin dates it: the pinned commit of a Git run, the file's own time, or what
Confluence says. First syncs, adoptions, and pages that are sent again though nothing changed do not count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select, text

from syncd.state.queries import SourceSummary
from syncd.state.store import SqlStateStore
from syncd.state.tables import HAS_LAG, outcomes

WINDOW_S = 7 * 86400.0
WINDOW_CHANGES = 1000
"""A source is judged by the newest changes: so many at most, none older than so many seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How long the changes of a source took that were acknowledged lately.

    Attributes:
        changes: how many they are.
        p50_s, p95_s: half of them, and 95 of 100, took no longer; None without a change.
    """

    changes: int = 0
    p50_s: float | None = None
    p95_s: float | None = None

    def misses(self, objective_s: float) -> bool:
        """Whether changes took longer than they may; never with an objective of 0, which is none."""
        return objective_s > 0 and self.p95_s is not None and self.p95_s > objective_s


_LAGS = (
    select(outcomes.c.lag_s)
    .where(outcomes.c.source == bindparam("of"), text(HAS_LAG), outcomes.c.at >= bindparam("since"))
    .order_by(outcomes.c.id.desc())
    .limit(WINDOW_CHANGES)
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
        return {
            name: summed([row[0] for row in connection.execute(_LAGS, {"of": name, "since": now - window_s})])
            for name in names
        }

    return store.read(work)


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
