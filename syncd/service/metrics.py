"""What Prometheus is told. Labels are sources, actions and classes, never pages; moments are timestamps."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from syncd import __version__
from syncd.errors import ConfigError
from syncd.log import dropped
from syncd.model import Result
from syncd.service.service import Ended, Service
from syncd.service.signatures import CHECKS
from syncd.service.webhooks import ANSWERS
from syncd.state.queries import SourceSummary

_ACTIONS = ("created", "updated", "deleted", "failed")
_STATUSES = ("2xx", "3xx", "4xx", "429", "5xx", "none")
_DURATIONS_S = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 7200)

Summaries = Mapping[str, SourceSummary]


class Metrics:
    """The metrics of a service.

    Attributes:
        summaries: how the sources stand, as last asked of the state store.
    """

    def __init__(self, service: Service) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.summaries: Summaries = {}
        self._service = service
        self._registry = CollectorRegistry(auto_describe=True)
        self._sources: set[str] = set()
        self._pages = self._counter("pages", "Pages that runs carried out.", "source", "action")
        self._runs = self._counter("runs", "Runs that ended.", "source", "result")
        self._requests = self._counter("intercom_requests", "Answers of Intercom.", "status")
        self._webhooks = self._counter("webhooks", "Deliveries of webhooks.", "sender", "answer")
        self._durations = Histogram(
            "syncd_run_duration_seconds",
            "How long runs took.",
            ["source"],
            buckets=_DURATIONS_S,
            registry=self._registry,
        )
        for status in _STATUSES:
            self._requests.labels(status)
        for sender in CHECKS:
            for answer in ANSWERS:
                self._webhooks.labels(sender, answer)
        ProcessCollector(registry=self._registry)
        self._registry.register(_Gauges(self))
        self.configure()

    def configure(self) -> None:
        """Take over the sources of the service as they are configured now."""
        names = {source.name for source in self._service.sources}
        for name in self._sources - names:
            self._durations.remove(name)
            for action in _ACTIONS:
                self._pages.remove(name, action)
            for result in Result:
                self._runs.remove(name, result.value)
        for name in names - self._sources:
            self._durations.labels(name)
            for action in _ACTIONS:
                self._pages.labels(name, action)
            for result in Result:
                self._runs.labels(name, result.value)
        self._sources = names

    def ran(self, ended: Ended) -> None:
        """Count a run."""
        report = ended.outcome.report
        if report.name not in self._sources:
            return  # it left the configuration while it ran
        for action in _ACTIONS:
            self._pages.labels(report.name, action).inc(getattr(report, action))
        self._runs.labels(report.name, report.result.value).inc()
        self._durations.labels(report.name).observe(report.seconds)

    def answered(self, status: int | None) -> None:
        """Count an answer of Intercom, by its status; None if there was none."""
        kind = "none" if status is None else "429" if status == 429 else f"{status // 100}xx"
        self._requests.labels(kind).inc()

    def received(self, sender: str, answer: str) -> None:
        """Count a delivery of a webhook."""
        self._webhooks.labels(sender, answer).inc()

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)

    def families(self) -> Iterator[Metric]:
        """What is true at this moment."""
        yield from standing(self.summaries, self._sources)
        service = self._service
        due = _gauge("next_run_timestamp_seconds", "When it is due next; 0: not planned.", "source")
        running = _gauge("run_in_progress", "1 while it runs.", "source")
        paused = _gauge("source_paused", "1 while it runs only on demand.", "source")
        for name in sorted(self._sources):
            due.add_metric([name], service.next_run(name) or 0)
            running.add_metric([name], name in service.running())
            paused.add_metric([name], service.is_paused(name))
        yield from (due, running, paused)
        lost = CounterMetricFamily("syncd_log_events_dropped", "Log events that nobody took in time.")
        lost.add_metric([], dropped())
        yield lost

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"syncd_{name}", text, labels, registry=self._registry)


class _Gauges(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        return self._metrics.families()


class _Standing(Collector):
    def __init__(self, summaries: Summaries, names: Collection[str]) -> None:
        self._summaries = summaries
        self._names = names

    def collect(self) -> Iterable[Metric]:
        return standing(self._summaries, self._names)


def standing(summaries: Summaries, names: Collection[str]) -> Iterator[Metric]:
    """How the sources stand, as the state store knows it; a source that never ran counts with zeros."""
    info = InfoMetricFamily("syncd_build", "What runs.")
    info.add_metric([], {"version": __version__, "python": platform.python_version()})
    yield info
    pages = _gauge("source_pages", "Pages by state.", "source", "state")
    held = _gauge("held_pages", "Pages that wait for a person's decision.", "source")
    parked = _gauge("quarantined_pages", "Pages that could not be published.", "source")
    since = _gauge("hold_oldest_timestamp_seconds", "Since when they wait; 0: nothing waits.", "source")
    complete = _gauge("last_complete_timestamp_seconds", "When a run last saw all; 0: never.", "source")
    began = _gauge("last_run_timestamp_seconds", "When the last run began; 0: never.", "source")
    results = _gauge("last_run_result", "1 for the result of the last run.", "source", "result")
    counts = _gauge("last_run_pages", "Pages that the last run carried out.", "source", "action")
    for name in sorted(names):
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
        for action in _ACTIONS:
            counts.add_metric([name, action], getattr(last, action, 0))
    yield from (pages, held, parked, since, complete, began, results, counts)


def write_textfile(path: Path, summaries: Summaries, names: Collection[str]) -> None:
    """Leave how the sources stand for node_exporter's textfile collector; the file is whole at any time.

    Raises:
        ConfigError: it cannot be written.
    """
    registry = CollectorRegistry()
    registry.register(_Standing(summaries, names))
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


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"syncd_{name}", text, labels=labels)
