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

from syncd.decision import Approve, Decision, Release
from syncd.errors import FatalError, LeaseLost, SourceBusy, SourceError
from syncd.guards import APPROVAL_LIFE_S, Policy
from syncd.intercom.pacing import Paced
from syncd.intercom.pages import Pages
from syncd.intercom.retry import RetryBudget, Retrying
from syncd.intercom.transport import Answer, Counted, Fenced
from syncd.journal import Deleted, Deleting, Entry, Intent, Sent, Standing
from syncd.lease import HeldLease
from syncd.model import RecordState
from syncd.outcome import Outcome
from syncd.render import Rules
from syncd.survey import Connection, Run, Source
from syncd.sync import sync_source
from syncd.testing.simulation.choices import USUAL, Choices
from syncd.testing.simulation.ending import end
from syncd.testing.simulation.laws import Laws
from syncd.testing.simulation.loop import Stuck, VirtualLoop
from syncd.testing.simulation.origin import CANARY, NAME, Origin, PureRenderer
from syncd.testing.simulation.people import admin, author, database, editor, network, operator
from syncd.testing.simulation.process import LEASE_S, LONGEST_JUMP_S, Hooks, Lane, Process
from syncd.testing.simulation.remote import OURS, WINDOW_S, Departure, Remote, is_last_page
from syncd.testing.simulation.store import ObservedStore

IDS = tuple("abcdefghijkl")
MANY_IDS = tuple(f"{one}{other}" for one in "abcde" for other in "abcdef")
AT_FIRST = 26
"""Pages of a source with many: as many as make a mass blanking one."""

TROUBLE_S = 3000.0
EVERY_S = (30.0, 400.0)
POLICY = Policy(confirm=2, min_absence_s=60.0, hold_above_pages=2, hold_above_percent=30.0)
RULES = Rules()
BUSY_S = 30.0
SOON_S = 12.0
"""A process that is asked to stop in the middle of a run is asked so long after it began, at most."""

CLASSES = (
    "break", "lie", "clash", "read", "lost", "late", "5xx", "429", "401", "422", "garbage", "crash", "stop",
    "commit", "power", "clock", "outage", "admin", "tidy", "edit", "odd", "person",
    "long", "name", "blank", "backup", "config", "token", "sigterm", "failover",
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
    """All that takes part in one life.

    Attributes:
        ids: names that items may have.
        fingerprint: of the configuration.
        replaced: the state was lost, or an older one was put in its place.
        failed_over: that happened to a database, and nothing told syncd.
        forgiven: external ids of pages that a state which was replaced cannot know of: they are left alone.
    """

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
        many = self.choices.pick("knob.size", [("many", 0.04, "")]) != USUAL
        self.ids = MANY_IDS if many else IDS
        self.fingerprint = "f"
        self.laws = Laws(self.origin, self.remote, POLICY)
        self.marks: Counter[str] = Counter()
        self.processes: dict[str, Process] = {}
        # Some lives are short and busy, so that much happens while a late request is under way.
        self.haste = 1.0 if self.choices.pick("knob.haste", [("busy", 0.5, "")]) == USUAL else 0.3
        self._trouble_ends = self.loop.time() + TROUBLE_S * self.haste
        self._durable = self.store.image()
        self._backup = self._durable
        self.replaced = self.failed_over = False
        self.forgiven: set[str] = set()
        self._limbo: set[str] = set()
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
            fingerprint=self.fingerprint,
            rules=RULES,
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
            run = self.make_run(
                process,
                repair=repair,
                fence=lease.fence,
                epoch=lease.lease.epoch,
                closed=lease.given_back,
            )
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
            stop=process.stop,
            **leased,
        )

    # Hooks ------------------------------------------------------------------------------------------

    def departs(self, departure: Departure) -> None:
        process = self.processes[departure.process]
        if departure.method == "POST" and self.laws.predates_a_failover(process):
            # Its intent may be lost as well, or was refused: no row tells of what it makes.
            self._limbo.add(departure.external_id)
            self.forgiven.add(departure.external_id)
        self.laws.departs(
            departure,
            process,
            lease=self.store.leases.get(NAME),
            records=lambda: self.store.records(NAME),
            before=lambda: self.store.before(NAME),
        )

    def answered(self, departure: Departure, answer: Answer) -> None:
        self.marks[f"{departure.method} answered {answer.status}"] += 1
        if self.laws.distrusts and departure.method == "GET" and is_last_page(answer):
            self.laws.distrusts = False
            self.marks["looked at all pages with another state"] += 1

    def died(self, process: Process) -> None:
        self.marks["a process died"] += 1
        power = self.choices.pick(self.choices.next(f"{process.name}.power"), [("lost", 0.3, "power")])
        if power != USUAL and self.workers == 1:
            self.store.put_back(self._durable)
            self.laws.forgot()
            if self.replaced:
                self._forgive()
            self.marks["last commits lost"] += 1
        self._boot_later(process.name)

    def committed(
        self, run: int, entries: Sequence[Entry], epoch: int | None, refused: frozenset[str]
    ) -> None:
        """A batch of entries became true."""
        self.laws.committed(entries, refused)
        lease = self.store.leases.get(NAME)
        if epoch is not None and (lease is None or lease.epoch != epoch):
            self.laws.fail("I6", f"entries were committed under epoch {epoch}, the lease is {lease}")
        if self.is_on("power") and any(isinstance(entry, Intent | Deleting) for entry in entries):
            # What is about to be done is on the disk before it is done, and with it all that came before.
            self._flush()
        for entry in entries:
            self.marks[f"entry {type(entry).__name__}"] += 1
            if isinstance(entry, Sent | Deleted) and entry.external_id not in self._limbo:
                self.forgiven.discard(entry.external_id)
            if isinstance(entry, Sent):
                self.marks[f"sent: {entry.reason}"] += 1
                self.marks["confirmed after a lost try"] += entry.unsure
            elif isinstance(entry, Deleted):
                self.marks["deleted: found late"] += "published it again" in entry.evidence
                self.marks["deleted: the origin said so"] += "the origin says" in entry.evidence
        self.marks["an intent was refused"] += bool(refused)

    def is_on(self, group: str) -> bool:
        """Whether this class of trouble takes part."""
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
        size = AT_FIRST if self.ids is MANY_IDS else 3 + int(choices.number("size") * 6)
        for external_id in self.ids[:size]:
            self.write(external_id, f"start-{external_id}")
        for number in range(self.workers):
            self._boot(f"w{number + 1}")
        works = (author, admin, network, editor, operator, database)
        others = [asyncio.create_task(work(self)) for work in works]
        await asyncio.sleep(TROUBLE_S * self.haste)
        for task in others:
            task.cancel()
        await self.end()

    def write(
        self, external_id: str, words: str, *, kind: str = "page", link: str = "", sections: str = ""
    ) -> None:
        """Create or change an item."""
        self.origin.put(external_id, words, self.loop.time(), kind=kind, link=link, sections=sections)

    def _boot(self, name: str) -> None:
        if self.choices.calm or self.loop.time() > self._trouble_ends:
            return
        process = self.process(name)
        self.loop.create_task(self._work(process), context=process.context)

    def _boot_later(self, name: str) -> None:
        if not self.choices.calm:
            pause_s = self.choices.between(self.choices.next(f"{name}.restart"), 1.0, 120.0)
            self.loop.call_later(pause_s, self._boot, name)

    def process(self, name: str) -> Process:
        """A new life of a worker."""
        process = Process(name, loop=self.loop, choices=self.choices, remote=self.remote, hooks=self)
        self.processes[name] = process
        return process

    async def _work(self, process: Process) -> None:
        choices = self.choices
        while not process.stop.is_set():
            term = choices.next(f"{process.name}.term")
            if choices.pick(term, [("asked", 0.06, "sigterm")]) != USUAL:
                self.loop.call_later(choices.between(f"{term}.after", 0.0, SOON_S), process.ask_to_stop)
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
        process.leave()
        self._boot_later(process.name)

    def heard(self, process: Process, outcome: Outcome) -> None:
        """A run ended."""
        process.refused_at = None
        self.marks["a run was asked to stop"] += outcome.report.error_kind == "Stopped"
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

    def decide(self, decision: Decision) -> None:
        """A person decides something; it is on the disk at once."""
        self.store.decide(NAME, decision, at=self.loop.time())
        self._flush()
        self.marks[f"a person: {type(decision).__name__}"] += 1

    def _flush(self) -> None:
        """All commits so far are on the disk."""
        self._durable = self.store.image()
        self.laws.flushed()

    def back_up(self) -> None:
        """Copy the state, while no run is under way."""
        if all(run.finished is not None for run in self.store.runs.values()):
            self._backup = self.store.image()

    def replace_state(self, *, lost: bool) -> None:
        """The state file is gone, or an older one takes its place; syncd is not running meanwhile."""
        if self.workers > 1:
            return  # PostgreSQL; nothing tells syncd there
        for process in self.processes.values():
            process.die()
        if lost:
            self.store.lose()
        elif not self.store.go_back(self._backup):
            return
        self._flush()
        self._backup = self._durable
        self.marks["the state was lost" if lost else "an old backup was restored"] += 1
        self._limbo |= {key for key, count in self.remote.under_way.items() if count > 0}
        self._forgive()
        self.replaced = True
        self.laws.replaced(self._tombstones())

    def fail_over(self, image: dict[str, Any]) -> None:
        """A replica of the database takes its place, which lacks the last commits; nobody is told."""
        lease = self.store.leases.get(NAME)
        self.store.put_back(image)
        self._limbo |= {key for key, count in self.remote.under_way.items() if count > 0}
        # Nobody looks at what is there: a row that tells of no page, or of another one, is as good as none.
        rows = self.store.records(NAME)
        self._limbo |= {
            external_id
            for external_id, pages in self.remote.pages().items()
            if external_id in rows and rows[external_id].page_id not in [str(page.id) for page in pages]
        }
        self._forgive()
        self.replaced = self.failed_over = True
        self.laws.failed_over(0 if lease is None else lease.epoch, self._tombstones())
        self.marks["the database failed over"] += 1

    def _tombstones(self) -> list[str]:
        doubts = self.store.before(NAME).doubts
        return [doubt.external_id for doubt in doubts if doubt.state == RecordState.TOMBSTONE]

    def _forgive(self) -> None:
        rows = self.store.records(NAME).keys()
        self.forgiven |= (self.remote.pages().keys() - rows) | self._limbo

    def filter(self, name: str) -> None:
        """Change which items the configuration leaves out: some, or none."""
        choices = self.choices
        some = [each for each in self.ids if choices.number(f"{name}.{each}") < 0.2]
        self.origin.hide(some if choices.number(f"{name}.some") < 0.6 else (), self.loop.time())
        self.fingerprint = f"f of {name}"
        self.marks["the configuration was changed"] += 1

    def let_go(self) -> None:
        """Release the source, if somebody froze it."""
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

    async def end(self) -> None:
        """Let all trouble end, and look whether a few runs make everything good."""
        await end(self)


def live(seed: int, *, only: Collection[str] | None = None) -> Life:
    """Live one life."""
    return World(seed, only=only).live()
