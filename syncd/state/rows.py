"""What each journal entry does to a row: the one place where it is decided, for every store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from syncd.decision import NONE, Orders
from syncd.errors import StateStoreError
from syncd.journal import (
    Absent,
    Deleted,
    Deleting,
    Drifted,
    Dropped,
    Entry,
    Failed,
    Forgotten,
    Ground,
    Intent,
    Noted,
    Opened,
    Returned,
    Sent,
    Skipped,
    Surplus,
    Touched,
    Uncertain,
    Unchanged,
    Verified,
)
from syncd.model import MOST_ID_BYTES, Action, Record, RecordState, Unlisted, is_id, may_name


class Row(NamedTuple):
    """All that is kept of one external_id; the fields of Record come first, under the same names.

    Attributes:
        remote_digest: of what the last acknowledgement showed.
        source_hash: of the document that was last compared.
        intent_hash: content of the upsert that was last intended.
        warnings: of the last rendering, one a line.
        text_chars: of the last acknowledged content; None if it was never counted.
        attempts: requests intended since the last acknowledgement.
        attempted_at: Unix seconds of the last intent.
        in_flight: a request was intended and nothing was heard of its end.
        error: why it is parked or left out, or how the last request went wrong.
        retry: the next run should try again whatever the version says.
        retry_at: a run should, from this moment on in Unix seconds.
    """

    external_id: str
    version: str = ""
    state: str = RecordState.PENDING.value
    content_hash: str | None = None
    page_id: str | None = None
    rules: str = ""
    absences: int = 0
    absent_since: float | None = None
    ambiguous_at: float | None = None
    part_of: str | None = None
    retry_at: float | None = None
    remote_digest: str | None = None
    source_hash: str | None = None
    intent_hash: str | None = None
    url: str | None = None
    title: str | None = None
    warnings: str | None = None
    text_chars: int | None = None
    attempts: int = 0
    attempted_at: float | None = None
    in_flight: bool = False
    error: str | None = None
    retry: bool = False
    created: float = 0.0
    updated: float = 0.0

    @property
    def record(self) -> Record:
        """The part that a plan needs."""
        return Record._make(self[: len(Record._fields)])


class Outcome(NamedTuple):
    """One line of the audit trail: what was done, or refused, for one page.

    `lag_s`: how long its origin's change took to be acknowledged, if that is known.
    """

    external_id: str
    action: str
    reason: str
    hash_before: str | None = None
    hash_after: str | None = None
    page_id: str | None = None
    evidence: str | None = None
    by: str | None = None
    lag_s: float | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a batch of entries comes to.

    Attributes:
        rows: the rows to write, by external_id.
        links: the new links (target → URL) of each page whose links were told; empty takes them away.
        aliases: the new aliases of each page whose aliases were told; empty takes them away.
        outcomes: the lines to add, in order.
        dropped: external ids whose rows go.
        refused: external ids whose intent must not be carried out, and was not written.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    links: dict[str, dict[str, str | None]] = field(default_factory=dict)
    aliases: dict[str, list[str]] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)


def asks(entries: Sequence[Entry]) -> bool:
    """Whether any of the entries may be refused, so that `fold` has to know what people ordered."""
    return any(isinstance(entry, Intent | Deleting) for entry in entries)


def fold(
    before: Mapping[str, Row],
    entries: Sequence[Entry],
    *,
    at: float,
    orders: Orders = NONE,
    approved_until: float | None = None,
) -> Changes:
    """Return what the entries, taken in order, make of the rows they name.

    `orders` and `approved_until` (of the held deletes, Unix seconds) are what stands in this transaction.

    An entry that needs a row and meets none (or only a tombstone) changes nothing but the audit trail.

    Raises:
        StateStoreError: an external id cannot be kept.
    """
    changes = Changes()
    for entry in entries:
        external_id = entry.external_id
        if isinstance(entry, Noted):
            # What was left out may be left out because of its very name.
            changes.outcomes.append(
                Outcome(storable(external_id), entry.action.value, storable(entry.reason))
            )
            continue
        if storable(external_id) != external_id:
            raise StateStoreError(
                f"the external id {external_id!r} cannot be kept: it is not valid Unicode, or holds a null. "
                "Rename the item in its origin, or exclude it."
            )
        row = changes.rows.get(external_id)
        if row is None and external_id not in changes.dropped:
            row = before.get(external_id)
        if isinstance(entry, Dropped):
            # Only a tombstone goes: whatever else the row is by now, it is of use.
            if row is not None and row.state == RecordState.TOMBSTONE:
                changes.rows.pop(external_id, None)
                changes.dropped.add(external_id)
            continue
        if isinstance(entry, Intent | Deleting) and _refuses(entry, row, orders, approved_until, at):
            changes.refused.add(external_id)
            continue
        after = advance(row, entry, at=at)
        if after is not None and after is not row:
            changes.rows[external_id] = after._replace(updated=at)
            changes.dropped.discard(external_id)
        if (
            after is not None
            and isinstance(entry, Sent | Unchanged | Failed | Skipped)
            and entry.links is not None
        ):
            changes.links[external_id] = {
                storable(target): None if url is None else storable(url)
                for target, url in entry.links
                if may_name(target)  # no item is called so, now or later
            }
        if isinstance(entry, Sent | Unchanged | Failed | Skipped) and entry.aliases is not None:
            changes.aliases[external_id] = sorted(
                {storable(alias) for alias in entry.aliases if may_name(alias)}
            )
        elif isinstance(entry, Deleted) and after is not row:
            changes.links[external_id] = {}
            changes.aliases[external_id] = []
        outcome = judge(row, entry, at=at)
        if outcome is not None:
            changes.outcomes.append(outcome)
    return changes


def advance(row: Row | None, entry: Entry, *, at: float) -> Row | None:
    """Return the row as the entry leaves it; None if there is none."""
    match entry:
        case Intent():
            return _attempt(_present(row, entry.external_id, at), at)._replace(
                state=RecordState.PENDING.value, intent_hash=entry.content_hash, part_of=entry.part_of
            )
        case Sent():
            # A request without an answer may land after this one was acknowledged, and only a look at
            # Intercom, once its time is over, can tell that it did not.
            settled = _settled(_present(row, entry.external_id, at), entry.settled_before)
            return settled._replace(
                ambiguous_at=at if entry.unsure else settled.ambiguous_at,
                version=entry.version,
                state=RecordState.LIVE.value,
                content_hash=entry.content_hash,
                page_id=entry.page_id,
                part_of=entry.part_of,
                rules=entry.rules,
                absences=0,
                absent_since=None,
                remote_digest=entry.remote_digest,
                source_hash=entry.source_hash,
                intent_hash=None,
                url=None if entry.url is None else storable(entry.url),
                title=storable(entry.title),
                warnings=_lines(entry.warnings),
                text_chars=row.text_chars
                if entry.text_chars is None and row is not None
                else entry.text_chars,
                attempts=0,
                in_flight=False,
                error=None,
                retry=False,
                retry_at=None,
            )
        case Failed():
            return _present(row, entry.external_id, at)._replace(
                # Without a version, the next plan finds the item changed.
                version="" if entry.retry else entry.version,
                state=RecordState.QUARANTINED.value,
                rules=entry.rules,
                in_flight=False,
                error=storable(entry.error),
                retry=entry.retry,
                retry_at=entry.retry_at,
                url=_url(row, entry),
                page_id=entry.page_id or _present(row, entry.external_id, at).page_id,
                part_of=entry.part_of or _present(row, entry.external_id, at).part_of,
            )
        case Skipped():
            return _present(row, entry.external_id, at)._replace(
                version=entry.version,
                state=RecordState.SKIPPED.value,
                rules=entry.rules,
                in_flight=False,
                error=storable(entry.reason),
                retry=False,
                retry_at=None,
                url=_url(row, entry),
            )
        case Uncertain():
            # A store that failed over may have lost the row of the intent.
            known = row
            row = row or _present(None, entry.external_id, at)._replace(part_of=entry.part_of)
            if entry.earlier and known is not None and known.attempted_at is None:
                # It waits to be sent, as what was found in Intercom does; nothing was, so nothing can land.
                return row._replace(error=storable(entry.error))
            if entry.earlier and row.attempted_at is not None:
                at = row.attempted_at
            # One attempt is stamped once: a later word on it must not move the end of its time.
            stamp = at if row.in_flight or row.ambiguous_at is None else row.ambiguous_at
            return row._replace(ambiguous_at=stamp, in_flight=False, error=storable(entry.error))
        case Verified() if row is not None:
            return _settled(row, entry.settled_before)._replace(page_id=entry.page_id or row.page_id)
    if row is None or row.state == RecordState.TOMBSTONE:
        return None
    match entry:
        case Opened():
            # Without a version the next plan finds it changed, and without the hash it renders it.
            return row._replace(version="", source_hash=None)
        case Touched():
            return row._replace(version=entry.version)
        case Unchanged():
            return row._replace(
                version=entry.version,
                state=RecordState.LIVE.value,
                source_hash=entry.source_hash,
                warnings=_lines(entry.warnings),
                text_chars=entry.text_chars,
                rules=entry.rules,
                error=None,
                retry=False,
                retry_at=None,
            )
        case Surplus():
            return row._replace(state=RecordState.SURPLUS.value)
        case Absent():
            since = at if row.absent_since is None else row.absent_since
            return row._replace(absences=row.absences + 1, absent_since=since)
        case Returned():
            # No request is under way, so the doubt has no time that must pass.
            doubtful = row.ambiguous_at is None and row.page_id is not None
            return row._replace(
                absences=0, absent_since=None, ambiguous_at=0.0 if doubtful else row.ambiguous_at
            )
        case Drifted():
            parked = row.state == RecordState.QUARANTINED
            return _settled(row, entry.settled_before)._replace(
                # One that is parked cannot be sent now, and must be once it can.
                state=row.state if parked else RecordState.PENDING.value,
                content_hash=None if parked else row.content_hash,
                page_id=entry.page_id,
            )
        case Forgotten():
            return row._replace(state=RecordState.TOMBSTONE.value)
        case Deleting():
            return _attempt(row, at)._replace(state=RecordState.DELETING.value)
        case Deleted() if row.state == RecordState.LIVE:
            # An upsert was acknowledged after this delete was intended: nobody knows which one came last.
            return row
        case Deleted():
            return row._replace(
                state=RecordState.TOMBSTONE.value,
                page_id=entry.page_id or row.page_id,
                ambiguous_at=at if entry.unsure else row.ambiguous_at,
                intent_hash=None,
                attempts=0,
                in_flight=False,
                error=None,
                retry=False,
                retry_at=None,
            )
    return row


def judge(row: Row | None, entry: Entry, *, at: float) -> Outcome | None:
    """Return the line of the audit trail that the entry adds, if it adds one."""
    match entry:
        case Sent():
            return Outcome(
                entry.external_id,
                entry.action.value,
                storable(entry.reason),
                hash_before=entry.hash_before,
                hash_after=entry.content_hash,
                page_id=entry.page_id,
                # Clocks differ: what arrives before it was changed took no time.
                lag_s=None if entry.changed_at is None else max(0.0, at - entry.changed_at),
            )
        case Deleted():
            return Outcome(
                entry.external_id,
                Action.DELETE.value,
                storable(entry.evidence),
                hash_before=entry.hash_before,
                page_id=entry.page_id,
                evidence=storable(entry.evidence),
            )
        case Skipped():
            return Outcome(entry.external_id, Action.SKIP.value, storable(entry.reason))
        case Failed() | Uncertain():
            return Outcome(
                entry.external_id,
                Action.FAIL.value,
                storable(entry.error),
                hash_before=row.content_hash if row else None,
                page_id=row.page_id if row else None,
            )
    return None


def _refuses(
    entry: Intent | Deleting, row: Row | None, orders: Orders, approved_until: float | None, at: float
) -> bool:
    """Whether what was true when the run decided is true no more."""
    if isinstance(entry, Intent):
        head = entry.part_of
    elif row is not None:
        head = row.part_of
    else:
        # Nothing but what follows the last "#" tells a part of a long page from the page.
        head = entry.external_id.rpartition("#")[0]
    taken_down = entry.external_id in orders.taken_down or head in orders.taken_down
    if isinstance(entry, Intent):
        return taken_down or orders.frozen is not None
    if entry.ground is Ground.TAKEN_DOWN:
        return not taken_down
    if orders.frozen is not None:
        return True
    if entry.approved_until is not None and (approved_until != entry.approved_until or at > approved_until):
        return True
    if entry.ground is Ground.LATE:
        return row is not None and row.state not in (RecordState.TOMBSTONE, RecordState.SKIPPED)
    return (
        entry.ground is Ground.ABSENT
        and row is not None
        and row.state != RecordState.TOMBSTONE
        and row.absences == 0
    )


def unsettled(row: Row, *, at: float) -> Row:
    """The row as a takeover leaves it: a request under way is ambiguous from now on, and stamped once."""
    return row._replace(in_flight=False, ambiguous_at=at) if row.in_flight else row


def abandoned(former: str, owner: str) -> str:
    """What is noted of a run whose process let its lease run out, and another one took it."""
    return f"abandoned: the lease of {former} ran out, and {owner} took over"


def storable(text: str) -> str:
    """Return text that UTF-8 can hold: lone surrogates, which file names can contain, become escapes,
    and so do null characters, which PostgreSQL does not take."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode(errors="backslashreplace").decode()
    return text.replace("\0", "\\x00") if "\0" in text else text


def scope_of(unlisted: Unlisted) -> str:
    """The scope as it is kept: of one that is too long for a key, its beginning, for people to see."""
    scope = storable(unlisted.scope)
    return scope if is_id(scope) else scope[: MOST_ID_BYTES // 4]


def _present(row: Row | None, external_id: str, at: float) -> Row:
    """The row itself; a fresh one in the place of none or of a tombstone."""
    if row is None:
        return Row(external_id, created=at)
    if row.state == RecordState.TOMBSTONE:
        # The page is another one, but a late request for the old one would still land under this id.
        return Row(external_id, created=at, ambiguous_at=row.ambiguous_at)
    return row


def _settled(row: Row, settled_before: float | None) -> Row:
    """End a doubt that is older than this moment."""
    if row.ambiguous_at is None or settled_before is None or row.ambiguous_at > settled_before:
        return row
    return row._replace(ambiguous_at=None)


def _lines(warnings: tuple[str, ...]) -> str | None:
    return storable("\n".join(warnings)) or None


def _url(row: Row | None, entry: Failed | Skipped) -> str | None:
    """Where readers find a page that is not published as it is: as told now, or as known."""
    if entry.url is not None:
        return storable(entry.url)
    return row.url if row is not None and row.state != RecordState.TOMBSTONE else None


def _attempt(row: Row, at: float) -> Row:
    """Count a request that is about to be sent."""
    stamp = row.ambiguous_at
    if row.in_flight and row.attempted_at is not None:
        # The process ended before it could say how the last request did: that one is ambiguous too.
        stamp = row.attempted_at if stamp is None else max(stamp, row.attempted_at)
    return row._replace(attempts=row.attempts + 1, attempted_at=at, in_flight=True, ambiguous_at=stamp)
