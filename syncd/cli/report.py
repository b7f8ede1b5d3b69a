"""How outcomes are told: one JSON document for programs, a few plain lines for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import click

from syncd.cli.text import one_line
from syncd.decision import Question
from syncd.journal import Hold
from syncd.model import Report, Result
from syncd.outcome import Outcome

SCHEMA = 1
"""Version of the JSON documents: keys are added, never renamed or taken away, within one version."""

SHOWN_FAILURES = 10


def document(outcomes: Sequence[Outcome], *, operations: bool = False) -> dict[str, Any]:
    """The document of `syncd sync --json`; with `operations`, that of `syncd plan --json`."""
    sources = []
    for outcome in outcomes:
        entry: dict[str, Any] = asdict(outcome.report)
        entry["failures"] = [
            {"external_id": external_id, "error": error} for external_id, error in outcome.failures
        ]
        entry["notices"] = list(outcome.notices)
        entry["holds"] = [hold_entry(outcome.report.name, hold) for hold in outcome.holds]
        sources.append(entry)
    result: dict[str, Any] = {
        "schema": SCHEMA,
        "result": overall(outcome.report.result for outcome in outcomes).value,
        "sources": sources,
    }
    if operations:
        result["operations"] = [
            {"source": outcome.report.name, **asdict(operation)}
            for outcome in outcomes
            for operation in outcome.operations
        ]
    return result


def overall(results: Iterable[Result]) -> Result:
    """The result of a whole command: the gravest of its sources'."""
    met = set(results)
    for result in (Result.FAILED, Result.HELD, Result.PARTIAL):
        if result in met:
            return result
    return Result.OK


def print_json(value: object) -> None:
    """Print one document to stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def tell(outcome: Outcome) -> None:
    """Print what a sync of one source did."""
    report = outcome.report
    click.echo(f"{_mark(report)} {report.name}: {_counts(report)}")
    _tell_rest(outcome)


def foretell(outcome: Outcome) -> None:
    """Print what a sync of one source would do, one line for each operation."""
    for operation in outcome.operations:
        click.echo(
            f"  {operation.action:<7} {one_line(operation.external_id)}  ({one_line(operation.reason)})"
        )
    report = outcome.report
    click.echo(f"{_mark(report)} {report.name}: would be {_counts(report)}")
    _tell_rest(outcome)


def _tell_rest(outcome: Outcome) -> None:
    report = outcome.report
    if report.result is Result.FAILED and report.error:
        _indented(f"error: {report.error}")
    for external_id, error in outcome.failures[:SHOWN_FAILURES]:
        # Most messages begin with the path already, which is the id of a file.
        about = "" if error.startswith(external_id) else f"{one_line(external_id)}: "
        _indented(f"failed: {about}{one_line(error)}")
    if len(outcome.failures) > SHOWN_FAILURES:
        _indented(f"… and {len(outcome.failures) - SHOWN_FAILURES} more: syncd pages --state quarantined")
    for notice in outcome.notices:
        _indented(f"note: {one_line(notice)}")
    if report.missing:
        _indented(
            f"note: {report.missing} page(s) no longer listed; they go once another listing confirms it"
        )
    for hold in outcome.holds if report.result is not Result.FAILED else ():
        done = "deleted" if hold.question is Question.DELETES else "sent"
        way_out = f"to let them go: {way_out_of(report.name, hold)}"
        if hold.approved is not None:
            way_out = f"approved by {hold.approved_by}: they go once their absence has lasted long enough"
        _indented(f"HELD: {hold.reason}. Nothing of it is {done}.\n{way_out}")


def way_out_of(source: str, hold: Hold) -> str:
    """The command that lets a hold go."""
    return f"syncd approve {source} --{hold.question.value} {hold.count}"


def hold_entry(source: str, hold: Hold) -> dict[str, Any]:
    """One hold in a JSON document."""
    return {
        "question": hold.question.value,
        "kind": hold.kind,
        "count": hold.count,
        "reason": hold.reason,
        "since": hold.since,
        "approved": hold.approved,
        "approved_by": hold.approved_by,
        "approved_until": hold.approved_until,
        "way_out": way_out_of(source, hold),
    }


def _indented(text: str) -> None:
    for line in text.splitlines():
        click.echo(f"    {line}")


def _mark(report: Report) -> str:
    return {Result.OK: "✓", Result.PARTIAL: "!", Result.HELD: "‖", Result.FAILED: "✗"}[report.result]


def _counts(report: Report) -> str:
    counted = [
        (report.created, "created"),
        (report.updated, "updated"),
        (report.deleted, "deleted"),
        (report.unchanged, "unchanged"),
        (report.held, "held"),
        (report.failed, "failed"),
        (report.skipped, "left out"),
    ]
    nothing = "nothing done" if report.result is Result.FAILED else "nothing to do"
    done = ", ".join(f"{count} {word}" for count, word in counted if count) or nothing
    return f"{done}  ({report.listed} listed, {report.requests} requests, {report.seconds:.1f} s)"
