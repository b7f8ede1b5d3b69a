"""The plan: items and records in, tasks and candidates out."""

from __future__ import annotations

import pytest

from syncd.model import Item, Record, RecordState, Unlisted
from syncd.plan import Listing, Plan, make_listing, make_plan, refuse_claimed, returned, with_links
from tests.builders import item, record, records


def plan_of(listing: Listing, *rows: object, **values: object) -> Plan:
    given: dict[str, object] = {"rules": "rules", "now": 1000.0, "confirm": 2, "min_absence_s": 900.0}
    return make_plan(listing, records(*rows), **{**given, **values})  # type: ignore[arg-type]


def reasons(plan: Plan) -> dict[str, str]:
    return {task.item.external_id: task.reason for task in plan.tasks}


def test_unknown_item_is_new() -> None:
    """What has no record is read."""
    assert reasons(plan_of(make_listing([item("a.md")]))) == {"a.md": "new"}


def test_same_version_and_rules_need_nothing() -> None:
    """An unchanged item is neither read nor rendered."""
    plan = plan_of(make_listing([item("a.md")]), record("a.md"))

    assert (plan.tasks, plan.unchanged) == ((), 1)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (record("a.md", version="0"), "changed"),
        (record("a.md", rules="older"), "rules"),
        (record("a.md", state=RecordState.PENDING), "pending"),
        (record("a.md", state=RecordState.DELETING), "pending"),
        (record("a.md", state=RecordState.QUARANTINED, version="0"), "changed"),
    ],
)
def test_reason_names_what_made_the_item_a_task(row: object, reason: str) -> None:
    """An operator reads why a page was looked at."""
    assert reasons(plan_of(make_listing([item("a.md")]), row)) == {"a.md": reason}


def test_full_looks_at_every_item() -> None:
    """--full trusts no version."""
    assert reasons(plan_of(make_listing([item("a.md")]), record("a.md"), full=True)) == {"a.md": "full"}


def test_drift_is_named_as_such() -> None:
    """A page that Intercom no longer holds as sent is looked at for that reason."""
    row = record("a.md", state=RecordState.PENDING)

    plan = plan_of(make_listing([item("a.md")]), row, full=True, drifted={"a.md"})

    assert reasons(plan) == {"a.md": "drift"}


def test_parked_page_is_not_tried_again_until_something_changes() -> None:
    """A poisoned page costs nothing on the next run, and is still counted."""
    row = record("a.md", state=RecordState.QUARANTINED)

    plan = plan_of(make_listing([item("a.md")]), row)

    assert (plan.tasks, plan.parked) == ((), ("a.md",))


def test_p14_parked_page_that_has_rested_is_tried_again() -> None:
    """From the moment on that was noted when it was parked, and not before."""
    listing = make_listing([item("a.md")])
    row = record("a.md", state=RecordState.QUARANTINED, retry_at=50.0)

    assert plan_of(listing, row, now=49.0).parked == ("a.md",)
    assert reasons(plan_of(listing, row, now=50.0)) == {"a.md": "retry"}


def test_page_left_out_before_stays_left_out() -> None:
    """An empty page is no failure, and not looked at again."""
    plan = plan_of(make_listing([item("a.md")]), record("a.md", state=RecordState.SKIPPED, page_id=None))

    assert (plan.tasks, plan.skipped, plan.parked) == ((), 1, ())


@pytest.mark.parametrize("state", [RecordState.SKIPPED, RecordState.QUARANTINED])
def test_row_that_never_was_published_is_forgotten(state: RecordState) -> None:
    """Nothing in Intercom goes with it, so it needs no confirmation and no budget."""
    plan = plan_of(Listing(), record("a.md", state=state, page_id=None))

    assert (plan.forgotten, plan.missing) == (("a.md",), ())


def test_row_whose_create_got_no_answer_is_not_forgotten() -> None:
    """Intercom may hold its page."""
    plan = plan_of(Listing(), record("a.md", state=RecordState.PENDING, page_id=None))

    assert ([c.external_id for c in plan.missing], plan.forgotten) == (["a.md"], ())


def test_first_absence_is_missing_and_not_gone() -> None:
    """One listing proves nothing."""
    plan = plan_of(Listing(), record("a.md"))

    assert ([c.external_id for c in plan.missing], plan.gone) == (["a.md"], ())


def renames(listing: Listing, *rows: Record) -> list[tuple[str, str]]:
    return list(plan_of(listing, *rows).renames)


def test_f27_new_item_of_the_version_of_a_missing_row_is_a_rename() -> None:
    """It is a new page all the same, and the old one is missing."""
    listing = make_listing([item("new.md", version="v"), item("b.md")])
    old = record("old.md", version="v")

    plan = plan_of(listing, old, record("b.md"))

    assert list(plan.renames) == [("old.md", "new.md")]
    assert [(task.reason, task.why) for task in plan.tasks] == [("new", "renamed from old.md")]
    assert [candidate.external_id for candidate in plan.missing] == ["old.md"]


def test_f27_rename_that_is_not_certain_is_none() -> None:
    """Copies, other versions, a name that was missing before, and parts of pages prove nothing."""
    new, twin = item("new.md", version="v"), item("twin.md", version="v")
    old = record("old.md", version="v")
    assert renames(make_listing([new, twin]), old) == []
    assert renames(make_listing([new]), old, record("copy.md", version="v")) == []
    assert renames(make_listing([new]), record("old.md", version="w")) == []
    assert renames(make_listing([new]), record("old.md", version="v", absences=1)) == []
    assert (
        renames(
            make_listing([new]),
            record("old.md", version="w"),
            record("old.md#a", version="v", part_of="old.md"),
        )
        == []
    )
    assert renames(make_listing([new], broken="lost"), old) == []
    assert renames(make_listing([new, item("old.md")]), old) == []


def test_second_absence_soon_after_is_not_gone() -> None:
    """Two listings within min_absence may both have met the same fault."""
    plan = plan_of(Listing(), record("a.md", absences=1, absent_since=101.0))

    assert plan.gone == ()


def test_second_absence_after_min_absence_is_gone() -> None:
    """Confirmed: the evidence names both listings."""
    plan = plan_of(Listing(), record("a.md", absences=1, absent_since=100.0))

    assert [c.evidence for c in plan.gone] == [
        "missing from 2 complete listings over 900 s, the first 1970-01-01 00:01:40 UTC, "
        "the last 1970-01-01 00:16:40 UTC"
    ]


def test_positive_evidence_needs_no_confirmation() -> None:
    """The origin's own word that it was removed is enough."""
    plan = plan_of(Listing(), record("a.md"), record("b.md"), removed={"a.md"})

    assert [c.external_id for c in plan.gone] == ["a.md"]


def test_returned_item_is_noticed() -> None:
    """An absence that ends is forgotten, and nothing is sent for it."""
    listing, known = make_listing([item("a.md")]), record("a.md", absences=1, absent_since=1.0)
    plan = plan_of(listing, known)

    assert (returned(listing, {"a.md": known}), plan.tasks, plan.missing) == ([known], (), ())


@pytest.mark.parametrize(
    "listing",
    [
        Listing(clashes={"a.md": "two items claim it"}),
        Listing(unlisted=(Unlisted("a.md", "permission denied"),)),
    ],
    ids=["clash", "unreadable"],
)
def test_item_that_is_named_and_refused_is_no_longer_absent(listing: Listing) -> None:
    """The next listing that misses it is the first one again."""
    known = record("a.md", absences=1, absent_since=1.0)

    assert returned(listing, {"a.md": known}) == [known]


def test_item_in_a_folder_that_cannot_be_seen_is_as_absent_as_before() -> None:
    """Nothing names it."""
    known = record("x/a.md", absences=1, absent_since=1.0)
    listing = Listing(unlisted=(Unlisted("x/", "permission denied"),))

    assert returned(listing, {"x/a.md": known}) == []


def test_broken_listing_takes_the_right_to_delete_away() -> None:
    """What a listing that broke off did not name is unknown, not absent."""
    plan = plan_of(make_listing([], broken="I/O error"), record("a.md", absences=5, absent_since=0.0))

    assert (plan.missing, plan.gone) == ((), ())


@pytest.mark.parametrize(
    ("scope", "missing"),
    [("", []), ("guides/", ["top.md"]), ("guides/a.md", ["guides/b.md", "top.md"]), ("guides", "all")],
)
def test_unlisted_scope_keeps_what_lies_in_it(scope: str, missing: object) -> None:
    """A page in a scope that could not be seen keeps its last good version online."""
    names = ["guides/a.md", "guides/b.md", "top.md"]
    listing = make_listing([Unlisted(scope, "permission denied")])

    plan = plan_of(listing, *(record(name) for name in names))

    assert [c.external_id for c in plan.missing] == (names if missing == "all" else missing)


def test_item_left_out_on_purpose_counts_as_absent() -> None:
    """A page that became a draft was seen, and must not stay published."""
    listing = make_listing([Unlisted("a.md", "draft", skipped=True)])

    assert [c.external_id for c in plan_of(listing, record("a.md")).missing] == ["a.md"]


def test_id_that_no_state_can_keep_is_refused() -> None:
    """It is told of like every other page that cannot be sent, and harms no other."""
    long = "é" * 501
    listing = make_listing([item("a.md"), item(long), item("é" * 500)])

    assert set(listing.items) == {"a.md", "é" * 500}
    assert set(listing.clashes) == {long}
    assert "longer than 1000 bytes" in listing.clashes[long]


def test_two_items_with_one_id_are_both_refused() -> None:
    """Neither may win; both are named, and what was published stays."""
    listing = make_listing([item("a.md", path="x/a.md"), item("a.md", path="y/a.md"), item("b.md")])

    plan = plan_of(listing, record("a.md"))

    assert listing.clashes == {
        "a.md": "duplicate id 'a.md': 2 items claim it: 'x/a.md', 'y/a.md'. "
        "None of them is sent; rename or exclude all but one."
    }
    assert (reasons(plan), plan.missing) == ({"b.md": "new"}, ())


def test_pages_whose_links_moved_are_added() -> None:
    """Exactly the unchanged pages that link to what moved are rendered again."""
    listing = make_listing([item("a.md"), item("b.md"), item("c.md", version="2")])
    known = records(record("a.md"), record("b.md"), record("c.md"))
    plan = make_plan(listing, known, rules="rules", now=0.0, confirm=2, min_absence_s=0.0)

    plan = with_links(plan, listing, known, {"b.md", "c.md", "gone.md"})

    assert reasons(plan) == {"c.md": "changed", "b.md": "links"}
    assert plan.unchanged == 1


def test_listing_is_made_of_any_iterable_once() -> None:
    """A connector yields; nobody asks it for a list."""
    listing = make_listing(entry for entry in (item("a.md"), Unlisted("b/", "denied")))

    assert isinstance(listing.items["a.md"], Item)
    assert listing.unlisted == (Unlisted("b/", "denied"),)


def part(name: str = "a.md#b", **values: object) -> Record:
    return record(name, part_of="a.md", **values)  # type: ignore[arg-type]


def test_parts_stand_with_their_page() -> None:
    """No listing names a part, and none is missing while its page is there."""
    plan = plan_of(make_listing([item("a.md")]), record("a.md"), part())

    assert (plan.tasks, plan.unchanged, plan.missing, plan.surplus) == ((), 1, (), ())
    assert plan.parts == {"a.md": (part(),)}


def test_parts_fall_with_their_page_and_after_it() -> None:
    """They are missing with it and count like pages; the page goes first."""
    plan = plan_of(make_listing([item("c.md")]), part(), record("a.md"), removed={"a.md"})

    assert [candidate.external_id for candidate in plan.missing] == ["a.md", "a.md#b"]
    assert [candidate.external_id for candidate in plan.gone] == ["a.md", "a.md#b"]


def test_part_in_a_scope_that_was_not_seen_is_kept() -> None:
    """It is where its page is."""
    row = record("x/a.md#b", part_of="x/a.md")

    plan = plan_of(make_listing([item("c.md"), Unlisted("x/a.md", "unreadable")]), row)

    assert (plan.missing, plan.unseen) == ((), 1)


def test_part_that_is_not_as_it_was_sent_makes_its_page_a_task() -> None:
    """Only with its page can it be made again."""
    plan = plan_of(make_listing([item("a.md")]), record("a.md"), part(state=RecordState.PENDING))

    assert (reasons(plan), plan.unchanged) == ({"a.md": "pending"}, 0)


def test_part_that_its_page_no_longer_has_is_to_go() -> None:
    """Its page said so when it was rendered, and is not looked at for it."""
    plan = plan_of(make_listing([item("a.md")]), record("a.md"), part(state=RecordState.SURPLUS))

    assert (plan.tasks, plan.missing) == ((), ())
    assert [candidate.evidence for candidate in plan.surplus] == ["the page no longer has this part"]


def test_item_with_the_id_of_a_part_is_refused() -> None:
    """Two pages cannot have one id in Intercom, and the part was there before."""
    listing = make_listing([item("a.md"), item("a.md#b")])
    rows = (record("a.md"), part())

    plan = plan_of(listing, *rows)
    listing = refuse_claimed(listing, plan.claimed)
    again = plan_of(listing, *rows)

    assert "a part of the long page 'a.md' has it already" in listing.clashes["a.md#b"]
    assert (again.tasks, again.missing, again.claimed) == ((), (), {})


def test_item_takes_the_id_over_once_the_page_is_gone() -> None:
    """The part went with its page."""
    assert reasons(plan_of(make_listing([item("a.md#b", version="2")]), part())) == {"a.md#b": "changed"}
