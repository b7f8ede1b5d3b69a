"""`syncd db`: look after the state store."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import click

from syncd.cli.options import config_option, json_option
from syncd.clock import SystemClock
from syncd.errors import StateStoreError
from syncd.state import migrate
from syncd.state.database import is_postgres
from syncd.state.health import Health, examine, server_place
from syncd.state.locks import ProcessLock, lock_path
from syncd.state.opening import schema_of
from syncd.state.sqlite import sqlite_path
from syncd.state.store import SqlStateStore

_Given: TypeAlias = tuple[Path | None, str | None]
F = TypeVar("F", bound=Callable[..., Any])


def _which(command: F) -> F:
    """-c/--config and --state, before the subcommand or after it."""
    state = click.option(
        "--state", metavar="URL", help="The state store; else the one that the configuration names."
    )
    return config_option(state(command))


@click.group("db")
@_which
@click.pass_context
def command(context: click.Context, config_path: Path | None, state: str | None) -> None:
    """Look after the state store."""
    context.obj = (config_path, state)


@command.command("upgrade")
@_which
@click.pass_obj
def _upgrade(before: _Given, config_path: Path | None, state: str | None) -> None:
    """Bring the schema up to date; every other command that writes does so too."""
    click.echo(upgrade(_url(before, config_path, state)))


@command.command("status")
@_which
@json_option
@click.pass_obj
def _status(before: _Given, config_path: Path | None, state: str | None, as_json: bool) -> None:
    """Tell where the state is, which schema it has, and whether it is sound; change nothing."""
    health = examine(_url(before, config_path, state))
    click.echo(as_document(health) if as_json else as_text(health))
    if health.damage:
        raise StateStoreError(
            f"{health.place} is damaged. Stop syncd and keep a copy of the file; then restore a\n"
            "backup, or move it away: a new state adopts the pages that Intercom has, and deletes nothing."
        )


@command.command("path")
@_which
@click.pass_obj
def _path(before: _Given, config_path: Path | None, state: str | None) -> None:
    """Print the full path of the state file, or the database that takes its place."""
    url = _url(before, config_path, state)
    click.echo(server_place(url) if is_postgres(url) else sqlite_path(url).absolute())


@command.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@_which
@click.pass_obj
def _backup(before: _Given, file: Path, config_path: Path | None, state: str | None) -> None:
    """Copy the state into a new FILE, also while syncd is running. PostgreSQL has pg_dump for that."""
    migrate.backup(sqlite_path(_url(before, config_path, state)), file)
    click.echo(f"backup written to {file}")


def _url(before: _Given, config_path: Path | None, state: str | None) -> str:
    """The state's URL by what stands after the subcommand, then by what stands before it."""
    if state is None and config_path is None:
        config_path, state = before
    if state is not None:
        return state
    from syncd.cli.session import configuration

    return configuration(config_path).state_url


def upgrade(state: str) -> str:
    """Bring the schema up to date, and say in one line what was done."""
    with ExitStack() as open_:
        before = schema_of(state)
        if not is_postgres(state):  # a server lets one upgrade after the other by itself
            lock = ProcessLock(
                lock_path(sqlite_path(state)), command="syncd db upgrade", at=SystemClock().now()
            )
            open_.enter_context(lock)
        store = open_.enter_context(SqlStateStore(state))
        after = store.schema()
        if before == after:
            return f"{store.place} has schema {after}: nothing to do"
        if before is None:
            return f"{store.place} made with schema {after}"
        kept = f"; backup: {store.backup}" if store.backup is not None else ""
        return f"{store.place} upgraded from schema {before} to {after}{kept}"


def as_document(health: Health) -> str:
    """The answer of `status --json`."""
    return json.dumps({"schema": 1, "state": asdict(health)})


def as_text(health: Health) -> str:
    """The answer of `status` for people."""
    if not health.exists:
        return f"{health.path} does not exist yet: the first sync makes it"
    schema = f"schema {health.schema}" if health.schema else "no schema yet"
    if health.schema is not None and health.schema != health.head:
        schema += f" (this program works with {health.head})"
    lines = [
        health.path,
        f"  {schema}, {health.size_bytes:,} bytes and {health.log_bytes:,} in the write-ahead log",
        f"  in use by {health.holder}" if health.holder else "  not in use",
        *(f"  damage: {line}" for line in health.damage),
    ]
    return "\n".join(lines)
