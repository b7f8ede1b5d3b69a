"""The mistakes that seeds have found, each told as a story that does not change with the world."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from syncd.decision import TakeDown
from syncd.testing.simulation.crashes import OTHER_ANSWERS, Scenario, nothing, pages, rehearse, remove
from syncd.testing.simulation.world import World


def _new(world: World) -> None:
    world.write("h", "one-h")


def _gone_by_hand_and_changed(world: World) -> None:
    world.remote.admin_deletes("a")
    world.write("a", "two-a")


def _long(world: World) -> None:
    pages(world)
    world.write("h", "one-h", sections="pqrs")


def _one_empty(world: World) -> None:
    pages(world)
    world.write("h", "empty", kind="empty")


def _filled_after_a_backup(world: World) -> None:
    world.back_up()
    world.write("h", "one-h")


def _restored(world: World) -> None:
    remove(world, "h")
    world.replace_state(lost=False)


def _withdrawn_and_restored(world: World) -> None:
    world.write("h", "draft", kind="draft")
    world.replace_state(lost=False)


def _made_anew_after_a_backup(world: World) -> None:
    world.back_up()
    _gone_by_hand_and_changed(world)


def _gone_and_restored(world: World) -> None:
    remove(world, "a")
    world.replace_state(lost=False)


def _longer(world: World) -> None:
    world.write("h", "one-h", sections="pqr")


def _taken_down(world: World) -> None:
    world.decide(TakeDown(by="ada", why="a secret", external_id="h"))


def _shorter_and_many_gone(world: World) -> None:
    world.write("h", "one-h", sections="pr")
    remove(world, "abcde")


def _as_long_as_before(world: World) -> None:
    world.write("h", "two-h", sections="pqrs")


def _changed(world: World) -> None:
    world.write("a", "two-a")


def _refused_and_gone_by_hand(world: World) -> None:
    world.write("a", "poison", kind="poison")
    world.remote.admin_deletes("a")
    world.loop.call_later(100.0, remove, world, "a")


def _gone_and_back_as_a_draft(world: World) -> None:
    remove(world, "h")
    world.loop.call_later(70.0, lambda: world.write("h", "draft", kind="draft"))


def _linked_to_an_empty_one(world: World) -> None:
    _one_empty(world)
    world.write("a", "one-a", link="h")


def _lost_parts(world: World) -> None:
    for part in "pqrs":
        del world.store.rows["docs"][f"h#{part}"]
    world.replaced = True


def _taken_down_and_linked(world: World) -> None:
    _taken_down(world)
    world.loop.call_later(70.0, lambda: world.write("a", "two-a", link="h"))
    world.loop.call_later(140.0, remove, world, "h")


STORIES = {
    "a link to a page that was taken down, whose item goes": (
        Scenario("links", _long, nothing, _taken_down_and_linked),
        {},
    ),
    "a page of which a part was refused, gone and back as a draft": (
        Scenario("parts", pages, _long, _gone_and_back_as_a_draft),
        {"w1.POST h#s#1": "422"},
    ),
    "a link to a page without text, which goes": (
        Scenario("links", _linked_to_an_empty_one, lambda world: remove(world, "h")),
        {},
    ),
    "parts of which the database lost the rows": (
        Scenario("failover", _long, nothing, _lost_parts),
        {},
    ),
    "a page that was made anew after the backup, and gone when it was restored": (
        Scenario("backup", pages, _made_anew_after_a_backup, _gone_and_restored),
        {},
    ),
    "a late try of a part whose page was taken down and restored": (
        Scenario("late", pages, _longer, _taken_down),
        {"w1.POST h#r#1": "late", "w1.POST h#r#1.late": "280"},
    ),
    "a part that its page has again, after another part got no answer": (
        Scenario("parts", _long, _shorter_and_many_gone, _as_long_as_before),
        {"w1.POST h#q#2": "garbage-after"},
    ),
    "a part that its page has again, and whose page is parked": (
        Scenario("parts", _long, _shorter_and_many_gone, _as_long_as_before),
        {"w1.POST h#q#2": "422"},
    ),
    "a late try of a page that was parked, removed by hand, and then gone": (
        Scenario("late", pages, _changed, _refused_and_gone_by_hand),
        {"w1.POST a#2": "late", "w1.POST a#2.late": "280"},
    ),
    "a page that was empty in the backup, and gone when it was restored": (
        Scenario("backup", _one_empty, _filled_after_a_backup, _restored),
        {},
    ),
    "a page that was empty in the backup, and a draft when it was restored": (
        Scenario("backup", _one_empty, _filled_after_a_backup, _withdrawn_and_restored),
        {},
    ),
    "a page of which the first part was refused, and that is a draft then": (
        Scenario("parts", nothing, _long, lambda world: world.write("h", "draft", kind="draft")),
        {"w1.POST h#p#1": "422"},
    ),
    "a draft that was refused as a page, after its parts were taken": (
        Scenario("parts", nothing, _long, lambda world: world.write("h", "draft", kind="draft")),
        {"w1.POST h#1": "422"},
    ),
    "a late try of a page that was sent again and then removed": (
        Scenario("late", pages, _new, lambda world: remove(world, "h")),
        {"w1.POST h#1": "late", "w1.POST h#1.late": "280"},
    ),
    "a late try of a page that was sent again and then changed": (
        Scenario("late", pages, _new, lambda world: world.write("h", "two-h")),
        {"w1.POST h#1": "late", "w1.POST h#1.late": "280"},
    ),
    "a late try of a page that was refused when it was sent again": (
        Scenario("late", pages, _new, lambda world: remove(world, "h")),
        {"w1.POST h#1": "late", "w1.POST h#1.late": "100", "w1.POST h#2": "422"},
    ),
    "a page that was made anew without a word, and then removed": (
        Scenario("anew", pages, _gone_by_hand_and_changed, lambda world: remove(world, "a")),
        {f"w1.POST a#{number}": "garbage-after" for number in range(2, 8)},
    ),
    "a page that was made anew, then refused, and then removed": (
        Scenario("anew", pages, _gone_by_hand_and_changed, lambda world: remove(world, "a")),
        {"w1.POST a#2": "slow", "w1.POST a#3": "422"},
    ),
    "a late delete of a page that is back": (
        Scenario("back", pages, lambda world: remove(world, "a"), nothing),
        {"w1.DELETE a#1": "late", "w1.DELETE a#1.late": "290"},
    ),
    "a list that Intercom refuses": (
        Scenario("list", nothing, pages),
        {"w1.GET list#1": "422"},
    ),
}


@pytest.mark.parametrize("given", [{}, OTHER_ANSWERS], ids=["usual", "other"])
@pytest.mark.parametrize("story", STORIES)
def test_story_ends_well(story: str, given: Mapping[str, str]) -> None:
    """All laws hold, in both models of Intercom."""
    scenario, fates = STORIES[story]

    life, _ = rehearse(scenario, given={**given, **fates})

    assert life.broken == []
    assert set(list(fates)[:1]) <= life.steps.keys()
