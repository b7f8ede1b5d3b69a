"""What is to be told now, given what was told before. Pure; times are Unix seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from syncd.config.notifications import Kind
from syncd.errors import LeaseLost, SourceBusy
from syncd.model import Result
from syncd.notify.problem import Problem
from syncd.outcome import Outcome
from syncd.state.notices import Key, Notice, Notices

RETRY_S = 300.0
"""Seconds after which what could not be told is tried again."""

HOUR_S = 3600.0

_STREAK = "runs that failed"
_SENT: Key = ("", "messages in this hour")
_ONCE = frozenset({Kind.TAKEDOWN.value})


class Why(StrEnum):
    """What is new about a problem."""

    OPEN = "open"
    GREW = "grew"
    ALARM = "alarm"
    REMINDER = "reminder"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One thing to tell: a problem, or that it is over.

    Attributes:
        lasted_s: how long it was open, of one that is over.
    """

    problem: Problem
    why: Why
    lasted_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How often people may be told.

    Attributes:
        wants: whether any channel takes a source's problems of a kind.
    """

    remind_s: float
    per_hour: int
    wants: Callable[[str, Kind], bool]


def streaks(notices: Notices) -> dict[str, tuple[int, float]]:
    """How many runs of each source failed in a row, and since when."""
    return {
        source: (notice.count, notice.since) for (source, kind), notice in notices.items() if kind == _STREAK
    }


def count_runs(notices: Notices, outcomes: Iterable[Outcome], *, now: float) -> dict[Key, Notice]:
    """The notices with the runs that just ended counted."""
    after = dict(notices)
    for outcome in outcomes:
        report = outcome.report
        key = (report.name, _STREAK)
        if isinstance(outcome.error, SourceBusy | LeaseLost) or report.error_kind == "Stopped":
            continue  # it says nothing about the source
        if report.result is not Result.FAILED:
            after.pop(key, None)
        else:
            before = after.get(key, Notice(since=now))
            after[key] = replace(before, count=before.count + 1)
    return after


def decide(
    notices: Notices, problems: Sequence[Problem], policy: Policy, *, now: float
) -> tuple[list[Told], dict[Key, Notice]]:
    """Return what to tell now, and the notices while that is under way.

    What is told is marked as tried, so that no other process tells it as well; `settle` ends that.
    """
    wanted = {problem.key: problem for problem in problems if policy.wants(problem.source, problem.kind)}
    told: list[Told] = []
    after: dict[Key, Notice] = {key: notice for key, notice in notices.items() if _is_count(key)}
    for key, problem in wanted.items():
        notice = notices.get(key)
        why = _news(problem, notice, policy, now)
        if notice is None:
            began = now if problem.since is None else problem.since
            notice = Notice(since=began)
        if why is not None and not _waits(notice, now):
            told.append(Told(problem=problem, why=why))
            notice = replace(notice, tried_at=now)
        if problem.kind is Kind.TAKEDOWN and problem.count < notice.told_count:
            notice = replace(notice, told_count=problem.count)  # some were restored
        after[key] = notice
    for key, notice in notices.items():
        if key in wanted or _is_count(key) or notice.told_at is None:
            continue
        over = _over(key, notice, now)
        if key[1] in _ONCE or not policy.wants(over.problem.source, over.problem.kind):
            continue
        if not _waits(notice, now):
            told.append(over)
            notice = replace(notice, tried_at=now)
        after[key] = notice
    if not told:
        return [], after
    sent = notices.get(_SENT)
    if sent is None or not 0 <= now - sent.since < HOUR_S:
        sent = Notice(since=now)
    if sent.count >= policy.per_hour:
        # Nothing is marked: all of it comes with the first message of the next hour.
        return [], {key: notices[key] for key in notices}
    after[_SENT] = replace(sent, count=sent.count + 1)
    return told, after


def settle(
    notices: Notices, told: Iterable[Told], delivered: Mapping[Key, bool], *, now: float
) -> dict[Key, Notice]:
    """The notices once it is known what reached somebody; the rest is tried again later."""
    after = dict(notices)
    for one in told:
        key, problem = one.problem.key, one.problem
        if key not in after or not delivered.get(key):
            continue
        if one.why is Why.OVER:
            del after[key]
        else:
            after[key] = replace(
                after[key],
                count=problem.count,
                alarm=problem.alarm,
                told_at=now,
                told_count=problem.count,
                tried_at=None,
            )
    return after


def _news(problem: Problem, notice: Notice | None, policy: Policy, now: float) -> Why | None:
    if notice is None or notice.told_at is None:
        return Why.ALARM if problem.alarm else Why.OPEN
    if problem.alarm and not notice.alarm:
        return Why.ALARM
    if problem.kind is Kind.TAKEDOWN:
        return Why.GREW if problem.count > notice.told_count else None
    if problem.kind is Kind.HOLD and problem.since is not None and problem.since > notice.told_at:
        return Why.OPEN  # the one before was decided meanwhile
    if notice.told_count and problem.count >= 2 * notice.told_count and problem.kind is not Kind.FAILURE:
        return Why.GREW
    if policy.remind_s and now - notice.told_at >= policy.remind_s:
        return Why.REMINDER
    return None


def _waits(notice: Notice, now: float) -> bool:
    """Whether somebody is about to tell it, or could not a moment ago. A clock set back waits no more."""
    return notice.tried_at is not None and 0 <= now - notice.tried_at < RETRY_S


def _over(key: Key, notice: Notice, now: float) -> Told:
    kind, _, about = key[1].partition(":")
    problem = Problem(
        source=key[0], kind=Kind(kind), about=about, count=notice.told_count, since=notice.since
    )
    return Told(problem=problem, why=Why.OVER, lasted_s=max(0.0, now - notice.since))


def _is_count(key: Key) -> bool:
    return key == _SENT or key[1] == _STREAK
