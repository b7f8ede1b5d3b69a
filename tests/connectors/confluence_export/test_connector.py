"""The connector: its contract in all three shapes, and what it remembers from run to run."""

# ruff: noqa: E501 - markup is easier to read on one line

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Mapping
from html import escape
from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.confluence_export import ConfluenceExportSettings
from syncd.connector import Connector
from syncd.errors import ItemError, ListingIncomplete, SourceUnavailable
from syncd.model import Item
from syncd.testing.connectors import ConnectorContract
from tests.connectors.confluence_export.builders import (
    HtmlPage,
    connect,
    entities,
    html_files,
    listing,
    obj,
    opened,
    page,
    space,
    write_folder,
    write_zip,
    zipped,
)

DEEP = "<div>" * 300 + "deep" + "</div>" * 300


def number_of(name: str) -> str:
    return str(zlib.crc32(name.encode()))


def markup_of(text: str) -> str:
    head, _, rest = text.partition("\n")
    return f"<h1>{escape(head.lstrip('# '))}</h1><p>{escape(rest.strip())}</p>"


class HtmlContract(ConnectorContract):
    def files(self, files: Mapping[str, str]) -> dict[str, bytes]:
        return html_files(
            [HtmlPage(id=number_of(name), title=name, body=markup_of(text)) for name, text in files.items()]
        )

    def external_id(self, name: str) -> str:
        return number_of(name)

    def connect(self, home: Path) -> Connector:
        return connect(home / "export", cache=home / "cache")

    def origin(self, home: Path) -> Path:
        return home / "export"

    def member(self, name: str) -> str:
        return f"DOC/{number_of(name)}.html"


class TestHtmlFolder(HtmlContract):
    """An unpacked HTML export."""

    def build(self, home: Path, files: Mapping[str, str]) -> None:
        wanted = self.files(files)
        root = home / "export"
        for old in [path for path in root.rglob("*") if path.is_file()]:
            if str(old.relative_to(root)) not in wanted:
                old.unlink()
        for name, data in wanted.items():
            target = root / name
            if not target.exists() or target.read_bytes() != data:
                write_folder(root, {name: data})

    def lose(self, home: Path) -> None:
        shutil.rmtree(home / "export")

    def spoil(self, home: Path, name: str) -> None:
        target = home / "export" / self.member(name)
        target.write_bytes(target.read_bytes().replace(b"<h1>", DEEP.encode() + b"<h1>"))

    def hide(self, home: Path) -> str:
        target = home / "export" / self.member("index.md")
        target.write_bytes(target.read_bytes() + b"\xff")
        return number_of("index.md")


class TestHtmlZip(HtmlContract):
    """An HTML export as Confluence gives it."""

    def build(self, home: Path, files: Mapping[str, str]) -> None:
        self.write(home, self.files(files))

    def write(self, home: Path, files: Mapping[str, bytes]) -> None:
        write_zip(home / "export", files)

    def lose(self, home: Path) -> None:
        (home / "export").unlink()


class TestXml(ConnectorContract):
    """An XML export."""

    def build(self, home: Path, files: Mapping[str, str]) -> None:
        self.write(home, {name: markup_of(text) for name, text in files.items()})

    def write(self, home: Path, bodies: Mapping[str, str]) -> None:
        pages = [page(number_of(name), name, body) for name, body in bodies.items()]
        write_zip(home / "export", {"entities.xml": entities(space(), *pages)})

    def connect(self, home: Path) -> Connector:
        return connect(home / "export", cache=home / "cache")

    def lose(self, home: Path) -> None:
        (home / "export").unlink()

    def spoil(self, home: Path, name: str) -> None:
        self.write(home, {"index.md": DEEP, "other.md": "<p>fine</p>"})

    def external_id(self, name: str) -> str:
        return number_of(name)

    def origin(self, home: Path) -> Path:
        return home / "export"


# --- noise ----------------------------------------------------------------------------------------------

NOISY = (
    "<style>/*<![CDATA[*/ div.rbtoc{n} {{padding: 0px;}} /*]]>*/</style><div class='toc-macro rbtoc{n}'>toc</div>"
    '<div id="expander-{n}" class="expand-container"><div id="expander-control-{n}" class="expand-control">'
    '<span class="expand-control-text">More</span></div><div id="expander-content-{n}" class="expand-content">'
    '<p>inside</p></div></div><p><a {a} {b} data-linked-resource-version="{n}">two</a></p>'
    '<div class="ap-container" id="ap-app__{n}"><script class="ap-iframe-body-script">jwt={n}</script></div>'
    '<p><img src="attachments/1/2.png" alt="i" data-client-id="{n}" data-unresolved-comment-count="{n}"/></p>'
)


def noisy(number: int, *, swapped: bool = False, parent_title: str = "Parent") -> dict[str, bytes]:
    attributes = ['class="x"', 'href="Two_2.html"']
    if swapped:
        attributes.reverse()
    body = NOISY.format(n=number, a=attributes[0], b=attributes[1])
    pages = [
        HtmlPage(id="9", title=parent_title),
        HtmlPage(id="1", title="One", body=body, parent="9"),
        HtmlPage(id="2", title="Two"),
    ]
    return html_files(pages, made=f"Jan 21, 2024 10:{number:02}")


def test_two_exports_that_differ_in_noise_are_equal(tmp_path: Path) -> None:
    """Footers, counters, tokens, the order of attributes: nothing is read again and nothing is sent."""
    path = write_zip(tmp_path / "export.zip", noisy(10))
    first = listing(path)
    second = listing(write_zip(path, noisy(55, swapped=True)))
    fresh = listing(path, cache=tmp_path / "other")
    assert first.documents == second.documents == fresh.documents
    assert first.items == second.items == fresh.items


def test_renamed_ancestor_is_no_change_of_the_pages_below(tmp_path: Path) -> None:
    """Breadcrumbs and file names change, and the text does not."""
    path = write_zip(tmp_path / "export.zip", noisy(10))
    first = listing(path)
    second = listing(write_zip(path, noisy(10, parent_title="Other name")))
    assert {n for n in first.items if first.items[n].version != second.items[n].version} == {"9"}
    assert second.items["1"].path == "Documents / Other name / One"


def test_renamed_target_moves_only_pages_that_show_its_title(tmp_path: Path) -> None:
    """A link with a text of its own is the same link; a bare address shows the new title."""
    href = "https://acme.atlassian.net/wiki/spaces/DOC/pages/3/Any"

    def export(title: str) -> dict[str, bytes]:
        return html_files(
            [
                HtmlPage(id="1", title="Own text", body=f'<p><a href="{href}">text</a></p>'),
                HtmlPage(id="2", title="Bare", body=f'<p><a href="{href}">{href}</a></p>'),
                HtmlPage(id="3", title=title),
            ]
        )

    path = write_zip(tmp_path / "export.zip", export("Old"))
    first = listing(path)
    second = listing(write_zip(path, export("New")))
    assert {n for n in first.items if first.items[n].version != second.items[n].version} == {"2", "3"}
    assert second.documents["2"].body == '<p><a href="3">New</a></p>'


def test_link_to_a_page_that_appears_moves_the_version(tmp_path: Path) -> None:
    """The page itself is the same to the byte, and its link now leads somewhere."""
    one = HtmlPage(id="1", title="One", body='<p><a href="Two_2.html">two</a></p>')
    path = write_zip(tmp_path / "export.zip", html_files([one]))
    first = listing(path)
    second = listing(write_zip(path, html_files([one, HtmlPage(id="2", title="Two")])))
    assert (first.documents["1"].body, second.documents["1"].body) == (
        "<p>two</p>",
        '<p><a href="2">two</a></p>',
    )
    assert first.items["1"].version != second.items["1"].version


def test_host_that_is_named_later_moves_the_version(tmp_path: Path) -> None:
    """The link was taken for one to another site."""
    body = '<p><a href="https://wiki.acme.example/display/OTHER/Plan">plan</a></p>'
    path = write_zip(tmp_path / "export.zip", html_files([HtmlPage(id="1", title="One", body=body)]))
    first = listing(path)
    second = listing(path, site_aliases=["wiki.acme.example"])
    assert second.documents["1"].body == "<p>plan</p>"
    assert first.items["1"].version != second.items["1"].version


# --- which export ---------------------------------------------------------------------------------------


def dated(day: int, body: str = "text", pages: int = 3, key: str = "DOC") -> dict[str, bytes]:
    several = [HtmlPage(id=str(n), title=f"P{n}", body=f"<p>{body}</p>") for n in range(1, pages + 1)]
    return html_files(several, made=f"Jan {day:02}, 2024 10:00", key=key)


def test_folder_of_dated_zips_takes_the_newest(tmp_path: Path) -> None:
    """By the date that the export itself tells, and not by names or times of files."""
    folder = tmp_path / "exports"
    folder.mkdir()
    write_zip(folder / "c.zip", dated(2, "two"))
    write_zip(folder / "a.zip", dated(3, "three"))
    write_zip(folder / "b.zip", dated(1, "one"))
    os.utime(folder / "b.zip", (4_000_000_000, 4_000_000_000))
    assert listing(folder).documents["1"].body == "<p>three</p>"


def test_folder_of_dated_xml_exports(tmp_path: Path) -> None:
    """The same for XML, and for folders."""
    folder = tmp_path / "exports"
    for day in (1, 3, 2):
        data = entities(space(), page("1", "One", f"<p>{day}</p>"), made=f"2024-01-0{day} 10:00:00")
        write_folder(folder / f"of-{9 - day}", {"entities.xml": data})
    assert listing(folder).documents["1"].body == "<p>3</p>"


@pytest.mark.parametrize("kind", ["cut", "web page", "empty"])
def test_unfinished_newest_export_gives_way_to_the_one_before(tmp_path: Path, kind: str) -> None:
    """It is still being copied; that it was passed over is said."""
    whole = zipped(dated(2, "two"))
    newest = {"cut": whole[: len(whole) // 2], "web page": b"<html>sign in</html>", "empty": b""}[kind]
    folder = tmp_path / "exports"
    folder.mkdir()
    write_zip(folder / "1.zip", dated(1, "one"))
    (folder / "2.zip").write_bytes(newest)
    found = listing(folder)
    assert found.documents["1"].body == "<p>one</p>"
    assert found.unlisted["export:2.zip"].skipped


def test_xml_that_breaks_off_gives_way_to_the_one_before(tmp_path: Path) -> None:
    """The zip is whole and the export in it is not."""
    folder = tmp_path / "exports"
    folder.mkdir()
    old = entities(space(), page("1", "One"), made="2024-01-01 10:00:00")
    new = entities(space(), page("1", "One"), page("2", "Two"), made="2024-01-02 10:00:00")
    write_zip(folder / "1.zip", {"entities.xml": old})
    write_zip(folder / "2.zip", {"entities.xml": new[:-30]})
    found = listing(folder)
    assert set(found.items) == {"1"}
    assert "before </hibernate-generic>" in found.reason("export:2.zip")


def test_folder_of_broken_exports_only(tmp_path: Path) -> None:
    """The source is unavailable, and says what is wrong with the first."""
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "1.zip").write_bytes(zipped(dated(1))[:-30])
    with pytest.raises(ListingIncomplete, match="end record missing"):
        listing(folder)


def test_empty_folder(tmp_path: Path) -> None:
    """Nothing to read is not a source without pages."""
    (tmp_path / "exports").mkdir()
    with pytest.raises(SourceUnavailable, match="no space export"):
        listing(tmp_path / "exports")


# --- what is remembered -----------------------------------------------------------------------------------


def test_older_export_is_refused(tmp_path: Path) -> None:
    """Old text would replace new text; the message names both times and the way out."""
    path = write_zip(tmp_path / "export.zip", dated(5))
    listing(path)
    write_zip(path, dated(4))
    with pytest.raises(SourceUnavailable, match=r"2024-01-04.*before.*2024-01-05[\s\S]*allow_older"):
        listing(path)
    assert len(listing(path, allow_older=True).items) == 3


def test_older_xml_export_is_refused(tmp_path: Path) -> None:
    """By the time in the file's head."""
    path = write_zip(tmp_path / "export.zip", {"entities.xml": entities(space(), page("1", "A"))})
    listing(path)
    write_zip(path, {"entities.xml": entities(space(), page("1", "A"), made="2023-12-31 23:59:59")})
    with pytest.raises(SourceUnavailable, match="before the last one"):
        listing(path)


def test_much_smaller_export_is_refused(tmp_path: Path) -> None:
    """Ten pages of four hundred look like a space whose other pages are gone."""
    path = write_zip(tmp_path / "export.zip", dated(5, pages=40))
    listing(path)
    write_zip(path, dated(6, pages=10))
    with pytest.raises(SourceUnavailable, match="has 10 pages with a body, the last export had 40"):
        listing(path)
    assert len(listing(path, allow_fewer=True).items) == 10


def test_export_whose_text_is_gone_is_refused(tmp_path: Path) -> None:
    """The pages are there, and most would become empty; no page of it is listed."""
    path = write_zip(tmp_path / "export.zip", dated(5, pages=40))
    listing(path)
    blank = [
        HtmlPage(id=str(n), title=f"P{n}", body="<p>text</p>" if n < 4 else "<p> </p>") for n in range(1, 41)
    ]
    write_zip(path, html_files(blank, made="Jan 06, 2024 10:00"))
    with opened(path) as snapshot, pytest.raises(SourceUnavailable, match="has 3 pages with text"):
        next(iter(snapshot.items()))


def test_export_without_bodies_is_refused(tmp_path: Path) -> None:
    """Folders have none either, but a space is not made of folders."""
    bare = [HtmlPage(id=str(n), title=f"P{n}", body="<p>text</p>" if n < 4 else None) for n in range(1, 21)]
    with pytest.raises(ListingIncomplete, match="17 of the 20 pages"):
        listing(write_zip(tmp_path / "export.zip", html_files(bare)))


def test_narrower_settings_are_no_smaller_export(tmp_path: Path) -> None:
    """The operator asked for fewer pages; what happens to the others is for the engine to hold."""
    pages = [page(str(number), f"P{number}") for number in range(1, 21)]
    label = obj("Label", "70", name="public") + obj(
        "Labelling", "80", label=("Label", "70"), content=("Page", "3")
    )
    path = write_zip(tmp_path / "export.zip", {"entities.xml": entities(space(), *pages, label)})
    assert len(listing(path).items) == 20
    assert set(listing(path, labels={"include": ["public"]}).items) == {"3"}


def test_somewhat_smaller_export_is_accepted(tmp_path: Path) -> None:
    """Pages are deleted; the engine has its own budget for that."""
    path = write_zip(tmp_path / "export.zip", dated(5, pages=40))
    listing(path)
    assert len(listing(write_zip(path, dated(6, pages=30))).items) == 30


def test_export_of_another_space_is_refused(tmp_path: Path) -> None:
    """Unless the operator names the space."""
    path = write_zip(tmp_path / "export.zip", dated(5))
    listing(path)
    write_zip(path, dated(6, key="OTHER"))
    with pytest.raises(SourceUnavailable, match="holds space OTHER; the last export held DOC"):
        listing(path)
    with pytest.raises(SourceUnavailable, match="does not hold space DOC; it holds OTHER"):
        listing(path, spaces=["DOC"])
    assert len(listing(path, spaces=["OTHER"]).items) == 3


def test_refusal_comes_before_any_page(tmp_path: Path) -> None:
    """Opening is enough."""
    path = write_zip(tmp_path / "export.zip", dated(5))
    listing(path)
    write_zip(path, dated(4))
    with pytest.raises(SourceUnavailable), opened(path):
        raise AssertionError("it was opened")


def test_listing_that_was_not_exhausted_is_not_remembered(tmp_path: Path) -> None:
    """Only a complete listing is the last one."""
    path = write_zip(tmp_path / "export.zip", dated(5))
    with opened(path) as snapshot:
        next(iter(snapshot.items()))
    assert len(listing(write_zip(path, dated(4))).items) == 3


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"key": 1, "created": 5}', b"\xff"])
def test_cache_may_be_damaged_or_deleted(tmp_path: Path, damage: bytes) -> None:
    """It is only a memory: the same items come out, with the same versions."""
    path = write_zip(tmp_path / "export.zip", dated(5))
    first = listing(path)
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(damage)
    assert listing(path).items == first.items
    shutil.rmtree(tmp_path / "cache")
    assert listing(path).items == first.items


def test_damaged_index_of_an_xml_export(tmp_path: Path) -> None:
    """The message names the folder that may be deleted."""
    path = write_zip(tmp_path / "export.zip", {"entities.xml": entities(space(), page("1", "A"))})
    listing(path)
    for file in (tmp_path / "cache").glob("entities-*"):
        file.write_bytes(b"x" * 5000)
    with pytest.raises(SourceUnavailable, match="Delete that folder"):
        listing(path)


def test_revision_follows_the_archive_and_the_settings(tmp_path: Path) -> None:
    """An equal revision ends a run, so it moves with everything that could change a listing."""
    path = write_zip(tmp_path / "export.zip", dated(5))

    def revision(**settings: object) -> str | None:
        with opened(path, **settings) as snapshot:
            return snapshot.revision

    first = revision()
    assert revision() == first
    assert revision(outside_index="publish") != first
    write_zip(path, dated(6))
    assert revision() != first


def test_identity_is_the_spaces_and_the_site(tmp_path: Path) -> None:
    """It outlives a new export, and not another space."""
    path = write_zip(tmp_path / "export.zip", dated(5))
    with opened(path, site_url="https://acme.atlassian.net/wiki") as snapshot:
        assert snapshot.identity == "confluence:DOC@acme.atlassian.net"
    with opened(path) as snapshot:
        assert snapshot.identity == "confluence:DOC"


def test_page_that_vanishes_while_it_is_read_fails_alone(tmp_path: Path) -> None:
    """A folder can change under a run."""
    path = write_folder(tmp_path / "export", dated(5))
    with opened(path) as snapshot:
        items = [one for one in snapshot.items() if isinstance(one, Item)]
        (path / "DOC" / "P1_1.html").unlink()
        with pytest.raises(ItemError, match="cannot be read"):
            snapshot.read(items[0])
        assert snapshot.read(items[1]).body


def test_unknown_settings_are_errors() -> None:
    """A misspelt filter would publish everything."""
    with pytest.raises(ValidationError):
        ConfluenceExportSettings.model_validate({"path": "x", "space": ["DOC"]})
    with pytest.raises(ValidationError):
        ConfluenceExportSettings.model_validate({"path": "x", "labels": {"excluded": []}})
