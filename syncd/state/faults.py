"""Where the errors of SQLite, SQLAlchemy and the file system become StateStoreError."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from syncd.errors import StateStoreError
from syncd.state.locks import holder, lock_path


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn every error about the state file into one that says what happened and the way out.

    Raises:
        StateStoreError: for all of them.
    """
    try:
        yield
    except DBAPIError as error:
        raise StateStoreError(_explain(path, error.orig)) from error
    except (SQLAlchemyError, sqlite3.Error, OSError, UnicodeError) as error:
        raise StateStoreError(_explain(path, error)) from error


def damaged(path: Path, found: str) -> str:
    """What to tell of a state file that is not whole, and the way out."""
    return (
        f"state file {path} is damaged: {found}. Stop syncd and keep a copy of the file; then restore a\n"
        "backup, or move it away: a new state adopts the pages that Intercom has, and deletes nothing."
    )


def _explain(path: Path, error: BaseException | None) -> str:
    # The low byte of an SQLite code is its class; the rest tells the place.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return (
            f"state file {path} is not an SQLite database: it was not changed. "
            "Correct the state setting, or move the file away."
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        who = holder(lock_path(path)) or "another process"
        return (
            f"state file {path} is locked by {who}: nothing of this step was kept. "
            "Let that process finish or stop it, then run again."
        )
    if code == sqlite3.SQLITE_FULL:
        return (
            f"state file {path}: no space left on its disk: nothing of this step was kept. "
            "Make room, then run again."
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return (
            f"state file {path} cannot be written: {error}. "
            "Let this user write the file and its folder, and mount the file system writable."
        )
    if code == sqlite3.SQLITE_CORRUPT or (code == sqlite3.SQLITE_ERROR and "UTF-8" in str(error)):
        return damaged(path, str(error))
    if code == sqlite3.SQLITE_CANTOPEN:
        return (
            f"state file {path} cannot be opened: {error}. "
            "Let this user read and write the file and its folder."
        )
    if code == sqlite3.SQLITE_IOERR:
        return f"state file {path}: {error}. Check its disk and its mount, then run again."
    if isinstance(error, OSError):
        return (
            f"state file {path} cannot be used: {error.strerror or error}. "
            "Let this user read and write the file and its folder, or correct the state setting."
        )
    return f"state file {path} cannot be used: {error}. 'syncd db status' checks it."
