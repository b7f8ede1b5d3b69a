"""The end of a simulated life: all trouble is over, and a few quiet runs have to make everything good."""

from __future__ import annotations

import asyncio
from collections.abc import Set
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import quote

from syncd.decision import Restore
from syncd.model import RecordState, Result
from syncd.testing.simulation.origin import NAME, TWINS, draft_of, head_of
from syncd.testing.simulation.process import LEASE_S, LONGEST_JUMP_S, Process
from syncd.testing.simulation.remote import LATEST_S, WINDOW_S

if TYPE_CHECKING:
    from syncd.testing.simulation.world import World

PASSES = 3


async def end(world: World) -> None:
    """Let all trouble end, and look whether a few runs make everything good."""
    world.choices.calm = True
    for process in world.processes.values():
        process.die()
    world.let_go()
    for external_id in world.store.before(NAME).orders.taken_down:
        world.decide(Restore(by="ada", external_id=external_id))
    for external_id, text in sorted(world.origin.items.items()):
        if text.kind not in ("page", "draft"):
            world.write(external_id, "mended", sections=text.sections)
    for twin in [each for each in TWINS if each in world.origin.items][1:]:
        world.origin.remove(twin, world.loop.time())
    _change_parked(world)
    for external_id in sorted(world.origin.believed_lies()):
        text = world.origin.items[external_id]
        world.write(external_id, text.words, kind=text.kind, link=text.link, sections=text.sections)
    await asyncio.sleep(LEASE_S + 1.0)
    if world.workers > 1:
        # Another worker takes over, as one always does, and so stamps what was under way.
        now = world.loop.time()
        world.store.release(world.store.acquire(NAME, owner="next", until=now + 1.0, at=now))
    await asyncio.sleep(max(LATEST_S, WINDOW_S) + 2 * LONGEST_JUMP_S)
    world.remote.refuses_token_until = -1.0
    process = world.process("end")
    await world.loop.create_task(_good(world, process), context=process.context)


def _change_parked(world: World) -> set[str]:
    """A page that was refused, or that processes died on, stays parked until somebody changes it."""
    rows = world.store.records(NAME)
    parked = {
        external_id
        for external_id in world.origin.items
        if (name := known_as(world, external_id)) in rows and rows[name].state == RecordState.QUARANTINED
    }
    for external_id in sorted(parked):
        text = world.origin.items[external_id]
        world.write(external_id, "mended", kind=text.kind, sections=text.sections)
    world.marks["changed because it was parked"] += len(parked)
    return parked


async def _good(world: World, process: Process) -> None:
    wrong = differing(world, forgiving=False)
    world.marks["state was replaced at last"] += (replaced := not _has_looked(world))
    # A page that links to what is still there is sent so, and once more when that has gone.
    linking = {key for key, text in world.origin.items.items() if text.link}
    writes = changed = 0
    open_ = unsure(world)
    passes = PASSES
    done = 0
    while done < passes:
        before = len(world.remote.applied)
        try:
            # What an admin did only a look at everything can find, and so with what no row tells of, or no
            # longer: that an item was absent, and its page therefore looked at.
            forgot = world.is_on("tidy") and world.marks["last commits lost"] > 0
            repair = done == 0 and (world.is_on("admin") or world.replaced or forgot)
            outcome = await world.trip(process, repair=repair)
        except Exception as error:
            world.laws.fail("unforeseen", f"in a quiet run: {error!r}")
            return
        done += 1
        # A page that is made anew is sent twice in one run: the second time it is switched on.
        writes += len(set(world.remote.applied[before:]))
        world.heard(process, outcome)
        holds = world.store.before(NAME).holds.values()
        if outcome.error is not None and all(hold.kind != "empty" for hold in holds):
            world.laws.fail("F", f"a quiet run failed: {outcome.error}")
        if parked := _change_parked(world):
            open_ |= parked
            changed += len(parked)
            passes = max(passes, done + 1)
        if world.approve():
            # What waits for a person has its own time.
            passes = max(passes, done + 2)
        await process.sleep(world.policy.min_absence_s + 1.0)
    for external_id, why in differing(world).items():
        world.laws.fail("F-a", f"{external_id!r} {why}")
    # An old row tells nothing of what was sent after it: such pages are sent again.
    if (
        not replaced
        and not world.failed_over
        and writes > len(_with_parts(world, wrong.keys() | open_)) + 2 * len(linking) + changed
    ):
        world.laws.fail("F-d", f"{writes} writes for wrong {sorted(wrong)} and unsure {sorted(open_)}")
    for hold in world.store.before(NAME).holds.values():
        world.laws.fail("F-e", f"still held: {hold}")
    if any(doubt.ambiguous for doubt in world.store.before(NAME).doubts):
        # A page that was found late is looked for once more.
        world.heard(process, await world.trip(process))
        await process.sleep(world.policy.min_absence_s + 1.0)
    _rows_are_items(world)
    before = len(world.remote.applied)
    outcome = await world.trip(process)
    if len(world.remote.applied) > before or outcome.report.requests > 1:
        world.laws.fail("F-c", f"one more run made {outcome.report.requests} requests")
    for doubt in world.store.before(NAME).doubts:
        if doubt.ambiguous:
            world.laws.fail("F-b", f"still in doubt: {doubt}")
    if outcome.report.result is not Result.OK:
        world.laws.fail("F-c", f"the last run is {outcome.report.result}: {outcome}")


def _with_parts(world: World, external_ids: Set[str]) -> set[str]:
    """The pages with all their parts: of a page that is parked, none of them is as it should be."""
    heads = {head_of(external_id) for external_id in external_ids}
    return {*external_ids, *(key for key in expected(world) if head_of(key) in heads)}


def expected(world: World) -> dict[str, tuple[str, str | None]]:
    """(html, URL) of each page, and each part of one, that should be shown, as it should have been sent."""
    pages: dict[str, tuple[str, str | None]] = {}
    items = {key: text for key, text in world.origin.items.items() if key not in world.origin.hidden}
    for external_id, text in items.items():
        if text.kind != "page":
            continue
        draft = draft_of(text.body)
        name, url = known_as(world, external_id), f"https://docs.example/{quote(external_id)}"
        cuts = [0, *(section.start for section in draft.sections), len(draft.html)]
        pieces = [draft.html[start:end].strip() for start, end in pairwise(cuts)]
        if draft.links:
            there = f'<a href="https://docs.example/{text.link}">more</a>' if text.link in items else "more"
            pieces = [piece.replace('<a href="link:0">more</a>', there) for piece in pieces]
        pages[name] = (pieces[0], url)
        for section, piece in zip(draft.sections, pieces[1:], strict=True):
            pages[f"{name}#{section.key}"] = (piece, f"{url}#{section.fragment}")
    return pages


def known_as(world: World, external_id: str) -> str:
    """The name under which the item is published: the one that it had first, of those that it may have."""
    if external_id not in TWINS:
        return external_id
    rows = world.store.records(NAME)
    known = [each for each in TWINS if each in rows and rows[each].may_be_published]
    return known[0] if known else external_id


def differing(world: World, *, forgiving: bool = True) -> dict[str, str]:
    """external_id → how what Intercom shows differs from what it should show.

    `forgiving`: but for pages of which a state that was replaced knows nothing.
    """
    wanted, shown = expected(world), world.remote.pages()
    unwanted = shown.keys() - wanted.keys() - (world.forgiven if forgiving else set())
    wrong = dict.fromkeys(unwanted, "is shown and should not be")
    for key, (html, url) in wanted.items():
        if key not in shown:
            wrong[key] = "is not shown"
        elif key in world.remote.wrong_by_admin or world.remote.sent_html.get(key) != html:
            wrong[key] = f"is shown as {shown[key][0].html!r}, not as {html!r}"
        elif shown[key][0].url != url:
            wrong[key] = f"is shown under {shown[key][0].url}"
    return wrong


def unsure(world: World) -> set[str]:
    """external ids of the rows that are not plainly live, or tell of what was sent before, and of pages
    without a row."""
    rows = world.store.records(NAME)
    return {
        *(expected(world).keys() - rows.keys()),
        *(
            key
            for key, record in rows.items()
            if record.state != "live"
            or record.ambiguous_at is not None
            or record.absences
            or record.content_hash != world.remote.sent_hash.get(key)
        ),
    }


def _rows_are_items(world: World) -> None:
    rows = {key: row.state for key, row in world.store.records(NAME).items()}
    wanted = dict.fromkeys(expected(world), "live")
    for external_id, text in world.origin.items.items():
        if text.kind == "draft" and external_id not in world.origin.hidden:
            wanted[external_id] = "skipped"
    for key in rows.keys() ^ wanted.keys():
        world.laws.fail("F-b", f"{key!r} has {'a row' if key in rows else 'an item'} only")
    for key, state in rows.items():
        if key in wanted and state != wanted[key]:
            world.laws.fail("F-b", f"the row of {key!r} is {state}")


def _has_looked(world: World) -> bool:
    """Whether the state as it is now was ever compared with all that Intercom shows."""
    return world.store.before(NAME).standing.verified_at is not None
