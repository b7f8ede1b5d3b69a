"""What needs a person, as the state store knows it. Pure; times are Unix seconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from syncd.config.model import Config, SourceConfig
from syncd.config.notifications import Kind
from syncd.guards import ALARM_AFTER_S
from syncd.state.freshness import Freshness, is_stale
from syncd.state.queries import SourceSummary

LATELY_S = 86400.0
"""Changes that were late count for so long: a slow night is no news a week later."""

REFUSED = "CredentialsRefused"
"""The `error_kind` of a run that Intercom refused the token of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something about a source that a person should know.

    Attributes:
        about: which one of its kind: "deletes" or "updates" that are held, a "source" that is.
        count: how many pages, or runs, it is about; 0 if it cannot be counted.
        since: when it began; None if nobody knows.
        alarm: whether it lasts too long.
        limit_s: how long it might have lasted, of what is stale.
    """

    source: str
    kind: Kind
    about: str = ""
    count: int = 0
    since: float | None = None
    alarm: bool = False
    limit_s: float = 0.0

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by: only one of a kind is open at once."""
        return self.source, f"{self.kind.value}:{self.about}" if self.about else self.kind.value


def problems(
    config: Config,
    summaries: Mapping[str, SourceSummary],
    late: Mapping[str, Freshness],
    streaks: Mapping[str, tuple[int, float]],
    *,
    now: float,
) -> list[Problem]:
    """Return what needs a person now.

    Args:
        late: how long the changes of the last day took.
        streaks: how many runs in a row failed, and since when.
    """
    found: list[Problem] = []
    for settings in config.sources:
        if settings.enabled:
            name = settings.name
            found += _of_state(settings, summaries.get(name), late.get(name, Freshness()), now)
            refused = any(problem.key == (name, Kind.CREDENTIAL.value) for problem in found)
            count, since = streaks.get(name, (0, now))
            if count >= config.notifications.failures and not refused:
                found.append(Problem(source=name, kind=Kind.FAILURE, count=count, since=since))
    return found


def _of_state(
    settings: SourceConfig, summary: SourceSummary | None, late: Freshness, now: float
) -> Iterator[Problem]:
    if summary is None:
        return
    name, last = summary.source, summary.last_run
    for hold in summary.holds:
        yield Problem(
            source=name,
            kind=Kind.HOLD,
            about=hold.question.value,
            count=hold.count,
            since=hold.since,
            alarm=now - hold.since > ALARM_AFTER_S,
        )
    if summary.frozen is not None and now - summary.frozen.since > ALARM_AFTER_S:
        # Whoever ordered it knows; that it lasts, nobody may.
        yield Problem(source=name, kind=Kind.HOLD, about="source", since=summary.frozen.since, alarm=True)
    if last is not None and last.error_kind == REFUSED:
        yield Problem(source=name, kind=Kind.CREDENTIAL, since=last.started)
    missing = summary.missing_since
    if missing is not None and now - missing > ALARM_AFTER_S and not summary.holds:
        yield Problem(source=name, kind=Kind.BLOCKED, count=summary.missing, since=missing, alarm=True)
    objective_s = settings.freshness.objective
    if is_stale(summary, objective_s, now=now):
        yield Problem(
            source=name, kind=Kind.STALE, since=summary.last_complete, alarm=True, limit_s=objective_s
        )
    elif late.misses(objective_s):
        yield Problem(source=name, kind=Kind.STALE, about="changes", count=late.changes, limit_s=objective_s)
    if late.overdue:
        yield Problem(
            source=name, kind=Kind.INGESTION, count=late.overdue, since=late.overdue_since, alarm=True
        )
    if summary.drifted and settings.drift == "report":
        yield Problem(source=name, kind=Kind.DRIFT, count=summary.drifted, since=summary.verified_at)
    if summary.quarantined:
        yield Problem(source=name, kind=Kind.QUARANTINE, count=summary.quarantined)
    if summary.taken_down:
        yield Problem(source=name, kind=Kind.TAKEDOWN, count=summary.taken_down)
