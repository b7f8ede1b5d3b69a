"""The first half of a trip: what is there, what was delivered, and what follows from the two.

    open → list → plan

Nothing is read but what a listing needs, and nothing is written anywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Protocol

from syncd.at_work import AtWork
from syncd.before import Before
from syncd.connector import Connector, Snapshot
from syncd.decision import Question
from syncd.digest import key_of
from syncd.errors import ListingIncomplete
from syncd.guards import Candidate, Policy, Verdict, judge
from syncd.journal import Hold, Standing
from syncd.library import Library, is_whole, outdated
from syncd.linking import READ_AHEAD_ITEMS, Ahead, Published, publish, read_ahead, tells_address
from syncd.model import Availability, Document, Draft, Item, Record, RemotePage, Unlisted
from syncd.names import Renamed, settle_names
from syncd.plan import (
    Listing,
    Plan,
    make_listing,
    make_plan,
    may_be_same,
    refuse_claimed,
    with_included,
    with_links,
    without_same,
)
from syncd.protocols import Clock, Lane, StateStore, Target
from syncd.render import Rules
from syncd.render.addresses import Address
from syncd.render.dialects import detect
from syncd.render.site import Site, is_read, places, read
from syncd.render.urls import page_url

# Entries of a listing between two looks whether the run is to stop.
_AT_ONCE = 100


class Renderer(Protocol):
    """Turns documents into drafts; syncd.workers.Workers is the real one."""

    async def render(self, document: Document, rules: Rules) -> Draft: ...


class Progress:
    """Hears how a run goes on; this one keeps silent."""

    def begun(self, source: str, run: int) -> None:
        """It has this number."""

    def planned(self, source: str, pages: int) -> None:
        """So many pages will be looked at."""

    def done(self, source: str, external_id: str) -> None:
        """One of them is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An import source: where the pages go, and what to remember of it.

    Attributes:
        made: whether it was made just now, so that it holds nothing.
    """

    target: Target
    import_source_id: int
    import_source_url: str | None
    made: bool = False


@dataclass(frozen=True, kw_only=True)
class Source:
    """One configured origin with all that a run of it needs to know.

    Attributes:
        fingerprint: of the settings that decide what is listed; a change of it is no deletion.
        rules: how documents become pages.
        page_url: template of the pages' URLs; None leaves pages without one.
        availability: flags that every write enforces; None respects what people switched in Intercom.
        creation: flags that new pages get.
        drift: what becomes of pages that are not as they were sent: "report" them, "repair" them, or "keep"
            them as somebody made them.
        verify_every_s: seconds after which all pages are compared with what Intercom shows.
        check: raises SourceMisconfigured if the settings lead elsewhere than the pages already sent.
        connect: finds or makes the import source; called only when Intercom has to be asked.
        find: the same, but makes none: None if there is none.
        requests: requests that were sent for this source so far.
    """

    name: str
    connector: Connector
    policy: Policy
    fingerprint: str
    rules: Rules
    page_url: str | None
    locale: str
    availability: Availability | None
    check: Callable[[Standing], None]
    connect: Callable[[Standing], Awaitable[Connection]]
    find: Callable[[Standing], Awaitable[Connection | None]]
    requests: Callable[[], int]
    creation: Availability | None = None
    drift: str = "report"
    verify_every_s: float = 86_400.0

    @cached_property
    def rules_key(self) -> str:
        """Names the rules with all else that shapes a page: if it changes, every page is looked at."""
        return key_of([self.rules.key, self.page_url, self.locale, repr(self.availability)])

    def written_for(self, landmarks: Collection[str]) -> Source:
        """The source with the dialect that its landmarks tell, unless the configuration names one."""
        dialect = detect(landmarks) if self.rules.dialect == "auto" else None
        return self if dialect is None else replace(self, rules=replace(self.rules, dialect=dialect))

    def fitted_to(self, snapshot: Snapshot) -> Source:
        """The source with what its documents are written for, and where the settings of that lie. Blocking.

        The settings are not read yet; see `told_by`.
        """
        source = self.written_for(snapshot.landmarks)
        candidates = list(places(source.rules.dialect))
        return source._configured_by(snapshot.versions(candidates)) if candidates else source

    def _configured_by(self, versions: Mapping[str, str]) -> Source:
        path = next((place for place in places(self.rules.dialect) if place in versions), None)
        if path is None:
            return self
        version = versions[path] if is_read(self.rules.dialect) else ""
        return replace(self, rules=replace(self.rules, site=Site(path=path, version=version)))

    def url_of(self, item: Item, address: Address | None = None) -> str | None:
        """Where a reader finds the item: by its origin, its own words, or the template, in this order."""
        if address is None:
            return item.url or page_url(self.page_url, item.path)
        return item.url or address.absolute or page_url(self.page_url, item.path, address.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one trip is made with.

    Attributes:
        keep: runs the store's blocking calls; crawl: runs the snapshot's.
        concurrency: changes carried out at once.
        fence: called right before each write is sent; raises LeaseLost once this run may send no more.
        epoch: of the lease that the run goes on under; None where an operating-system lock does its work.
        closed: called once the run is closed, and the lease given back with that.
        trigger: what started it: manual, cron, schedule, webhook.
        full: look at every item, compare with what Intercom holds, and send again what differs.
        verify: compare with what Intercom holds; repair: and send again what differs.
        window_s: seconds in which a request that got no answer may still take effect.
        stop: set when the run should end early and orderly.
    """

    store: StateStore
    keep: Lane
    crawl: Lane
    renderer: Renderer
    clock: Clock
    concurrency: int = 16
    fence: Callable[[], None] = lambda: None
    epoch: int | None = None
    closed: Callable[[], None] = lambda: None
    trigger: str = "manual"
    full: bool = False
    verify: bool = False
    repair: bool = False
    window_s: float = 600.0
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    progress: Progress = field(default_factory=Progress)

    @property
    def is_thorough(self) -> bool:
        """Whether everything is looked at, however sure it seems that nothing changed."""
        return self.full or self.verify


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a look at the origin saw.

    Attributes:
        snapshot: to read the items from.
        identity: of the origin.
    """

    snapshot: Snapshot
    listing: Listing
    identity: str | None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a look at the origin saw, beside what was delivered.

    Attributes:
        rows: rows that Intercom holds a page for, or may; counted only where something has to be done.
        identity: of the origin.
    """

    listing: Listing
    plan: Plan
    rows: int
    identity: str | None


@dataclass(frozen=True, kw_only=True)
class Survey(Seen):
    """What follows from it.

    Attributes:
        snapshot: to read the items of the plan from; library: what they include.
        rules: of the source, with what its generator's configuration says.
        at_work: where it is noted which page is read.
        touched: external_id → new version, of items that look changed and are not.
        published: where each page is, or will be, found by readers.
        records: what was delivered before.
        remote: pages that Intercom was found to have for items, or parts of them, without a record.
        completed_at: Unix seconds of the last complete run before this one; None before the first.
    """

    snapshot: Snapshot
    library: Library
    rules: Rules
    at_work: AtWork
    touched: Mapping[str, str]
    verdict: Verdict
    published: Published
    records: Mapping[str, Record]
    remote: Mapping[str, RemotePage]
    completed_at: float | None = None


@asynccontextmanager
async def opened(connector: Connector, crawl: Lane) -> AsyncIterator[Snapshot]:
    """A connector's snapshot, opened and released in the crawling thread."""
    manager = await crawl(connector.open)
    snapshot = await crawl(manager.__enter__)
    try:
        yield snapshot
    finally:
        await crawl(manager.__exit__, None, None, None)


async def list_origin(run: Run, snapshot: Snapshot, records: Mapping[str, Record]) -> Origin:
    """Name all items of the origin, under the names that the records know them by."""
    identity = await run.crawl(lambda: snapshot.identity)
    listing = await run.crawl(list_items, snapshot, stopped=run.stop.is_set)
    listing, origins = settle_names(listing, records)
    if origins:
        snapshot = Renamed(snapshot, origins)
    return Origin(snapshot=snapshot, listing=listing, identity=identity)


async def look(
    source: Source,
    run: Run,
    origin: Origin,
    *,
    records: Mapping[str, Record],
    standing: Standing,
    before: Before,
    drifted: Collection[str] = (),
    remote: Mapping[str, RemotePage] | None = None,
    foretells: bool = False,
) -> Survey:
    """Compare the origin with the records, and let the guards judge what is missing.

    What is only foretold is not marked as being at work.
    """
    snapshot, listing, identity = origin.snapshot, origin.listing, origin.identity
    removed: frozenset[str] = frozenset()
    between = ""
    if standing.origin_revision is not None:
        removed = frozenset(await run.crawl(snapshot.removed, standing.origin_revision))
        between = f" between {standing.origin_revision} and {await run.crawl(lambda: snapshot.revision)}"
    now = run.clock.now()

    def planned() -> Plan:
        return make_plan(
            listing,
            records,
            rules=source.rules_key,
            now=now,
            confirm=source.policy.confirm,
            min_absence_s=source.policy.min_absence_s,
            removed=removed,
            between=between,
            drifted=drifted,
            taken_down=before.orders.taken_down,
            remote=remote,
            full=run.full,
        )

    plan = planned()
    if plan.claimed:
        listing = refuse_claimed(listing, plan.claimed)
        plan = planned()
    library = Library(snapshot, listing)
    if before.included:
        changed = await run.crawl(outdated, library, before.included, whole=is_whole(listing))
        plan = with_included(
            plan, listing, records, await run.keep(run.store.including, source.name, changed)
        )
    busy = plan.missing or plan.tasks or plan.surplus
    rows = sum(record.may_be_published for record in records.values()) if busy else 0
    seen = Seen(listing=listing, plan=plan, rows=rows, identity=identity)
    hold = before.holds.get(Question.DELETES)
    verdict = judge_missing(source, seen, standing=standing, hold=hold, now=now)
    published = Published()
    touched: Mapping[str, str] = {}
    rules = source.rules
    rested = {task.item.external_id: False for task in plan.tasks if task.reason == "retry"}
    found = {**rested, **before.marks}
    at_work = AtWork(run.store, run.keep, source.name, found=found, writes=not foretells)
    # An item without a row, as one that was taken down, leaves no other trace when it goes; links may lead
    # to it.
    fewer = is_whole(listing) and standing.listed is not None and len(listing.items) < standing.listed
    if plan.tasks or verdict.deletes or plan.forgotten or fewer:
        rules = await run.crawl(told_by, snapshot, source.rules)
        source = replace(source, rules=rules)
        ahead = await _read_ahead(source, run, snapshot, library, plan, at_work)
        plan = without_same(plan, ahead.same)
        if plan.tasks or verdict.deletes or plan.forgotten or fewer:
            published = await _publish(source, run, listing, plan, verdict, records, ahead.addresses)
            plan = with_links(plan, listing, records, published.linking)
        touched = {key: same for key, same in ahead.same.items() if key not in published.linking}
    return Survey(
        listing=listing,
        plan=plan,
        rows=rows,
        identity=identity,
        snapshot=snapshot,
        library=library,
        rules=rules,
        at_work=at_work,
        touched=touched,
        verdict=verdict,
        published=published,
        records=records,
        remote=remote or {},
        completed_at=standing.completed_at,
    )


def judge_missing(
    source: Source,
    seen: Seen,
    *,
    standing: Standing,
    hold: Hold | None,
    now: float,
    withdrawn: Sequence[Candidate] = (),
) -> Verdict:
    """Let the guards say what may be deleted, and what waits; `withdrawn`: what the documents themselves
    want gone."""
    return judge(
        [*seen.plan.missing, *withdrawn],
        [*seen.plan.gone, *withdrawn],
        listed=len(seen.listing.items) + len(seen.listing.clashes),
        rows=seen.rows,
        policy=source.policy,
        standing=standing,
        fingerprint=source.fingerprint,
        identity=seen.identity,
        hold=hold,
        now=now,
    )


def list_items(snapshot: Snapshot, *, stopped: Callable[[], bool] = lambda: False) -> Listing:
    """Exhaust a snapshot's listing. Blocking. An early end is part of the answer, not an error."""
    found: list[Item | Unlisted] = []
    broken = None
    try:
        entries = iter(snapshot.items())
        count = -1
        while len(found) > count:
            if stopped():
                raise ListingIncomplete("the run was asked to stop")
            count = len(found)
            # What came before an error stays in the list.
            found.extend(islice(entries, _AT_ONCE))
    except ListingIncomplete as error:
        broken = str(error)
    return make_listing(found, broken=broken)


def told_by(snapshot: Snapshot, rules: Rules) -> Rules:
    """Read the configuration of the source's generator, and return the rules with it. Blocking."""
    site = rules.site
    if not site.path or not is_read(rules.dialect):
        return rules
    file = snapshot.contents([site.path]).get(site.path)
    return rules if file is None else replace(rules, site=read(rules.dialect, site, file.text))


async def _read_ahead(
    source: Source, run: Run, snapshot: Snapshot, library: Library, plan: Plan, at_work: AtWork
) -> Ahead:
    """Read where the changed documents say that they are published, and which of them did not change."""
    ahead = Ahead()
    items = [task.item for task in plan.tasks if tells_address(task.item)]
    items = [item for item in items if not at_work.is_deadly(item.external_id)]
    made_of: dict[str, tuple[str, str | None]] = {}
    if known := {task.item.external_id for task in may_be_same(plan, source.rules_key)}:
        hashes = await run.keep(run.store.source_hashes, source.name)
        urls = await run.keep(run.store.urls, source.name)
        made_of = {key: (digest, urls.get(key)) for key, digest in hashes.items() if key in known}
    alone = [item for item in items if at_work.is_suspect(item.external_id)]
    items = [item for item in items if not at_work.is_suspect(item.external_id)]
    for place in range(0, len(items), READ_AHEAD_ITEMS):
        if run.stop.is_set():
            break
        some = items[place : place + READ_AHEAD_ITEMS]
        await at_work.begin([item.external_id for item in some])
        await run.crawl(read_ahead, snapshot, some, source.rules, library, made_of, ahead)
    for item in alone:
        if run.stop.is_set():
            break
        await at_work.begin_alone(item.external_id)
        await run.crawl(read_ahead, snapshot, [item], source.rules, library, made_of, ahead)
    return ahead


async def _publish(
    source: Source,
    run: Run,
    listing: Listing,
    plan: Plan,
    verdict: Verdict,
    records: Mapping[str, Record],
    addresses: Mapping[str, Address],
) -> Published:
    """Index all pages by where they are published."""
    items = [task.item for task in plan.tasks]
    return await run.keep(
        publish,
        run.store,
        source.name,
        listing=listing,
        records=records,
        deleted={*plan.forgotten, *(candidate.external_id for candidate in verdict.deletes)},
        known=await run.keep(run.store.urls, source.name),
        fresh={item.external_id: source.url_of(item, addresses.get(item.external_id)) for item in items},
        aliases={external_id: address.aliases for external_id, address in addresses.items()},
        url_of=source.url_of,
    )
