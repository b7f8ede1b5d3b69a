"""What people were told of, kept so that no process tells it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, select

from syncd.state.statements import upsert
from syncd.state.store import SqlStateStore
from syncd.state.tables import notices

Key = tuple[str, str]
"""(source, kind); a source "" for what concerns them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that people were told of, or are to be told of.

    Attributes:
        since: Unix seconds when it began.
        count: how many pages, or runs, it is about.
        alarm: whether it was told of as one.
        told_at: Unix seconds when it was told last; None if it never was.
        told_count: what was told then.
        tried_at: Unix seconds of an attempt to tell it that is under way, or failed; None without one.
    """

    since: float
    count: int = 0
    alarm: bool = False
    told_at: float | None = None
    told_count: int = 0
    tried_at: float | None = None


Notices = Mapping[Key, Notice]


def kept_notices(store: SqlStateStore) -> dict[Key, Notice]:
    """Return all of them."""
    return store.read(_all)


def replace_notices(store: SqlStateStore, before: Notices, after: Notices) -> bool:
    """Keep these from now on, if they still are as they were read before; whether that was so.

    Two processes that want to tell the same thing thus never both do.
    """
    if before == after:
        return True

    def work(connection: Connection) -> bool:
        if _all(connection) != before:
            return False
        for source, kind in before.keys() - after.keys():
            connection.execute(delete(notices).where(notices.c.source == source, notices.c.kind == kind))
        rows = [
            {"source": source, "kind": kind, **asdict(notice)}
            for (source, kind), notice in after.items()
            if before.get((source, kind)) != notice
        ]
        upsert(connection, notices, rows)
        return True

    return store.change(work)


def _all(connection: Connection) -> dict[Key, Notice]:
    found = {}
    for row in connection.execute(select(notices)):
        columns = dict(row._mapping)
        key = (columns.pop("source"), columns.pop("kind"))
        found[key] = Notice(**columns)
    return found
