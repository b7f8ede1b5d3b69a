"""Which process may write for a source: one row each, whose epoch grows whenever it changes hands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, extract, func, insert, select, update

from syncd.errors import LeaseLost, SourceBusy
from syncd.journal import Lease
from syncd.model import Result
from syncd.state.rows import abandoned
from syncd.state.tables import leases, records, runs

_LEASE = select(leases.c.owner, leases.c.since, leases.c.until, leases.c.epoch).where(
    leases.c.source == bindparam("of")
)
# `until` of a lease that was given back.
_RELEASED = 0.0


def acquire(connection: Connection, source: str, *, owner: str, until: float, at: float) -> Lease:
    """As StateStore.acquire, inside the transaction that is open."""
    known = connection.execute(_LEASE, {"of": source}).one_or_none()
    now = _now(connection, at)
    lease = Lease(source=source, owner=owner, since=now, until=now + until - at, epoch=1)
    if known is None:
        connection.execute(insert(leases).values(_columns(lease)))
        return lease
    if known.until > now:
        raise SourceBusy(
            f"source {source} is in use by {known.owner} since {_moment(known.since)}: nothing was done.\n"
            f"Wait until it has finished; should it have died, its lease ends at {_moment(known.until)}."
        )
    lease = replace(lease, epoch=known.epoch + 1, former=known.owner if known.until != _RELEASED else None)
    connection.execute(update(leases).where(leases.c.source == source).values(_columns(lease)))
    if lease.former is not None:
        _settle(connection, source, error=abandoned(lease.former, owner), at=at)
    return lease


def renew(connection: Connection, lease: Lease, *, until: float, at: float) -> Lease:
    """As StateStore.renew, inside the transaction that is open."""
    until = _now(connection, at) + until - at
    renewed = connection.execute(
        update(leases)
        .where(leases.c.source == lease.source, leases.c.epoch == lease.epoch)
        .values(until=until)
    )
    if renewed.rowcount != 1:
        check(connection, lease.source, lease.epoch)
    return replace(lease, until=until)


def release(connection: Connection, lease: Lease) -> None:
    """As StateStore.release, inside the transaction that is open."""
    connection.execute(
        update(leases)
        .where(leases.c.source == lease.source, leases.c.epoch == lease.epoch)
        .values(until=_RELEASED)
    )


def check(connection: Connection, source: str, epoch: int | None) -> None:
    """Make sure that what this transaction writes counts: nobody else has taken the source.

    Raises:
        LeaseLost: somebody has.
    """
    if epoch is None:
        return
    row = connection.execute(_LEASE, {"of": source}).one_or_none()
    if row is None:
        raise LeaseLost(
            f"the lease of source {source} is gone: was the state replaced while the run went on?"
        )
    if row.epoch != epoch:
        raise LeaseLost(
            f"source {source} was taken over by {row.owner} at {_moment(row.since)}: this process did not "
            "renew its lease in time.\nThe run was abandoned; the other one checks what it had under way."
        )


def _settle(connection: Connection, source: str, *, error: str, at: float) -> None:
    """Leave nothing open that only the former owner could close; as rows.unsettled says."""
    connection.execute(
        update(records)
        .where(records.c.source == source, records.c.in_flight)
        .values(in_flight=False, ambiguous_at=at)
    )
    connection.execute(
        update(runs)
        .where(runs.c.source == source, runs.c.finished.is_(None))
        .values(finished=at, result=Result.FAILED.value, error=error)
    )


def _now(connection: Connection, at: float) -> float:
    """The moment by the clock that all who share the store go by: on a server its own, else the caller's."""
    if connection.dialect.name != "postgresql":
        return at
    return float(connection.scalar(select(extract("epoch", func.clock_timestamp()))) or at)


def _columns(lease: Lease) -> dict[str, object]:
    return {name: getattr(lease, name) for name in leases.c.keys()}  # noqa: SIM118 - a column collection


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
