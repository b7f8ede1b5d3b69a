"""Entries → rows: what a run found out and did becomes true, with its audit trail."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, select, update

from syncd.decision import NONE, Question
from syncd.journal import Entry, Touched
from syncd.model import RecordState
from syncd.state import past
from syncd.state.rows import Row, asks, fold, storable
from syncd.state.statements import append, chunks, upsert
from syncd.state.tables import aliases, links, marks, outcomes, records

# Built once: SQLAlchemy needs longer to make such a statement than SQLite to carry it out.
_ROWS = select(*(records.c[name] for name in Row._fields)).where(
    records.c.source == bindparam("of"), records.c.external_id.in_(bindparam("named", expanding=True))
)
_TOUCHED = (
    update(records)
    .where(
        records.c.source == bindparam("of"),
        records.c.external_id == bindparam("named"),
        records.c.state != RecordState.TOMBSTONE.value,
    )
    .values(version=bindparam("new"), updated=bindparam("at"))
)
_NO_MARKS = delete(marks).where(
    marks.c.source == bindparam("of"), marks.c.external_id.in_(bindparam("named", expanding=True))
)
_NO_ROWS = delete(records).where(
    records.c.source == bindparam("of"), records.c.external_id.in_(bindparam("named", expanding=True))
)


def post(
    connection: Connection, source: str, run: int, entries: Sequence[Entry], at: float, epoch: int
) -> frozenset[str]:
    """Make entries true inside the transaction that is open; return the external ids that were refused."""
    touched = [entry for entry in entries if isinstance(entry, Touched)]
    if touched:
        # There may be one for every page of a source, and none of them asks what its row was.
        connection.execute(
            _TOUCHED,
            [{"of": source, "named": entry.external_id, "new": entry.version, "at": at} for entry in touched],
        )
        entries = [entry for entry in entries if not isinstance(entry, Touched)]
    named = {storable(entry.external_id) for entry in entries}
    before: dict[str, Row] = {}
    for chunk in chunks(named):
        found = connection.execute(_ROWS, {"of": source, "named": chunk})
        before.update((row[0], Row._make(row)) for row in found)
    for chunk in chunks(named):
        connection.execute(_NO_MARKS, {"of": source, "named": chunk})
    orders, approved_until = NONE, None
    if asks(entries):
        orders = past.orders_of(connection, source)
        held = past.holds_of(connection, source).get(Question.DELETES)
        approved_until = held.approved_until if held is not None else None
    changes = fold(before, entries, at=at, orders=orders, approved_until=approved_until)
    written = [{"source": source, **row._asdict(), "epoch": epoch} for row in changes.rows.values()]
    upsert(connection, records, written)
    for chunk in chunks(changes.dropped):
        connection.execute(_NO_ROWS, {"of": source, "named": chunk})
    for table, told in ((links, changes.links), (aliases, changes.aliases)):
        for chunk in chunks(told):
            connection.execute(delete(table).where(table.c.source == source, table.c.external_id.in_(chunk)))
    append(
        connection,
        aliases,
        [
            {"source": source, "external_id": external_id, "alias": alias}
            for external_id, names in changes.aliases.items()
            for alias in names
        ],
    )
    append(
        connection,
        links,
        [
            {"source": source, "external_id": external_id, "target": target, "url": url}
            for external_id, targets in changes.links.items()
            for target, url in targets.items()
        ],
    )
    append(
        connection,
        outcomes,
        [{"run": run, "source": source, "at": at, **outcome._asdict()} for outcome in changes.outcomes],
    )
    return frozenset(changes.refused)
