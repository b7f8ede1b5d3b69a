"""The StateStore on SQL: the rows of all runs in an SQLite file, or in PostgreSQL."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    Connection,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)

from syncd.before import Before
from syncd.decision import Decision, Orders, Question, Retry
from syncd.errors import StateStoreError
from syncd.journal import Entry, Hold, Lease, Standing
from syncd.model import Record, RecordState, Report, Unlisted
from syncd.state import inclusion, leases, migrate, past
from syncd.state.opening import open_database
from syncd.state.posting import post
from syncd.state.rows import scope_of, storable
from syncd.state.rulings import rule
from syncd.state.sqlite import BUSY_TIMEOUT_S
from syncd.state.statements import (
    Rows,
    Shortcut,
    Statement,
    Values,
    append,
    carry_out,
    chunks,
    only_if,
    upsert,
    upserting,
)
from syncd.state.tables import (
    aliases,
    freezes,
    holds,
    links,
    marks,
    outcomes,
    records,
    runs,
    sources,
    takedowns,
    unlisted,
)

T = TypeVar("T")

_RECORDS = select(*(records.c[name] for name in Record._fields)).where(
    records.c.source == bindparam("of"), records.c.state != RecordState.TOMBSTONE.value
)
_NO_MARK = delete(marks).where(marks.c.source == bindparam("of"))
_START = insert(runs).returning(runs.c.number)
_LOOK_AGAIN = update(sources).where(sources.c.source == bindparam("of")).values(revision=None)
_IS_RUN = and_(runs.c.number == bindparam("at_run"), runs.c.source == bindparam("of"))
_CLOSE = update(runs).where(_IS_RUN)
_HELD = only_if(leases.IS_HELD)
_DECISIONS = select(sources.c.decisions).where(sources.c.source == bindparam("of"))
# The end of a run that no person has a part in.
_QUIET = (
    exists().where(_IS_RUN),
    not_(exists().where(holds.c.source == bindparam("of"))),
    func.coalesce(_DECISIONS.scalar_subquery(), 0) == bindparam("known"),
)
_UNDISPUTED, _HELD_UNDISPUTED = only_if(*_QUIET), only_if(leases.IS_HELD, *_QUIET)
_COUNTS = [name for name in Report.__dataclass_fields__ if name in runs.c and name not in ("result", "error")]


class SqlStateStore(AbstractContextManager["SqlStateStore"]):
    """The rows of all sources, in one database.

    Every write is one transaction that is on the disk when the call returns; none is open between calls.
    Reads never wait for a writer and never write. Blocking, and safe to use from several threads. One
    process at a time writes an SQLite file (see ProcessLock), one at a time each source in PostgreSQL
    (see syncd.state.leases).

    Attributes:
        place: what the database is and where, for messages.
        backup: the copy that was made before its schema was brought up to date, if it had to be.
    """

    def __init__(
        self,
        url: str,
        *,
        read_only: bool = False,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        history: migrate.History | None = None,
        noted: Callable[[int, float], None] = lambda number, started: None,
    ) -> None:
        """Open the store, making the file and bringing its schema up to date where needed.

        Args:
            url: sqlite:///relative/path, sqlite:////absolute/path or postgresql://user@host/database.
            read_only: never change a byte of the file. One that does not exist counts as empty, and one
                of an older schema is read from an upgraded copy in memory.
            busy_timeout_s: how long a write waits for another process's write; of an SQLite file.
            history: the migrations to bring the schema up to; None for those of this program.
            noted: hears the number and the start of each run once it is committed.

        Raises:
            StateStoreError: it cannot be used; the message names the place and the way out.
        """
        self._noted = noted
        opened = open_database(
            url, read_only=read_only, busy_timeout_s=busy_timeout_s, known=history or migrate.history()
        )
        self.place, self.backup = opened.place, opened.backup
        self._database, self._empty = opened.database, opened.empty

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database; of a file, once what the write-ahead log holds was moved into it."""
        self._database.close()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Do the work on one consistent state; it may be done twice, so it must only read.

        Raises:
            StateStoreError: the state cannot be read.
        """
        return self._database.read(work)

    def _ask(self, work: Callable[[Connection], T]) -> T:
        # While a run goes on nobody else changes the rows that it asks about, so that no transaction is
        # needed around the statements: to a server each costs two more round trips.
        return self._database.read(work, once=True)

    def change(self, work: Callable[[Connection], T]) -> T:
        """Do the work in one transaction. Raises StateStoreError if it cannot be written."""
        return self._database.write(work)

    def probe(self) -> None:
        """Raise StateStoreError if the state cannot be written; nothing is."""
        self._database.write(lambda connection: None)

    def schema(self) -> str | None:
        """The schema that the rows are in now; None while there is none."""
        if self._empty:
            return None
        return self.read(lambda connection: migrate.current(connection, self.place))

    # -- what a run asks ------------------------------------------------------------------------------

    def before(self, source: str) -> Before:
        """All that a run of the source asks at its start, at one moment; see StateStore."""
        return self._ask(lambda connection: past.before(connection, source))

    def records(self, source: str) -> dict[str, Record]:
        """All rows of a source but its tombstones, by external_id."""

        def work(connection: Connection) -> dict[str, Record]:
            # The driver's own cursor, since a Row for each page would double the time. State and rules
            # are few different strings: shared, they save memory and time.
            cursor: Any = connection.execute(_RECORDS, {"of": source}).cursor
            new, intern = tuple.__new__, sys.intern
            return {
                external_id: new(
                    Record,
                    (
                        external_id,
                        version,
                        intern(state),
                        sent,
                        page,
                        intern(rules),
                        count,
                        since,
                        lost,
                        head,
                        again,
                    ),
                )
                for external_id, version, state, sent, page, rules, count, since, lost, head, again in cursor
            }

        return self._ask(work)

    def links(self, source: str) -> Sequence[tuple[str, str | None]]:
        """The distinct (target, URL it was resolved to) pairs of all the source's pages."""
        query = (
            select(links.c.target, links.c.url).where(links.c.source == source, inclusion.IS_LINK).distinct()
        )
        return self._ask(lambda connection: [(row[0], row[1]) for row in connection.execute(query)])

    def including(self, source: str, files: Collection[tuple[str, str | None]]) -> set[str]:
        """External ids of the pages that looked for one of the files and found it in that version."""
        return self._ask(lambda connection: inclusion.including(connection, source, files))

    def linking(self, source: str, targets: Iterable[str]) -> set[str]:
        """External ids of the pages that have a link to one of the targets."""
        wanted = [storable(target) for target in targets]

        def work(connection: Connection) -> set[str]:
            found: set[str] = set()
            for chunk in chunks(wanted):
                query = select(links.c.external_id).where(links.c.source == source, links.c.target.in_(chunk))
                found.update(connection.scalars(query))
            return found

        return self._ask(work)

    def urls(self, source: str) -> Mapping[str, str | None]:
        """external_id → URL of each page that was acknowledged, or is known to be found somewhere."""
        query = select(records.c.external_id, records.c.url).where(
            records.c.source == source,
            or_(records.c.content_hash.is_not(None), records.c.url.is_not(None)),
            records.c.state != RecordState.TOMBSTONE.value,
        )
        return self._ask(lambda connection: {row[0]: row[1] for row in connection.execute(query)})

    def aliases(self, source: str) -> Sequence[tuple[str, str]]:
        """(path on the site, external_id) for every other path under which links name a page."""
        query = (
            select(aliases.c.alias, aliases.c.external_id)
            .where(aliases.c.source == source)
            .order_by(aliases.c.external_id, aliases.c.alias)
        )
        return self._ask(lambda connection: [(row[0], row[1]) for row in connection.execute(query)])

    def source_hashes(self, source: str) -> Mapping[str, str]:
        """external_id → hash of the document that was last compared."""
        return self._known(source, records.c.source_hash)

    def remote_digests(self, source: str) -> Mapping[str, str]:
        """external_id → digest of what Intercom answered to the last acknowledged write."""
        return self._known(source, records.c.remote_digest)

    def mark(self, source: str, external_ids: Sequence[str]) -> None:
        """Say that a run is at these pages, and at no others."""
        rows = [{"source": source, "external_id": one, "alone": False} for one in dict.fromkeys(external_ids)]

        def work(connection: Connection) -> None:
            connection.execute(_NO_MARK, {"of": source})
            append(connection, marks, rows)

        self._database.write(work)

    def mark_alone(self, source: str, external_id: str) -> None:
        """Say that of all marked pages the run is at this one alone."""

        def work(connection: Connection) -> None:
            others = update(marks).where(marks.c.source == source, marks.c.alone).values(alone=False)
            connection.execute(others)
            upsert(connection, marks, [{"source": source, "external_id": external_id, "alone": True}])

        self._database.write(work)

    def unsettle(self, source: str) -> None:
        """Forget the revision of the last run that left nothing open; see StateStore."""
        self._database.write(lambda connection: connection.execute(_LOOK_AGAIN, {"of": source}))

    def text_sizes(self, source: str) -> Mapping[str, int]:
        """external_id → characters of visible text that were last acknowledged, where they were counted."""
        return self._known(source, records.c.text_chars)

    def _known(self, source: str, column: Column[T]) -> Mapping[str, T]:
        query = select(records.c.external_id, column).where(
            records.c.source == source,
            column.is_not(None),
            records.c.state != RecordState.TOMBSTONE.value,
        )
        return self._ask(lambda connection: {row[0]: row[1] for row in connection.execute(query)})

    def unlisted(self, source: str, entries: Sequence[Unlisted]) -> None:
        """Remember what the newest listing left out or could not see, in the place of what was before."""
        # A scope can be named twice, as when two links lead to one place; the first reason is told.
        rows: dict[str, dict[str, Any]] = {}
        for entry in entries:
            scope = scope_of(entry)
            rows.setdefault(
                scope,
                {
                    "source": source,
                    "scope": scope,
                    "reason": storable(entry.reason),
                    "skipped": entry.skipped,
                },
            )

        def work(connection: Connection) -> None:
            connection.execute(delete(unlisted).where(unlisted.c.source == source))
            append(connection, unlisted, list(rows.values()))

        self._database.write(work, source=source)

    # -- what a run writes down -----------------------------------------------------------------------

    def acquire(self, source: str, *, owner: str, until: float, at: float) -> Lease:
        """Take the lease of a source that is free, or whose lease has run out; see StateStore."""
        return self._database.write(
            lambda connection: leases.acquire(connection, source, owner=storable(owner), until=until, at=at),
            source=source,
            shortcut=leases.acquiring(source, owner=storable(owner), length_s=until - at),
        )

    def renew(self, lease: Lease, *, until: float, at: float) -> Lease:
        """Keep a lease until a later moment; see StateStore."""
        return self._database.write(
            lambda connection: leases.renew(connection, lease, until=until, at=at), source=lease.source
        )

    def release(self, lease: Lease) -> None:
        """Give a lease back; fine if it is lost already."""
        statements = leases.releasing(lease.source, lease.epoch)
        self._database.write(
            lambda connection: carry_out(connection, statements),
            source=lease.source,
            shortcut=lambda: Shortcut(provided=None, values={}, statements=statements, result=_nothing),
        )

    def start(
        self,
        source: str,
        *,
        trigger: str,
        at: float,
        thorough: bool = False,
        fingerprint: str | None = None,
        epoch: int | None = None,
    ) -> int:
        """Open a run and return its number; see StateStore. Raises LeaseLost for an epoch that is over."""
        row = {"source": source, "trigger": trigger, "started": at}

        def more(dialect: str) -> Iterator[Statement]:
            if thorough:
                yield _LOOK_AGAIN, {"of": source}
            if fingerprint is not None:
                known = {"source": source, "fingerprint": fingerprint}
                yield upserting(sources, tuple(known), dialect), known

        def work(connection: Connection) -> int:
            leases.check(connection, source, epoch)
            number: int = connection.execute(_START, row).scalar_one()
            carry_out(connection, more(connection.dialect.name))
            return number

        def shortcut() -> Shortcut[int]:
            return Shortcut(
                provided=None if epoch is None else _HELD,
                values={"of": source, "held": epoch},
                statements=[(_START, row), *more("postgresql")],
                result=lambda answers: int(answers[0][0][0]),
            )

        number = self._database.write(work, source=source, shortcut=shortcut)
        self._noted(number, at)
        return number

    def write(
        self, source: str, run: int, entries: Sequence[Entry], *, at: float, epoch: int | None = None
    ) -> frozenset[str]:
        """Make the entries true, all or none; return the external ids whose intent was refused.

        Raises LeaseLost for an epoch that is over.
        """
        if not entries:
            return frozenset()

        def work(connection: Connection) -> frozenset[str]:
            leases.check(connection, source, epoch)
            return post(connection, source, run, entries, at, epoch or 0)

        return self._database.write(work, source=source)

    def finish(
        self,
        source: str,
        run: int,
        *,
        report: Report,
        standing: Standing,
        holds: Sequence[Hold],
        found: Collection[Hold],
        revision: str | None,
        at: float,
        epoch: int | None = None,
    ) -> None:
        """Close the run; see StateStore. Raises LeaseLost for an epoch that is over."""
        left = {hold.question: hold for hold in holds}
        known = {hold.question: hold for hold in found}
        closing: Values = {
            "of": source,
            "at_run": run,
            "finished": at,
            "result": report.result.value,
            "error": None if report.error is None else storable(report.error),
            "revision": revision,
            **{name: getattr(report, name) for name in _COUNTS},
        }
        columns = {"source": source, **asdict(standing)}

        def work(connection: Connection) -> None:
            leases.check(connection, source, epoch)
            if connection.execute(_CLOSE, closing).rowcount != 1:
                raise StateStoreError(
                    f"{self.place} does not know run {run} of {source}: was it replaced while the "
                    "run went on?\nNothing was recorded. Run again."
                )
            connection.execute(_NO_MARK, {"of": source})
            decisions = _decisions(connection, source)
            changed = {} if decisions == standing.decisions else {"revision": None, "decisions": decisions}
            upsert(connection, sources, [columns | changed])
            stored = past.holds_of(connection, source)
            for question in stored.keys() | left.keys():
                hold = left.get(question)
                if hold is not None:
                    hold = hold.after(stored.get(question), known.get(question))
                _keep_hold(connection, source, question, hold)
            carry_out(connection, leases.releasing(source, epoch))

        def shortcut() -> Shortcut[None]:
            return Shortcut(
                provided=_UNDISPUTED if epoch is None else _HELD_UNDISPUTED,
                values={"of": source, "at_run": run, "known": standing.decisions, "held": epoch},
                statements=[
                    (_CLOSE, closing),
                    (_NO_MARK, {"of": source}),
                    (upserting(sources, tuple(columns), "postgresql"), columns),
                    *leases.releasing(source, epoch),
                ],
                result=_nothing,
            )

        self._database.write(work, source=source, shortcut=None if left or known else shortcut)

    # -- what a person decides ------------------------------------------------------------------------

    def decide(self, source: str, decision: Decision, *, at: float) -> Hold | None:
        """Make a decision true, with its line in the audit trail; return the hold that it is about, if any.

        Raises:
            ConfigError: it does not fit what is held and ordered now; nothing was changed.
            StateStoreError: it cannot be written.
        """

        def work(connection: Connection) -> Hold | None:
            orders = past.orders_of(connection, source)
            ruling = rule(source, decision, holds=past.holds_of(connection, source), orders=orders, at=at)
            if ruling.hold is not None:
                _keep_hold(connection, source, ruling.hold.question, ruling.hold, approved_at=at)
            _keep_orders(connection, source, orders, ruling.orders)
            if isinstance(decision, Retry):
                _retry(connection, source, decision.external_id)
            counted = {"source": source, "decisions": _decisions(connection, source) + 1, "revision": None}
            upsert(connection, sources, [counted])
            append(connection, outcomes, [{"run": 0, "source": source, "at": at, **ruling.outcome._asdict()}])
            return ruling.hold

        return self._database.write(work, source=source)


def _nothing(answers: Sequence[Rows]) -> None:
    """What a write returns that only writes."""


def _keep_hold(
    connection: Connection,
    source: str,
    question: Question,
    hold: Hold | None,
    **columns: float,
) -> None:
    if hold is None:
        connection.execute(delete(holds).where(holds.c.source == source, holds.c.question == question.value))
    else:
        row = {"source": source, "question": question.value, **asdict(hold), **columns}
        upsert(connection, holds, [row])


def _keep_orders(connection: Connection, source: str, before: Orders, after: Orders) -> None:
    if after.frozen != before.frozen:
        if after.frozen is None:
            connection.execute(delete(freezes).where(freezes.c.source == source))
        else:
            upsert(connection, freezes, [{"source": source, **asdict(after.frozen)}])
    for external_id in before.taken_down.keys() - after.taken_down.keys():
        gone = (takedowns.c.source == source, takedowns.c.external_id == external_id)
        connection.execute(delete(takedowns).where(*gone))
    for external_id in after.taken_down.keys() - before.taken_down.keys():
        order = asdict(after.taken_down[external_id])
        upsert(connection, takedowns, [{"source": source, "external_id": external_id, **order}])


def _retry(connection: Connection, source: str, external_id: str | None) -> None:
    """Make the version of what is in quarantine unknown; with a part its whole page, which is read for it."""
    parked = (records.c.source == source, records.c.state == RecordState.QUARANTINED.value)
    wholes = select(records.c.part_of).where(*parked, records.c.part_of.is_not(None))
    query = update(records).where(
        records.c.source == source,
        or_(records.c.state == RecordState.QUARANTINED.value, records.c.external_id.in_(wholes)),
    )
    if external_id is not None:
        query = query.where(or_(records.c.external_id == external_id, records.c.part_of == external_id))
    connection.execute(query.values(version=""))


def _decisions(connection: Connection, source: str) -> int:
    return connection.execute(_DECISIONS, {"of": source}).scalar_one_or_none() or 0
