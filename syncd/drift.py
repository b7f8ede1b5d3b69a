"""What Intercom shows against what was acknowledged, and what follows from it. Pure.

No call of the API can be fenced: a request that was given up may land later, over a newer one, or after
the page was deleted. So a row whose answer was lost stays in doubt until that can no longer happen, and
is then compared with what Intercom shows; until then its tombstone is not forgotten either.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from syncd.guards import Candidate
from syncd.journal import Drifted, Dropped, Entry, Ground, Opened, Verified
from syncd.model import Availability, Doubt, Record, RecordState, RemotePage
from syncd.plan import Listing

FEW_LOOKS = 10
"""So many pages are looked at one by one rather than in a listing, whatever the size of the source."""

ROWS_A_LISTING_ANSWER = 50


class Kind(StrEnum):
    """How Intercom differs from what was sent."""

    EDITED = "edited"
    MISSING = "missing"
    FLAGS = "flags"
    """Flags that syncd manages were switched."""
    SWITCHED = "switched"
    """Flags that people may switch are not as new pages get them; respected, so no drift."""
    DUPLICATED = "duplicated"
    FOREIGN = "foreign"
    """A page of no row: never touched."""
    LATE = "late"
    """A request that was given up published a deleted page again."""


class Drift(NamedTuple):
    """One page that is not as it should be; `page_id` is that of what is there."""

    kind: Kind
    external_id: str
    page_id: str | None = None


REPAIRABLE = (Kind.EDITED, Kind.MISSING, Kind.FLAGS)


def due(doubts: Iterable[Doubt], *, settled_before: float) -> list[Doubt]:
    """The doubts that a look at Intercom can end now: no request from before that moment is under way.

    A row that will be sent again, or deleted, needs no look before that.
    """
    return [
        doubt
        for doubt in doubts
        if doubt.since <= settled_before and doubt.state not in (RecordState.PENDING, RecordState.DELETING)
    ]


def needs_listing(due: Sequence[Doubt], rows: int) -> bool:
    """Whether the doubts can only be ended by a listing, or more cheaply by one.

    A request for a page that had no id yet, or was deleted, may have made one under an id that nobody knows.
    """
    looks = [doubt for doubt in due if not _is_idle(doubt)]
    if any(doubt.page_id is None or doubt.state == RecordState.TOMBSTONE for doubt in looks):
        return True
    return len(looks) > max(FEW_LOOKS, rows // ROWS_A_LISTING_ANSWER)


def _is_idle(doubt: Doubt) -> bool:
    """A tombstone all of whose requests were answered: time alone makes it useless."""
    return doubt.state == RecordState.TOMBSTONE and not doubt.ambiguous


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a comparison found.

    Attributes:
        same: external ids of pages that are as they were acknowledged.
        moved: those of them that have another page id than was known → that id.
        drifts: pages that are not.
        strangers: pages that no acknowledged row claims, by external id; "" stands for none.
        duplicates: further pages of an external id.
        switched: external ids whose flags are not those that new pages get.
    """

    same: frozenset[str] = frozenset()
    moved: Mapping[str, str] = field(default_factory=dict)
    drifts: tuple[Drift, ...] = ()
    strangers: tuple[RemotePage, ...] = ()
    duplicates: tuple[RemotePage, ...] = ()
    switched: tuple[str, ...] = ()


class Comparison:
    """Takes in what Intercom shows, page by page and in any order, and keeps only what differs."""

    def __init__(
        self,
        records: Mapping[str, Record],
        digests: Mapping[str, str],
        *,
        managed: Availability | None = None,
        wished: Availability | None = None,
    ) -> None:
        """Expect the pages of the rows that were acknowledged.

        Args:
            digests: external_id → digest of the answer to the last acknowledged write.
            managed: flags that every write enforces.
            wished: flags that new pages get.
        """
        self._expected = {
            external_id: (records[external_id].page_id, digest)
            for external_id, digest in digests.items()
            if external_id in records and is_acknowledged(records[external_id])
        }
        self._managed, self._wished = managed, wished
        self._same: set[str] = set()
        self._drifts: dict[str, Drift] = {}
        self._elsewhere: dict[str, RemotePage] = {}
        self._strangers: list[RemotePage] = []
        self._duplicates: list[RemotePage] = []
        self._switched: list[str] = []

    def see(self, page: RemotePage) -> None:
        """Take one page in."""
        external_id = page.external_id
        if external_id not in self._expected:
            self._strangers.append(page)
        elif page.page_id == self._expected[external_id][0]:
            self._compare(page)
        elif external_id in self._elsewhere:
            self._duplicates.append(page)
        else:
            self._elsewhere[external_id] = page

    def findings(self) -> Findings:
        """All pages were seen."""
        moved: dict[str, str] = {}
        for external_id, page in self._elsewhere.items():
            if external_id in self._same or external_id in self._drifts:
                self._duplicates.append(page)
            else:
                self._compare(page)
                moved[external_id] = page.page_id
        for external_id in self._expected:
            if external_id not in self._same and external_id not in self._drifts:
                self._drifts[external_id] = Drift(Kind.MISSING, external_id)
        return Findings(
            same=frozenset(self._same),
            moved={
                external_id: page_id for external_id, page_id in moved.items() if external_id in self._same
            },
            drifts=tuple(sorted(self._drifts.values(), key=lambda drift: drift.external_id)),
            strangers=tuple(self._strangers),
            duplicates=tuple(self._duplicates),
            switched=tuple(sorted(self._switched)),
        )

    def _compare(self, page: RemotePage) -> None:
        external_id = page.external_id
        if page.remote_digest != self._expected[external_id][1]:
            self._drifts[external_id] = Drift(Kind.EDITED, external_id, page.page_id)
        elif self._managed is not None and not shows(page.availability, self._managed):
            self._drifts[external_id] = Drift(Kind.FLAGS, external_id, page.page_id)
        else:
            self._same.add(external_id)
            if self._wished is not None and not shows(page.availability, self._wished):
                self._switched.append(external_id)


def is_acknowledged(record: Record) -> bool:
    """Whether Intercom confirmed what the row says, and nothing was sent since."""
    return record.page_id is not None and record.state in (RecordState.LIVE, RecordState.QUARANTINED)


def shows(seen: Availability, wanted: Availability) -> bool:
    """Whether the flags that are wanted are those that are seen, as far as both are known."""
    pairs = (
        (seen.ai_agent, wanted.ai_agent),
        (seen.ai_copilot, wanted.ai_copilot),
        (seen.ai_sales_agent, wanted.ai_sales_agent),
    )
    return all(one is None or other is None or one == other for one, other in pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What follows from a comparison.

    Attributes:
        entries: what the state has to know of it, to be committed before anything is sent.
        records: the rows as these entries leave them.
        resent: external ids that have to be sent again.
        adoptable: external_id → page that is there for an item, or maybe for a part of one, without a row.
        late: deleted pages that a request which had been given up published again.
        left: drifts that are reported and left as they are.
        foreign: pages that neither a row nor an item claims.
    """

    entries: tuple[Entry, ...] = ()
    records: Mapping[str, Record] = field(default_factory=dict)
    resent: frozenset[str] = frozenset()
    adoptable: Mapping[str, RemotePage] = field(default_factory=dict)
    late: tuple[Candidate, ...] = ()
    left: tuple[Drift, ...] = ()
    foreign: tuple[RemotePage, ...] = ()


def settle(
    findings: Findings,
    *,
    records: Mapping[str, Record],
    doubts: Sequence[Doubt],
    listing: Listing,
    listed: bool,
    repair: Collection[Kind],
    settled_before: float,
    known_age: bool = True,
    looked_at: Collection[str] = (),
) -> Settlement:
    """Decide what to do about what was found.

    Args:
        listed: whether all pages of the import source were seen, not only some of them.
        known_age: whether the state is known to be that of the last run; an old backup that was restored may
            call a page deleted that was published since.
        repair: kinds of drift that are sent again; others are only if they were in doubt.
        settled_before: the moment of the look, less the time that a lost request may take.
        looked_at: external ids of the pages that were seen, or would have been, if not all were.
    """
    in_doubt = {doubt.external_id: doubt for doubt in doubts}
    after = dict(records)
    entries: list[Entry] = []
    resent: set[str] = set()
    left: list[Drift] = []

    def differs(external_id: str, page_id: str | None) -> None:
        entries.append(Drifted(external_id=external_id, page_id=page_id, settled_before=settled_before))
        record = records[external_id]
        parked = record.state == RecordState.QUARANTINED
        after[external_id] = record._replace(
            state=RecordState.QUARANTINED if parked else RecordState.PENDING,
            content_hash=None if parked else record.content_hash,
            page_id=page_id,
        )

    for drift in findings.drifts:
        external_id = drift.external_id
        if not listed and external_id not in looked_at:
            continue
        if external_id not in in_doubt:
            item = records[external_id].part_of or external_id
            if listing.broken is None and item not in listing.items:
                if drift.page_id not in (None, records[external_id].page_id):
                    # It goes, or waits for a person; and what has to go is another page by now.
                    differs(external_id, drift.page_id)
                continue
            if drift.kind not in repair:
                left.append(drift)
                continue
        differs(external_id, drift.page_id)
        resent.add(external_id)
    for external_id in sorted((findings.same & in_doubt.keys()) | findings.moved.keys()):
        page_id = findings.moved.get(external_id)
        entries.append(Verified(external_id=external_id, settled_before=settled_before, page_id=page_id))
        if page_id is not None:
            after[external_id] = records[external_id]._replace(page_id=page_id)
    strangers = {page.external_id: page for page in findings.strangers}
    gone, late = _of_tombstones(
        in_doubt,
        strangers,
        listing=listing,
        listed=listed,
        settled_before=settled_before,
        known_age=known_age,
    )
    entries += gone
    adoptable: dict[str, RemotePage] = {}
    foreign: list[RemotePage] = list(findings.duplicates)
    taken = {candidate.external_id for candidate in late}
    for page in findings.strangers if listed else ():
        record = records.get(page.external_id)
        if page.external_id in taken or page.external_id in listing.clashes:
            continue
        # Nothing but what follows the last "#" tells a part of a long page from the page.
        head, _, _ = page.external_id.rpartition("#")
        if record is None and (page.external_id in listing.items or head in listing.items):
            adoptable[page.external_id] = page
            if head in after and page.external_id not in listing.items:
                # A part of which the row was lost, or no part at all: the page itself has to tell.
                entries.append(Opened(external_id=head))
                after[head] = after[head]._replace(version="")
        elif record is None:
            foreign.append(page)
        elif record.state in (RecordState.QUARANTINED, RecordState.SKIPPED):
            # It was never sent from this state, and is there: whoever sent it, it is this item's page.
            differs(page.external_id, page.page_id)
        elif record.state in (RecordState.SURPLUS, RecordState.DELETING) and page.page_id != record.page_id:
            # It goes, or waits for a person; and what has to go is another page by now.
            entries.append(
                Verified(external_id=page.external_id, settled_before=settled_before, page_id=page.page_id)
            )
            after[page.external_id] = record._replace(page_id=page.page_id)
    return Settlement(
        entries=tuple(entries),
        records=after,
        resent=frozenset(resent),
        adoptable=adoptable,
        late=tuple(late),
        left=tuple(left),
        foreign=tuple(foreign) if listing.broken is None else (),
    )


def _of_tombstones(
    in_doubt: Mapping[str, Doubt],
    strangers: Mapping[str, RemotePage],
    *,
    listing: Listing,
    listed: bool,
    settled_before: float,
    known_age: bool,
) -> tuple[list[Entry], list[Candidate]]:
    """What becomes of deleted pages, and of rows without a page whose requests were lost."""
    entries: list[Entry] = []
    late: list[Candidate] = []
    for external_id, doubt in in_doubt.items():
        over = doubt.since <= settled_before
        if _is_idle(doubt):
            if over:
                entries.append(Dropped(external_id=external_id))
            continue
        if not listed or doubt.state not in (RecordState.TOMBSTONE, RecordState.SKIPPED):
            continue
        page = strangers.get(external_id)
        if page is None:
            if over and doubt.state == RecordState.TOMBSTONE:
                entries.append(Dropped(external_id=external_id))
            elif over:
                entries.append(Verified(external_id=external_id, settled_before=settled_before))
        elif known_age and doubt.state == RecordState.TOMBSTONE and _is_surely_gone(external_id, listing):
            evidence = "it was deleted, and a request that had been given up published it again"
            late.append(Candidate(external_id, page.page_id, None, 0.0, evidence, Ground.LATE))
    return entries, late


def _is_surely_gone(external_id: str, listing: Listing) -> bool:
    """Whether a complete listing does not name it, in a scope that could be seen."""
    if listing.broken is not None or external_id in listing.items or external_id in listing.clashes:
        return False
    return not any(not scope.skipped and scope.covers(external_id) for scope in listing.unlisted)
