"""Open the state that a URL names: with the newest schema for writing, or as it is for reading."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from syncd.errors import StateStoreError
from syncd.state import migrate
from syncd.state.database import Database, is_postgres
from syncd.state.faults import explained
from syncd.state.sqlite import MemoryCopy, ReadOnlyFile, WritableFile, sqlite_path
from syncd.state.tables import metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A database with the schema that this program works with.

    Attributes:
        place: what it is and where, for messages.
        empty: tables without rows stand in for a state that nobody made yet.
        backup: the copy that was made before the schema was brought up to date, if it had to be.
    """

    database: Database
    place: str
    empty: bool = False
    backup: Path | None = None


def open_database(url: str, *, read_only: bool, busy_timeout_s: float, known: migrate.History) -> Opened:
    """Open it; see SqlStateStore.

    Raises:
        StateStoreError: it cannot be used.
    """
    if is_postgres(url):
        return _server(url, known, read_only=read_only)
    path = sqlite_path(url)
    return _open_read_only(path, known) if read_only else _open_writable(path, known, busy_timeout_s)


def schema_of(url: str) -> str | None:
    """The schema that a state has now, whichever it is; None while there is none. Nothing is changed.

    Raises:
        StateStoreError: it cannot be read, or is not ours.
    """
    if is_postgres(url):
        from syncd.state.postgres import Server

        with closing(Server(url, environ=os.environ)) as server:
            return server.schema()
    path = sqlite_path(url)
    with explained(path):
        if not path.exists():
            return None
    with closing(ReadOnlyFile(path)) as file:
        return file.read(lambda connection: migrate.current(connection, f"state file {path}"))


def _server(url: str, known: migrate.History, *, read_only: bool) -> Opened:
    # Neither it nor the dialect is imported where the state is a file.
    from syncd.state.postgres import Server

    server = Server(url, environ=os.environ)
    try:
        if not read_only:
            server.upgrade(known)
            return Opened(database=server, place=server.place)
        schema = server.schema()
        if schema == known.head:
            return Opened(database=server, place=server.place)
        if schema is not None:
            migrate.require_known(schema, known, server.place)
            raise StateStoreError(
                f"{server.place} has the schema {schema}, older than this program's ({known.head}): "
                "the next sync, or 'syncd db upgrade', brings it up to date."
            )
    except BaseException:
        server.close()
        raise
    server.close()
    return Opened(database=_nothing(Path("syncd")), place=server.place, empty=True)


def _nothing(path: Path) -> MemoryCopy:
    copy = MemoryCopy(path)
    copy.build(metadata.create_all)
    return copy


def _open_writable(path: Path, known: migrate.History, wait_s: float) -> Opened:
    schema, place = None, f"state file {path}"
    with explained(path):
        used = path.exists() and path.stat().st_size > 0
    if used:
        # The first look leaves a file that is not ours, or newer, as it is.
        look = ReadOnlyFile(path)
        try:
            schema = look.read(lambda connection: migrate.current(connection, place))
        finally:
            look.close()
        if schema is not None and schema != known.head:
            migrate.require_known(schema, known, place)
    database = WritableFile(path, busy_timeout_s=wait_s)
    if schema == known.head:
        return Opened(database=database, place=place)
    try:
        backup = migrate.upgrade_file(database, path, schema=schema, known=known)
    except BaseException:
        database.close()
        raise
    return Opened(database=database, place=place, backup=backup)


def _open_read_only(path: Path, known: migrate.History) -> Opened:
    place = f"state file {path}"
    with explained(path):
        exists = path.exists()
    if not exists:
        return Opened(database=_nothing(path), place=place, empty=True)
    file = ReadOnlyFile(path)
    try:
        schema = file.read(lambda connection: migrate.current(connection, place))
        if schema == known.head:
            return Opened(database=file, place=place)
        if schema is not None:
            migrate.require_known(schema, known, place)
            copy = MemoryCopy(path)
            try:
                copy.fill(file)
                copy.build(lambda connection: migrate.upgrade(connection, known))
            except BaseException:
                copy.close()
                raise
            file.close()
            return Opened(database=copy, place=place)
    except BaseException:
        file.close()
        raise
    file.close()
    return Opened(database=_nothing(path), place=place, empty=True)
