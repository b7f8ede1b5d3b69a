"""The state in PostgreSQL: a schema of its own in any database, that several machines share.

Nothing lives longer than a transaction on the server (no session setting, no prepared statement, no
session lock), so a pooler that hands connections on between transactions may stand in front of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from syncd.errors import StateStoreError
from syncd.state import migrate
from syncd.state.statements import BEGIN, Shortcut, take
from syncd.state.tables import metadata

T = TypeVar("T")

LOCK_WAIT_S = 15
"""How long a write waits for another one of the same source."""

STATEMENT_S = 120
"""How long one statement of a write may take."""

PAUSE_S = 15
"""How long a transaction may stand still: one of a process that is asleep must not keep others out."""

DEFAULTS = {
    "connect_timeout": "10",
    "tcp_user_timeout": "30000",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "application_name": "syncd",
}
"""What libpq is told where the URL, or its own environment, does not say otherwise."""

_ENVIRONMENT = {"connect_timeout": "PGCONNECT_TIMEOUT", "application_name": "PGAPPNAME"}

_NOT_AS_PROVIDED = "22012"  # division by zero: see syncd.state.statements.only_if

# Said here and not with the tables, since it loads the dialect: a twentieth of what a run imports in all.
for _table in metadata.tables.values():
    for _index in _table.indexes:
        _index.dialect_options["postgresql"]["where"] = _index.dialect_options["sqlite"]["where"]

_HINT = "Write postgresql://user@host/database, with a password as ${VAR} or in a password file."


class Server:
    """A database on a server, and in it the schema that holds the tables.

    Attributes:
        url: of the database, without a password.
        place: the same in words, for messages.
    """

    def __init__(self, url: str, *, environ: Mapping[str, str]) -> None:
        """Connect to nothing yet.

        Args:
            url: as libpq takes it (several hosts, sockets, PG* variables for what it leaves out), and
                `schema` in its query for another schema than "syncd".
            environ: the variables that libpq reads.

        Raises:
            StateStoreError: it is no such URL, or the driver is not installed.
        """
        driver = _driver()
        given, self._schema = _without_schema(url)
        told = _told(driver, given)
        if told is None:
            raise StateStoreError(f"the state setting is not a URL that PostgreSQL understands. {_HINT}")
        defaults = {
            name: value for name, value in DEFAULTS.items() if _ENVIRONMENT.get(name, "") not in environ
        }
        settings = {**defaults, **told}
        self.url = _shown(told, self._schema)
        self.place = f"state database {self.url}"
        self._engine = _engine(
            lambda: driver.connect(
                **settings, autocommit=True, prepare_threshold=None, client_encoding="utf8"
            )
        )
        self._engine = self._engine.execution_options(schema_translate_map={None: self._schema})

    def read(self, work: Callable[[Connection], T], *, once: bool = False) -> T:
        begin = None if once else "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        return self._again(lambda: self._do(work, begin))

    def write(
        self,
        work: Callable[[Connection], T],
        *,
        source: str = "",
        shortcut: Callable[[], Shortcut[T]] | None = None,
    ) -> T:
        begin = self._begin_write(source)
        if shortcut is not None:
            with self._explained(), self._engine.connect() as connection:
                try:
                    return take(connection, shortcut(), begin=begin)
                except DBAPIError as error:
                    told = getattr(error.orig, "sqlstate", None)
                    if told != _NOT_AS_PROVIDED and not error.connection_invalidated:
                        raise
        return self._again(lambda: self._do(work, begin))

    def schema(self) -> str | None:
        """The schema that the rows are in now; None while there is none."""
        return self.read(lambda connection: migrate.current(connection, self.place), once=True)

    def close(self) -> None:
        self._engine.dispose()

    def upgrade(self, known: migrate.History) -> None:
        """Bring the schema to the newest, all or nothing, one process after the other.

        Raises:
            StateStoreError: it cannot be made or changed, or is newer than this program.
        """
        if self.schema() == known.head:
            return

        def work(connection: Connection) -> None:
            schema = migrate.current(connection, self.place)
            if schema == known.head:
                return
            if schema is not None:
                migrate.require_known(schema, known, self.place)
            encoding = connection.scalar(text("SHOW server_encoding"))
            if encoding != "UTF8":
                raise StateStoreError(
                    f"{self.place} keeps text as {encoding}, which not every page fits in. "
                    "Make a database with ENCODING 'UTF8'."
                )
            if connection.scalar(text("SELECT to_regnamespace(:name)"), {"name": self._schema}) is None:
                connection.exec_driver_sql(f"CREATE SCHEMA {self._schema}")
            connection.exec_driver_sql(f"SET LOCAL search_path TO {self._schema}")
            migrate.upgrade(connection, known)

        self.write(work)

    def _begin_write(self, source: str) -> str:
        # As BEGIN IMMEDIATE does on SQLite: what a write reads stays true until it is committed. The lock
        # is the transaction's, since one of the session would be lost in a pooler.
        name = f"syncd {self._schema} {source}".encode()
        key = int.from_bytes(hashlib.sha256(name).digest()[:8], signed=True)
        return (
            f"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '{LOCK_WAIT_S}s'; "
            f"SET LOCAL statement_timeout = '{STATEMENT_S}s'; "
            f"SET LOCAL idle_in_transaction_session_timeout = '{PAUSE_S}s'; "
            # An intent that a crash of the server takes back would be a page that nobody knows of.
            "SELECT set_config('synchronous_commit', 'on', true) "
            "WHERE current_setting('synchronous_commit') = 'off'; "
            f"SELECT pg_advisory_xact_lock({key})"
        )

    def _do(self, work: Callable[[Connection], T], begin: str | None) -> T:
        with self._engine.connect() as connection:
            try:
                connection.info[BEGIN] = begin
                result = work(connection)
                _begin(connection)
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise _Broken(error) from error
                raise
            # The driver commits nothing by itself. From here on an error leaves it open what was kept.
            connection.commit()
        return result

    def _again(self, step: Callable[[], T]) -> T:
        """Take a step; once more if its connection was broken before anything could be committed."""
        with self._explained():
            try:
                return step()
            except _Broken:
                self._engine.dispose()
                try:
                    return step()
                except _Broken as broken:
                    raise broken.error from None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise StateStoreError(_explain(self.place, error.orig)) from error
        except SQLAlchemyError as error:
            raise StateStoreError(f"{self.place} cannot be used: {error}.") from error


class _Broken(Exception):
    """The connection was lost before the transaction was to be committed: nothing of it was kept."""

    def __init__(self, error: DBAPIError) -> None:
        self.error = error


def _driver() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise StateStoreError(
            "a state in PostgreSQL needs its driver, which is not installed: pip install 'syncd[postgres]'"
        ) from error
    return psycopg


def _told(driver: Any, url: str) -> dict[str, Any] | None:
    """What a URL says; None if it is none. The driver's own error repeats a part, maybe of the password."""
    try:
        return dict(driver.conninfo.conninfo_to_dict(url))
    except driver.Error:
        return None


def _engine(connect: Callable[[], object]) -> Engine:
    engine = create_engine(
        "postgresql+psycopg://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=2,
        max_overflow=8,
        # What SQLAlchemy would do by itself on each connection and each return costs round trips.
        pool_reset_on_return=None,
        hide_parameters=True,
    )
    event.listen(engine, "checkin", _tidy)
    event.listen(engine, "before_cursor_execute", lambda connection, *_: _begin(connection))
    return engine


def _begin(connection: Connection) -> None:
    """Begin the transaction before its first statement, unless it began together with that."""
    begin = connection.info.pop(BEGIN, None)
    if begin is not None:
        connection.exec_driver_sql(begin)


def _tidy(driver: Any, record: Any) -> None:
    """Leave no transaction behind on a connection that goes back to the pool."""
    if driver is not None and not driver.closed:
        driver.rollback()


def _without_schema(url: str) -> tuple[str, str]:
    """Cut `schema` out of the query, and what SQLAlchemy writes for the driver out of the scheme."""
    scheme, _, rest = url.partition("://")
    base, mark, query = rest.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    schema = dict(pairs).get("schema", "syncd")
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema):
        raise StateStoreError(
            f"the state setting names the schema {schema!r}: use small letters, digits and underscores."
        )
    left = urlencode([pair for pair in pairs if pair[0] != "schema"])
    return f"{scheme.partition('+')[0]}://{base}{mark if left else ''}{left}", schema


def _shown(told: dict[str, Any], schema: str) -> str:
    user = f"{told['user']}@" if "user" in told else ""
    host = told.get("host") or told.get("hostaddr") or ""
    port = f":{told['port']}" if "port" in told else ""
    own = "" if schema == "syncd" else f"?schema={schema}"
    return f"postgresql://{user}{host}{port}/{told.get('dbname', '')}{own}"


def _explain(place: str, error: BaseException | None) -> str:
    code = getattr(error, "sqlstate", None) or ""
    said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    match code[:2], code:
        case "28", _:
            return f"{place} refused the login: {said}. Check user and password in the state setting."
        case _, "3D000":
            return f"{place} does not exist: {said}. Make it with 'createdb', or correct the state setting."
        case _, "42501":
            return (
                f"{place} does not let this user do that: {said}.\n"
                "Give it the schema: CREATE SCHEMA syncd AUTHORIZATION its_name"
            )
        case _, "55P03":
            return (
                f"{place} is locked by another process for more than {LOCK_WAIT_S} s: nothing of this step "
                "was kept. Let that process finish or stop it, then run again."
            )
        case _, "57014":
            return f"{place} took more than {STATEMENT_S} s for one statement: nothing of this step was kept."
        case _, "25006":
            return (
                f"{place} is read-only, as a standby is: nothing was written. "
                "Name the primary, or add target_session_attrs=read-write to the state setting."
            )
        case "53", _:
            return (
                f"{place} has no room left: {said}. Nothing of this step was kept; make room, then run again."
            )
        case "42", _:
            return (
                f"{place} has another schema than this program expects: {said}. 'syncd db status' tells it."
            )
        case "" | "08" | "57", _:
            return (
                f"{place} cannot be reached, or the connection to it was lost: {said}.\n"
                "Nothing is lost by that. Check the server and the state setting, then run again."
            )
    return f"{place} cannot be used: {said} ({code})."
