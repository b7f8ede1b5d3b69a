"""How the state itself is: `syncd db status`."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, extract, func, select, text

from syncd.errors import StateStoreError
from syncd.state import migrate
from syncd.state.database import is_postgres
from syncd.state.faults import damaged, explained
from syncd.state.locks import holder, lock_path
from syncd.state.sqlite import ReadOnlyFile, log_of, sqlite_path
from syncd.state.tables import leases


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What was found.

    Attributes:
        place: what it is and where, for messages.
        path: of the file, absolute; in PostgreSQL the URL of the database, without a password.
        size_bytes, log_bytes: of the file, and of the write-ahead log beside it; 0 where there is none. In
            PostgreSQL of all tables, and 0.
        schema: of the rows; None if there are none yet.
        head: the schema that this program works with.
        damage: what SQLite's quick check found; empty if nothing is wrong.
        holder: the process that holds the lock, in words; None if none does. In PostgreSQL those that
            hold leases now.
    """

    place: str
    path: str
    exists: bool
    size_bytes: int
    log_bytes: int
    schema: str | None
    head: str
    damage: tuple[str, ...]
    holder: str | None


def examine(url: str) -> Health:
    """Look at a state without changing it. The check reads all of a file: 0.1 s for 100 MB.

    Raises:
        StateStoreError: it cannot be read, or is not ours.
    """
    if is_postgres(url):
        return _examine_server(url)
    path = sqlite_path(url)
    with explained(path):
        return _examine(path)


def require_whole(path: Path) -> None:
    """Look through the whole file, as after a process that died with it; it reads 100 MB in 0.1 s.

    Raises:
        StateStoreError: it is damaged, or cannot be read.
    """
    with explained(path), closing(ReadOnlyFile(path)) as file:
        damage = file.read(_damage)
    if damage:
        raise StateStoreError(damaged(path, damage[0]))


def server_place(url: str) -> str:
    """The URL of a PostgreSQL database without a password.

    Raises:
        StateStoreError: it is no such URL.
    """
    from syncd.state.postgres import Server

    return Server(url, environ=os.environ).url


def _examine_server(url: str) -> Health:
    from syncd.state.postgres import Server

    with closing(Server(url, environ=os.environ)) as server:
        schema = server.schema()
        size, holders = server.read(_usage) if schema is not None else (0, "")
    return Health(
        place=server.place,
        path=server.url,
        exists=schema is not None,
        size_bytes=size,
        log_bytes=0,
        schema=schema,
        head=migrate.history().head,
        damage=(),
        holder=holders or None,
    )


def _usage(connection: Connection) -> tuple[int, str]:
    schema = connection.get_execution_options()["schema_translate_map"][None]
    size = connection.scalar(
        text(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class "
            "WHERE relkind = 'r' AND relnamespace = to_regnamespace(:schema)"
        ),
        {"schema": schema},
    )
    held = connection.execute(
        select(leases.c.source, leases.c.owner)
        .where(leases.c.until > extract("epoch", func.clock_timestamp()))
        .order_by(leases.c.source)
    )
    return int(size or 0), ", ".join(f"{owner} for {source}" for source, owner in held)


def _examine(path: Path) -> Health:
    schema: str | None = None
    damage: tuple[str, ...] = ()
    if path.exists():

        def work(connection: Connection) -> tuple[str | None, tuple[str, ...]]:
            damage = _damage(connection)
            return migrate.current(connection, f"state file {path}"), damage

        with closing(ReadOnlyFile(path)) as file:
            schema, damage = file.read(work)
    log = log_of(path)
    return Health(
        place=f"state file {path}",
        path=str(path.absolute()),
        exists=path.exists(),
        size_bytes=path.stat().st_size if path.exists() else 0,
        log_bytes=log.stat().st_size if log.exists() else 0,
        schema=schema,
        head=migrate.history().head,
        damage=damage,
        holder=holder(lock_path(path)),
    )


def _damage(connection: Connection) -> tuple[str, ...]:
    found = connection.scalars(text("PRAGMA quick_check(10)")).all()
    return tuple(str(line) for line in found if line != "ok")
