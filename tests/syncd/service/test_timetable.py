"""The timetable on a clock that jumps and sleeps."""

from __future__ import annotations

import asyncio

import pytest

from syncd.config.schedule import parse_schedule
from syncd.service.calendar import Calendar
from syncd.service.timetable import LONGEST_WAIT_S, Timetable
from tests.syncd.service.clocks import Clock, moment, told


class Bench:
    """A timetable with what it told, each with its time."""

    def __init__(self, clock: Clock, *, chance: float = 0.5) -> None:
        self.clock = clock
        self.told: list[tuple[str, float]] = []
        self.timetable = Timetable(
            clock=clock,
            sleep=clock.sleep,
            random=lambda: chance,
            due=self._due,
        )
        self.rang = asyncio.Event()
        self.timetable.start()

    def _due(self, source: str) -> None:
        self.told.append((source, self.clock.now()))
        self.rang.set()

    def plan(self, source: str, schedule: str, *, jitter_s: float = 0, zone: str = "UTC") -> None:
        calendar = Calendar(schedule=parse_schedule(schedule), zone=zone)
        first = calendar.next(self.clock.now())
        self.timetable.plan(source, calendar, first=first, jitter_s=jitter_s)

    def pass_(self, seconds: float) -> None:
        """Let time go by as the service does: no wait is longer than the timetable says."""
        end = self.clock.steady + seconds
        while self.clock.steady < end:
            self.clock.pass_(max(0.001, min(self.timetable.tick(), end - self.clock.steady)))
        self.timetable.tick()

    def times(self, source: str) -> list[str]:
        return [told(at) for name, at in self.told if name == source]


@pytest.fixture
async def bench() -> Bench:
    return Bench(Clock())


def test_each_source_at_its_time(bench: Bench) -> None:
    """No wait is longer than half a minute, and none makes a run late."""
    bench.plan("a", "every 15m")
    bench.plan("b", "30 * * * *")

    bench.pass_(3600)

    assert bench.times("a") == [f"2026-06-01T{at}:00+00:00" for at in ("12:15", "12:30", "12:45", "13:00")]
    assert bench.times("b") == ["2026-06-01T12:30:00+00:00"]
    assert bench.timetable.tick() <= LONGEST_WAIT_S


@pytest.mark.parametrize("hours", [2, 6, 24 * 400])
def test_p17_clock_that_jumps_ahead_makes_one_catch_up(bench: Bench, hours: float) -> None:
    """So it looks after a suspend, too: the monotonic clock stood still."""
    bench.plan("a", "every 15m")
    bench.plan("b", "0 * * * *")
    bench.pass_(60)

    bench.clock.wall += hours * 3600
    bench.pass_(30)

    assert len(bench.told) == 2
    bench.pass_(3600)
    assert [name for name, _ in bench.told].count("a") == 5
    assert [name for name, _ in bench.told].count("b") == 2


def test_p17_clock_that_is_set_back(bench: Bench) -> None:
    """An interval lasts as long as it lasts, and cron follows the clock on the wall."""
    bench.plan("a", "every 15m")
    bench.plan("b", "0 * * * *")
    bench.pass_(60)

    bench.clock.wall -= 2 * 3600
    bench.pass_(59 * 60 + 30)

    assert bench.times("a") == [f"2026-06-01T{at}:00+00:00" for at in ("10:15", "10:30", "10:45", "11:00")]
    assert bench.times("b") == ["2026-06-01T11:00:00+00:00"]


def test_p17_clock_that_is_kept_by_ntp_changes_nothing(bench: Bench) -> None:
    """Small corrections, back and forth, neither repeat nor move a run."""
    bench.plan("b", "0 * * * *")

    for correction in (-0.3, 0.2, -0.5, 0.6) * 30:
        bench.clock.wall += correction
        bench.pass_(60)

    assert len(bench.told) == 2


def test_autumn_night() -> None:
    """A daily run at 02:30 in Berlin comes once, with the clock going through that night."""
    bench = Bench(Clock("2026-10-24T20:00:00+00:00"))
    bench.plan("a", "30 2 * * *", zone="Europe/Berlin")

    bench.pass_(86400)

    assert bench.times("a") == ["2026-10-25T00:30:00+00:00"]


def test_jitter_delays_and_does_not_add_up() -> None:
    """A run half a minute late does not move all that follow."""
    bench = Bench(Clock(), chance=0.5)
    bench.plan("a", "every 10m", jitter_s=60)

    bench.pass_(3600)

    assert bench.times("a")[1:] == [f"2026-06-01T12:{minute}:30+00:00" for minute in (20, 30, 40, 50)]


def test_brought_forward(bench: Bench) -> None:
    """A run that waits for the end of quiet hours comes then, unless it is due earlier anyway."""
    bench.plan("a", "every 1h")
    now = bench.clock.now()

    bench.timetable.bring_forward("a", now + 60)
    bench.timetable.bring_forward("a", now + 600)
    bench.timetable.bring_forward("unknown", now)

    assert bench.timetable.next_run("a") == now + 60
    assert bench.timetable.next_run("unknown") is None


def test_dropped_source_is_due_no_more(bench: Bench) -> None:
    """A source that left the configuration runs no more."""
    bench.plan("a", "every 1m")

    bench.timetable.drop("a")
    bench.timetable.drop("a")
    bench.pass_(300)

    assert bench.told == []


async def test_p17_loop_waits_half_a_minute_at_most() -> None:
    """The wall clock is asked again that often, since a wait cannot see it jump."""
    bench = Bench(Clock())
    bench.plan("a", "0 18 * * *")

    loop = asyncio.create_task(bench.timetable.run())
    async with asyncio.timeout(60):
        await bench.rang.wait()
    loop.cancel()

    assert max(bench.clock.slept) <= LONGEST_WAIT_S
    assert bench.told == [("a", moment("2026-06-01T18:00:00+00:00"))]
