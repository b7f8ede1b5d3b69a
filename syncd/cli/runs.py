"""`syncd runs`: the history of runs, and what one of them did."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from syncd.cli.options import config_option, json_option
from syncd.errors import ConfigError


@click.command("runs")
@click.argument("run", type=int, required=False)
@click.option("--source", help="Only runs of this source.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Newest so many."
)
@config_option
@json_option
def command(run: int | None, source: str | None, limit: int, config_path: Path | None, as_json: bool) -> None:
    """List the newest runs; with a RUN number, all that this run did or refused."""
    from syncd import app
    from syncd.cli.report import SCHEMA, print_json
    from syncd.cli.session import configuration
    from syncd.cli.text import table
    from syncd.state.queries import recent_runs, run_outcomes

    loaded = configuration(config_path)
    with app.state_reader(loaded) as store:
        if run is not None:
            lines = run_outcomes(store, run)
            if not lines and all(one.number != run for one in recent_runs(store, source=None, limit=10_000)):
                raise ConfigError(f"there is no run {run}; 'syncd runs' lists the newest")
            if as_json:
                print_json({"schema": SCHEMA, "run": run, "outcomes": [asdict(line) for line in lines]})
                return
            table(
                ("action", "page", "reason", "evidence"),
                [(line.action, line.external_id, line.reason, line.evidence or "") for line in lines],
            )
            return
        found = recent_runs(store, source=source, limit=limit)
    if source is not None and not found:
        loaded.source(source)  # one that left the configuration still has its history
    if as_json:
        print_json({"schema": SCHEMA, "runs": [asdict(one) for one in found]})
        return
    table(
        ("run", "source", "started (UTC)", "result", "created", "updated", "deleted", "failed", "requests"),
        [
            (
                str(one.number),
                one.source,
                datetime.fromtimestamp(one.started, UTC).strftime("%Y-%m-%d %H:%M:%S"),
                one.result or "running or killed",
                *(str(count) for count in (one.created, one.updated, one.deleted, one.failed, one.requests)),
            )
            for one in found
        ],
    )
    for one in found:
        if one.error:
            click.echo(f"{one.number}: {one.error}")
