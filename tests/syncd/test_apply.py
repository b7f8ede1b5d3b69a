"""How one change is carried out, and what the state knows of it at every moment."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import pytest

from syncd.apply import Applier
from syncd.change import Failure, Same, Upsert
from syncd.commits import LULL_S, Journal
from syncd.decision import TakeDown
from syncd.errors import (
    CredentialsRefused,
    EmptyPage,
    ItemError,
    LeaseLost,
    PageRejected,
    PageUncertain,
    RenderError,
    StateStoreError,
    TooManyFailures,
)
from syncd.journal import Absent, Entry, Intent, Returned
from syncd.lanes import ThreadLane
from syncd.model import Action, Record, RecordState
from syncd.plan import Task
from syncd.testing.memory import MemoryStateStore
from syncd.testing.target import FakeTarget
from tests.builders import candidate, item, page, record


class Clock:
    def now(self) -> float:
        return 1000.0

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class Gated(MemoryStateStore):
    """A store whose writes wait until they are let through, and that remembers what each one held."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.groups: list[list[Entry]] = []
        self.error: Exception | None = None

    def write(
        self, source: str, run: int, entries: Sequence[Entry], *, at: float, epoch: int | None = None
    ) -> frozenset[str]:
        assert self.gate.wait(10)
        if self.error is not None:
            raise self.error
        self.groups.append(list(entries))
        return super().write(source, run, entries, at=at, epoch=epoch)


class Bench:
    """An applier with all its parts."""

    def __init__(self, lane: ThreadLane, *, concurrency: int = 4) -> None:
        self.store = Gated()
        self.target = FakeTarget()
        self.done: list[str] = []
        self.connected = 0
        run = self.store.start("s", trigger="test", at=0.0)
        self.journal = Journal(self.store, lane, Clock(), "s", run)
        self.applier = Applier(
            target=self._connect,
            journal=self.journal,
            rules="rules",
            concurrency=concurrency,
            on_done=self.done.append,
        )

    async def _connect(self) -> FakeTarget:
        self.connected += 1
        return self.target

    @property
    def states(self) -> dict[str, str]:
        return {key: str(row.state) for key, row in self.store.rows.get("s", {}).items()}


@pytest.fixture
async def lane() -> AsyncIterator[ThreadLane]:
    async with ThreadLane("test") as lane:
        yield lane


@pytest.fixture
def bench(lane: ThreadLane) -> Bench:
    return Bench(lane)


def upsert(
    external_id: str = "guide.md", *, record: Record | None = None, html: str = "<p>Text.</p>"
) -> Upsert:
    return Upsert(
        task=Task(item(external_id), "new", record),
        version="1",
        page=page(html, external_id=external_id),
        source_hash="s",
        content_hash=f"hash of {html}",
        links=(),
    )


def failure(error: ItemError | RenderError, *, record: Record | None = None) -> Failure:
    task = Task(item(), "changed", record)
    return Failure(task=task, error=error, version=task.item.version)


async def test_new_page_is_intended_sent_and_acknowledged(bench: Bench) -> None:
    """Each step is committed before the next one begins."""
    await bench.applier.apply(upsert())
    await bench.applier.drain()

    assert [type(entry).__name__ for group in bench.store.groups for entry in group] == ["Intent", "Sent"]
    assert bench.target.calls == [("upsert", "guide.md")]
    assert bench.states == {"guide.md": "live"}
    assert (bench.applier.tally.created, bench.done) == (1, ["guide.md"])


async def test_nothing_is_sent_before_its_intent_is_committed(bench: Bench) -> None:
    """A process that ends there has to know that something may have been sent."""
    bench.store.gate.clear()
    await bench.applier.apply(upsert())
    await asyncio.sleep(0.05)
    assert bench.target.calls == []

    bench.store.gate.set()
    await bench.applier.drain()

    assert bench.target.calls == [("upsert", "guide.md")]


async def test_entries_that_wait_share_a_commit(bench: Bench) -> None:
    """One commit does not cost one page."""
    bench.store.gate.clear()
    entries = [Intent(external_id=f"{number}.md", content_hash="h") for number in range(50)]
    writes = [asyncio.create_task(bench.journal.write(entry)) for entry in entries]
    await asyncio.sleep(0.05)
    bench.store.gate.set()
    await asyncio.gather(*writes)

    assert len(bench.store.groups) <= 2
    assert [entry for group in bench.store.groups for entry in group] == entries


async def test_import_source_is_found_once(bench: Bench) -> None:
    """However many pages ask for it at the same time."""
    for number in range(8):
        await bench.applier.apply(upsert(f"{number}.md"))
    await bench.applier.drain()

    assert bench.connected == 1


async def test_import_source_is_not_asked_for_without_need(bench: Bench) -> None:
    """A run that finds everything as it was makes no request."""
    await bench.applier.apply(
        Same(task=Task(item(), "changed", record()), version="2", source_hash="s", links=())
    )
    await bench.applier.drain()

    assert (bench.connected, bench.applier.tally.same) == (0, 1)


async def test_page_that_somebody_deleted_is_made_anew_with_its_flags(bench: Bench) -> None:
    """An update brings it back switched off; only a create sends the flags."""
    await bench.applier.apply(upsert(record=record(page_id="99")))
    await bench.applier.drain()

    assert bench.target.calls == [("upsert", "guide.md"), ("upsert", "guide.md")]
    assert bench.applier.tally.updated == 1


async def test_refused_page_is_parked_and_the_others_go_on(bench: Bench) -> None:
    """A page that Intercom refuses stays as it is."""
    bench.target.fail(PageRejected("422: title is too long"), external_id="b.md")
    for name in ("a.md", "b.md", "c.md"):
        await bench.applier.apply(upsert(name))
    await bench.applier.drain()

    assert bench.states == {"a.md": "live", "b.md": "quarantined", "c.md": "live"}
    assert bench.applier.tally.errors == [("b.md", "422: title is too long")]


async def test_page_without_an_answer_stays_pending(bench: Bench) -> None:
    """It may have been applied: it is neither done nor failed."""
    bench.target.fail(PageUncertain("no answer"), applied=True)
    await bench.applier.apply(upsert())
    await bench.applier.drain()

    assert bench.states == {"guide.md": "pending"}
    assert bench.store.records("s")["guide.md"].ambiguous_at == 1000.0


@pytest.mark.parametrize("state", [RecordState.PENDING, RecordState.DELETING])
@pytest.mark.parametrize("error", [ItemError("unreadable"), RenderError("too deep"), EmptyPage("no text")])
async def test_page_in_doubt_is_never_parked(
    bench: Bench, state: RecordState, error: ItemError | RenderError
) -> None:
    """Parked, it would count as acknowledged or as never published, and nobody would look again."""
    await bench.journal.write(
        Intent(external_id="guide.md", content_hash="h"), Absent(external_id="guide.md")
    )
    await bench.applier.apply(failure(error, record=record(state=state, page_id=None, content_hash=None)))
    await bench.applier.drain()

    assert bench.states == {"guide.md": "pending"}
    assert (bench.applier.tally.failed, bench.applier.tally.skipped) == (1, 0)


async def test_page_in_doubt_that_is_refused_is_not_parked(bench: Bench) -> None:
    """What was refused now is not what may have been applied before."""
    bench.target.fail(PageRejected("422"))
    await bench.applier.apply(upsert(record=record(state=RecordState.PENDING)))
    await bench.applier.drain()

    assert bench.states == {"guide.md": "pending"}


async def test_empty_new_page_is_left_out(bench: Bench) -> None:
    """Nothing to publish and nothing published is no failure."""
    await bench.applier.apply(failure(EmptyPage("no text")))
    await bench.applier.drain()

    assert bench.states == {"guide.md": "skipped"}
    assert (bench.applier.tally.failed, bench.applier.tally.skipped) == (0, 1)


async def test_page_that_became_empty_fails(bench: Bench) -> None:
    """What Intercom has stays, and somebody should know."""
    await bench.applier.apply(failure(EmptyPage("no text"), record=record()))
    await bench.applier.drain()

    assert bench.applier.tally.failed == 1


async def test_first_error_of_the_source_stops_the_rest(lane: ThreadLane) -> None:
    """With a refused credential each further request would only be refused as well."""
    bench = Bench(lane, concurrency=1)
    bench.target.fail(CredentialsRefused("401"))
    await bench.applier.apply(upsert("a.md"))

    for name in ("b.md", "c.md", "d.md"):
        with pytest.raises(CredentialsRefused):
            await bench.applier.apply(upsert(name))
    with pytest.raises(CredentialsRefused):
        await bench.applier.drain()

    assert bench.target.calls == [("upsert", "a.md")]


async def test_nothing_is_sent_while_the_state_cannot_be_written(bench: Bench) -> None:
    """Without a committed intent a crash would forget the page."""
    bench.store.error = StateStoreError("no space left")
    await bench.applier.apply(upsert())

    with pytest.raises(StateStoreError, match="no space left"):
        await bench.applier.drain()

    assert bench.target.calls == []


@pytest.mark.parametrize("error", [ValueError("a bug"), MemoryError()])
async def test_unforeseen_error_of_the_store_is_raised(bench: Bench, error: Exception) -> None:
    """A page must not wait for ever for a commit that will never come."""
    bench.store.error = error
    await bench.applier.apply(upsert())

    with pytest.raises(type(error)):
        await asyncio.wait_for(bench.applier.drain(), 5)


async def test_unforeseen_error_is_not_swallowed(lane: ThreadLane) -> None:
    """No page may be lost in silence."""
    bench = Bench(lane)

    async def broken() -> FakeTarget:
        raise ZeroDivisionError

    applier = Applier(target=broken, journal=bench.journal, rules="r", concurrency=2, on_done=lambda _: None)
    await applier.apply(upsert())

    with pytest.raises(ZeroDivisionError):
        await applier.drain()


async def test_given_up_pages_stay_pending(lane: ThreadLane) -> None:
    """What is cut off is sent again by the next run."""
    bench = Bench(lane)
    hangs = asyncio.Event()

    class Hanging(FakeTarget):
        async def upsert(self, page: object, *, create: bool) -> object:  # type: ignore[override]
            hangs.set()
            await asyncio.Event().wait()
            raise AssertionError

    bench.target = Hanging()
    await bench.applier.apply(upsert())
    await hangs.wait()
    await bench.applier.cancel()
    await bench.applier.drain()

    assert bench.states == {"guide.md": "pending"}
    assert bench.done == []


async def test_delete_of_a_page_whose_id_is_unknown_looks_it_up(bench: Bench) -> None:
    """Its create never was acknowledged, and only a listing can tell whether it was applied."""
    await bench.target.upsert(page(), create=True)
    await bench.journal.write(
        Intent(external_id="guide.md", content_hash="h"), Absent(external_id="guide.md")
    )

    await bench.applier.delete([candidate(page_id=None)], stop=asyncio.Event())

    assert bench.target.held == {}
    assert bench.states == {"guide.md": "tombstone"}
    assert bench.applier.tally.deleted == 1


async def test_delete_of_a_page_that_never_came_to_be_sends_nothing(bench: Bench) -> None:
    """There is nothing to delete, and the row is closed."""
    await bench.journal.write(
        Intent(external_id="guide.md", content_hash="h"), Absent(external_id="guide.md")
    )

    await bench.applier.delete([candidate(page_id=None)], stop=asyncio.Event())

    assert bench.target.calls == [("list", "")]
    assert bench.states == {"guide.md": "tombstone"}


async def test_no_delete_is_begun_after_a_stop(bench: Bench) -> None:
    """A run that was asked to stop leaves the rest to the next one."""
    stop = asyncio.Event()
    stop.set()

    await bench.applier.delete([candidate(f"{number}.md") for number in range(9)], stop=stop)

    assert bench.target.calls == []


async def test_lost_delete_stays_open(bench: Bench) -> None:
    """The page may or may not be gone: the next run deletes again."""
    receipt = await bench.target.upsert(page(), create=True)
    await bench.applier.apply(upsert())
    await bench.applier.drain()
    await bench.journal.write(Absent(external_id="guide.md"))
    bench.target.fail(PageUncertain("no answer"))

    await bench.applier.delete([candidate(page_id=receipt.page_id)], stop=asyncio.Event())

    assert bench.states == {"guide.md": "deleting"}
    assert bench.applier.tally.deleted == 0


async def test_page_that_was_taken_down_meanwhile_is_not_sent(bench: Bench) -> None:
    """A person's word counts from the moment it is committed, whatever the run had planned."""
    bench.store.decide("s", TakeDown(external_id="guide.md", by="ada", why="leaked"), at=1.0)

    await bench.applier.apply(upsert())
    await bench.applier.apply(upsert("other.md"))
    await bench.applier.drain()

    assert bench.target.calls == [("upsert", "other.md")]
    assert (bench.applier.tally.created, bench.applier.tally.refused) == (1, 1)


async def test_f53_page_that_came_back_is_not_deleted(bench: Bench) -> None:
    """The row is read again in the transaction of the intent, right before the request."""
    receipt = await bench.target.upsert(page(), create=True)
    await bench.applier.apply(upsert())
    await bench.applier.drain()
    await bench.journal.write(Absent(external_id="guide.md"))
    await bench.journal.write(Returned(external_id="guide.md"))

    await bench.applier.delete([candidate(page_id=receipt.page_id)], stop=asyncio.Event())

    assert "guide.md" in bench.target.held
    assert bench.states == {"guide.md": "live"}
    assert (bench.applier.tally.deleted, bench.applier.tally.refused) == (0, 1)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (None, Action.CREATE),
        (record(), Action.UPDATE),
        (record(state=RecordState.QUARANTINED), Action.UPDATE),
        (record(state=RecordState.PENDING, page_id=None), Action.CREATE),
        (record(state=RecordState.DELETING), Action.CREATE),
    ],
)
def test_action_follows_from_what_intercom_may_have(known: Record | None, expected: Action) -> None:
    """A page that may have been deleted needs its flags again."""
    assert upsert(record=known).action is expected


async def test_a_commit_right_after_another_waits_for_more(lane: ThreadLane) -> None:
    """Pages that come one by one share commits all the same; the first of them does not wait."""
    slept: list[float] = []

    class Watched(Clock):
        async def sleep(self, seconds: float) -> None:
            slept.append(seconds)

    store = Gated()
    journal = Journal(store, lane, Watched(), "s", store.start("s", trigger="test", at=0.0))
    await journal.write(Intent(external_id="a.md", content_hash="h"))
    first = list(slept)
    await journal.write(Intent(external_id="b.md", content_hash="h"))

    assert (first, slept) == ([], [LULL_S])


async def test_entries_of_a_page_that_was_given_up_are_committed_before_the_run_ends(
    lane: ThreadLane,
) -> None:
    """Intercom has answered: what waits in the lull between two commits is counted, so it must be kept."""
    lull = asyncio.Event()

    class Lulled(Clock):
        async def sleep(self, seconds: float) -> None:
            await lull.wait()

    store = Gated()
    journal = Journal(store, lane, Lulled(), "s", store.start("s", trigger="test", at=0.0))
    await journal.write(Intent(external_id="a.md", content_hash="h"))
    given_up = asyncio.create_task(journal.write(Intent(external_id="b.md", content_hash="h")))
    await asyncio.sleep(0)
    given_up.cancel()
    asyncio.get_running_loop().call_soon(lull.set)
    await journal.settle()

    assert sorted(store.rows["s"]) == ["a.md", "b.md"]


async def test_fence_stands_before_each_write(bench: Bench) -> None:
    """Once the lease is in doubt nothing is sent any more; what was intended stays pending."""
    lost = False

    def fence() -> None:
        if lost:
            raise LeaseLost("it ran out")

    applier = Applier(
        target=bench._connect,
        journal=bench.journal,
        rules="rules",
        concurrency=1,
        on_done=bench.done.append,
        fence=fence,
    )
    await applier.apply(upsert("a"))
    await applier.drain()
    lost = True
    await applier.apply(upsert("b"))
    with pytest.raises(LeaseLost):
        await applier.drain()

    assert [name for _, name in bench.target.calls] == ["a"]
    assert {key: record.state for key, record in bench.store.records("s").items()} == {
        "a": "live",
        "b": "pending",
    }


async def test_p13_bad_run_is_stopped_after_forty_requests(lane: ThreadLane) -> None:
    """Whatever the concurrency: while little is known, or much fails, little is under way."""
    bench = Bench(lane, concurrency=48)
    for number in range(0, 180, 3):
        bench.target.fail(PageRejected("status 422"), external_id=f"{number}.md")

    async def send_all() -> None:
        for number in range(200):
            await bench.applier.apply(upsert(f"{number}.md"))

    with pytest.raises(TooManyFailures, match=r"looked at failed.*The last one: status 422"):
        await send_all()
    assert len(bench.target.calls) <= 40
    assert bench.applier.tally.created + bench.applier.tally.failed == len(bench.target.calls)


async def test_good_run_uses_all_its_places(lane: ThreadLane) -> None:
    """What goes well makes room for as many pages at once as the configuration allows."""
    bench = Bench(lane, concurrency=48)
    for number in range(144):
        await bench.applier.apply(upsert(f"{number}.md"))
    await bench.applier.drain()
    bench.store.gate.clear()

    for number in range(144, 192):
        await bench.applier.apply(upsert(f"{number}.md"))

    bench.store.gate.set()
    await bench.applier.drain()
    assert bench.applier.tally.created == 192
