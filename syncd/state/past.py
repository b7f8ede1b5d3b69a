"""What is on record of a source beside its rows, read in one go."""

from __future__ import annotations

from sqlalchemy import BindParameter, Connection, bindparam, select, text

from syncd.before import Before
from syncd.decision import Order, Orders, Question
from syncd.journal import Hold, Standing
from syncd.model import Doubt
from syncd.state import inclusion
from syncd.state.statements import Rows, ask
from syncd.state.tables import IN_DOUBT, freezes, holds, ingestions, marks, records, sources, takedowns

_OF: BindParameter[str] = bindparam("of")
_STANDING = select(*(sources.c[name] for name in Standing.__dataclass_fields__)).where(
    sources.c.source == _OF
)
_HOLDS = select(*(holds.c[name] for name in Hold.__dataclass_fields__)).where(holds.c.source == _OF)
_FREEZE = select(freezes.c.since, freezes.c.by, freezes.c.why).where(freezes.c.source == _OF)
_TAKEDOWNS = select(takedowns.c.external_id, takedowns.c.since, takedowns.c.by, takedowns.c.why).where(
    takedowns.c.source == _OF
)
_MARKS = select(marks.c.external_id, marks.c.alone).where(marks.c.source == _OF)
_AWAITED = (
    select(ingestions.c.external_id)
    .where(ingestions.c.source == _OF, ingestions.c.ingested_at.is_(None))
    .limit(1)
)
# Compared with the bare column, SQLite would walk through all rows of the source by the primary key, since it
# cannot know how few rows the partial index holds.
DOUBTS = select(
    *(records.c[name] for name in (*Doubt._fields[:4], "ambiguous_at", "updated")),
).where(records.c.source.concat("") == _OF, text(f"({IN_DOUBT})"))


def before(connection: Connection, source: str) -> Before:
    """As StateStore.before."""
    standing, held, frozen, down, doubts, marked, awaited, files = ask(
        connection,
        (_STANDING, _HOLDS, _FREEZE, _TAKEDOWNS, DOUBTS, _MARKS, _AWAITED, inclusion.INCLUDED_FILES),
        {"of": source},
    )
    return Before(
        standing=Standing(**dict(zip(Standing.__dataclass_fields__, standing[0], strict=True)))
        if standing
        else Standing(),
        holds=_holds(held),
        orders=_orders(frozen, down),
        doubts=[
            Doubt(name, state, page_id, digest, updated if since is None else since, since is not None)
            for name, state, page_id, digest, since, updated in doubts
        ],
        marks={name: bool(alone) for name, alone in marked},
        awaits=bool(awaited),
        included=inclusion.named(files),
    )


def holds_of(connection: Connection, source: str) -> dict[Question, Hold]:
    """The open holds, inside the transaction that is open."""
    return _holds(*ask(connection, (_HOLDS,), {"of": source}))


def orders_of(connection: Connection, source: str) -> Orders:
    """What people ordered, inside the transaction that is open."""
    return _orders(*ask(connection, (_FREEZE, _TAKEDOWNS), {"of": source}))


def _holds(rows: Rows) -> dict[Question, Hold]:
    found = [Hold(**dict(zip(Hold.__dataclass_fields__, row, strict=True))) for row in rows]
    return {hold.question: hold for hold in found}


def _orders(frozen: Rows, down: Rows) -> Orders:
    return Orders(
        frozen=_order(*frozen[0]) if frozen else None,
        taken_down={name: _order(*order) for name, *order in down},
    )


def _order(since: float, by: str, why: str) -> Order:
    return Order(since=since, by=by, why=why)
