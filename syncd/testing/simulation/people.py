"""The people of the simulated world: who write, tidy up in Intercom, decide, and operate syncd."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from syncd.decision import Freeze, Reject, TakeDown
from syncd.testing.simulation.choices import USUAL
from syncd.testing.simulation.origin import NAME, TWINS, Text, head_of

if TYPE_CHECKING:
    from syncd.testing.simulation.world import World

LETTERS = "pqrs"
"""The sections that a long page may have."""


async def author(world: World) -> None:
    """Edits the origin."""
    choices, origin = world.choices, world.origin
    while True:
        name = choices.next("edit")
        await asyncio.sleep(world.haste * choices.between(f"{name}.after", 20.0, 300.0))
        what = choices.pick(
            name,
            [
                ("change", 0.2, ""),
                ("create", 0.12, ""),
                ("remove", 0.14, ""),
                ("rename", 0.08, ""),
                ("vanish", 0.08, ""),
                ("swap", 0.04, "edit"),
                ("touch", 0.06, "edit"),
                ("restore", 0.04, "edit"),
                ("remove-many", 0.03, "edit"),
                ("move-root", 0.01, "edit"),
                ("empty", 0.03, "odd"),
                ("draft", 0.03, "odd"),
                ("poison", 0.03, "odd"),
                ("link", 0.06, "edit"),
            ],
        )
        if what == USUAL:
            continue
        now, there = world.loop.time(), sorted(origin.items.keys() - set(TWINS))
        free = [each for each in world.ids if each not in origin.items]
        if what == "create" and free:
            world.write(choices.one_of(name, free), name)
        if not there:
            continue
        one = choices.one_of(f"{name}.one", there)
        text = origin.items[one]
        match what:
            case "change":
                world.write(one, name, link=text.link, sections=text.sections)
            case "remove":
                origin.remove(one, now)
            case "rename" if free:
                other = choices.one_of(name, free)
                origin.put(other, text.words, now, kind=text.kind, sections=text.sections)
                origin.remove(one, now)
            case "vanish":
                origin.remove(one, now)
                back_s = choices.between(f"{name}.for", 50.0, 500.0)
                world.loop.call_later(back_s, _bring_back, world, one, text)
            case "swap" if len(there) > 1:
                other = there[there.index(one) - 1]
                words = origin.items[other].words
                world.write(other, text.words)
                world.write(one, words)
            case "touch":
                world.write(one, text.words, kind=text.kind, link=text.link, sections=text.sections)
            case "restore":
                origin.restore(int(choices.number(f"{name}.to") * 1000), now)
            case "remove-many":
                for each in there[: len(there) * 2 // 3]:
                    origin.remove(each, now)
            case "move-root":
                origin.root = f"root of {name}"
            case "empty" | "draft" | "poison":
                world.write(one, name, kind=what, sections=text.sections)
            case "link":
                world.write(one, text.words, link=choices.one_of(f"{name}.to", world.ids))


def _bring_back(world: World, external_id: str, text: Text) -> None:
    if external_id not in world.origin.items and not world.choices.calm:
        world.write(external_id, text.words, kind=text.kind, link=text.link, sections=text.sections)


async def editor(world: World) -> None:
    """Writes long pages, writes one name in several ways, and once in a while breaks a whole export."""
    choices, origin = world.choices, world.origin
    while True:
        name = choices.next("editor")
        await asyncio.sleep(world.haste * choices.between(f"{name}.after", 60.0, 400.0))
        what = choices.pick(
            name,
            [
                ("sections", 0.35, "long"),
                ("poison-part", 0.05, "long"),
                ("recase", 0.2, "name"),
                ("twin", 0.04, "name"),
                ("blanks", 0.06, "blank"),
                ("empties", 0.03, "blank"),
            ],
        )
        now, there = world.loop.time(), sorted(origin.items.keys() - set(TWINS))
        if what in ("sections", "poison-part") and there:
            one = choices.one_of(f"{name}.one", there)
            text = origin.items[one]
            letters = "".join(each for each in LETTERS if choices.number(f"{name}.{each}") < 0.6)
            words = name if choices.number(f"{name}.words") < 0.3 else text.words or name
            kind = "page" if what == "sections" else what
            world.write(one, words, kind=kind, link=text.link, sections=letters)
        elif what == "recase":
            twins = [each for each in TWINS if each in origin.items]
            other = choices.one_of(name, [each for each in TWINS if each not in twins] or TWINS)
            if len(twins) == 1:
                origin.rename(twins[0], other, now)
                world.marks["renamed in case or normalisation"] += 1
            elif not twins:
                world.write(other, name)
        elif what == "twin":
            free = [each for each in TWINS if each not in origin.items]
            if 0 < len(free) < len(TWINS):
                world.write(choices.one_of(name, free), name)
        elif what in ("blanks", "empties"):
            for each in there:
                if choices.number(f"{name}.{each}") < 0.9:
                    if what == "blanks":
                        world.write(each, "")
                    else:
                        world.write(each, name, kind="empty")


async def admin(world: World) -> None:
    """Tidies up in Intercom, and decides what syncd asks."""
    choices = world.choices
    number = 0
    while True:
        name = choices.next("admin")
        await asyncio.sleep(world.haste * choices.between(f"{name}.after", 100.0, 800.0))
        what = choices.pick(
            name,
            [
                ("deletes", 0.2, "admin"),
                ("edits", 0.15, "admin"),
                ("adds", 0.1, "admin"),
                ("approves", 0.2, "person"),
                ("tidies", 0.2, "tidy"),
                ("rejects", 0.04, "person"),
                ("freezes", 0.05, "person"),
                ("takes-down", 0.06, "person"),
            ],
        )
        ours = sorted(world.remote.pages())
        if what == "deletes" and ours:
            world.remote.admin_deletes(choices.one_of(f"{name}.one", ours))
        elif what == "edits" and ours:
            world.remote.admin_edits(choices.one_of(f"{name}.one", ours))
        elif what == "tidies":
            rows = world.store.records(NAME)
            absent = [key for key in ours if key in rows and rows[key].absences]
            if absent:
                world.remote.admin_deletes(choices.one_of(f"{name}.one", absent))
        elif what == "adds":
            number += 1
            world.remote.add_foreign(world.remote.source_id, f"foreign-{number}")
        elif what == "approves":
            world.approve()
        elif what == "rejects" and (holds := list(world.store.before(NAME).holds.values())):
            world.decide(Reject(by="ada", question=holds[0].question))
        elif what == "freezes" and world.store.before(NAME).orders.frozen is None:
            world.decide(Freeze(by="ada", why="look first"))
            release_s = choices.between(f"{name}.for", 100.0, 600.0)
            world.loop.call_later(release_s, world.let_go)
        elif what == "takes-down" and ours:
            one = head_of(choices.one_of(f"{name}.one", ours))
            world.decide(TakeDown(by="ada", why="a secret", external_id=one))


async def operator(world: World) -> None:
    """Changes the configuration and the token, loses the state file, and restores old backups of it."""
    choices = world.choices
    while True:
        name = choices.next("operator")
        await asyncio.sleep(world.haste * choices.between(f"{name}.after", 100.0, 700.0))
        what = choices.pick(
            name,
            [
                ("backs-up", 0.3, "backup"),
                ("restores", 0.15, "backup"),
                ("loses", 0.05, "backup"),
                ("filters", 0.15, "config"),
                ("turns-token", 0.1, "token"),
            ],
        )
        if what == "backs-up":
            world.back_up()
        elif what == "restores":
            world.replace_state(lost=False)
        elif what == "loses":
            world.replace_state(lost=True)
        elif what == "filters":
            world.filter(name)
        elif what == "turns-token":
            world.remote.refuse_token(choices.between(f"{name}.for", 30.0, 400.0))
            world.marks["the token was refused"] += 1


async def network(world: World) -> None:
    """Is cut off for minutes."""
    choices = world.choices
    while True:
        name = choices.next("outage")
        await asyncio.sleep(world.haste * choices.between(f"{name}.after", 50.0, 800.0))
        if choices.pick(name, [("begins", 0.7, "outage")]) != USUAL:
            world.remote.out_until = world.loop.time() + choices.between(f"{name}.for", 20.0, 250.0)


async def database(world: World) -> None:
    """Is PostgreSQL, which fails over to a replica that is seconds behind."""
    choices = world.choices
    while world.workers > 1:
        name = choices.next("database")
        await asyncio.sleep(world.haste * choices.between(f"{name}.after", 100.0, 900.0))
        if choices.pick(name, [("fails-over", 0.5, "failover")]) != USUAL:
            image = world.store.image()
            await asyncio.sleep(choices.between(f"{name}.behind", 0.1, 20.0))
            world.fail_over(image)
