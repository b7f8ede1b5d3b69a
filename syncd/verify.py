"""Looks at what Intercom shows, as far as a run has to know it before it sends anything.

syncd/drift.py decides, this module asks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from syncd.drift import (
    REPAIRABLE,
    Comparison,
    Drift,
    Kind,
    Settlement,
    due,
    needs_listing,
    settle,
)
from syncd.errors import PageError, SourceError, SyncdError
from syncd.journal import Standing
from syncd.model import Doubt, Record, RecordState
from syncd.plan import Listing
from syncd.protocols import Lane, StateStore, Target
from syncd.survey import Run, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a run found out about Intercom, and decided.

    Attributes:
        whole: all pages of the import source were seen, or it is a new one.
    """

    settlement: Settlement
    whole: bool = False


def is_due(source: Source, run: Run, standing: Standing) -> bool:
    """Whether all pages have to be compared with what Intercom shows."""
    if run.is_thorough or standing.verified_at is None:
        return True
    # A clock that was set back must not put it off for ever.
    return not 0 <= run.clock.now() - standing.verified_at < source.verify_every_s


async def look_at_intercom(
    source: Source,
    run: Run,
    *,
    standing: Standing,
    records: Mapping[str, Record],
    doubts: Sequence[Doubt],
    listing: Listing,
    back: Sequence[Record],
    connect: Callable[[], Awaitable[Target | None]],
) -> Look:
    """End the doubts that can be ended, find the pages of items without a row, and whatever else differs.

    That is one listing of the import source, or a few looks at single pages, or nothing at all.

    Args:
        back: rows that were absent, and whose items are listed again.
        connect: gives the import source; None if it holds nothing yet.

    Raises:
        SourceError: Intercom cannot be asked.
    """
    settled_before = run.clock.now() - run.window_s
    all_doubts = [*doubts, *await _returned(source, run, doubts, back)]
    open_doubts = due(all_doubts, settled_before=settled_before)
    nothing_there = not records and not listing.items
    everything = is_due(source, run, standing) and not nothing_there
    if not everything and not needs_listing(open_doubts, len(records)):
        looks = [doubt for doubt in open_doubts if doubt.state != RecordState.TOMBSTONE]
        settlement: Settlement | None = Settlement(records=records)
        if open_doubts:
            settlement = await _look_at_each(
                source, run, records, all_doubts, looks, listing, connect, settled_before
            )
        if settlement is not None:
            return Look(settlement=settlement)
    target = await connect()
    if target is None:
        return Look(settlement=Settlement(records=records), whole=True)
    digests = await run.keep(run.store.remote_digests, source.name)
    comparison = Comparison(records, digests, managed=source.availability, wished=source.creation)
    async for page in target.pages():
        comparison.see(page)
        if run.stop.is_set():
            return Look(settlement=Settlement(records=records))
    settlement = settle(
        comparison.findings(),
        records=records,
        doubts=all_doubts,
        listing=listing,
        listed=True,
        repair=_repaired(source, run, standing),
        settled_before=settled_before,
        known_age=standing.verified_at is not None,
    )
    return Look(settlement=settlement, whole=listing.broken is None)


def _repaired(source: Source, run: Run, standing: Standing) -> tuple[Kind, ...]:
    if standing.verified_at is None and not run.repair:
        # After an old backup was restored, what differs was sent later by this very syncd. What is missing
        # may have been taken down by a person, of whom this state does not know.
        return (Kind.EDITED, Kind.FLAGS)
    return REPAIRABLE if run.full or run.repair or source.drift == "repair" else ()


async def _look_at_each(
    source: Source,
    run: Run,
    records: Mapping[str, Record],
    doubts: Sequence[Doubt],
    looks: Sequence[Doubt],
    listing: Listing,
    connect: Callable[[], Awaitable[Target | None]],
    settled_before: float,
) -> Settlement | None:
    """Look at single pages; None if only a listing can tell."""
    digests = {look.external_id: look.remote_digest for look in looks if look.remote_digest is not None}
    comparison = Comparison(records, digests, managed=source.availability)
    seen: set[str] = set()
    target = await connect() if looks else None
    for look in looks:
        if run.stop.is_set() or target is None:
            break
        assert look.page_id is not None
        try:
            page = await target.get(look.page_id)
        except PageError:
            continue  # it stays in doubt
        seen.add(look.external_id)
        if page is not None and page.external_id == look.external_id:
            comparison.see(page)
        elif look.state == RecordState.QUARANTINED:
            return None  # it is not sent again, and may have been made anew under an id that nobody knows
    return settle(
        comparison.findings(),
        records=records,
        doubts=doubts,
        listing=listing,
        listed=False,
        repair=(),
        settled_before=settled_before,
        looked_at=seen,
    )


async def _returned(source: Source, run: Run, doubts: Sequence[Doubt], back: Sequence[Record]) -> list[Doubt]:
    """The pages whose items were absent and are back: somebody may have removed them meanwhile."""
    known = {doubt.external_id for doubt in doubts}
    again = [record for record in back if record.page_id is not None and record.external_id not in known]
    if not again:
        return []
    digests = await run.keep(run.store.remote_digests, source.name)
    return [
        Doubt(record.external_id, record.state, record.page_id, digests.get(record.external_id), 0.0, True)
        for record in again
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """How what Intercom holds of one source differs from what was sent.

    Attributes:
        pages: pages that were compared.
        drifts: what differs, by external id.
        synced: whether there is anything to compare with.
        error: why it could not be told.
    """

    name: str
    pages: int = 0
    drifts: tuple[Drift, ...] = ()
    requests: int = 0
    synced: bool = True
    error: SyncdError | None = None


async def verify_source(source: Source, store: StateStore, keep: Lane) -> Verification:
    """Compare, and change nothing, neither here nor there. It costs one listing.

    A SourceError is part of the outcome.
    """
    before = await keep(store.before, source.name)
    records = await keep(store.records, source.name)
    digests = await keep(store.remote_digests, source.name)
    comparison = Comparison(records, digests, managed=source.availability, wished=source.creation)
    try:
        source.check(before.standing)
        if before.standing.import_source_id is None:
            return Verification(name=source.name, synced=False)
        connection = await source.connect(before.standing)
        async for page in connection.target.pages():
            comparison.see(page)
    except SourceError as error:
        return Verification(name=source.name, requests=source.requests(), error=error)
    findings = comparison.findings()
    tombstones = {doubt.external_id for doubt in before.doubts if doubt.ambiguous}
    drifts = list(findings.drifts)
    drifts += [Drift(Kind.SWITCHED, external_id) for external_id in findings.switched]
    drifts += [Drift(Kind.DUPLICATED, page.external_id, page.page_id) for page in findings.duplicates]
    for page in findings.strangers:
        record = records.get(page.external_id)
        if record is None and page.external_id in tombstones:
            drifts.append(Drift(Kind.LATE, page.external_id, page.page_id))
        elif record is None:
            drifts.append(Drift(Kind.FOREIGN, page.external_id, page.page_id))
    return Verification(
        name=source.name,
        pages=len(findings.same) + len(findings.drifts),
        drifts=tuple(sorted(drifts, key=lambda drift: (drift.external_id, drift.kind))),
        requests=source.requests(),
    )
