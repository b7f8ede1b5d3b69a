"""When a source is synchronised: "every 15m", or a cron expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, GetPydanticSchema, PlainSerializer
from pydantic_core import core_schema

from syncd.config.quantity import format_duration, parse_duration

MIN_INTERVAL_S = 10.0

_FORMS = 'must be "every 15m", or cron with five fields such as "0 * * * *"'
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_LONGEST_MONTH = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_QUIET = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_PART = re.compile(r"(?:\*|(?P<first>\w{1,3})(?:-(?P<last>\w{1,3}))?)(?:/(?P<step>\d{1,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """A fixed interval, in seconds."""

    interval_s: float

    def __str__(self) -> str:
        return f"every {format_duration(self.interval_s)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """A cron expression with its Unix meaning (crontab(5)).

    If both the day of the month and the weekday are restricted, either of them matches.

    Attributes:
        expression: as it was written.
        minutes, hours, days, months: the values that match.
        weekdays: 0 is Sunday.
        any_day, any_weekday: the field begins with "*", so it restricts nothing.
    """

    expression: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool

    def __str__(self) -> str:
        return self.expression


Schedule = Every | Cron


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """A part of each day, in minutes since midnight; an end before the start is on the next day."""

    start_min: int
    end_min: int

    def __str__(self) -> str:
        return "-".join(f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (self.start_min, self.end_min))


def parse_quiet_hours(value: object) -> QuietHours:
    """Read "22:00-06:00".

    Raises:
        ValueError: another form, or hours without an end.
    """
    match = _QUIET.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be hours of the day such as "22:00-06:00", in quotes')
    start, end, end_min = int(match[1]) * 60 + int(match[2]), int(match[3]), int(match[4])
    if start == end * 60 + end_min:
        raise ValueError("must not last all day; to stop a source, set 'enabled: false'")
    return QuietHours(start_min=start, end_min=end * 60 + end_min)


def parse_schedule(value: object) -> Schedule:
    """Read a schedule.

    Raises:
        ValueError: another form, a value out of its range, or a date that never comes.
    """
    if not isinstance(value, str):
        raise ValueError(_FORMS)
    if value.startswith("every "):
        return _every(value.removeprefix("every ").strip())
    fields = value.split()
    if len(fields) != 5:
        raise ValueError(_FORMS)
    minutes = _field("minute", fields[0], 0, 59)
    hours = _field("hour", fields[1], 0, 23)
    days = _field("day of the month", fields[2], 1, 31)
    months = _field("month", fields[3], 1, 12, names=_MONTHS)
    weekdays = frozenset(day % 7 for day in _field("weekday", fields[4], 0, 7, names=_WEEKDAYS))
    any_day = fields[2].startswith("*")
    any_weekday = fields[4].startswith("*")
    if any_weekday and all(min(days) > _LONGEST_MONTH.get(month, 31) for month in months):
        raise ValueError(f"{value!r} names a day that none of its months has")
    return Cron(
        expression=" ".join(fields),
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=weekdays,
        any_day=any_day,
        any_weekday=any_weekday,
    )


def _every(text: str) -> Every:
    interval_s = parse_duration(text)
    if interval_s < MIN_INTERVAL_S:
        raise ValueError(f"must be at least every {format_duration(MIN_INTERVAL_S)}")
    return Every(interval_s=interval_s)


def _field(what: str, text: str, low: int, high: int, *, names: list[str] | None = None) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"cron's {what} must be a number, a range, a list or '*', not {text!r}")
        step = int(match["step"] or 1)
        first, last = low, high
        if match["first"] is not None:
            first = _number(what, match["first"], low, high, names)
            if match["last"] is not None:
                last = _number(what, match["last"], low, high, names)
            elif match["step"] is None:
                last = first
        if step == 0 or first > last:
            raise ValueError(f"cron's {what} {part!r} matches nothing")
        values.update(range(first, last + 1, step))
    return frozenset(values)


def _number(what: str, text: str, low: int, high: int, names: list[str] | None) -> int:
    if names is not None and text.lower() in names:
        return names.index(text.lower()) + low
    if not text.isdigit() or not low <= int(text) <= high:
        raise ValueError(f"cron's {what} must lie between {low} and {high}, and {text!r} does not")
    return int(text)


ScheduleSetting = Annotated[
    Schedule,
    GetPydanticSchema(
        get_pydantic_core_schema=lambda _source, _handler: core_schema.no_info_plain_validator_function(
            _read
        ),
        get_pydantic_json_schema=lambda _schema, _handler: {
            "type": "string",
            "pattern": r"^every +P?[0-9T].*$|^\s*\S+(\s+\S+){4}\s*$",
            "examples": ["every 15m", "0 * * * *", "30 2 * * mon-fri"],
        },
    ),
    PlainSerializer(str, return_type=str),
]


def _read(value: object) -> Schedule:
    return value if isinstance(value, Every | Cron) else parse_schedule(value)


def _read_quiet(value: object) -> QuietHours:
    return value if isinstance(value, QuietHours) else parse_quiet_hours(value)


QuietSetting = Annotated[
    QuietHours,
    GetPydanticSchema(
        get_pydantic_core_schema=lambda _source, _handler: core_schema.no_info_plain_validator_function(
            _read_quiet
        ),
        get_pydantic_json_schema=lambda _schema, _handler: {
            "type": "string",
            "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$",
            "examples": ["22:00-06:00"],
        },
    ),
    PlainSerializer(str, return_type=str),
]


def _check_zone(name: str) -> str:
    if name == "UTC":
        return name
    # Loaded for other zones only, since every command reads the configuration.
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("is no time zone that this machine knows; such as UTC or Europe/Berlin") from error
    return name


ZoneName = Annotated[str, AfterValidator(_check_zone)]
"""The name of a time zone."""
