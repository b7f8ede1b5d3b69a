"""How the state file itself is: `syncd db status`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

from syncd.state import migrate
from syncd.state.database import ReadOnlyFile, log_of, sqlite_path
from syncd.state.faults import explained
from syncd.state.locks import holder, lock_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What was found.

    Attributes:
        size_bytes, log_bytes: of the file, and of the write-ahead log beside it; 0 where there is none.
        schema: of the rows; None if there are none yet.
        head: the schema that this program works with.
        damage: what SQLite's quick check found; empty if nothing is wrong.
        holder: the process that holds the lock, in words; None if none does.
    """

    path: Path
    exists: bool
    size_bytes: int
    log_bytes: int
    schema: str | None
    head: str
    damage: tuple[str, ...]
    holder: str | None


def examine(url: str) -> Health:
    """Look at a state file without changing it. The check reads all of it: 0.1 s for 100 MB.

    Raises:
        StateStoreError: it cannot be read, or is not ours.
    """
    path = sqlite_path(url)
    with explained(path):
        return _examine(path)


def _examine(path: Path) -> Health:
    schema: str | None = None
    damage: tuple[str, ...] = ()
    if path.exists():

        def work(connection: Connection) -> tuple[str | None, tuple[str, ...]]:
            found = connection.scalars(text("PRAGMA quick_check(10)")).all()
            return migrate.current(connection, path), tuple(str(line) for line in found if line != "ok")

        with closing(ReadOnlyFile(path)) as file:
            schema, damage = file.read(work)
    log = log_of(path)
    return Health(
        path=path,
        exists=path.exists(),
        size_bytes=path.stat().st_size if path.exists() else 0,
        log_bytes=log.stat().st_size if log.exists() else 0,
        schema=schema,
        head=migrate.history().head,
        damage=damage,
        holder=holder(lock_path(path)),
    )
