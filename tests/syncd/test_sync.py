"""One run of one source with every part in memory: what a listing that lies can and cannot do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from syncd.connector import Snapshot
from syncd.decision import Approve, Question, Reject
from syncd.errors import (
    CredentialsRefused,
    EmptyPage,
    ItemError,
    ListingIncomplete,
    PageRejected,
    PageUncertain,
    SourceUnavailable,
    StateStoreError,
)
from syncd.forecast import plan_source
from syncd.guards import APPROVAL_LIFE_S, Policy
from syncd.journal import Standing
from syncd.lanes import ThreadLane
from syncd.model import Document, Draft, Item, Result, Unlisted
from syncd.outcome import Outcome
from syncd.render import Rules
from syncd.survey import Connection, Run, Source
from syncd.sync import sync_source
from syncd.testing.memory import MemoryStateStore
from syncd.testing.target import FakeTarget


class Clock:
    """Stands until a test moves it."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class Echo:
    """A renderer that shows the body as it is."""

    async def render(self, document: Document, rules: Rules) -> Draft:
        if not document.body:
            raise EmptyPage("no text")
        return Draft(title=document.external_id, html=f"<p>{document.body}</p>")


@dataclass
class World:
    """An origin that a test fills, breaks and lies about.

    Attributes:
        files: external id → body; a version is its text.
        broken_after: items that a listing names before it breaks off.
        unreadable: ids that are listed and cannot be read.
        listed: called when a listing has named all.
    """

    files: dict[str, str] = field(default_factory=dict)
    unlisted: list[Unlisted] = field(default_factory=list)
    broken_after: int | None = None
    unreadable: set[str] = field(default_factory=set)
    revision: str | None = None
    lost: SourceUnavailable | None = None
    reads: list[str] = field(default_factory=list)
    listed: Callable[[], object] = lambda: None

    @contextmanager
    def open(self) -> Iterator[Snapshot]:
        if self.lost is not None:
            raise self.lost
        yield View(self)


class View(Snapshot):
    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def revision(self) -> str | None:
        return self._world.revision

    def items(self) -> Iterator[Item | Unlisted]:
        for number, (name, body) in enumerate(self._world.files.items()):
            if number == self._world.broken_after:
                raise ListingIncomplete(f"input/output error after {number} entries")
            yield Item(name, body, name)
        yield from self._world.unlisted
        self._world.listed()

    def read(self, item: Item) -> Document:
        self._world.reads.append(item.external_id)
        if item.external_id in self._world.unreadable:
            raise ItemError("permission denied")
        return Document(
            external_id=item.external_id,
            version=self._world.files[item.external_id],
            path=item.path,
            body=self._world.files[item.external_id],
            media_type="text/plain",
        )


class Bench:
    """Runs trips over one world."""

    def __init__(self, keep: ThreadLane, crawl: ThreadLane) -> None:
        self.world, self.clock = World(), Clock()
        self.store, self.target = MemoryStateStore(), FakeTarget()
        self.fingerprint, self.policy = "settings", Policy(min_absence_s=0.0)
        self._lanes = keep, crawl

    def _parts(self, *, full: bool = False) -> tuple[Source, Run]:
        async def connect(standing: Standing) -> Connection:
            return Connection(
                target=self.target,
                import_source_id=1,
                import_source_url=None,
                made=standing.import_source_id is None,
            )

        async def find(standing: Standing) -> Connection | None:
            return None if standing.import_source_id is None else await connect(standing)

        keep, crawl = self._lanes
        source = Source(
            name="s",
            connector=self.world,
            policy=self.policy,
            fingerprint=self.fingerprint,
            rules=Rules(),
            page_url=None,
            locale="en",
            availability=None,
            check=lambda standing: None,
            connect=connect,
            find=find,
            requests=lambda: len(self.target.calls),
        )
        run = Run(
            store=self.store,
            keep=keep,
            crawl=crawl,
            renderer=Echo(),
            clock=self.clock,
            concurrency=4,
            full=full,
        )
        return source, run

    async def sync(self, *, full: bool = False) -> Outcome:
        self.clock.at += 60
        self.target.calls.clear()
        return await sync_source(*self._parts(full=full))

    async def plan(self) -> Outcome:
        return await plan_source(*self._parts())

    @property
    def deletes(self) -> list[str]:
        return [name for what, name in self.target.calls if what == "delete"]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with ThreadLane("keep") as keep, ThreadLane("crawl") as crawl:
        yield Bench(keep, crawl)


def some(count: int) -> dict[str, str]:
    return {f"{number:02}": f"text {number}" for number in range(count)}


async def test_document_that_was_empty_when_it_was_read_is_left_out_as_that(bench: Bench) -> None:
    """It changed after it was listed; as it was listed, it is looked at again."""
    bench.world.files = {"01": "text"}
    bench.world.listed = lambda: bench.world.files.update({"01": ""})
    await bench.sync()
    assert bench.store.records("s")["01"].state == "skipped"
    bench.world.listed = lambda: None
    bench.world.files = {"01": "text"}

    await bench.sync()

    assert "01" in bench.target.held


async def test_run_that_was_killed_is_not_forgotten_if_the_origin_goes_back(bench: Bench) -> None:
    """Its revision is that of a run that left nothing open, and the rows tell of more."""
    bench.world.files, bench.world.revision = some(9), "r1"
    await bench.sync()
    bench.world.files["new"], bench.world.revision = "text", "r2"
    bench.target.fail(CredentialsRefused("no longer"), external_id="new", applied=True)
    await bench.sync()
    del bench.world.files["new"]
    bench.world.revision = "r1"

    for _ in range(3):
        await bench.sync()

    assert "new" not in bench.target.held
    assert "new" not in bench.store.records("s")


async def test_blanking_of_a_source_of_which_half_was_never_acknowledged_is_held(bench: Bench) -> None:
    """The pages whose text is known count, and not those whose first request got no answer."""
    names = [f"{number:02}" for number in range(24)]
    bench.world.files = dict.fromkeys(names, "a text of many words, which says something to its readers")
    for name in names[:12]:
        bench.target.fail(PageUncertain("timed out"), external_id=name)
    await bench.sync()
    bench.world.files = dict.fromkeys(names, "soon")

    outcome = await bench.sync()

    assert (outcome.report.result, outcome.report.held) == (Result.HELD, 12)
    assert sorted(name for what, name in bench.target.calls if what == "upsert") == names[:12]


async def test_approval_that_is_taken_back_during_a_run_lets_no_later_run_delete(bench: Bench) -> None:
    """What the configuration leaves out waits on, although the run went to its end."""
    bench.world.files = some(9)
    await bench.sync()
    del bench.world.files["01"]
    bench.fingerprint = "other settings"
    await bench.sync()
    await bench.sync()
    until = bench.clock.at + APPROVAL_LIFE_S
    bench.store.decide(
        "s", Approve(question=Question.DELETES, count=1, until=until, by="ada"), at=bench.clock.at
    )
    bench.world.listed = lambda: bench.store.decide(
        "s", Reject(question=Question.DELETES, by="bob"), at=bench.clock.at
    )

    outcome = await bench.sync()

    assert (outcome.report.result, bench.deletes) == (Result.HELD, [])
    bench.world.listed = lambda: None
    for _ in range(2):
        outcome = await bench.sync()
        assert (outcome.report.result, outcome.report.held, bench.deletes) == (Result.HELD, 1, [])


@pytest.mark.parametrize("seen", range(9))
async def test_p02_broken_listing_deletes_nothing(bench: Bench, seen: int) -> None:
    """What it did not name is unknown, however often that happens; what it named is synced."""
    bench.world.files = some(9)
    await bench.sync()
    bench.world.broken_after = seen
    bench.world.files = {**bench.world.files, "00": "edited"}

    for turn in range(3):
        outcome = await bench.sync()
        assert outcome.report.result is Result.PARTIAL
        assert outcome.notices[0].startswith(f"the listing broke off after {seen} items: input/output error")
        assert bench.target.calls == ([("upsert", "00")] if turn == 0 and seen else [])
    bench.world.broken_after = None

    await bench.sync()
    assert (await bench.sync()).report.result is Result.OK
    assert sorted(bench.target.held) == sorted(some(9))


async def test_broken_listing_is_no_second_opinion(bench: Bench) -> None:
    """Two listings confirm an absence only if both were complete."""
    bench.world.files = some(9)
    await bench.sync()
    del bench.world.files["04"]
    await bench.sync()
    bench.world.broken_after = 7
    await bench.sync()
    assert bench.deletes == []

    bench.world.broken_after = None
    await bench.sync()

    assert bench.deletes == ["04"]


async def test_unreadable_page_does_not_block_the_deletion_of_another(bench: Bench) -> None:
    """One page that always fails keeps only its own page."""
    bench.world.files = some(9)
    await bench.sync()
    bench.world.files["01"] = "edited"
    bench.world.unreadable = {"01"}
    del bench.world.files["04"]

    await bench.sync()
    assert bench.deletes == []
    outcome = await bench.sync()

    assert bench.deletes == ["04"]
    assert (outcome.report.result, outcome.report.failed) == (Result.PARTIAL, 1)
    assert bench.target.held["01"].html == "<p>text 1</p>"


async def test_page_that_becomes_readable_is_sent(bench: Bench) -> None:
    """Even if nothing about the item looks any different."""
    bench.world.files = some(3)
    bench.world.unreadable = {"01"}
    await bench.sync()
    bench.world.unreadable = set()

    outcome = await bench.sync()

    assert bench.target.calls == [("upsert", "01")]
    assert outcome.report.result is Result.OK


async def test_lost_origin_changes_nothing(bench: Bench) -> None:
    """The run fails, the rows stay, and the next one goes on as if nothing had been."""
    bench.world.files = some(3)
    await bench.sync()
    before = dict(bench.store.rows["s"])
    bench.world.lost = SourceUnavailable("not mounted")

    outcome = await bench.sync()

    assert (outcome.report.result, outcome.report.error) == (Result.FAILED, "not mounted")
    assert bench.store.rows["s"] == before
    bench.world.lost = None
    assert (await bench.sync()).report.unchanged == 3


async def test_equal_revision_ends_the_run_at_once(bench: Bench) -> None:
    """Nothing is listed, let alone read."""
    bench.world.files, bench.world.revision = some(3), "abc"
    await bench.sync()
    bench.world.files = {}

    outcome = await bench.sync()

    assert (outcome.report.unchanged, outcome.report.result) == (3, Result.OK)


@pytest.mark.parametrize("trouble", ["unreadable", "refused", "missing", "hidden"])
async def test_equal_revision_does_not_hide_what_is_open(bench: Bench, trouble: str) -> None:
    """A run that left something open is no reason to skip the next one."""
    bench.world.files, bench.world.revision = some(9), "one"
    await bench.sync()
    bench.world.revision = "two"
    match trouble:
        case "unreadable":
            bench.world.files["01"] = "edited"
            bench.world.unreadable = {"01"}
        case "refused":
            bench.world.files["01"] = "edited"
            bench.target.fail(PageRejected("422"), external_id="01")
        case "missing":
            del bench.world.files["01"]
        case "hidden":
            bench.world.unlisted = [Unlisted("guides/", "permission denied")]
    await bench.sync()
    bench.world.reads.clear()
    bench.world.unreadable, bench.world.unlisted = set(), []
    listed: list[str] = []
    bench.world.files = _Watched(bench.world.files, listed.append)

    await bench.sync()

    assert listed


async def test_thorough_run_that_did_not_reach_its_end_is_repeated(bench: Bench) -> None:
    """That the origin did not change since is no reason to leave what it was asked for undone."""
    bench.world.files, bench.world.revision = some(3), "abc"
    await bench.sync()
    bench.world.files["01"] = "as another renderer would have it"
    bench.target.fail(CredentialsRefused("401"), external_id="01")
    await bench.sync(full=True)

    await bench.sync()

    assert ("upsert", "01") in bench.target.calls


class _Watched(dict[str, str]):
    """Tells when it is listed."""

    def __init__(self, files: Mapping[str, str], tell: Callable[[str], object]) -> None:
        super().__init__(files)
        self._tell = tell

    def items(self) -> object:  # type: ignore[override]
        self._tell("listed")
        return super().items()


async def test_refused_credential_is_the_outcome(bench: Bench) -> None:
    """The run is closed with its reason."""
    bench.world.files = some(9)
    bench.target.fail(CredentialsRefused("401"), times=99)

    outcome = await bench.sync()

    assert isinstance(outcome.error, CredentialsRefused)
    assert len(bench.target.calls) <= 4
    assert [run.report.result for run in bench.store.runs.values() if run.report] == [Result.FAILED]


async def test_store_that_fails_ends_the_process(bench: Bench) -> None:
    """Without a state nothing may be sent."""

    class Full(MemoryStateStore):
        def write(self, *_: object, **__: object) -> None:
            raise StateStoreError("no space left")

    bench.store = Full()
    bench.world.files = some(9)

    with pytest.raises(StateStoreError):
        await bench.sync()

    assert bench.target.calls == []


async def test_plan_leaves_no_trace(bench: Bench) -> None:
    """It walks the same trip and writes nothing, nowhere."""
    bench.world.files = some(9)
    await bench.sync()
    writes, rows = bench.store.writes, dict(bench.store.rows["s"])
    bench.world.files = {**some(8), "00": "edited", "new": "text"}
    bench.target.calls.clear()

    outcome = await bench.plan()

    assert {(one.action, one.external_id) for one in outcome.operations} == {
        ("update", "00"),
        ("create", "new"),
    }
    assert outcome.report.missing == 1
    assert (bench.store.writes, bench.store.rows["s"]) == (writes, rows)
    assert bench.target.calls == []


async def test_page_is_deleted_within_two_listings_and_the_window(bench: Bench) -> None:
    """A guard that blocks real deletions for ever would be the next incident."""
    bench.policy = Policy(min_absence_s=900.0)
    bench.world.files = some(9)
    await bench.sync()
    del bench.world.files["04"]
    await bench.sync()
    bench.clock.at += 800
    await bench.sync()
    assert bench.deletes == []
    bench.clock.at += 100

    await bench.sync()

    assert bench.deletes == ["04"]
