"""All real exports: what is published, what is left out and why, and how much of the text arrives.

`pytest -s -k table` prints the table.
"""

from __future__ import annotations

import re
import statistics
import zipfile
from collections import Counter
from functools import cache
from html import unescape
from pathlib import Path
from typing import NamedTuple

import pytest
from lxml import etree
from lxml import html as lxml_html

from connectors.confluence_export.storage import parse_storage
from connectors.confluence_export.wiki import to_storage
from syncd.errors import SourceUnavailable
from tests.connectors.confluence_export.builders import Listing, listing

SAMPLES = Path(__file__).resolve().parents[3] / "../shared/samples"
HOSTS = ["wiki.jenkins-ci.org", "wiki.jenkins.io", "certora.atlassian.net"]

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not beside this checkout")


class Expected(NamedTuple):
    items: int
    skipped: dict[str, int]  # reason → count
    unseen: int


EXPECTED = {
    "confluence-html/certora-cloud-2022.zip": Expected(35, {"has no text to publish": 5}, 1),
    "confluence-html/fixture-czech-server-2016.zip": Expected(2, {"has no text to publish": 2}, 0),
    "confluence-html/jenkins-infra-server-2021.zip": Expected(18, {}, 0),
    "confluence-html/jenkins-ja-server-2021.zip": Expected(105, {"has no text to publish": 7}, 0),
    "confluence-html/jenkins-security-server-2021.zip": Expected(32, {}, 0),
    "confluence-html/jenkins-sun-server-2021.zip": Expected(13, {}, 0),
    "confluence-xml/demo-space-server-5.9.zip": Expected(11, {"is a draft": 1}, 0),
    "confluence-xml/home-test-dc-8.5.zip": Expected(
        1, {"is an unpublished edit of page": 3, "is restricted": 1, "has no body": 1}, 0
    ),
    "confluence-xml/personal-space-server-5.3.zip": Expected(
        1, {"lies in the trash": 1, "is an old version of page": 3, "has neither a status nor a body": 1}, 0
    ),
    "confluence-xml/small-nested-cloud-2024.zip": Expected(
        5, {"is an old version of page": 2, "is an unpublished edit of page": 2}, 0
    ),
    "confluence-xml/testdemo-wikimarkup-server-3.4.zip": Expected(2, {}, 0),
}


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """Read each sample once."""

    @cache
    def reader(name: str) -> Listing:
        folder = tmp_path_factory.mktemp("cache")
        return listing(SAMPLES / name, cache=folder, site_url="https://docs.example.com", site_aliases=HOSTS)

    return reader


@pytest.mark.parametrize("name", EXPECTED)
def test_pages_and_reasons(name: str, read) -> None:  # type: ignore[no-untyped-def]
    """Every page of the export is published or has its reason."""
    found, expected = read(name), EXPECTED[name]
    pages = [one for one in found.unlisted.values() if one.scope.isdigit()]
    assert (len(found.items), len(found.documents)) == (expected.items, expected.items)
    assert sum(not one.skipped for one in pages) == expected.unseen
    for reason, count in expected.skipped.items():
        assert sum(reason in one.reason for one in pages if one.skipped) == count
    assert sum(one.skipped for one in pages) == sum(expected.skipped.values())


def test_confluence_one_is_refused(tmp_path: Path) -> None:
    """Its pages have no ids."""
    with pytest.raises(SourceUnavailable, match=r"1\.x or 2\.x"):
        listing(SAMPLES / "confluence-html/drone-1x-2004.zip", cache=tmp_path)


@pytest.mark.parametrize("name", EXPECTED)
def test_nothing_private_or_acting_arrives(name: str, read) -> None:  # type: ignore[no-untyped-def]
    """No script text, no token, no comment, and no link to the private site or to a file of the export."""
    found = read(name)
    for document in found.documents.values():
        root = lxml_html.fragment_fromstring(document.body, create_parent="main")
        assert not [
            node.tag
            for node in root.iter()
            if node.tag in ("script", "style", "form", "iframe", "img", "div")
        ]
        assert not [
            node
            for node in root.iter()
            if set(node.attrib) - {"href", "id", "class", "colspan", "rowspan", "start"}
        ]
        text = root.text_content()
        assert not re.search(r"eyJ[\w-]{10,}\.eyJ|rbtoc\d|CDATA|Getting issue details|\$item", text)
        for href in root.xpath("//a/@href"):
            place = href.partition("#")[0]
            if place and place not in document.links:
                assert re.match(r"(?:https?|mailto|ftp):", href), href
                assert not any(host in href for host in HOSTS), href
        empty = {one.scope for one in found.unlisted.values() if "has no text" in one.reason}
        assert set(document.links.values()) <= set(found.items) | empty


@pytest.mark.parametrize("name", EXPECTED)
def test_words_and_links_arrive(name: str, read) -> None:  # type: ignore[no-untyped-def]
    """At least 99.5 % of the words of each page, and 95 % of the links to pages that are published."""
    measure = measured(name, read(name))
    assert measure.least >= 0.995, measure.worst
    assert measure.resolved >= 0.95 * measure.linked


def test_table(read, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    """One line a sample, for people."""
    lines = [f"{'sample':<34}{'pages':>6}{'skip':>6}{'unseen':>7}{'median':>9}{'least':>9}{'links':>11}"]
    for name in EXPECTED:
        found = read(name)
        pages = [one for one in found.unlisted.values() if one.scope.isdigit()]
        measure = measured(name, found)
        lines.append(
            f"{Path(name).stem:<34}{len(found.items):>6}{sum(one.skipped for one in pages):>6}"
            f"{sum(not one.skipped for one in pages):>7}{measure.median:>9.2%}{measure.least:>9.2%}"
            f"{f'{measure.resolved}/{measure.linked}':>11}"
        )
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    assert len(lines) == len(EXPECTED) + 1


# --- an independent look at the samples -------------------------------------------------------------------


class Measure(NamedTuple):
    median: float
    least: float
    worst: str
    linked: int
    resolved: int


_NAVIGATION = (
    "toc-macro",
    "childpages-macro",
    "content-by-label",
    "confluence-information-macro-icon",
    "ap-container",
    "jim-error-message",
    "error",
    "vf-slide-viewer-macro",
    "expand-control-icon",
)


def measured(name: str, found: Listing) -> Measure:
    bodies = html_bodies(name) if "html" in name else xml_bodies(name)
    shares: dict[str, float] = {}
    linked = resolved = 0
    for number, document in found.documents.items():
        words, targets = bodies[number]
        arrived = Counter(_words(_text(lxml_html.fragment_fromstring(document.body, create_parent="main"))))
        lost = Counter(words) - arrived
        shares[number] = 1 - lost.total() / max(1, len(words))
        wanted = [target for target in targets if target in found.items]
        linked += len(wanted)
        resolved += sum(target in document.links for target in wanted)
    worst = min(shares, key=lambda number: shares[number])
    return Measure(statistics.median(shares.values()), shares[worst], worst, linked, resolved)


_BLOCKS = re.compile("p|div|br|li|ul|ol|td|th|tr|table|h[1-6]|pre|blockquote|hr")


def _text(node: etree._Element) -> str:
    """Return all text, words of two blocks apart and words of one block as they stand."""
    tag = node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""
    gap = (
        " "
        if _BLOCKS.fullmatch(tag) or tag.endswith("body") or tag in ("structured-macro", "layout-cell")
        else ""
    )
    return f"{gap}{node.text or ''}{''.join(_text(child) + (child.tail or '') for child in node)}{gap}"


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def html_bodies(name: str) -> dict[str, tuple[list[str], list[str]]]:
    bodies = {}
    with zipfile.ZipFile(SAMPLES / name) as archive:
        for member in archive.namelist():
            number = re.search(r"(?:^|[/_])(\d+)\.html$", member)
            if number is None:
                continue
            root = lxml_html.document_fromstring(archive.read(member).decode().encode("utf-16"))
            for node in root.xpath("//script | //style | //form | //iframe | //select"):
                node.drop_tree()
            for mark in _NAVIGATION:
                for node in root.xpath(f'//*[contains(concat(" ", @class, " "), " {mark} ")]'):
                    node.drop_tree()
            for body in root.xpath('//div[@id="main-content"]'):
                for status in body.xpath('.//*[contains(@class, "status-macro")]'):
                    status.tail = " " + (status.tail or "")
                targets = []
                for link in body.iter("a"):
                    target = link.get("data-linked-resource-id") or ""
                    inner = re.search(r"(?:^|[/_])(\d+)\.html(?:#|$)", link.get("href") or "")
                    targets.append(inner[1] if inner else target)
                bodies[number[1]] = (_words(_text(body)), targets)
    return bodies


def xml_bodies(name: str) -> dict[str, tuple[list[str], list[str]]]:
    with zipfile.ZipFile(SAMPLES / name) as archive:
        root = etree.fromstring(archive.read("entities.xml"), etree.XMLParser(huge_tree=True))
    titles = {}
    for node in root.iterfind("object[@class='Page']"):
        if node.find("property[@name='originalVersion']/id") is None:
            titles[(node.findtext("property[@name='title']") or "").lower()] = node.findtext("id") or ""
    bodies = {}
    for node in root.iterfind("object[@class='BodyContent']"):
        owner = node.findtext("property[@name='content']/id") or ""
        text = node.findtext("property[@name='body']") or ""
        kind = node.findtext("property[@name='bodyType']")
        tree = parse_storage(text if kind == "2" else to_storage(text))
        for gone in tree.xpath("//*[@*[local-name()='name' and .='excerpt']][.//*[.='true']]"):
            gone.getparent().remove(gone)
        for gone in tree.xpath(
            "//*[local-name()='parameter' or local-name()='task-id' or local-name()='task-status']"
        ):
            gone.text = None
        links = re.findall(r"<ac:link[^>]*><ri:page ri:content-title=\"([^\"]+)\"", text)
        bodies[owner] = (
            _words(_text(tree)),
            [titles.get(unescape(title).lower(), "") for title in links],
        )
    return bodies
