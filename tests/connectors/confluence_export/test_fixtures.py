"""One small space in both formats, and the fragments that are expected of either."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.connectors.confluence_export.builders import listing

DATA = Path(__file__).resolve().parents[2] / "data" / "confluence"


@pytest.mark.parametrize("export_format", ["html", "xml"])
def test_space_comes_out_as_expected(tmp_path: Path, export_format: str) -> None:
    """Page by page, word by word."""
    found = listing(DATA / export_format, cache=tmp_path)
    expected = {path.stem: path.read_text("utf-8") for path in (DATA / "expected").glob("*.html")}
    assert {number: document.body + "\n" for number, document in found.documents.items()} == expected


def test_both_formats_give_the_same_documents(tmp_path: Path) -> None:
    """An operator who changes the format republishes nothing."""
    html = listing(DATA / "html", cache=tmp_path / "html")
    xml = listing(DATA / "xml", cache=tmp_path / "xml")
    assert html.documents == xml.documents
    assert html.items == xml.items


def test_nothing_that_must_stay_in_the_house_leaves_it(tmp_path: Path) -> None:
    """The draft, the old version, the restricted page, the trash and the comments are in the export."""
    found = listing(DATA / "xml", cache=tmp_path)
    text = repr(found.documents)
    for private in ("Unpublished", "Old.", "Secret", "Gone", "Nobody reads", "garden.example.com"):
        assert private not in text
    assert {scope for scope in found.unlisted if scope.isdigit()} == {"104", "105", "106", "107", "108"}
    assert set(found.removed) == {"107", "108"}
