"""Part of the contract: what becomes of a row."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from syncd.journal import (
    Absent,
    Deleted,
    Deleting,
    Drifted,
    Dropped,
    Entry,
    Failed,
    Forgotten,
    Intent,
    Opened,
    Returned,
    Skipped,
    Standing,
    Surplus,
    Touched,
    Uncertain,
    Verified,
)
from syncd.model import Doubt, Record
from syncd.protocols import StateStore
from syncd.testing.entries import failed, gone, intent, sent, unchanged
from syncd.testing.state.base import StoreTests


def long_id(count: int) -> str:
    """So many characters that cannot be compressed, as an index would."""
    return "".join(hashlib.sha256(str(place).encode()).hexdigest() for place in range(count))[:count]


class RowContract(StoreTests):
    """Entries become rows."""

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
