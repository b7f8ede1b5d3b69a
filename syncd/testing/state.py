"""A StateStore in memory, and the contract that it and the one on SQL both keep."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pytest

from syncd.before import Before
from syncd.decision import (
    NONE,
    Approve,
    Decision,
    Freeze,
    Orders,
    Question,
    Reject,
    Release,
    Restore,
    Retry,
    TakeDown,
)
from syncd.errors import ConfigError, LeaseLost, SourceBusy, StateStoreError
from syncd.journal import (
    INCLUDED,
    Absent,
    Deleted,
    Deleting,
    Drifted,
    Dropped,
    Entry,
    Failed,
    Forgotten,
    Ground,
    Hold,
    Intent,
    Lease,
    Noted,
    Opened,
    Returned,
    Sent,
    Skipped,
    Standing,
    Surplus,
    Touched,
    Uncertain,
    Unchanged,
    Verified,
)
from syncd.model import MOST_ID_BYTES, Action, Doubt, Record, RecordState, Report, Result, Unlisted
from syncd.protocols import StateStore
from syncd.state.leases import next_epoch
from syncd.state.rows import Outcome, Row, abandoned, fold, scope_of, storable, unsettled
from syncd.state.rulings import rule
from syncd.testing.leases import LeaseContract


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


def sent(
    external_id: str,
    *,
    page_id: str = "p1",
    version: str = "v1",
    content_hash: str = "h1",
    remote_digest: str = "d1",
    source_hash: str = "s1",
    rules: str = "r1",
    title: str = "A page",
    url: str | None = "https://docs.example/a",
    links: tuple[tuple[str, str | None], ...] = (),
    action: Action = Action.CREATE,
    reason: str = "new",
    hash_before: str | None = None,
) -> Sent:
    """An acknowledgement, of which a test names what matters to it."""
    return Sent(
        external_id=external_id,
        page_id=page_id,
        version=version,
        content_hash=content_hash,
        remote_digest=remote_digest,
        source_hash=source_hash,
        rules=rules,
        title=title,
        url=url,
        links=links,
        action=action,
        reason=reason,
        hash_before=hash_before,
    )


def unchanged(
    external_id: str,
    *,
    version: str = "v2",
    source_hash: str = "s1",
    rules: str = "r1",
    links: tuple[tuple[str, str | None], ...] = (),
    aliases: tuple[str, ...] | None = None,
) -> Unchanged:
    """A comparison that found nothing to send."""
    return Unchanged(
        external_id=external_id,
        version=version,
        source_hash=source_hash,
        rules=rules,
        links=links,
        aliases=aliases,
    )


def failed(
    external_id: str, *, error: str = "unreadable", retry: bool = False, retry_at: float | None = None
) -> Failed:
    """A page that is parked."""
    return Failed(
        external_id=external_id, version="v2", rules="r2", error=error, retry=retry, retry_at=retry_at
    )


def intent(external_id: str, content_hash: str = "h1") -> Intent:
    """An upsert that is about to be sent."""
    return Intent(external_id=external_id, content_hash=content_hash)


def deleted(external_id: str, *, page_id: str | None = "p1") -> Deleted:
    """A page that Intercom no longer has."""
    return Deleted(
        external_id=external_id, page_id=page_id, evidence="gone in two listings", hash_before="h1"
    )


def gone(external_id: str, *, page_id: str | None = "p1") -> tuple[Entry, ...]:
    """All that is written of a page that is missing and then deleted."""
    return (
        Absent(external_id=external_id),
        Deleting(external_id=external_id),
        deleted(external_id, page_id=page_id),
    )


def _long(count: int) -> str:
    """So many characters that cannot be compressed, as an index would."""
    return "".join(hashlib.sha256(str(place).encode()).hexdigest() for place in range(count))[:count]


ODD_IDS = [
    "a'b\"c.md",
    "100%_sure.md",
    "日本語/ガイド.md",
    "emoji-\U0001f600-\U00010348.md",
    "e\u0301 and \u00e9.md",
    " leading and trailing ",
    "new\nline.md",
    "semi;colon--comment.md",
    "back\\slash.md",
    "A.md",
    "a.md",
    "?query#fragment",
    _long(MOST_ID_BYTES),
]


class StateStoreContract(LeaseContract):
    """What every StateStore promises. Inherit it, and say in `store` how to make an empty one."""

    refused: frozenset[str] = frozenset()
    """What the last `post` was refused."""

    @pytest.fixture
    def store(self) -> StateStore:
        """An empty store."""
        raise NotImplementedError

    def outcomes(self, store: StateStore, run: int) -> list[Outcome]:
        """The audit trail of a run, in order."""
        raise NotImplementedError

    def decide(self, store: StateStore, decision: Decision, *, at: float = 6.0) -> Hold | None:
        """Decide about source "s", in the way of a person who uses another connection."""
        raise NotImplementedError

    def approve(self, store: StateStore, *, count: int, until: float) -> Hold:
        """Approve the deletes that source "s" holds."""
        hold = self.decide(store, Approve(question=Question.DELETES, count=count, until=until, by="ada"))
        assert hold is not None
        return hold

    def post(self, store: StateStore, *entries: Entry, at: float = 10.0) -> int:
        """Write the entries in a run of their own, and return its number."""
        run = store.start("s", trigger="test", at=at)
        self.refused = store.write("s", run, entries, at=at)
        return run

    def record(self, store: StateStore, external_id: str = "a") -> Record:
        """The record of one page, which must exist."""
        return store.records("s")[external_id]

    # -- rows -----------------------------------------------------------------------------------------

    def test_empty_store_knows_nothing(self, store: StateStore) -> None:
        """A source never seen has no rows, an empty standing and no hold."""
        assert store.records("s") == {}
        assert store.before("s").standing == Standing()
        assert list(store.before("s").holds.values()) == []
        assert list(store.links("s")) == []
        assert store.linking("s", ["path:a.md"]) == set()
        assert store.urls("s") == {}
        assert store.remote_digests("s") == {}

    def test_intent_for_a_new_page_is_pending(self, store: StateStore) -> None:
        """Before anything is sent there is a row that says so."""
        self.post(store, intent("a"))

        assert self.record(store) == Record("a", version="", state="pending")

    def test_acknowledged_page_is_live(self, store: StateStore) -> None:
        """An acknowledgement fills all that a plan needs."""
        self.post(store, intent("a"))
        self.post(store, sent("a", page_id="77", version="v1", content_hash="h1", rules="r1"))

        assert self.record(store) == Record("a", "v1", "live", content_hash="h1", page_id="77", rules="r1")
        assert store.urls("s") == {"a": "https://docs.example/a"}
        assert store.remote_digests("s") == {"a": "d1"}

    def test_intent_keeps_what_was_acknowledged(self, store: StateStore) -> None:
        """Until the new content is acknowledged, the old one is what Intercom has."""
        self.post(store, sent("a", page_id="77"))
        self.post(store, intent("a", "h2"))

        record = self.record(store)
        assert (record.state, record.content_hash, record.page_id, record.version) == (
            "pending",
            "h1",
            "77",
            "v1",
        )

    def test_unchanged_page_notes_version_rules_and_links(self, store: StateStore) -> None:
        """A page that came out the same is not looked at again for this version."""
        self.post(store, sent("a", links=(("path:b.md", "https://docs.example/b"),)))
        self.post(store, unchanged("a", version="v2", rules="r2", links=(("path:c.md", None),)), at=11.0)

        assert self.record(store) == Record("a", "v2", "live", content_hash="h1", page_id="p1", rules="r2")
        assert list(store.links("s")) == [("path:c.md", None)]

    def test_page_of_the_same_document_keeps_all_but_its_version(self, store: StateStore) -> None:
        """What was not rendered tells nothing new."""
        self.post(store, sent("a", links=(("path:b.md", "https://docs.example/b"),)))
        self.post(store, Touched(external_id="a", version="v2"))

        assert list(store.links("s")) == [("path:b.md", "https://docs.example/b")]
        assert store.source_hashes("s") == {"a": "s1"}
        assert store.records("s")["a"].version == "v2"

    def test_aliases_stay_until_others_are_told(self, store: StateStore) -> None:
        """A page that is only looked at for its links keeps its old URLs; a deleted one loses them."""
        self.post(store, replace(sent("a"), aliases=("/old", "/older")))
        self.post(store, sent("a"))
        assert list(store.aliases("s")) == [("/old", "a"), ("/older", "a")]

        self.post(store, unchanged("a", version="v2", rules="r2", aliases=("/new",)))
        assert list(store.aliases("s")) == [("/new", "a")]

        self.post(store, *gone("a"))
        assert list(store.aliases("s")) == []

    def test_unchanged_frees_a_quarantined_page(self, store: StateStore) -> None:
        """A page that renders again as it was acknowledged is live."""
        self.post(store, sent("a"), failed("a"))
        self.post(store, unchanged("a", version="v3"))

        assert self.record(store).state == "live"

    def test_failed_page_keeps_its_last_good_content(self, store: StateStore) -> None:
        """What Intercom has stays known, and this version is not tried again."""
        self.post(store, sent("a"), failed("a"))

        assert self.record(store) == Record(
            "a", "v2", "quarantined", content_hash="h1", page_id="p1", rules="r2"
        )

    def test_failed_page_that_never_was_sent(self, store: StateStore) -> None:
        """A new page that fails is remembered too, without content."""
        self.post(store, failed("a"))

        assert self.record(store) == Record("a", "v2", "quarantined", rules="r2")
        assert store.urls("s") == {}

    def test_passing_failure_is_tried_again(self, store: StateStore) -> None:
        """Without a version the next plan finds the item changed."""
        self.post(store, sent("a"), failed("a", retry=True))

        assert self.record(store).version == ""

    def test_moment_of_the_next_try_is_kept_until_the_page_is_no_longer_parked(
        self, store: StateStore
    ) -> None:
        """A plan reads it; what is sent, or parked for another reason, has none."""
        self.post(store, failed("a", retry_at=99.5))
        assert self.record(store).retry_at == 99.5

        self.post(store, failed("a"))
        assert self.record(store).retry_at is None

        self.post(store, failed("a", retry_at=99.5), sent("a"))
        assert self.record(store).retry_at is None

    def test_row_that_never_was_published_can_be_forgotten(self, store: StateStore) -> None:
        """Once its item is gone nothing reminds of it."""
        self.post(store, failed("a"))
        self.post(store, Forgotten(external_id="a"))

        assert store.records("s") == {}

    def test_page_that_fails_is_found_by_readers_all_the_same(self, store: StateStore) -> None:
        """Links to it lead where it is, whether Fin knows it or not."""
        self.post(store, replace(failed("a"), url="https://docs.example/a", aliases=("/old",)))
        self.post(store, failed("a"))

        assert store.urls("s") == {"a": "https://docs.example/a"}
        assert list(store.aliases("s")) == [("/old", "a")]

    def test_skipped_item_is_remembered(self, store: StateStore) -> None:
        """An item without anything to publish is not read again until it changes."""
        run = self.post(store, Skipped(external_id="a", version="v1", rules="r1", reason="no text"))

        assert self.record(store) == Record("a", "v1", "skipped", rules="r1")
        assert [(line.action, line.reason) for line in self.outcomes(store, run)] == [("skip", "no text")]

    def test_uncertain_upsert_is_stamped(self, store: StateStore) -> None:
        """A lost answer leaves the row pending, with the time of the attempt."""
        self.post(store, intent("a"), at=10.0)
        self.post(store, Uncertain(external_id="a", error="timed out"), at=12.0)

        assert self.record(store) == Record("a", "", "pending", ambiguous_at=12.0)

    @pytest.mark.parametrize(
        "entry",
        [
            Uncertain(external_id="a#x", error="timed out", part_of="a"),
            Failed(external_id="a#x", version="v", rules="r", error="refused", part_of="a"),
        ],
    )
    def test_part_whose_intent_a_failover_lost_is_still_a_part(self, store: StateStore, entry: Entry) -> None:
        """No listing names it, so as a page of its own it would count as missing."""
        self.post(store, entry)

        assert self.record(store, "a#x").part_of == "a"

    def test_uncertain_attempt_is_stamped_once(self, store: StateStore) -> None:
        """A second word on the same attempt does not move the end of its time."""
        self.post(store, intent("a"), at=10.0)
        self.post(store, Uncertain(external_id="a", error="timed out"), at=12.0)
        self.post(store, Uncertain(external_id="a", error="timed out"), at=99.0)

        assert self.record(store).ambiguous_at == 12.0

    def test_attempt_of_a_killed_run_is_stamped_with_its_own_time(self, store: StateStore) -> None:
        """A page that is parked before it is sent again does not put the end of its doubt off."""
        self.post(store, intent("a"), at=10.0)
        self.post(store, Uncertain(external_id="a", error="left alone", earlier=True), at=99.0)

        assert self.record(store).ambiguous_at == 10.0

    def test_page_that_was_never_sent_gets_no_stamp(self, store: StateStore) -> None:
        """It was found in Intercom and waits; no request for it can be under way."""
        left_out = Skipped(external_id="a", version="v1", rules="r", reason="a draft")
        self.post(store, left_out, Drifted(external_id="a", page_id="p8", settled_before=0.0))
        self.post(store, Uncertain(external_id="a", error="left alone", earlier=True), at=99.0)

        assert (self.record(store).state, self.record(store).ambiguous_at) == ("pending", None)

    def test_next_uncertain_attempt_is_stamped_anew(self, store: StateStore) -> None:
        """Each attempt has a time of its own, and the latest one counts."""
        self.post(store, intent("a"), Uncertain(external_id="a", error="timed out"), at=10.0)
        self.post(store, intent("a"), Uncertain(external_id="a", error="timed out"), at=20.0)

        assert self.record(store).ambiguous_at == 20.0

    def test_acknowledgement_keeps_the_stamp(self, store: StateStore) -> None:
        """A request without an answer may land even after a later one was acknowledged."""
        self.post(store, intent("a"), Uncertain(external_id="a", error="timed out"), at=10.0)
        self.post(store, intent("a"), sent("a"), at=20.0)

        assert self.record(store).state == "live"
        assert self.record(store).ambiguous_at == 10.0

    def test_acknowledgement_after_a_lost_try_is_stamped(self, store: StateStore) -> None:
        """The lost try may be applied over something newer, so the page is looked at after its time."""
        self.post(store, intent("a"))
        self.post(store, replace(sent("a"), unsure=True), at=20.0)

        assert (self.record(store).state, self.record(store).ambiguous_at) == ("live", 20.0)

    def test_delete_after_a_lost_try_is_stamped(self, store: StateStore) -> None:
        """The lost try may take away a page that is published again under the same id."""
        self.post(store, sent("a"))
        *before, last = gone("a")
        assert isinstance(last, Deleted)
        self.post(store, *before, replace(last, unsure=True), at=20.0)

        assert [(doubt.since, doubt.ambiguous) for doubt in store.before("s").doubts] == [(20.0, True)]

    def test_attempt_that_a_crash_cut_off_is_ambiguous(self, store: StateStore) -> None:
        """A process that ended between intent and answer leaves a request whose end nobody knows."""
        self.post(store, intent("a"), at=10.0)
        self.post(store, intent("a"), at=500.0)

        assert self.record(store).ambiguous_at == 10.0

    def test_absence_is_counted_and_dated(self, store: StateStore) -> None:
        """Each complete listing without the item counts; the first one gives the date."""
        self.post(store, sent("a"))
        self.post(store, Absent(external_id="a"), at=20.0)
        self.post(store, Absent(external_id="a"), at=30.0)

        assert (self.record(store).absences, self.record(store).absent_since) == (2, 20.0)

    def test_fingerprint_of_a_first_run_is_kept_whatever_becomes_of_it(self, store: StateStore) -> None:
        """A process that dies in its first run has sent pages under these settings."""
        store.start("s", trigger="test", at=1.0, fingerprint="f")

        assert store.before("s").standing == Standing(fingerprint="f")

    def test_returned_item_is_no_longer_absent(self, store: StateStore) -> None:
        """An item that is listed again starts from nothing should it go once more."""
        self.post(store, sent("a"), Absent(external_id="a"), at=10.0)
        self.post(store, Returned(external_id="a"), at=20.0)

        known = self.record(store)
        assert (known.absences, known.absent_since, known.ambiguous_at) == (0, None, 0.0)

    def test_returned_item_without_a_page_is_in_no_doubt(self, store: StateStore) -> None:
        """What was never published cannot have vanished."""
        self.post(store, failed("a"), Absent(external_id="a"), Returned(external_id="a"))

        assert (self.record(store).absences, self.record(store).absent_since) == (0, None)
        assert store.before("s").doubts == []

    def test_rows_in_doubt_are_told_with_tombstones(self, store: StateStore) -> None:
        """A row since the lost request, a tombstone since then too, or else since it became one."""
        for name in "abcd":
            self.post(store, sent(name, page_id=name), at=5.0)
        self.post(store, intent("a"), Uncertain(external_id="a", error="timed out"), at=10.0)
        self.post(store, *gone("b", page_id="b"), at=20.0)
        self.post(store, intent("c"), Uncertain(external_id="c", error="timed out"), at=10.0)
        self.post(store, *gone("c", page_id="c"), at=20.0)

        assert sorted(store.before("s").doubts) == [
            Doubt("a", "pending", "a", "d1", 10.0, True),
            Doubt("b", "tombstone", "b", "d1", 20.0, False),
            Doubt("c", "tombstone", "c", "d1", 10.0, True),
        ]

    @pytest.mark.parametrize(("moment", "left"), [(9.0, 10.0), (10.0, None)])
    def test_doubt_ends_only_when_its_time_is_over(
        self, store: StateStore, moment: float, left: float | None
    ) -> None:
        """What was sent after that moment may still be applied."""
        self.post(store, intent("a"), Uncertain(external_id="a", error="timed out"), at=10.0)
        self.post(store, sent("a"), at=20.0)
        self.post(store, Verified(external_id="a", settled_before=moment), at=30.0)
        self.post(store, intent("b"), Uncertain(external_id="b", error="timed out"), at=10.0)
        self.post(store, replace(sent("b"), settled_before=moment), at=20.0)

        assert [row.ambiguous_at for row in store.records("s").values()] == [left, left]

    def test_drifted_page_is_pending_under_the_id_that_was_found(self, store: StateStore) -> None:
        """A process that ends before it is sent again must not forget it."""
        self.post(store, sent("a"), Drifted(external_id="a", page_id="p9", settled_before=0.0))

        record = self.record(store)
        assert (record.state, record.page_id, record.content_hash) == ("pending", "p9", "h1")

    def test_drifted_page_that_is_parked_stays_parked(self, store: StateStore) -> None:
        """It cannot be sent now; when it can, it is, whatever its content is then."""
        self.post(store, sent("a"), failed("a"))
        self.post(store, Drifted(external_id="a", page_id=None, settled_before=0.0))

        record = self.record(store)
        assert (record.state, record.page_id, record.content_hash) == ("quarantined", None, None)

    def test_page_that_was_found_and_cannot_be_published_is_known(self, store: StateStore) -> None:
        """It must be deletable later."""
        self.post(store, replace(failed("a"), page_id="p7"))

        assert self.record(store).page_id == "p7"

    def test_tombstone_can_be_dropped_and_nothing_else(self, store: StateStore) -> None:
        """A row that came back to life meanwhile stays."""
        self.post(store, sent("a"), *gone("a"), sent("b", page_id="p2"))
        self.post(store, Dropped(external_id="a"), Dropped(external_id="b"), Dropped(external_id="c"))

        assert store.before("s").doubts == []
        assert set(store.records("s")) == {"b"}

    def test_dropped_tombstone_leaves_nothing_to_the_next_page(self, store: StateStore) -> None:
        """Entries of one batch are taken in order."""
        self.post(store, sent("a"), *gone("a"))
        self.post(store, Dropped(external_id="a"), intent("a", "h9"))

        assert self.record(store) == Record("a", version="", state="pending")

    def test_acknowledgement_ends_an_absence(self, store: StateStore) -> None:
        """A page that was sent was listed."""
        self.post(store, sent("a"), Absent(external_id="a"), sent("a"))

        known = self.record(store)
        assert (known.absences, known.absent_since, known.ambiguous_at) == (0, None, None)

    def test_part_knows_its_page(self, store: StateStore) -> None:
        """From the intent on, so that a run which was killed leaves no part without its page."""
        self.post(store, Intent(external_id="a#b", content_hash="h1", part_of="a"))
        assert self.record(store, "a#b").part_of == "a"

        self.post(store, Intent(external_id="a#b", content_hash="h1"))
        assert self.record(store, "a#b").part_of is None

    def test_page_whose_parts_are_being_sent_is_looked_at_again(self, store: StateStore) -> None:
        """Neither its version nor its document tells that it is as it was."""
        self.post(store, sent("a", version="v1"), Opened(external_id="a"))

        assert (self.record(store).version, self.record(store).state) == ("", "live")
        assert store.source_hashes("s") == {}

    def test_part_that_is_to_go_is_remembered(self, store: StateStore) -> None:
        """Until it was deleted, or its page has it again."""
        self.post(store, sent("a#b"), Surplus(external_id="a#b"))
        assert self.record(store, "a#b").state == "surplus"

        self.post(store, sent("a#b"))
        assert self.record(store, "a#b").state == "live"

    def test_delete_is_remembered_before_it_is_sent(self, store: StateStore) -> None:
        """A delete that was intended is finished by the next run, whatever happens in between."""
        self.post(store, sent("a"), Absent(external_id="a"), Deleting(external_id="a"))

        record = self.record(store)
        assert (record.state, record.page_id, record.content_hash) == ("deleting", "p1", "h1")

    def test_uncertain_delete_stays_intended(self, store: StateStore) -> None:
        """A delete without an answer is neither done nor undone."""
        self.post(
            store,
            sent("a"),
            Absent(external_id="a"),
            Deleting(external_id="a"),
            Uncertain(external_id="a", error="reset"),
        )

        assert self.record(store).state == "deleting"
        assert self.record(store).ambiguous_at == 10.0

    def test_deleted_page_is_gone_from_all_answers(self, store: StateStore) -> None:
        """A tombstone is no row of the source any more, and its links are nobody's."""
        self.post(store, sent("a", links=(("path:b.md", None),)), sent("b", page_id="p2"))
        self.post(store, *gone("a"))

        assert set(store.records("s")) == {"b"}
        assert list(store.links("s")) == []
        assert store.linking("s", ["path:b.md"]) == set()
        assert set(store.urls("s")) == {"b"}
        assert set(store.remote_digests("s")) == {"b"}

    def test_item_that_comes_back_is_a_new_page(self, store: StateStore) -> None:
        """The old page is deleted: its id must never be used again."""
        self.post(store, sent("a"), *gone("a"))
        self.post(store, intent("a", "h9"))

        assert self.record(store) == Record("a", version="", state="pending")

    def test_late_request_is_remembered_over_a_tombstone(self, store: StateStore) -> None:
        """A request for the old page may still land under the id of the new one."""
        self.post(store, intent("a"), Uncertain(external_id="a", error="timed out"))
        self.post(store, *gone("a", page_id=None), at=20.0)
        self.post(store, intent("a"), at=30.0)

        assert self.record(store).ambiguous_at == 10.0

    @pytest.mark.parametrize(
        "entry",
        [
            Absent(external_id="a"),
            Returned(external_id="a"),
            Deleting(external_id="a"),
            unchanged("a", version="v", rules="r", links=(("path:b.md", None),)),
        ],
        ids=lambda entry: type(entry).__name__,
    )
    def test_entry_without_a_row_makes_none(self, store: StateStore, entry: Entry) -> None:
        """Only what is sent, parked or left out makes a row; a tombstone counts as none."""
        self.post(store, entry)
        assert store.records("s") == {}

        self.post(store, sent("a"), *gone("a"), entry)
        assert store.records("s") == {}
        assert list(store.links("s")) == []

    # -- links ----------------------------------------------------------------------------------------

    def test_links_are_replaced(self, store: StateStore) -> None:
        """The links of a page are those of its last rendering."""
        self.post(store, sent("a", links=(("path:b.md", "https://docs.example/b"), ("id:7", None))))
        self.post(store, sent("a", links=(("path:c.md", None),)))

        assert list(store.links("s")) == [("path:c.md", None)]

    def test_what_is_too_long_for_a_key_is_left_out(self, store: StateStore) -> None:
        """No item can be called so; and a scope is cut, since people only read it."""
        long = _long(3000)

        self.post(store, sent("a", links=((long, None), ("b", None))), unchanged("c", aliases=(long, "d")))
        store.unlisted("s", [Unlisted(long, "too deep")])

        assert list(store.links("s")) == [("b", None)]
        assert list(store.aliases("s")) == [("d", "c")]

    def test_included_files_are_no_links(self, store: StateStore) -> None:
        """They are asked for by themselves, with the version in which each page found them."""
        self.post(
            store,
            sent("a", links=(("path:b.md", None), ("included:x.md", "1"), ("included:y.md", None))),
            sent("b", links=(("included:x.md", "2"),)),
        )

        assert list(store.links("s")) == [("path:b.md", None)]
        assert set(store.before("s").included) == {("x.md", "1"), ("x.md", "2"), ("y.md", None)}
        assert store.including("s", [("x.md", "1"), ("y.md", "1")]) == {"a"}
        assert store.including("s", [("x.md", "2"), ("y.md", None)]) == {"a", "b"}
        assert store.before("t").included == []

    def test_links_of_several_pages_are_told_once(self, store: StateStore) -> None:
        """Equal pairs are one, and one target may stand with two URLs."""
        self.post(
            store,
            sent("a", links=(("path:z.md", "u1"), ("path:y.md", None), ("path:z.md", "u1"))),
            sent("b", links=(("path:z.md", "u1"),)),
            sent("c", links=(("path:z.md", None),)),
        )

        found = list(store.links("s"))
        assert sorted(found, key=str) == [("path:y.md", None), ("path:z.md", "u1"), ("path:z.md", None)]
        assert store.linking("s", ["path:z.md", "path:none.md"]) == {"a", "b", "c"}
        assert store.linking("s", iter(["path:y.md"])) == {"a"}
        assert store.linking("s", []) == set()

    def test_linking_takes_many_targets(self, store: StateStore) -> None:
        """There is no limit to the targets of one question."""
        self.post(store, sent("a", links=(("path:39999.md", None),)))

        assert store.linking("s", (f"path:{number}.md" for number in range(40_000))) == {"a"}

    # -- batches --------------------------------------------------------------------------------------

    def test_order_within_a_batch_counts(self, store: StateStore) -> None:
        """Later entries of a batch see what earlier ones did."""
        self.post(store, intent("a"), sent("a"), *gone("a"), intent("a", "h2"))
        assert self.record(store) == Record("a", version="", state="pending")

        self.post(store, sent("a", page_id="p9"), failed("a"), Absent(external_id="a"))
        assert self.record(store)[:5] == ("a", "v2", "quarantined", "h1", "p9")
        assert self.record(store).absences == 1

    def test_empty_batch_changes_nothing(self, store: StateStore) -> None:
        """A batch of no entries is fine."""
        assert self.outcomes(store, self.post(store)) == []
        assert store.records("s") == {}

    def test_many_entries_in_one_batch(self, store: StateStore) -> None:
        """A batch may be larger than any limit of a statement."""
        ids = [f"guides/{number}.md" for number in range(2_500)]
        self.post(store, *(intent(external_id) for external_id in ids))
        self.post(store, *(sent(external_id, links=(("path:x.md", None),)) for external_id in ids))

        records = store.records("s")
        assert set(records) == set(ids)
        assert {record.state for record in records.values()} == {"live"}
        assert store.linking("s", ["path:x.md"]) == set(ids)

    def test_failing_batch_leaves_no_trace(self, store: StateStore) -> None:
        """All entries become true, or none: here the last one has an id that no store can keep."""
        run = store.start("s", trigger="test", at=1.0)

        with pytest.raises(StateStoreError, match="not valid Unicode"):
            store.write("s", run, [sent("a"), failed("b"), intent("caf\udce9.md")], at=2.0)

        assert store.records("s") == {}
        assert self.outcomes(store, run) == []

    @pytest.mark.parametrize("external_id", ODD_IDS, ids=range(len(ODD_IDS)))
    def test_odd_ids_come_back_as_they_were(self, store: StateStore, external_id: str) -> None:
        """Ids are text of any kind, told apart byte for byte."""
        self.post(store, sent(external_id, links=((f"id:{external_id}", external_id),)), sent("other"))

        assert self.record(store, external_id).external_id == external_id
        assert set(store.records("s")) == {external_id, "other"}
        assert store.linking("s", [f"id:{external_id}"]) == {external_id}
        assert list(store.links("s")) == [(f"id:{external_id}", external_id)]

    def test_ids_that_differ_in_case_or_form_are_two(self, store: StateStore) -> None:
        """No store folds case or normalises Unicode."""
        ids = ["a.md", "A.md", "\u00e9.md", "e\u0301.md", "a.md "]
        self.post(store, *(sent(external_id) for external_id in ids))

        assert set(store.records("s")) == set(ids)

    def test_text_that_is_not_valid_unicode_is_kept_escaped(self, store: StateStore) -> None:
        """A bad file name in a reason or a link must not end the run that reports it."""
        run = self.post(
            store,
            Noted(external_id="caf\udce9.md", action=Action.HOLD, reason="bad name caf\udce9.md"),
            sent("a", title="\udcff", links=(("path:caf\udce9.md", None),)),
        )

        assert self.outcomes(store, run)[0][:3] == ("caf\\udce9.md", "hold", "bad name caf\\udce9.md")
        assert store.linking("s", ["path:caf\udce9.md"]) == {"a"}

    def test_sources_do_not_see_each_other(self, store: StateStore) -> None:
        """The same external id in two sources is two pages."""
        self.post(store, sent("a", links=(("path:b.md", None),)))
        run = store.start("t", trigger="test", at=1.0)
        store.write("t", run, [failed("a")], at=1.0)

        assert store.records("s")["a"].state == "live"
        assert store.records("t")["a"].state == "quarantined"
        assert store.links("t") == []
        assert store.linking("t", ["path:b.md"]) == set()

    # -- audit ----------------------------------------------------------------------------------------

    def test_audit_trail_names_each_thing_done_or_refused(self, store: StateStore) -> None:
        """One line for each acknowledgement, failure, lost answer, delete and note, in order."""
        run = self.post(
            store,
            intent("a"),
            sent("a", action=Action.UPDATE, reason="changed", content_hash="h2", hash_before="h1"),
            failed("b", error="too deep"),
            Uncertain(external_id="a", error="timed out"),
            Absent(external_id="a"),
            Deleting(external_id="a"),
            deleted("a"),
            Noted(external_id="c", action=Action.HOLD, reason="waits for a person"),
        )

        assert self.outcomes(store, run) == [
            Outcome("a", "update", "changed", hash_before="h1", hash_after="h2", page_id="p1"),
            Outcome("b", "fail", "too deep"),
            Outcome("a", "fail", "timed out", hash_before="h2", page_id="p1"),
            Outcome(
                "a",
                "delete",
                "gone in two listings",
                hash_before="h1",
                page_id="p1",
                evidence="gone in two listings",
            ),
            Outcome("c", "hold", "waits for a person"),
        ]

    # -- runs, standing, hold -------------------------------------------------------------------------

    STANDING = Standing(
        import_source_id=2**40,
        import_source_url="https://docs.example",
        revision="r9",
        origin_revision="r9",
        identity="device 1",
        fingerprint="f",
        rules="r1",
        listed=3,
        completed_at=12.5,
    )

    def finish(
        self,
        store: StateStore,
        run: int,
        *,
        hold: Hold | None = None,
        found: Hold | None = None,
        at: float = 20.0,
        decisions: int = 0,
        epoch: int | None = None,
    ) -> None:
        """Close a run of source "s" that knew of so many decisions and of the hold that it `found`."""
        store.finish(
            "s",
            run,
            report=Report(name="s", result=Result.OK, listed=3),
            standing=replace(self.STANDING, decisions=decisions),
            holds=[] if hold is None else [hold],
            found=[] if found is None else [found],
            revision="r9",
            at=at,
            epoch=epoch,
        )

    def test_runs_have_numbers_that_grow(self, store: StateStore) -> None:
        """No two runs share a number, whatever their source."""
        numbers = [store.start(source, trigger="test", at=1.0) for source in ("s", "t", "s")]

        assert numbers == sorted(set(numbers))

    def test_standing_comes_back(self, store: StateStore) -> None:
        """What is remembered of the source as a whole survives to the next run."""
        self.finish(store, store.start("s", trigger="test", at=1.0))

        assert store.before("s").standing == self.STANDING
        assert store.before("t").standing == Standing()

    def test_revision_can_be_forgotten_alone(self, store: StateStore) -> None:
        """It is, before the first row tells of more than that revision."""
        store.unsettle("s")
        self.finish(store, store.start("s", trigger="test", at=1.0))
        store.unsettle("s")

        assert store.before("s").standing == replace(self.STANDING, revision=None)

    def test_thorough_run_takes_the_revision_back(self, store: StateStore) -> None:
        """Should it be killed, the next run must not take the origin's word that there is nothing to do."""
        self.finish(store, store.start("s", trigger="test", at=1.0))

        store.start("s", trigger="test", at=2.0, thorough=True)

        assert store.before("s").standing == replace(self.STANDING, revision=None)

    def test_finish_of_an_unknown_run_is_refused(self, store: StateStore) -> None:
        """A state that was replaced under a run must not take over what that run believed."""
        with pytest.raises(StateStoreError):
            self.finish(store, 41)

        assert store.before("s").standing == Standing()

    HOLD = Hold(kind="deletions", count=12, digest="d", reason="12 of 40 pages", since=5.0)

    def test_hold_opens_and_closes(self, store: StateStore) -> None:
        """A hold is open from the run that found it to the run that finds it no more."""
        self.finish(store, store.start("s", trigger="test", at=1.0), hold=self.HOLD)
        assert list(store.before("s").holds.values()) == [self.HOLD]
        assert list(store.before("t").holds.values()) == []

        self.finish(store, store.start("s", trigger="test", at=2.0))
        assert list(store.before("s").holds.values()) == []

    def test_approval_is_on_the_hold(self, store: StateStore) -> None:
        """The next run reads how many pages may go, and until when."""
        self.finish(store, store.start("s", trigger="test", at=1.0), hold=self.HOLD)

        approved = self.approve(store, count=12, until=99.0)

        assert approved == replace(self.HOLD, approved=12, approved_until=99.0, approved_by="ada")
        assert list(store.before("s").holds.values()) == [approved]

    def test_approval_during_a_run_is_kept(self, store: StateStore) -> None:
        """A run that could not know of an approval must not take it away."""
        self.finish(store, store.start("s", trigger="test", at=1.0), hold=self.HOLD)
        run = store.start("s", trigger="test", at=2.0)
        (seen,) = store.before("s").holds.values()
        approved = self.approve(store, count=12, until=99.0)

        self.finish(store, run, hold=seen, found=seen)

        assert list(store.before("s").holds.values()) == [approved]

    def test_approval_that_a_run_used_up_is_gone(self, store: StateStore) -> None:
        """A run that knew of the approval decides what is left of it."""
        self.finish(store, store.start("s", trigger="test", at=1.0), hold=self.HOLD)
        self.approve(store, count=12, until=99.0)
        run = store.start("s", trigger="test", at=2.0)
        (known,) = store.before("s").holds.values()

        self.finish(store, run, hold=self.HOLD, found=known)

        assert list(store.before("s").holds.values()) == [self.HOLD]

    def test_approval_without_a_hold_is_refused(self, store: StateStore) -> None:
        """Nobody can approve deletions in advance."""
        with pytest.raises(ConfigError):
            self.approve(store, count=12, until=99.0)

    def test_approval_of_nothing_is_refused(self, store: StateStore) -> None:
        """An approval names at least one page."""
        self.finish(store, store.start("s", trigger="test", at=1.0), hold=self.HOLD)

        with pytest.raises(ConfigError):
            self.approve(store, count=0, until=99.0)

    # -- what a run is at ---------------------------------------------------------------------------

    def test_marks_stay_until_the_run_ends(self, store: StateStore) -> None:
        """A run that was killed never comes to take them away; the newest marks count."""
        run = store.start("s", trigger="test", at=1.0)
        store.mark("s", ["a", "b"])
        store.mark("s", ["b", "c", "c"])
        assert store.before("s").marks == {"b": False, "c": False}
        assert store.before("t").marks == {}

        store.mark_alone("s", "b")
        store.mark_alone("s", "d")
        assert store.before("s").marks == {"b": False, "c": False, "d": True}

        self.finish(store, run)
        assert store.before("s").marks == {}

    def test_entry_takes_the_mark_of_its_page_away(self, store: StateStore) -> None:
        """What is told of a page was made of it: it did not kill the process."""
        store.mark("s", ["a", "b"])

        self.post(store, intent("a"))

        assert store.before("s").marks == {"b": False}

    # -- what people decide ---------------------------------------------------------------------------

    def test_two_questions_wait_at_once(self, store: StateStore) -> None:
        """Held deletes and held updates are two holds, each with an approval of its own."""
        rewrite = replace(self.HOLD, kind="rewrite", count=40)
        run = store.start("s", trigger="test", at=1.0)
        store.finish(
            "s",
            run,
            report=Report(name="s"),
            standing=Standing(),
            holds=[self.HOLD, rewrite],
            found=[],
            revision=None,
            at=2.0,
        )

        self.decide(store, Approve(question=Question.UPDATES, count=40, until=99.0, by="ada"))

        found = store.before("s").holds
        assert found[Question.DELETES] == self.HOLD
        assert found[Question.UPDATES].approved == 40

    def test_rejected_approval_is_void(self, store: StateStore) -> None:
        """What was approved can be taken back, also while a run that knew of the approval goes on."""
        self.finish(store, store.start("s", trigger="test", at=1.0), hold=self.HOLD)
        approved = self.approve(store, count=12, until=99.0)
        run = store.start("s", trigger="test", at=2.0)
        assert list(store.before("s").holds.values()) == [approved]

        self.decide(store, Reject(question=Question.DELETES, by="bob", why="not these"))
        self.finish(store, run, hold=approved, found=approved)

        assert list(store.before("s").holds.values()) == [self.HOLD]

    @pytest.mark.parametrize(
        "decision",
        [
            Reject(question=Question.UPDATES, by="ada"),
            Release(by="ada"),
            Restore(external_id="a", by="ada"),
        ],
        ids=lambda decision: type(decision).__name__,
    )
    def test_decision_about_nothing_is_refused(self, store: StateStore, decision: Decision) -> None:
        """Nobody can take back what was not said."""
        with pytest.raises(ConfigError):
            self.decide(store, decision)

        assert store.before("s").standing.decisions == 0

    @pytest.mark.parametrize(
        ("asked", "tried"), [("a", {"a"}), ("b", {"b", "b#2"}), (None, {"a", "b", "b#2"})]
    )
    def test_retry_makes_versions_unknown(
        self, store: StateStore, asked: str | None, tried: set[str]
    ) -> None:
        """Of what is in quarantine, and of the whole page of a part that is; what is well stays known."""
        self.post(
            store,
            *(sent(key) for key in ("a", "b", "c")),
            replace(sent("b#2"), part_of="b"),
            *(Failed(external_id=key, version="2", rules="r", error="no") for key in ("a", "b#2")),
        )

        self.decide(store, Retry(external_id=asked, by="ada"))

        assert {key for key, record in store.records("s").items() if not record.version} == tried

    def test_orders_stand_until_they_are_taken_back(self, store: StateStore) -> None:
        """A freeze and a takedown are known to every later question, with who and why."""
        self.decide(store, Freeze(by="ada", why="audit"))
        self.decide(store, TakeDown(external_id="a", by="bob", why="leaked"), at=7.0)

        orders = store.before("s").orders
        assert orders.frozen is not None
        assert (orders.frozen.since, orders.frozen.by, orders.frozen.why) == (6.0, "ada", "audit")
        assert {key: (order.since, order.by) for key, order in orders.taken_down.items()} == {
            "a": (7.0, "bob")
        }
        assert store.before("t").orders == Orders()

        self.decide(store, Release(by="ada"))
        self.decide(store, Restore(external_id="a", by="bob"))
        assert store.before("s").orders == Orders()

    def test_decisions_are_in_the_audit_trail(self, store: StateStore) -> None:
        """Each one with who and why, outside of every run."""
        self.decide(store, Freeze(by="ada", why="audit"))
        self.decide(store, TakeDown(external_id="a", by="bob", why="leaked"))

        lines = [(line.action, line.external_id, line.reason, line.by) for line in self.outcomes(store, 0)]
        assert lines == [("freeze", "", "audit", "ada"), ("takedown", "a", "leaked", "bob")]

    def test_intent_for_a_page_that_was_taken_down_is_refused(self, store: StateStore) -> None:
        """The page must not be sent; the others of its batch go on."""
        self.decide(store, TakeDown(external_id="a", by="ada", why="leaked"))

        self.post(store, intent("a"), intent("b"))

        assert self.refused == {"a"}
        assert set(store.records("s")) == {"b"}

    def test_frozen_source_refuses_every_intent(self, store: StateStore) -> None:
        """Neither upserts nor deletes; a takedown is a person's own word and goes on."""
        self.post(store, sent("a"), sent("b"), Absent(external_id="a"))
        self.decide(store, Freeze(by="ada", why="audit"))
        self.decide(store, TakeDown(external_id="b", by="ada", why="leaked"))

        self.post(store, intent("c"), Deleting(external_id="a"))
        assert self.refused == {"a", "c"}
        assert self.record(store).state == "live"

        self.post(store, Deleting(external_id="b", ground=Ground.TAKEN_DOWN))
        assert self.refused == frozenset()

    def test_delete_of_what_came_back_is_refused(self, store: StateStore) -> None:
        """The row is read again in the transaction: an item that is listed is not missing."""
        self.post(store, sent("a"), Absent(external_id="a"), Returned(external_id="a"))

        self.post(store, Deleting(external_id="a"))

        assert self.refused == {"a"}
        assert self.record(store).state == "live"

    def test_delete_on_an_approval_that_was_taken_back_is_refused(self, store: StateStore) -> None:
        """An approval counts as long as it stands, and no longer than it was given for."""
        self.finish(store, store.start("s", trigger="test", at=1.0), hold=self.HOLD)
        self.post(store, *(sent(key) for key in "abc"), *(Absent(external_id=key) for key in "abc"))
        self.approve(store, count=12, until=99.0)

        self.post(store, Deleting(external_id="a", approved_until=99.0))
        assert self.refused == frozenset()
        self.post(store, Deleting(external_id="b", approved_until=99.0), at=100.0)
        assert self.refused == {"b"}
        self.decide(store, Reject(question=Question.DELETES, by="ada"))
        self.post(store, Deleting(external_id="c", approved_until=99.0))
        assert self.refused == {"c"}

    def test_takedown_that_was_taken_back_is_not_carried_out(self, store: StateStore) -> None:
        """A delete for a takedown that no longer stands is refused."""
        self.post(store, sent("a"))

        self.post(store, Deleting(external_id="a", ground=Ground.TAKEN_DOWN))

        assert self.refused == {"a"}

    def test_page_that_was_published_late_stays_if_it_was_sent_anew(self, store: StateStore) -> None:
        """A delete of what a lost request published must not take away what came after it."""
        self.post(store, sent("a"), *gone("b"), Skipped(external_id="c", version="v", rules="r", reason="-"))
        late = [Deleting(external_id=name, ground=Ground.LATE) for name in "abc"]

        self.post(store, *late)

        assert self.refused == {"a"}

    def test_page_that_was_sent_while_it_was_deleted_is_kept_in_sight(self, store: StateStore) -> None:
        """Nobody knows which of the two requests came last, so the row stays."""
        self.decide(store, TakeDown(external_id="a", by="ada", why="leaked"))
        self.post(store, sent("a"), Deleting(external_id="a", ground=Ground.TAKEN_DOWN))

        self.post(store, sent("a", page_id="p2"), deleted("a"))

        assert (self.record(store).state, self.record(store).page_id) == ("live", "p2")

    def test_run_that_did_not_know_of_a_decision_leaves_everything_open(self, store: StateStore) -> None:
        """The next run must not take the revision for done: the decision changes what is to do."""
        run = store.start("s", trigger="test", at=1.0)
        self.decide(store, TakeDown(external_id="a", by="ada", why="leaked"))
        self.finish(store, run)
        assert (store.before("s").standing.revision, store.before("s").standing.decisions) == (None, 1)

        self.finish(store, store.start("s", trigger="test", at=1.0), decisions=1)
        assert store.before("s").standing.revision == "r9"
