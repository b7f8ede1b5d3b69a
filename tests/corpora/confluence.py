"""The exports: what their own HTML, or storage format, shows; measured against what was published."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from html import unescape
from html.entities import html5
from pathlib import Path
from urllib.parse import unquote_plus, urlsplit

from lxml import etree
from lxml import html as lxml_html
from lxml.etree import _Element as Node

from tests.corpora.expected import Original
from tests.corpora.measure import Corpus, figures
from tests.corpora.samples import Sample
from tests.corpora.trip import Place, reasons, settings_of

_PAGE_ID = re.compile(r"(?:^|[/_])(\d+)\.html$")
_IN_URL = re.compile(r"(?:/pages/|pageId=)(\d+)")
_BLOCKS = re.compile(
    r"(?:p|div|br|li|ul|ol|td|th|tr|table|h[1-6]|pre|blockquote|hr|[\w-]*body|structured-macro)\Z"
)
# What Confluence puts together anew at every export, and buttons: navigation, not text of the page.
_DRIVEN = (
    "ap-container",
    "childpages-macro",
    "confluence-information-macro-icon",
    "content-by-label",
    "error",
    "expand-control-icon",
    "jim-error-message",
    "recently-updated",
    "toc-macro",
    "vf-slide-viewer-macro",
)
_UNSEEN = "script style form iframe select textarea button"


def measure(sample: Sample, home: Path) -> Corpus:
    """Publish an export and measure it."""
    trip = Place(home / sample.name, settings_of(sample)).sync()
    reader = html_pages if sample.kind == "confluence-html" else xml_pages
    originals = reader(sample.path) if trip.pages else {}
    return Corpus(
        name=sample.name,
        kind=sample.kind,
        listed=trip.listed,
        skipped=reasons(trip.skipped),
        failed=reasons(trip.failed),
        error=trip.error,
        pages=[
            figures(
                page,
                originals[number],
                lambda target: trip.pages[target].url if target in trip.pages else None,
                sample.private,
            )
            for number, page in sorted(trip.pages.items())
        ],
    )


def html_pages(path: Path) -> dict[str, Original]:
    """Every page of an HTML export by its id."""
    trees: dict[str, Node] = {}
    spaces: set[str] = set()
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            spaces.add(name.partition("/")[0])
            number = _PAGE_ID.search(name)
            if number is not None:
                trees[number[1]] = lxml_html.document_fromstring(archive.read(name).decode().encode("utf-16"))
    titles = {f"{key}/{_title(tree)}": number for number, tree in trees.items() for key in spaces}
    return {number: _html_page(number, tree, titles) for number, tree in trees.items()}


def _title(tree: Node) -> str:
    found = tree.xpath('//*[@id="title-text"]')
    return " ".join(found[0].text_content().split()).partition(" : ")[2].lower() if found else ""


def _html_page(number: str, tree: Node, titles: Mapping[str, str]) -> Original:
    hidden = [str(node.text) for node in tree.iter(etree.Comment) if node.text]
    for node in [*tree.iter(*_UNSEEN.split()), *tree.iter(etree.Comment)]:
        node.drop_tree()
    for mark in _DRIVEN:
        for node in tree.xpath(f'//*[contains(concat(" ", @class, " "), " {mark} ")]'):
            node.drop_tree()
    bodies = tree.xpath('//*[@id="main-content"]')
    if not bodies:
        return Original(text="")
    body = bodies[0]
    links = [target for node in body.iter("a") if (target := _meant(node, titles)) not in (None, number)]
    tables = sum(1 for node in body.iter("table") if _text(node).strip())
    for lozenge in body.xpath('.//*[contains(@class, "status-macro")]'):
        lozenge.tail = " " + (lozenge.tail or "")
    code = [node.text_content() for node in body.iter("pre")]
    return Original(
        text=_text(body),
        headings=tuple(node.text_content() for node in body.iter("h1", "h2", "h3", "h4", "h5", "h6")),
        code=tuple(code),
        tables=tables,
        links=tuple(filter(None, links)),
        hidden=tuple(hidden),
    )


def _meant(link: Node, titles: Mapping[str, str]) -> str | None:
    """The page that a link of the export means, whatever its form."""
    href = link.get("href") or ""
    if not _text(link).strip() or href.startswith("#"):
        return None
    told: str | None = link.get("data-linked-resource-id")
    inner = _PAGE_ID.search(href.partition("#")[0]) or _IN_URL.search(href)
    if inner is not None:
        return inner[1]
    if told is not None and link.get("data-linked-resource-type") == "page":
        return told
    displayed = re.match(r".*/display/([^/]+)/([^/?#]+)$", urlsplit(href).path)
    return titles.get(f"{displayed[1]}/{unquote_plus(displayed[2]).lower()}") if displayed else None


def _text(node: Node) -> str:
    """All text: words of two blocks apart, words of one block as they stand."""
    tag = node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""
    gap = "\n" if _BLOCKS.match(tag) else ""
    inner = "".join(_text(child) + (child.tail or "") for child in node)
    return f"{gap}{node.text or ''}{inner}{gap}" if isinstance(node.tag, str) else ""


# --- XML --------------------------------------------------------------------------------------------------

_AC, _RI = "{ac}", "{ri}"
_ENTITIES = "".join(
    f'<!ENTITY {name[:-1]} "{"".join(f"&#{ord(letter)};" for letter in value)}">'
    for name, value in html5.items()
    if name.endswith(";") and name[:-1] not in ("amp", "lt", "gt", "quot", "apos")
)
_WIKI = re.compile(r"\{[\w-]+(?::[^{}]*)?\}|^(?:h[1-6]\.|bq\.)|^[*#-]+ |\|\||\|", re.MULTILINE)
_WIKI_LINK = re.compile(r"\[(?:([^\[\]|]*)\|)?([^\[\]]*)\]")
_NO_TEXT = frozenset(
    {"parameter", "task-id", "task-status", "task-uuid", "placeholder", "adf-attribute", "default-parameter"}
)
_CODE_MACROS = frozenset({"code", "noformat"})


def xml_pages(path: Path) -> dict[str, Original]:
    """Every page of an XML export by its id."""
    with zipfile.ZipFile(path) as archive:
        root = etree.fromstring(archive.read("entities.xml"), etree.XMLParser(huge_tree=True))
    titles: dict[str, str] = {}
    for node in root.iterfind("object[@class='Page']"):
        if node.find("property[@name='originalVersion']/id") is None:
            titles[(node.findtext("property[@name='title']") or "").lower()] = node.findtext("id") or ""
    pages: dict[str, Original] = {}
    for node in root.iterfind("object[@class='BodyContent']"):
        owner = node.findtext("property[@name='content']/id") or ""
        body = node.findtext("property[@name='body']") or ""
        kind = node.findtext("property[@name='bodyType']")
        pages[owner] = _storage_page(body, titles) if kind == "2" else _wiki_page(body, titles)
    return pages


def _storage_page(body: str, titles: Mapping[str, str]) -> Original:
    body = body.replace("]] >", "]]>")
    text = f'<!DOCTYPE x [{_ENTITIES}]><x xmlns:ac="ac" xmlns:ri="ri" xmlns:at="at">{body}</x>'
    tree = etree.fromstring(text.encode(), etree.XMLParser(huge_tree=True, resolve_entities=True))
    links = [
        number
        for node in tree.iter(_AC + "link")
        if node.getparent().tag != _AC + "parameter"
        for page in node.iterfind(_RI + "page")
        if (number := titles.get((page.get(_RI + "content-title") or "").lower())) is not None
    ]
    code = tuple(
        "".join(part.itertext())
        for macro in tree.iter(_AC + "structured-macro", _AC + "macro")
        if macro.get(_AC + "name") in _CODE_MACROS
        for part in macro.iterfind(_AC + "plain-text-body")
    )
    for node in list(tree.iter()):
        tag = node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""
        if tag in _NO_TEXT or (tag == "adf-fallback" and node.getparent().find(_AC + "adf-node") is not None):
            node.text = None
            for child in list(node):
                node.remove(child)
        if tag == "structured-macro" and _is_hidden_excerpt(node):
            for child in list(node):
                node.remove(child)
    return Original(
        text=_text(tree),
        headings=tuple(
            _text(node) for node in tree.iter("h1", "h2", "h3", "h4", "h5", "h6") if _text(node).strip()
        ),
        code=code,
        tables=sum(1 for node in tree.iter("table") if _text(node).strip()),
        links=tuple(links),
    )


def _is_hidden_excerpt(macro: Node) -> bool:
    return macro.get(_AC + "name") == "excerpt" and any(
        one.get(_AC + "name") == "hidden" and one.text == "true" for one in macro.iterfind(_AC + "parameter")
    )


def _wiki_page(body: str, titles: Mapping[str, str]) -> Original:
    links = [
        number for _, target in _WIKI_LINK.findall(body) if (number := titles.get(target.strip().lower()))
    ]
    code = re.findall(r"\{(?:code|noformat)(?::[^{}]*)?\}(.*?)\{(?:code|noformat)\}", body, re.DOTALL)
    text = _WIKI_LINK.sub(lambda match: " " + (match[1] or match[2]) + " ", body)
    text = re.sub(r"!\S[^!\n]*!", " ", text)
    text = re.sub(r"(?<!\w)[*_+^~-]+(?=\w)|(?<=\w)[*_+^~-]+(?!\w)", " ", _WIKI.sub(" ", text))
    return Original(
        text=unescape(text),
        headings=tuple(re.findall(r"^h[1-6]\.[ \t]*(.*\S)", body, re.MULTILINE)),
        code=tuple(code),
        tables=len(re.findall(r"(?:^\|.*\n?)+", body, re.MULTILINE)),
        links=tuple(links),
    )
