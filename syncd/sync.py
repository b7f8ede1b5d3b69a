"""One run of one source, top to bottom. Read this first.

    open → list → plan → read → render → compare → apply → record
    └───── survey.py ───┘└──── changes.py ────────┘└─ apply.py ──┘

Everything that a run touches is handed in: the source, the store, the renderer, Intercom, the clock and
the threads. `sync_source` carries the changes out; `plan_source` walks the same trip and only tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace

from syncd.apply import Applier
from syncd.change import Change, Failure, Part, Upsert, note_leaving
from syncd.changes import changes
from syncd.commits import Journal
from syncd.connector import Snapshot
from syncd.decision import Question
from syncd.digest import set_digest
from syncd.drift import Settlement, due
from syncd.errors import LeaseLost, SourceError, SourceUnavailable
from syncd.guards import Candidate
from syncd.journal import Absent, Entry, Forgotten, Hold, Returned, Touched
from syncd.library import Library, above_root, outdated
from syncd.model import Unlisted
from syncd.outcome import Attempt, Operation, Outcome, lasting, sum_up
from syncd.plan import Listing, Plan, banned
from syncd.protocols import Target
from syncd.rewrite import Rewrite
from syncd.survey import Origin, Run, Source, Survey, judge_missing, list_origin, look, opened
from syncd.verify import is_due, look_at_intercom

STOP_GRACE_S = 5.0
"""Seconds that requests under way get to finish once a run was asked to stop."""


async def sync_source(source: Source, run: Run) -> Outcome:
    """Make the import source equal to the origin, as far as it may and can.

    A SourceError is part of the outcome. A FatalError, and what nobody foresaw, is raised after the run
    was closed; LeaseLost, if the lease was lost before there was a run.
    """
    attempt = await _attempt(source, run)
    number = await run.keep(
        run.store.start, source.name, trigger=run.trigger, at=run.clock.now(), epoch=run.epoch
    )
    run.progress.begun(source.name, number)
    try:
        if attempt.orders.frozen is None:
            async with opened(source.connector, run.crawl) as snapshot:
                await _until_stopped(run, attempt, _carry_out(source, run, snapshot, attempt, number))
    except SourceError as error:
        attempt.error = error
    except BaseException as error:
        attempt.error = error
        raise
    finally:
        outcome = await _finish(source, run, attempt, number)
    return outcome


async def plan_source(source: Source, run: Run) -> Outcome:
    """Tell what `sync_source` would do, without writing anything anywhere."""
    attempt = await _attempt(source, run)
    operations: list[Operation] = []
    try:
        if attempt.orders.frozen is None:
            async with opened(source.connector, run.crawl) as snapshot:
                await _foretell(source, run, snapshot, attempt, operations)
    except SourceError as error:
        attempt.error = error
    outcome = sum_up(attempt, requests=source.requests(), now_s=run.clock.monotonic())
    return replace(outcome, operations=tuple(operations))


async def _finish(source: Source, run: Run, attempt: Attempt, number: int) -> Outcome:
    outcome = sum_up(attempt, requests=source.requests(), now_s=run.clock.monotonic())
    try:
        await run.keep(
            run.store.finish,
            source.name,
            number,
            report=outcome.report,
            standing=attempt.standing,
            holds=[hold for hold in (attempt.hold, attempt.rewrite) if hold is not None],
            revision=attempt.revision,
            at=run.clock.now(),
            epoch=run.epoch,
        )
    except LeaseLost as error:
        # Whoever has the lease now closed this run, and knows more of the source than it does.
        attempt.error = attempt.error or error
        return sum_up(attempt, requests=source.requests(), now_s=run.clock.monotonic())
    return outcome


async def _until_stopped(run: Run, attempt: Attempt, work: Coroutine[object, object, None]) -> None:
    """Do the work; once the run was asked to stop, give up what does not end in time.

    The rows of what is given up stay pending, and the next run sends them again.
    """
    task = asyncio.create_task(work)
    asked = asyncio.create_task(run.stop.wait())
    try:
        await asyncio.wait((task, asked), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait((task,), timeout=STOP_GRACE_S)
        if task.done():
            await task
        else:
            attempt.stopped = True
    finally:
        asked.cancel()
        task.cancel()
        await asyncio.gather(task, asked, return_exceptions=True)


async def _attempt(source: Source, run: Run) -> Attempt:
    holds = {hold.question: hold for hold in await run.keep(run.store.holds, source.name)}
    standing = await run.keep(run.store.standing, source.name)
    return Attempt(
        name=source.name,
        restored=bool(standing.listed) and standing.verified_at is None,
        keeps_drift=source.drift == "keep",
        began_s=run.clock.monotonic(),
        standing=standing,
        hold=holds.get(Question.DELETES),
        rewrite=holds.get(Question.UPDATES),
        orders=await run.keep(run.store.orders, source.name),
    )


async def _carry_out(source: Source, run: Run, snapshot: Snapshot, attempt: Attempt, number: int) -> None:
    source = await _begin(source, run, snapshot, attempt)
    if attempt.settled:
        return

    made = False

    async def connect() -> Target:
        nonlocal made
        connection = await source.connect(attempt.standing)
        attempt.standing = replace(
            attempt.standing,
            import_source_id=connection.import_source_id,
            import_source_url=connection.import_source_url,
        )
        made = connection.made
        return connection.target

    journal = Journal(run.store, run.keep, run.clock, source.name, number, epoch=run.epoch)
    applier = Applier(
        target=connect,
        journal=journal,
        rules=source.rules_key,
        concurrency=run.concurrency,
        window_s=run.window_s,
        on_done=lambda external_id: run.progress.done(source.name, external_id),
        fence=run.fence,
    )
    attempt.tally = applier.tally
    records = await run.keep(run.store.records, source.name)
    origin = await list_origin(run, snapshot, records)

    async def connected() -> tuple[Target, bool]:
        return await applier.target(), made

    intercom = await look_at_intercom(
        source,
        run,
        standing=attempt.standing,
        records=records,
        doubts=attempt.doubts,
        listing=origin.listing,
        connect=connected,
    )
    settlement = attempt.settlement = intercom.settlement
    if settlement.entries:
        await journal.write(*settlement.entries)
    before = attempt.hold
    survey = await _look(source, run, origin, attempt, settlement)
    if noticed := _noticed(survey):
        await journal.write(*noticed)
    await _note_unlisted(source, run, attempt, survey)
    run.progress.planned(source.name, len(survey.plan.tasks))
    rewrite = await _watch(source, run, attempt, survey)
    applier.leaving.update(_surplus(survey.plan))
    try:
        # What a person wants gone goes first.
        await applier.delete(survey.plan.banned, stop=run.stop)
        async with aclosing(changes(source, run, survey)) as stream:
            async for change in stream:
                if not rewrite.puts_aside(change):
                    await applier.apply(change)
        await applier.drain()
        if not run.stop.is_set():
            await _judge_rewrite(source, run, attempt, survey, rewrite, applier)
        if applier.leaving:
            survey = _let_go(source, run, attempt, survey, before, applier.leaving)
        if intercom.whole and not run.stop.is_set():
            attempt.standing = replace(
                attempt.standing, verified_at=run.clock.now(), drifted=len(attempt.drifted)
            )
        # Deletes come last, so that a rename never leaves a gap.
        approval = survey.verdict.hold.approved_until if survey.verdict.hold is not None else None
        await applier.delete(survey.verdict.deletes, stop=run.stop, approved_until=approval)
        await applier.delete(settlement.late, stop=run.stop)
        await _obey(source, run, attempt, applier)
        attempt.stopped = run.stop.is_set()
        if not attempt.stopped:
            _remember(source, run, attempt, survey)
    finally:
        await applier.cancel()


async def _foretell(
    source: Source, run: Run, snapshot: Snapshot, attempt: Attempt, operations: list[Operation]
) -> None:
    source = await _begin(source, run, snapshot, attempt)
    if attempt.settled:
        return
    records = await run.keep(run.store.records, source.name)
    origin = await list_origin(run, snapshot, records)
    before = attempt.hold
    survey = await _look(source, run, origin, attempt, Settlement(records=records), foretells=True)
    leaving = _surplus(survey.plan)
    rewrite = await _watch(source, run, attempt, survey)
    async with aclosing(changes(source, run, survey)) as stream:
        async for change in stream:
            if rewrite.puts_aside(change):
                continue
            attempt.tally.foresee(change)
            note_leaving(leaving, change)
            operations.extend(_operations(change))
    _foresee_rewrite(run, attempt, rewrite, operations)
    if leaving:
        survey = _let_go(source, run, attempt, survey, before, leaving)
    attempt.tally.deleted = len(survey.verdict.deletes)
    attempt.tally.taken_down = len(survey.plan.banned)
    operations.extend(
        Operation(action="delete", external_id=candidate.external_id, reason=candidate.evidence)
        for candidate in (*survey.plan.banned, *survey.verdict.deletes)
    )
    if attempt.hold is not None and not survey.verdict.deletes:
        operations.extend(
            Operation(action="hold", external_id=candidate.external_id, reason=attempt.hold.reason)
            for candidate in survey.plan.missing
        )


async def _watch(source: Source, run: Run, attempt: Attempt, survey: Survey) -> Rewrite:
    published = any(task.record is not None for task in survey.plan.tasks)
    return Rewrite(
        survey.plan,
        rows=survey.rows,
        sizes=await run.keep(run.store.text_sizes, source.name) if published else {},
        known_cause=attempt.standing.rules not in (None, source.rules_key),
        hold=attempt.rewrite,
    )


async def _judge_rewrite(
    source: Source,
    run: Run,
    attempt: Attempt,
    survey: Survey,
    rewrite: Rewrite,
    applier: Applier,
) -> None:
    """Hold what was put aside, or read and render it once more and send it."""
    hold = rewrite.judge(run.clock.now())
    if hold is None:
        for failure in rewrite.empty:
            await applier.apply(failure)
        again = replace(survey, plan=replace(survey.plan, tasks=tuple(task for task, _ in rewrite.tasks)))
        async with aclosing(changes(source, run, again)) as stream:
            async for change in stream:
                await applier.apply(change)
        await applier.drain()
    if not run.stop.is_set():
        attempt.rewrite = hold


def _foresee_rewrite(run: Run, attempt: Attempt, rewrite: Rewrite, operations: list[Operation]) -> None:
    attempt.rewrite = rewrite.judge(run.clock.now())
    held = attempt.rewrite
    for task, action in rewrite.tasks:
        told = (action.value, task.reason) if held is None else ("hold", held.reason)
        operations.append(Operation(action=told[0], external_id=task.item.external_id, reason=told[1]))
        if held is None:
            attempt.tally.sent(action)
    for failure in rewrite.empty:
        if held is None:
            attempt.tally.foresee(failure)
        else:
            external_id = failure.task.item.external_id
            operations.append(Operation(action="hold", external_id=external_id, reason=held.reason))


async def _obey(source: Source, run: Run, attempt: Attempt, applier: Applier) -> None:
    """Take down what a person took down while a request for it was under way."""
    orders = await run.keep(run.store.orders, source.name)
    new = {key: order for key, order in orders.taken_down.items() if key not in attempt.orders.taken_down}
    attempt.orders = orders
    if new:
        await applier.delete(banned(await run.keep(run.store.records, source.name), new), stop=run.stop)


def _operations(change: Change) -> Iterator[Operation]:
    if isinstance(change, Failure):
        return
    sent: list[Part | Upsert] = [*change.parts.sent]
    if isinstance(change, Upsert):
        sent.append(change)
    for one in sent:
        yield Operation(action=one.action.value, external_id=one.page.external_id, reason=change.task.reason)


def _surplus(plan: Plan) -> dict[str, Candidate]:
    return {candidate.external_id: candidate for candidate in plan.surplus}


def _let_go(
    source: Source,
    run: Run,
    attempt: Attempt,
    survey: Survey,
    hold: Hold | None,
    leaving: Mapping[str, Candidate],
) -> Survey:
    """Let the guards judge once more, with the pages that must go because the documents themselves say so.

    `hold`: as it was before this run, with its approval.
    """
    candidates = [leaving[external_id] for external_id in sorted(leaving)]
    verdict = judge_missing(
        source,
        survey,
        standing=attempt.standing,
        hold=hold,
        now=run.clock.now(),
        withdrawn=candidates,
    )
    plan = replace(survey.plan, missing=(*survey.plan.missing, *candidates))
    attempt.survey = replace(survey, plan=plan, verdict=verdict)
    if survey.listing.broken is None:
        attempt.hold = verdict.hold
    return attempt.survey


async def _begin(source: Source, run: Run, snapshot: Snapshot, attempt: Attempt) -> Source:
    """Fit the source to what its documents are written for, and note whether there is nothing to do."""
    source.check(attempt.standing)
    source = await run.crawl(source.fitted_to, snapshot)
    attempt.revision = await run.crawl(lambda: snapshot.revision)
    attempt.doubts = await run.keep(run.store.doubts, source.name)
    if _settled(source, run, attempt):
        # The revision is of the root, and pages may include what lies above it.
        above = above_root(await run.keep(run.store.included, source.name))
        library = Library(snapshot, Listing())
        attempt.settled = not (above and await run.crawl(outdated, library, above, whole=False))
    return source


def _settled(source: Source, run: Run, attempt: Attempt) -> bool:
    """Whether the origin says that nothing changed since a run that left nothing to do."""
    standing = attempt.standing
    return (
        attempt.revision is not None
        and not is_due(source, run, standing)
        and not due(attempt.doubts, settled_before=run.clock.now() - run.window_s)
        and attempt.hold is None
        and attempt.rewrite is None
        and standing.revision == attempt.revision
        and standing.rules == source.rules_key
        and standing.fingerprint == source.fingerprint
    )


async def _look(
    source: Source,
    run: Run,
    origin: Origin,
    attempt: Attempt,
    settlement: Settlement,
    *,
    foretells: bool = False,
) -> Survey:
    survey = await look(
        source,
        run,
        origin,
        records=settlement.records,
        standing=attempt.standing,
        hold=attempt.hold,
        orders=attempt.orders,
        drifted=settlement.resent,
        remote=settlement.adoptable,
        foretells=foretells,
    )
    attempt.survey = survey
    if survey.listing.broken is None:
        attempt.hold = survey.verdict.hold
    if survey.verdict.suspicious is not None:
        raise SourceUnavailable(
            f"{survey.verdict.suspicious}. Nothing was sent and nothing is deleted.\n"
            f"If that is intended: syncd approve {source.name} --deletes {len(survey.plan.missing)}"
        )
    return survey


def _noticed(survey: Survey) -> list[Entry]:
    plan = survey.plan
    entries: list[Entry] = [Touched(external_id=key, version=new) for key, new in survey.touched.items()]
    entries.extend(Absent(external_id=candidate.external_id) for candidate in plan.missing)
    entries.extend(Returned(external_id=external_id) for external_id in plan.returned)
    entries.extend(Forgotten(external_id=external_id) for external_id in plan.forgotten)
    return entries


async def _note_unlisted(source: Source, run: Run, attempt: Attempt, survey: Survey) -> None:
    """Keep what the listing did not offer, for people who ask; only when it is not what was kept."""
    listing = survey.listing
    entries = [*listing.unlisted, *(Unlisted(clash, reason) for clash, reason in listing.clashes.items())]
    digest = set_digest(f"{entry.scope}\0{entry.reason}" for entry in entries) if entries else None
    if digest != attempt.standing.unlisted:
        await run.keep(run.store.unlisted, source.name, entries)
        attempt.standing = replace(attempt.standing, unlisted=digest)


def _remember(source: Source, run: Run, attempt: Attempt, survey: Survey) -> None:
    """After a run that reached its end: what the next one may rely on."""
    listing, plan, verdict = survey.listing, survey.plan, survey.verdict
    if listing.broken is not None:
        return
    if verdict.hold is not None and len(verdict.deletes) == len(plan.missing):
        attempt.hold = None  # approved and carried out: an approval is good for once
    waits = attempt.hold is not None
    clean = (
        not waits
        and attempt.rewrite is None
        and attempt.orders.frozen is None
        and not listing.clashes
        and len(plan.missing) == len(verdict.deletes)
        and not plan.parked
        and not attempt.tally.failed
        and not attempt.tally.refused
        and all(unlisted.skipped for unlisted in listing.unlisted)
    )
    # While a person has not decided, or some rows were not judged, the origin and the settings count as
    # those that were there before: what they leave out is still to be asked about.
    before = attempt.standing
    kept = waits or plan.unseen > 0
    standing = replace(
        before,
        # Only a run that left nothing open may be skipped by the next one of the same revision.
        revision=attempt.revision if clean else None,
        origin_revision=attempt.revision,
        rules=source.rules_key,
        identity=before.identity if kept else survey.identity,
        fingerprint=before.fingerprint if kept else source.fingerprint,
        listed=len(listing.items),
        completed_at=run.clock.now(),
    )
    attempt.standing = lasting(standing, survey, attempt.tally)
