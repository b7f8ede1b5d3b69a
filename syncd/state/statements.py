"""Statements over many rows, for whichever database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Compiled, Connection, Dialect, Insert, Select, Table, insert
from sqlalchemy.dialects import sqlite

T = TypeVar("T")

# Values in one IN list; SQLite takes 32,766 in a statement.
_IN_LIST = 500


Rows = list[tuple[Any, ...]]


def ask(connection: Connection, queries: Sequence[Select[Any]], values: Mapping[str, Any]) -> list[Rows]:
    """Return the rows of several queries with the same values: from a server, in one round trip."""
    if connection.dialect.name != "postgresql":
        return [[tuple(row) for row in connection.execute(query, values)] for query in queries]
    from psycopg import ClientCursor

    options = connection.get_execution_options()
    schema = dict(options.get("schema_translate_map") or {}).get(None)
    driver: Any = connection.connection.driver_connection
    with ClientCursor(driver) as cursor:
        texts = []
        for query in queries:
            compiled = _compiled(query, connection.dialect, schema)
            texts.append(cursor.mogrify(compiled.string, compiled.construct_params(dict(values))))
        cursor.execute("; ".join(texts).encode())
        answers = [cursor.fetchall()]
        while cursor.nextset():
            answers.append(cursor.fetchall())
    return answers


@cache
def _compiled(query: Select[Any], dialect: Dialect, schema: str | None) -> Compiled:
    return query.compile(dialect=dialect, schema_translate_map={None: schema}, render_schema_translate=True)


def append(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, if there are any."""
    if rows:
        connection.execute(insert(table), rows)


def upsert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, all with the same columns, or set those columns where the primary key exists."""
    if rows:
        connection.execute(_upserting(table, tuple(rows[0]), connection.dialect.name), rows)


@cache
def _upserting(table: Table, columns: tuple[str, ...], dialect: str) -> Insert:
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
