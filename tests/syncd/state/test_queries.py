from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.journal import Absent, Hold, Noted, Skipped, Standing, Uncertain
from syncd.model import Action, Report, Result, Unlisted
from syncd.state.queries import left_out, page, pages, recent_runs, run_outcomes, source_summaries
from syncd.state.store import SqlStateStore
from syncd.testing.entries import failed, gone, intent, sent

HOLD = Hold(kind="deletions", count=12, digest="d", reason="12 of 40 pages", since=5.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStateStore]:
    """Two sources: one with two runs and a page of every kind, one whose only run was killed."""
    with SqlStateStore(f"sqlite:///{tmp_path}/syncd.db") as store:
        first = store.start("handbook", trigger="hand", at=1.0)
        store.write(
            "handbook",
            first,
            [
                sent("a.md", title="Alpha 100%", url="https://docs.example/a"),
                sent("b.md", title="Beta", url=None),
                sent("gone.md"),
                failed("c.md", error="too deep"),
                Skipped(external_id="d.md", version="v", rules="r", reason="no text"),
                failed("e.md", error="was bad once"),
            ],
            at=2.0,
        )
        finish(store, first, at=3.0, hold=HOLD)
        second = store.start("handbook", trigger="schedule", at=10.0)
        store.write(
            "handbook",
            second,
            [
                *gone("gone.md"),
                sent("e.md"),
                Absent(external_id="b.md"),
                intent("f.md"),
                Uncertain(external_id="f.md", error="timed out"),
                Noted(external_id="g.md", action=Action.HOLD, reason="waits for a person"),
            ],
            at=11.0,
        )
        finish(store, second, at=12.0, hold=HOLD)
        store.start("wiki", trigger="hand", at=20.0)
        yield store


def finish(store: SqlStateStore, run: int, *, at: float, hold: Hold | None) -> None:
    store.finish(
        "handbook",
        run,
        report=Report(name="handbook", result=Result.PARTIAL, error="1 page failed", listed=6, created=3),
        standing=Standing(revision="r1", completed_at=at),
        holds=[] if hold is None else [hold],
        found=[],
        revision="r1",
        at=at,
    )


def test_sources_are_summed_up(store: SqlStateStore) -> None:
    """Every source that was ever seen has one line, with its pages by state."""
    handbook, wiki = source_summaries(store)

    assert (handbook.source, handbook.live, handbook.quarantined, handbook.skipped) == ("handbook", 3, 1, 1)
    assert (handbook.pending, handbook.deleting, handbook.missing, handbook.ambiguous) == (1, 0, 1, 1)
    assert handbook.holds == (HOLD,)
    assert handbook.last_complete == 12.0
    assert handbook.last_run is not None
    assert handbook.last_run.number == 2
    assert (wiki.source, wiki.live, wiki.holds, wiki.last_complete) == ("wiki", 0, (), None)
    assert wiki.last_run is not None
    assert wiki.last_run.finished is None


def test_recent_runs_are_newest_first(store: SqlStateStore) -> None:
    """A run tells its counts; one that was killed has no end."""
    runs = recent_runs(store)

    assert [(run.number, run.source, run.trigger, run.result) for run in runs] == [
        (3, "wiki", "hand", None),
        (2, "handbook", "schedule", "partial"),
        (1, "handbook", "hand", "partial"),
    ]
    assert (runs[1].started, runs[1].finished, runs[1].listed, runs[1].created) == (10.0, 12.0, 6, 3)
    assert (runs[1].error, runs[1].revision) == ("1 page failed", "r1")
    assert [run.number for run in recent_runs(store, source="handbook", limit=1)] == [2]


def test_run_tells_what_it_did(store: SqlStateStore) -> None:
    """The audit trail of one run, in order."""
    lines = run_outcomes(store, 2)

    assert [(line.external_id, line.action) for line in lines] == [
        ("gone.md", "delete"),
        ("e.md", "create"),
        ("f.md", "fail"),
        ("g.md", "hold"),
    ]
    assert lines[0].evidence == "gone in two listings"
    assert {(line.run, line.source, line.at) for line in lines} == {(2, "handbook", 11.0)}


def test_items_that_stay_out_have_a_reason(store: SqlStateStore) -> None:
    """An item that was parked runs ago is as visible as one of the last run; a mended one is not."""
    store.unlisted("handbook", [Unlisted("h/", "denied"), Unlisted("i.md", "a draft", skipped=True)])

    assert [(line.external_id, line.state, line.reason) for line in left_out(store, "handbook")] == [
        ("c.md", "quarantined", "too deep"),
        ("d.md", "skipped", "no text"),
        ("f.md", "pending", "timed out"),
        ("h/", "unseen", "denied"),
        ("i.md", "skipped", "a draft"),
    ]


def test_new_listing_replaces_what_was_left_out(store: SqlStateStore) -> None:
    """What can be seen again is not told any more; a scope that is named twice is told once."""
    store.unlisted("handbook", [Unlisted("h/", "denied")])
    store.unlisted("handbook", [Unlisted("x/", "first"), Unlisted("x/", "second")])

    assert [(line.external_id, line.reason) for line in left_out(store, "handbook")[-1:]] == [("x/", "first")]
    assert "h/" not in {line.external_id for line in left_out(store, "handbook")}


def test_pages_are_listed_in_order(store: SqlStateStore) -> None:
    """Deleted pages are left out, unless they are asked for."""
    assert [found.external_id for found in pages(store)] == ["a.md", "b.md", "c.md", "d.md", "e.md", "f.md"]
    assert [found.external_id for found in pages(store, state="tombstone")] == ["gone.md"]
    assert [found.external_id for found in pages(store, limit=2, offset=1)] == ["b.md", "c.md"]
    assert pages(store, source="wiki") == []


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("ALPHA", ["a.md"]),
        ("0%", ["a.md"]),
        ("_", []),
        ("docs.example/A", ["a.md", "e.md"]),
        ("d.M", ["d.md"]),
    ],
)
def test_pages_are_searched_by_id_title_and_url(store: SqlStateStore, search: str, found: list[str]) -> None:
    """What is searched for is text, not a pattern."""
    assert [page.external_id for page in pages(store, search=search)] == found


def test_page_tells_its_whole_story(store: SqlStateStore) -> None:
    """All that was done for a page, newest first, also when it is deleted."""
    gone = page(store, "handbook", "gone.md")

    assert gone is not None
    assert gone.page.state == "tombstone"
    assert [(line.run, line.action) for line in gone.outcomes] == [(2, "delete"), (1, "create")]
    assert page(store, "handbook", "never.md") is None
    parked = page(store, "handbook", "c.md")
    assert parked is not None
    assert parked.page.error == "too deep"
