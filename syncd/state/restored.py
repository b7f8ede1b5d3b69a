"""A state file that was replaced by an older one, as when a backup is restored."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from syncd.state.locks import LastRun
from syncd.state.store import SqlStateStore
from syncd.state.tables import holds, records, runs, sources


def distrust_if_older(store: SqlStateStore, last_run: LastRun) -> None:
    """If the state does not know the last run, take back what it says of Intercom and of absences.

    It may be older than the state that was used last, or than one that was lost and begun anew.

    Each source's next run compares all its pages before it deletes any; absences are counted anew, and
    approvals are void.
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

    store.change(work)
