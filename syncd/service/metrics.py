"""What Prometheus is told. Labels are sources, actions and classes, never pages; moments are timestamps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from syncd.log import dropped
from syncd.model import Result
from syncd.notify.notifier import open_problems
from syncd.notify.problem import Problem
from syncd.service.gauges import ACTIONS, Lags, Summaries, gauge, standing
from syncd.service.service import Ended, Service
from syncd.service.signatures import CHECKS
from syncd.service.webhooks import ANSWERS

_TAKEN = {True: "delivered", False: "failed"}
_STATUSES = ("2xx", "3xx", "4xx", "429", "5xx", "none")
_LAGS_S = (10, 60, 300, 900, 1800, 3600, 7200, 14400, 43200, 86400, 259200, 604800)
_DURATIONS_S = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 7200)


class Metrics:
    """The metrics of a service.

    Attributes:
        summaries, lags, open: how the sources stand, how fresh they are and what needs a person, as last
            asked of the state store.
    """

    def __init__(self, service: Service) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.summaries: Summaries = {}
        self.lags: Lags = {}
        self.open: Sequence[Problem] = ()
        self._line: int | None = None
        self._service = service
        self._registry = CollectorRegistry(auto_describe=True)
        self._sources: set[str] = set()
        self._pages = self._counter("pages", "Pages that runs carried out.", "source", "action")
        self._runs = self._counter("runs", "Runs that ended.", "source", "result")
        self._requests = self._counter("intercom_requests", "Answers of Intercom.", "status")
        self._webhooks = self._counter("webhooks", "Deliveries of webhooks.", "sender", "answer")
        self._messages = self._counter(
            "notifications", "Messages that channels took, or did not.", "channel", "result"
        )
        self._durations = Histogram(
            "syncd_run_duration_seconds",
            "How long runs took.",
            ["source"],
            buckets=_DURATIONS_S,
            registry=self._registry,
        )
        self._changes = Histogram(
            "syncd_change_lag_seconds",
            "How long changes took from their origin to Intercom's acknowledgement.",
            ["source"],
            buckets=_LAGS_S,
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
        for channel in self._service.config.notifications.channels:
            for result in _TAKEN.values():
                self._messages.labels(channel.name, result)
        names = {source.name for source in self._service.sources}
        for name in self._sources - names:
            self._durations.remove(name)
            self._changes.remove(name)
            for action in ACTIONS:
                self._pages.remove(name, action)
            for result in Result:
                self._runs.remove(name, result.value)
        for name in names - self._sources:
            self._durations.labels(name)
            self._changes.labels(name)
            for action in ACTIONS:
                self._pages.labels(name, action)
            for result in Result:
                self._runs.labels(name, result.value)
        self._sources = names

    def ran(self, ended: Ended) -> None:
        """Count a run."""
        report = ended.outcome.report
        if report.name not in self._sources:
            return  # it left the configuration while it ran
        for action in ACTIONS:
            self._pages.labels(report.name, action).inc(getattr(report, action))
        self._runs.labels(report.name, report.result.value).inc()
        self._durations.labels(report.name).observe(report.seconds)

    async def refresh(self) -> None:
        """Ask the state store how the sources stand. Raises StateStoreError."""
        service = self._service
        self.summaries = await service.summaries()
        self.lags = await service.freshness()
        config, summaries, now = service.config, self.summaries, service.clock.now()
        self.open = await service.ask(lambda store: open_problems(config, store, summaries, now=now))
        self._line, changes = await service.lags_after(self._line)
        for name, lag_s in changes:
            if name in self._sources:
                self._changes.labels(name).observe(lag_s)

    def answered(self, status: int | None) -> None:
        """Count an answer of Intercom, by its status; None if there was none."""
        kind = "none" if status is None else "429" if status == 429 else f"{status // 100}xx"
        self._requests.labels(kind).inc()

    def told(self, channel: str, taken: bool) -> None:
        """Count a message to people, by the channel's name."""
        self._messages.labels(channel, _TAKEN[taken]).inc()

    def received(self, sender: str, answer: str) -> None:
        """Count a delivery of a webhook."""
        self._webhooks.labels(sender, answer).inc()

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)

    def families(self) -> Iterator[Metric]:
        """What is true at this moment."""
        service = self._service
        objectives = {source.name: source.freshness.objective for source in service.sources}
        yield from standing(self.summaries, self.lags, objectives, self.open)
        due = gauge("next_run_timestamp_seconds", "When it is due next; 0: not planned.", "source")
        running = gauge("run_in_progress", "1 while it runs.", "source")
        paused = gauge("source_paused", "1 while it runs only on demand.", "source")
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
