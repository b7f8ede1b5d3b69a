"""`syncd plan`: what a sync would do, with reasons."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli import exit_codes
from syncd.cli.options import config_option, json_option

if TYPE_CHECKING:
    from syncd.config.model import Config
    from syncd.outcome import Outcome
    from syncd.state.store import SqlStateStore


@click.command("plan")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@config_option
@json_option
@click.option("--full", is_flag=True, help="Look at every page, whatever its version says.")
def command(sources: tuple[str, ...], config_path: Path | None, as_json: bool, full: bool) -> int:
    """Tell what a sync of the given sources (all by default) would do, and why.

    Nothing is written anywhere, the state file included. Intercom is only read, and only where a sync would
    compare with it first: before the first run, and when the comparison is due.
    """
    from syncd.cli.session import configuration

    return run_plan(configuration(config_path), sources, full=full, as_json=as_json)


def run_plan(config: Config, names: tuple[str, ...], *, full: bool, as_json: bool) -> int:
    """Plan, print it, and return the exit code that a sync would end with."""
    from syncd import app
    from syncd.cli import report
    from syncd.cli.text import telling

    app.chosen(config, names)
    with app.state_reader(config) as store:
        outcomes = asyncio.run(_collect(config, store, names, full, as_json))
    with telling():
        if as_json:
            report.print_json(report.document(outcomes, operations=True))
        else:
            for outcome in outcomes:
                report.foretell(outcome)
    return exit_codes.worst(exit_codes.of_outcome(outcome) for outcome in outcomes)


async def _collect(
    config: Config, store: SqlStateStore, names: tuple[str, ...], full: bool, silent: bool
) -> list[Outcome]:
    from syncd import engine
    from syncd.cli.progress import shown

    with shown(silent=silent) as progress:
        return [outcome async for outcome in engine.plan(config, store, names, full=full, progress=progress)]
