"""The schema: which one a state has, how it gets to the newest, and the backup before that.

Alembic is slow to import (a third of a second), so a state that is up to date never meets it.
"""

from __future__ import annotations

import importlib.resources
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, inspect, text

from syncd.errors import StateStoreError
from syncd.state.database import Database
from syncd.state.faults import explained
from syncd.state.sqlite import ReadOnlyFile

if TYPE_CHECKING:
    from alembic.config import Config

# The newest file of migrations/versions; a test keeps it true.
HEAD = "0001"
VERSION_TABLE = "syncd_version"


@dataclass(frozen=True, slots=True)
class History:
    """The migrations that this program knows.

    Attributes:
        folder: holds env.py and versions/.
        head: the newest of them.
    """

    folder: Path
    head: str


def history() -> History:
    """The migrations that came with this program: in the wheel, or beside the package in a checkout."""
    package = Path(str(importlib.resources.files("syncd")))
    shipped = package / "_migrations"
    return History(folder=shipped if shipped.is_dir() else package.parent / "migrations", head=HEAD)


def current(connection: Connection, place: str) -> str | None:
    """Return the schema of a state; None for an empty one.

    Raises:
        StateStoreError: the file belongs to another program.
    """
    if connection.dialect.name == "postgresql":
        return _current_of_server(connection)
    tables = inspect(connection)
    if tables.has_table(VERSION_TABLE):
        version: str | None = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608
        if version is not None:
            return version
    if strangers := sorted(set(tables.get_table_names()) - {VERSION_TABLE}):
        raise StateStoreError(
            f"{place} is the database of another program (it has a table {strangers[0]!r}): "
            "it was not changed. Correct the state setting."
        )
    return None


def _current_of_server(connection: Connection) -> str | None:
    # Other tables of the database are none of our business: ours are in a schema of their own.
    table = f"{connection.get_execution_options()['schema_translate_map'][None]}.{VERSION_TABLE}"
    if connection.scalar(text("SELECT to_regclass(:of)"), {"of": table}) is None:
        return None
    version: str | None = connection.scalar(text(f"SELECT version_num FROM {table}"))  # noqa: S608
    return version


def require_known(schema: str, known: History, place: str) -> None:
    """Make sure that this program can bring the schema to its own.

    Raises:
        StateStoreError: it is a newer one.
    """
    from alembic.script import ScriptDirectory

    revisions = {script.revision for script in ScriptDirectory.from_config(_config(known)).walk_revisions()}
    if schema not in revisions:
        raise StateStoreError(
            f"{place}: its schema {schema} is newer than this program knows ({known.head}): "
            "it was not changed.\nInstall the syncd that wrote it, or a newer one, or restore a backup."
        )


def upgrade(connection: Connection, known: History) -> None:
    """Bring the schema to the newest, inside the transaction that is open."""
    from alembic import command

    config = _config(known)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def upgrade_file(database: Database, path: Path, *, schema: str | None, known: History) -> Path | None:
    """Bring a state file to the newest schema, all or nothing; return the backup made before, if any.

    Two processes may do it at once: the second one finds nothing left to do.
    """
    saved = None
    if schema is not None:
        saved = path.with_name(f"{path.name}.schema-{schema}.backup")
        fresh = saved.with_name(saved.name + ".new")
        with explained(path):
            fresh.unlink(missing_ok=True)
            backup(path, fresh)
            # One of an earlier attempt is only given up for a whole new one.
            fresh.replace(saved)
    database.write(lambda connection: upgrade(connection, known))
    return saved


def backup(path: Path, target: Path) -> None:
    """Copy the state into a new file, 0600, complete and consistent, also while it is being written.

    Raises:
        StateStoreError: there is no state, or the target exists or cannot be written.
    """
    if not path.exists():
        raise StateStoreError(f"state file {path} does not exist: there is nothing to back up.")
    partial = target.with_name(target.name + ".partial")
    try:
        os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        try:
            _copy(path, partial)
            # A link, other than a rename, never replaces a file.
            os.link(partial, target)
        finally:
            partial.unlink(missing_ok=True)
    except FileExistsError as error:
        raise StateStoreError(f"backup file {target} exists and was left alone: name a new file.") from error
    except OSError as error:
        raise StateStoreError(
            f"backup file {target} cannot be written: {error.strerror or error}. "
            "Name a file in a folder that exists and that this user can write."
        ) from error


def _copy(path: Path, target: Path) -> None:
    with explained(target), closing(sqlite3.connect(target, isolation_level=None)) as copy:

        def work(connection: Connection) -> None:
            # The first page is read at once, so that a bad origin is told apart from a bad target.
            current(connection, f"state file {path}")
            driver: Any = connection.connection.dbapi_connection
            driver.rollback()
            driver.backup(copy)

        with closing(ReadOnlyFile(path)) as origin:
            origin.read(work)
        # One file that can be read wherever it lies; the store turns the log on again.
        copy.execute("PRAGMA journal_mode = DELETE")


def _config(known: History) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(known.folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
