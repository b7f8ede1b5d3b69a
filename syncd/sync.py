"""One run of one source, top to bottom. Read this first.

    open → list → plan → read → render → compare → apply → record
    └───── survey.py ───┘└──── changes.py ────────┘└─ apply.py ──┘

Everything that a run touches is handed in: the source, the store, the renderer, Intercom, the clock and
the threads. syncd/forecast.py walks the same trip for `syncd plan`, and only tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from dataclasses import replace

from syncd.apply import Applier
from syncd.attempt import Attempt, begin, fit, heed, let_go, survey, watch
from syncd.changes import changes
from syncd.commits import Journal
from syncd.connector import Snapshot
from syncd.digest import set_digest
from syncd.errors import LeaseLost, SourceError
from syncd.journal import Absent, Entry, Forgotten, Noted, Returned, Touched
from syncd.model import Action, Unlisted
from syncd.outcome import Outcome, lasting, sum_up
from syncd.plan import banned, returned
from syncd.protocols import Target
from syncd.rewrite import Rewrite
from syncd.survey import Run, Source, Survey, list_origin, opened
from syncd.verify import Look, look_at_intercom

STOP_GRACE_S = 5.0
"""Seconds that requests under way get to finish once a run was asked to stop."""


async def sync_source(source: Source, run: Run) -> Outcome:
    """Make the import source equal to the origin, as far as it may and can.

    A SourceError is part of the outcome. A FatalError, and what nobody foresaw, is raised after the run
    was closed; LeaseLost, if the lease was lost before there was a run.
    """
    attempt = await begin(source, run)
    number = await run.keep(
        run.store.start,
        source.name,
        trigger=run.trigger,
        at=run.clock.now(),
        thorough=run.is_thorough,
        fingerprint=source.fingerprint if attempt.before.standing.fingerprint is None else None,
        epoch=run.epoch,
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


async def _carry_out(source: Source, run: Run, snapshot: Snapshot, attempt: Attempt, number: int) -> None:
    source = await fit(source, run, snapshot, attempt)
    if attempt.settled:
        return
    if attempt.standing.revision is not None:
        await run.keep(run.store.unsettle, source.name)
        attempt.standing = replace(attempt.standing, revision=None)
    journal = Journal(run.store, run.keep, run.clock, source.name, number, epoch=run.epoch)
    applier = _applier(source, run, attempt, journal)
    records = await run.keep(run.store.records, source.name)
    origin = await list_origin(run, snapshot, records)
    if back := returned(origin.listing, records):
        # Before anything that may end the run: else the next absence would seem to follow the last one.
        await journal.write(*(Returned(external_id=record.external_id) for record in back))

    async def shown() -> Target | None:
        target = await applier.target()
        return None if attempt.made else target

    intercom = await look_at_intercom(
        source,
        run,
        standing=attempt.standing,
        records=records,
        doubts=attempt.before.doubts,
        listing=origin.listing,
        back=back,
        connect=shown,
    )
    heed(attempt, intercom)
    if attempt.settlement.entries:
        await journal.write(*attempt.settlement.entries)
    seen = await survey(source, run, origin, attempt)
    if noticed := _noticed(seen):
        await journal.write(*noticed)
    await _note_unlisted(source, run, attempt, seen)
    run.progress.planned(source.name, len(seen.plan.tasks))
    rewrite = await watch(source, run, attempt, seen)
    try:
        # What a person wants gone goes first.
        await applier.delete(seen.plan.banned, stop=run.stop)
        await _send(source, run, seen, rewrite, applier)
        if not run.stop.is_set():
            await _judge_rewrite(source, run, attempt, seen, rewrite, applier)
        seen = let_go(source, run, attempt, seen, applier.leaving)
        _note_look(run, attempt, intercom)
        # Deletes come last, so that a rename never leaves a gap.
        approval = seen.verdict.hold.approved_until if seen.verdict.hold is not None else None
        await applier.delete(seen.verdict.deletes, stop=run.stop, approved_until=approval)
        await applier.delete(attempt.settlement.late, stop=run.stop)
        await _obey(source, run, attempt, applier)
        attempt.stopped = run.stop.is_set()
        if not attempt.stopped:
            _remember(source, run, attempt, seen)
    finally:
        await applier.cancel()
        await journal.settle()


def _applier(source: Source, run: Run, attempt: Attempt, journal: Journal) -> Applier:
    async def connect() -> Target:
        connection = await source.connect(attempt.standing)
        attempt.standing = replace(
            attempt.standing,
            import_source_id=connection.import_source_id,
            import_source_url=connection.import_source_url,
        )
        attempt.made = connection.made
        return connection.target

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
    return applier


async def _send(source: Source, run: Run, seen: Survey, rewrite: Rewrite, applier: Applier) -> None:
    """Send what changed; what shrinks waits until it is known how much of the source does."""
    applier.leaving.update((candidate.external_id, candidate) for candidate in seen.plan.surplus)
    async with aclosing(changes(source, run, seen)) as stream:
        async for change in stream:
            if not rewrite.puts_aside(change):
                await applier.apply(change)
    await applier.drain()


async def _judge_rewrite(
    source: Source,
    run: Run,
    attempt: Attempt,
    seen: Survey,
    rewrite: Rewrite,
    applier: Applier,
) -> None:
    """Hold what was put aside, or read and render it once more and send it."""
    hold = rewrite.judge(run.clock.now())
    if hold is None:
        for failure in rewrite.empty:
            await applier.apply(failure)
        again = replace(seen, plan=replace(seen.plan, tasks=tuple(task for task, _ in rewrite.tasks)))
        async with aclosing(changes(source, run, again)) as stream:
            async for change in stream:
                await applier.apply(change)
        await applier.drain()
    if not run.stop.is_set():
        attempt.rewrite = hold


async def _obey(source: Source, run: Run, attempt: Attempt, applier: Applier) -> None:
    """Take down what a person took down while a request for it was under way."""
    if not applier.has_asked:
        return
    orders = (await run.keep(run.store.before, source.name)).orders
    new = {key: order for key, order in orders.taken_down.items() if key not in attempt.orders.taken_down}
    attempt.orders = orders
    if new:
        await applier.delete(banned(await run.keep(run.store.records, source.name), new), stop=run.stop)


def _note_look(run: Run, attempt: Attempt, intercom: Look) -> None:
    if intercom.whole and not run.stop.is_set():
        attempt.standing = replace(
            attempt.standing, verified_at=run.clock.now(), drifted=len(attempt.drifted)
        )


def _noticed(seen: Survey) -> list[Entry]:
    plan = seen.plan
    entries: list[Entry] = [Touched(external_id=key, version=new) for key, new in seen.touched.items()]
    entries.extend(Absent(external_id=candidate.external_id) for candidate in plan.missing)
    entries.extend(Forgotten(external_id=external_id) for external_id in plan.forgotten)
    entries.extend(
        Noted(external_id=old, action=Action.RENAME, reason=f"renamed to {new}") for old, new in plan.renames
    )
    return entries


async def _note_unlisted(source: Source, run: Run, attempt: Attempt, seen: Survey) -> None:
    """Keep what the listing did not offer, for people who ask; only when it is not what was kept."""
    listing = seen.listing
    entries = [*listing.unlisted, *(Unlisted(clash, reason) for clash, reason in listing.clashes.items())]
    digest = set_digest(f"{entry.scope}\0{entry.reason}" for entry in entries) if entries else None
    if digest != attempt.standing.unlisted:
        await run.keep(run.store.unlisted, source.name, entries)
        attempt.standing = replace(attempt.standing, unlisted=digest)


def _remember(source: Source, run: Run, attempt: Attempt, seen: Survey) -> None:
    """After a run that reached its end: what the next one may rely on."""
    listing, plan, verdict = seen.listing, seen.plan, seen.verdict
    if listing.broken is not None:
        return
    if (
        verdict.hold is not None
        and len(verdict.deletes) == len(plan.missing)
        # One that was taken back meanwhile, or has expired, is carried out in part at most.
        and not attempt.tally.spared
    ):
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
        identity=before.identity if kept else seen.identity,
        fingerprint=before.fingerprint if kept else source.fingerprint,
        listed=len(listing.items),
        completed_at=run.clock.now(),
    )
    attempt.standing = lasting(standing, seen, attempt.tally)


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
            found=list(attempt.before.holds.values()),
            revision=attempt.revision,
            at=run.clock.now(),
            epoch=run.epoch,
        )
        run.closed()
    except LeaseLost as error:
        # Whoever has the lease now closed this run, and knows more of the source than it does.
        attempt.error = attempt.error or error
        return sum_up(attempt, requests=source.requests(), now_s=run.clock.monotonic())
    return outcome
