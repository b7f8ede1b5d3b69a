"""Confluence's storage format: XHTML with macros, links and resources in namespaces of their own."""

from __future__ import annotations

import re
from html import entities, escape
from typing import NamedTuple, Protocol

from lxml import etree
from lxml import html as lxml_html

from connectors.confluence_export.asked import Asked
from connectors.confluence_export.fragment import DATA_URI, HEADINGS, PARSED_BYTES, Writer
from connectors.confluence_export.links import Place, Target
from connectors.confluence_export.macros import MACROS, NAVIGATION, STANDALONE, macro_name, parameter
from connectors.confluence_export.pieces import (
    Blocks,
    Special,
    callout,
    emoticon,
    person,
    picture,
    text_of,
    tidy,
)
from syncd.errors import ItemError

NAMESPACES = {prefix: f"urn:confluence:{prefix}" for prefix in ("ac", "ri", "at")}
_PREFIXES = {uri: prefix for prefix, uri in NAMESPACES.items()}
_OPENING = "<body " + " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items()) + ">"

# The exporter writes "]] >" for each "]]>" of a body, and a code block may hold "]] >" of its own: only
# where the element closes, or a split section goes on, it is the end.
_CDATA = "<![CDATA["
_CDATA_END = re.compile(r"\]\] ?>(?=\s{0,9}(?:<!\[CDATA\[|</ac:(?:default-)?parameter|</ac:plain-text-))")
_ANY_CDATA_END = re.compile(r"\]\] ?>")
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_REFERENCE = re.compile(r"&#(?:x([0-9A-Fa-f]+)|([0-9]+));")
_BARE = re.compile(r"&(?!#?\w+;)")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_SELF_CLOSING = re.compile(r"<((?:ac|ri|at):[\w-]+)((?:\s[^<>]*?)?)/>")
_XML_ENTITIES = frozenset(("amp", "lt", "gt", "quot", "apos"))
_MOST_INCLUDES = 100
_PANELS = {
    "info": "Info",
    "note": "Note",
    "warning": "Warning",
    "success": "Success",
    "error": "Error",
    "tip": "Tip",
}


class Body(NamedTuple):
    """A body in storage format, and a digest of it as the origin wrote it."""

    text: str
    digest: str


class Library(Protocol):
    """Where a page finds what is not in its own body."""

    def body(self, external_id: str) -> Body:
        """Return the body of a published page; raises ItemError."""
        ...

    def user(self, key: str) -> str:
        """Return the name of a user; "" if it is not known."""
        ...

    def files(self, external_id: str) -> list[str]:
        """Return the names of a page's attachments."""
        ...


def parse_storage(text: str) -> etree._Element:
    """Parse a body; one that is not well-formed is read as HTML.

    Raises:
        ItemError: it nests deeper than can be read without loss.
    """
    text = _ILLEGAL.sub("", text)
    if "data:" in text:
        text = DATA_URI.sub(b"data:,", text.encode()).decode()
    if len(text) > PARSED_BYTES:
        raise ItemError(f"the page holds {len(text)} characters of markup, more than {PARSED_BYTES}")
    source = _repair(text)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(f"{_OPENING}{source}</body>".encode(), parser)
    except etree.XMLSyntaxError as error:
        if "depth" in (error.msg or ""):
            raise ItemError("the page nests deeper than 256 elements, so text would be lost") from error
    loose = _SELF_CLOSING.sub(r"<\1\2></\1>", source)
    html_parser = lxml_html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    root = lxml_html.document_fromstring(f"<body>{loose}</body>".encode(), parser=html_parser)
    body = root.find("body")
    return body if body is not None else root


def _sections_as_text(text: str, ending: re.Pattern[str]) -> str:
    """Write CDATA sections as escaped text, which every parser keeps."""
    parts: list[str] = []
    at = 0
    while (start := text.find(_CDATA, at)) >= 0:
        end = ending.search(text, start)
        if end is None:
            break
        parts += (text[at:start], escape(text[start + len(_CDATA) : end.start()], quote=False))
        at = end.end()
    parts.append(text[at:])
    return "".join(parts)


def _repair(text: str) -> str:
    def named(match: re.Match[str]) -> str:
        name = match[1]
        if name in _XML_ENTITIES:
            return match[0]
        character = entities.html5.get(name + ";")
        return escape(character, quote=False) if character else f"&amp;{name};"

    def numbered(match: re.Match[str]) -> str:
        number = int(match[1], 16) if match[1] else int(match[2])
        fine = number in (9, 10, 13) or 32 <= number < 0xD800 or 0xE000 <= number < 0xFFFE or number > 0xFFFF
        return match[0] if fine and number < 0x110000 else ""

    text = _sections_as_text(_sections_as_text(text, _CDATA_END), _ANY_CDATA_END)
    return _BARE.sub("&amp;", _REFERENCE.sub(numbered, _ENTITY.sub(named, text)))


class StorageWriter(Writer):
    """Writes a body in storage format."""

    def __init__(
        self,
        asked: Asked,
        title: str,
        page: str,
        space: str,
        library: Library,
        above: tuple[str, ...] = (),
    ) -> None:
        """Write page `page` of space `space`; `above` are the pages that include it."""
        super().__init__(asked, title)
        self.page = page
        self.space = space
        self.library = library
        self.above = (*above, page)

    def tag(self, node: etree._Element) -> str:
        """The element's name as the storage format writes it, "ac:link"."""
        tag = node.tag
        if not isinstance(tag, str):
            return ""
        if tag[0] == "{":
            uri, _, name = tag[1:].partition("}")
            return f"{_PREFIXES.get(uri, '')}:{name}"
        return tag.lower()

    def is_block(self, node: etree._Element, tag: str) -> bool:
        """Blocks of HTML, and macros that stand on lines of their own."""
        if tag in ("ac:structured-macro", "ac:macro"):
            return macro_name(node) in STANDALONE
        return tag in ("ac:task-list", "ac:adf-extension", "ac:layout-cell") or super().is_block(node, tag)

    def find_anchors(self, root: etree._Element) -> None:
        """Headings and anchor macros, in their order."""
        for node in root.iter():
            tag = self.tag(node)
            if tag in HEADINGS:
                self.mark(node, "", "".join(node.itertext()))
            elif tag in ("ac:structured-macro", "ac:macro") and macro_name(node) == "anchor":
                self.add_anchor(parameter(node, ""), parameter(node, ""))

    def special(self, node: etree._Element, tag: str, depth: int) -> Special:
        """What Confluence's own elements come to."""
        if tag[:3] not in ("ac:", "ri:", "at:"):
            if tag == "img":
                return picture(node.get("alt"), (node.get("src") or "").rpartition("/")[2])
            if tag == "time":
                return text_of("".join(node.itertext()).strip() or node.get("datetime"))
            return None
        if tag in ("ac:structured-macro", "ac:macro"):
            return self._macro(node, depth)
        if tag == "ac:link":
            return self._link(node, depth)
        if tag == "ac:image":
            return self._image(node)
        if tag == "ac:emoticon":
            fallback = attribute(node, "ac:emoji-fallback")
            return emoticon(
                fallback, attribute(node, "ac:name") or attribute(node, "ac:emoji-shortname"), None
            )
        if tag == "ac:task-list":
            items = self._tasks(node, depth)
            return Blocks([items] if items else [])
        if tag == "ac:adf-extension":
            return self._adf(node, depth)
        if tag[:3] == "ac:" and tag not in _SILENT:
            return None
        return ""

    def link(self, node: etree._Element, text: str) -> str:
        """Write an ordinary <a>."""
        href = node.get("href")
        if href is None:
            name = self.anchor_of(node.get("name") or node.get("id") or "\0")
            return (f'<a id="{name}"></a>' if name else "") + text
        if href.startswith("#"):
            return self.own_anchor(href[1:], text)
        return self.anchor_tag(self.asked.resolve(href), text, href)

    # Elements.

    def _link(self, node: etree._Element, depth: int) -> str:
        fragment = attribute(node, "ac:anchor") or ""
        resource: etree._Element | None = None
        text = ""
        for child in node:
            tag = self.tag(child)
            if tag.startswith("ri:"):
                resource = child
            elif tag in ("ac:link-body", "ac:plain-text-link-body"):
                text = tidy(self.inside(child, depth + 1))
        kind = self.tag(resource) if resource is not None else ""
        if resource is None:
            return self.own_anchor(fragment, text or text_of(fragment))
        if kind == "ri:page":
            title = attribute(resource, "ri:content-title") or ""
            if not title:
                return self.own_anchor(fragment, text or text_of(fragment))
            space = attribute(resource, "ri:space-key") or self.space
            return self.anchor_tag(Place(self.asked.titled(space, title), fragment), text or text_of(title))
        if kind == "ri:content-entity":
            target = self.asked.page(attribute(resource, "ri:content-id") or "")
            return self.anchor_tag(Place(target, fragment), text)
        if kind == "ri:user":
            return text or self._person(resource)
        if kind == "ri:space":
            key = attribute(resource, "ri:space-key") or ""
            return self.anchor_tag(Place(self.asked.home(key)), text or text_of(key))
        if kind == "ri:url":
            href = attribute(resource, "ri:value") or ""
            return self.anchor_tag(self.asked.resolve(href), text or text_of(href), href)
        name = attribute(resource, "ri:filename") or attribute(resource, "ri:content-title") or ""
        return text or text_of(name or attribute(resource, "ri:parameter"))

    def _person(self, resource: etree._Element) -> str:
        keys = (attribute(resource, name) for name in ("ri:userkey", "ri:account-id", "ri:username"))
        key = next((each for each in keys if each), "")
        name = self.library.user(key)
        self.asked.uses[f"user {key}"] = name
        return person(name)

    def _image(self, node: etree._Element) -> str:
        name = ""
        caption = ""
        for child in node:
            tag = self.tag(child)
            if tag == "ri:attachment":
                name = attribute(child, "ri:filename") or ""
            elif tag == "ri:url":
                name = (attribute(child, "ri:value") or "").partition("?")[0].rpartition("/")[2]
            elif tag == "ac:caption":
                caption = tidy(self.inside(child, 0))
        alt = attribute(node, "ac:alt") or attribute(node, "ac:title")
        # The file's name says least, and stands only for what says more.
        shown = picture(alt, "" if caption else name)
        return f"{shown} {caption}" if caption and caption != shown else shown

    def _tasks(self, node: etree._Element, depth: int) -> str:
        items: list[str] = []
        for child in node:
            tag = self.tag(child)
            if tag == "ac:task-list":
                inner = self._tasks(child, depth + 1)
                if inner and items:
                    items[-1] += inner
                elif inner:
                    items.append(inner)
            elif tag == "ac:task":
                parts = {self.tag(each): each for each in child}
                body, status = parts.get("ac:task-body"), parts.get("ac:task-status")
                html = self.cell(body, depth + 2, lead=True) if body is not None else ""
                done = status is not None and (status.text or "").strip() == "complete"
                if html:
                    items.append(("\u2611 " if done else "\u2610 ") + html)
        return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>" if items else ""

    def _adf(self, node: etree._Element, depth: int) -> Special:
        # The same text stands in the content and in the fallback: only one of them is written.
        label = ""
        blocks: list[str] = []
        fallback: etree._Element | None = None
        waiting = list(reversed(node))
        while waiting:
            child = waiting.pop()
            tag = self.tag(child)
            if tag == "ac:adf-attribute" and attribute(child, "key") == "panel-type":
                label = _PANELS.get((child.text or "").strip(), "")
            elif tag == "ac:adf-content":
                blocks += self.blocks(child, depth + 1)
            elif tag == "ac:adf-fallback":
                fallback = child if fallback is None else fallback
            else:
                waiting += reversed(child)
        if blocks:
            return callout(label, blocks)
        return Blocks(self.blocks(fallback, depth + 1)) if fallback is not None else ""

    # Macros.

    def _macro(self, node: etree._Element, depth: int) -> Special:
        name = macro_name(node)
        if name in NAVIGATION:
            return Blocks([]) if name in STANDALONE else ""
        handler = MACROS.get(name)
        if handler is not None:
            return handler(self, node, depth)
        body = rich_body(self, node)
        if body is None:
            self.dropped.append(name or "macro")
            return ""
        title = parameter(node, "title") or parameter(node, "label")
        if title:
            return Blocks([f"<p><strong>{text_of(title)}</strong></p>", *self.blocks(body, depth + 1)])
        return None

    def included(self, target: Target | None, title: str, depth: int, excerpt: str | None = None) -> Special:
        """Write another page's body, or its excerpt, in place; a page that is not published never comes in.

        Args:
            excerpt: name of the excerpt, "" for the first one; None for the whole page.
        """
        if target is None or target.external_id in self.above or len(self.above) > 8:
            self.dropped.append(f"include of {title}")
            return Blocks([])
        self.asked.includes += 1
        if self.asked.includes > _MOST_INCLUDES:
            raise ItemError(f"the page includes more than {_MOST_INCLUDES} others, directly or through them")
        body = self.library.body(target.external_id)
        self.asked.uses[f"body {target.external_id}"] = body.digest
        root = parse_storage(body.text)
        writer = StorageWriter(
            self.asked, target.title, target.external_id, target.space, self.library, self.above
        )
        writer.find_anchors(root)
        part = root if excerpt is None else _excerpt(writer, root, excerpt)
        blocks = writer.blocks(part, depth + 1) if part is not None else []
        self.dropped += writer.dropped
        if part is None:
            self.dropped.append(f"excerpt of {title}")
        return Blocks(blocks)


_SILENT = frozenset(
    """
    ac:parameter ac:default-parameter ac:placeholder ac:plain-text-body ac:task-id ac:task-uuid ac:task-
    status ac:adf-attribute ac:adf-fallback ac:adf-mark
    """.split()  # noqa: SIM905 - as words it can be read
)


def _excerpt(writer: StorageWriter, root: etree._Element, name: str) -> etree._Element | None:
    for node in root.iter():
        is_excerpt = writer.tag(node) in ("ac:structured-macro", "ac:macro") and macro_name(node) == "excerpt"
        if is_excerpt and name in ("", parameter(node, "name")):
            return rich_body(writer, node)
    return None


def rich_body(writer: StorageWriter, node: etree._Element) -> etree._Element | None:
    """Return the rich-text body of a macro."""
    return next((child for child in node if writer.tag(child) == "ac:rich-text-body"), None)


def attribute(node: etree._Element, name: str) -> str | None:
    """Return an attribute, whichever parser read it."""
    prefix, _, local = name.partition(":")
    found: str | None = node.get(f"{{{NAMESPACES[prefix]}}}{local}") if local else None
    return node.get(name) if found is None else found
