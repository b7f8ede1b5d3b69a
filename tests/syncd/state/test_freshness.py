"""How fresh a source is, from its audit trail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from syncd.state.freshness import Freshness, freshness, lags_after, summed
from syncd.state.store import SqlStateStore
from syncd.testing.entries import intent, sent

DAY_S = 86400.0


def accept(store: SqlStateStore, name: str, *, changed_at: float | None, at: float) -> None:
    run = store.start("handbook", trigger="test", at=at)
    store.write("handbook", run, [intent(name), replace(sent(name), changed_at=changed_at)], at=at)


def test_only_changes_of_the_window_count(tmp_path: Path) -> None:
    """One that was slow a month ago is forgotten, and what has no date never counted."""
    with SqlStateStore(f"sqlite:///{tmp_path}/syncd.db") as store:
        accept(store, "old", changed_at=0.0, at=DAY_S)
        accept(store, "first", changed_at=None, at=30 * DAY_S)
        accept(store, "slow", changed_at=29 * DAY_S, at=30 * DAY_S)
        accept(store, "quick", changed_at=30 * DAY_S - 5, at=30 * DAY_S)
        accept(store, "clock", changed_at=31 * DAY_S, at=30 * DAY_S)

        found = freshness(store, ["handbook", "wiki"], now=31 * DAY_S)
        line, changes = lags_after(store, lags_after(store, None)[0] - 2)

    assert found == {"handbook": Freshness(changes=3, p50_s=5.0, p95_s=DAY_S), "wiki": Freshness()}
    assert changes == [("handbook", 5.0), ("handbook", 0.0)]
    assert line == 5


def test_percentiles_are_lags_that_were_met() -> None:
    """By the nearest rank, so that one change is its own percentile."""
    assert summed([7.0]) == Freshness(changes=1, p50_s=7.0, p95_s=7.0)
    assert summed([float(n) for n in range(100, 0, -1)]) == Freshness(changes=100, p50_s=50.0, p95_s=95.0)


def test_objective_of_zero_is_none() -> None:
    """Then nothing is late."""
    late = Freshness(changes=1, p50_s=10.0, p95_s=10.0)

    assert (late.misses(9.0), late.misses(10.0), late.misses(0.0)) == (True, False, False)
