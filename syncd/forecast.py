"""What a sync would do: the trip of syncd/sync.py, walked without a write anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace

from syncd.attempt import Attempt, begin, fit, heed, let_go, survey, watch
from syncd.change import Change, Failure, Part, Upsert, note_leaving
from syncd.changes import changes
from syncd.connector import Snapshot
from syncd.drift import Settlement
from syncd.errors import SourceError
from syncd.model import Action
from syncd.outcome import Operation, Outcome, sum_up
from syncd.plan import returned
from syncd.protocols import Target
from syncd.rewrite import Rewrite
from syncd.survey import Run, Source, list_origin, opened
from syncd.verify import look_at_intercom


async def plan_source(source: Source, run: Run) -> Outcome:
    """Tell what `sync_source` would do. Intercom is only read, and only where a sync would read it first."""
    attempt = await begin(source, run)
    operations: list[Operation] = []
    try:
        if attempt.orders.frozen is None:
            async with opened(source.connector, run.crawl) as snapshot:
                await _foretell(source, run, snapshot, attempt, operations)
    except SourceError as error:
        attempt.error = error
    outcome = sum_up(attempt, requests=source.requests(), now_s=run.clock.monotonic())
    return replace(outcome, operations=tuple(operations))


async def _foretell(
    source: Source, run: Run, snapshot: Snapshot, attempt: Attempt, operations: list[Operation]
) -> None:
    source = await fit(source, run, snapshot, attempt)
    if attempt.settled:
        return
    records = await run.keep(run.store.records, source.name)
    origin = await list_origin(run, snapshot, records)

    async def shown() -> Target | None:
        connection = await source.find(attempt.standing)
        return None if connection is None else connection.target

    try:
        intercom = await look_at_intercom(
            source,
            run,
            standing=attempt.standing,
            records=records,
            doubts=attempt.before.doubts,
            listing=origin.listing,
            back=returned(origin.listing, records),
            connect=shown,
        )
        heed(attempt, intercom)
    except SourceError as error:
        attempt.settlement = Settlement(records=records)
        attempt.unasked = str(error)
    seen = await survey(source, run, origin, attempt, foretells=True)
    leaving = {candidate.external_id: candidate for candidate in seen.plan.surplus}
    rewrite = await watch(source, run, attempt, seen)
    async with aclosing(changes(source, run, seen)) as stream:
        async for change in stream:
            if rewrite.puts_aside(change):
                continue
            attempt.tally.foresee(change)
            note_leaving(leaving, change)
            operations.extend(_operations(change))
    operations.extend(_put_aside(run, attempt, rewrite))
    seen = let_go(source, run, attempt, seen, leaving)
    deletes = (*seen.verdict.deletes, *attempt.settlement.late)
    attempt.tally.deleted = len(deletes)
    attempt.tally.taken_down = len(seen.plan.banned)
    operations.extend(
        Operation(action="delete", external_id=candidate.external_id, reason=candidate.evidence)
        for candidate in (*seen.plan.banned, *deletes)
    )
    if attempt.hold is not None and not seen.verdict.deletes:
        operations.extend(
            Operation(action="hold", external_id=candidate.external_id, reason=attempt.hold.reason)
            for candidate in seen.plan.missing
        )


def _operations(change: Change) -> Iterator[Operation]:
    if isinstance(change, Failure):
        return
    sent: list[Part | Upsert] = [*change.parts.sent]
    if isinstance(change, Upsert):
        sent.append(change)
    for one in sent:
        if one.action is not Action.ADOPT:
            name = one.page.external_id
            yield Operation(action=one.action.value, external_id=name, reason=change.task.why)


def _put_aside(run: Run, attempt: Attempt, rewrite: Rewrite) -> Iterator[Operation]:
    held = attempt.rewrite = rewrite.judge(run.clock.now())
    if held is not None:
        names = [task.item.external_id for task, _ in rewrite.tasks]
        names += [failure.task.item.external_id for failure in rewrite.empty]
        yield from (Operation(action="hold", external_id=name, reason=held.reason) for name in names)
        return
    for failure in rewrite.empty:
        attempt.tally.foresee(failure)
    for task, action in rewrite.tasks:
        attempt.tally.sent(action)
        yield Operation(action=action.value, external_id=task.item.external_id, reason=task.why)
