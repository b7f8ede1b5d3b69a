"""One simulated life: an origin that people edit, Intercom, a store, and the workers between them.

Trouble comes first, for most of an hour of virtual time; each seed has other classes of it. Then all trouble
ends, and a few quiet runs have to make everything good.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncd.decision import Approve, Decision, Freeze, Reject, Release, Restore, TakeDown
from syncd.errors import FatalError, LeaseLost, SourceBusy, SourceError
from syncd.guards import APPROVAL_LIFE_S, Policy
from syncd.intercom.pacing import Paced
from syncd.intercom.pages import Pages
from syncd.intercom.retry import RetryBudget, Retrying
from syncd.intercom.transport import Counted, Fenced
from syncd.journal import Deleted, Deleting, Entry, Intent, Sent, Standing
from syncd.lease import HeldLease
from syncd.model import RecordState, Result
from syncd.outcome import Outcome
from syncd.render import Rules
from syncd.survey import Connection, Run, Source
from syncd.sync import sync_source
from syncd.testing.simulation.choices import USUAL, Choices
from syncd.testing.simulation.laws import Laws
from syncd.testing.simulation.loop import Stuck, VirtualLoop
from syncd.testing.simulation.origin import CANARY, Origin, PureRenderer, Text, draft_of
from syncd.testing.simulation.process import Hooks, Lane, Process
from syncd.testing.simulation.remote import LATEST_S, OURS, Departure, Remote
from syncd.testing.simulation.store import ObservedStore

NAME = "docs"
IDS = "abcdefghijkl"
TROUBLE_S = 3000.0
EVERY_S = (30.0, 400.0)
WINDOW_S = 600.0
POLICY = Policy(confirm=2, min_absence_s=60.0, hold_above_pages=2, hold_above_percent=30.0)
PASSES = 3
LEASE_S = 45.0
"""Shorter than a process may stand still."""
BUSY_S = 30.0
LONGEST_JUMP_S = 120.0
"""A wall clock may be off by so much."""

CLASSES = (
    "break", "lie", "clash", "read", "lost", "late", "5xx", "429", "401", "422", "garbage", "crash", "stop",
    "commit", "power", "clock", "outage", "admin", "tidy", "edit", "odd", "person",
)  # fmt: skip
"""The classes of trouble; each seed switches each of them on or off."""


@dataclass(slots=True, kw_only=True)
class Life:
    """What one life came to.

    Attributes:
        broken: the laws that were broken, in words.
        steps: the unusual decisions, name → what it came to.
        marks: what was met, and how often.
    """

    seed: int
    broken: list[str] = field(default_factory=list)
    steps: dict[str, str] = field(default_factory=dict)
    marks: Counter[str] = field(default_factory=Counter)


class World(Hooks):
    """All that takes part in one life."""

    def __init__(
        self, seed: int, *, only: Collection[str] | None = None, given: Mapping[str, str] | None = None
    ) -> None:
        self.choices = Choices(seed, only=only, given=given)
        self.loop = VirtualLoop(began_at=1_700_000_000.0)
        self.origin = Origin(self.choices)
        self.remote = Remote(self.loop, self.choices)
        self.store = self.make_store()
        self.policy = self.make_policy()
        self.window_s = WINDOW_S
        workers = self.choices.pick("knob.workers", [("2", 0.25, ""), ("3", 0.15, "")])
        self.workers = 1 if workers == USUAL else int(workers)
        self.laws = Laws(self.origin, self.remote, POLICY)
        self.marks: Counter[str] = Counter()
        self.processes: dict[str, Process] = {}
        # Some lives are short and busy, so that much happens while a late request is under way.
        self.haste = 1.0 if self.choices.pick("knob.haste", [("busy", 0.5, "")]) == USUAL else 0.3
        self._trouble_ends = self.loop.time() + TROUBLE_S * self.haste
        self._durable = self.store.image()
        self.store.committed = self.committed
        self.remote.after_change = self.laws.after_change

    # What a mutant replaces -------------------------------------------------------------------------

    def make_store(self) -> ObservedStore:
        """The store that all workers share."""
        return ObservedStore(self.loop.time)

    def make_policy(self) -> Policy:
        """How deletions are treated; the laws go by POLICY, whatever this says."""
        return POLICY

    def make_source(self, process: Process, *, fence: Callable[[], None] = lambda: None) -> Source:
        """The one source, as one process has it configured."""
        counted = Counted(process)
        transport = Retrying(
            Paced(Fenced(counted, fence), process.pacer),
            sleep=process.sleep,
            random=process.random,
            budget=RetryBudget(),
        )
        remote = self.remote

        async def connect(standing: Standing) -> Connection:
            pages = Pages(transport, source_id=remote.source_id)
            return Connection(target=pages, import_source_id=remote.source_id, import_source_url=OURS)

        return Source(
            name=NAME,
            connector=self.origin.connector(process.name, self.loop.time),
            policy=self.policy,
            fingerprint="f",
            rules=Rules(),
            page_url="https://docs.example/{path}",
            locale="en",
            availability=None,
            check=lambda standing: None,
            connect=connect,
            find=connect,
            requests=lambda: counted.requests,
            drift="repair",
            verify_every_s=math.inf,
        )

    async def trip(self, process: Process, *, repair: bool = False) -> Outcome:
        """One run, as the service makes it; `repair`: it compares everything with Intercom and mends it.

        Raises:
            SourceBusy: another worker has the source.
        """
        if self.workers == 1:
            return await sync_source(self.make_source(process), self.make_run(process, repair=repair))
        lease = HeldLease(
            self.store,
            keep=process.keep,
            clock=process,
            source=NAME,
            owner=process.name,
            length_s=LEASE_S,
        )
        async with lease:
            process.lease = lease
            run = self.make_run(process, repair=repair, fence=lease.fence, epoch=lease.lease.epoch)
            return await sync_source(self.make_source(process, fence=lease.fence), run)

    def make_run(self, process: Process, *, repair: bool, **leased: Any) -> Run:
        """What one run is made with."""
        return Run(
            store=self.store,
            keep=process.keep,
            crawl=Lane(process, slowest_s=0.1),
            renderer=PureRenderer(),
            clock=process,
            concurrency=3,
            verify=repair,
            repair=repair,
            window_s=self.window_s,
            **leased,
        )

    # Hooks ------------------------------------------------------------------------------------------

    def departs(self, departure: Departure) -> None:
        rows = sum(record.may_be_published for record in self.store.records(NAME).values())
        approved = max((hold.approved or 0 for hold in self.store.before(NAME).holds.values()), default=0)
        process, lease = self.processes[departure.process], self.store.leases.get(NAME)
        self.laws.departs(
            departure,
            process,
            lease=lease,
            rows=rows,
            approved=approved,
            taken_down=departure.external_id in self.store.before(NAME).orders.taken_down,
        )

    def answered(self, departure: Departure, status: int) -> None:
        self.marks[f"{departure.method} answered {status}"] += 1

    def died(self, process: Process) -> None:
        self.marks["a process died"] += 1
        power = self.choices.pick(self.choices.next(f"{process.name}.power"), [("lost", 0.3, "power")])
        if power != USUAL and self.workers == 1:
            self.store.put_back(self._durable)
            self.laws.forgot()
            self.marks["last commits lost"] += 1
        if not self.choices.calm:
            pause_s = self.choices.between(self.choices.next(f"{process.name}.restart"), 1.0, 120.0)
            self.loop.call_later(pause_s, self._boot, process.name)

    def committed(
        self, run: int, entries: Sequence[Entry], epoch: int | None, refused: frozenset[str]
    ) -> None:
        """A batch of entries became true."""
        self.laws.committed(entries, refused)
        lease = self.store.leases.get(NAME)
        if epoch is not None and (lease is None or lease.epoch != epoch):
            self.laws.fail("I6", f"entries were committed under epoch {epoch}, the lease is {lease}")
        if self._is_on("power") and any(isinstance(entry, Intent | Deleting) for entry in entries):
            # What is about to be done is on the disk before it is done, and with it all that came before.
            self._durable = self.store.image()
        for entry in entries:
            self.marks[f"entry {type(entry).__name__}"] += 1
            if isinstance(entry, Sent):
                self.marks[f"sent: {entry.reason}"] += 1
                self.marks["confirmed after a lost try"] += entry.unsure
            elif isinstance(entry, Deleted):
                self.marks["deleted: found late"] += "published it again" in entry.evidence
                self.marks["deleted: the origin said so"] += "the origin says" in entry.evidence
        self.marks["an intent was refused"] += bool(refused)

    def _is_on(self, group: str) -> bool:
        return group in (self.choices.classes or ())

    # The story --------------------------------------------------------------------------------------

    def live(self) -> Life:
        """Live it from the first page to the last law."""
        try:
            self.loop.run_until_complete(self.story())
        except Stuck as error:
            self.laws.fail("stuck", str(error))
        for heard in self.loop.unheard:
            self.laws.fail("unheard", f"{heard.get('message')}: {heard.get('exception')!r}")
        self.marks["a lease was taken over"] += self.store.takeovers
        return Life(
            seed=self.choices.seed,
            broken=self.laws.broken,
            steps=dict(self.choices.taken),
            marks=self.marks,
        )

    async def story(self) -> None:
        """Trouble first, then its end."""
        choices = self.choices
        pick = choices.pick
        choices.classes = {each for each in CLASSES if pick(f"swarm.{each}", [("on", 0.5, "")]) != USUAL}
        for external_id in IDS[: 3 + int(choices.number("size") * 6)]:
            self.write(external_id, f"start-{external_id}")
        for number in range(self.workers):
            self._boot(f"w{number + 1}")
        others = [asyncio.create_task(work) for work in (self._author(), self._admin(), self._outages())]
        await asyncio.sleep(TROUBLE_S * self.haste)
        for task in others:
            task.cancel()
        await self.end()

    def write(self, external_id: str, words: str, *, kind: str = "page", link: str = "") -> None:
        self.origin.put(external_id, words, self.loop.time(), kind=kind, link=link)

    def _boot(self, name: str) -> None:
        if self.choices.calm or self.loop.time() > self._trouble_ends:
            return
        process = self.process(name)
        self.loop.create_task(self._work(process), context=process.context)

    def process(self, name: str) -> Process:
        """A new life of a worker."""
        process = Process(name, loop=self.loop, choices=self.choices, remote=self.remote, hooks=self)
        self.processes[name] = process
        return process

    async def _work(self, process: Process) -> None:
        choices = self.choices
        while True:
            if choices.pick(choices.next(f"{process.name}.clock"), [("jumps", 0.1, "clock")]) != USUAL:
                process.ahead_s = choices.between(choices.next("clock.by"), -LONGEST_JUMP_S, LONGEST_JUMP_S)
            try:
                outcome = await self.trip(process)
            except FatalError:
                self.marks["the store failed"] += 1
                process.die()
                return
            except SourceBusy:
                self.marks["the source is busy"] += 1
                await process.sleep(BUSY_S)
                continue
            except LeaseLost:
                self.marks["the lease was lost"] += 1
                continue
            except Exception as error:
                self.laws.fail("unforeseen", repr(error))
                process.die()
                return
            self.heard(process, outcome)
            wait_s = choices.between(choices.next(f"{process.name}.every"), *EVERY_S)
            await process.sleep(wait_s * self.haste)

    def heard(self, process: Process, outcome: Outcome) -> None:
        """A run ended."""
        if isinstance(outcome.error, LeaseLost):
            self.marks["the lease was lost"] += 1
        else:
            self.laws.finished(process.name)
        if outcome.error is not None and not isinstance(outcome.error, SourceError):
            self.laws.fail("unforeseen", repr(outcome.error))
        if CANARY in repr(outcome):
            self.laws.fail("I8", "an outcome holds text of a document")
        for hold in outcome.holds:
            self.marks[f"held: {hold.kind}"] += 1

    async def _author(self) -> None:
        choices, origin = self.choices, self.origin
        while True:
            name = choices.next("edit")
            await asyncio.sleep(self.haste * choices.between(f"{name}.after", 20.0, 300.0))
            what = choices.pick(
                name,
                [
                    ("change", 0.2, ""),
                    ("create", 0.12, ""),
                    ("remove", 0.14, ""),
                    ("rename", 0.08, ""),
                    ("vanish", 0.08, ""),
                    ("swap", 0.04, "edit"),
                    ("touch", 0.06, "edit"),
                    ("restore", 0.04, "edit"),
                    ("remove-many", 0.03, "edit"),
                    ("move-root", 0.01, "edit"),
                    ("empty", 0.03, "odd"),
                    ("draft", 0.03, "odd"),
                    ("poison", 0.03, "odd"),
                    ("link", 0.06, "edit"),
                ],
            )
            if what == USUAL:
                continue
            now, there = self.loop.time(), sorted(origin.items)
            free = [each for each in IDS if each not in origin.items]
            if what == "create" and free:
                self.write(choices.one_of(name, free), name)
            if not there:
                continue
            one = choices.one_of(f"{name}.one", there)
            text = origin.items[one]
            match what:
                case "change":
                    self.write(one, name, link=text.link)
                case "remove":
                    origin.remove(one, now)
                case "rename" if free:
                    other = choices.one_of(name, free)
                    origin.put(other, text.words, now, kind=text.kind)
                    origin.remove(one, now)
                case "vanish":
                    origin.remove(one, now)
                    self.loop.call_later(
                        choices.between(f"{name}.for", 50.0, 500.0), self._bring_back, one, text
                    )
                case "swap" if len(there) > 1:
                    other = there[there.index(one) - 1]
                    words = origin.items[other].words
                    self.write(other, text.words)
                    self.write(one, words)
                case "touch":
                    self.write(one, text.words, kind=text.kind, link=text.link)
                case "restore":
                    origin.restore(int(choices.number(f"{name}.to") * 1000), now)
                case "remove-many":
                    for each in there[: len(there) * 2 // 3]:
                        origin.remove(each, now)
                case "move-root":
                    origin.root = f"root of {name}"
                case "empty" | "draft" | "poison":
                    self.write(one, name, kind=what)
                case "link":
                    self.write(one, text.words, link=choices.one_of(f"{name}.to", IDS))

    def _bring_back(self, external_id: str, text: Text) -> None:
        if external_id not in self.origin.items and not self.choices.calm:
            self.write(external_id, text.words, kind=text.kind, link=text.link)

    async def _admin(self) -> None:
        choices = self.choices
        number = 0
        while True:
            name = choices.next("admin")
            await asyncio.sleep(self.haste * choices.between(f"{name}.after", 100.0, 800.0))
            what = choices.pick(
                name,
                [
                    ("deletes", 0.2, "admin"),
                    ("edits", 0.15, "admin"),
                    ("adds", 0.1, "admin"),
                    ("approves", 0.2, "person"),
                    ("tidies", 0.2, "tidy"),
                    ("rejects", 0.04, "person"),
                    ("freezes", 0.05, "person"),
                    ("takes-down", 0.06, "person"),
                ],
            )
            ours = sorted(self.remote.pages())
            if what == "deletes" and ours:
                self.remote.admin_deletes(choices.one_of(f"{name}.one", ours))
            elif what == "edits" and ours:
                self.remote.admin_edits(choices.one_of(f"{name}.one", ours))
            elif what == "tidies":
                rows = self.store.records(NAME)
                absent = [key for key in ours if key in rows and rows[key].absences]
                if absent:
                    self.remote.admin_deletes(choices.one_of(f"{name}.one", absent))
            elif what == "adds":
                number += 1
                self.remote.add_foreign(self.remote.source_id, f"foreign-{number}")
            elif what == "approves":
                self.approve()
            elif what == "rejects" and (holds := list(self.store.before(NAME).holds.values())):
                self.decide(Reject(by="ada", question=holds[0].question))
            elif what == "freezes" and self.store.before(NAME).orders.frozen is None:
                self.decide(Freeze(by="ada", why="look first"))
                release_s = choices.between(f"{name}.for", 100.0, 600.0)
                self.loop.call_later(release_s, self._let_go)
            elif what == "takes-down" and ours:
                one = choices.one_of(f"{name}.one", ours)
                self.decide(TakeDown(by="ada", why="a secret", external_id=one))

    async def _outages(self) -> None:
        choices = self.choices
        while True:
            name = choices.next("outage")
            await asyncio.sleep(self.haste * choices.between(f"{name}.after", 50.0, 800.0))
            if choices.pick(name, [("begins", 0.7, "outage")]) != USUAL:
                self.remote.out_until = self.loop.time() + choices.between(f"{name}.for", 20.0, 250.0)

    def decide(self, decision: Decision) -> None:
        """A person decides something; it is on the disk at once."""
        self.store.decide(NAME, decision, at=self.loop.time())
        self._durable = self.store.image()
        self.marks[f"a person: {type(decision).__name__}"] += 1

    def _let_go(self) -> None:
        orders = self.store.before(NAME).orders
        if orders.frozen is not None:
            self.decide(Release(by="ada"))

    def approve(self) -> bool:
        """A person lets go what is held; whether there was anything."""
        now = self.loop.time()
        waiting = [
            hold
            for hold in self.store.before(NAME).holds.values()
            if hold.approved_until is None or hold.approved_until < now - LONGEST_JUMP_S
        ]
        for hold in waiting:
            until = now + APPROVAL_LIFE_S
            decision = Approve(by="ada", question=hold.question, count=hold.count, until=until)
            self.decide(decision)
            self.marks[f"approved: {hold.question}"] += 1
        return bool(waiting)

    # The end ----------------------------------------------------------------------------------------

    async def end(self) -> None:
        """Let all trouble end, and look whether a few runs make everything good."""
        self.choices.calm = True
        for process in self.processes.values():
            process.die()
        self._let_go()
        for external_id in self.store.before(NAME).orders.taken_down:
            self.decide(Restore(by="ada", external_id=external_id))
        for external_id, text in sorted(self.origin.items.items()):
            if text.kind in ("empty", "poison"):
                self.write(external_id, "mended")
        self._change_parked()
        await asyncio.sleep(LEASE_S + 1.0)
        if self.workers > 1:
            # Another worker takes over, as one always does, and so stamps what was under way.
            now = self.loop.time()
            self.store.release(self.store.acquire(NAME, owner="next", until=now + 1.0, at=now))
        await asyncio.sleep(max(LATEST_S, WINDOW_S) + 2 * LONGEST_JUMP_S)
        self.remote.refuses_token_until = -1.0
        process = self.process("end")
        await self.loop.create_task(self._good(process), context=process.context)

    def _change_parked(self) -> set[str]:
        """A page that was refused, or that processes died on, stays parked until somebody changes it."""
        rows = self.store.records(NAME)
        parked = {
            external_id
            for external_id, text in self.origin.items.items()
            if text.kind == "page"
            and external_id in rows
            and rows[external_id].state == RecordState.QUARANTINED
        }
        for external_id in sorted(parked):
            self.write(external_id, "mended")
        self.marks["changed because it was parked"] += len(parked)
        return parked

    async def _good(self, process: Process) -> None:
        wrong = self.differing()
        # A page with a link is sent again when what it links to has gone.
        linking = {key for key, text in self.origin.items.items() if text.link}
        writes = 0
        unsure = self.unsure()
        passes = PASSES
        done = 0
        while done < passes:
            before = len(self.remote.applied)
            try:
                # What an admin did only a look at everything can find.
                outcome = await self.trip(process, repair=done == 0 and self._is_on("admin"))
            except Exception as error:
                self.laws.fail("unforeseen", f"in a quiet run: {error!r}")
                return
            done += 1
            # A page that is made anew is sent twice in one run: the second time it is switched on.
            writes += len(set(self.remote.applied[before:]))
            self.heard(process, outcome)
            holds = self.store.before(NAME).holds.values()
            if outcome.error is not None and all(hold.kind != "empty" for hold in holds):
                self.laws.fail("F", f"a quiet run failed: {outcome.error}")
            if parked := self._change_parked():
                unsure |= parked
                passes = max(passes, done + 1)
            if self.approve():
                # What waits for a person has its own time.
                passes = max(passes, done + 2)
            await process.sleep(self.policy.min_absence_s + 1.0)
        for external_id, why in self.differing().items():
            self.laws.fail("F-a", f"{external_id!r} {why}")
        self._rows_are_items()
        if writes > len(wrong.keys() | unsure) + len(linking):
            self.laws.fail("F-d", f"{writes} writes for wrong {sorted(wrong)} and unsure {sorted(unsure)}")
        for hold in self.store.before(NAME).holds.values():
            self.laws.fail("F-e", f"still held: {hold}")
        if any(doubt.ambiguous for doubt in self.store.before(NAME).doubts):
            # A page that was found late is looked for once more.
            self.heard(process, await self.trip(process))
            await process.sleep(self.policy.min_absence_s + 1.0)
        before = len(self.remote.applied)
        outcome = await self.trip(process)
        if len(self.remote.applied) > before or outcome.report.requests > 1:
            self.laws.fail("F-c", f"one more run made {outcome.report.requests} requests")
        for doubt in self.store.before(NAME).doubts:
            if doubt.ambiguous:
                self.laws.fail("F-b", f"still in doubt: {doubt}")
        if outcome.report.result is not Result.OK:
            self.laws.fail("F-c", f"the last run is {outcome.report.result}: {outcome}")

    def expected(self) -> dict[str, tuple[str, str | None]]:
        """(html, URL) of each page that should be shown, as it should have been sent."""
        pages: dict[str, tuple[str, str | None]] = {}
        for external_id, text in self.origin.items.items():
            if text.kind != "page":
                continue
            draft = draft_of(f"{text.kind}\n{text.link}\n{text.words} {CANARY}")
            html = draft.html
            if draft.links:
                url = f"https://docs.example/{text.link}"
                there = text.link in self.origin.items
                html = html.replace(
                    '<a href="link:0">more</a>', f'<a href="{url}">more</a>' if there else "more"
                )
            pages[external_id] = (html, f"https://docs.example/{external_id}")
        return pages

    def differing(self) -> dict[str, str]:
        """external_id → how what Intercom shows differs from what it should show."""
        expected, shown = self.expected(), self.remote.pages()
        wrong = dict.fromkeys(shown.keys() - expected.keys(), "is shown and should not be")
        for key, (html, url) in expected.items():
            if key not in shown:
                wrong[key] = "is not shown"
            elif key in self.remote.wrong_by_admin or self.remote.sent_html.get(key) != html:
                wrong[key] = f"is shown as {shown[key][0].html!r}, not as {html!r}"
            elif shown[key][0].url != url:
                wrong[key] = f"is shown under {shown[key][0].url}"
        return wrong

    def unsure(self) -> set[str]:
        """external ids of the rows that are not plainly live."""
        return {
            key
            for key, record in self.store.records(NAME).items()
            if record.state != "live" or record.ambiguous_at is not None or record.absences
        }

    def _rows_are_items(self) -> None:
        rows = {key: row.state for key, row in self.store.records(NAME).items()}
        for key in rows.keys() ^ self.origin.items.keys():
            self.laws.fail("F-b", f"{key!r} has {'a row' if key in rows else 'an item'} only")
        for key, state in rows.items():
            wanted = (
                "skipped" if key in self.origin.items and self.origin.items[key].kind == "draft" else "live"
            )
            if state != wanted:
                self.laws.fail("F-b", f"the row of {key!r} is {state}")


def live(seed: int, *, only: Collection[str] | None = None) -> Life:
    """Live one life."""
    return World(seed, only=only).live()
