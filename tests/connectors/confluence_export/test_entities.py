"""entities.xml as a stream: what is refused, what is repaired, and what only one page pays for."""

from __future__ import annotations

import io
import random
import sqlite3
from pathlib import Path

import pytest

from connectors.confluence_export.entities import build_index
from syncd.errors import SourceUnavailable
from tests.connectors.confluence_export.builders import (
    entities,
    listing,
    obj,
    page,
    space,
    write_folder,
    write_zip,
)

WHOLE = entities(space(), page("1", "One"), page("2", "Two"))


def refused(tmp_path: Path, data: bytes, match: str) -> None:
    with pytest.raises(SourceUnavailable, match=match) as caught:
        listing(write_folder(tmp_path / "export", {"entities.xml": data}))
    assert len(str(caught.value).splitlines()) <= 3


@pytest.mark.parametrize(
    "cut", [len(WHOLE) - 10, len(WHOLE) // 2, len(WHOLE) - len("</hibernate-generic>\n")]
)
def test_file_that_ends_early_is_refused(tmp_path: Path, cut: int) -> None:
    """The pages that are missing were not deleted."""
    refused(tmp_path, WHOLE[:cut], r"line \d+ before </hibernate-generic>")


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;">]>',
        f'<!DOCTYPE q [<!ENTITY a "{"a" * 50_000}">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        "<!doctype x>",
        "<!-- <a> --><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>",
        "<?x <a> ?><!DOCTYPE x>",
    ],
)
def test_any_dtd_is_refused_before_it_is_parsed(tmp_path: Path, head: str) -> None:
    """Billion laughs, blow-up, outside and parameter entities: Confluence writes none of them."""
    data = WHOLE.replace(b"<hibernate-generic", head.encode() + b"<hibernate-generic")
    refused(tmp_path, data, "DTD")


def test_dtd_behind_a_long_preface_is_refused(tmp_path: Path) -> None:
    """What is not looked at is not parsed."""
    preface = b"<!--" + b" x" * 100_000 + b"--><!DOCTYPE x [<!ENTITY e 'x'>]>"
    refused(tmp_path, WHOLE.replace(b"<hibernate-generic", preface + b"<hibernate-generic"), "does not begin")


def test_entity_that_nobody_declared_is_refused(tmp_path: Path) -> None:
    """Without a DTD there is nothing that it could mean."""
    refused(tmp_path, WHOLE.replace(b"<![CDATA[One]]>", b"&one;"), "breaks at line")


def test_characters_that_xml_forbids_are_taken_out_and_counted(tmp_path: Path) -> None:
    """They occur in titles and bodies of real exports; U+2028 is none of them."""
    data = entities(space(), page("1", "On\x1ce", "<p>a\x08b\u2028c\u200bd</p>"))
    found = listing(write_folder(tmp_path / "export", {"entities.xml": data}))
    assert found.documents["1"].title == "One"
    assert found.documents["1"].body == "<p>ab cd</p>"
    assert "2 characters" in found.reason("export:entities.xml")


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    """Confluence writes UTF-8."""
    refused(tmp_path, WHOLE.decode().replace("UTF-8", "UTF-16").encode("utf-16"), "not UTF-8")
    refused(tmp_path, WHOLE.replace(b"One", b"On\xff"), "breaks at line")


def test_declared_encoding_hides_nothing(tmp_path: Path) -> None:
    """In EBCDIC a DTD does not look like one; whatever is declared, the bytes are read as UTF-8."""
    text = '<?xml version="1.0" encoding="cp037"?><!DOCTYPE x [<!ENTITY e "x">]><hibernate-generic/>'
    refused(tmp_path, text.encode("cp037"), "not UTF-8|does not begin|breaks at line")
    latin = entities(space(), page("1", "Über")).replace(b'encoding="UTF-8"', b'encoding="ISO-8859-1"')
    assert listing(write_folder(tmp_path / "latin", {"entities.xml": latin})).documents["1"].title == "Über"


def test_other_xml_is_refused(tmp_path: Path) -> None:
    """A file of that name need not be an export."""
    refused(tmp_path, b"<project><object class='Page'/></project>", "no <hibernate-generic>")
    refused(tmp_path, b"", "breaks at line")


@pytest.mark.parametrize("wrap", ["<![CDATA[{}]]>", "{}"])
def test_oversized_body_fails_alone(tmp_path: Path, wrap: str) -> None:
    """The parse is still complete; the page keeps its last version."""
    text = "é&amp; " * 2_000_000 if wrap == "{}" else "é&]] " * 2_000_000
    huge = f'<property name="body">{wrap.format(text)}</property>'
    body = obj("BodyContent", "99", content=("Page", "3"), bodyType="2").replace(
        "</object>", huge + "</object>"
    )
    data = entities(space(), page("1", "One"), body, page("3", "Huge", None), page("2", "Two"))
    found = listing(write_folder(tmp_path / "export", {"entities.xml": data}))
    assert set(found.documents) == {"1", "2"}
    assert "larger than 8 MB" in found.errors["3"]


@pytest.mark.parametrize("seed", range(30))
def test_bodies_are_cut_or_whole_wherever_they_lie(tmp_path: Path, seed: int) -> None:
    """Marks may lie across the pieces in which the file is read, and a body may quote any of them."""
    chance = random.Random(seed)
    pieces = ["x" * 50, "]] >", "<![CDATA[", "</object>", "</property>", "é", "&amp;", "]", "<", "\n"]
    bodies = {}
    objects = []
    for number in range(60):
        size = chance.choice([3, 40, 400, 4000])
        text = "".join(chance.choice(pieces) for _ in range(size))
        bodies[str(number)] = text
        body = obj("BodyContent", str(number), content=("Page", str(number)), bodyType="2")
        written = f'<property name="body"><![CDATA[{text}]]></property></object>'
        objects.append(body.replace("</object>", written))
    index = tmp_path / "index.db"

    build_index(io.BytesIO(entities(*objects)), index, "entities.xml", body_bytes=9000)

    rows = sqlite3.connect(index).execute("SELECT content, text, oversize FROM body")
    found = {content: (text, cut) for content, text, cut in rows}
    assert set(found) == set(bodies)
    for page_id, text in bodies.items():
        if len(text.encode()) > 9000:
            assert found[page_id] == ("", 1)
        else:
            assert found[page_id] == (text, 0)


def test_body_of_any_length_fails_alone(tmp_path: Path) -> None:
    """What is cut away costs nothing."""
    huge = obj("BodyContent", "5", body="x" * (120 << 20), content=("Page", "2"), bodyType="2")
    data = entities(space(), page("1", "One"), huge, page("2", "Two", None))
    found = listing(write_folder(tmp_path / "export", {"entities.xml": data}))
    assert (set(found.documents), set(found.errors)) == ({"1"}, {"2"})


def test_object_without_end_is_refused(tmp_path: Path) -> None:
    """A million elements in one object would fill the memory."""
    many = '<collection name="x">' + "<element/>" * 1_600_000 + "</collection>"
    refused(
        tmp_path, WHOLE.replace(b"</object>", many.encode() + b"</object>", 1), "holds an object of more than"
    )


def test_deep_nesting_in_the_file_is_refused(tmp_path: Path) -> None:
    """No object nests."""
    deep = b"<a>" * 5000 + b"</a>" * 5000
    refused(tmp_path, WHOLE.replace(b"</object>", deep + b"</object>", 1), "breaks at line")


def test_file_without_line_breaks_is_read(tmp_path: Path) -> None:
    """Written both with and without indentation."""
    data = WHOLE.replace(b"\n", b"")
    assert set(listing(write_folder(tmp_path / "export", {"entities.xml": data})).documents) == {"1", "2"}


def test_stray_quotes_in_the_head_do_not_matter(tmp_path: Path) -> None:
    """Edited files have them; the time is then the file's own."""
    data = WHOLE.replace(b'datetime="2024-01-21 10:00:00"', b"datetime='\"2024-01-21 10:00:00\"'")
    assert set(listing(write_folder(tmp_path / "export", {"entities.xml": data})).items) == {"1", "2"}


def test_secrets_of_a_site_export_are_not_kept(tmp_path: Path) -> None:
    """Password hashes and tokens lie in classes that are never read."""
    data = entities(
        space(),
        page("1", "One"),
        obj("InternalUser", "7", name="ann", credential="{PKCS5S2}canary"),
        obj("ConfluenceRememberMeToken", "8", token="canary"),
    )
    path = write_zip(tmp_path / "export.zip", {"entities.xml": data})
    listing(path, cache=tmp_path / "cache")
    kept = b"".join(file.read_bytes() for file in (tmp_path / "cache").iterdir())
    assert b"canary" not in kept
    assert {file.stat().st_mode & 0o077 for file in (tmp_path / "cache").iterdir()} == {0}
