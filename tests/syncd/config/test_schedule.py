"""Schedules: intervals, and cron with its Unix meaning."""

from __future__ import annotations

import pytest

from syncd.config.schedule import Cron, Every, parse_schedule


@pytest.mark.parametrize(
    ("text", "interval_s"), [("every 15m", 900), ("every 10s", 10), ("every PT1H", 3600)]
)
def test_interval(text: str, interval_s: float) -> None:
    """ "every" takes any duration of ten seconds or more."""
    assert parse_schedule(text) == Every(interval_s=interval_s)


def cron(text: str) -> Cron:
    schedule = parse_schedule(text)
    assert isinstance(schedule, Cron)
    return schedule


def test_cron_fields() -> None:
    """Numbers, ranges, lists, steps and names."""
    schedule = cron("*/20 9-17 1,15 jan-mar MON-fri")
    assert schedule.minutes == {0, 20, 40}
    assert schedule.hours == set(range(9, 18))
    assert schedule.days == {1, 15}
    assert schedule.months == {1, 2, 3}
    assert schedule.weekdays == {1, 2, 3, 4, 5}


def test_sunday_is_0_and_7() -> None:
    """As in crontab(5), not as in libraries that begin the week on Monday."""
    assert cron("0 0 * * 0").weekdays == cron("0 0 * * 7").weekdays == cron("0 0 * * sun").weekdays == {0}
    assert cron("0 0 * * 5-7").weekdays == {5, 6, 0}


def test_step_from_a_number_runs_to_the_end() -> None:
    """5/15 is 5-59/15."""
    assert cron("5/15 * * * *").minutes == {5, 20, 35, 50}


def test_only_a_field_that_begins_with_a_star_restricts_nothing() -> None:
    """If the day and the weekday are both restricted, either of them matches."""
    schedule = cron("0 0 */2 * 1")
    assert (schedule.any_day, schedule.any_weekday) == (True, False)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (5, 'must be "every 15m", or cron with five fields such as "0 * * * *"'),
        ("hourly", 'must be "every 15m", or cron with five fields such as "0 * * * *"'),
        ("0 0 0 * * *", 'must be "every 15m", or cron with five fields such as "0 * * * *"'),
        ("every 5", 'must be a duration with its unit, such as "90s", "15m", "1h30m", "2d" or "PT15M"'),
        ("every 0s", "must be at least every 10s"),
        ("60 * * * *", "cron's minute must lie between 0 and 59, and '60' does not"),
        ("* 24 * * *", "cron's hour must lie between 0 and 23, and '24' does not"),
        ("* * 0 * *", "cron's day of the month must lie between 1 and 31, and '0' does not"),
        ("* * * foo *", "cron's month must lie between 1 and 12, and 'foo' does not"),
        ("* * * * 8", "cron's weekday must lie between 0 and 7, and '8' does not"),
        ("*/0 * * * *", "cron's minute '*/0' matches nothing"),
        ("30-10 * * * *", "cron's minute '30-10' matches nothing"),
        ("? * * * *", "cron's minute must be a number, a range, a list or '*', not '?'"),
        ("1,,2 * * * *", "cron's minute must be a number, a range, a list or '*', not '1,,2'"),
        ("0 0 31 2,4 *", "'0 0 31 2,4 *' names a day that none of its months has"),
    ],
)
def test_other_schedule_is_refused(value: object, message: str) -> None:
    """The message names the field and its range."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the message is compared below)
        parse_schedule(value)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["every 1h30m", "0 * * * *", "0 0 31 2 1"])
def test_what_is_shown_is_what_was_written(text: str) -> None:
    """`syncd config show` prints what the file may hold."""
    assert str(parse_schedule(text)) == text
