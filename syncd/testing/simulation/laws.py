"""What must hold in every simulated life: I1 to I8 at each step of it, F-a to F-f at its end.

A law looks at what really is (the origin, the workspace, the committed entries), never at what the engine
says of itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from syncd.before import Before
from syncd.decision import Question
from syncd.guards import Policy
from syncd.journal import Deleted, Deleting, Entry, Forgotten, Ground, Intent, Lease, Sent
from syncd.model import Record
from syncd.sync import STOP_GRACE_S
from syncd.testing.simulation.origin import CANARY, TWINS, Look, Origin, folded, head_of
from syncd.testing.simulation.process import Process
from syncd.testing.simulation.remote import Departure, Remote

DELETE = "delete"

MANY_ROWS = 24
"""A source of so many pages is not made blank without a person: a few more than the engine asks for, since
some may have been made since it counted."""

SLACK_S = 1.0
"""What is about to be sent in the same moment is sent."""


class Broken(AssertionError):
    """A law was broken."""


class Laws:
    """Watches one life.

    Attributes:
        broken: what was found wrong, in order; a life goes on after the first.
        distrusts: the state was replaced, and nobody has looked at all pages since.
    """

    def __init__(self, origin: Origin, remote: Remote, policy: Policy) -> None:
        self.broken: list[str] = []
        self._origin = origin
        self._remote = remote
        self._policy = policy
        self._intended: dict[str, str] = {}
        self._deleted_by_look: dict[int, set[str]] = {}
        self._rows_at_look: dict[int | None, int] = {}
        self._finished: set[int] = set()
        self._kept: set[int] = set()
        self._blanked_by_look: dict[int | None, set[str]] = {}
        self.distrusts = False
        self._first_look = 0
        self._last_epoch = 0
        # Deleted or forgotten before: when a late request publishes it again, it goes outside any budget.
        self._gone: set[str] = set()
        # A person let them go, and it may take more than one attempt.
        self._let_go: set[str] = set()

    def fail(self, law: str, words: str) -> None:
        """Note that a law was broken."""
        self.broken.append(f"{law} at {self._remote.loop.time():.1f} s: {words}")

    # -- at each step ---------------------------------------------------------------------------------

    def after_change(self, method: str, external_id: str) -> None:
        """Something in the workspace changed by a request of ours."""
        held = self._remote.workspace.list_pages()
        for page_id, page in self._remote.foreign.items():
            if held.get(page_id) is not page:
                self.fail("I1", f"{method} {external_id} changed the foreign page {page.external_id!r}")
                self._remote.foreign[page_id] = held.get(page_id, page)
        for key, pages in self._remote.pages().items():
            if len(pages) > 1:
                self.fail("I2", f"{len(pages)} live pages for {key!r}")

    def committed(self, entries: Sequence[Entry], refused: frozenset[str]) -> None:
        """Entries became true, but for the intents that were refused."""
        for entry in entries:
            if isinstance(entry, Intent | Deleting) and entry.external_id in refused:
                continue
            if isinstance(entry, Intent):
                self._intended[entry.external_id] = entry.content_hash
            elif isinstance(entry, Deleting):
                self._intended[entry.external_id] = DELETE
                if entry.approved_until is not None or entry.ground is Ground.TAKEN_DOWN:
                    self._let_go.add(entry.external_id)
            elif isinstance(entry, Sent):
                if (entry.external_id, entry.content_hash) not in self._remote.shown:
                    self.fail("I4", f"{entry.external_id!r} was acknowledged with what Intercom never showed")
                self._intended.pop(entry.external_id, None)
                self._gone.discard(entry.external_id)
                self._let_go.discard(entry.external_id)
            elif isinstance(entry, Deleted | Forgotten):
                self._intended.pop(entry.external_id, None)
                self._gone.add(entry.external_id)
            for told in ("error", "reason", "evidence"):
                if CANARY in str(getattr(entry, told, "")):
                    self.fail("I8", f"{told} of {entry.external_id!r} holds text of the document")

    def forgot(self) -> None:
        """The store lost its last commits, and with them which runs were closed."""
        self._intended.clear()
        self._finished &= self._kept

    def flushed(self) -> None:
        """The store can lose nothing of what was committed so far."""
        self._kept = set(self._finished)

    def replaced(self, tombstones: Collection[str]) -> None:
        """The state is an older one, or a new one: it does not know what earlier listings missed, and calls
        those pages deleted."""
        self._intended.clear()
        self._gone.update(tombstones)
        self.distrusts = True
        self._first_look = len(self._origin.looks)

    def failed_over(self, epoch: int, tombstones: Collection[str]) -> None:
        """The store lost its last commits, and with them what it knew of leases up to that epoch; it calls
        those pages deleted."""
        self._gone.update(tombstones)
        self._finished.clear()
        self._last_epoch = epoch

    def predates_a_failover(self, process: Process) -> bool:
        """Whether its lease was given before a failover, which nobody told it of."""
        return process.lease is not None and process.lease.lease.epoch <= self._last_epoch

    def departs(
        self,
        departure: Departure,
        process: Process,
        *,
        lease: Lease | None,
        records: Callable[[], Mapping[str, Record]],
        before: Callable[[], Before],
    ) -> None:
        """A request leaves a process.

        Args:
            lease: as the store has it.
            records, before: what the store holds, asked only where a law needs it.
        """
        look = self._last_look(departure.process)
        if look not in self._rows_at_look:
            # The budgets are judged with the pages of the source before any of them went.
            self._rows_at_look[look] = _published(records())
        self._knows_better(departure, process)
        shared = self.predates_a_failover(process)
        if departure.method != "GET" and process.lease is not None and not shared:
            own = process.lease.lease.epoch
            if lease is None or lease.epoch != own or lease.until <= departure.at:
                self.fail("I6", f"{departure.method} {departure.external_id} after its lease, epoch {own}")
        if departure.at < process.quiet_until - 0.001:
            self.fail("I7", f"{departure.method} {departure.external_id} before the limit was reset")
        if departure.method == "POST":
            intended = self._intended.get(departure.external_id)
            if intended != departure.content_hash and not shared:
                self.fail(
                    "I5", f"POST {departure.external_id} without an intent of this content ({intended})"
                )
            self._may_blank(departure, self._rows_at_look[look], before, records)
        elif departure.method == "DELETE":
            if self._intended.get(departure.external_id) != DELETE and not shared:
                self.fail("I5", f"DELETE {departure.external_id} without an intent")
            if self.distrusts:
                self.fail("I3", f"DELETE {departure.external_id} before anybody looked at what is there")
            known = before()
            names = {departure.external_id, head_of(departure.external_id)}
            if names.isdisjoint(known.orders.taken_down):
                # A look at Intercom may have found more of them.
                self._rows_at_look[look] = max(self._rows_at_look[look], _published(records()))
                approved = _approved(known, Question.DELETES)
                self._may_delete(departure, self._rows_at_look[look], approved, records)

    def _knows_better(self, departure: Departure, process: Process) -> None:
        """A process that was asked to stop, or whose token was refused, sends nothing more."""
        for law, since, grace_s in (
            ("I9", process.asked_at, STOP_GRACE_S + SLACK_S),
            ("I10", process.refused_at, SLACK_S),
        ):
            # Stopped for a while, it hears of nothing.
            if since is not None and departure.at > max(since, process.stopped_until) + grace_s:
                self.fail(
                    law, f"{departure.method} {departure.external_id} {departure.at - since:.1f} s later"
                )

    def _may_blank(
        self,
        departure: Departure,
        rows: int,
        before: Callable[[], Before],
        records: Callable[[], Mapping[str, Record]],
    ) -> None:
        """Most pages of a source lose their text only if a person lets them.

        What was sent without ever an answer may be shown, but its text is nowhere known.
        """
        if not departure.blanks or rows < MANY_ROWS:
            return
        row = records().get(departure.external_id)
        if row is None or row.content_hash is None:
            return
        blanked = self._blanked_by_look.setdefault(self._last_look(departure.process), set())
        blanked.add(departure.external_id)
        if len(blanked) * 2 > rows and len(blanked) > _approved(before(), Question.UPDATES):
            self.fail("I11", f"POST {departure.external_id} blanks number {len(blanked)} of {rows} pages")

    def finished(self, process: str) -> None:
        """A run of the process was closed: what its listing named is remembered."""
        index = self._last_look(process)
        if index is not None:
            self._finished.add(index)

    def _last_look(self, process: str) -> int | None:
        looks = self._origin.looks
        return next((i for i in reversed(range(len(looks))) if looks[i].process == process), None)

    def _may_delete(
        self,
        departure: Departure,
        rows: int,
        approved: int,
        records: Callable[[], Mapping[str, Record]],
    ) -> None:
        external_id, origin = departure.external_id, self._origin
        index = self._last_look(departure.process)
        if index is None:
            self.fail("I3", f"DELETE {external_id} by a process that listed nothing")
            return
        if external_id not in self._gone:
            gone = self._deleted_by_look.setdefault(index, set())
            gone.add(external_id)
            if external_id not in self._let_go:
                self._within_budget(len(gone), rows, approved, external_id)
        look, head = origin.looks[index], folded(head_of(external_id))
        out_of_scope = head_of(external_id) in look.hidden and head_of(external_id) in origin.items
        let_go = approved or external_id in self._let_go or external_id in self._gone
        if out_of_scope and not let_go:
            self.fail("I3", f"DELETE {external_id}, which only the configuration leaves out")
        since = origin.here_since.get(folded(external_id))
        if since is None or head in origin.withheld or self._has_twin(external_id, records):
            return
        if origin.tells_removed and head_of(external_id) not in origin.items:
            return  # under this name it was removed, and an origin that says so is believed at once
        if since > look.began_at:
            return  # it came back after it was missed
        if look.ended_at is None or head in look.unseen or "" in look.unseen:
            self.fail("I3", f"DELETE {external_id}, which is there, after a listing that did not end")
        elif head in look.named:
            self.fail("I3", f"DELETE {external_id}, which is there and was listed")
        elif not self._missed_before(head, index, look):
            self.fail("I3", f"DELETE {external_id}, which is there, after one listing that missed it")

    def _has_twin(self, external_id: str, records: Callable[[], Mapping[str, Record]]) -> bool:
        """Whether the item's page is shown under another of its names, or is known and waits under one."""
        if external_id not in TWINS:
            return False
        others = set(TWINS) - {external_id}
        return not others.isdisjoint(self._remote.pages()) or not others.isdisjoint(records())

    def _missed_before(self, external_id: str, index: int, look: Look) -> bool:
        """Whether an earlier listing missed it too, with no run in between that knew better."""
        for earlier in reversed(range(self._first_look, index)):
            seen = self._origin.looks[earlier]
            if seen.ended_at is None:
                continue
            if external_id in seen.named:
                if earlier in self._finished:
                    return False
            elif external_id not in seen.unseen and "" not in seen.unseen:
                return True
        return False

    def _within_budget(self, count: int, rows: int, approved: int, external_id: str) -> None:
        policy = self._policy
        over = count > policy.hold_above_pages and count * 100 > rows * policy.hold_above_percent
        if (over or (count >= rows and count > 1)) and count > approved:
            self.fail("I3", f"DELETE {external_id} is number {count} of {rows} pages, approved: {approved}")


def _published(records: Mapping[str, Record]) -> int:
    return sum(record.may_be_published for record in records.values())


def _approved(before: Before, question: Question) -> int:
    """How many pages a person lets go."""
    hold = before.holds.get(question)
    return 0 if hold is None else hold.approved or 0
