"""One page as it would be sent, taken apart."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from lxml import html as lxml_html

from syncd.model import Page

_HEADING = re.compile(r"h[1-6]\Z")
_INLINE = frozenset(
    {"a", "b", "code", "del", "em", "i", "img", "ins", "kbd", "mark", "s", "strong", "sub", "sup", "u"}
)


@dataclass(frozen=True)
class Arrived:
    """What a reader of the page sees."""

    page: Page

    @cached_property
    def _root(self) -> lxml_html.HtmlElement:
        return lxml_html.fragment_fromstring(self.page.html, create_parent="main")

    @cached_property
    def text(self) -> str:
        """Title and all text; words of two blocks are apart."""
        return self.page.title + "\n" + _text(self._root, everything=True)

    @cached_property
    def prose(self) -> str:
        """The text outside of code, a line for each block."""
        return _text(self._root, everything=False)

    @cached_property
    def headings(self) -> tuple[str, ...]:
        """Title and headings."""
        found = (node.text_content() for node in self._root.iter() if _HEADING.match(str(node.tag)))
        return (self.page.title, *found)

    @cached_property
    def code(self) -> tuple[str, ...]:
        """Text of each block of code."""
        return tuple(node.text_content() for node in self._root.iter("pre"))

    @cached_property
    def tables(self) -> int:
        """How many tables."""
        return sum(1 for _ in self._root.iter("table"))

    @cached_property
    def hrefs(self) -> Counter[str]:
        """Where links lead, without fragments."""
        return Counter(node.get("href", "").partition("#")[0] for node in self._root.iter("a"))

    @cached_property
    def acts(self) -> tuple[str, ...]:
        """Elements and attributes that do something, or load something."""
        tags = [
            str(node.tag) for node in self._root.iter("script", "style", "form", "iframe", "img", "object")
        ]
        return (*tags, *(name for node in self._root.iter() for name in node.attrib if name.startswith("on")))


def _text(node: lxml_html.HtmlElement, *, everything: bool) -> str:
    tag = str(node.tag)
    if tag in ("pre", "code") and not everything:
        return "\n" if tag == "pre" else " "
    inner = node.text or ""
    for child in node:
        inner += _text(child, everything=everything) + (child.tail or "")
    return inner if tag in _INLINE else f"\n{inner}\n"
