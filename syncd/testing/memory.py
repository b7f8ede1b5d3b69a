"""A StateStore in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from syncd.before import Before
from syncd.decision import (
    NONE,
    Decision,
    Orders,
    Question,
    Retry,
)
from syncd.errors import LeaseLost, SourceBusy, StateStoreError
from syncd.journal import (
    INCLUDED,
    Entry,
    Hold,
    Lease,
    Standing,
)
from syncd.model import Doubt, Record, RecordState, Report, Result, Unlisted
from syncd.state.leases import next_epoch
from syncd.state.rows import Outcome, Row, abandoned, fold, scope_of, storable, unsettled
from syncd.state.rulings import rule


@dataclass(slots=True)
class Run:
    """One run, as MemoryStateStore keeps it."""

    source: str
    trigger: str
    started: float
    finished: float | None = None
    report: Report | None = None
    revision: str | None = None


class MemoryStateStore:
    """All rows in dicts; what a test wants to look at is open to it.

    Attributes:
        rows: by source, then external_id; tombstones included.
        outcomes: the audit trail, as (run, source, line).
        runs: by number.
        leases: by source; one that was given back has `until` 0.
        writes: transactions made so far.
    """

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Row]] = {}
        self.outcomes: list[tuple[int, str, Outcome]] = []
        self.runs: dict[int, Run] = {}
        self.writes = 0
        self._links: dict[str, dict[str, dict[str, str | None]]] = {}
        self._aliases: dict[str, dict[str, list[str]]] = {}
        self.left_out: dict[str, dict[str, str]] = {}
        self._standings: dict[str, Standing] = {}
        self.leases: dict[str, Lease] = {}
        self._holds: dict[str, dict[Question, Hold]] = {}
        self._orders: dict[str, Orders] = {}
        self._marks: dict[str, dict[str, bool]] = {}

    def records(self, source: str) -> dict[str, Record]:
        return {key: row.record for key, row in self._present(source).items()}

    def before(self, source: str) -> Before:
        pairs = self._pairs(source)
        return Before(
            standing=self._standings.get(source, Standing()),
            holds=dict(self._holds.get(source, {})),
            orders=self._orders.get(source, NONE),
            doubts=self._doubts(source),
            marks=dict(self._marks.get(source, {})),
            included=[(key.removeprefix(INCLUDED), url) for key, url in pairs if key.startswith(INCLUDED)],
        )

    def _doubts(self, source: str) -> list[Doubt]:
        return [
            Doubt(
                row.external_id,
                row.state,
                row.page_id,
                row.remote_digest,
                row.updated if row.ambiguous_at is None else row.ambiguous_at,
                row.ambiguous_at is not None,
            )
            for row in self.rows.get(source, {}).values()
            if row.ambiguous_at is not None or row.state == RecordState.TOMBSTONE
        ]

    def links(self, source: str) -> Sequence[tuple[str, str | None]]:
        return [pair for pair in self._pairs(source) if not pair[0].startswith(INCLUDED)]

    def including(self, source: str, files: Collection[tuple[str, str | None]]) -> set[str]:
        wanted = {(storable(INCLUDED + name), version) for name, version in files}
        return {key for key, links in self._links.get(source, {}).items() if wanted & links.items()}

    def _pairs(self, source: str) -> set[tuple[str, str | None]]:
        return {pair for links in self._links.get(source, {}).values() for pair in links.items()}

    def linking(self, source: str, targets: Iterable[str]) -> set[str]:
        wanted = {storable(target) for target in targets}
        return {key for key, links in self._links.get(source, {}).items() if wanted & links.keys()}

    def urls(self, source: str) -> Mapping[str, str | None]:
        return {
            key: row.url
            for key, row in self._present(source).items()
            if row.content_hash is not None or row.url is not None
        }

    def aliases(self, source: str) -> Sequence[tuple[str, str]]:
        told = self._aliases.get(source, {})
        return [(alias, external_id) for external_id in sorted(told) for alias in told[external_id]]

    def source_hashes(self, source: str) -> Mapping[str, str]:
        return {
            key: row.source_hash for key, row in self._present(source).items() if row.source_hash is not None
        }

    def remote_digests(self, source: str) -> Mapping[str, str]:
        return {
            key: row.remote_digest
            for key, row in self._present(source).items()
            if row.remote_digest is not None
        }

    def mark(self, source: str, external_ids: Sequence[str]) -> None:
        self.writes += 1
        self._marks[source] = dict.fromkeys(external_ids, False)

    def mark_alone(self, source: str, external_id: str) -> None:
        self.writes += 1
        self._marks[source] = dict.fromkeys(self._marks.get(source, {}), False) | {external_id: True}

    def unsettle(self, source: str) -> None:
        self.writes += 1
        if source in self._standings:
            self._standings[source] = replace(self._standings[source], revision=None)

    def text_sizes(self, source: str) -> Mapping[str, int]:
        return {
            key: row.text_chars for key, row in self._present(source).items() if row.text_chars is not None
        }

    def unlisted(self, source: str, entries: Sequence[Unlisted]) -> None:
        self.writes += 1
        self.left_out[source] = {scope_of(entry): storable(entry.reason) for entry in reversed(entries)}

    def acquire(self, source: str, *, owner: str, until: float, at: float) -> Lease:
        known = self.leases.get(source)
        if known is not None and known.until > at:
            raise SourceBusy(f"{source} is in use by {known.owner} until {known.until}")
        self.writes += 1
        former = known.owner if known is not None and known.until > 0 else None
        if former is not None:
            rows = self.rows.get(source, {})
            rows.update({key: unsettled(row, at=at) for key, row in rows.items()})
            for run in self.runs.values():
                if run.source == source and run.finished is None:
                    run.finished = at
                    run.report = Report(name=source, result=Result.FAILED, error=abandoned(former, owner))
        epoch = next_epoch(known.epoch if known is not None else 0, at)
        lease = Lease(source=source, owner=owner, since=at, until=until, epoch=epoch, former=former)
        self.leases[source] = lease
        return lease

    def renew(self, lease: Lease, *, until: float, at: float) -> Lease:
        self._check(lease.source, lease.epoch, owner=lease.owner)
        if self.leases[lease.source].until > 0:  # not given back
            self.writes += 1
            lease = self.leases[lease.source] = replace(lease, until=until)
        return lease

    def release(self, lease: Lease) -> None:
        known = self.leases.get(lease.source)
        if known is not None and known.epoch == lease.epoch:
            self.writes += 1
            self.leases[lease.source] = replace(known, until=0.0)

    def start(
        self,
        source: str,
        *,
        trigger: str,
        at: float,
        thorough: bool = False,
        fingerprint: str | None = None,
        epoch: int | None = None,
    ) -> int:
        self._check(source, epoch)
        self.writes += 1
        number = len(self.runs) + 1
        self.runs[number] = Run(source, trigger, at)
        if thorough and source in self._standings:
            self._standings[source] = replace(self._standings[source], revision=None)
        if fingerprint is not None:
            standing = self._standings.get(source, Standing())
            self._standings[source] = replace(standing, fingerprint=fingerprint)
        return number

    def write(
        self, source: str, run: int, entries: Sequence[Entry], *, at: float, epoch: int | None = None
    ) -> frozenset[str]:
        if not entries:
            return frozenset()
        self._check(source, epoch)
        rows = self.rows.setdefault(source, {})
        held = self._holds.get(source, {}).get(Question.DELETES)
        changes = fold(
            rows,
            entries,
            at=at,
            orders=self._orders.get(source, NONE),
            approved_until=held.approved_until if held is not None else None,
        )
        self.writes += 1
        rows.update(changes.rows)
        for entry in entries:
            self._marks.get(source, {}).pop(entry.external_id, None)
        for external_id in changes.dropped:
            rows.pop(external_id, None)
        links = self._links.setdefault(source, {})
        for external_id, targets in changes.links.items():
            links[external_id] = targets
        self._aliases.setdefault(source, {}).update(changes.aliases)
        self.outcomes += [(run, source, outcome) for outcome in changes.outcomes]
        return frozenset(changes.refused)

    def finish(
        self,
        source: str,
        run: int,
        *,
        report: Report,
        standing: Standing,
        holds: Sequence[Hold],
        found: Collection[Hold],
        revision: str | None,
        at: float,
        epoch: int | None = None,
    ) -> None:
        self._check(source, epoch)
        done = self.runs.get(run)
        if done is None or done.source != source:
            raise StateStoreError(f"run {run} of {source} is not known")
        self.writes += 1
        done.finished, done.report, done.revision = at, report, revision
        self._marks.pop(source, None)
        decisions = self._standings.get(source, Standing()).decisions
        if decisions != standing.decisions:
            standing = replace(standing, revision=None, decisions=decisions)
        self._standings[source] = standing
        stored, self._holds[source] = self._holds.get(source, {}), {}
        known = {hold.question: hold for hold in found}
        for hold in holds:
            question = hold.question
            self._holds[source][question] = hold.after(stored.get(question), known.get(question))
        if epoch is not None:
            self.leases[source] = replace(self.leases[source], until=0.0)

    def decide(self, source: str, decision: Decision, *, at: float) -> Hold | None:
        """As SqlStateStore.decide."""
        before = self.before(source)
        ruling = rule(source, decision, holds=before.holds, orders=before.orders, at=at)
        self.writes += 1
        if ruling.hold is not None:
            self._holds[source][ruling.hold.question] = ruling.hold
        self._orders[source] = ruling.orders
        if isinstance(decision, Retry):
            self._retry(source, decision.external_id)
        decisions = before.standing.decisions + 1
        self._standings[source] = replace(before.standing, revision=None, decisions=decisions)
        self.outcomes.append((0, source, ruling.outcome))
        return ruling.hold

    def _retry(self, source: str, external_id: str | None) -> None:
        rows = self.rows.get(source, {})
        parked = {key for key, row in rows.items() if row.state == RecordState.QUARANTINED}
        wholes = {whole for key in parked if (whole := rows[key].part_of) in rows}
        for key in parked.union(whole for whole in wholes if whole is not None):
            if external_id in (None, key, rows[key].part_of):
                rows[key] = rows[key]._replace(version="")

    def _check(self, source: str, epoch: int | None, *, owner: str | None = None) -> None:
        known = self.leases.get(source)
        same = known is not None and known.epoch == epoch and owner in (None, known.owner)
        if epoch is not None and not same:
            raise LeaseLost(f"{source} was taken over by {known.owner if known is not None else 'nobody'}")

    def _present(self, source: str) -> dict[str, Row]:
        rows = self.rows.get(source, {})
        return {key: row for key, row in rows.items() if row.state != RecordState.TOMBSTONE}
