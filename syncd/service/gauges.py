"""How the sources stand, as Prometheus reads it: from a service, or from a file that a command leaves."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from syncd import __version__
from syncd.config.notifications import Kind
from syncd.errors import ConfigError
from syncd.model import Result
from syncd.notify.problem import Problem
from syncd.state.freshness import Freshness
from syncd.state.queries import SourceSummary

ACTIONS = ("created", "updated", "deleted", "failed")
"""What runs do to pages: fields of a report."""

Summaries = Mapping[str, SourceSummary]
Lags = Mapping[str, Freshness]
"""How long changes took lately, by source."""

Objectives = Mapping[str, float]
"""Seconds that a change may take, by source; 0: no objective."""


class _Standing(Collector):
    def __init__(
        self, summaries: Summaries, lags: Lags, objectives: Objectives, problems: Sequence[Problem]
    ) -> None:
        self._told = (summaries, lags, objectives, problems)

    def collect(self) -> Iterable[Metric]:
        return standing(*self._told)


def standing(
    summaries: Summaries, lags: Lags, objectives: Objectives, problems: Iterable[Problem]
) -> Iterator[Metric]:
    """How each source that has an entry in `objectives` stands, as the state store knows it.

    One that never ran counts with zeros.
    """
    info = InfoMetricFamily("syncd_build", "What runs.")
    info.add_metric([], {"version": __version__, "python": platform.python_version()})
    yield info
    pages = gauge("source_pages", "Pages by state.", "source", "state")
    held = gauge("held_pages", "Pages that wait for a person's decision.", "source")
    parked = gauge("quarantined_pages", "Pages that could not be published.", "source")
    since = gauge("hold_oldest_timestamp_seconds", "Since when they wait; 0: nothing waits.", "source")
    complete = gauge("last_complete_timestamp_seconds", "When a run last saw all; 0: never.", "source")
    began = gauge("last_run_timestamp_seconds", "When the last run began; 0: never.", "source")
    results = gauge("last_run_result", "1 for the result of the last run.", "source", "result")
    counts = gauge("last_run_pages", "Pages that the last run carried out.", "source", "action")
    objective = gauge("freshness_objective_seconds", "How long a change may take; 0: no objective.", "source")
    lag = gauge("freshness_seconds", "How long changes of the last 7 days took.", "source", "percentile")
    read_in = gauge("ingestion_seconds", "How long Intercom took to read pages in.", "source", "percentile")
    unread = gauge("ingestions_overdue", "Pages that Intercom did not read in within a day.", "source")
    for name in sorted(objectives):
        summary = summaries.get(name)
        for state in ("live", "pending", "deleting", "quarantined", "skipped", "missing", "ambiguous"):
            pages.add_metric([name, state], getattr(summary, state, 0))
        holds = summary.holds if summary is not None else ()
        last = summary.last_run if summary is not None else None
        held.add_metric([name], sum(hold.count for hold in holds))
        since.add_metric([name], min((hold.since for hold in holds), default=0))
        parked.add_metric([name], summary.quarantined if summary is not None else 0)
        complete.add_metric([name], (summary.last_complete if summary is not None else None) or 0)
        began.add_metric([name], last.started if last is not None else 0)
        for result in Result:
            results.add_metric([name, result.value], last is not None and last.result == result.value)
        objective.add_metric([name], objectives[name])
        fresh = lags.get(name, Freshness())
        for percentile, value in (("50", fresh.p50_s), ("95", fresh.p95_s)):
            if value is not None:
                lag.add_metric([name, percentile], value)
        for percentile, value in (("50", fresh.ingested_p50_s), ("95", fresh.ingested_p95_s)):
            if value is not None:
                read_in.add_metric([name, percentile], value)
        unread.add_metric([name], fresh.overdue)
        for action in ACTIONS:
            counts.add_metric([name, action], getattr(last, action, 0))
    yield from (pages, held, parked, since, complete, began, results, counts, objective, lag)
    yield from (read_in, unread)
    open_ = gauge("open_problems", "What needs a person, by what people are told of.", "source", "kind")
    alarms = gauge("alarms", "Problems that last too long, as deletions held for more than 24 h.", "source")
    found = [problem for problem in problems if problem.source in objectives]
    for name in sorted(objectives):
        for kind in Kind:
            open_.add_metric(
                [name, kind.value], sum(one.source == name and one.kind is kind for one in found)
            )
        alarms.add_metric([name], sum(one.source == name and one.alarm for one in found))
    yield from (open_, alarms)


def write_textfile(
    path: Path, summaries: Summaries, lags: Lags, objectives: Objectives, problems: Iterable[Problem]
) -> None:
    """Leave how the sources stand for node_exporter's textfile collector; the file is whole at any time.

    Raises:
        ConfigError: it cannot be written.
    """
    registry = CollectorRegistry()
    registry.register(_Standing(summaries, lags, objectives, tuple(problems)))
    text = generate_latest(registry)
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(text)
        # node_exporter is another user.
        temporary.chmod(0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise ConfigError(
            f"metrics_textfile {path} cannot be written: {(error.strerror or 'unknown reason').lower()}. "
            "The sync itself is done. Make its folder, writable by this user."
        ) from error


def gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    """Return a gauge without values; its name gets our prefix."""
    return GaugeMetricFamily(f"syncd_{name}", text, labels=labels)
