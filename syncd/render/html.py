"""Any HTML → the canonical HTML that is published.

One walk over the tree writes what a reader would see in one fixed form: known elements only, every text
inside a block, blanks collapsed, nothing empty. So two sources that look the same give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape, unescape
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import lxml.html
from lxml import etree

from syncd.errors import RenderError
from syncd.render.characters import one_line, strip_invisible
from syncd.render.elements import BLOCKS, CODE, FORMATS, GROUPS, LISTS, PLAIN, UNSEEN
from syncd.render.rules import Rules
from syncd.render.sanitize import HEADINGS
from syncd.render.targets import Targets, matches

_HIDING_STYLE = re.compile(
    r"display:none|visibility:(?:hidden|collapse)|(?:font-size|opacity):0*\.?0*(?:[a-z%]+)?(?:;|!|$)"
    r"|(?:left|right|top|text-indent):-\d{3,}"
)
_LANGUAGE = re.compile(r"(?:^|\s)(?:language|lang|highlight-source|brush:)-?\s*([\w+#.-]+)")
_SLUG_DROPS = re.compile(r"[^\w\- ]")
_TAGS = re.compile(r"<[^>]*>")
_PARSER = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)


Node = Any
"""An element of lxml, which has no types."""


class Heading(NamedTuple):
    """One heading of a page.

    Attributes:
        position: index of its piece of HTML.
    """

    level: int
    text: str
    position: int


class Canonical(NamedTuple):
    """What one walk wrote, and how many elements with a text it passed over, since no reader sees them."""

    pieces: list[str]
    headings: list[Heading]
    hidden: int = 0


def parse(html: str) -> Node | None:
    """Read a document or a fragment; None if there is nothing in it."""
    try:
        tree: Node = lxml.html.document_fromstring(html.encode(), parser=_PARSER)
    except etree.ParserError:
        return None
    return tree


def document_title(tree: Node) -> str | None:
    """Return what the head of an HTML document calls it."""
    title = tree.find("head/title")
    return one_line(title.text_content()) or None if title is not None else None


def canonical(tree: Node, targets: Targets, rules: Rules) -> Canonical:
    """Write what a reader of the tree would see.

    Raises:
        RenderError: elements are nested deeper than the rules allow.
    """
    writer = _Writer(targets, rules)
    for body in tree.iterchildren("body"):
        writer.group(body)
    return Canonical(writer.out, writer.headings, writer.hidden)


class _Writer:
    """Walks a tree and writes canonical pieces.

    Tags wait in `pending` until something inside them is seen, so empty elements leave no trace; `gap`
    is the blank or line break that is due before the next text.
    """

    def __init__(self, targets: Targets, rules: Rules) -> None:
        self.out: list[str] = []
        self.headings: list[Heading] = []
        self.hidden = 0
        self._targets = targets
        self._rules = rules
        self._pending: list[str] = []
        self._gap = ""
        self._fresh = True
        # Whether text here needs a paragraph around it, and whether one is open.
        self._loose = True
        self._paragraph = False
        # Inside a paragraph, a heading or a link nothing can be a block.
        self._inline = False
        self._in_link = False
        self._formats: set[str] = set()
        self._depth = 0
        self._slugs: dict[str, int] = {}

    # Blocks

    def group(self, node: Node) -> None:
        """Write the children of an element that only groups blocks."""
        self._end_paragraph()
        outer, self._loose = self._loose, True
        self._children(node)
        self._end_paragraph()
        self._loose = outer

    def _block(self, node: Node) -> None:
        """Write a block that holds text or blocks."""
        self._wrap(node.tag, node)

    def _wrap(self, tag: str, node: Node, attributes: str = "") -> None:
        self._begin(tag, attributes)
        outer, self._loose = self._loose, tag == "blockquote"
        self._children(node)
        self._end_paragraph()
        self._loose = outer
        self._end(tag)

    def _line(self, node: Node) -> None:
        """Write a block that holds text only."""
        self._begin(node.tag)
        self._inlined(node)
        self._end(node.tag)

    def _list(self, node: Node) -> None:
        start = node.get("start", "")
        numbered = node.tag == "ol" and start.isdecimal() and start != "1"
        self._wrap(LISTS[node.tag], node, f' start="{int(start)}"' if numbered else "")

    def _rule(self, node: Node) -> None:
        self._piece("<hr>")

    def _summary(self, node: Node) -> None:
        self._begin("p")
        outer, self._inline = self._inline, True
        self._formatted(node, "strong")
        self._inline = outer
        self._end("p")

    def _begin(self, tag: str, attributes: str = "") -> None:
        self._end_paragraph()
        self._pending.append(f"\n<{tag}{attributes}>")
        self._gap, self._fresh = "", True

    def _end(self, tag: str) -> None:
        if self._pending:
            self._pending.pop()
        else:
            self.out.append(f"</{tag}>\n")
        self._gap, self._fresh = "", True

    def _end_paragraph(self) -> None:
        if self._paragraph:
            self._paragraph = False
            self._end("p")
        self._gap, self._fresh = "", True

    def _piece(self, html: str) -> None:
        """Write a whole block."""
        self._end_paragraph()
        self._pending.append("\n" + html)
        self._flush()
        self.out.append("\n")

    def _inlined(self, node: Node) -> None:
        outer, self._inline = self._inline, True
        self._children(node)
        self._inline = outer

    # Text

    def _text(self, text: str) -> None:
        if not text.isascii():
            text = strip_invisible(text)
        words = text.split()
        if not words:
            self._blank()
            return
        if text[0].isspace():
            self._blank()
        self._write(escape(" ".join(words), quote=False))
        if text[-1].isspace():
            self._blank()

    def _blank(self) -> None:
        if not self._fresh and not self._gap:
            self._gap = " "

    def _write(self, html: str) -> None:
        """Write text, or an element that stands in a text."""
        if self._loose and not self._paragraph and not self._inline:
            # Inline tags that wait already must come to lie inside the paragraph.
            inside = len(self._pending)
            while inside and self._pending[inside - 1][0] != "\n":
                inside -= 1
            self._pending.insert(inside, "\n<p>")
            self._paragraph = True
        if self._gap:
            self.out.append(self._gap)
            self._gap = ""
        self._flush()
        self.out.append(html)
        self._fresh = False

    def _flush(self) -> None:
        for tag in self._pending:
            at_line_start = not self.out or self.out[-1][-1:] == "\n"
            self.out.append(tag[1:] if tag[0] == "\n" and at_line_start else tag)
        self._pending.clear()

    # The walk

    def _children(self, node: Node) -> None:
        self._depth += 1
        if self._depth > self._rules.nesting_limit:
            raise RenderError(f"elements are nested deeper than {self._rules.nesting_limit}")
        if node.text:
            self._text(node.text)
        for child in node:
            tag = child.tag
            # A comment has a function for a tag.
            if isinstance(tag, str) and child.attrib and _is_hidden(child):
                self.hidden += bool(one_line(child.text_content()))
            elif isinstance(tag, str) and tag not in UNSEEN:
                if self._inline and tag in BLOCKS:
                    self._apart(child)
                else:
                    _WRITERS.get(tag, _Writer._foreign)(self, child)
            if child.tail:
                self._text(child.tail)
        self._depth -= 1

    def _heading(self, node: Node) -> None:
        tag = node.tag
        self._end_paragraph()
        out, pending, self.out, self._pending = self.out, self._pending, [], []
        self._inlined(node)
        html = "".join(self.out)
        self.out, self._pending = out, pending
        text = unescape(_TAGS.sub("", html))
        if not text:
            return
        self._piece(f'<{tag} id="{escape(self._slug(node.get("id"), text))}">{html}</{tag}>')
        self.headings.append(Heading(int(tag[1]), text, len(self.out) - 2))

    def _slug(self, explicit: str | None, text: str) -> str:
        slug = explicit or _SLUG_DROPS.sub("", text.lower()).replace(" ", "-") or "section"
        seen = self._slugs.get(slug, 0)
        self._slugs[slug] = seen + 1
        return f"{slug}-{seen}" if seen else slug

    def _code(self, node: Node) -> None:
        text = strip_invisible(_preformatted(node)).strip("\n")
        if not text.strip():
            return
        named = _LANGUAGE.search(node.get("class", ""))
        for child in node.iterchildren("code"):
            named = named or _LANGUAGE.search(child.get("class", ""))
        language = f' class="language-{escape(named[1].lower())}"' if named else ""
        self._piece(f"<pre><code{language}>{escape(text, quote=False)}</code></pre>")

    def _cell(self, node: Node) -> None:
        spans = ""
        for name in ("colspan", "rowspan"):
            value = node.get(name, "")
            if value.isdecimal() and 1 < int(value) <= 1000:
                spans += f' {name}="{int(value)}"'
        self._begin(node.tag, spans)
        # An empty cell counts: without it, the others would move to other columns.
        self._flush()
        outer, self._loose = self._loose, False
        self._children(node)
        self._end_paragraph()
        self._loose = outer
        self._end(node.tag)

    def _frame(self, node: Node) -> None:
        url = self._targets.public_url(node.get("src", "").strip())
        if url is not None and url.startswith("https://"):
            label = one_line(node.get("title", "")) or url
            self._piece(f'<p><a href="{escape(url)}">{escape(label, quote=False)}</a></p>')

    # Inline elements

    def _format(self, node: Node) -> None:
        if not self._inline and _holds_blocks(node):
            self._children(node)
        else:
            self._formatted(node, FORMATS[node.tag])

    def _formatted(self, node: Node, tag: str) -> None:
        if tag in self._formats:
            self._children(node)
            return
        self._pending.append(f"<{tag}>")
        self._formats.add(tag)
        self._children(node)
        self._formats.remove(tag)
        self._close_inline(tag)

    def _close_inline(self, tag: str) -> None:
        if self._pending:
            self._pending.pop()
        else:
            self.out.append(f"</{tag}>")

    def _link(self, node: Node) -> None:
        href = node.get("href")
        target = self._targets.href(strip_invisible(href)) if href and not self._in_link else None
        if target is None:
            self._children(node)
            return
        if self._loose and not self._paragraph and not self._inline:
            self._pending.append("\n<p>")
            self._paragraph = True
        self._pending.append(f'<a href="{escape(target)}">')
        self._in_link = True
        self._inlined(node)
        self._in_link = False
        self._close_inline("a")

    def _image(self, node: Node) -> None:
        alt = one_line(node.get("alt") or "")
        url = self._targets.public_url(node.get("src", "").strip())
        if url is not None and matches(urlsplit(url).hostname or "", self._rules.image_hosts):
            self._write(f'<img src="{escape(url)}" alt="{escape(alt)}">')
        elif alt:
            self._blank()
            self._text(alt)
            self._blank()

    def _break(self, node: Node) -> None:
        if not self._fresh and self._gap.count("<br>") < 2:
            self._gap = self._gap.lstrip(" ") + "<br>\n"

    def _input(self, node: Node) -> None:
        if node.get("type", "").lower() == "checkbox":
            self._text("☐ " if node.get("checked") is None else "☑ ")

    def _quote(self, node: Node) -> None:
        self._text("“")
        self._children(node)
        self._text("”")

    def _drawing(self, node: Node) -> None:
        self._text(" ".join("".join(part.itertext()) for part in node.iter("text")))

    def _formula(self, node: Node) -> None:
        annotation = node.find(".//annotation")
        text = one_line("".join((node if annotation is None else annotation).itertext()))
        if text:
            self._write(f"<code>{escape(text, quote=False)}</code>")

    def _foreign(self, node: Node) -> None:
        """Write what an element that HTML does not know holds."""
        if not self._inline and _holds_blocks(node):
            self.group(node)
        else:
            self._apart(node)

    def _apart(self, node: Node) -> None:
        """Write the children as text that does not run into its neighbours."""
        self._blank()
        self._children(node)
        self._blank()


_WRITERS: dict[str, Callable[[_Writer, Node], None]] = {
    **dict.fromkeys(GROUPS, _Writer.group),
    **dict.fromkeys(PLAIN, _Writer._children),
    **dict.fromkeys(FORMATS, _Writer._format),
    **dict.fromkeys(LISTS, _Writer._list),
    **dict.fromkeys(CODE, _Writer._code),
    **dict.fromkeys(HEADINGS, _Writer._heading),
    **dict.fromkeys(
        ("blockquote", "dd", "dl", "li", "table", "tbody", "tfoot", "thead", "tr"), _Writer._block
    ),
    **dict.fromkeys(("caption", "dt", "p"), _Writer._line),
    **dict.fromkeys(("td", "th"), _Writer._cell),
    "a": _Writer._link,
    "br": _Writer._break,
    "hr": _Writer._rule,
    "iframe": _Writer._frame,
    "img": _Writer._image,
    "input": _Writer._input,
    "math": _Writer._formula,
    "q": _Writer._quote,
    "summary": _Writer._summary,
    "svg": _Writer._drawing,
}


def _is_hidden(node: Node) -> bool:
    if node.get("hidden") is not None or node.get("aria-hidden", "").lower() == "true":
        return True
    if node.get("role", "").lower() == "navigation":
        return True
    style = node.get("style")
    if style is None:
        return False
    style = "".join(style.lower().split())
    return _HIDING_STYLE.search(style) is not None or _is_own_ground(style)


def _is_own_ground(style: str) -> bool:
    """Whether a style gives text the colour of its background."""
    colours = {name: value for name, _, value in (rule.partition(":") for rule in style.split(";"))}
    ground = colours.get("background-color", colours.get("background"))
    return ground is not None and colours.get("color") == ground


def _holds_blocks(node: Node) -> bool:
    return next(node.iterdescendants(*BLOCKS), None) is not None


def _preformatted(node: Node) -> str:
    parts = [node.text or ""]
    for child in node:
        if isinstance(child.tag, str) and not (child.tag in UNSEEN or _is_hidden(child)):
            parts.append("\n" if child.tag == "br" else _preformatted(child))
        parts.append(child.tail or "")
    return "".join(parts)
