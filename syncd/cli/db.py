"""`syncd db`: look after the state store."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from syncd.cli.options import config_option
from syncd.clock import SystemClock
from syncd.errors import StateStoreError
from syncd.state import migrate
from syncd.state.database import sqlite_path
from syncd.state.health import Health, examine
from syncd.state.locks import ProcessLock, lock_path
from syncd.state.store import SqlStateStore


@click.group("db")
@config_option
@click.option("--state", metavar="URL", help="The state store; else the one that the configuration names.")
@click.pass_context
def command(context: click.Context, config_path: Path | None, state: str | None) -> None:
    """Look after the state store."""
    if state is None:
        from syncd.cli.session import configuration

        state = configuration(config_path).state_url
    context.obj = state


@command.command("upgrade")
@click.pass_obj
def _upgrade(state: str) -> None:
    """Bring the schema up to date; every other command that writes does so too."""
    click.echo(upgrade(state))


@command.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def _status(state: str, as_json: bool) -> None:
    """Tell where the state is, which schema it has, and whether it is sound; change nothing."""
    health = examine(state)
    click.echo(as_document(health) if as_json else as_text(health))
    if health.damage:
        raise StateStoreError(
            f"state file {health.path} is damaged. Stop syncd and keep a copy of the file; then restore a\n"
            "backup, or move it away: a new state adopts the pages that Intercom has, and deletes nothing."
        )


@command.command("path")
@click.pass_obj
def _path(state: str) -> None:
    """Print the full path of the state file."""
    click.echo(sqlite_path(state).absolute())


@command.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def _backup(state: str, file: Path) -> None:
    """Copy the state into a new FILE, also while syncd is running."""
    migrate.backup(sqlite_path(state), file)
    click.echo(f"backup written to {file}")


def upgrade(state: str) -> str:
    """Bring the schema up to date, and say in one line what was done."""
    before = examine(state).schema
    path = sqlite_path(state)
    with (
        ProcessLock(lock_path(path), command="syncd db upgrade", at=SystemClock().now()),
        SqlStateStore(state) as store,
    ):
        after = store.schema()
        if before == after:
            return f"state file {store.path} has schema {after}: nothing to do"
        if store.backup is None:
            return f"state file {store.path} made with schema {after}"
        return f"state file {store.path} upgraded from schema {before} to {after}; backup: {store.backup}"


def as_document(health: Health) -> str:
    """The answer of `status --json`."""
    return json.dumps({"schema": 1, "state": {**asdict(health), "path": str(health.path.absolute())}})


def as_text(health: Health) -> str:
    """The answer of `status` for people."""
    if not health.exists:
        return f"{health.path.absolute()} does not exist yet: the first sync makes it"
    schema = f"schema {health.schema}" if health.schema else "no schema yet"
    if health.schema is not None and health.schema != health.head:
        schema += f" (this program works with {health.head})"
    lines = [
        str(health.path.absolute()),
        f"  {schema}, {health.size_bytes:,} bytes and {health.log_bytes:,} in the write-ahead log",
        f"  in use by {health.holder}" if health.holder else "  not in use",
        *(f"  damage: {line}" for line in health.damage),
    ]
    return "\n".join(lines)
