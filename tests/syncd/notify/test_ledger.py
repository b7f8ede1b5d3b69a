"""What is told, and what is not told again; time is a number here."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from syncd.config.notifications import Kind
from syncd.errors import SourceBusy, SourceUnavailable
from syncd.model import Report, Result
from syncd.notify.ledger import RETRY_S, Policy, Why, count_runs, decide, settle, streaks
from syncd.notify.problem import Problem
from syncd.outcome import Outcome
from syncd.state.notices import Key, Notice

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
HOLD = Problem(source="handbook", kind=Kind.HOLD, about="deletes", count=12, since=900.0)


class People:
    """Who are told, and answer whether it reached them."""

    def __init__(self, *, per_hour: int = 20, remind_s: float = DAY_S) -> None:
        self.notices: dict[Key, Notice] = {}
        self.reached = True
        self.kinds = set(Kind)
        self._policy = Policy(
            remind_s=remind_s, per_hour=per_hour, wants=lambda source, kind: kind in self.kinds
        )

    def look(self, problems: Sequence[Problem], now: float) -> list[tuple[str, Why]]:
        """Tell what there is to tell, and return it."""
        told, after = decide(self.notices, problems, self._policy, now=now)
        delivered = {one.problem.key: self.reached for one in told}
        self.notices = settle(after, told, delivered, now=now)
        return [(one.problem.key[1], one.why) for one in told]


def test_problem_is_told_once_and_so_is_its_end() -> None:
    """Whoever looks every minute hears two messages."""
    people = People()

    heard = [people.look([HOLD], now) for now in (1000.0, 1060.0, 1120.0)]
    heard += [people.look([], now) for now in (2000.0, 2060.0)]

    assert heard == [[("hold:deletes", Why.OPEN)], [], [], [("hold:deletes", Why.OVER)], []]
    assert [key for key in people.notices if key[0]] == []


def test_what_stays_open_is_told_again_each_day() -> None:
    """And a hold that becomes an alarm at once, whenever that is."""
    people = People()
    people.look([HOLD], 1000.0)
    alarm = Problem(source="handbook", kind=Kind.HOLD, about="deletes", count=12, since=900.0, alarm=True)

    assert people.look([HOLD], 1000.0 + DAY_S - 1) == []
    assert people.look([alarm], 1000.0 + DAY_S - 1) == [("hold:deletes", Why.ALARM)]
    assert people.look([alarm], 1000.0 + DAY_S + 60) == []
    assert people.look([alarm], 1000.0 + 2 * DAY_S) == [("hold:deletes", Why.REMINDER)]


def test_no_reminders_if_nobody_wants_them() -> None:
    """remind_every: 0."""
    people = People(remind_s=0.0)
    people.look([HOLD], 1000.0)

    assert people.look([HOLD], 1000.0 + 90 * DAY_S) == []


@pytest.mark.parametrize(("count", "told"), [(13, []), (24, [("hold:deletes", Why.GREW)])])
def test_growth_is_told_when_it_doubles(count: int, told: list[object]) -> None:
    """One page more each quarter of an hour is no news each quarter of an hour."""
    people = People()
    people.look([HOLD], 1000.0)

    more = Problem(source="handbook", kind=Kind.HOLD, about="deletes", count=count, since=900.0)
    assert people.look([more], 2000.0) == told
    assert people.look([more], 2060.0) == []


def test_another_hold_in_the_place_of_a_decided_one_is_told() -> None:
    """Nobody may have looked in between."""
    people = People()
    people.look([HOLD], 1000.0)

    other = Problem(source="handbook", kind=Kind.HOLD, about="deletes", count=12, since=1500.0)
    assert people.look([other], 1600.0) == [("hold:deletes", Why.OPEN)]


def test_each_takedown_is_told_and_none_is_a_reminder() -> None:
    """A page that is taken down is meant to stay so."""
    people = People()

    def looked(count: int, now: float) -> list[tuple[str, Why]]:
        return people.look([Problem(source="a", kind=Kind.TAKEDOWN, count=count)] if count else [], now)

    assert looked(1, 1000.0) == [("takedown", Why.OPEN)]
    assert looked(1, 1000.0 + 3 * DAY_S) == []
    assert looked(2, 1000.0 + 3 * DAY_S) == [("takedown", Why.GREW)]
    assert looked(1, 1000.0 + 4 * DAY_S) == []
    assert looked(2, 1000.0 + 5 * DAY_S) == [("takedown", Why.GREW)]
    assert looked(0, 1000.0 + 6 * DAY_S) == []


def test_what_reached_nobody_is_tried_again_after_a_while() -> None:
    """Not each minute, and its end is not told if its beginning was not."""
    people = People()
    people.reached = False

    assert people.look([HOLD], 1000.0) == [("hold:deletes", Why.OPEN)]
    assert people.look([HOLD], 1060.0) == []
    people.reached = True
    assert people.look([HOLD], 1000.0 + RETRY_S) == [("hold:deletes", Why.OPEN)]
    people.reached = False
    assert people.look([], 5000.0) == [("hold:deletes", Why.OVER)]
    people.reached = True
    assert people.look([], 5000.0 + RETRY_S) == [("hold:deletes", Why.OVER)]

    nobody = People()
    nobody.reached = False
    nobody.look([HOLD], 1000.0)
    assert nobody.look([], 1000.0 + 2 * RETRY_S) == []


def test_more_than_people_can_read_in_an_hour_waits_for_the_next() -> None:
    """Nothing is lost: it comes together."""
    people = People(per_hour=2)
    sources = [Problem(source=name, kind=Kind.DRIFT, count=1) for name in "abcd"]

    heard = [people.look(sources[: index + 1], 1000.0 + index) for index in range(4)]

    assert [len(told) for told in heard] == [1, 1, 0, 0]
    assert len(people.look(sources, 1000.0 + HOUR_S)) == 2


def test_what_no_channel_takes_is_not_noted() -> None:
    """So nothing is written for it, either."""
    people = People()
    people.kinds = {Kind.DRIFT}

    assert people.look([HOLD], 1000.0) == []
    assert people.notices == {}


def test_failures_count_until_a_run_ends_well() -> None:
    """A run that was stopped, or that another process has, says nothing about the source."""

    def ended(result: Result, kind: str | None = None, error: Exception | None = None) -> Outcome:
        return Outcome(report=Report(name="a", result=result, error_kind=kind), error=error)

    failed = ended(Result.FAILED, "SourceUnavailable", SourceUnavailable("gone"))
    notices = count_runs({}, [failed, failed], now=5.0)
    notices = count_runs(notices, [ended(Result.FAILED, "Stopped")], now=6.0)
    notices = count_runs(notices, [ended(Result.FAILED, None, SourceBusy("busy"))], now=6.0)
    assert streaks(notices) == {"a": (2, 5.0)}
    assert streaks(count_runs(notices, [failed], now=9.0)) == {"a": (3, 5.0)}

    assert streaks(count_runs(notices, [ended(Result.PARTIAL)], now=9.0)) == {}
