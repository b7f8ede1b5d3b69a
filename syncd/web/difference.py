"""What a reader would notice between two states of a page: lines that went, and lines that came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from lxml import html as lxml_html

CONTEXT = 2
"""Lines that stayed, shown before and after those that did not."""

_MANY = 3_000
_BLOCKS = {
    *("address", "article", "aside", "blockquote", "dd", "div", "dl", "dt", "figcaption", "figure", "hr"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "li", "ol", "p", "pre", "section", "table", "tbody", "td"),
    *("tfoot", "th", "thead", "tr", "ul"),
}

Version = Mapping[str, tuple[str, str]]
"""External id → title and HTML, of a page and of its further parts."""


class Line(NamedTuple):
    """One line; `kind` is "gone", "new", "same", or "gap" for lines that stayed and are left out."""

    kind: str
    text: str


def difference(before: Version, after: Version) -> list[Line]:
    """Return the lines that differ, with some around them; none if both read the same."""
    old, new = ([line for key in sorted(one) for line in _told(*one[key])] for one in (before, after))
    # Where there are many lines, those that come often say little of what moved where.
    matcher = SequenceMatcher(None, old, new, autojunk=len(old) + len(new) > _MANY)
    return list(_lines(matcher, old, new))


def _lines(matcher: SequenceMatcher[str], old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    done = 0
    for group in matcher.get_grouped_opcodes(CONTEXT):
        if (left := group[0][1] - done) > 0:
            yield Line("gap", f"{left} line(s) that stayed")
        for tag, begin, end, new_begin, new_end in group:
            if tag == "equal":
                yield from (Line("same", line) for line in old[begin:end])
            else:
                yield from (Line("gone", line) for line in old[begin:end])
                yield from (Line("new", line) for line in new[new_begin:new_end])
        done = group[-1][2]
    if done and (left := len(old) - done) > 0:
        yield Line("gap", f"{left} line(s) that stayed")


def _told(title: str, html: str) -> Iterator[str]:
    yield title
    text: list[str] = []
    root = lxml_html.fragment_fromstring(html, create_parent="div")
    for event, element in _walk(root):
        if event == "text":
            text.append(element)
        else:
            yield from _flushed(text)
            text = [element]
    yield from _flushed(text)


def _walk(element: lxml_html.HtmlElement) -> Iterator[tuple[str, str]]:
    """Pieces of text, and where a new line begins, with its mark."""
    block = element.tag in _BLOCKS
    if block:
        yield "line", _mark(str(element.tag))
    yield "text", element.text or ""
    for child in element:
        if isinstance(child.tag, str):
            yield from _walk(child)
        yield "text", child.tail or ""
    if block:
        yield "line", ""


def _mark(tag: str) -> str:
    if tag[0] == "h" and tag[1:].isdigit():
        return "#" * int(tag[1:]) + " "
    return {"li": "• ", "td": "| ", "th": "| "}.get(tag, "")


def _flushed(text: Sequence[str]) -> Iterator[str]:
    mark, *rest = [*text, "", ""]
    line = " ".join("".join(rest).split())
    if line:
        yield f"{mark}{line}"
