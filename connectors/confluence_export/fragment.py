"""From a parsed body to a clean fragment of HTML: what both export formats share.

The writer walks the parsed tree and writes what it knows; layout, decoration and all that can act are
not known to it. A subclass adds the vocabulary of one format.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape
from typing import NamedTuple
from urllib.parse import unquote

from lxml import etree

from connectors.confluence_export.links import Links, Place, Target, anchor, title_in
from syncd.errors import ItemError

DEPTH = 200
"""Nesting that is still written. HTML parsers drop what lies below 256, silently."""

PARSED_BYTES = 2 << 20
"""Markup of one page that is still parsed, pictures written into it left out."""

DATA_URI = re.compile(rb"data:[\w.+-]+/[\w.+-]+(?:;[\w=-]+)*,[A-Za-z0-9+/=%\s]{64,}")

DROPPED = frozenset(
    """
    script style form input button select option textarea iframe object embed applet svg math-ml
    noscript template link meta base head title canvas video audio map area param source track frame
    frameset
    """.split()  # noqa: SIM905 - as words it can be read
)
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
# One blank alone is left as it is: replacing each would be most of the work.
_WHITE = re.compile(r"[ \t\r\n\f\v\u00a0\u2028\u2029]{2,}|[\t\r\n\f\v\u00a0\u2028\u2029]")
_ZERO_WIDTH = str.maketrans("", "", "\u200b\ufeff\u2060")
_CONTROLS = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127])
_WIDTHLESS = " \u200c\u200d"
_BLANKS = re.compile(" {2,}")
_BREAKS = re.compile(r"(?:\s*<br>\s*)+")
_TAG = re.compile(r"<[^>]*>")
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_PICTURE = re.compile(r"(?:\[Image: [^\]]*\]\s*)+")
_MARK = "data-own-anchor"
_HIDDEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_NAMES = {
    "tick": "\u2705",
    "cross": "\u274c",
    "warning": "\u26a0",
    "information": "\u2139",
    "question": "\u2753",
    "plus": "\u2795",
    "minus": "\u2796",
    "light-on": "\U0001f4a1",
    "thumbs-up": "\U0001f44d",
    "thumbs-down": "\U0001f44e",
    "smile": "\U0001f642",
    "sad": "\U0001f641",
    "cheeky": "\U0001f61b",
    "laugh": "\U0001f600",
    "wink": "\U0001f609",
    "heart": "\u2764",
    "broken-heart": "\U0001f494",
    "yellow-star": "\u2b50",
}


class Blocks(NamedTuple):
    """What a special element came to, as blocks."""

    html: list[str]


Special = Blocks | str | None
"""Blocks, inline HTML, or None: treat it as the ordinary element that it is."""


class Cleaned(NamedTuple):
    """A body as the connector hands it on.

    Attributes:
        html: a fragment; a link to a page of the export has the page's id as its href.
        links: those hrefs, without fragments, each with the id of its page.
        uses: (question, answer) for all that was asked about other pages: as long as the answers are the
            same, the same body comes to the same fragment.
        dropped: names of macros that had no text in the export.
        lost_links: links within the site that lead to no page of the export; their text stays.
    """

    html: str
    links: dict[str, str]
    uses: dict[str, str]
    dropped: tuple[str, ...]
    lost_links: int


class Asked:
    """The link index as one page uses it: every answer is remembered."""

    def __init__(self, links: Links, *, folder: str = "") -> None:
        self.folder = folder
        self.uses: dict[str, str] = {}
        self.targets: dict[str, str] = {}
        self._links = links

    def resolve(self, href: str, resource_id: str | None = None) -> Place:
        """Read one href; see Links.resolve."""
        place = self._links.resolve(href, folder=self.folder, resource_id=resource_id)
        if place.href is None:
            self.uses[f"href {resource_id or ''} {href}"] = _answer(place.target)
        return place

    def titled(self, space: str, title: str) -> Target | None:
        """Return the published page of that title."""
        target = self._links.titled(space, title)
        self.uses[f"title {space} {title}"] = _answer(target)
        return target

    def home(self, space: str) -> Target | None:
        """Return the home page of a space."""
        target = self._links.home(space)
        self.uses[f"home {space}"] = _answer(target)
        return target

    def page(self, external_id: str) -> Target | None:
        """Return the published page of that id."""
        target = self._links.page(external_id)
        self.uses[f"id {external_id}"] = _answer(target)
        return target

    def same(self, question: str, answer: str) -> bool:
        """Whether a question of an earlier run still has that answer."""
        kind, _, rest = question.partition(" ")
        first, _, second = rest.partition(" ")
        if kind == "href":
            return (
                _answer(self._links.resolve(second, folder=self.folder, resource_id=first or None).target)
                == answer
            )
        if kind == "title":
            return _answer(self._links.titled(first, second)) == answer
        if kind == "home":
            return _answer(self._links.home(rest)) == answer
        return kind == "id" and _answer(self._links.page(rest)) == answer


def _answer(target: Target | None) -> str:
    return f"{target.external_id} {target.title}" if target is not None else ""


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
        found = self._anchors.get(fragment) or self._anchors.get(unquote_fragment(fragment))
        return found or self._anchors.get("\0" + anchor(fragment, self.title))

    # Links, written the same way for both formats.

    def anchor_tag(self, place: Place, text: str, address: str = "") -> str:
        """Write a link to a place; one that leads nowhere keeps its text."""
        shown = _TAG.sub("", text).strip()
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
        for child in node:
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
                    parts.append(" " + " ".join(_TAG.sub(" ", html) for html in special.html) + " ")
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


def text_of(text: str | None) -> str:
    """Return text for HTML: white space collapsed, characters without width gone."""
    if not text:
        return ""
    return escape(_WHITE.sub(" ", text.translate(_ZERO_WIDTH)).translate(_CONTROLS), quote=False)


def text_exactly(node: etree._Element, keep: Callable[[etree._Element], bool] = lambda _: True) -> str:
    """Return the text of preformatted content, line breaks as they stand."""
    parts = [node.text or ""]
    for child in node:
        if child.tag == "br":
            parts.append("\n")
        elif isinstance(child.tag, str) and child.tag not in DROPPED and keep(child):
            parts.append(text_exactly(child, keep))
        parts.append(child.tail or "")
    return "".join(parts)


def code(text: str, language: str = "", title: str = "") -> str:
    """Write a code block; "" for one without text."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS).strip("\n")
    if not text.strip():
        return ""
    mark = f' class="language-{escape(language)}"' if language else ""
    lead = f"<p><strong>{title}</strong></p>\n" if title else ""
    return f"{lead}<pre><code{mark}>{escape(text, quote=False)}</code></pre>"


def callout(label: str, blocks: list[str]) -> Blocks:
    """Write a panel; `label` is inline HTML, "" for a panel without a name."""
    lead = [f"<p><strong>{label}</strong></p>"] if label else []
    return Blocks([wrap("blockquote", lead + blocks)] if blocks else lead)


def wrap(tag: str, blocks: list[str]) -> str:
    """Put blocks into an element; "" for none."""
    return f"<{tag}>" + "".join(blocks) + f"</{tag}>" if blocks else ""


def picture(alt: str | None, file_name: str | None) -> str:
    """Write an image as text: what it shows, else what it is called."""
    if alt and alt.strip():
        return text_of(alt.strip())
    return f"[Image: {text_of(file_name)}]" if file_name and file_name.strip() else ""


def person(name: str) -> str:
    """Write a user's name; a mail address is none."""
    name = name.strip()
    return "(user)" if not name or _ADDRESS.search(name) else text_of(name)


def emoticon(fallback: str | None, name: str | None, alt: str | None) -> str:
    """Write an emoticon as its character, or as its name."""
    if fallback and fallback.strip():
        return text_of(fallback)
    key = (name or (alt or "").strip("()")).strip().lower()
    return _NAMES.get(key) or (f"({text_of(key)})" if key else "")


def tidy(run: str) -> str:
    """Return a run of inline HTML without needless white space and breaks; "" if nothing shows."""
    if "  " in run:
        run = _BLANKS.sub(" ", run)
    run = run.strip()
    if "<br>" in run:
        run = _BREAKS.sub("<br>", run)
        while run.startswith("<br>"):
            run = run[4:].lstrip()
        while run.endswith("<br>"):
            run = run[:-4].rstrip()
    if "<" not in run:
        return run if run.strip(_WIDTHLESS) else ""
    return run if "<a id=" in run or _TAG.sub("", run).strip(_WIDTHLESS) else ""


def unquote_fragment(fragment: str) -> str:
    """Decode percent escapes, which one side of an in-page link may have and the other not."""
    return unquote(fragment)
