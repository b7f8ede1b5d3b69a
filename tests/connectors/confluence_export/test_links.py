"""The forms in which Confluence writes a link to a page of the same space."""

from __future__ import annotations

import pytest

from connectors.confluence_export.links import Links, Target, anchor, tiny_id

LINKS = Links(
    [Target("3014665", "Ghost Functions", "CPD"), Target("7340043", "C++ & more: a/b?", "CPD")],
    files={"CPD/Ghost-Functions_3014665.html": "3014665", "CPD/Ohm%27s-Law_7340043.html": "7340043"},
    homes={"cpd": "3014665", "/CPD/": "3014665"},
    hosts=["acme.atlassian.net", "wiki.old.org"],
)


@pytest.mark.parametrize(
    "href",
    [
        "Ghost-Functions_3014665.html",
        "Renamed-Since_3014665.html",
        "3014665.html",
        "3014665.html#Part",
        "index.html",
        "https://acme.atlassian.net/wiki/spaces/CPD/pages/3014665/Ghost+Functions#Uninterpreted-Functions",
        "https://acme.atlassian.net/wiki/spaces/CPD/pages/3014665",
        "https://acme.atlassian.net/wiki/spaces/CPD/pages/edit-v2/3014665?draftShareId=1",
        "https://acme.atlassian.net/wiki/pages/viewpage.action?pageId=3014665",
        "https://acme.atlassian.net/wiki/pages/resumedraft.action?draftId=3014665",
        "https://acme.atlassian.net/wiki/pages/viewpage.action?spaceKey=CPD&title=ghost+functions",
        "http://wiki.old.org:8085/display/CPD/Ghost+Functions",
        "/display/cpd/ghost+functions",
        "/wiki/display/CPD/Ghost%20Functions",
        "/wiki/x/CQAu",
        "https://acme.atlassian.net/wiki/x/CQAu",
        "https://acme.atlassian.net/wiki/spaces/CPD/overview",
        "/spaces/viewspace.action?key=CPD",
        "../CPD/Any_3014665.html",
        "https://unknown.example/wiki/spaces/CPD/pages/3014665/Ghost+Functions",
    ],
)
def test_every_form_finds_its_page(href: str) -> None:
    """A third of the links within a space are written as addresses of the private site."""
    if "/x/" in href:
        href = href.replace("CQAu", _tiny(3014665))
    target = LINKS.resolve(href, folder="CPD/").target
    assert target is not None
    assert target.external_id == "3014665"


def test_literal_name_comes_before_the_decoded_one() -> None:
    """Cloud writes names with percent escapes to disk."""
    target = LINKS.resolve("Ohm%27s-Law_7340043.html", folder="CPD/").target
    assert target is not None
    assert target.external_id == "7340043"


def test_title_with_signs_is_decoded() -> None:
    """Plus signs are spaces, and escapes are decoded once."""
    target = LINKS.resolve("/display/CPD/C%2B%2B+%26+more%3A+a%2Fb%3F").target
    assert target is not None
    assert target.external_id == "7340043"


@pytest.mark.parametrize(
    "href",
    [
        "https://acme.atlassian.net/wiki/spaces/CER/pages/123568149",
        "https://acme.atlassian.net/browse/ABC-1",
        "/pages/createpage.action?spaceKey=CPD&title=Ghost+Functions",
        "/download/attachments/3014665/file.pdf",
        "attachments/3014665/123.png",
        "null/display/~5ae",
        "$itemRenderedUrl",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://[broken",
    ],
)
def test_what_leads_nowhere_is_dropped(href: str) -> None:
    """Other spaces of the private site, files, people, and what is no address."""
    assert LINKS.resolve(href, folder="CPD/") == (None, LINKS.resolve(href).fragment, None)


@pytest.mark.parametrize("href", ["https://example.org/x?y=1#z", "mailto:a@b.org"])
def test_addresses_elsewhere_stay(href: str) -> None:
    """They belong to the page."""
    assert LINKS.resolve(href).href == href


def test_page_id_of_the_export_comes_first() -> None:
    """Cloud says itself which page a link names."""
    target = LINKS.resolve("https://any.example/x", resource_id="3014665").target
    assert target is not None
    assert LINKS.resolve("https://any.example/x", resource_id="999") == (None, "", None)


def test_tiny_links_are_numbers() -> None:
    """base64, little-endian, with - for / and _ for +."""
    assert tiny_id("AbCd") == str(int.from_bytes(bytes([0x01, 0xB0, 0x9D]), "little"))
    assert tiny_id("!") == ""


@pytest.mark.parametrize(
    "written",
    ["GhostFunctions-TheBody.ofahook", "id-GhostFunctions-TheBody.ofahook", "The-Body%2E-of-a-hook"],
)
def test_anchor_is_one_name_for_all_its_forms(written: str) -> None:
    """Exports put the title before it, Cloud writes dashes for spaces."""
    assert anchor(written, "Ghost Functions") == "thebodyofahook"


def _tiny(number: int) -> str:
    import base64

    text = base64.b64encode(number.to_bytes(8, "little")).decode().rstrip("=").rstrip("A")
    return text.replace("/", "-").replace("+", "_")
