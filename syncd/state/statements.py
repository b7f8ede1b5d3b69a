"""Statements over many rows, for whichever database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    ColumnElement,
    Compiled,
    Connection,
    Dialect,
    Insert,
    Select,
    Table,
    UpdateBase,
    and_,
    case,
    insert,
    literal_column,
    select,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

T = TypeVar("T")

# Values in one IN list; SQLite takes 32,766 in a statement.
_IN_LIST = 500


Rows = list[tuple[Any, ...]]

Values = Mapping[str, Any]

Statement = tuple[Select[Any] | UpdateBase, Values]
"""What is sent, and what is put into it."""

BEGIN = "begin"
"""Where a connection to a server keeps the text that its transaction begins with, until that is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcut(Generic[T]):
    """A write that asks nothing: a server needs one round trip for it, instead of one for each question.

    Where the answer is lost with the connection, the write is done once more, at length: to do it twice
    must do no harm.

    Attributes:
        provided: asks for what has to be true, or nothing is written (see `only_if`); values: for it.
        statements: what is written then.
        result: makes what the write returns, of the rows of each statement.
    """

    provided: Select[Any] | None
    values: Values
    statements: Sequence[Statement]
    result: Callable[[Sequence[Rows]], T]


def ask(connection: Connection, queries: Sequence[Select[Any]], values: Values) -> list[Rows]:
    """Return the rows of several queries with the same values: from a server, in one round trip."""
    if connection.dialect.name != "postgresql":
        return [[tuple(row) for row in connection.execute(query, values)] for query in queries]
    begin = connection.info.pop(BEGIN, None)
    return send(connection, [(query, values) for query in queries], begin=begin)


def take(connection: Connection, shortcut: Shortcut[T], *, begin: str) -> T:
    """Write that on a server, and commit it.

    Where something is not as provided, the server's error is that of `only_if`, and nothing is written.
    """
    provided = [] if shortcut.provided is None else [(shortcut.provided, shortcut.values)]
    answers = send(connection, [*provided, *shortcut.statements], begin=begin, end="COMMIT")
    return shortcut.result(answers[len(provided) :])


def only_if(*conditions: ColumnElement[bool]) -> Select[Any]:
    """A query that fails, and with it all that is sent behind it, unless all this is true.

    It divides by zero then, the one error that nothing else in these statements raises.
    """
    return select(literal_column("1").op("/")(case((and_(*conditions), 1), else_=0)))


def send(
    connection: Connection,
    statements: Sequence[Statement],
    *,
    begin: str | None = None,
    end: str | None = None,
) -> list[Rows]:
    """Send statements to a server in one piece, and return the rows of each."""
    from psycopg import ClientCursor, Error

    options = connection.get_execution_options()
    schema = dict(options.get("schema_translate_map") or {}).get(None)
    driver: Any = connection.connection.driver_connection
    texts = [begin] if begin else []
    with ClientCursor(driver) as cursor:
        for statement, values in statements:
            columns = tuple(values) if isinstance(statement, UpdateBase) else ()
            compiled = _compiled(statement, columns, connection.dialect, schema)
            texts.append(cursor.mogrify(compiled.string, compiled.construct_params(dict(values))))
        texts += [end] if end else []
        try:
            cursor.execute("; ".join(texts).encode())
        except Error as error:
            if driver.closed:
                connection.invalidate()
            raise DBAPIError(None, None, error, connection_invalidated=driver.closed) from error
        answers: list[Rows] = []
        more: bool | None = True
        while more:
            answers.append(cursor.fetchall() if cursor.description else [])
            more = cursor.nextset()
    return answers[len(answers) - len(statements) - bool(end) :][: len(statements)]


@cache
def _compiled(
    statement: Select[Any] | UpdateBase, columns: tuple[str, ...], dialect: Dialect, schema: str | None
) -> Compiled:
    return statement.compile(
        dialect=dialect,
        column_keys=columns or None,
        schema_translate_map={None: schema},
        render_schema_translate=True,
    )


def carry_out(connection: Connection, statements: Iterable[Statement]) -> None:
    """Write, one after the other."""
    for statement, values in statements:
        connection.execute(statement, values)


def append(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, if there are any."""
    if rows:
        connection.execute(insert(table), rows)


def upsert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, all with the same columns, or set those columns where the primary key exists."""
    if rows:
        connection.execute(upserting(table, tuple(rows[0]), connection.dialect.name), rows)


@cache
def upserting(table: Table, columns: tuple[str, ...], dialect: str) -> Insert:
    if dialect == "postgresql":
        # Loading it takes as long as a run over an unchanged source of some thousand pages.
        from sqlalchemy.dialects import postgresql

        statement: Any = postgresql.insert(table)
    else:
        statement = sqlite.insert(table)
    key = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in columns if name not in key}
    upserting: Insert = statement.on_conflict_do_update(index_elements=key, set_=changed)
    return upserting


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Cut into lists short enough for an IN."""
    rest = iter(values)
    while chunk := list(islice(rest, _IN_LIST)):
        yield chunk
