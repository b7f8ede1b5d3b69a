"""Whether Intercom reads in what it took: few questions, none where nothing is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.errors import CredentialsRefused, PageRejected
from syncd.ingestion import ASKED, MOST_WAITING, follow, is_due
from syncd.lanes import ThreadLane
from syncd.model import Ingestion, Page
from syncd.state.freshness import INGESTED_WITHIN_S, Freshness, freshness
from syncd.state.ingestions import KEPT, Waiting, keep, waiting
from syncd.state.store import SqlStateStore
from syncd.testing.target import FakeTarget

NAME = "handbook"
SENT = 1000.0


class Place:
    """A store and Intercom, and a clock that stands still until it is set."""

    def __init__(self, store: SqlStateStore) -> None:
        self.store = store
        self.target = FakeTarget()
        self.at = SENT

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")

    async def send(self, *names: str, ingested_at: float | None = None) -> list[Ingestion]:
        """What a run was told that sent these pages just now."""
        told = []
        for name in names:
            receipt = await self.target.upsert(
                Page(external_id=name, title="A", html="<p>a</p>"), create=True
            )
            told.append(Ingestion(name, receipt.page_id, self.at, ingested_at))
        self.target.calls.clear()
        return told

    async def ended(self, *sent: Ingestion) -> Freshness:
        """A run ends that sent these."""

        async def target() -> FakeTarget:
            return self.target

        async with ThreadLane("store") as lane:
            await follow(NAME, sent, store=self.store, lane=lane, target=target, clock=self)
        return freshness(self.store, [NAME], now=self.at)[NAME]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with SqlStateStore(f"sqlite:///{tmp_path}/syncd.db") as store:
        yield Place(store)


async def test_answers_that_tell_it_cost_no_request(place: Place) -> None:
    """How long it took is by Intercom's clock alone, from one moment of it to another."""
    sent = await place.send("a", "b", ingested_at=SENT + 2)
    fresh = await place.ended(*sent)
    place.at += 3600
    await place.ended()

    assert (fresh.ingested, fresh.ingested_p50_s, fresh.ingesting) == (2, 2.0, 0)
    assert place.target.calls == []


async def test_what_was_not_read_in_is_asked_for_again(place: Place) -> None:
    """After a later run, also if that one sent nothing; then never more."""
    fresh = await place.ended(*await place.send("a"))
    assert (fresh.ingested, fresh.ingesting) == (0, 1)
    place.at += 30
    assert (await place.ended()).ingesting == 1
    assert place.target.calls == [], "half a minute is too soon"
    place.at += 570
    place.target.ingested["a"] = SENT - 50
    assert (await place.ended()).ingesting == 1, "that was the text before"
    place.at += 600
    place.target.ingested["a"] = SENT + 700

    fresh = await place.ended()
    await place.ended()

    assert (fresh.ingested_p50_s, fresh.ingested_p95_s, fresh.ingesting, fresh.overdue) == (700, 700, 0, 0)
    assert place.target.calls == [("get", "a")] * 2


async def test_page_that_was_sent_twice_counts_as_it_was_sent_last(place: Place) -> None:
    """A run may send a page again, and a row is written once."""
    [first] = await place.send("a")

    fresh = await place.ended(first, first._replace(written_at=SENT + 5, ingested_at=SENT + 6))

    assert (fresh.ingested, fresh.ingested_p50_s, fresh.ingesting) == (1, 1.0, 0)


async def test_few_are_asked_for_and_waited_for(place: Place) -> None:
    """However many pages a source sends."""
    for _ in range(8):
        await place.ended(*await place.send("a", "b", "c"))
        await place.ended(*await place.send("d", "e", "f"))
        await place.ended(*await place.send("g", "h", "i", "j", "k", "l"))
    assert len(waiting(place.store, NAME)) == MOST_WAITING
    place.at += 60
    await place.ended()

    assert place.target.calls == [("get", name) for name in "abc"[:ASKED]]


async def test_page_that_is_sent_again_waits_since_the_first_time(place: Place) -> None:
    """Else a page that changes each hour would never be overdue."""
    await place.ended(*await place.send("a"))
    place.at += INGESTED_WITHIN_S
    await place.ended(*await place.send("a"))
    place.at += 3600

    fresh = await place.ended(*await place.send("a"))

    assert (fresh.overdue, fresh.overdue_since) == (1, SENT)
    assert (await place.ended(*await place.send("a", ingested_at=place.at))).overdue == 0


async def test_nobody_is_alarmed_by_a_page_that_nobody_asked_for(place: Place) -> None:
    """A source that runs each week finds what was read in long ago, or that it was not."""
    await place.ended(*await place.send("a", "b"))
    place.at += 7 * 86_400
    assert freshness(place.store, [NAME], now=place.at)[NAME].overdue == 0
    place.target.ingested["a"] = SENT + 60

    fresh = await place.ended()

    assert (fresh.ingesting, fresh.overdue, fresh.overdue_since) == (1, 1, SENT)


async def test_page_that_is_gone_is_waited_for_no_more(place: Place) -> None:
    """Somebody deleted it."""
    [sent] = await place.send("a")
    await place.ended(sent)
    await place.target.delete(sent.page_id, "a")
    place.at += 60

    assert (await place.ended()).ingesting == 0


async def test_intercom_that_does_not_answer_fails_no_run(place: Place) -> None:
    """A page of which it refuses to tell keeps the others from nothing; a refused token ends the asking."""
    await place.ended(*await place.send("a", "b"))
    place.at += 60
    place.target.fail(PageRejected("no"), external_id="a")
    place.target.ingested["b"] = SENT
    fresh = await place.ended()
    assert (fresh.ingested, fresh.ingesting) == (1, 1)
    place.at += 60
    place.target.fail(CredentialsRefused("no"))

    assert (await place.ended()).ingesting == 1


def test_questions_become_seldom() -> None:
    """After a minute, then after as long as it was waited for, then each hour; a clock set back asks."""
    page = Ingestion("a", "1", SENT, None)
    minute, hours = Waiting(page, SENT), Waiting(page, SENT + 36_000)

    assert (is_due(minute, SENT + 59), is_due(minute, SENT + 60)) == (False, True)
    assert (is_due(hours, SENT + 39_599), is_due(hours, SENT + 39_600)) == (False, True)
    assert is_due(hours, SENT)


def test_old_ones_are_forgotten(place: Place) -> None:
    """The newest are kept, and those that are waited for."""
    keep(place.store, NAME, [Ingestion("late", "0", 1.0, None)], (), at=SENT)
    for number in range(KEPT + 50):
        page = Ingestion(f"page-{number}", "1", SENT + number, SENT + number)
        keep(place.store, NAME, [page], (), at=SENT)

    fresh = freshness(place.store, [NAME], now=SENT)[NAME]
    assert (fresh.ingested, fresh.ingesting) == (KEPT, 1)
