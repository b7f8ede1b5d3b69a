"""When each source is due next: APScheduler's jobs and triggers, on a clock that is handed in.

APScheduler's own schedulers ask the system for the time and wait for as long as the next job is away, so
a clock that is set, or a machine that sleeps, would stop them for the size of the jump.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.base import BaseTrigger

from syncd.clock import Clock, Random, Sleep
from syncd.config.schedule import Every
from syncd.service.calendar import Calendar

LONGEST_WAIT_S = 30.0
"""Seconds after which the wall clock is asked again, however far away the next run is."""

# A clock that is kept by NTP is moved by less.
_JUMP_S = 2.0

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Timetable(BaseScheduler):  # type: ignore[misc]  # APScheduler 3 has no types
    """One job for each source. It only tells that a source is due; what is missed counts once."""

    def __init__(self, *, clock: Clock, sleep: Sleep, random: Random, due: Callable[[str], None]) -> None:
        """Plan nothing yet; `due` is told the name of each source when its time has come."""
        super().__init__(timezone=UTC)
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._due = due
        self._changed = asyncio.Event()
        self._seen = (clock.now(), clock.monotonic())

    def plan(self, source: str, calendar: Calendar, *, first: float, jitter_s: float = 0) -> None:
        """Let the source be due at `first`, and then as the calendar says."""
        trigger = _Trigger(calendar, jitter_s, self._random)
        self.add_job(
            self._due, trigger, args=(source,), id=source, next_run_time=_moment(first), replace_existing=True
        )

    def drop(self, source: str) -> None:
        """Let the source never be due again."""
        if self.get_job(source) is not None:
            self.remove_job(source)

    def next_run(self, source: str) -> float | None:
        """When the source is due next; None if it is not planned."""
        job = self.get_job(source)
        return None if job is None else _seconds(job.next_run_time)

    def bring_forward(self, source: str, to: float) -> None:
        """Let the source be due at that time, if it is not due earlier anyway."""
        planned = self.next_run(source)
        if planned is not None and to < planned:
            self.modify_job(source, next_run_time=_moment(to))

    async def run(self) -> None:
        """Tell what is due, until it is cancelled."""
        if not self.running:
            self.start()
        while True:
            wait_s = self.tick()
            self._changed.clear()
            waits = [asyncio.ensure_future(self._sleep(wait_s)), asyncio.create_task(self._changed.wait())]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()

    def tick(self) -> float:
        """Tell what is due now; return the seconds until it must be called again."""
        now = self._clock.now()
        self._follow_jumps(now)
        moment = _moment(now)
        for job in self.get_jobs():
            if job.next_run_time <= moment:
                self.modify_job(
                    job.id, next_run_time=job.trigger.get_next_fire_time(job.next_run_time, moment)
                )
                job.func(*job.args)
        waits = [_seconds(job.next_run_time) - self._clock.now() for job in self.get_jobs()]
        return max(0.0, min([LONGEST_WAIT_S, *waits]))

    def wakeup(self) -> None:
        """APScheduler calls it when a job is added or changed."""
        self._changed.set()

    def shutdown(self, wait: bool = True) -> None:
        """End; what is under way is not APScheduler's."""
        if self.running:
            super().shutdown(wait)

    def _follow_jumps(self, now: float) -> None:
        """After a clock was set back: what is due is due by the new time, and intervals last as long."""
        before, monotonic = self._seen
        self._seen = (now, self._clock.monotonic())
        jumped_s = (now - before) - (self._seen[1] - monotonic)
        if jumped_s > -_JUMP_S:
            return
        for job in self.get_jobs():
            moved = job.trigger.after_jump(_seconds(job.next_run_time), jumped_s, now)
            self.modify_job(job.id, next_run_time=_moment(moved))


class _Trigger(BaseTrigger):  # type: ignore[misc]
    """A calendar as APScheduler asks for it, with jitter."""

    def __init__(self, calendar: Calendar, jitter_s: float, random: Random) -> None:
        self._calendar = calendar
        self._jitter_s = jitter_s
        self._random = random
        self._delay_s = 0.0

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The first time after now, counted from when the last one was due without its jitter."""
        last, present = _seconds(now), _seconds(now)
        if previous_fire_time is not None:
            last = _seconds(previous_fire_time) - self._delay_s
        schedule = self._calendar.schedule
        if isinstance(schedule, Every):
            # Whole intervals, so that a run that began late does not move all that follow.
            last += (present - last) // schedule.interval_s * schedule.interval_s
            due = self._calendar.next(last)
        else:
            due = self._calendar.next(present)
        self._delay_s = self._random() * self._jitter_s
        return _moment(due + self._delay_s)

    def after_jump(self, due: float, jumped_s: float, now: float) -> float:
        """When what was due is due after the wall clock was set back."""
        if isinstance(self._calendar.schedule, Every):
            return due + jumped_s
        return min(due, self._calendar.next(now) + self._delay_s)


def _moment(seconds: float) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)


def _seconds(moment: datetime) -> float:
    return (moment - _EPOCH).total_seconds()
