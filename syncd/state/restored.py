"""A state file that was replaced by an older one, as when a backup is restored."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from syncd.model import Action
from syncd.state.locks import KeptOut, LastRun
from syncd.state.statements import append, upsert
from syncd.state.store import SqlStateStore
from syncd.state.tables import holds, outcomes, records, runs, sources, takedowns

_KEPT_OUT = select(*(takedowns.c[name] for name in KeptOut._fields))


def kept_out(store: SqlStateStore) -> list[KeptOut]:
    """The pages of all sources that people took down."""
    return store.read(lambda connection: [KeptOut(*row) for row in connection.execute(_KEPT_OUT)])


def distrust_if_older(
    store: SqlStateStore, last_run: LastRun, known_out: Sequence[KeptOut], *, at: float
) -> None:
    """If the state does not know the last run, take back what it says of Intercom and of absences.

    It may be older than the state that was used last, or than one that was lost and begun anew.

    Each source's next run compares all its pages before it deletes any; absences are counted anew, and
    approvals are void. What was taken down when the last run began is so in this state, too.
    """

    known = select(runs.c.number).where(runs.c.number == last_run.number, runs.c.started == last_run.started)
    if store.read(lambda connection: connection.execute(known).first()) is not None:
        return

    def work(connection: Connection) -> None:
        connection.execute(update(sources).values(verified_at=None, revision=None))
        absent = records.c.absent_since.is_not(None)
        connection.execute(update(records).where(absent).values(absences=0, absent_since=None))
        connection.execute(
            update(holds).values(approved=None, approved_until=None, approved_by=None, approved_at=None)
        )

        there = {(row.source, row.external_id) for row in connection.execute(_KEPT_OUT)}
        lost = [page for page in known_out if (page.source, page.external_id) not in there]
        upsert(connection, takedowns, [page._asdict() for page in lost])
        append(connection, outcomes, [_told(page, at) for page in lost])

    store.change(work)


def _told(page: KeptOut, at: float) -> dict[str, object]:
    return {
        "run": 0,
        "source": page.source,
        "external_id": page.external_id,
        "at": at,
        "action": Action.TAKEDOWN.value,
        "reason": f"{page.why} (the state was replaced by one that did not know of it)",
        "by": page.by,
    }
