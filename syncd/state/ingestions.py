"""How soon Intercom read in what was sent, of a few pages of each source. Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from syncd.model import Ingestion
from syncd.state.statements import upsert
from syncd.state.store import SqlStateStore
from syncd.state.tables import ingestions

KEPT = 100
"""So many of the newest are kept of each source, besides those that are waited for."""

_DONE = ingestions.c.ingested_at.is_not(None)


class Waiting(NamedTuple):
    """A page that was not read in when Intercom was asked, at `asked_at` of our own clock."""

    page: Ingestion
    asked_at: float


def waiting(store: SqlStateStore, source: str) -> list[Waiting]:
    """Return what is waited for, the one that was sent first at the top."""
    query = (
        select(
            ingestions.c.external_id,
            ingestions.c.page_id,
            ingestions.c.written_at,
            ingestions.c.ingested_at,
            ingestions.c.asked_at,
        )
        .where(ingestions.c.source == source, ~_DONE)
        .order_by(ingestions.c.written_at)
    )
    return store.read(
        lambda connection: [
            Waiting(Ingestion(*row[:-1]), asked_at=row.asked_at) for row in connection.execute(query)
        ]
    )


def keep(
    store: SqlStateStore, source: str, told: Sequence[Ingestion], gone: Collection[str], *, at: float
) -> None:
    """Keep what Intercom told at that moment, each page once, and forget the pages that it has no more."""

    def work(connection: Connection) -> None:
        # In one order, so that two processes never wait for each other.
        ordered = sorted(told, key=lambda one: one.external_id)
        rows = [{"source": source, **one._asdict(), "asked_at": at} for one in ordered]
        upsert(connection, ingestions, rows)
        if gone:
            connection.execute(
                delete(ingestions).where(ingestions.c.source == source, ingestions.c.external_id.in_(gone))
            )
        done = select(ingestions.c.written_at).where(ingestions.c.source == source, _DONE)
        last = connection.scalar(done.order_by(ingestions.c.written_at.desc()).offset(KEPT).limit(1))
        if last is not None:
            connection.execute(
                delete(ingestions).where(
                    ingestions.c.source == source, _DONE, ingestions.c.written_at <= last
                )
            )

    store.change(work)
