"""What people ask about the state: `syncd status`, `runs`, `pages`. Reads only; times are Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, Table, func, or_, select

from syncd.decision import Order
from syncd.journal import Hold
from syncd.model import RecordState, Unlisted
from syncd.state.store import SqlStateStore
from syncd.state.tables import (
    freezes,
    holds,
    ingestions,
    outcomes,
    records,
    runs,
    sources,
    takedowns,
    unlisted,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One run. `finished` and `result` are None while it goes on, and for ever if it was killed."""

    number: int
    source: str
    trigger: str
    started: float
    finished: float | None
    result: str | None
    error: str | None
    error_kind: str | None
    revision: str | None
    listed: int
    created: int
    updated: int
    unchanged: int
    deleted: int
    held: int
    failed: int
    skipped: int
    missing: int
    requests: int

    @property
    def interrupted(self) -> bool:
        """Whether it was stopped or killed before its end, or still goes on."""
        return self.result is None or self.error_kind == "Stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeLine:
    """One line of the audit trail.

    Attributes:
        action: create, update, delete, hold, fail or skip; or what a person did, then `run` is 0.
        external_id: "" for a decision about the whole source.
        hash_before, hash_after: content hashes, where content changed.
        evidence: of a delete: what proved that the origin no longer has the item.
        by: the person, of a decision.
    """

    run: int
    source: str
    external_id: str
    at: float
    action: str
    reason: str
    hash_before: str | None
    hash_after: str | None
    page_id: str | None
    evidence: str | None
    by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSummary:
    """One page as syncd knows it; see syncd.state.rows.Row for the fields."""

    source: str
    external_id: str
    part_of: str | None
    state: str
    title: str | None
    url: str | None
    page_id: str | None
    version: str
    content_hash: str | None
    remote_digest: str | None
    rules: str
    absences: int
    absent_since: float | None
    ambiguous_at: float | None
    attempts: int
    attempted_at: float | None
    error: str | None
    retry: bool
    retry_at: float | None
    created: float
    updated: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PageHistory:
    """One page and all that was ever done or refused for it, the newest first."""

    page: PageSummary
    outcomes: tuple[OutcomeLine, ...]


class LeftOut(NamedTuple):
    """One thing that is not published as the origin has it.

    Attributes:
        external_id: or the scope that could not be seen.
        state: skipped, unseen, warning, taken down, or the state of the page's row.
    """

    source: str
    external_id: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSummary:
    """How one source stands.

    Attributes:
        live, quarantined, skipped, pending, deleting: pages in each state; each part of a long page counts,
            but for quarantine, and one that its page no longer has is to be deleted.
        missing: pages of any state that the last complete listing did not name.
        ambiguous: pages with a request whose answer was lost and not made up for.
        holds: what waits for a person, at most one for each question.
        frozen: who stopped it; None for a source that goes on.
        taken_down: pages that a person keeps out.
        last_run: the newest, finished or not; None before the first.
        last_complete: Unix seconds of the last complete run.
        missing_since: Unix seconds since when the one that is missing longest was not named; None for none.
        verified_at: Unix seconds when all pages were last compared with what Intercom shows.
        drifted: pages that were not as they had been sent then, and were left so.
    """

    source: str
    live: int
    quarantined: int
    skipped: int
    pending: int
    deleting: int
    missing: int
    ambiguous: int
    holds: tuple[Hold, ...]
    frozen: Order | None
    taken_down: int
    last_run: RunSummary | None
    last_complete: float | None
    missing_since: float | None
    verified_at: float | None
    drifted: int


def source_summaries(store: SqlStateStore) -> list[SourceSummary]:
    """Return every source that the state has ever seen, by name."""
    return store.read(_source_summaries)


def recent_runs(store: SqlStateStore, *, source: str | None = None, limit: int = 20) -> list[RunSummary]:
    """Return the newest runs first."""
    query = of_fields(runs, RunSummary).order_by(runs.c.number.desc()).limit(limit)
    if source is not None:
        query = query.where(runs.c.source == source)
    return store.read(lambda connection: [RunSummary(**row._mapping) for row in connection.execute(query)])


def run_outcomes(store: SqlStateStore, run: int) -> list[OutcomeLine]:
    """Return what a run did and refused, in that order."""
    return _lines(
        store, of_fields(outcomes, OutcomeLine).where(outcomes.c.run == run).order_by(outcomes.c.id)
    )


def left_out(store: SqlStateStore, source: str) -> list[LeftOut]:
    """Return what is not published as the origin has it, each with its reason, by id.

    That is what the last listing left out or could not see, the pages that are parked, empty, or whose
    last request had no valid answer, and what the renderer warned of in pages that are published.
    """
    parked = select(records.c.external_id, records.c.state, records.c.error).where(
        records.c.source == source,
        records.c.error.is_not(None),
        records.c.state != RecordState.TOMBSTONE.value,
    )
    unseen = select(unlisted.c.scope, unlisted.c.skipped, unlisted.c.reason).where(
        unlisted.c.source == source
    )

    warned = select(records.c.external_id, records.c.warnings).where(
        records.c.source == source,
        records.c.warnings.is_not(None),
        records.c.state == RecordState.LIVE.value,
    )

    kept_out = select(takedowns.c.external_id, takedowns.c.by, takedowns.c.why).where(
        takedowns.c.source == source
    )

    def work(connection: Connection) -> list[LeftOut]:
        found = [LeftOut(source, *row) for row in connection.execute(parked)]
        for external_id, warnings in connection.execute(warned):
            found += [LeftOut(source, external_id, "warning", line) for line in warnings.splitlines()]
        for external_id, by, why in connection.execute(kept_out):
            found.append(LeftOut(source, external_id, "taken down", f"by {by}: {why}"))
        for scope, skipped, reason in connection.execute(unseen):
            found.append(LeftOut(source, scope, "skipped" if skipped else "unseen", reason))
        return sorted(found, key=lambda one: one.external_id)

    return store.read(work)


def pages(
    store: SqlStateStore,
    *,
    source: str | None = None,
    state: str | None = None,
    search: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[PageSummary]:
    """Return pages by source and external id; deleted ones only when that state is asked for.

    `search` is looked for in ids, titles and URLs; upper and lower case count as equal where they are ASCII.
    """
    query = of_fields(records, PageSummary).order_by(records.c.source, records.c.external_id)
    if source is not None:
        query = query.where(records.c.source == source)
    if state is not None:
        query = query.where(records.c.state == state)
    else:
        query = query.where(records.c.state != RecordState.TOMBSTONE.value)
    if search is not None:
        columns = (records.c.external_id, records.c.title, records.c.url)
        query = query.where(or_(*(column.icontains(search, autoescape=True) for column in columns)))
    query = query.limit(limit).offset(offset)
    return store.read(lambda connection: [PageSummary(**row._mapping) for row in connection.execute(query)])


def in_quarantine(store: SqlStateStore, source: str) -> list[str]:
    """Return the external ids of a source's pages in quarantine, by id; a part stands for its page."""
    named = func.coalesce(records.c.part_of, records.c.external_id)
    query = (
        select(named)
        .where(records.c.source == source, records.c.state == RecordState.QUARANTINED.value)
        .distinct()
        .order_by(named)
    )
    return store.read(lambda connection: list(connection.scalars(query)))


def page(store: SqlStateStore, source: str, external_id: str) -> PageHistory | None:
    """Return a page, deleted or not, with its history; None for one never seen."""
    of_page = of_fields(records, PageSummary).where(
        records.c.source == source, records.c.external_id == external_id
    )
    of_past = (
        of_fields(outcomes, OutcomeLine)
        .where(outcomes.c.source == source, outcomes.c.external_id == external_id)
        .order_by(outcomes.c.id.desc())
    )

    def work(connection: Connection) -> PageHistory | None:
        row = connection.execute(of_page).one_or_none()
        if row is None:
            return None
        past = tuple(OutcomeLine(**line._mapping) for line in connection.execute(of_past))
        return PageHistory(page=PageSummary(**row._mapping), outcomes=past)

    return store.read(work)


def audit(
    store: SqlStateStore,
    *,
    source: str | None = None,
    external_id: str | None = None,
    decisions: bool = False,
    limit: int = 50,
) -> list[OutcomeLine]:
    """Return the newest lines of the audit trail first; with `decisions`, only what people decided."""
    query = of_fields(outcomes, OutcomeLine).order_by(outcomes.c.id.desc()).limit(limit)
    if source is not None:
        query = query.where(outcomes.c.source == source)
    if external_id is not None:
        query = query.where(outcomes.c.external_id == external_id)
    if decisions:
        query = query.where(outcomes.c.by.is_not(None))
    return _lines(store, query)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that is known of one page.

    Attributes:
        page: its row; None for one that no run ever saw.
        unlisted: why the last listing left it out, or could not see it.
        frozen, taken_down: what people ordered.
        holds: what of its source waits for a person.
        outcomes: its history, the newest first.
        ingesting_since: Unix seconds when it was sent, if Intercom had not read it in when it was last asked.
    """

    source: str
    external_id: str
    page: PageSummary | None
    unlisted: tuple[str, ...]
    frozen: Order | None
    taken_down: Order | None
    holds: tuple[Hold, ...]
    outcomes: tuple[OutcomeLine, ...]
    ingesting_since: float | None


def explain(store: SqlStateStore, source: str, external_id: str) -> Explanation:
    """Return what decides whether a page is published."""
    before, past = store.before(source), page(store, source, external_id)
    query = select(unlisted.c.scope, unlisted.c.reason, unlisted.c.skipped).where(unlisted.c.source == source)

    ingesting = select(ingestions.c.written_at).where(
        ingestions.c.source == source,
        ingestions.c.external_id == external_id,
        ingestions.c.ingested_at.is_(None),
    )

    def work(connection: Connection) -> tuple[str, ...]:
        scopes = [Unlisted(*row) for row in connection.execute(query)]
        return tuple(scope.reason for scope in scopes if scope.covers(external_id))

    return Explanation(
        source=source,
        external_id=external_id,
        page=past.page if past is not None else None,
        unlisted=store.read(work),
        ingesting_since=store.read(lambda connection: connection.scalar(ingesting)),
        frozen=before.orders.frozen,
        taken_down=before.orders.taken_down.get(external_id),
        holds=tuple(before.holds.values()),
        outcomes=past.outcomes
        if past is not None
        else tuple(audit(store, source=source, external_id=external_id)),
    )


def find_pages(store: SqlStateStore, name: str, *, source: str | None = None) -> list[tuple[str, str]]:
    """Return (source, external id) of each page, deleted or taken down ones included, that is called so.

    An external id is preferred to a URL, and both to Intercom's id.
    """
    url = name.partition("#")[0].rstrip("/")

    def work(connection: Connection) -> list[tuple[str, str]]:
        for table, told in (
            (records, records.c.external_id == name),
            (takedowns, takedowns.c.external_id == name),
            (records, records.c.url.in_((url, url + "/"))),
            (records, records.c.page_id == name),
            (unlisted, unlisted.c.scope == name),
        ):
            # A part of a long page stands for the page.
            named: ColumnElement[str] = table.c.scope if table is unlisted else table.c.external_id
            if table is records:
                named = func.coalesce(records.c.part_of, named)
            query = select(table.c.source, named).where(told).order_by(table.c.source).distinct()
            if source is not None:
                query = query.where(table.c.source == source)
            found = [(row[0], row[1]) for row in connection.execute(query)]
            if found:
                return found
        return []

    return store.read(work)


def _source_summaries(connection: Connection) -> list[SourceSummary]:
    states: dict[str, dict[str, int]] = {}
    missing: dict[str, int] = {}
    ambiguous: dict[str, int] = {}
    counted = (
        select(
            records.c.source,
            records.c.state,
            func.count(),
            func.count(records.c.absent_since),
            func.count(records.c.ambiguous_at),
            func.min(records.c.absent_since),
        )
        .where(
            records.c.state != RecordState.TOMBSTONE.value,
            # A page of which a part was refused is in quarantine as one.
            or_(records.c.part_of.is_(None), records.c.state != RecordState.QUARANTINED.value),
        )
        .group_by(records.c.source, records.c.state)
    )
    missing_since: dict[str, float] = {}
    for source, state, count, absent, lost, since in connection.execute(counted):
        if since is not None:
            missing_since[source] = min(since, missing_since.get(source, since))
        states.setdefault(source, {})[state] = count
        missing[source] = missing.get(source, 0) + absent
        ambiguous[source] = ambiguous.get(source, 0) + lost
    newest = select(func.max(runs.c.number)).group_by(runs.c.source)
    last = {
        row.source: RunSummary(**row._mapping)
        for row in connection.execute(of_fields(runs, RunSummary).where(runs.c.number.in_(newest)))
    }
    held: dict[str, list[Hold]] = {}
    for row in connection.execute(select(holds).order_by(holds.c.source, holds.c.question)):
        hold = Hold(**{name: row._mapping[name] for name in Hold.__dataclass_fields__})
        held.setdefault(row.source, []).append(hold)
    frozen = {
        row.source: Order(since=row.since, by=row.by, why=row.why)
        for row in connection.execute(select(freezes))
    }
    counting = select(takedowns.c.source, func.count()).group_by(takedowns.c.source)
    down = {row[0]: row[1] for row in connection.execute(counting)}
    stood = {
        row.source: row
        for row in connection.execute(
            select(sources.c.source, sources.c.completed_at, sources.c.verified_at, sources.c.drifted)
        )
    }
    return [
        SourceSummary(
            source=source,
            live=states.get(source, {}).get(RecordState.LIVE, 0),
            quarantined=states.get(source, {}).get(RecordState.QUARANTINED, 0),
            skipped=states.get(source, {}).get(RecordState.SKIPPED, 0),
            pending=states.get(source, {}).get(RecordState.PENDING, 0),
            deleting=sum(
                states.get(source, {}).get(state, 0) for state in (RecordState.DELETING, RecordState.SURPLUS)
            ),
            missing=missing.get(source, 0),
            ambiguous=ambiguous.get(source, 0),
            holds=tuple(held.get(source, ())),
            frozen=frozen.get(source),
            taken_down=down.get(source, 0),
            last_run=last.get(source),
            last_complete=stood[source].completed_at if source in stood else None,
            missing_since=missing_since.get(source),
            verified_at=stood[source].verified_at if source in stood else None,
            drifted=stood[source].drifted if source in stood else 0,
        )
        for source in sorted(states.keys() | last.keys() | stood.keys())
    ]


def _lines(store: SqlStateStore, query: Select[Any]) -> list[OutcomeLine]:
    return store.read(lambda connection: [OutcomeLine(**row._mapping) for row in connection.execute(query)])


def of_fields(table: Table, value: type[DataclassInstance]) -> Select[Any]:
    """Ask for the columns that are the fields of a dataclass."""
    return select(*(table.c[field.name] for field in fields(value)))
