"""Which process may write for a source: one row each, whose epoch grows whenever it changes hands.

Epochs go by the clock: a database that fails over to a replica without its last commits would else give one
of them twice, to two processes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import BigInteger, Connection, bindparam, cast, exists, extract, func, insert, select, update

from syncd.errors import LeaseLost, SourceBusy
from syncd.journal import Lease
from syncd.model import Result
from syncd.state.rows import abandoned
from syncd.state.statements import Rows, Shortcut, Statement, only_if
from syncd.state.tables import leases, records, runs

_LEASE = select(leases.c.owner, leases.c.since, leases.c.until, leases.c.epoch).where(
    leases.c.source == bindparam("of")
)
# `until` of a lease that was given back.
_RELEASED = 0.0
_EPOCHS_A_SECOND = 1000
_SERVER_NOW = extract("epoch", func.clock_timestamp())
_RELEASE = (
    update(leases)
    .where(leases.c.source == bindparam("of"), leases.c.epoch == bindparam("held"))
    .values(until=_RELEASED)
)
_IS_FREE = only_if(exists().where(leases.c.source == bindparam("of"), leases.c.until == _RELEASED))
_TAKE = (
    update(leases)
    .where(leases.c.source == bindparam("of"))
    .values(
        owner=bindparam("by"),
        since=_SERVER_NOW,
        until=_SERVER_NOW + bindparam("length_s"),
        epoch=func.greatest(leases.c.epoch + 1, cast(_SERVER_NOW * _EPOCHS_A_SECOND, BigInteger)),
    )
    .returning(leases.c.since, leases.c.until, leases.c.epoch)
)
IS_HELD = exists().where(leases.c.source == bindparam("of"), leases.c.epoch == bindparam("held"))
"""Whether the lease of the source `of` still has the epoch `held`."""


def next_epoch(known: int, at: float) -> int:
    """The epoch of a lease that is acquired at Unix second `at`, after one of epoch `known`."""
    return max(known + 1, int(at * _EPOCHS_A_SECOND))


def acquire(connection: Connection, source: str, *, owner: str, until: float, at: float) -> Lease:
    """As StateStore.acquire, inside the transaction that is open."""
    known = connection.execute(_LEASE, {"of": source}).one_or_none()
    now = _now(connection, at)
    lease = Lease(source=source, owner=owner, since=now, until=now + until - at, epoch=next_epoch(0, now))
    if known is None:
        connection.execute(insert(leases).values(_columns(lease)))
        return lease
    if known.until > now:
        raise SourceBusy(
            f"source {source} is in use by {known.owner} since {_moment(known.since)}: nothing was done.\n"
            f"Wait until it has finished; should it have died, its lease ends at {_moment(known.until)}."
        )
    former = known.owner if known.until != _RELEASED else None
    lease = replace(lease, epoch=next_epoch(known.epoch, now), former=former)
    connection.execute(update(leases).where(leases.c.source == source).values(_columns(lease)))
    if lease.former is not None:
        _settle(connection, source, error=abandoned(lease.former, owner), at=at)
    return lease


def acquiring(source: str, *, owner: str, length_s: float) -> Callable[[], Shortcut[Lease]]:
    """The same on a server, where the last owner gave the lease back."""

    def taken(answers: Sequence[Rows]) -> Lease:
        [[(since, until, epoch)]] = answers
        return Lease(source=source, owner=owner, since=since, until=until, epoch=epoch)

    values = {"of": source, "by": owner, "length_s": length_s}
    return lambda: Shortcut(provided=_IS_FREE, values=values, statements=[(_TAKE, values)], result=taken)


def renew(connection: Connection, lease: Lease, *, until: float, at: float) -> Lease:
    """As StateStore.renew, inside the transaction that is open."""
    until = _now(connection, at) + until - at
    renewed = connection.execute(
        update(leases)
        .where(
            leases.c.source == lease.source,
            leases.c.epoch == lease.epoch,
            leases.c.owner == lease.owner,
            leases.c.until != _RELEASED,
        )
        .values(until=until)
    )
    if renewed.rowcount != 1:
        check(connection, lease.source, lease.epoch, owner=lease.owner)
        return lease
    return replace(lease, until=until)


def releasing(source: str, epoch: int | None) -> list[Statement]:
    """What gives a lease back, if there is one; fine if it is lost already."""
    return [] if epoch is None else [(_RELEASE, {"of": source, "held": epoch})]


def check(connection: Connection, source: str, epoch: int | None, *, owner: str | None = None) -> None:
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
    if row.epoch != epoch or owner not in (None, row.owner):
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
    return float(connection.scalar(select(_SERVER_NOW)) or at)


def _columns(lease: Lease) -> dict[str, object]:
    return {name: getattr(lease, name) for name in leases.c.keys()}  # noqa: SIM118 - a column collection


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
