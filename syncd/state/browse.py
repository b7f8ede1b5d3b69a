"""What the dashboard asks: long lists in pieces, each found by key, so that the last is as fast as the first.

Reads only; times are Unix seconds. A piece holds up to `ROWS` rows; `next` is what the following one is
asked for with, None if there is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    literal,
    or_,
    select,
    true,
    union_all,
)

from syncd.decision import Order
from syncd.journal import Hold
from syncd.model import RecordState
from syncd.state.queries import LeftOut, OutcomeLine, PageSummary, RunSummary, of_fields
from syncd.state.store import SqlStateStore
from syncd.state.tables import freezes, holds, links, outcomes, records, runs, sources, takedowns, unlisted

ROWS = 50

T = TypeVar("T")
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Piece(Generic[T, K]):
    """Some rows of a long list, and where the next ones begin."""

    rows: Sequence[T]
    next: K | None = None


class View(StrEnum):
    """Which pages of a source are listed."""

    ALL = "all"
    LIVE = "live"
    QUARANTINED = "quarantined"
    SKIPPED = "skipped"
    PENDING = "pending"
    MISSING = "missing"
    DELETED = "deleted"


_STATES: Mapping[View, ColumnElement[bool]] = {
    View.ALL: records.c.state != RecordState.TOMBSTONE.value,
    View.LIVE: records.c.state == RecordState.LIVE.value,
    View.QUARANTINED: and_(
        records.c.state == RecordState.QUARANTINED.value,
        # A page of which a part was refused is in quarantine as one.
        records.c.part_of.is_(None),
    ),
    View.SKIPPED: records.c.state == RecordState.SKIPPED.value,
    View.PENDING: records.c.state.in_(
        [state.value for state in (RecordState.PENDING, RecordState.DELETING, RecordState.SURPLUS)]
    ),
    View.MISSING: and_(records.c.absent_since.is_not(None), records.c.state != RecordState.TOMBSTONE.value),
    View.DELETED: records.c.state == RecordState.TOMBSTONE.value,
}


def pages(
    store: SqlStateStore, source: str, *, view: View = View.ALL, search: str = "", after: str = ""
) -> Piece[PageSummary, str]:
    """Return the pages of a source whose external id comes after the given one, by external id.

    `search` is looked for in ids, titles and URLs; upper and lower case count as equal where they are ASCII.
    """
    query = (
        of_fields(records, PageSummary)
        .where(records.c.source == source, records.c.external_id > after, _STATES[view])
        .order_by(records.c.external_id)
        .limit(ROWS + 1)
    )

    def work(connection: Connection) -> list[PageSummary]:
        asked = query
        if search:
            columns = (records.c.external_id, records.c.title, records.c.url)
            asked = asked.where(_holding(connection, search, *columns))
        return _rows(connection, asked, PageSummary)

    return _cut(store.read(work), lambda one: one.external_id)


def left_out(
    store: SqlStateStore, source: str, *, search: str = "", after: str | None = None
) -> Piece[LeftOut, str]:
    """Return what is not published as the origin has it, each with its reason, by id (queries.left_out)."""
    told: list[tuple[Table, ColumnElement[str], ColumnElement[str], ColumnElement[bool]]] = [
        (
            records,
            records.c.state,
            records.c.error,
            and_(records.c.error.is_not(None), records.c.state != RecordState.TOMBSTONE.value),
        ),
        (
            records,
            literal("warning"),
            records.c.warnings,
            and_(records.c.warnings.is_not(None), records.c.state == RecordState.LIVE.value),
        ),
        (takedowns, literal("taken down"), takedowns.c.why, true()),
        (unlisted, literal("skipped"), unlisted.c.reason, unlisted.c.skipped),
        (unlisted, literal("unseen"), unlisted.c.reason, ~unlisted.c.skipped),
    ]

    def work(connection: Connection) -> list[LeftOut]:
        parts = []
        for table, state, reason, condition in told:
            key = table.c.scope if table is unlisted else table.c.external_id
            part = select(key.label("id"), state.label("state"), reason.label("reason")).where(
                table.c.source == source, condition
            )
            if after is not None:
                part = part.where(key > after)
            if search:
                part = part.where(_holding(connection, search, key, reason))
            parts.append(select(part.order_by(key).limit(ROWS + 1).subquery()))
        # The database sorts, since it alone knows what comes after a key in its collation.
        query = union_all(*parts).order_by("id", "state")
        return [LeftOut(source, *row) for row in connection.execute(query)]

    found = store.read(work)
    # What is told of one page stays together.
    last = min(ROWS, len(found))
    while 0 < last < len(found) and found[last].external_id == found[last - 1].external_id:
        last += 1
    return Piece(found[:last], found[last - 1].external_id if last < len(found) else None)


def runs_of(store: SqlStateStore, source: str, *, before: int | None = None) -> Piece[RunSummary, int]:
    """Return the runs of a source with smaller numbers than the given one, newest first."""
    query = (
        of_fields(runs, RunSummary)
        .where(runs.c.source == source)
        .order_by(runs.c.number.desc())
        .limit(ROWS + 1)
    )
    if before is not None:
        query = query.where(runs.c.number < before)
    found = store.read(lambda connection: _rows(connection, query, RunSummary))
    return _cut(found, lambda one: one.number)


def latest_runs(store: SqlStateStore, names: Iterable[str], *, limit: int) -> dict[str, list[RunSummary]]:
    """Return the newest runs of each of the sources, newest first."""

    def work(connection: Connection) -> dict[str, list[RunSummary]]:
        found = {}
        for name in names:
            query = (
                of_fields(runs, RunSummary)
                .where(runs.c.source == name)
                .order_by(runs.c.number.desc())
                .limit(limit)
            )
            found[name] = _rows(connection, query, RunSummary)
        return found

    return store.read(work)


def run(store: SqlStateStore, number: int) -> RunSummary | None:
    """Return one run; None if there is none of that number."""
    query = of_fields(runs, RunSummary).where(runs.c.number == number)
    return next(iter(store.read(lambda connection: _rows(connection, query, RunSummary))), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which lines of the audit trail are asked for; None asks for all."""

    run: int | None = None
    source: str | None = None
    external_id: str | None = None
    action: str | None = None
    decisions: bool = False


def trail(
    store: SqlStateStore, asked: Filter, *, before: int | None = None, rows: int = ROWS
) -> Piece[OutcomeLine, int]:
    """Return lines of the audit trail, newest first, from before the given place in it."""
    query = (
        select(outcomes.c.id, *of_fields(outcomes, OutcomeLine).selected_columns)
        .order_by(outcomes.c.id.desc())
        .limit(rows + 1)
    )
    for name in ("run", "source", "external_id", "action"):
        if (value := getattr(asked, name)) is not None:
            query = query.where(outcomes.c[name] == value)
    if asked.decisions:
        query = query.where(outcomes.c.by.is_not(None))
    if before is not None:
        query = query.where(outcomes.c.id < before)

    def work(connection: Connection) -> list[tuple[int, OutcomeLine]]:
        found = []
        for row in connection.execute(query):
            named = dict(row._mapping)
            found.append((named.pop("id"), OutcomeLine(**named)))
        return found

    found = store.read(work)
    lines = [line for _, line in found[:rows]]
    return Piece(lines, found[rows - 1][0] if len(found) > rows else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What is known of one page besides its row.

    Attributes:
        links: (target, URL that it was resolved to or None) of what it links to and includes.
        warnings: of its rendering, one sentence each.
        page_ids: external id → Intercom's id of the pages that are there for it, itself and its parts.
    """

    links: tuple[tuple[str, str | None], ...]
    warnings: tuple[str, ...]
    page_ids: Mapping[str, str]


def details(store: SqlStateStore, source: str, external_id: str, *, limit: int = 200) -> Details:
    """Return what a page links to, what was warned of, and which parts it is published in."""
    linked = (
        select(links.c.target, links.c.url)
        .where(links.c.source == source, links.c.external_id == external_id)
        .order_by(links.c.target)
        .limit(limit)
    )
    row = select(records.c.warnings).where(records.c.source == source, records.c.external_id == external_id)
    published = select(records.c.external_id, records.c.page_id).where(
        records.c.source == source,
        records.c.page_id.is_not(None),
        records.c.state != RecordState.TOMBSTONE.value,
    )

    def work(connection: Connection) -> Details:
        parts = published.where(records.c.part_of == external_id)
        if connection.dialect.name == "sqlite":  # which compares byte by byte, so that these lie together
            begin, end = f"{external_id}#", f"{external_id}$"
            parts = parts.where(records.c.external_id > begin, records.c.external_id < end)
        pages = [*connection.execute(published.where(records.c.external_id == external_id))]
        pages += connection.execute(parts)
        warned = connection.execute(row).scalar_one_or_none()
        return Details(
            links=tuple((found[0], found[1]) for found in connection.execute(linked)),
            warnings=tuple((warned or "").splitlines()),
            page_ids={found[0]: found[1] for found in pages},
        )

    return store.read(work)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits for a person, or stands because of one.

    Attributes:
        holds: by source.
        frozen: by source.
        taken_down: (source, external_id, order), of each source up to `ROWS`.
    """

    holds: tuple[tuple[str, Hold], ...]
    frozen: tuple[tuple[str, Order], ...]
    taken_down: tuple[tuple[str, str, Order], ...]


def waiting(store: SqlStateStore) -> Waiting:
    """Return all that people were asked and have ordered."""

    def work(connection: Connection) -> Waiting:
        asked = connection.execute(select(holds).order_by(holds.c.since))
        ordered = connection.execute(select(freezes).order_by(freezes.c.since))
        down = connection.execute(select(takedowns).order_by(takedowns.c.since.desc()).limit(ROWS))
        return Waiting(
            holds=tuple(
                (row.source, Hold(**{name: row._mapping[name] for name in Hold.__dataclass_fields__}))
                for row in asked
            ),
            frozen=tuple((row.source, Order(since=row.since, by=row.by, why=row.why)) for row in ordered),
            taken_down=tuple(
                (row.source, row.external_id, Order(since=row.since, by=row.by, why=row.why)) for row in down
            ),
        )

    return store.read(work)


def is_known(store: SqlStateStore, source: str) -> bool:
    """Whether a run of a source of that name was ever recorded."""
    query = select(runs.c.number).where(runs.c.source == source).limit(1)
    return store.read(lambda connection: connection.execute(query).first()) is not None


def notices(store: SqlStateStore, source: str) -> tuple[str, ...]:
    """Return what the last complete run of a source had to say, one sentence each."""
    query = select(sources.c.notices).where(sources.c.source == source)
    told = store.read(lambda connection: connection.execute(query).scalar_one_or_none())
    return tuple((told or "").splitlines())


def _holding(connection: Connection, search: str, *columns: ColumnElement[Any]) -> ColumnElement[bool]:
    """That one of the columns holds the text; upper and lower case ASCII count as equal."""
    escaped = re.sub(r"([\\%_])", r"\\\1", search)
    # SQLite's own LIKE takes them for equal, and needs a third of the time that it takes with lower().
    alike = "like" if connection.dialect.name == "sqlite" else "ilike"
    return or_(*(getattr(column, alike)(f"%{escaped}%", escape="\\") for column in columns))


def _rows(connection: Connection, query: Select[Any], value: Callable[..., T]) -> list[T]:
    return [value(**row._mapping) for row in connection.execute(query)]


def _cut(found: Sequence[T], key: Callable[[T], K]) -> Piece[T, K]:
    return Piece(found[:ROWS], key(found[ROWS - 1]) if len(found) > ROWS else None)
