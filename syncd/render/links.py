"""Open links → URLs that a reader can open.

The renderer cannot know where other pages are published, so it leaves their links open: as
`<a href="link:N">`, with what they name in `Draft.links`. Here they get their URLs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from html import escape
from urllib.parse import quote, unquote, urlsplit

from syncd.model import Draft, Link

SELF = "self:"
"""Target of a link within its own page."""

_PAGE_SUFFIXES = (".md", ".mdx", ".markdown", ".html", ".htm", ".txt")
_INDEX_STEMS = ("index", "_index", "readme")
# Authors write the file where they mean the page: "/guides/setup.md" on the site.
_FILE_TAIL = re.compile(r"(?:/(?:_?index|readme))?\.(?:mdx?|markdown)\Z", re.IGNORECASE)
_OPEN_LINK = re.compile(r'<a href="link:(\d+)">(.*?)</a>', re.DOTALL)


class LinkIndex:
    """Where each item of a source is published.

    A target is looked up as the exact file, then as a file without its extension, then as a folder with
    an index or README, then among the published URLs.
    """

    def __init__(
        self,
        items: Iterable[tuple[str, str, str | None]],
        aliases: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Index (external_id, path, url) of every item, and (path on the site, external_id) of old URLs."""
        self._ids: dict[str, str | None] = {}
        self._paths: dict[str, str | None] = {}
        self._stems: dict[str, tuple[int, str | None]] = {}
        self._folders: dict[str, tuple[int, str | None]] = {}
        self._aliases = tuple(aliases)
        for external_id, path, url in items:
            self._ids[external_id] = url
            self._paths[path] = url
            self._add_forms(path, url)

    def resolve(self, target: str) -> str | None:
        """Return the URL of the page that a link target names; None if there is none.

        A target may hold several readings of one link, a line each; the first that names a page counts.
        """
        found = (self._read(reading) for reading in target.split("\n"))
        return next((url for url in found if url is not None), None)

    def _read(self, target: str) -> str | None:
        kind, _, name = target.partition(":")
        if kind == "id":
            return self._ids.get(name)
        if kind == "path":
            return self._file(name) or self._published("/" + name)
        if kind == "site":
            return self._published(name) or self._file(unquote(name).strip("/"))
        if kind == "wiki":
            return self._named(name)
        return None

    def _published(self, place: str) -> str | None:
        return self._site.get(_site_key(place)) or self._site.get(_site_key(_FILE_TAIL.sub("", place)))

    @cached_property
    def _site(self) -> dict[str, str]:
        table: dict[str, str] = {}
        for url in self._ids.values():
            if url is not None:
                table.setdefault(_site_key(url), url)
        for place, external_id in self._aliases:
            target = self._ids.get(external_id)
            if target is not None:
                table.setdefault(_site_key(place), target)
        return table

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        table: dict[str, list[str]] = {}
        for path in self._stems:
            table.setdefault(_wiki_key(path.rpartition("/")[2]), []).append(path)
        return table

    def _named(self, name: str) -> str | None:
        """Find a page by its name, or by the end of its path; of several, the one nearest to the root."""
        wanted = _wiki_key(name.strip("/").removesuffix(".md"))
        known = self._names.get(wanted.rpartition("/")[2], ())
        fitting = [path for path in known if f"/{_wiki_key(path)}".endswith("/" + wanted)]
        if not fitting:
            return None
        return self._stems[min(fitting, key=lambda path: (path.count("/"), path))][1]

    def _add_forms(self, path: str, url: str | None) -> None:
        folder, slash, name = path.rpartition("/")
        stem, dot, suffix = name.rpartition(".")
        if not dot or dot + suffix.lower() not in _PAGE_SUFFIXES:
            return
        rank = _PAGE_SUFFIXES.index(dot + suffix.lower())
        _put_first(self._stems, folder + slash + stem, rank, url)
        if stem.lower() in _INDEX_STEMS:
            rank += len(_PAGE_SUFFIXES) * _INDEX_STEMS.index(stem.lower())
            _put_first(self._folders, folder, rank, url)

    def _file(self, path: str) -> str | None:
        if path in self._paths:
            return self._paths[path]
        path = path.rstrip("/")
        found = self._stems.get(path) or self._folders.get(path)
        if found is None and path.lower().endswith((".md", ".mdx", ".markdown", ".html", ".htm")):
            # Written as one format and kept in another: "b.html" for b.md, "b.md" for b.mdx.
            found = self._stems.get(path.rpartition(".")[0])
        return found[1] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A draft whose links were put in.

    Attributes:
        html: what is sent; no link is open any more.
        links: each distinct (target, URL or None), sorted.
        unresolved: links that lost their target and kept their text.
    """

    html: str
    links: tuple[tuple[str, str | None], ...]
    unresolved: int


def finish(draft: Draft, *, url: str | None, index: LinkIndex) -> Finished:
    """Put URLs into the open links of a draft.

    Args:
        url: where a reader finds the page itself; None unwraps the links within it.
    """
    resolved: dict[str, str | None] = {}
    unresolved = 0

    def close(match: re.Match[str]) -> str:
        nonlocal unresolved
        link = draft.links[int(match[1])]
        place = url if link.target == SELF else _resolve(link, index, resolved)
        if place is None:
            unresolved += link.target != SELF
            return match[2]
        return f'<a href="{escape(with_fragment(place, link.fragment))}">{match[2]}</a>'

    html = _OPEN_LINK.sub(close, draft.html)
    return Finished(html=html, links=tuple(sorted(resolved.items())), unresolved=unresolved)


def _resolve(link: Link, index: LinkIndex, resolved: dict[str, str | None]) -> str | None:
    if link.target not in resolved:
        resolved[link.target] = index.resolve(link.target)
    return resolved[link.target]


def with_fragment(url: str, fragment: str) -> str:
    """Return the URL of a place within a page; of the page itself, if there is no fragment."""
    if not fragment:
        return url
    return url.partition("#")[0] + "#" + quote(fragment, safe="-._~!$&'()*+,;=:@/?%")


def _put_first(table: dict[str, tuple[int, str | None]], key: str, rank: int, url: str | None) -> None:
    known = table.get(key)
    if known is None or rank < known[0]:
        table[key] = (rank, url)


def _wiki_key(name: str) -> str:
    return name.replace("-", " ").replace("_", " ").lower()


def _site_key(place: str) -> str:
    """Bring a URL, or a path on the site, into the form in which they are compared."""
    path = unquote(urlsplit(place).path).rstrip("/")
    for tail in ("/index.html", "/index.htm", ".html", ".htm"):
        path = path.removesuffix(tail)
    # Generators leave out the underscore that marks a folder as a collection.
    return path.replace("/_", "/").lower()
