"""Which pages of an XML export are published, and why the others are not."""

# ruff: noqa: E501 - markup is easier to read on one line

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.errors import ListingIncomplete, SourceUnavailable
from tests.connectors.confluence_export.builders import (
    HtmlPage,
    Listing,
    entities,
    html_files,
    listing,
    obj,
    page,
    space,
    write_folder,
    write_zip,
)


def read(tmp_path: Path, *objects: str, **settings: object) -> Listing:
    path = write_zip(tmp_path / "export.zip", {"entities.xml": entities(*objects)})
    return listing(path, **settings)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"status": "draft", "originalVersion": ("Page", "1")}, "an unpublished edit of page 1"),
        ({"status": "draft"}, "a draft"),
        ({"originalVersion": ("Page", "1")}, "an old version of page 1"),
        ({"originalVersionId": "1"}, "an old version of page 1"),
        ({"status": "deleted"}, "trash"),
        ({"status": "archived"}, "archived"),
        ({"status": "mystery"}, "status 'mystery'"),
        ({"kind": "BlogPost"}, "blog post"),
        ({"kind": "Draft"}, "a draft"),
        ({"isFolder": "true"}, "folder"),
        ({"body": None}, "no body"),
        ({"body": None, "status": None}, "neither a status nor a body"),
        ({"body": ""}, "no text"),
        ({"space": ("Space", "99")}, "not in the export"),
        ({"body_type": "1"}, "no body"),
    ],
)
def test_only_current_pages_are_published(tmp_path: Path, given: dict[str, object], reason: str) -> None:
    """Every other page is named with its reason, and counts as not there."""
    found = read(tmp_path, page("2", "Two", **given), page("1", "One"), space())  # type: ignore[arg-type]
    assert set(found.items) == {"1"}
    assert reason in found.reason("2")
    assert found.unlisted["2"].skipped


def test_page_without_status_is_taken_with_a_note(tmp_path: Path) -> None:
    """Tools write such pages; they have a body."""
    found = read(tmp_path, space(), page("1", "One", status=None))
    assert set(found.items) == {"1"}
    assert "no status" in found.reason("export:page 1")


def test_trash_archive_and_restriction_are_evidence(tmp_path: Path) -> None:
    """The export says itself that these must not be online."""
    found = read(
        tmp_path,
        space(),
        page("1", "One"),
        page("2", "Two", status="deleted"),
        page("3", "Three", status="archived"),
        page("4", "Four"),
        obj("ContentPermissionSet", "50", type="View", owningContent=("Page", "4")),
        page("5", "Five", status="draft"),
    )
    assert set(found.removed) == {"2", "3", "4"}


def test_view_restriction_is_inherited(tmp_path: Path) -> None:
    """The pages below carry no mark of their own; an edit restriction hides nothing."""
    objects = (
        page("1", "Home"),
        page("2", "Secret", parent="1"),
        page("3", "Child", parent="2"),
        page("4", "Grandchild", parent="3"),
        page("5", "Open", parent="1"),
        obj("ContentPermissionSet", "50", type="View", owningContent=("Page", "2")),
        obj("ContentPermissionSet", "51", type="Edit", owningContent=("Page", "5")),
        space(),
    )
    found = read(tmp_path, *objects)
    assert set(found.items) == {"1", "5"}
    assert "inherited from 'Secret'" in found.reason("4")
    published = read(tmp_path, *objects, restricted="publish")
    assert set(published.items) == {"1", "2", "3", "4", "5"}


def test_restriction_passes_through_pages_that_are_not_published(tmp_path: Path) -> None:
    """An archived or missing body between does not lift it."""
    found = read(
        tmp_path,
        space(),
        page("1", "Secret"),
        page("2", "Folder", None, isFolder="true", parent="1"),
        page("3", "Below", parent="2"),
        page("4", "Elsewhere"),
        obj("ContentPermissionSet", "50", type="View", owningContent=("Page", "1")),
    )
    assert set(found.items) == {"4"}


def test_restricted_text_never_comes_in_by_an_include(tmp_path: Path) -> None:
    """The including page is public."""
    include = (
        '<p>a</p><ac:structured-macro ac:name="include"><ac:parameter ac:name=""><ac:link>'
        '<ri:page ri:content-title="Secret" /></ac:link></ac:parameter></ac:structured-macro>'
        '<p><ac:link><ri:page ri:content-title="Secret" /></ac:link></p>'
    )
    found = read(
        tmp_path,
        space(),
        page("1", "One", include),
        page("2", "Secret", "<p>canary</p>"),
        obj("ContentPermissionSet", "50", type="View", owningContent=("Page", "2")),
    )
    assert found.documents["1"].body == "<p>a</p>\n<p>Secret</p>"
    assert found.documents["1"].links == {}
    assert "include of Secret" in found.documents["1"].warnings[0]


def test_include_moves_the_version_of_the_including_page(tmp_path: Path) -> None:
    """Its own body did not change, and what readers see did."""
    include = (
        '<ac:structured-macro ac:name="include"><ac:parameter ac:name=""><ac:link>'
        '<ri:page ri:content-title="Two" /></ac:link></ac:parameter></ac:structured-macro>'
    )
    before = read(
        tmp_path, space(), page("1", "One", include), page("2", "Two", "<p>x</p>"), page("3", "Three")
    )
    after = read(
        tmp_path, space(), page("1", "One", include), page("2", "Two", "<p>y</p>"), page("3", "Three")
    )
    assert after.documents["1"].body == "<p>y</p>"
    moved = {number for number in before.items if before.items[number].version != after.items[number].version}
    assert moved == {"1", "2"}


def test_link_that_finds_its_page_moves_the_version(tmp_path: Path) -> None:
    """The other page was made later, and the link of an old body now leads there."""
    link = '<p><ac:link><ri:page ri:content-title="Two" /></ac:link></p>'
    before = read(tmp_path, space(), page("1", "One", link))
    after = read(tmp_path, space(), page("1", "One", link), page("2", "Two"))
    assert before.documents["1"].body == "<p>Two</p>"
    assert after.documents["1"].body == '<p><a href="2">Two</a></p>'
    assert before.items["1"].version != after.items["1"].version


def test_new_object_ids_and_dates_alone_do_not_move_the_version(tmp_path: Path) -> None:
    """Saving a page without a change makes a new version of it in Confluence, and no other text."""
    before = read(tmp_path, space(), page("1", "One", version="4"))
    after = read(
        tmp_path, space(), page("1", "One", version="5", lastModificationDate="2024-02-01 00:00:00.000")
    )
    assert before.items["1"].version == after.items["1"].version


def test_labels_choose_pages(tmp_path: Path) -> None:
    """Only global labels are labels of a page; favourites are a person's own."""
    objects = (
        space(),
        page("1", "One"),
        page("2", "Two"),
        page("3", "Three"),
        obj("Label", "70", name="public", namespace="global"),
        obj("Label", "71", name="internal", namespace="global"),
        obj("Label", "72", name="favourite", namespace="my"),
        obj("Labelling", "80", label=("Label", "70"), content=("Page", "1")),
        obj("Labelling", "81", label=("Label", "70"), content=("Page", "2")),
        obj("Labelling", "82", label=("Label", "71"), content=("Page", "2")),
        obj("Labelling", "83", label=("Label", "72"), content=("Page", "3")),
    )
    found = read(tmp_path, *objects, labels={"include": ["Public"], "exclude": ["internal"]})
    assert set(found.items) == {"1"}
    assert found.documents["1"].labels == ("public",)
    assert "'internal'" in found.reason("2")
    assert "none of those" in found.reason("3")


def test_bodies_are_joined_by_their_own_reference(tmp_path: Path) -> None:
    """Of several, the storage format counts; a comment's body belongs to no page."""
    found = read(
        tmp_path,
        obj("BodyContent", "90", body="{}", content=("Page", "1"), bodyType="1"),
        obj("BodyContent", "91", body="<p>comment</p>", content=("Comment", "1"), bodyType="2"),
        page("1", "One", "<p>right</p>"),
        obj("BodyContent", "92", body="wiki", content=("Page", "1"), bodyType="0"),
        space(),
    )
    assert found.documents["1"].body == "<p>right</p>"


def test_of_one_id_twice_the_newest_current_counts(tmp_path: Path) -> None:
    """And it is said."""
    found = read(
        tmp_path,
        space(),
        page("1", "New", version="3"),
        page("1", "Old", None, version="2"),
        page("1", "Edit", None, version="9", status="draft"),
    )
    assert found.documents["1"].title == "New"
    assert "more than once" in found.reason("export:page 1")


def test_parents_that_are_missing_or_run_in_circles(tmp_path: Path) -> None:
    """No hang, and the nearest known ancestor is the parent."""
    found = read(
        tmp_path,
        space(),
        page("1", "One", parent="2"),
        page("2", "Two", parent="1"),
        page("3", "Orphan", parent="404"),
        page("4", "Top"),
        page("5", "Archived", status="archived", parent="4"),
        page("6", "Below", parent="5"),
    )
    assert found.items["3"].parent is None
    assert found.items["6"].parent == "4"
    assert found.items["6"].path == "Documents / Top / Archived / Below"
    assert found.items["1"].parent == "2"


def test_wiki_markup_of_old_exports_is_read(tmp_path: Path) -> None:
    """No body type, or 0."""
    found = read(
        tmp_path, space(), page("1", "One", "h1. Head\n\n*bold* [Two]", body_type="0"), page("2", "Two")
    )
    assert found.documents["1"].body == (
        '<h1 id="head">Head</h1>\n<p><strong>bold</strong> <a href="2">Two</a></p>'
    )


def test_old_property_names(tmp_path: Path) -> None:
    """Confluence 3 has no contentStatus enum, no bodyType and plain text where later ones have CDATA."""
    found = read(
        tmp_path,
        obj("Space", "1", key="OLD", name="Old"),
        page("1", "R&D", "text", body_type="").replace("<![CDATA[R&D]]>", "R&amp;D"),
    )
    assert found.documents["1"].title == "R&D"


def test_archived_space_is_not_published(tmp_path: Path) -> None:
    """None of it."""
    with pytest.raises(SourceUnavailable):
        read(tmp_path, space(spaceStatus="ARCHIVED"))
    found = read(
        tmp_path,
        space(),
        space("OLD", "2", spaceStatus="ARCHIVED"),
        page("1", "A"),
        page("2", "B", space=("Space", "2")),
    )
    assert "archived space" in found.reason("2")


def test_personal_space_only_when_it_was_asked_for(tmp_path: Path) -> None:
    """It comes along in a site export."""
    objects = (
        space(),
        space("~ann", "2", spaceType="personal"),
        page("1", "A"),
        page("2", "B", space=("Space", "2")),
    )
    assert set(read(tmp_path, *objects).items) == {"1"}
    assert set(read(tmp_path, *objects, spaces=["~ann"], cache=tmp_path / "other").items) == {"2"}
    assert set(read(tmp_path, space("~ann", "1"), page("1", "A"), cache=tmp_path / "third").items) == {"1"}


def test_titles_are_unique_in_a_space_alone(tmp_path: Path) -> None:
    """Equal titles in two spaces, and titles that differ in case, are different pages by id."""
    found = read(
        tmp_path,
        space(),
        space("TWO", "2"),
        page("1", "Same", '<p><ac:link><ri:page ri:content-title="same" ri:space-key="TWO" /></ac:link></p>'),
        page("2", "SAME", space=("Space", "2")),
    )
    assert found.documents["1"].links == {"2": "2"}


def test_export_whose_bodies_are_gone_is_refused(tmp_path: Path) -> None:
    """A new version of Confluence once wrote them in a way that importers read as blank pages."""
    pages = [page(str(number), f"P{number}", None) for number in range(20)]
    with pytest.raises(ListingIncomplete, match="20 of the 21 pages"):
        read(tmp_path, space(), page("99", "One"), *pages)
    with pytest.raises(SourceUnavailable, match="no page with a body"):
        read(tmp_path, space(), pages[0])


def test_same_page_in_both_formats_has_one_id_and_one_fragment(tmp_path: Path) -> None:
    """Switching the format republishes nothing."""
    xml = read(tmp_path, space(), page("7", "Seven", "<h2>Part</h2><p>a <strong>b</strong></p>"))
    body = '<h2 id="Seven-Part">Part</h2><p>a <strong>b</strong></p>'
    folder = write_folder(tmp_path / "html", html_files([HtmlPage(id="7", title="Seven", body=body)]))
    html = listing(folder, cache=tmp_path / "other")
    assert html.documents["7"].body == xml.documents["7"].body
    assert html.documents["7"].version == xml.documents["7"].version


def test_users_of_mentions_are_names(tmp_path: Path) -> None:
    """In Cloud a name is a mail address, and nobody's is published."""
    body = '<p><ac:link><ri:user ri:account-id="557:x" /></ac:link> <ac:link><ri:user ri:userkey="k2" /></ac:link></p>'
    found = read(
        tmp_path,
        space(),
        page("1", "One", body),
        obj("ConfluenceUserImpl", "k1", name="ann@acme.com", atlassianAccountId="557:x"),
        obj("ConfluenceUserImpl", "k2", name="bob"),
    )
    assert found.documents["1"].body == "<p>(user) bob</p>"


def test_index_is_made_once_for_one_export(tmp_path: Path) -> None:
    """A second run of the same file reads the index and not the export; a new file replaces it."""
    first = read(tmp_path, space(), page("1", "One"))
    names = {file.name for file in (tmp_path / "cache").glob("entities-*")}
    assert read(tmp_path, space(), page("1", "One", "<p>other</p>")).documents["1"].body == "<p>other</p>"
    again = {file.name for file in (tmp_path / "cache").glob("entities-*")}
    assert first.documents["1"].body == "<p>Some text.</p>"
    assert len(names) == len(again) == 1
    assert names != again
