"""Items and records → Plan: what a run has to look at, and what is gone. Pure; holds ids, never bodies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

from syncd.decision import Order
from syncd.guards import Candidate
from syncd.journal import Ground
from syncd.model import MOST_ID_BYTES, Item, Record, RecordState, RemotePage, Unlisted, is_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What one pass over an origin saw.

    Attributes:
        items: by external_id; an id that two items claim is in `clashes` instead.
        clashes: external_id → why none of the items that claim it may be sent.
        unlisted: what could not be seen, and what was left out on purpose.
        broken: why the listing ended early; None for one that ended well.
    """

    items: Mapping[str, Item] = field(default_factory=dict)
    clashes: Mapping[str, str] = field(default_factory=dict)
    unlisted: tuple[Unlisted, ...] = ()
    broken: str | None = None


class Task(NamedTuple):
    """One item that has to be read and rendered, and why: new, changed, pending, rules, links, included,
    drift, full, retry.

    Attributes:
        remote: the page that Intercom was found to have for an item without a record.
        renamed_from: external_id of the row that is missing since the new item is there, of the same version.
    """

    item: Item
    reason: str
    record: Record | None
    remote: RemotePage | None = None
    renamed_from: str | None = None

    @property
    def why(self) -> str:
        """The reason as people read it."""
        return self.reason if self.renamed_from is None else f"renamed from {self.renamed_from}"

    @property
    def page_id(self) -> str | None:
        """Intercom's id of the item's page, as far as it is known."""
        if self.record is not None:
            return self.record.page_id
        return None if self.remote is None else self.remote.page_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run has to do before anything is read.

    Attributes:
        tasks: items to read, render and compare, by external_id.
        unchanged: how many items need nothing.
        parked: external ids in quarantine whose item and rules are as they were when they were parked.
        skipped: how many items were left out before and are as they were.
        forgotten: external ids of rows that never were published and whose item is gone.
        missing: rows with a page in Intercom that a complete listing did not name.
        gone: those of `missing` whose absence is proved, by two listings or by the origin itself.
        banned: rows with a page in Intercom that a person took down: they go, outside of every budget.
        kept_out: how many items are not looked at, since a person took their page down.
        unseen: how many rows with a page in Intercom lie in a scope that could not be seen.
        parts: the further parts that listed items were sent in, by the item's external_id.
        claimed: items with the external_id of a part of another listed item, and that item's.
    """

    tasks: tuple[Task, ...] = ()
    unchanged: int = 0
    parked: tuple[str, ...] = ()
    skipped: int = 0
    forgotten: tuple[str, ...] = ()
    missing: tuple[Candidate, ...] = ()
    gone: tuple[Candidate, ...] = ()
    banned: tuple[Candidate, ...] = ()
    kept_out: int = 0
    unseen: int = 0
    parts: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)
    claimed: Mapping[str, str] = field(default_factory=dict)

    @property
    def renames(self) -> Iterator[tuple[str, str]]:
        """(old, new) external_id of each page that got another name."""
        return (
            (task.renamed_from, task.item.external_id) for task in self.tasks if task.renamed_from is not None
        )

    @property
    def surplus(self) -> tuple[Candidate, ...]:
        """Parts that their pages no longer have.

        Of a page that is read in this run its document tells, and of one that is parked everything stays.
        """
        spared = {task.item.external_id for task in self.tasks}.union(self.parked)
        return tuple(
            surplus(part)
            for head, rows in self.parts.items()
            if head not in spared
            for part in rows
            if _is_surplus(part)
        )


def make_listing(entries: Iterable[Item | Unlisted], *, broken: str | None = None) -> Listing:
    """Collect what a listing named; an external_id that is named twice, or is too long, is refused."""
    items: dict[str, Item] = {}
    claims: dict[str, list[str]] = {}
    clashes: dict[str, str] = {}
    unlisted: list[Unlisted] = []
    for entry in entries:
        if type(entry) is Item:
            external_id = entry.external_id
            if len(external_id) > MOST_ID_BYTES // 4 and not is_id(external_id):
                clashes[external_id] = (
                    f"its id is longer than {MOST_ID_BYTES} bytes, which no state can keep: "
                    f"{external_id[:60]!r}… The item is not sent; give it a shorter path."
                )
            elif external_id in items:
                claims.setdefault(external_id, [items[external_id].path]).append(entry.path)
            else:
                items[external_id] = entry
        elif isinstance(entry, Unlisted):
            unlisted.append(entry)
    for external_id, paths in claims.items():
        clashes[external_id] = clash(external_id, paths)
        del items[external_id]
    return Listing(items=items, clashes=clashes, unlisted=tuple(unlisted), broken=broken)


def refuse_claimed(listing: Listing, claimed: Mapping[str, str]) -> Listing:
    """Move items that have the external_id of another item's part to the clashes; see Plan.claimed."""
    items = {external_id: item for external_id, item in listing.items.items() if external_id not in claimed}
    refused = {
        external_id: f"duplicate id {external_id!r}: a part of the long page {head!r} has it already. "
        "The item is not sent; rename it, or set 'rendering.split_above'."
        for external_id, head in claimed.items()
    }
    return replace(listing, items=items, clashes={**listing.clashes, **refused})


def returned(listing: Listing, records: Mapping[str, Record]) -> list[Record]:
    """Return the rows that had been absent and whose items, or those that they are parts of, are back.

    One that is named and cannot be told from another, or not be looked at, is there as well.
    """
    absent = [record for record in records.values() if record.absences]
    if not absent:
        return []
    named = {*listing.clashes, *(one.scope for one in listing.unlisted if not one.skipped)}
    heads = [(record.part_of or record.external_id, record) for record in absent]
    return [record for head, record in heads if head in listing.items or head in named]


def make_plan(
    listing: Listing,
    records: Mapping[str, Record],
    *,
    rules: str,
    now: float,
    confirm: int,
    min_absence_s: float,
    removed: Collection[str] = (),
    between: str = "",
    drifted: Collection[str] = (),
    taken_down: Mapping[str, Order] = MappingProxyType({}),
    remote: Mapping[str, RemotePage] | None = None,
    full: bool = False,
) -> Plan:
    """Compare what is there with what was delivered.

    Args:
        rules: key of the rendering rules in force.
        now: Unix seconds.
        confirm: complete listings in a row that must miss an item before it counts as gone.
        min_absence_s: seconds that must lie between the first and the last of those listings.
        removed: external ids that the origin itself says were removed: gone without confirmation.
        between: the two revisions that the origin said it about, for the audit trail.
        drifted: external ids whose page is not in Intercom as it was acknowledged.
        taken_down: what a person keeps out, whatever the listing says.
        remote: external_id → page that Intercom was found to have for an item without a record.
        full: look at every item, whatever its version.
    """
    tasks: list[Task] = []
    parked: list[str] = []
    claimed: dict[str, str] = {}
    unchanged = skipped = 0
    live, quarantined = RecordState.LIVE.value, RecordState.QUARANTINED.value
    items = listing.items
    for external_id, item in items.items():
        if external_id in taken_down:
            continue
        record = records.get(external_id)
        if record is None:
            tasks.append(Task(item, "new", None, remote.get(external_id) if remote else None))
            continue
        if record.part_of is not None and record.part_of in items:
            claimed[external_id] = record.part_of
            continue
        same = record.version == item.version and record.rules == rules and not full
        if same and record.state == live:
            unchanged += 1
        elif same and record.state == quarantined and (record.retry_at is None or now < record.retry_at):
            parked.append(external_id)
        elif same and record.state == RecordState.SKIPPED:
            skipped += 1
        else:
            reason = "drift" if external_id in drifted else _reason(record, item, rules, full)
            tasks.append(Task(item, reason, record))
    missing: list[Candidate] = []
    gone: list[Candidate] = []
    forgotten: list[str] = []
    parts: dict[str, list[Record]] = {}
    unseen = 0
    hidden = [unlisted for unlisted in listing.unlisted if not unlisted.skipped]
    for external_id, record in records.items():
        if external_id in items or external_id in listing.clashes:
            continue
        # A part is where its page is.
        head = record.part_of or external_id
        if head in taken_down:
            continue
        if head in listing.items:
            parts.setdefault(head, []).append(record)
            continue
        if head in listing.clashes or listing.broken is not None:
            continue
        if any(scope.covers(head) for scope in hidden):
            unseen += record.may_be_published
            continue
        if not record.may_be_published:
            forgotten.append(external_id)
            continue
        since = record.absent_since if record.absent_since is not None else now
        seen_missing = record.absences + 1
        candidate = Candidate(external_id, record.page_id, record.content_hash, since, "")
        missing.append(candidate)
        if head in removed:
            gone.append(candidate._replace(evidence=f"the origin says that it was removed{between}"))
        elif seen_missing >= confirm and now - since >= min_absence_s:
            evidence = f"missing from {seen_missing} complete listings over {now - since:.0f} s"
            if seen_missing > 1:
                evidence += f", the first {moment(since)}, the last {moment(now)}"
            gone.append(candidate._replace(evidence=evidence))
    if parts:
        planned = {task.item.external_id for task in tasks}.union(parked)
        unfinished = [head for head in parts if head not in planned and any(map(is_open, parts[head]))]
        tasks += [_reopened(listing.items[head], records[head], parts[head], drifted) for head in unfinished]
        unchanged -= len(unfinished)
    if missing:
        tasks = _renamed(tasks, [records[candidate.external_id] for candidate in missing])
    # A page goes before its parts: should the run end in between, none of them is gone while it stays.
    missing.sort(key=lambda candidate: candidate.external_id)
    gone.sort(key=lambda candidate: candidate.external_id)
    return Plan(
        tasks=tuple(sorted(tasks, key=lambda task: task.item.external_id)),
        unchanged=unchanged,
        parked=tuple(parked),
        skipped=skipped,
        forgotten=tuple(forgotten),
        missing=tuple(missing),
        gone=tuple(gone),
        banned=banned(records, taken_down),
        kept_out=sum(external_id in listing.items for external_id in taken_down),
        unseen=unseen,
        parts={head: tuple(rows) for head, rows in parts.items()},
        claimed=claimed,
    )


def _renamed(tasks: Sequence[Task], missing: Sequence[Record]) -> list[Task]:
    """Say of new items which row they were, where one item and one row of this listing have one version.

    A rename keeps the version: Git's blob id, the inode and times of a file. It changes nothing of what is
    done, since whoever has the old name must not find nothing.
    """
    new = Counter(task.item.version for task in tasks if task.record is None)
    gone: dict[str, list[Record]] = {}
    for record in missing:
        if not record.absences and record.part_of is None and new[record.version] == 1:
            gone.setdefault(record.version, []).append(record)
    certain = {version: rows[0].external_id for version, rows in gone.items() if len(rows) == 1}
    return [
        task if task.record is not None else task._replace(renamed_from=certain.get(task.item.version))
        for task in tasks
    ]


def banned(records: Mapping[str, Record], taken_down: Mapping[str, Order]) -> tuple[Candidate, ...]:
    """The rows that a person took down, and that are published, or may be; a page with all its parts."""
    if not taken_down:
        return ()
    wanted = list(taken_down.items())
    wanted += [
        (part.external_id, taken_down[part.part_of])
        for part in records.values()
        if part.part_of is not None and part.part_of in taken_down and part.external_id not in taken_down
    ]
    return tuple(
        Candidate(
            external_id,
            records[external_id].page_id,
            records[external_id].content_hash,
            order.since,
            f"taken down by {order.by}: {order.why}",
            Ground.TAKEN_DOWN,
        )
        for external_id, order in wanted
        if external_id in records and records[external_id].may_be_published
    )


def moment(at: float) -> str:
    """Say when, for people to read."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def may_be_same(plan: Plan, rules: str) -> Iterator[Task]:
    """Name the tasks whose pages come out as they are if their documents did not change."""
    for task in plan.tasks:
        record = task.record
        if (
            task.reason == "changed"
            and record is not None
            and record.state == RecordState.LIVE
            and record.rules == rules
            and not any(map(is_open, plan.parts.get(record.external_id, ())))
        ):
            yield task


def without_same(plan: Plan, same: Collection[str]) -> Plan:
    """Take the items out whose documents are as they were when their pages were made."""
    rest = tuple(task for task in plan.tasks if task.item.external_id not in same)
    return replace(plan, tasks=rest, unchanged=plan.unchanged + len(plan.tasks) - len(rest))


def with_links(plan: Plan, listing: Listing, records: Mapping[str, Record], linking: Collection[str]) -> Plan:
    """Add the unchanged pages whose links now lead elsewhere."""
    planned = {task.item.external_id for task in plan.tasks} | set(plan.parked)
    planned |= {candidate.external_id for candidate in plan.banned}
    moved = [
        Task(listing.items[external_id], "links", records[external_id])
        for external_id in sorted(linking)
        if external_id in listing.items and external_id in records and external_id not in planned
    ]
    return replace(plan, tasks=plan.tasks + tuple(moved), unchanged=plan.unchanged - len(moved))


def with_included(
    plan: Plan, listing: Listing, records: Mapping[str, Record], including: Collection[str]
) -> Plan:
    """Add the pages that include a file which has changed, those in quarantine and the empty ones too."""
    planned = {task.item.external_id for task in plan.tasks}
    again = [
        Task(listing.items[external_id], "included", records[external_id])
        for external_id in sorted(including)
        if external_id in listing.items and external_id in records and external_id not in planned
    ]
    ids = {task.item.external_id for task in again}
    parked = tuple(external_id for external_id in plan.parked if external_id not in ids)
    skipped = sum(records[external_id].state == RecordState.SKIPPED for external_id in ids)
    unchanged = len(again) - (len(plan.parked) - len(parked)) - skipped
    return replace(
        plan,
        tasks=tuple(sorted((*plan.tasks, *again), key=lambda task: task.item.external_id)),
        parked=parked,
        skipped=plan.skipped - skipped,
        unchanged=plan.unchanged - unchanged,
    )


def surplus(part: Record) -> Candidate:
    """A part that its page no longer has."""
    # Since ever, as it were: the page itself tells, and no listing has to miss it.
    return Candidate(
        part.external_id,
        part.page_id,
        part.content_hash,
        0.0,
        "the page no longer has this part",
        Ground.WITHDRAWN,
    )


def _is_surplus(part: Record) -> bool:
    return part.state in (RecordState.SURPLUS, RecordState.DELETING)


def is_open(part: Record) -> bool:
    """Whether a part is not in Intercom as it was acknowledged, and should be."""
    return part.state != RecordState.LIVE and not _is_surplus(part)


def _reopened(item: Item, record: Record, parts: Collection[Record], drifted: Collection[str]) -> Task:
    drift = any(part.external_id in drifted for part in parts)
    return Task(item, "drift" if drift else "pending", record)


def _reason(record: Record, item: Item, rules: str, full: bool) -> str:
    if record.state in (RecordState.PENDING, RecordState.DELETING):
        return "pending"
    if record.version != item.version:
        return "changed"
    if record.rules != rules:
        return "rules"
    if full:
        return "full"
    return "retry" if record.retry_at is not None else "changed"


def clash(external_id: str, paths: Sequence[str]) -> str:
    """Say why none of the items at these paths may be sent, which all claim one id."""
    named = ", ".join(repr(path) for path in sorted(paths))
    return (
        f"duplicate id {external_id!r}: {len(paths)} items claim it: {named}. "
        "None of them is sent; rename or exclude all but one."
    )
