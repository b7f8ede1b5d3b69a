"""`syncd status`: how each source stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli import exit_codes
from syncd.cli.options import config_option, json_option

if TYPE_CHECKING:
    from syncd.state.queries import SourceSummary


@click.command("status")
@config_option
@json_option
def command(config_path: Path | None, as_json: bool) -> int:
    """Tell for each source what is published, how old it is, and what waits for a decision.

    The exit code is that of the gravest source: 0 all well, 3 pages failed, 6 the last run failed for
    whatever reason (`syncd runs` tells it), 7 deletions held. A source that is no longer configured
    does not count.
    """
    from syncd import app
    from syncd.cli.report import SCHEMA, overall, print_json
    from syncd.cli.session import configuration
    from syncd.cli.text import telling
    from syncd.clock import SystemClock
    from syncd.model import Result
    from syncd.state.queries import source_summaries

    loaded = configuration(config_path)
    now = SystemClock().now()
    with app.state_reader(loaded) as store:
        known = {summary.source: summary for summary in source_summaries(store)}
    rows = [_row(source.name, known.get(source.name), source.enabled) for source in loaded.sources]
    configured = {source.name for source in loaded.sources}
    rows += [
        _row(name, summary, True) | {"configured": False}
        for name, summary in known.items()
        if name not in configured
    ]
    with telling():
        if as_json:
            result = overall(Result(row["result"]) for row in rows if row["configured"] and row["result"])
            print_json({"schema": SCHEMA, "result": result.value, "sources": rows})
        else:
            _print(rows, now)
    return exit_codes.worst(_code(row) for row in rows)


def _row(name: str, summary: SourceSummary | None, enabled: bool) -> dict[str, Any]:
    last = summary.last_run if summary is not None else None
    hold = next(iter(summary.holds), None) if summary is not None else None
    result = last.result if last is not None else None
    if hold is not None and result != "failed":
        result = "held"
    return {
        "name": name,
        "configured": True,
        "enabled": enabled,
        "result": result,
        "error": last.error if last is not None else None,
        "live": summary.live if summary is not None else 0,
        "held": hold.count if hold is not None else 0,
        "held_since": hold.since if hold is not None else None,
        "held_reason": hold.reason if hold is not None else None,
        "quarantined": summary.quarantined if summary is not None else 0,
        "skipped": summary.skipped if summary is not None else 0,
        "pending": summary.pending + summary.deleting if summary is not None else 0,
        "missing": summary.missing if summary is not None else 0,
        "last_run": last.started if last is not None else None,
        "last_complete": summary.last_complete if summary is not None else None,
        "next_run": None,
    }


def _code(row: dict[str, Any]) -> int:
    if not row["configured"]:
        return exit_codes.OK  # no run will ever make it better
    if row["held"]:
        return exit_codes.HELD
    if row["result"] == "failed":
        return exit_codes.SOURCE
    return exit_codes.PARTIAL if row["quarantined"] or row["result"] == "partial" else exit_codes.OK


def _print(rows: list[dict[str, Any]], now: float) -> None:
    from syncd.cli.text import age, one_line, table

    def since(moment: float | None) -> str:
        return "never" if moment is None else f"{age(now - moment)} ago"

    table(
        ("source", "last result", "live", "quarantined", "missing", "held", "last complete run"),
        [
            (
                row["name"],
                (row["result"] or "not run yet") if row["configured"] else "not configured",
                *(str(row[column]) for column in ("live", "quarantined", "missing", "held")),
                since(row["last_complete"]),
            )
            for row in rows
        ],
    )
    for row in rows:
        if not row["configured"]:
            if row["live"]:
                click.echo(
                    f"\n{row['name']}: not in the configuration; its {row['live']} page(s) stay in Intercom "
                    "as they are, until the source is configured again or they are removed there"
                )
            continue
        if row["held"]:
            click.echo(
                f"\n{row['name']}: {row['held']} deletion(s) held for {age(now - row['held_since'])}: "
                f"{one_line(row['held_reason'])}\n  syncd approve {row['name']} --deletes {row['held']}"
            )
        if row["result"] == "failed" and row["error"]:
            click.echo(f"\n{row['name']}: {row['error']}")
