"""Names that differ only in case or Unicode normalisation."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import pytest

from syncd.connector import Snapshot
from syncd.model import Document, Item, Record, RecordState, Unlisted
from syncd.names import Renamed, settle_names
from syncd.plan import Listing, make_listing
from tests.builders import document, record, records

COMPOSED = unicodedata.normalize("NFC", "café.md")
DECOMPOSED = unicodedata.normalize("NFD", "café.md")


def item(external_id: str) -> Item:
    return Item(external_id, "v1", external_id)


def live(*external_ids: str) -> dict[str, Record]:
    return {
        external_id: Record(external_id, "v1", RecordState.LIVE, "hash", f"id of {external_id}")
        for external_id in external_ids
    }


def listing(*external_ids: str) -> Listing:
    return make_listing(map(item, external_ids))


@pytest.mark.parametrize(("before", "after"), [("README.md", "readme.md"), (COMPOSED, DECOMPOSED)])
def test_renamed_file_keeps_its_page(before: str, after: str) -> None:
    """B33: the id stays, and the version tells that the name moved."""
    settled = settle_names(listing(after, "b.md"), live(before, "b.md"))

    assert settled.listing.items == {before: Item(before, f"v1 {after}", after), "b.md": item("b.md")}
    assert settled.origins == {before: item(after)}


def test_renamed_folder_keeps_its_pages() -> None:
    """B33: any part of a path may be the one that changed."""
    settled = settle_names(listing("guides/a.md", "guides/b.md"), live("Guides/a.md", "Guides/b.md"))

    assert set(settled.listing.items) == {"Guides/a.md", "Guides/b.md"}


@pytest.mark.parametrize("twins", [("README.md", "readme.md"), (COMPOSED, DECOMPOSED)])
def test_twins_are_refused(twins: tuple[str, str]) -> None:
    """B32: an error for both, naming both."""
    settled = settle_names(listing("b.md", *twins), {})

    assert set(settled.listing.items) == {"b.md"}
    assert set(settled.listing.clashes) == set(twins)
    assert all(repr(name) in reason for name in twins for reason in settled.listing.clashes.values())


def test_lookalikes_need_to_be_equal_in_all_else() -> None:
    """Folders of different names hold different files."""
    assert len(settle_names(listing("a/README.md", "b/README.md"), {}).listing.items) == 2


def test_twin_of_a_name_that_is_listed_twice_is_refused() -> None:
    """Of three items under one name nobody can tell which one Fin should believe."""
    twice = make_listing([item("readme.md"), Item("readme.md", "v2", "other.md"), item("README.md")])

    settled = settle_names(twice, live("README.md"))

    assert settled.listing.items == {}
    assert set(settled.listing.clashes) == {"README.md", "readme.md"}


def test_page_of_refused_twins_is_not_missing() -> None:
    """One of the two is it under another name: nobody can tell which, so it stays as it is."""
    settled = settle_names(listing("readme.md", "Readme.md"), live("README.md"))

    assert settled.listing.items == {}
    assert [one.scope for one in settled.listing.unlisted if not one.skipped] == ["README.md"]


def test_page_that_could_not_be_looked_for_is_not_taken_over() -> None:
    """The old file may still be there, in a folder that cannot be read now."""
    seen = make_listing([item("guides/a.md"), Unlisted("Guides/", "permission denied")])

    settled = settle_names(seen, live("Guides/a.md"))

    assert settled.listing.items == {}
    assert settled.origins == {}
    assert {one.scope for one in settled.listing.unlisted} == {"Guides/", "guides/a.md"}


def test_page_of_a_broken_listing_is_not_taken_over() -> None:
    """What the listing did not come to may be the old file."""
    settled = settle_names(make_listing([item("readme.md")], broken="it broke off"), live("README.md"))

    assert settled.listing.items == {}


def test_row_that_never_was_published_is_not_taken_over() -> None:
    """There is no page to keep: the file is published under its own name."""
    parked = {"README.md": Record("README.md", "v1", RecordState.QUARANTINED)}

    assert set(settle_names(listing("readme.md"), parked).listing.items) == {"readme.md"}


def test_known_names_are_left_alone() -> None:
    """Nothing new, nothing to settle."""
    seen = listing("a.md")

    assert settle_names(seen, live("a.md", "A.md")).listing is seen


class Folder(Snapshot):
    """Two files."""

    def items(self) -> Iterator[Item | Unlisted]:
        yield item("readme.md")
        yield item("b.md")

    def read(self, item: Item) -> Document:
        return document(f"# {item.external_id}", external_id=item.external_id, version="v2")


def test_item_is_read_under_the_name_that_it_has_now() -> None:
    """The document carries the id of the page, and a version that a later listing gives as well."""
    snapshot = Renamed(Folder(), {"README.md": item("readme.md")})

    read = snapshot.read(Item("README.md", "v1 readme.md", "readme.md"))

    assert (read.external_id, read.body) == ("README.md", "# readme.md")
    assert read.version == f"v2 {read.path}"
    assert snapshot.read(item("b.md")).external_id == "b.md"


def test_name_claimed_twice_keeps_a_page_known_under_another_form() -> None:
    """Which of those that claim it is the page nobody can tell, and none of them says that it is gone."""
    listing = make_listing([Item("Guide.md", "1", "Guide.md"), Item("Guide.md", "1", "elsewhere/Guide.md")])

    settled = settle_names(listing, records(record("guide.md"))).listing

    assert any(one.covers("guide.md") and not one.skipped for one in settled.unlisted)


def test_scope_that_was_not_seen_keeps_a_page_known_under_another_form() -> None:
    """The page may lie in it under the name that it has now."""
    listing = make_listing([Item("a.md", "1", "a.md"), Unlisted("Guides/", "permission denied")])

    settled = settle_names(listing, records(record("a.md"), record("guides/b.md"))).listing

    assert any(one.covers("guides/b.md") and not one.skipped for one in settled.unlisted)
