"""When a source is due: arithmetic on times, without a clock. All times are Unix seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from syncd.config.schedule import Every, QuietHours, Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """A schedule in its time zone, with the hours in which nothing begins by itself."""

    schedule: Schedule
    zone: str = "UTC"
    quiet: QuietHours | None = None

    def next(self, after: float) -> float:
        """Return the first time after this one at which the source is due.

        Cron's meaning on the two nights of the year: what falls into the hour that is left out runs when
        it is over; what falls into the hour that comes twice runs once, unless it runs every hour.
        """
        if isinstance(self.schedule, Every):
            return self.opens(after + self.schedule.interval_s)
        return next(
            due for due in map(self.opens, self._fires(after, self.schedule.expression)) if due > after
        )

    def first(self, now: float, last: float | None) -> float:
        """Return when a source is due whose last run began at `last`, if it ever ran.

        What was missed is due now, once.
        """
        return self.opens(now if last is None else max(now, self.next(min(last, now))))

    def opens(self, at: float) -> float:
        """Return the end of the quiet hours in which this time lies, or the time itself."""
        if self.quiet is None:
            return at
        local = datetime.fromtimestamp(at, ZoneInfo(self.zone))
        minutes = local.hour * 60 + local.minute
        start, end = self.quiet.start_min, self.quiet.end_min
        if not (start <= minutes < end if start < end else minutes >= start or minutes < end):
            return at
        day = local.date() + timedelta(days=minutes >= end)
        ends = datetime(day.year, day.month, day.day, end // 60, end % 60, tzinfo=local.tzinfo)
        # An end in the hour that comes twice may have been there already.
        return max(ends.timestamp(), ends.replace(fold=1).timestamp() if ends.timestamp() <= at else at)

    def _fires(self, after: float, expression: str) -> Iterator[float]:
        times = CronSim(expression, datetime.fromtimestamp(after, UTC).astimezone(ZoneInfo(self.zone)))
        return (time.timestamp() for time in times)
