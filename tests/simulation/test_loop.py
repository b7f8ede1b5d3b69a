"""Tests of the event loop whose time is imagined."""

from __future__ import annotations

import asyncio

import pytest

from syncd.testing.simulation.loop import ACTOR, Actor, Stuck, VirtualLoop


class Sleeper:
    """A process that does nothing but stand still."""

    def __init__(self) -> None:
        self.stopped_until = 0.0
        self.tasks: list[asyncio.Task[object]] = []

    def began(self, task: asyncio.Task[object]) -> None:
        self.tasks.append(task)


def test_time_passes_only_when_nothing_else_can_happen() -> None:
    """A day passes at once, and things come in the order in which they are due."""
    loop = VirtualLoop(began_at=100.0)
    seen: list[tuple[str, float]] = []

    async def after(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append((name, loop.time()))

    async def both() -> None:
        await asyncio.gather(after("day", 86_400.0), after("hour", 3_600.0), after("now", 0.0))

    loop.run_until_complete(both())

    assert seen == [("now", 100.0), ("hour", 3_700.0), ("day", 86_500.0)]


def test_what_never_comes_is_an_error_and_not_a_hang() -> None:
    """A life that waits for nothing ends."""
    loop = VirtualLoop()

    with pytest.raises(Stuck):
        loop.run_until_complete(loop.create_future())


def test_timeouts_of_asyncio_hold_in_virtual_time() -> None:
    """The engine's own deadlines work unchanged."""
    loop = VirtualLoop()

    async def waits() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30.0):
                await asyncio.Event().wait()
        return loop.time()

    assert loop.run_until_complete(waits()) == 30.0


def test_stopped_process_goes_on_later_in_its_old_order() -> None:
    """SIGSTOP: timers that ran out meanwhile are heard of when it goes on, and others are not held up."""
    loop = VirtualLoop()
    process = Sleeper()
    actor: Actor = process
    seen: list[tuple[str, float]] = []

    async def after(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append((name, loop.time()))

    async def story() -> None:
        token = ACTOR.set(actor)
        mine = [asyncio.create_task(after("first", 1.0)), asyncio.create_task(after("second", 2.0))]
        ACTOR.reset(token)
        other = asyncio.create_task(after("other", 5.0))
        await asyncio.sleep(0.5)
        process.stopped_until = 10.0
        await asyncio.gather(*mine, other)

    loop.run_until_complete(story())

    assert seen == [("other", 5.0), ("first", 10.0), ("second", 10.0)]
    assert len(process.tasks) == 2
