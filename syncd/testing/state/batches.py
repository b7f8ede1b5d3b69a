"""Part of the contract: links, many entries at once, and what is told of them."""

from __future__ import annotations

import pytest

from syncd.errors import StateStoreError
from syncd.journal import (
    Absent,
    Deleting,
    Noted,
    Uncertain,
)
from syncd.model import MOST_ID_BYTES, Action, Record, Unlisted
from syncd.protocols import StateStore
from syncd.state.rows import Outcome
from syncd.testing.entries import deleted, failed, gone, intent, sent, unchanged
from syncd.testing.state.base import StoreTests
from syncd.testing.state.rows import long_id

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
    long_id(MOST_ID_BYTES),
]


class BatchContract(StoreTests):
    """Entries are taken in order, all or none, and leave links and an audit trail."""

    def test_links_are_replaced(self, store: StateStore) -> None:
        """The links of a page are those of its last rendering."""
        self.post(store, sent("a", links=(("path:b.md", "https://docs.example/b"), ("id:7", None))))
        self.post(store, sent("a", links=(("path:c.md", None),)))

        assert list(store.links("s")) == [("path:c.md", None)]

    def test_what_is_too_long_for_a_key_is_left_out(self, store: StateStore) -> None:
        """No item can be called so; and a scope is cut, since people only read it."""
        long = long_id(3000)

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
