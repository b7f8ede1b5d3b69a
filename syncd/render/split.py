"""Long HTML → where to cut it: parts that begin with a heading and keep their place from edit to edit.

Fin retrieves passages and links to the page that they are from, so a long page serves it better as several
that link to their sections. A cut depends on nothing but the headings and the sizes near it: neither an edit
nor a new section elsewhere moves it, since each section's own name decides how soon a run is cut there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import unescape
from itertools import pairwise
from typing import NamedTuple
from zlib import crc32

from syncd.model import Section
from syncd.render.characters import TITLE_LIMIT, one_line, shortened

SLUG_LIMIT = 60
"""Longest name of one section in characters."""

_ALONE = 4
"""A section of at least this fraction of the size is a part of its own."""
_TINY = 10
"""A part below this fraction of the size joins the one beside it."""

_BELOW = " \u203a "
"""Stands between the titles of a page and of the sections in it."""

_TAG = re.compile(r'<(/?)(h[1-6]|blockquote|dl|ol|table|ul)\b((?:[^<>"]|"[^"]*")*)>')
_ANY_TAG = re.compile(r'<(?:[^<>"]|"[^"]*")*>')
_ID = re.compile(r'\bid="([^"]*)"')
_DROPS = re.compile(r"[^\w\- ]")
_ABOVE_ALL = 0


class _Heading(NamedTuple):
    """A heading that no list, table or quotation holds, or the top of the page.

    Attributes:
        start: index of its first character.
        offset: bytes before it.
        key: names it among all headings of the page.
    """

    level: int
    start: int
    offset: int
    key: str
    titles: tuple[str, ...]
    fragment: str


def split(html: str, *, title: str, above_bytes: int) -> tuple[Section, ...]:
    """Return where each part but the first begins, in order; nothing for HTML that is short enough.

    A part is a section, or a run of sections that stand side by side; it is cut at the highest level of
    headings that makes it short enough, and stays whole, and long, where it has no heading to be cut at.

    Args:
        html: canonical and sanitised.
        title: of the page.
        above_bytes: longest part, in UTF-8.
    """
    size = len(html.encode())
    if size <= above_bytes:
        return ()
    page = _Page(_headings(html), size, above_bytes)
    return tuple(
        Section(
            key=heading.key,
            title=_title(title, heading.titles),
            fragment=heading.fragment,
            start=heading.start,
        )
        for heading in (page.headings[place] for place in page.cuts(0, len(page.headings))[1:])
    )


class _Page:
    """The headings of a page; pieces are told by the places of the headings that they begin with."""

    def __init__(self, headings: Sequence[_Heading], size: int, limit: int) -> None:
        self.headings = headings
        self._size = size
        self._limit = limit

    def cuts(self, first: int, end: int) -> list[int]:
        """Where the pieces of the section that begins at `first` begin, `first` included."""
        inner = range(first + 1, end)
        if self._length(first, end) <= self._limit or not inner:
            return [first]
        level = min(self.headings[place].level for place in inner)
        starts = [first, *(place for place in inner if self.headings[place].level == level)]
        found: list[int] = []
        run: list[int] = []
        for start, stop in pairwise([*starts, end]):
            if self._length(start, stop) * _ALONE < self._limit:
                run.append(start)
                continue
            found += self._run(run, start)
            run = []
            pieces = self.cuts(start, stop)
            bare = found == [first] and self._length(first, start) * _TINY < self._limit
            if bare and self._fits(first, pieces[1] if len(pieces) > 1 else stop):
                # A few words at the top go with what they introduce.
                pieces = pieces[1:]
            found += pieces
        found += self._run(run, end)
        return self._without_tiny(found, set(starts), end)

    def _run(self, starts: Sequence[int], end: int) -> list[int]:
        """Cut a run of small sections where one bears the lowest number, until each piece fits."""
        if not starts or self._length(starts[0], end) <= self._limit:
            return list(starts[:1])
        middle = min(range(1, len(starts)), key=lambda at: crc32(self.headings[starts[at]].key.encode()))
        return self._run(starts[:middle], starts[middle]) + self._run(starts[middle:], end)

    def _without_tiny(self, found: Sequence[int], siblings: set[int], end: int) -> list[int]:
        """Let tiny pieces go with the ones before them, where both are made of the same row of sections."""
        kept = [found[0]]
        for place, (start, stop) in enumerate(pairwise([*found, end])):
            if place == 0:
                continue
            tiny = self._length(start, stop) * _TINY < self._limit
            beside = start in siblings and kept[-1] in siblings
            if not (tiny and beside and self._fits(kept[-1], stop)):
                kept.append(start)
        return kept

    def _fits(self, start: int, stop: int) -> bool:
        return self._length(start, stop) <= self._limit

    def _length(self, start: int, stop: int) -> int:
        end = self._size if stop == len(self.headings) else self.headings[stop].offset
        return end - self.headings[start].offset


def _headings(html: str) -> list[_Heading]:
    """The top of the page, and each heading at which it can be cut."""
    found = [_Heading(_ABOVE_ALL, 0, 0, "", (), "")]
    above: list[_Heading] = []
    taken: set[str] = set()
    read = offset = 0
    for start, level, attributes, inside in _tags(html):
        offset += len(html[read:start].encode())
        read = start
        text = one_line(unescape(_ANY_TAG.sub("", inside)))
        while above and above[-1].level >= level:
            above.pop()
        name = f"{above[-1].key}/{_slug(text)}" if above else _slug(text)
        key, count = name, 1
        while key in taken:
            count += 1
            key = f"{name}~{count}"
        taken.add(key)
        named = _ID.search(attributes)
        titles = (*(above[-1].titles if above else ()), text)
        fragment = unescape(named[1]) if named is not None else ""
        above.append(_Heading(level, start, offset, key, titles, fragment))
        if start > 0:
            found.append(above[-1])
    return found


def _tags(html: str) -> Iterator[tuple[int, int, str, str]]:
    """(index, level, attributes, content) of each heading that no other block holds."""
    depth = 0
    for tag in _TAG.finditer(html):
        closes, name, attributes = tag.groups()
        if name[1:].isdecimal():
            if not closes and depth == 0:
                yield tag.start(), int(name[1]), attributes, html[tag.end() : html.index("</h", tag.end())]
        else:
            depth += -1 if closes else 1


def _title(page: str, titles: Sequence[str]) -> str:
    whole = _BELOW.join((page, *titles))
    if len(whole) <= TITLE_LIMIT:
        return whole
    return _BELOW.join(shortened(title, TITLE_LIMIT // 2 - 1) for title in (page, titles[-1]))


def _slug(text: str) -> str:
    return _DROPS.sub("", text.lower()).replace(" ", "-")[:SLUG_LIMIT].strip("-") or "section"
