"""Every moment at which a process can die, one after the other: nothing is left to luck.

A rehearsal plays one short scenario without any other trouble. Its process dies at the moments that it is
told, numbered from 1: before and after each commit, and before and after each write that is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from syncd.testing.simulation.process import Process
from syncd.testing.simulation.world import Life, World

OTHER_ANSWERS: Mapping[str, str] = {
    "knob.delete": "stub",
    "knob.get": "stub",
    "knob.repost": "old-id",
    "knob.html": "normalised",
    "knob.list": "3",
}
"""The other answer to each open question of the API."""

TRIPS = 3


class Scenario(NamedTuple):
    """What is there at first, what has changed when the process begins that dies, and after its first run."""

    name: str
    before: Callable[[World], None]
    after: Callable[[World], None]
    later: Callable[[World], None] = lambda world: None


class Rehearsal(World):
    """One scenario, in which the process dies at some of its moments.

    Attributes:
        moments: so many moments there were.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        dies_at: Collection[int] = (),
        given: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(0, only=(), given=given)
        self.moments = 0
        self._scenario = scenario
        self._dies_at = frozenset(dies_at)
        self._counting = False

    def point(self, name: str) -> bool:
        if not self._counting:
            return False
        self.moments += 1
        return self.moments in self._dies_at

    async def story(self) -> None:
        self.choices.calm = True
        self._scenario.before(self)
        await self._trips(1)
        self._scenario.after(self)
        self._counting = True
        for _ in range(max(1, len(self._dies_at))):
            await self._trips(TRIPS)
        self._counting = False
        await self.end()

    async def _trips(self, count: int) -> None:
        """Let a process make its runs, or die."""
        process = self.process("w1")
        task = self.loop.create_task(self._work_on(process, count), context=process.context)
        await asyncio.wait((task,))
        if process.alive:
            task.result()

    async def _work_on(self, process: Process, count: int) -> None:
        for number in range(count):
            self.heard(process, await self.trip(process))
            if number == 0 and self._counting:
                self._scenario.later(self)
            self.approve()
            await process.sleep(self.policy.min_absence_s + 1.0)


def rehearse(
    scenario: Scenario, *, dies_at: Collection[int] = (), given: Mapping[str, str] | None = None
) -> tuple[Life, int]:
    """Play a scenario; what it came to, and how many moments it had."""
    rehearsal = Rehearsal(scenario, dies_at=dies_at, given=given)
    life = rehearsal.live()
    return life, rehearsal.moments


# -- the scenarios ----------------------------------------------------------------------------------------


def pages(world: World, external_ids: str = "abcdefg") -> None:
    """Write these items for the first time."""
    for external_id in external_ids:
        world.write(external_id, f"one-{external_id}")


def nothing(world: World) -> None:
    """Change nothing."""


def remove(world: World, external_ids: str) -> None:
    """Take these items away."""
    for external_id in external_ids:
        world.origin.remove(external_id, world.loop.time())


def _everything(world: World) -> None:
    """Two updates, two deletions, a new page and a renamed one."""
    world.write("a", "two-a")
    world.write("b", "two-b")
    remove(world, "cd")
    world.write("h", "one-h")
    world.write("i", "one-e")
    remove(world, "e")


def _linked(world: World) -> None:
    pages(world, "abc")
    world.write("d", "one-d", link="a")
    world.write("e", "one-e", link="b")


def _links_move(world: World) -> None:
    """What is linked to goes, and comes."""
    remove(world, "a")
    world.write("e", "two-e", link="f")
    world.write("f", "one-f", link="e")


def _long(world: World) -> None:
    pages(world, "abc")
    world.write("d", "one-d", sections="pqrs")
    world.write("e", "one-e", sections="pq")


def _sections_move(world: World) -> None:
    """A long page loses sections and another one gets some; one becomes short, and one goes."""
    world.write("d", "two-d", sections="qs")
    world.write("a", "one-a", sections="prs")
    world.write("e", "two-e")
    remove(world, "c")


def _odd(world: World) -> None:
    """A draft, an empty page and one that Intercom refuses, of pages that are published."""
    world.write("a", "draft", kind="draft")
    world.write("b", "empty", kind="empty")
    world.write("c", "poison", kind="poison")
    world.write("d", "two-d")


def _lost_by_hand(world: World) -> None:
    """An admin deleted a page that changes, and one that goes."""
    world.remote.admin_deletes("a")
    world.remote.admin_deletes("b")
    world.write("a", "two-a")
    remove(world, "b")


def _withdraw(world: World) -> None:
    """Long pages call themselves drafts."""
    world.write("d", "one-d", kind="draft", sections="pqrs")
    world.write("e", "one-e", kind="draft", sections="pq")


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("first", nothing, pages),
        Scenario("everything", pages, _everything),
        Scenario("many deletions", pages, lambda world: remove(world, "abcde")),
        Scenario("links", _linked, _links_move),
        Scenario("long pages", _long, _sections_move),
        Scenario("long drafts", _long, _withdraw),
        Scenario("odd pages", pages, _odd),
        Scenario("admin", pages, _lost_by_hand),
    )
}
