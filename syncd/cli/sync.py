"""`syncd sync`: one run now."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli import exit_codes
from syncd.cli.options import config_option, json_option
from syncd.errors import SourceBusy

if TYPE_CHECKING:
    from syncd.config.model import Config
    from syncd.notify.problem import Problem
    from syncd.outcome import Outcome
    from syncd.state.freshness import Freshness
    from syncd.state.queries import SourceSummary
    from syncd.state.store import SqlStateStore


@click.command("sync")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@config_option
@json_option
@click.option(
    "--full", is_flag=True, help="Read, render and compare every page, and verify against Intercom."
)
@click.option("-n", "--dry-run", is_flag=True, help="Only tell what would be done, as `syncd plan` does.")
@click.option("-v", "--verbose", count=True, help="Log runs to stderr; twice for every page.")
@click.option("-q", "--quiet", is_flag=True, help="Print only what went wrong.")
def command(
    sources: tuple[str, ...],
    config_path: Path | None,
    as_json: bool,
    full: bool,
    dry_run: bool,
    verbose: int,
    quiet: bool,
) -> int:
    """Publish what changed in the given sources (all of them by default), and remove what is gone.

    \b
    Exit codes: 0 all well, 2 configuration, 3 pages failed, 4 another process runs, 5 credential
    refused, 6 source unavailable or suspicious, 7 deletions held, 8 state store unusable.
    """
    from syncd import log
    from syncd.cli.session import configuration

    log.configure(log.level_of(verbose, quiet))
    loaded = configuration(config_path)
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)
    if dry_run:
        from syncd.cli.plan import run_plan

        return run_plan(loaded, sources, full=full, as_json=as_json)
    return run_sync(loaded, sources, full=full, as_json=as_json, quiet=quiet)


def run_sync(
    config: Config,
    names: tuple[str, ...],
    *,
    full: bool = False,
    repair: bool = False,
    as_json: bool,
    quiet: bool = False,
) -> int:
    """Sync, print what was done, and return the exit code."""
    from syncd import app
    from syncd.cli import report
    from syncd.cli.text import telling
    from syncd.clock import SystemClock

    token = config.token_source()
    app.chosen(config, names)
    token()  # without one nothing can be sent, so nothing is begun
    trigger = "manual" if sys.stderr.isatty() else "cron"
    silent = as_json or quiet
    stopped_by: signal.Signals | None = None
    objectives = {source.name: source.freshness.objective for source in app.chosen(config, ())}
    summaries: list[SourceSummary] = []
    lags: Mapping[str, Freshness] = {}
    problems: Sequence[Problem] = ()
    now = SystemClock().now
    try:
        with app.state_store(config, command="syncd sync") as store:
            gc.freeze()  # no collection need look through what is loaded
            outcomes, stopped_by = asyncio.run(_collect(config, store, names, full, repair, trigger, silent))
            if config.notifications.channels and stopped_by is None:
                from syncd.notify import notifier

                notifier.notify(config, store, notifier.sender(config), outcomes, now=now())
            if config.metrics_textfile is not None:
                from syncd.notify.notifier import open_problems
                from syncd.state.freshness import freshness
                from syncd.state.queries import source_summaries

                summaries = source_summaries(store)
                by_name = {summary.source: summary for summary in summaries}
                lags = freshness(store, objectives, now=now())
                problems = open_problems(config, store, by_name, now=now())
    except SourceBusy:
        from syncd.cli.following import run_by_service

        found = run_by_service(config, names, full=full, repair=repair, trigger=trigger, silent=silent)
        if found is None:
            raise
        outcomes = found
    with telling():
        if as_json:
            report.print_json(report.document(outcomes))
        else:
            for outcome in outcomes:
                if not quiet or exit_codes.of_outcome(outcome) != exit_codes.OK:
                    report.tell(outcome)
    if summaries and config.metrics_textfile is not None:
        from syncd.service.gauges import write_textfile

        write_textfile(
            config.base / config.metrics_textfile.expanduser(),
            {summary.source: summary for summary in summaries},
            lags,
            objectives,
            problems,
        )
    if stopped_by is not None:
        return exit_codes.INTERRUPTED if stopped_by == signal.SIGINT else exit_codes.TERMINATED
    return exit_codes.worst(exit_codes.of_outcome(outcome) for outcome in outcomes)


async def _collect(
    config: Config,
    store: SqlStateStore,
    names: tuple[str, ...],
    full: bool,
    repair: bool,
    trigger: str,
    silent: bool,
) -> tuple[list[Outcome], signal.Signals | None]:
    from syncd import engine
    from syncd.cli.progress import shown

    stop = asyncio.Event()
    met: list[signal.Signals] = []
    loop = asyncio.get_running_loop()
    current = asyncio.current_task()

    def stopping(number: signal.Signals) -> None:
        if met and current is not None:
            current.cancel()  # asked twice: at once
            return
        met.append(number)
        stop.set()
        click.echo("stopping: what is under way gets a few seconds to finish", err=True)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping, number)
    outcomes: list[Outcome] = []
    try:
        with shown(silent=silent) as progress:
            async for outcome in engine.sync(
                config, store, names, full=full, repair=repair, trigger=trigger, stop=stop, progress=progress
            ):
                outcomes.append(outcome)
    except asyncio.CancelledError:
        if not met:
            raise
    return outcomes, met[0] if met else None
