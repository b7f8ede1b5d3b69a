"""How each source stands, for the overview and for its own page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from syncd.guards import ALARM_AFTER_S
from syncd.journal import Hold
from syncd.service.queue import Want
from syncd.service.service import Service
from syncd.state.queries import RunSummary, SourceSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One source, as the service and the state know it together.

    Attributes:
        state: in one word: ok, partial, held, failed, open (a run that was killed), new.
        summary: None before the first run.
        runs: the newest first.
        running: the run that is under way.
        known: whether it is configured and enabled; else only what was published remains.
    """

    name: str
    summary: SourceSummary | None
    runs: tuple[RunSummary, ...]
    running: Want | None
    wanted: bool
    paused: bool
    next_run: float | None
    known: bool

    @property
    def last(self) -> RunSummary | None:
        """The newest run."""
        return self.summary.last_run if self.summary is not None else None

    @property
    def holds(self) -> tuple[Hold, ...]:
        """What waits for a person."""
        return self.summary.holds if self.summary is not None else ()

    @property
    def held(self) -> int:
        """Pages that wait for a person."""
        return sum(hold.count for hold in self.holds)

    @property
    def state(self) -> str:
        """How the last run ended, or what stands since."""
        if self.last is None:
            return "new"
        if self.last.result == "failed":
            return "failed"
        if self.holds or (self.summary is not None and self.summary.frozen is not None):
            return "held"
        return self.last.result or "open"

    @property
    def progress(self) -> tuple[int, int] | None:
        """Pages that the run under way has done, and all that it has to do."""
        if self.running is None or not self.running.activity.planned_pages:
            return None
        return self.running.activity.finished_pages, self.running.activity.planned_pages

    def is_alarming(self, now: float) -> bool:
        """Whether a page that is gone stays published, or a hold waits, for too long."""
        since = [hold.since for hold in self.holds]
        if self.summary is not None and self.summary.missing_since is not None:
            since.append(self.summary.missing_since)
        return any(now - one > ALARM_AFTER_S for one in since)


def standings(
    service: Service, summaries: Iterable[SourceSummary], runs: dict[str, list[RunSummary]]
) -> list[Standing]:
    """Return every source that is configured, and then those whose pages are still there."""
    known = {summary.source: summary for summary in summaries}
    names = [source.name for source in service.sources]
    left = sorted(name for name in known.keys() - set(names) if known[name].live)
    return [standing(service, name, known.get(name), runs.get(name, [])) for name in [*names, *left]]


def standing(
    service: Service, name: str, summary: SourceSummary | None, runs: Iterable[RunSummary]
) -> Standing:
    """Return how one source stands."""
    return Standing(
        name=name,
        summary=summary,
        runs=tuple(runs),
        running=service.running().get(name),
        wanted=name in service.waiting(),
        paused=service.is_paused(name),
        next_run=service.next_run(name),
        known=any(source.name == name for source in service.sources),
    )
