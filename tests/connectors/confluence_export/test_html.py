"""An HTML export as a whole: index, files, hierarchy, twins and what is left out."""

# ruff: noqa: E501 - markup is easier to read on one line

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from connectors.confluence_export.archive import open_archive
from connectors.confluence_export.export import Choice
from connectors.confluence_export.html import HtmlExport, Scanned
from syncd.errors import SourceUnavailable
from tests.connectors.confluence_export.builders import HtmlPage, html_files, listing, write_folder, write_zip

OUTSIDE_TOO = Choice(publish_outside_index=True)


def zip_of(tmp_path: Path, *pages: HtmlPage, **given: object) -> Path:
    return write_zip(tmp_path / "export.zip", html_files(pages, **given))  # type: ignore[arg-type]


def test_each_child_stands_in_a_list_of_its_own(tmp_path: Path) -> None:
    """A reader of the first list alone would lose every sibling but one."""
    pages = [HtmlPage(id="1", title="Home")]
    pages += [HtmlPage(id=str(number), title=f"Child {number}", parent="1") for number in range(2, 6)]
    pages.append(HtmlPage(id="6", title="Grandchild", parent="5"))
    found = listing(zip_of(tmp_path, *pages, home="1"))
    assert {number: item.parent for number, item in found.items.items()} == {
        "1": None,
        **dict.fromkeys("2345", "1"),
        "6": "5",
    }
    assert found.items["6"].path == "Documents / Home / Child 5 / Grandchild"


def test_title_of_a_page_may_hold_the_separator(tmp_path: Path) -> None:
    """ "Space name : Title" is split at the space's own name, which may hold it too."""
    found = listing(zip_of(tmp_path, HtmlPage(id="1", title="Outage : Feb 2nd"), name="11. My : Docs"))
    assert found.documents["1"].title == "Outage : Feb 2nd"


def test_names_with_literal_escapes_numbers_and_dots_are_found(tmp_path: Path) -> None:
    """All four kinds of file names occur in real exports."""
    pages = [
        HtmlPage(id="123", title="Ohm's Law", file="Ohm%27s-Law_123.html"),
        HtmlPage(id="124", title="Who?", file="124.html"),
        HtmlPage(id="125", title=".bookmarks", file=".bookmarks_125.html"),
        HtmlPage(id="126", title="Some.ly", file="Some.ly_126.html"),
    ]
    assert set(listing(zip_of(tmp_path, *pages)).items) == {"123", "124", "125", "126"}


def test_link_to_the_index_is_one_to_the_home_page(tmp_path: Path) -> None:
    """The index itself is no page."""
    link = HtmlPage(id="2", title="Two", body='<p><a href="index.html">start</a></p>')
    found = listing(zip_of(tmp_path, HtmlPage(id="1", title="Home"), link, home="1"))
    assert found.documents["2"].body == '<p><a href="1">start</a></p>'


def test_host_is_learned_from_links_to_pages_of_the_export(tmp_path: Path) -> None:
    """Key and id are of this export, so other pages on that host are private too."""
    site = "https://acme.example/wiki/spaces"
    body = f'<p><a href="{site}/DOC/pages/2/Two">two</a> <a href="{site}/OTHER/pages/9/Nine">nine</a></p>'
    found = listing(zip_of(tmp_path, HtmlPage(id="1", title="One", body=body), HtmlPage(id="2", title="Two")))
    assert found.documents["1"].body == '<p><a href="2">two</a> nine</p>'


def test_folder_without_body_stays_in_the_path(tmp_path: Path) -> None:
    """Cloud exports folders as pages with nothing in them, even under a page's title."""
    found = listing(
        zip_of(
            tmp_path,
            HtmlPage(id="1", title="Design", body=None),
            HtmlPage(id="2", title="Design", file="2.html", parent="1"),
        )
    )
    assert set(found.items) == {"2"}
    assert (found.items["2"].path, found.items["2"].parent) == ("Documents / Design / Design", None)
    assert "folder" in found.reason("1")
    assert found.unlisted["1"].skipped


def test_page_without_text_is_left_out_with_its_reason(tmp_path: Path) -> None:
    """An empty body, or one that holds only a list of its children."""
    children = "<p><ul class='childpages-macro'><li>x</li></ul></p>"
    found = listing(
        zip_of(tmp_path, HtmlPage(id="1", title="Empty", body=children), HtmlPage(id="2", title="Full"))
    )
    assert set(found.items) == {"2"}
    assert "no text" in found.reason("1")


def test_file_outside_the_index_is_left_out_unless_it_is_wanted(tmp_path: Path) -> None:
    """An export over older files leaves pages behind that are not in the space any more."""
    pages = [HtmlPage(id="1", title="In"), HtmlPage(id="2", title="Out", parent="1")]
    path = zip_of(tmp_path, *pages, unindexed=["2"])
    found = listing(path)
    assert set(found.items) == {"1"}
    assert "index" in found.reason("2")
    wanted = listing(path, outside_index="publish")
    assert set(wanted.items) == {"1", "2"}
    assert wanted.items["2"].parent == "1"


def test_missing_file_keeps_its_page(tmp_path: Path) -> None:
    """The index says that it exists, so it was not deleted: it could not be seen."""
    files = html_files([HtmlPage(id="1", title="Here"), HtmlPage(id="2", title="Lost")])
    del files["DOC/Lost_2.html"]
    found = listing(write_zip(tmp_path / "export.zip", files))
    assert set(found.items) == {"1"}
    assert not found.unlisted["2"].skipped


def test_export_whose_files_are_mostly_missing_is_refused(tmp_path: Path) -> None:
    """A copy that broke off."""
    files = html_files([HtmlPage(id=str(number), title=f"P{number}") for number in range(20)])
    for number in range(12):
        del files[f"DOC/P{number}_{number}.html"]
    with pytest.raises(SourceUnavailable, match="not whole"):
        listing(write_zip(tmp_path / "export.zip", files))


def test_of_two_files_of_one_page_the_index_decides(tmp_path: Path) -> None:
    """After a rename, an export unpacked over the old one leaves two files with one id."""
    files = html_files([HtmlPage(id="7", title="New name", body="<p>new</p>")])
    old = html_files([HtmlPage(id="7", title="Old name", body="<p>old</p>", made="Jan 22, 2024 10:00")])
    files["DOC/Old-name_7.html"] = old["DOC/Old-name_7.html"]
    found = listing(write_folder(tmp_path / "export", files))
    assert found.documents["7"].body == "<p>new</p>"
    assert found.documents["7"].title == "New name"


def test_of_two_files_outside_the_index_the_newer_counts(tmp_path: Path) -> None:
    """The footer tells when each was written."""
    files = html_files([HtmlPage(id="1", title="Home")])
    for name, day in (("Alpha", "20"), ("Beta", "22"), ("Gamma", "21")):
        made = f"Jan {day}, 2024 10:00"
        more = html_files([HtmlPage(id="7", title=name, body=f"<p>{name}</p>", made=made)])
        files[f"DOC/{name}_7.html"] = more[f"DOC/{name}_7.html"]
    found = listing(write_folder(tmp_path / "export", files), outside_index="publish")
    assert found.documents["7"].body == "<p>Beta</p>"


def test_several_spaces_side_by_side(tmp_path: Path) -> None:
    """One folder each; a key chooses among them."""
    files = html_files([HtmlPage(id="1", title="A")], key="AAA", name="First")
    files |= html_files([HtmlPage(id="2", title="A")], key="BBB", name="Second")
    path = write_zip(tmp_path / "export.zip", files)
    assert {item.path for item in listing(path).items.values()} == {"First / A", "Second / A"}
    assert set(listing(path, spaces=["bbb"]).items) == {"2"}


def test_export_without_its_top_folder_and_deep_inside_others(tmp_path: Path) -> None:
    """People keep only the inside of the zip, or put it somewhere."""
    flat = html_files([HtmlPage(id="1", title="A")], folder="")
    assert set(listing(write_folder(tmp_path / "flat", flat)).items) == {"1"}
    deep = html_files([HtmlPage(id="1", title="A")], folder="content/x/DOC")
    assert set(listing(write_zip(tmp_path / "deep.zip", deep)).items) == {"1"}


def test_html_attachments_are_no_pages(tmp_path: Path) -> None:
    """An attached web page may even look like an index."""
    files = html_files([HtmlPage(id="1", title="A")])
    files["DOC/attachments/1/2.html"] = b"<p>attached</p>"
    files["DOC/attachments/1/index.html"] = files["DOC/index.html"]
    assert set(listing(write_zip(tmp_path / "export.zip", files)).items) == {"1"}


def test_very_deep_tree_is_read_to_its_end(tmp_path: Path) -> None:
    """An HTML parser would stop at 256 levels; the path that people see is cut."""
    pages = [HtmlPage(id=str(n), title=f"P{n}", parent=str(n - 1) if n > 1 else None) for n in range(1, 300)]
    found = listing(zip_of(tmp_path, *pages))
    assert len(found.items) == 299
    assert found.items["299"].parent == "298"
    assert found.items["299"].path.startswith("Documents / … / ")


def test_page_that_is_not_utf8_fails_alone(tmp_path: Path) -> None:
    """The place of the first wrong byte is named; the page's last version stays."""
    files = html_files([HtmlPage(id="1", title="Bad"), HtmlPage(id="2", title="Good")])
    files["DOC/Bad_1.html"] = files["DOC/Bad_1.html"].replace(b"Some text", b"Some \xe9 text")
    found = listing(write_zip(tmp_path / "export.zip", files))
    assert set(found.items) == {"2"}
    assert "not UTF-8: byte" in found.reason("1")
    assert not found.unlisted["1"].skipped


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("Jun 11, 2025", datetime.date(2025, 6, 11)),
        ("29.01.2015", datetime.date(2015, 1, 29)),
        ("dne jindy", None),
    ],
)
def test_day_of_the_last_change(tmp_path: Path, written: str, day: datetime.date | None) -> None:
    """In the exporter's locale; one that is not known is no date."""
    document = listing(zip_of(tmp_path, HtmlPage(id="1", title="A", changed=written))).documents["1"]
    assert (document.updated_at.date() if document.updated_at else None) == day


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Jan 21, 2024 10:00", b"Jan 22, 2024 11:30"),
        (b"Jan 21, 2024 10:00<", b"no known date<"),
        (b"Documents : Child", b"Documents : Infant"),
        (b'<a href="Home_1.html">Home</a></span></li>', b'<a href="Other_3.html">Other</a></span></li>'),
        (b"Oct 02, 2023", b"Oct 03, 2023"),
        (b'<div id="page">', b'<div id="page" data-base-url="https://acme.example/wiki">'),
        (b"<p>Some text.</p>", b"<p>Another text.</p>"),
    ],
)
def test_page_that_was_seen_before_is_seen_as_it_is_now(tmp_path: Path, old: bytes, new: bytes) -> None:
    """Where only the date of the export moved, little is looked at; wherever else, all of it."""
    pages = [HtmlPage(id="1", title="Home"), HtmlPage(id="2", title="Child", parent="1")]
    files = html_files([*pages, HtmlPage(id="3", title="Other")], unindexed="2")
    later = {name: data.replace(old, new) for name, data in files.items()}
    assert later != files
    scanned: dict[str, Scanned] = {}
    with open_archive(write_zip(tmp_path / "export.zip", files)) as archive:
        HtmlExport(archive, OUTSIDE_TOO, scanned)
    with open_archive(write_zip(tmp_path / "export.zip", later)) as archive:
        again, fresh = HtmlExport(archive, OUTSIDE_TOO, scanned), HtmlExport(archive, OUTSIDE_TOO, {})

    assert (again.pages, again.titles, again.created) == (fresh.pages, fresh.titles, fresh.created)
    assert [again.digest(page) for page in again.pages.values()] == [
        fresh.digest(page) for page in fresh.pages.values()
    ]


def test_confluence_one_is_refused(tmp_path: Path) -> None:
    """Its pages have no ids, so a rename would delete and create."""
    index = (
        b'<html><body><table><tr><td class="pagebody"><h1>Space Details:</h1>'
        b'<h2>Available Pages:</h2><ul><li><a href="Home.html">Home</a></li></ul></td></tr></table></body></html>'
    )
    with pytest.raises(SourceUnavailable, match=r"1\.x or 2\.x.*\n?.*XML"):
        listing(write_zip(tmp_path / "old.zip", {"X/index.html": index, "X/Home.html": index}))


def test_label_filter_needs_labels(tmp_path: Path) -> None:
    """An HTML export has none: filtering would publish what was meant to stay."""
    with pytest.raises(SourceUnavailable, match="no labels"):
        listing(zip_of(tmp_path, HtmlPage(id="1", title="A")), labels={"exclude": ["internal"]})


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, None),
        ({"site_url": "https://acme.atlassian.net"}, "https://acme.atlassian.net/wiki/spaces/DOC/pages/1"),
        (
            {"site_url": "https://acme.atlassian.net/wiki/"},
            "https://acme.atlassian.net/wiki/spaces/DOC/pages/1",
        ),
        ({"site_url": "https://w.acme.com/c"}, "https://w.acme.com/c/pages/viewpage.action?pageId=1"),
        (
            {"site_url": "https://w.acme.com", "url_style": "cloud"},
            "https://w.acme.com/wiki/spaces/DOC/pages/1",
        ),
    ],
)
def test_page_urls(tmp_path: Path, settings: dict[str, str], url: str | None) -> None:
    """Only where the site is configured."""
    found = listing(zip_of(tmp_path, HtmlPage(id="1", title="A")), **settings)
    assert (found.items["1"].url, found.documents["1"].url) == (url, url)
