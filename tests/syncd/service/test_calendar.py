"""Times at which sources are due: cron as Unix has it, the two nights of the year, and quiet hours."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.config.schedule import parse_quiet_hours, parse_schedule
from syncd.service.calendar import Calendar
from tests.syncd.service.clocks import moment

BERLIN = "Europe/Berlin"


def calendar(schedule: str, *, zone: str = "UTC", quiet: str | None = None) -> Calendar:
    return Calendar(
        schedule=parse_schedule(schedule),
        zone=zone,
        quiet=None if quiet is None else parse_quiet_hours(quiet),
    )


def series(of: Calendar, after: str, count: int) -> list[float]:
    due, found = moment(after), []
    for _ in range(count):
        due = of.next(due)
        found.append(due)
    return found


@pytest.mark.parametrize(
    ("schedule", "after", "due"),
    [
        ("every 15m", "2026-06-01T12:07:03+00:00", "2026-06-01T12:22:03+00:00"),
        ("0 * * * *", "2026-06-01T12:00:00+00:00", "2026-06-01T13:00:00+00:00"),
        # Sunday is 0, not Monday.
        ("0 0 * * 0", "2026-06-01T12:00:00+00:00", "2026-06-07T00:00:00+00:00"),
        # Either the first or a Monday.
        ("0 0 1 * mon", "2026-06-02T00:00:00+00:00", "2026-06-08T00:00:00+00:00"),
        ("0 0 1 * mon", "2026-06-29T00:00:00+00:00", "2026-07-01T00:00:00+00:00"),
    ],
)
def test_next(schedule: str, after: str, due: str) -> None:
    """Intervals count from the time before; cron has its Unix meaning."""
    assert calendar(schedule).next(moment(after)) == moment(due)


def test_night_with_an_hour_twice() -> None:
    """In autumn 02:30 comes twice, and a daily run comes once."""
    assert series(calendar("30 2 * * *", zone=BERLIN), "2026-10-24T12:00:00+02:00", 2) == [
        moment("2026-10-25T02:30:00+02:00"),
        moment("2026-10-26T02:30:00+01:00"),
    ]


@pytest.mark.parametrize("minute", [0, 10, 29, 30, 31, 59])
def test_service_that_starts_in_the_hour_that_comes_twice(minute: int) -> None:
    """Whoever asks in the second half of that night is not told a time that has passed."""
    after = moment(f"2026-10-25T02:{minute:02}:00+01:00")

    assert calendar("30 2 * * *", zone=BERLIN).next(after) == moment("2026-10-26T02:30:00+01:00")


def test_hourly_runs_go_on_in_the_hour_that_comes_twice() -> None:
    """An hour is an hour."""
    due = series(calendar("0 * * * *", zone=BERLIN), "2026-10-25T00:30:00+02:00", 5)

    assert [later - earlier for earlier, later in itertools.pairwise(due)] == [3600.0] * 4


def test_night_without_an_hour() -> None:
    """In spring there is no 02:30; the run comes when the hour is over, and not a day later."""
    assert series(calendar("30 2 * * *", zone=BERLIN), "2026-03-28T12:00:00+01:00", 2) == [
        moment("2026-03-29T03:00:00+02:00"),
        moment("2026-03-30T02:30:00+02:00"),
    ]


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-06-01T21:59:59+02:00", "2026-06-01T21:59:59+02:00"),
        ("2026-06-01T22:00:00+02:00", "2026-06-02T06:00:00+02:00"),
        ("2026-06-02T00:30:00+02:00", "2026-06-02T06:00:00+02:00"),
        ("2026-06-02T06:00:00+02:00", "2026-06-02T06:00:00+02:00"),
        ("2026-10-25T01:00:00+02:00", "2026-10-25T06:00:00+01:00"),
    ],
)
def test_quiet_hours(at: str, opens: str) -> None:
    """Nothing begins in them; they end by the clock on the wall."""
    quiet = calendar("every 15m", zone=BERLIN, quiet="22:00-06:00")

    assert quiet.opens(moment(at)) == moment(opens)


def test_what_falls_into_quiet_hours_runs_once_after_them() -> None:
    """A source that is due every hour does not run eight times in the morning."""
    assert series(calendar("0 * * * *", quiet="22:00-06:00"), "2026-06-01T20:30:00+00:00", 4) == [
        moment("2026-06-01T21:00:00+00:00"),
        moment("2026-06-02T06:00:00+00:00"),
        moment("2026-06-02T07:00:00+00:00"),
        moment("2026-06-02T08:00:00+00:00"),
    ]


def test_quiet_hours_that_end_in_the_hour_that_comes_twice() -> None:
    """They are over at the first 02:30 and begin no more."""
    quiet = calendar("every 15m", zone=BERLIN, quiet="01:00-02:30")

    assert quiet.opens(moment("2026-10-25T01:30:00+02:00")) == moment("2026-10-25T02:30:00+02:00")
    assert quiet.opens(moment("2026-10-25T02:10:00+01:00")) == moment("2026-10-25T02:30:00+01:00")


@given(
    st.sampled_from(["every 15m", "every 1d", "*/7 * * * *", "30 2 * * *", "0 0 1 * mon", "15 1-3 * * *"]),
    st.sampled_from([None, "22:00-06:00", "02:00-03:00", "00:00-23:59"]),
    st.floats(moment("2026-01-01T00:00:00+00:00"), moment("2027-12-31T00:00:00+00:00")),
)
def test_next_is_later_and_not_in_quiet_hours(schedule: str, quiet: str | None, after: float) -> None:
    """Whatever the night: time goes on, and what is promised to be quiet is quiet."""
    of = calendar(schedule, zone=BERLIN, quiet=quiet)

    due = of.next(after)

    assert due > after
    assert of.opens(due) == due


def test_first_run() -> None:
    """A new source runs at once, one that ran lately when it is due, and what was missed runs once, now."""
    of, now = calendar("every 1h"), moment("2026-06-01T12:00:00+00:00")

    assert of.first(now, None) == now
    assert of.first(now, now - 600) == now + 3000
    assert of.first(now, now - 86400 * 30) == now
    # A clock that was wrong when the last run began must not put the next one into next year.
    assert of.first(now, now + 86400 * 365) == now + 3600
