"""The history of the schema: one file a change, complete, and apart from the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from syncd.state import migrate
from syncd.state.tables import metadata

FOLDER = Path(__file__).resolve().parents[2] / "migrations"
VERSIONS = sorted((FOLDER / "versions").glob("*.py"))


def test_program_finds_this_folder() -> None:
    """A checkout runs the migrations that stand beside the package."""
    assert migrate.history().folder == FOLDER


def test_head_constant_is_the_newest_version() -> None:
    """A state at this schema never loads Alembic, so the constant must be true."""
    script = ScriptDirectory(str(FOLDER))

    assert script.get_heads() == [migrate.HEAD]


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.stem)
def test_version_file_keeps_the_conventions(path: Path) -> None:
    """0002_add_runs.py holds revision "0002" after "0001", and imports nothing of syncd."""
    number = VERSIONS.index(path) + 1
    tree = ast.parse(path.read_text())
    values = {
        target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        )
    }

    assert re.fullmatch(rf"{number:04}_[a-z0-9_]+", path.stem)
    assert values["revision"] == f"{number:04}"
    assert values["down_revision"] == (f"{number - 1:04}" if number > 1 else None)
    assert imported <= {"__future__", "sqlalchemy", "alembic"}


def upgraded() -> Connection:
    """An empty database, brought to the newest schema."""
    connection = create_engine("sqlite://").connect()
    migrate.upgrade(connection, migrate.history())
    connection.commit()
    return connection


def test_migrations_make_the_tables_of_the_code() -> None:
    """No column, index or table stands in one place only."""
    with upgraded() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"version_table": migrate.VERSION_TABLE, "compare_server_default": True},
        )
        assert compare_metadata(context, metadata) == []
    connection.engine.dispose()


def test_migrations_make_the_same_sql_as_the_code() -> None:
    """What Alembic does not compare (rowids, autoincrement, primary keys) is equal too."""
    query = text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name != 'syncd_version'")
    with upgraded() as connection:
        migrated = {row[0]: row[1] for row in connection.execute(query)}
    connection.engine.dispose()
    engine = create_engine("sqlite://")
    with engine.connect() as fresh:
        metadata.create_all(fresh)
        made = {row[0]: row[1] for row in fresh.execute(query)}
    engine.dispose()

    assert migrated == made


def test_second_upgrade_does_nothing() -> None:
    """Two processes that start at once both find the newest schema."""
    with upgraded() as connection:
        migrate.upgrade(connection, migrate.history())
        assert migrate.current(connection, Path("syncd.db")) == migrate.HEAD
    connection.engine.dispose()
