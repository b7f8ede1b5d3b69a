"""From the links that Confluence writes to the pages of the export.

A third of the links between pages of one space are absolute URLs of the private site, so every form is
read: file names, resource ids, URLs with a page id, /display/ URLs, tiny links and edit links.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, unquote_plus, urlsplit

_ID_IN_PATH = re.compile(r"/pages/(?:edit-v2/|edit/|resumedraft/)?(\d+)(?:/|$)")
_ID_IN_FILE = re.compile(r"(?:^|_|/)(\d+)\.html$")
_TITLE_IN_PATH = re.compile(r"/(?:pages/\d+|display/[^/]+)/([^/]+)/?$")
_SPACE_HOME = re.compile(r"/(?:spaces|display)/([^/]+)(?:/(?:overview|pages)?)?/?$")
_IN_SPACE = re.compile(r"/spaces/([^/]+)/pages/")
_DISPLAY = re.compile(r"/display/([^/]+)/(.+)$")
_TINY = re.compile(r"/x/([A-Za-z0-9_-]{1,11})/?$")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_NO_WORD = re.compile(r"[\W_]+")
_KEPT_SCHEMES = frozenset({"mailto", "tel", "http", "https", "ftp"})


_SITE = re.compile(
    r"https?://([A-Za-z0-9.-]+)(?::\d+)?/(?:[a-z]+/)?spaces/([^/\"'<>\s]+)/pages/(?:edit-v2/)?(\d+)"
)


class Target(NamedTuple):
    """A page that is published, as links see it."""

    external_id: str
    title: str
    space: str


class Place(NamedTuple):
    """What a link leads to.

    Attributes:
        target: the page, if the link leads to one that is published.
        fragment: what follows "#", as the origin wrote it.
        href: an address outside Confluence; None for a page, and for a link that has to go.
    """

    target: Target | None = None
    fragment: str = ""
    href: str | None = None


class Links:
    """All published pages of one export, and how they can be named."""

    def __init__(
        self,
        targets: Iterable[Target],
        *,
        files: Mapping[str, str] | None = None,
        homes: Mapping[str, str] | None = None,
        hosts: Iterable[str] = (),
    ) -> None:
        """Index the pages.

        Args:
            files: page id of each file of an HTML export, by its full name.
            homes: page id of each space's home page, by lower-case key.
            hosts: host names of the site, without ports; links to them never leave the export.
        """
        self._by_id = {target.external_id: target for target in targets}
        self._by_title = {title_key(each.space, each.title): each for each in self._by_id.values()}
        self._files = files or {}
        self._homes = homes or {}
        self._spaces = {each.space.lower() for each in self._by_id.values()}
        self._hosts = {host.lower() for host in hosts}

    def page(self, external_id: str) -> Target | None:
        """Return the published page of that id."""
        return self._by_id.get(external_id)

    def titled(self, space: str, title: str) -> Target | None:
        """Return the published page of that title, whatever its case."""
        return self._by_title.get(title_key(space, title))

    def home(self, space: str) -> Target | None:
        """Return the home page of a space."""
        return self._by_id.get(self._homes.get(space.lower(), ""))

    def resolve(self, href: str, *, folder: str = "", resource_id: str | None = None) -> Place:
        """Read one href.

        Args:
            folder: where the page lies in an HTML export, "" or "KEY/".
            resource_id: what the export itself says that the link names.
        """
        href = href.strip()
        place, _, fragment = href.partition("#")
        if resource_id is not None and resource_id in self._by_id:
            return Place(self._by_id[resource_id], fragment)
        scheme = _SCHEME.match(place)
        if scheme is not None and scheme[1].lower() not in _KEPT_SCHEMES:
            return Place()
        if scheme is None and not place.startswith(("/", "null/")):
            return Place(self._file(folder, place), fragment)
        if scheme is not None and scheme[1].lower() not in ("http", "https"):
            return Place(href=href)
        try:
            split = urlsplit(place)
            host = (split.hostname or "").lower()
        except ValueError:
            return Place()
        ours = not host or host in self._hosts or resource_id is not None
        target = self._path(split.path, split.query, ours=ours)
        if target is not None:
            return Place(target, fragment)
        return Place() if ours else Place(href=href)

    def _file(self, folder: str, place: str) -> Target | None:
        # Cloud writes names with literal percent escapes to disk, so the name as it stands comes first.
        for name in (place.partition("?")[0], unquote(place.partition("?")[0])):
            found = self._files.get(folder + name)
            if found is not None:
                return self._by_id.get(found)
            number = _ID_IN_FILE.search(name)
            if number is not None and number[1] in self._by_id:
                return self._by_id[number[1]]
            if name == "index.html":
                return self._home_of(folder)
        return None

    def _home_of(self, folder: str) -> Target | None:
        home = self._homes.get("/" + folder)
        return self._by_id.get(home) if home else None

    def _path(self, path: str, query: str, *, ours: bool) -> Target | None:
        if not ours:
            # An unknown host counts as the site only where key and id both are of this export.
            space = _IN_SPACE.search(path)
            if space is None or unquote(space[1]).lower() not in self._spaces:
                return None
        if path.endswith(("/createpage.action", "/createblogpost.action")):
            return None
        number = _ID_IN_PATH.search(path)
        if number is not None:
            return self._by_id.get(number[1])
        asked = parse_qs(query)
        for name in ("pageId", "draftId", "contentId"):
            if name in asked:
                return self._by_id.get(asked[name][0])
        if "title" in asked and "spaceKey" in asked:
            return self.titled(asked["spaceKey"][0], asked["title"][0])
        if "key" in asked and path.endswith("/viewspace.action"):
            return self.home(asked["key"][0])
        tiny = _TINY.search(path)
        if tiny is not None:
            return self._by_id.get(tiny_id(tiny[1]))
        display = _DISPLAY.search(path)
        if display is not None and not display[2].startswith(("overview", "pages/")):
            return self.titled(unquote(display[1]), unquote_plus(display[2]).rstrip("/"))
        home = _SPACE_HOME.search(path)
        if home is not None:
            return self.home(unquote(home[1]))
        return None


def site_addresses(text: str) -> set[tuple[str, str, str]]:
    """Return (host, space key, page id) of every address in a text that looks like a Confluence page's."""
    if "/spaces/" not in text:
        return set()
    return {(host.lower(), unquote(key), number) for host, key, number in _SITE.findall(text)}


def tiny_id(code: str) -> str:
    """Return the page id that a tiny link (/x/CODE) holds; "" if it holds none."""
    text = code.replace("-", "/").replace("_", "+").ljust(11, "A") + "="
    try:
        return str(int.from_bytes(base64.b64decode(text, validate=True), "little"))
    except binascii.Error:
        return ""


def title_in(href: str) -> str:
    """Return the title that an address of a page tells; "" if it tells none."""
    found = _TITLE_IN_PATH.search(href.partition("?")[0].partition("#")[0])
    return unquote_plus(found[1]) if found else ""


def title_key(space: str, title: str) -> tuple[str, str]:
    """Bring a title into the form in which Confluence keeps it unique in a space."""
    return space.lower(), " ".join(title.split()).casefold()


def file_id(name: str) -> str | None:
    """Return the page id at the end of an exported file's name."""
    number = _ID_IN_FILE.search(name)
    return number[1] if number else None


def anchor(text: str, title: str) -> str:
    """Return our own name for an anchor, the same for all forms that Confluence gives it.

    Exports write "PageTitle-SomeHeading", Cloud's own pages "Some-Heading", and both change with the
    page's title or with the exporter; only the heading's letters and digits count here.
    """
    text = unquote(text)
    prefix = "".join(title.split()) + "-"
    for start in (prefix, "id-" + prefix):
        if text.startswith(start) and len(text) > len(start):
            text = text[len(start) :]
            break
    return _NO_WORD.sub("", text).lower()
