"""`syncd status`: how each source stands."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli import exit_codes
from syncd.cli.options import config_option, json_option
from syncd.guards import ALARM_AFTER_S

if TYPE_CHECKING:
    from syncd.config.model import SourceConfig
    from syncd.state.freshness import Freshness
    from syncd.state.queries import SourceSummary


@click.command("status")
@config_option
@json_option
def command(config_path: Path | None, as_json: bool) -> int:
    """Tell for each source what is published, how old it is, and what waits for a decision.

    The exit code is that of the gravest source, as its last run ended: 0 all well, 3 pages failed, 5, 6 or
    another one the run failed, 7 something is held. A hold of more than 24 hours is an alarm. A source
    that is no longer configured does not count.
    """
    from syncd import app
    from syncd.cli.following import told_by_service
    from syncd.cli.report import SCHEMA, overall, print_json
    from syncd.cli.session import configuration
    from syncd.cli.text import telling
    from syncd.clock import SystemClock
    from syncd.model import Result
    from syncd.state.freshness import freshness
    from syncd.state.queries import source_summaries

    loaded = configuration(config_path)
    now = SystemClock().now()
    with app.state_reader(loaded) as store:
        known = {summary.source: summary for summary in source_summaries(store)}
        fresh = freshness(store, [source.name for source in loaded.sources], now=now)
    running = app.state_is_held(loaded)
    rows = [
        _row(source.name, known.get(source.name), enabled=source.enabled, now=now, running=running)
        for source in loaded.sources
    ]
    configured = {source.name for source in loaded.sources}
    for row, source in zip(rows, loaded.sources, strict=True):
        row |= {"freshness": _freshness(source, known.get(source.name), fresh[source.name], now)}
    for name, told in told_by_service(loaded).items():
        for row in rows:
            if row["name"] == name:
                row |= {"next_run": told["next_run"], "running": told["running"] is not None}
    rows += [
        _row(name, summary, enabled=True, now=now, running=running) | {"configured": False, "freshness": None}
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


def _row(
    name: str, summary: SourceSummary | None, *, enabled: bool, now: float, running: bool
) -> dict[str, Any]:
    from syncd.cli.report import hold_entry

    last = summary.last_run if summary is not None else None
    holds = [
        hold_entry(name, hold) | {"age_s": now - hold.since, "alarm": now - hold.since > ALARM_AFTER_S}
        for hold in (summary.holds if summary is not None else ())
    ]
    frozen = summary.frozen if summary is not None else None
    result = last.result if last is not None else None
    if (holds or frozen is not None) and result != "failed":
        result = "held"
    unfinished = last is not None and last.finished is None
    return {
        "name": name,
        "configured": True,
        "enabled": enabled,
        "result": result,
        "error": last.error if last is not None else None,
        "error_kind": last.error_kind if last is not None else None,
        "running_since": last.started if last is not None and unfinished and running else None,
        "interrupted": unfinished and not running,
        "live": summary.live if summary is not None else 0,
        "held": sum(hold["count"] for hold in holds),
        "held_since": min((hold["since"] for hold in holds), default=None),
        "held_reason": holds[0]["reason"] if holds else None,
        "holds": holds,
        "frozen": None
        if frozen is None
        else asdict(frozen) | {"age_s": now - frozen.since, "alarm": now - frozen.since > ALARM_AFTER_S},
        "taken_down": summary.taken_down if summary is not None else 0,
        "quarantined": summary.quarantined if summary is not None else 0,
        "skipped": summary.skipped if summary is not None else 0,
        "pending": summary.pending + summary.deleting if summary is not None else 0,
        "missing": summary.missing if summary is not None else 0,
        "blocked_since": _blocked_since(summary, now),
        "drifted": summary.drifted if summary is not None else 0,
        "verified_at": summary.verified_at if summary is not None else None,
        "last_run": last.started if last is not None else None,
        "last_complete": summary.last_complete if summary is not None else None,
        "next_run": None,
        "running": False,
    }


def _freshness(
    source: SourceConfig, summary: SourceSummary | None, fresh: Freshness, now: float
) -> dict[str, Any]:
    from syncd.state.freshness import is_stale

    objective_s = source.freshness.objective
    stale = source.enabled and is_stale(summary, objective_s, now=now)
    return asdict(fresh) | {
        "objective_s": objective_s or None,
        "met": not (stale or fresh.misses(objective_s)) if objective_s else None,
        "stale": stale,
    }


def _blocked_since(summary: SourceSummary | None, now: float) -> float | None:
    """Since when a page is gone from the source, if it is still published after so long."""
    since = None if summary is None else summary.missing_since
    return since if since is not None and now - since > ALARM_AFTER_S else None


def _code(row: dict[str, Any]) -> int:
    if not row["configured"]:
        return exit_codes.OK  # no run will ever make it better
    met = [exit_codes.OK]
    if row["holds"] or row["frozen"] is not None:
        met.append(exit_codes.HELD)
    if row["result"] == "failed":
        met.append(exit_codes.of_kind(row["error_kind"]) if row["error_kind"] else exit_codes.SOURCE)
    unwell = row["quarantined"] or row["drifted"] or row["blocked_since"]
    unwell = unwell or (row["freshness"] or {}).get("overdue")
    if unwell or row["interrupted"] or row["result"] == "partial":
        met.append(exit_codes.PARTIAL)
    return exit_codes.worst(met)


def _print(rows: list[dict[str, Any]], now: float) -> None:
    from syncd.cli.text import age, one_line, table

    def since(moment: float | None) -> str:
        return "never" if moment is None else f"{age(now - moment)} ago"

    table(
        (
            "source",
            "last result",
            "live",
            "quarantined",
            "missing",
            "held",
            "last complete run",
            "change to Intercom (p50, p95)",
        ),
        [
            (
                row["name"],
                _result(row, now) if row["configured"] else "not configured",
                *(str(row[column]) for column in ("live", "quarantined", "missing", "held")),
                since(row["last_complete"]),
                _lag(row["freshness"]),
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
        if row["frozen"] is not None:
            order = row["frozen"]
            click.echo(
                f"\n{row['name']}: {_alarm(order)}on hold by {one_line(order['by'])} "
                f"for {age(order['age_s'])}: {one_line(order['why'])}\n  syncd release {row['name']}"
            )
        for hold in row["holds"]:
            what = "deletion(s)" if hold["question"] == "deletes" else "update(s)"
            click.echo(
                f"\n{row['name']}: {_alarm(hold)}{hold['count']} {what} held for {age(hold['age_s'])}: "
                f"{one_line(hold['reason'])}\n  {_next(row['name'], hold)}"
            )
        fresh = row["freshness"]
        if fresh["stale"]:
            click.echo(
                f"\n{row['name']}: STALE: the last complete run was {since(row['last_complete'])}, and the "
                f"objective is {age(fresh['objective_s'])}\n  syncd sync {row['name']}"
            )
        elif fresh["met"] is False:
            click.echo(
                f"\n{row['name']}: one change in twenty took {age(fresh['p95_s'])} or longer to reach "
                f"Intercom, and the objective is {age(fresh['objective_s'])}\n"
                f"  syncd runs --source {row['name']}"
            )
        if fresh["ingested_p95_s"]:
            ingested = age(fresh["ingested_p95_s"])
            click.echo(f"\n{row['name']}: Intercom reads pages in for Fin within {ingested} of taking them")
        if fresh["overdue"]:
            click.echo(
                f"\n{row['name']}: ALARM: {fresh['overdue']} page(s) that Intercom took "
                f"{since(fresh['overdue_since'])} were not read in for Fin within a day"
            )
        if row["taken_down"]:
            click.echo(
                f"\n{row['name']}: {row['taken_down']} page(s) taken down: "
                f"syncd pages --skipped --source {row['name']}"
            )
        if row["blocked_since"] is not None and not row["holds"]:
            click.echo(
                f"\n{row['name']}: ALARM: pages that are gone from the source stay in Intercom for "
                f"{age(now - row['blocked_since'])}: blocked for more than 24 h"
            )
        if row["drifted"]:
            click.echo(
                f"\n{row['name']}: {row['drifted']} page(s) were not in Intercom as they had been sent, "
                f"{since(row['verified_at'])}\n  syncd verify {row['name']}"
            )
        if row["result"] == "failed" and row["error"]:
            click.echo(f"\n{row['name']}: {row['error']}")
        if row["interrupted"]:
            click.echo(
                f"\n{row['name']}: the last run ended without a word {since(row['last_run'])}, as if it was "
                f"killed; the next one goes on from there\n  syncd sync {row['name']}"
            )


def _result(row: dict[str, Any], now: float) -> str:
    from syncd.cli.text import age

    if row["running_since"] is not None:
        return f"running since {age(now - row['running_since'])}"
    if row["interrupted"]:
        return "interrupted"
    return str(row["result"] or "not run yet")


def _lag(fresh: dict[str, Any] | None) -> str:
    from syncd.cli.text import age

    if fresh is None or fresh["p50_s"] is None:
        return "-"
    return f"{age(fresh['p50_s'])}, {age(fresh['p95_s'])}"


def _alarm(row: dict[str, Any]) -> str:
    return "ALARM, more than 24 h: " if row["alarm"] else ""


def _next(name: str, hold: dict[str, Any]) -> str:
    if hold["approved"] is not None:
        return f"approved by {hold['approved_by']}, up to {hold['approved']}: syncd sync {name}"
    return str(hold["way_out"])
