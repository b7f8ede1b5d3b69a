"""How the state file is opened: to write it, to read it without changing a byte, or as a copy in memory."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool, StaticPool

from syncd.errors import StateStoreError
from syncd.state.database import is_postgres
from syncd.state.faults import explained
from syncd.state.statements import Shortcut

T = TypeVar("T")

# How long a write waits for another process's write before it gives up.
BUSY_TIMEOUT_S = 30.0
# The write-ahead log is cut down to this after each checkpoint.
_LOG_LIMIT_BYTES = 16 * 1024 * 1024


def sqlite_path(url: str) -> Path:
    """Return the file that a state URL names; a relative one starts at the current folder.

    Raises:
        StateStoreError: it is no URL of a store that syncd supports.
    """
    hint = "Write sqlite:///syncd.db for a file beside, or sqlite:////var/lib/syncd/syncd.db for a full path."
    if is_postgres(url):
        raise StateStoreError(
            "the state is in PostgreSQL, not in a file: 'pg_dump --schema=syncd' backs it up."
        )
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        # Taken as it stands: SQLAlchemy 2.1 decodes "%41" in it, and 2.0 does not.
        name = rest.removeprefix("/")
        if name == rest or name in ("", ":memory:") or "?" in name:
            raise StateStoreError(f"the state setting does not name a file. {hint}")
        return _no_folder(Path(name))
    try:
        shown = make_url(url).render_as_string()
    except ArgumentError as error:
        # The text itself may hold a password, so it is not repeated.
        raise StateStoreError(f"the state setting is not a URL. {hint}") from error
    raise StateStoreError(f"state {shown} is not supported: sqlite and postgresql are. {hint}")


def _no_folder(path: Path) -> Path:
    if os.path.isdir(path):  # other than Path.is_dir, it says no where it may not look
        raise StateStoreError(f"state {path} is a folder: name a file in it, such as {path / 'syncd.db'}.")
    return path


class WritableFile:
    """The state file, for the one process that keeps it up to date."""

    def __init__(self, path: Path, *, busy_timeout_s: float) -> None:
        """Open the file, or make it: 0600, and its folder (the last one only) 0700.

        Raises:
            StateStoreError: it cannot be made, opened or written.
        """
        self.path = path
        _make_file(path)
        self._engine = _engine(lambda: _connect(path, "mode=rw", busy_timeout_s), QueuePool)
        self._writer = self._engine.execution_options(begin="BEGIN IMMEDIATE")
        event.listen(self._engine, "connect", self._prepare)

    def read(self, work: Callable[[Connection], T], *, once: bool = False) -> T:
        with explained(self.path), self._engine.connect() as connection:
            return work(connection)

    def write(
        self,
        work: Callable[[Connection], T],
        *,
        source: str = "",
        shortcut: Callable[[], Shortcut[T]] | None = None,
    ) -> T:
        with explained(self.path), self._writer.begin() as connection:
            return work(connection)

    def close(self) -> None:
        # What cannot be moved now, because it is being read or the disk is full, is safe in the log.
        with suppress(StateStoreError), explained(self.path), self._engine.connect() as connection:
            driver: Any = connection.connection.dbapi_connection
            driver.rollback()
            driver.execute("PRAGMA busy_timeout = 0")
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._engine.dispose()

    def _prepare(self, driver: sqlite3.Connection, _: object) -> None:
        (mode,) = driver.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StateStoreError(
                f"state file {self.path} cannot keep a write-ahead log where it lies: "
                "put it on a local, writable file system."
            )
        driver.execute("PRAGMA synchronous = FULL")
        driver.execute("PRAGMA foreign_keys = ON")
        driver.execute(f"PRAGMA journal_size_limit = {_LOG_LIMIT_BYTES}")


class ReadOnlyFile:
    """The state file as another process may be writing it, without changing a byte of it.

    SQLite needs two files beside a database with a write-ahead log, even to read it. Where they do not
    exist, no process has the database open, and it is read as immutable, so that none is made. Should
    a writer come in between, the reading is done again, with it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._seen: tuple[int, ...] | None = None

    def read(self, work: Callable[[Connection], T], *, once: bool = False) -> T:
        with self._lock, explained(self.path):
            while True:
                engine = self._engine or self._open()
                try:
                    with engine.connect() as connection:
                        result = work(connection)
                except Exception:
                    if self._still():
                        raise
                else:
                    if self._still():
                        return result
                self._drop()

    def write(
        self,
        work: Callable[[Connection], T],
        *,
        source: str = "",
        shortcut: Callable[[], Shortcut[T]] | None = None,
    ) -> T:
        raise _refusal(self.path)

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _open(self) -> Engine:
        seen = _trace(self.path)
        idle = not log_of(self.path).exists()
        query = "mode=ro&immutable=1" if idle else "mode=ro"
        self._seen = seen if idle else None
        self._engine = _engine(lambda: _connect(self.path, query, BUSY_TIMEOUT_S), StaticPool)
        return self._engine

    def _still(self) -> bool:
        """Whether what was just read as immutable was so."""
        return self._seen is None or (self._seen == _trace(self.path) and not log_of(self.path).exists())

    def _drop(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None


class MemoryCopy:
    """A state in memory that nothing outside can change: an empty one, or the copy of a file."""

    def __init__(self, path: Path) -> None:
        """Start empty; the path is for messages."""
        self.path = path
        self._lock = threading.Lock()
        self._driver = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._engine = _engine(lambda: self._driver, StaticPool)

    def fill(self, origin: ReadOnlyFile) -> None:
        """Take over all that the file holds now."""

        def copy(connection: Connection) -> None:
            driver: Any = connection.connection.dbapi_connection
            driver.rollback()
            driver.backup(self._driver)

        origin.read(copy)

    def build(self, work: Callable[[Connection], T]) -> T:
        """Do work that changes the copy itself, before it is read."""
        with self._lock, explained(self.path), self._engine.begin() as connection:
            return work(connection)

    def read(self, work: Callable[[Connection], T], *, once: bool = False) -> T:
        with self._lock, explained(self.path), self._engine.connect() as connection:
            return work(connection)

    def write(
        self,
        work: Callable[[Connection], T],
        *,
        source: str = "",
        shortcut: Callable[[], Shortcut[T]] | None = None,
    ) -> T:
        raise _refusal(self.path)

    def close(self) -> None:
        self._engine.dispose()
        self._driver.close()


def _refusal(path: Path) -> StateStoreError:
    return StateStoreError(f"state file {path} is open for reading only: nothing was written.")


def _engine(creator: Callable[[], sqlite3.Connection], pool: type[QueuePool | StaticPool]) -> Engine:
    engine = create_engine("sqlite://", creator=creator, poolclass=pool)

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        # A transaction that reads first and writes later fails at once if another one wrote in between,
        # whatever the timeout: so each write takes its lock at the start, and a read never takes one.
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def _connect(path: Path, query: str, wait_s: float) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(os.fsencode(path.absolute()))}?{query}",
        uri=True,
        timeout=wait_s,
        # The store's work goes from thread to thread, one at a time.
        check_same_thread=False,
        # Transactions are begun by the engine, not guessed by the driver.
        isolation_level=None,
    )


def _make_file(path: Path) -> None:
    with explained(path):
        try:
            path.parent.mkdir(mode=0o700)
        except FileExistsError:
            pass
        except FileNotFoundError as error:
            raise StateStoreError(
                f"state file {path}: the folder {path.parent.parent} does not exist. "
                "Make it, or correct the state setting."
            ) from error
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def log_of(path: Path) -> Path:
    """Where SQLite keeps the write-ahead log of a database."""
    return path.with_name(path.name + "-wal")


def _trace(path: Path) -> tuple[int, ...]:
    """What changes when anybody writes the file."""
    status = os.stat(path)
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
