"""Part of the contract: what people decide."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.decision import (
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
from syncd.errors import ConfigError
from syncd.journal import (
    Absent,
    Deleting,
    Failed,
    Ground,
    Returned,
    Skipped,
    Standing,
)
from syncd.model import Report
from syncd.protocols import StateStore
from syncd.testing.entries import deleted, gone, intent, sent
from syncd.testing.state.base import StoreTests


class DecisionContract(StoreTests):
    """A decision is on record at once, and no run overwrites it."""

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
