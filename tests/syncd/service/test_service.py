"""Who runs when: coalescing, fairness, pauses, quiet hours, reload and stop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from syncd.errors import ConfigError, SourceBusy, SourceUnavailable, StateStoreError
from syncd.model import Result
from syncd.service.service import Ended
from tests.syncd.service.clocks import moment
from tests.syncd.service.engine import configured, source, started


async def test_all_sources_run_at_first(tmp_path: Path) -> None:
    """A state that knows of no run has missed one of each source."""
    config = configured(tmp_path, source("a"), source("b"), source("off", enabled=False))
    async with started(config) as bench:
        assert bench.service.next_run("a") == bench.clock.now() + 3600
        assert bench.service.next_run("off") is None


async def test_p17_trigger_during_a_run_makes_one_follow_up(tmp_path: Path) -> None:
    """What was pushed after the run had listed its source would be missed otherwise."""
    async with started(configured(tmp_path, source("a"))) as bench:
        bench.engine.gate.clear()
        bench.service.want_run("a", "webhook")
        await bench.turns()
        for _ in range(100):
            bench.service.want_run("a", "webhook")
        bench.engine.gate.set()
        await bench.settled()

        assert bench.engine.begun == [("a", "webhook", False)] * 2


async def test_slow_source_does_not_keep_others(tmp_path: Path) -> None:
    """It takes one of the places."""
    async with started(configured(tmp_path, *map(source, "abcd"), concurrency=2)) as bench:
        bench.engine.gate.clear()
        bench.service.want_run("a", "manual")
        await bench.turns()
        bench.engine.gate = asyncio.Event()
        bench.engine.gate.set()
        for name in "bcd":
            bench.service.want_run(name, "schedule")
        await bench.turns(100)

        assert set(bench.service.running()) == {"a"}
        assert [name for name, _, _ in bench.engine.begun] == ["a", "b", "c", "d"]
        bench.service.stop()


async def test_limit_holds(tmp_path: Path) -> None:
    """However many are due, so many run."""
    async with started(configured(tmp_path, *map(source, "abcdefgh"), concurrency=3)) as bench:
        bench.engine.most = 0
        for name in "abcdefgh":
            bench.service.want_run(name, "schedule")
        await bench.settled()

        assert bench.engine.most == 3
        assert len(bench.engine.begun) == 8


async def test_paused_source_runs_for_people_only(tmp_path: Path) -> None:
    """What wanted it meanwhile is made up for, once."""
    async with started(configured(tmp_path, source("a"))) as bench:
        bench.service.pause("a")
        for why in ("schedule", "webhook", "watch"):
            assert bench.service.want_run("a", why) is None
        assert bench.service.next_run("a") is None
        assert bench.service.want_run("a", "manual") is not None
        await bench.settled()
        assert bench.engine.begun == [("a", "manual", False)]

        bench.service.resume("a")
        await bench.settled()

        assert bench.engine.begun[1:] == [("a", "schedule", False)]
        bench.service.pause("a")
        bench.service.resume("a")
        await bench.turns()
        assert len(bench.engine.begun) == 2


async def test_quiet_hours_hold_back_what_no_person_asks_for(tmp_path: Path) -> None:
    """A push at night is looked at in the morning."""
    config = configured(tmp_path, source("a", quiet_hours="11:00-13:30", schedule="0 18 * * *"))
    async with started(config) as bench:
        assert bench.service.next_run("a") == moment("2026-06-01T13:30:00+00:00")
        bench.service.want_run("a", "webhook")
        bench.service.want_run("a", "manual")
        await bench.settled()

        assert bench.engine.begun == [("a", "manual", False)]
        assert bench.service.next_run("a") == moment("2026-06-01T13:30:00+00:00")


@pytest.mark.parametrize("error", [SourceUnavailable("gone"), StateStoreError("full"), ZeroDivisionError()])
async def test_run_that_breaks_does_not_end_the_service(tmp_path: Path, error: Exception) -> None:
    """One source's fault is told, and the others go on."""
    async with started(configured(tmp_path, source("a"), source("b"))) as bench:
        told: list[Ended] = []
        bench.service.listeners.append(told.append)
        bench.engine.error = error
        bench.service.want_run("a", "manual")
        await bench.settled()
        bench.engine.error = None
        bench.service.want_run("b", "manual")
        await bench.settled()

        assert [ended.outcome.report.result for ended in told] == [Result.FAILED, Result.OK]
        assert told[0].outcome.error is error


async def test_source_that_another_machine_runs_has_no_run_here(tmp_path: Path) -> None:
    """With a shared state each machine asks at the same time, and one of them gets the lease."""
    async with started(configured(tmp_path, source("a"))) as bench:
        told: list[Ended] = []
        bench.service.listeners.append(told.append)
        bench.engine.error = SourceBusy("another machine has it")
        bench.service.want_run("a", "schedule")
        await bench.settled()

        assert told == []


async def test_listener_that_breaks_does_not_end_the_service(tmp_path: Path) -> None:
    """A notification that fails is no reason to stop syncing."""

    def broken(ended: Ended) -> None:
        raise RuntimeError("no mail today")

    async with started(configured(tmp_path, source("a"))) as bench:
        bench.service.listeners.insert(0, broken)
        for _ in range(2):
            bench.service.want_run("a", "manual")
            await bench.settled()

        assert len(bench.engine.begun) == 2


async def test_reload_keeps_running_work(tmp_path: Path) -> None:
    """New sources run, those that left do not, and what is under way ends as it began."""
    async with started(configured(tmp_path, source("a"), source("b"), source("c"))) as bench:
        next_of_c = bench.service.next_run("c")
        bench.engine.gate.clear()
        want = bench.service.want_run("a", "manual")
        assert want is not None
        await bench.turns()
        changed = configured(tmp_path, source("b", schedule="every 10m"), source("c"), source("d"))
        await bench.service.configure(changed)
        await bench.turns()

        # d is new, b has a new schedule, and no state knows of a run of theirs; c is left alone.
        assert set(bench.service.running()) == {"a", "b", "d"}
        assert bench.service.next_run("a") is None
        assert bench.service.next_run("c") == next_of_c
        bench.engine.gate.set()
        async with asyncio.timeout(30):
            assert (await want.outcome).report.result is Result.OK
        with pytest.raises(ConfigError):
            bench.service.want_run("a", "manual")


async def test_stop_ends_what_runs_and_begins_nothing(tmp_path: Path) -> None:
    """Whoever waits for a run that will not be is told so."""
    async with started(configured(tmp_path, source("a"), source("b"), concurrency=1)) as bench:
        bench.engine.gate.clear()
        running, waiting = (bench.service.want_run(name, "manual") for name in "ab")
        assert running is not None
        assert waiting is not None
        await bench.turns()
        bench.service.stop()
        await bench.turns()

        assert running.outcome.done()
        assert waiting.outcome.cancelled()
        assert [name for name, _, _ in bench.engine.begun] == ["a"]
        with pytest.raises(ConfigError, match="about to stop"):
            bench.service.want_run("a", "manual")


async def test_unknown_source(tmp_path: Path) -> None:
    """Nobody can pause, resume or run what is not there."""
    async with started(configured(tmp_path, source("a"))) as bench:
        for act in (bench.service.pause, bench.service.resume):
            with pytest.raises(ConfigError, match="no source is called 'b'"):
                act("b")
