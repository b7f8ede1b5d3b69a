"""Archives that no exporter writes: each is refused with its reason, or read without harm."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from pathlib import Path

import pytest

from connectors.confluence_export.archive import Limits, open_archive
from syncd.errors import ItemError, ListingIncomplete, SourceUnavailable
from tests.connectors.confluence_export.builders import (
    HtmlPage,
    entities,
    html_files,
    listing,
    page,
    space,
    write_folder,
    write_zip,
    zipped,
)

FILES = html_files([HtmlPage(id="1", title="One"), HtmlPage(id="2", title="Two")])


def refused(path: Path, match: str) -> None:
    """The message says what is wrong in three lines or fewer, and before any page is listed."""
    with pytest.raises(SourceUnavailable, match=match) as caught:
        listing(path)
    assert len(str(caught.value).splitlines()) <= 3


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "not a zip"),
        (b"just some words", "not a zip"),
        (b"<!DOCTYPE html><html><body>Please sign in</body></html>", "web page"),
        (b"Rar!\x1a\x07\x00" + b"x" * 100, "RAR"),
        (b"PK\x05\x06" + b"\0" * 18, "without any member"),
        (zipped(FILES)[:-30], "end record missing"),
        (zipped(FILES)[: len(zipped(FILES)) // 2], "end record missing"),
        (b"GARBAGE" + zipped(FILES), "something stands before"),
        (zipped(FILES)[:-18] + struct.pack("<HH", 1, 1) + zipped(FILES)[-14:], "several parts"),
    ],
)
def test_what_is_no_whole_zip_is_refused(tmp_path: Path, data: bytes, match: str) -> None:
    """Each has its own word for the operator."""
    path = tmp_path / "export.zip"
    path.write_bytes(data)
    refused(path, match)


def test_missing_export_names_the_path(tmp_path: Path) -> None:
    """Nothing is there."""
    refused(tmp_path / "nothing.zip", "nothing.zip cannot be opened: no such file")


def test_zip64_is_read(tmp_path: Path) -> None:
    """Large exports are written so."""
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FILES.items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(data)
    assert set(listing(path).items) == {"1", "2"}


def test_encrypted_export_is_refused(tmp_path: Path) -> None:
    """A password would have to be stored."""
    data = bytearray(zipped(FILES))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 4)
    path = tmp_path / "export.zip"
    path.write_bytes(data)
    refused(path, "password-protected exports are not supported")


def test_unusual_compression_is_refused(tmp_path: Path) -> None:
    """No exporter uses it."""
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    refused(path, "compression method")


def test_wrong_checksum_refuses_the_export(tmp_path: Path) -> None:
    """A damaged page means that nothing in the archive can be trusted; no page of it is listed."""
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    path = tmp_path / "export.zip"
    path.write_bytes(stored.getvalue().replace(b"Some text.", b"Some tent.", 1))
    refused(path, r"damaged.*CRC")


def test_lying_size_refuses_the_export(tmp_path: Path) -> None:
    """What unpacks to less than was said is not whole."""
    data = bytearray(zipped(FILES))
    at = data.rfind(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, 100)
    path = tmp_path / "export.zip"
    path.write_bytes(data)
    refused(path, "damaged")


def test_page_that_is_a_bomb_fails_alone(tmp_path: Path) -> None:
    """The rest of the source is still synced."""
    files = {**FILES, "DOC/Two_2.html": FILES["DOC/Two_2.html"] + b" " * (100 << 20)}
    found = listing(write_zip(tmp_path / "export.zip", files))
    assert set(found.items) == {"1"}
    assert "larger than" in found.reason("2")
    assert not found.unlisted["2"].skipped


def test_ratio_bomb_fails_alone(tmp_path: Path) -> None:
    """Below the size limit, but nothing that people wrote packs that well."""
    files = {**FILES, "DOC/Two_2.html": FILES["DOC/Two_2.html"] + b" " * (8 << 20)}
    assert "200 times" in listing(write_zip(tmp_path / "export.zip", files)).reason("2")


def test_entities_that_are_a_bomb_are_refused(tmp_path: Path) -> None:
    """There is nothing else in an XML export that could be read."""
    refused(write_zip(tmp_path / "export.zip", {"entities.xml": b"<a>" + b" " * (64 << 20)}), "200 times")


def test_lying_ratio_is_counted_while_reading(tmp_path: Path) -> None:
    """Sizes in a zip are claims."""
    path = write_folder(tmp_path / "export", {"x.html": b"x" * 5000})
    with open_archive(path, Limits(page_bytes=4000)) as archive, pytest.raises(ItemError, match="larger"):
        archive.read("x.html")
    with (
        open_archive(path, Limits(total_bytes=4000)) as archive,
        pytest.raises(SourceUnavailable, match="more than 4000"),
    ):
        archive.read("x.html")


def test_too_many_members_are_refused_before_they_are_read(tmp_path: Path) -> None:
    """The end record says how many there are."""
    path = write_zip(tmp_path / "export.zip", FILES)
    with pytest.raises(SourceUnavailable, match="holds 3 members"), open_archive(path, Limits(entries=2)):
        pass
    folder = write_folder(tmp_path / "folder", FILES)
    with pytest.raises(SourceUnavailable, match="members"), open_archive(folder, Limits(entries=2)):
        pass


def test_count_of_members_that_lies_is_noticed(tmp_path: Path) -> None:
    """The list itself is counted before it is read into memory."""
    data = bytearray(zipped(FILES))
    struct.pack_into("<2H", data, len(data) - 14, 1, 1)
    path = tmp_path / "export.zip"
    path.write_bytes(data)
    with pytest.raises(SourceUnavailable, match="holds 3 members"), open_archive(path, Limits(entries=2)):
        pass


def test_overlapping_members_are_refused(tmp_path: Path) -> None:
    """Fifty names for the same bytes unpack to fifty times the file."""
    data = bytearray(zipped({f"DOC/P_{number}.html": b"x" * 1000 for number in range(3)}))
    first = data.find(b"PK\x01\x02")
    offset = struct.unpack_from("<I", data, first + 42)[0]
    at = data.find(b"PK\x01\x02", first + 4)
    struct.pack_into("<I", data, at + 42, offset)
    path = tmp_path / "export.zip"
    path.write_bytes(data)
    refused(path, "overlap")


def test_names_that_lead_out_are_never_used(tmp_path: Path) -> None:
    """Nothing is extracted by name, and such members do not exist."""
    names = ["../../evil_9.html", "/abs_9.html", "C:\\x_9.html", "DOC\\y_9.html", "DOC/../z_9.html"]
    files = {**FILES, **dict.fromkeys(names, b"<p>evil</p>")}
    home = tmp_path / "home"
    home.mkdir()
    found = listing(write_zip(home / "export.zip", files))
    assert set(found.items) == {"1", "2"}
    assert not [path for path in tmp_path.rglob("*") if "_9.html" in path.name]
    assert sum("no plain relative path" in one.reason for one in found.unlisted.values()) == len(names)


def test_name_with_a_nul_is_never_used(tmp_path: Path) -> None:
    """Python cuts such a name at the NUL, so that it would look like another."""
    data = zipped({**FILES, "DOC/Three_3.html.html": b"x"}).replace(
        b"Three_3.html.html", b"Three_3.html\0html"
    )
    path = tmp_path / "export.zip"
    path.write_bytes(data)
    assert set(listing(path).items) == {"1", "2"}


def test_symbolic_link_in_a_zip_is_passed_over(tmp_path: Path) -> None:
    """Its content is a path, and no page."""
    path = tmp_path / "export.zip"
    link = zipfile.ZipInfo("DOC/Two_2.html")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in FILES.items():
            if not name.endswith("_2.html"):
                archive.writestr(name, data)
        archive.writestr(link, "/etc/passwd")
    found = listing(path)
    assert set(found.items) == {"1"}
    assert "root:" not in repr(found)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_names_are_refused(tmp_path: Path) -> None:
    """Nobody can tell which one is meant."""
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in [*FILES.items(), *FILES.items()]:
            archive.writestr(name, data)
    refused(path, "twice")


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    """Neither to a file outside nor to a folder outside, nor in a circle."""
    secret = html_files([HtmlPage(id="3", title="Secret", body="<p>canary</p>")])
    outside = write_folder(tmp_path / "outside", secret)
    path = write_folder(tmp_path / "export", FILES)
    (path / "DOC" / "Secret_3.html").symlink_to(outside / "DOC" / "Secret_3.html")
    (path / "linked").symlink_to(outside, target_is_directory=True)
    (path / "DOC" / "loop").symlink_to(path, target_is_directory=True)
    found = listing(path, outside_index="publish")
    assert set(found.items) == {"1", "2"}
    assert "canary" not in repr(found)


def test_folder_swapped_for_a_link_while_it_is_read(tmp_path: Path) -> None:
    """Each step is opened from the one before, so a swap leads nowhere."""
    outside = write_folder(tmp_path / "outside", {"One_1.html": b"canary"})
    path = write_folder(tmp_path / "export", FILES)
    with open_archive(path) as archive:
        (path / "DOC").rename(path / "was")
        (path / "DOC").symlink_to(outside, target_is_directory=True)
        with pytest.raises(ItemError, match="cannot be read"):
            archive.read("DOC/One_1.html")


def test_pipes_do_not_hang(tmp_path: Path) -> None:
    """Only regular files are members."""
    path = write_folder(tmp_path / "export", FILES)
    os.mkfifo(path / "DOC" / "Pipe_3.html")
    assert set(listing(path).items) == {"1", "2"}


@pytest.mark.parametrize(
    ("files", "match"),
    [
        ({"readme.properties": b"x"}, "no space export"),
        ({"x/index.html": b"<p>just a site</p>"}, "no space export"),
        ({"entities.XML": entities(space(), page("1", "A"))}, "entities.XML, which is not it"),
        ({"a/entities.xml": entities(space()), "b/entities.xml": entities(space())}, "holds 2 entities.xml"),
        ({**FILES, "entities.xml": entities(space(), page("1", "A"))}, "both an XML and an HTML export"),
    ],
)
def test_what_holds_no_one_export_is_refused(tmp_path: Path, files: dict[str, bytes], match: str) -> None:
    """The message says what was found instead."""
    refused(write_zip(tmp_path / "export.zip", files), match)


def test_entities_in_a_folder_of_the_zip_are_found(tmp_path: Path) -> None:
    """People pack the folder and not its inside."""
    path = write_zip(tmp_path / "export.zip", {"SPACE/entities.xml": entities(space(), page("1", "A"))})
    assert set(listing(path).items) == {"1"}


def test_format_chooses_between_two_exports(tmp_path: Path) -> None:
    """One archive can hold both."""
    path = write_zip(tmp_path / "export.zip", {**FILES, "entities.xml": entities(space(), page("9", "A"))})
    assert set(listing(path, format="xml", cache=tmp_path / "c1").items) == {"9"}
    assert set(listing(path, format="html", cache=tmp_path / "c2").items) == {"1", "2"}


def test_large_attachments_are_never_opened(tmp_path: Path) -> None:
    """A damaged one does no harm."""
    path = tmp_path / "export.zip"
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED) as archive:
        for name, content in {**FILES, "DOC/attachments/1/2.bin": b"attachment bytes"}.items():
            archive.writestr(name, content)
    path.write_bytes(stored.getvalue().replace(b"attachment bytes", b"attachmint bytes"))
    assert set(listing(path).items) == {"1", "2"}


def test_incomplete_is_told_from_refused(tmp_path: Path) -> None:
    """Only an export that is not whole gives way to an older one."""
    path = tmp_path / "export.zip"
    path.write_bytes(zipped(FILES)[:-30])
    with pytest.raises(ListingIncomplete), open_archive(path):
        pass
