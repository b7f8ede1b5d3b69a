"""From a parsed body to a clean fragment of HTML: what both export formats share.

The writer walks the parsed tree and writes what it knows; layout, decoration and all that can act are
not known to it. A subclass adds the vocabulary of one format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from urllib.parse import unquote

from lxml import etree

from connectors.confluence_export.asked import Asked, Cleaned
from connectors.confluence_export.links import Place, anchor, title_in
from connectors.confluence_export.pieces import (
    DROPPED,
    TAG,
    Blocks,
    Special,
    code,
    text_exactly,
    text_of,
    tidy,
    wrap,
)
from syncd.errors import ItemError

DEPTH = 200
"""Nesting that is still written. HTML parsers drop what lies below 256, silently."""

PARSED_BYTES = 2 << 20
"""Markup of one page that is still parsed, pictures written into it left out."""

DATA_URI = re.compile(rb"data:[\w.+-]+/[\w.+-]+(?:;[\w=-]+)*,[A-Za-z0-9+/=%\s]{64,}")

BLOCKS = frozenset(
    """
    address article aside blockquote body center dd details div dl dt fieldset figure figcaption footer
    h1 h2 h3 h4 h5 h6 header hr legend li main nav ol p pre section summary table tbody td tfoot th
    thead tr ul
    """.split()  # noqa: SIM905 - as words it can be read
)
HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_INLINE = {
    "strong": "strong",
    "b": "strong",
    "em": "em",
    "i": "em",
    "cite": "em",
    "code": "code",
    "tt": "code",
    "samp": "code",
    "kbd": "kbd",
    "sub": "sub",
    "sup": "sup",
    "del": "del",
    "s": "del",
    "strike": "del",
    "mark": "mark",
}
_PICTURE = re.compile(r"(?:\[Image: [^\]]*\]\s*)+")
_MARK = "data-own-anchor"
_HIDDEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)


class Writer:
    """Writes one body. Made once for each page."""

    def __init__(self, asked: Asked, title: str) -> None:
        """Write a page of that title, asking about other pages as needed."""
        self.asked = asked
        self.title = title
        self.dropped: list[str] = []
        self.lost_links = 0
        self._anchors: dict[str, str] = {}
        self._names: set[str] = set()

    def clean(self, root: etree._Element) -> Cleaned:
        """Write the children of `root`; raises ItemError if they nest deeper than can be read safely."""
        self.find_anchors(root)
        html = "\n".join(self.blocks(root))
        dropped = tuple(sorted(set(self.dropped)))
        return Cleaned(html, self.asked.targets, self.asked.uses, dropped, self.lost_links)

    # What a subclass says about its format.

    def tag(self, node: etree._Element) -> str:
        """The element's name, lower case, in the form "p" or "ac:link"."""
        return node.tag if isinstance(node.tag, str) else ""

    def special(self, node: etree._Element, tag: str, depth: int) -> Special:
        """What the format's own elements come to."""
        return None

    def is_block(self, node: etree._Element, tag: str) -> bool:
        """Whether an element stands on lines of its own."""
        return tag in BLOCKS

    def find_anchors(self, root: etree._Element) -> None:
        """Name every place that a link of this page can lead to, by `add_anchor`."""
        for node in root.iter(*HEADINGS):
            self.mark(node, node.get("id") or "", "".join(node.itertext()))

    def mark(self, node: etree._Element, old: str, text: str) -> None:
        """Name a heading and note the name on it."""
        node.set(_MARK, self.add_anchor(old, text))

    def link(self, node: etree._Element, text: str) -> str:
        """Write an <a>."""
        raise NotImplementedError

    # Anchors.

    def add_anchor(self, old: str, text: str) -> str:
        """Give a place a name of its own, unique in the page, and remember what the origin called it."""
        name = stem = anchor(text, self.title) or "section"
        number = 1
        while name in self._names:
            number += 1
            name = f"{stem}-{number}"
        self._names.add(name)
        if old:
            self._anchors.setdefault(old, name)
        self._anchors.setdefault("\0" + stem, name)
        return name

    def anchor_of(self, fragment: str) -> str | None:
        """Return our name for a place in this page."""
        found = self._anchors.get(fragment) or self._anchors.get(unquote(fragment))
        return found or self._anchors.get("\0" + anchor(fragment, self.title))

    # Links, written the same way for both formats.

    def anchor_tag(self, place: Place, text: str, address: str = "") -> str:
        """Write a link to a place; one that leads nowhere keeps its text."""
        shown = TAG.sub("", text).strip()
        is_bare = shown in (address, escape(address, quote=False))
        if place.target is not None:
            target = place.target
            href = target.external_id
            self.asked.targets[href] = target.external_id
            if is_bare or not shown or _PICTURE.fullmatch(shown):
                # A bare address, or a picture without a description, says less than the page's title.
                text = escape(target.title, quote=False)
            if place.fragment:
                href += "#" + anchor(place.fragment, target.title)
            return f'<a href="{href}">{text}</a>'
        if place.href is not None and text.strip():
            return f'<a href="{escape(place.href)}">{text}</a>'
        if place.href is None:
            self.lost_links += 1
            if is_bare and shown:
                return text_of(title_in(address)) or text
        return text

    def own_anchor(self, fragment: str, text: str) -> str:
        """Write a link within the page."""
        name = self.anchor_of(fragment)
        return f'<a href="#{name}">{text}</a>' if name and text.strip() else text

    # Blocks.

    def blocks(self, node: etree._Element, depth: int = 0) -> list[str]:
        """Write the children of a node as blocks; loose text becomes paragraphs."""
        return [f"<p>{html}</p>" if loose else html for loose, html in self.flow(node, depth)]

    def flow(self, node: etree._Element, depth: int) -> list[tuple[bool, str]]:
        """Write the children of a node as (whether it is loose text, html)."""
        if depth > DEPTH:
            raise ItemError(f"the page nests deeper than {DEPTH} elements, so text would be lost")
        out: list[tuple[bool, str]] = []
        run: list[str] = [text_of(node.text)]

        def flush() -> None:
            html = tidy("".join(run))
            run.clear()
            if html:
                out.append((True, html))

        for child in node:
            tag = self.tag(child)
            if tag and tag not in DROPPED and not is_hidden(child):
                special = self.special(child, tag, depth + 1)
                if isinstance(special, Blocks):
                    flush()
                    out += [(False, html) for html in special.html]
                elif special is not None:
                    run.append(special)
                elif self.is_block(child, tag) or self.holds_block(child):
                    flush()
                    out += self.block(child, tag, depth + 1)
                else:
                    run.append(self.inline(child, tag, depth + 1))
            elif tag == "iframe":
                self.dropped.append("iframe")
            run.append(text_of(child.tail))
        flush()
        return out

    def holds_block(self, node: etree._Element) -> bool:
        """Whether a block stands anywhere inside a node."""
        return any(self.is_block(child, self.tag(child)) for child in node.iterdescendants())

    def block(self, node: etree._Element, tag: str, depth: int) -> list[tuple[bool, str]]:
        """Write one block element."""
        if tag in HEADINGS:
            return self._heading(node, tag, depth)
        if tag in ("ul", "ol"):
            html = self.list(node, tag, depth)
        elif tag == "table":
            html = self._table(node, depth)
        elif tag == "pre":
            html = code(text_exactly(node))
        elif tag == "hr":
            html = "<hr>"
        elif tag == "dl":
            html = self._definitions(node, depth)
        elif tag == "blockquote":
            html = wrap("blockquote", self.blocks(node, depth))
        elif tag == "p" and not self.holds_block(node):
            return [(False, f"<p>{run}</p>") for _, run in self.flow(node, depth)]
        else:
            return self.flow(node, depth)
        return [(False, html)] if html else []

    def _heading(self, node: etree._Element, tag: str, depth: int) -> list[tuple[bool, str]]:
        flow = self.flow(node, depth)
        if not all(loose for loose, _ in flow):
            return flow
        html = " ".join(run for _, run in flow).replace("<br>", " ")
        if not html.strip():
            return []
        if not "".join(node.itertext()).strip():
            # Pictures in large type, but no heading of anything.
            return [(False, f"<p>{html}</p>")]
        name = node.get(_MARK)
        mark = f' id="{name}"' if name else ""
        return [(False, f"<{tag}{mark}>{html}</{tag}>")]

    def list(self, node: etree._Element, tag: str, depth: int) -> str:
        """Write a list; a list that stands between items belongs to the item before it."""
        items: list[str] = []
        stray = node.text
        for child in node:
            # Text between items belongs to the one before it, if it belongs anywhere.
            if stray and (text := text_of(stray).strip()):
                items[-1:] = [f"{items[-1]} {text}"] if items else [text]
            stray = child.tail
            name = self.tag(child)
            if not name or name in DROPPED or is_hidden(child):
                continue
            if name in ("ul", "ol"):
                inner = self.list(child, name, depth + 1)
                if inner and items:
                    items[-1] += inner
                elif inner:
                    items.append(inner)
                continue
            html = self.item(child, depth + 1)
            if html:
                items.append(html)
        if stray and (text := text_of(stray).strip()):
            items[-1:] = [f"{items[-1]} {text}"] if items else [text]
        if not items:
            return ""
        start = node.get("start") or ""
        opening = (
            f'<{tag} start="{start}">' if tag == "ol" and start.isdigit() and start != "1" else f"<{tag}>"
        )
        return opening + "".join(f"<li>{item}</li>" for item in items) + f"</{tag}>"

    def item(self, node: etree._Element, depth: int) -> str:
        """Write the inside of a list item."""
        return self.cell(node, depth, lead=True)

    def cell(self, node: etree._Element, depth: int, *, lead: bool = False) -> str:
        """Write the inside of an item or a cell: one paragraph alone needs no tag."""
        flow = self.flow(node, depth)
        if len(flow) == 1:
            html = flow[0][1]
            return html[3:-4] if html.startswith("<p>") and html.count("<p>") == 1 else html
        first = lead and bool(flow) and flow[0][0]
        return "".join(
            f"<p>{html}</p>" if loose and not (first and number == 0) else html
            for number, (loose, html) in enumerate(flow)
        )

    def _table(self, node: etree._Element, depth: int) -> str:
        head: list[str] = []
        body: list[str] = []
        caption = ""
        any_text = False
        for row in _rows(node):
            if self.tag(row) == "caption":
                caption = self.cell(row, depth + 1)
                continue
            cells: list[str] = []
            kinds: set[str] = set()
            for cell in row:
                kind = self.tag(cell)
                if kind not in ("td", "th"):
                    continue
                kinds.add(kind)
                html = self.cell(cell, depth + 3)
                any_text = any_text or bool(html)
                cells.append(f"<{kind}{_spans(cell)}>{html}</{kind}>")
            if not cells:
                continue
            line = "<tr>" + "".join(cells) + "</tr>"
            if kinds == {"th"} and not body:
                head.append(line)
            else:
                body.append(line)
        if not any_text:
            return f"<p>{caption}</p>" if caption else ""
        if not body:
            head, body = [], head
        return (
            "<table>"
            + (f"<caption>{caption}</caption>" if caption else "")
            + ("<thead>" + "".join(head) + "</thead>" if head else "")
            + ("<tbody>" + "".join(body) + "</tbody></table>")
        )

    def _definitions(self, node: etree._Element, depth: int) -> str:
        parts = []
        for child in node:
            tag = self.tag(child)
            if tag in ("dt", "dd"):
                parts.append(f"<{tag}>{self.cell(child, depth + 1)}</{tag}>")
        return "<dl>" + "".join(parts) + "</dl>" if parts else ""

    # Inline.

    def inline(self, node: etree._Element, tag: str, depth: int) -> str:
        """Write one inline element that holds no block."""
        if tag == "br":
            return "<br>"
        inside = self.inside(node, depth)
        if tag == "a":
            return self.link(node, inside)
        known = _INLINE.get(tag)
        if known is None or not inside.strip():
            return inside
        return f"<{known}>{inside}</{known}>"

    def inside(self, node: etree._Element, depth: int) -> str:
        """Write the children of an inline element."""
        if depth > DEPTH:
            raise ItemError(f"the page nests deeper than {DEPTH} elements, so text would be lost")
        parts = [text_of(node.text)]
        for child in node:
            tag = self.tag(child)
            if tag and tag not in DROPPED and not is_hidden(child):
                special = self.special(child, tag, depth + 1)
                if isinstance(special, Blocks):
                    parts.append(" " + " ".join(TAG.sub(" ", html) for html in special.html) + " ")
                elif special is not None:
                    parts.append(special)
                else:
                    parts.append(self.inline(child, tag, depth + 1))
            parts.append(text_of(child.tail))
        return "".join(parts)


def _rows(table: etree._Element) -> Iterator[etree._Element]:
    for child in table:
        tag = child.tag if isinstance(child.tag, str) else ""
        if tag in ("tr", "caption"):
            yield child
        elif tag in ("thead", "tbody", "tfoot"):
            yield from (row for row in child if row.tag == "tr")


def _spans(cell: etree._Element) -> str:
    marks = ""
    for name in ("colspan", "rowspan"):
        value = cell.get(name) or ""
        if value.isdigit() and value not in ("0", "1") and len(value) < 5:
            marks += f' {name}="{value}"'
    return marks


def is_hidden(node: etree._Element) -> bool:
    """Whether a reader of the page cannot see an element."""
    style = node.get("style")
    return node.get("hidden") is not None or (style is not None and _HIDDEN.search(style) is not None)
