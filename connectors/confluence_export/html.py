"""An HTML space export: index.html, one file for each page, and nothing else that counts.

What this format lacks cannot be respected: versions, labels, restrictions and drafts are not in it, and it
holds whatever the exporting person could see.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from html import unescape
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from lxml import etree
from lxml import html as lxml_html

from connectors.confluence_export.archive import Archive, Entry
from connectors.confluence_export.asked import Asked, Cleaned
from connectors.confluence_export.export import Choice, Created, Page
from connectors.confluence_export.fragment import DATA_URI, PARSED_BYTES
from connectors.confluence_export.index import (
    BODY,
    FORMATS,
    HREF,
    Space,
    date_of,
    decoded,
    find_spaces,
    footer_date,
    footer_span,
    moment_of,
    newest_file,
    plain,
)
from connectors.confluence_export.links import Links, Target, file_id, site_addresses
from connectors.confluence_export.rendered import RenderedWriter
from syncd.errors import ItemError, ListingIncomplete
from syncd.model import Unlisted

_TITLE = re.compile(rb'id="title-text"[^<>]{0,200}>(.{0,5000}?)</span>', re.DOTALL)
_FOLDER = "is a folder without a body"
_CRUMBS = re.compile(rb'id="breadcrumbs".{0,100000}?</ol>', re.DOTALL)
_BASE = re.compile(rb'data-base-url="(https?://[^"]{1,300})"')
_METADATA = re.compile(rb'class="page-metadata">(.{0,5000}?)</div>', re.DOTALL)
_CONTROLS = bytes([*range(9), 11, 12, *range(14, 32)])
# What moves between two exports of an unchanged page. A page that differs in other noise is only
# cleaned again, and its version is a digest of what comes out.
_NOISE = tuple(
    (marker, re.compile(pattern))
    for marker, pattern in (
        (b"rbtoc", rb"rbtoc\d+"),
        (b"expander-", rb"expander-(?:control-|content-)?\d+"),
        (b"data-linked-resource-", rb'data-linked-resource-(?:container-)?version="[^"]{0,40}"'),
        (b"data-client-id", rb'data-client-id="[^"]{0,100}"'),
        (b"data-unresolved", rb'data-unresolved-comment-count="[^"]{0,40}"'),
        (b'="ap-', rb'="ap-[^"]{0,300}"'),
        (b'="embedded-', rb'="embedded-[^"]{0,300}"'),
    )
)


class _File(NamedTuple):
    """What a scan knows of one file; it is remembered between runs."""

    digest: str
    title: str
    footer: str
    parent: str | None
    hosts: tuple[str, ...]
    sites: tuple[str, ...]  # "host key id" of every address that looks like a page's
    has_body: bool
    changed: str


_SITES = _File._fields.index("sites")
_FOOTER = _File._fields.index("footer")

Scanned = tuple[str, Any, str]
"""(token, what was seen, digest of all but the footer's date): a file as an earlier run remembers it."""


class HtmlExport:
    """All spaces of one HTML export."""

    def __init__(self, archive: Archive, choice: Choice, scanned: dict[str, Scanned]) -> None:
        """Read the indexes, and every page that is not known by its token.

        Args:
            scanned: what an earlier run saw, by file name; brought up to date here.

        Raises:
            SourceUnavailable: this is no such export, not the wanted one, or not whole.
        """
        self._archive = archive
        self._choice = choice
        self._scanned = scanned
        self.notes: list[str] = [f"{name}: {reason}" for name, reason in archive.passed_over]
        self._left_out: dict[str, Unlisted] = {}
        self.removed: tuple[str, ...] = ()
        self.pages: dict[str, Page] = {}
        self.titles: dict[str, tuple[str, str | None]] = {}
        self._files: dict[str, str] = {}
        self._hosts = set(choice.hosts)
        self._owners: dict[str, tuple[str, bool, str]] = {}  # id → (file, in the index, footer)
        spaces = list(find_spaces(archive))
        self.present = tuple(space.key for space in spaces)
        chosen = [space for space in spaces if choice.wants(space.key)]
        for space in chosen:
            self._scan(space)
        self._keep_scanned()
        self._refuse_bodiless()
        self._learn_hosts()
        self.created = self._when(chosen)
        self.spaces = {space.key: space.name for space in chosen}
        homes: dict[str, str] = {}
        for space in chosen:
            if space.home is not None:
                homes[space.key.lower()] = space.home
                homes[f"/{space.folder}/" if space.folder else "/"] = space.home
        self.links = Links(
            [Target(page.external_id, page.title, page.space) for page in self.pages.values()],
            files=self._files,
            homes=homes,
            hosts=self._hosts,
        )

    def digest(self, page: Page) -> str:
        """See Export."""
        # Which hosts are the site's own decides which links stay.
        return page.digest + " " + " ".join(sorted(self._hosts))

    def holds(self, page: Page, uses: Mapping[str, str]) -> bool:
        """See Export."""
        asked = Asked(self.links, folder=page.member.rpartition("/")[0] + "/" if "/" in page.member else "")
        return all(asked.same(question, answer) for question, answer in uses.items())

    def clean(self, page: Page) -> Cleaned:
        """See Export."""
        data = self._archive.read(page.member)
        root = _parse(data, page.member)
        bodies = root.xpath('//*[@id="main-content"]')
        if not bodies:
            raise ItemError(f"{page.member} has no body any more")
        folder = page.member.rpartition("/")[0]
        asked = Asked(self.links, folder=folder + "/" if folder else "")
        return RenderedWriter(asked, page.title).clean(bodies[0])

    def _scan(self, space: Space) -> None:
        prefix = space.folder + "/" if space.folder else ""
        files = {
            name: entry
            for name, entry in self._archive.entries.items()
            if name.startswith(prefix) and "/" not in name[len(prefix) :] and name.lower().endswith(".html")
        }
        files.pop(prefix + "index.html", None)
        by_id = {number: name for name in files if (number := file_id(name)) is not None}
        indexed: dict[str, str] = {}  # file → href
        missing = 0
        for href, (title, _) in space.indexed.items():
            # Cloud writes names with literal percent escapes to disk, so the href as it stands comes first.
            found = next((prefix + form for form in (href, unquote(href)) if prefix + form in files), None)
            number = file_id(href) or file_id(unquote(href))
            found = found or by_id.get(number or "")
            if found is not None:
                indexed[found] = href
                continue
            missing += 1
            if number is not None:
                reason = f"{title!r} is in the index of {space.key}, but its file is not in the export"
                self._left_out[number] = Unlisted(number, reason)
        if missing > 5 and missing * 2 > len(space.indexed):
            raise ListingIncomplete(
                f"{missing} of the {len(space.indexed)} pages in the index of {space.key} have no file in "
                f"{self._archive.name}: it is not whole. Nothing was changed; copy or export it again."
            )
        for name in sorted(files, key=lambda each: (each not in indexed, each)):
            self._add(space, name, files[name], indexed.get(name))

    def _add(self, space: Space, name: str, entry: Entry, href: str | None) -> None:
        number = file_id(name)
        if number is None:
            self.notes.append(f"{name}: a file without a page id in its name")
            return
        try:
            file = self._file(name, entry)
        except ItemError as error:
            self._left_out.setdefault(number, Unlisted(number, str(error)))
            return
        self._hosts.update(file.hosts)
        owner = self._owners.get(number)
        if owner is not None:
            # After a rename, an export unpacked over an older one leaves two files for one page.
            if not _wins(file.footer, href is not None, owner):
                self.notes.append(f"{name}: an older file of page {number}, which is also {owner[0]}")
                return
            self.notes.append(f"{owner[0]}: an older file of page {number}, which is also {name}")
        self._owners[number] = (name, href is not None, file.footer)
        self.pages.pop(number, None)
        self._left_out.pop(number, None)
        self._files[name] = number
        listed, above = space.indexed[href] if href is not None else ("", None)
        parent = file_id(unquote(above)) if above is not None else None
        title = _own_title(file.title, space.name, listed) or number
        self.titles[number] = (title, parent if href is not None else file.parent)
        if href is None and space.indexed and not self._choice.publish_outside_index:
            reason = f"{title!r} lies in the export, but the index of {space.key} does not name it"
            self._left_out[number] = Unlisted(number, reason, True)
        elif not file.has_body:
            self._left_out[number] = Unlisted(number, f"{title!r} {_FOLDER}", True)
        else:
            self.pages[number] = Page(
                external_id=number,
                title=title,
                space=space.key,
                parent=self.titles[number][1],
                member=name,
                digest=file.digest,
                updated_at=datetime.fromisoformat(file.changed) if file.changed else None,
            )

    def _file(self, name: str, entry: Entry) -> _File:
        known = self._scanned.get(name)
        if known is not None and known[0] == entry.token:
            return _File(*known[1])
        data = self._archive.read(name)
        # A new export writes its date into each page: where nothing else moved, nothing else is looked for.
        start, end = footer_span(data)
        hashed = hashlib.sha256(data[:start])
        hashed.update(data[end:])
        rest = hashed.hexdigest()
        if start and known is not None and known[2] == rest:
            seen = known[1]
            file = _File(*(*seen[:_FOOTER], date_of(data[start:end]), *seen[_FOOTER + 1 :]))
        else:
            file = _look(data, name)
        self._scanned[name] = (entry.token, file, rest)
        return file

    def _refuse_bodiless(self) -> None:
        bare = sum(
            1
            for number in self._owners
            if number not in self.pages and self._left_out[number].reason.endswith(_FOLDER)
        )
        if bare > 5 and bare > len(self.pages):
            raise ListingIncomplete(
                f"{bare} of the {bare + len(self.pages)} pages in {self._archive.name} have no body: the "
                "export is not whole, or of a Confluence that is not known. Nothing was changed."
            )

    def _learn_hosts(self) -> None:
        # A host is the site's own if it has a page of this export under the same key and id.
        for page in self.pages.values():
            for site in self._scanned[page.member][1][_SITES]:
                host, key, number = site.split(" ")
                target = self.pages.get(number)
                if target is not None and target.space == key:
                    self._hosts.add(host)

    def _keep_scanned(self) -> None:
        for name in set(self._scanned) - set(self._archive.entries):
            del self._scanned[name]

    def _when(self, spaces: list[Space]) -> Created:
        footers = [space.made for space in spaces if space.made]
        if footers:
            return Created(max(footers), "footer")
        footers = [footer for _, _, footer in self._owners.values() if footer]
        if footers:
            return Created(max(footers), "footer")
        return Created(newest_file(self._archive), "files")

    @property
    def left_out(self) -> list[Unlisted]:
        """See Export."""
        return list(self._left_out.values())

    @property
    def count(self) -> int:
        """See Export."""
        return len(self.pages)


def _look(data: bytes, name: str) -> _File:
    """Read what a listing needs of a page without parsing it."""
    text = decoded(data, name)
    start = data.find(BODY)
    end = data.rfind(b'<div id="footer"')
    title = _TITLE.search(data)
    shown = title[1].decode() if title else ""
    body = data[start : end if end > start else len(data)] if start >= 0 else b""
    for tag in (b"script", b"style"):
        body = _without(body, b"<" + tag, b"</" + tag + b">")
    for marker, pattern in _NOISE:
        if marker in body:
            body = pattern.sub(b"", body)
    digest = hashlib.sha256(shown.encode() + b"\0" + body).hexdigest()[:32]
    crumbs = _CRUMBS.search(data)
    parents = HREF.findall(crumbs[0].decode()) if crumbs else []
    parent = file_id(unquote(unescape("".join(parents[-1])))) if parents else None
    hosts = {urlsplit(base.decode()).hostname or "" for base in _BASE.findall(data)}
    return _File(
        digest=digest,
        title=plain(shown),
        footer=footer_date(data),
        parent=parent,
        hosts=tuple(sorted(hosts - {""})),
        sites=tuple(sorted(" ".join(site) for site in site_addresses(text))),
        has_body=start >= 0,
        changed=_changed(data),
    )


def _without(data: bytes, opening: bytes, closing: bytes) -> bytes:
    """Return data without the elements between these marks."""
    parts = []
    at = 0
    while (start := data.find(opening, at)) >= 0:
        end = data.find(closing, start)
        if end < 0:
            break
        parts.append(data[at:start])
        at = end + len(closing)
    parts.append(data[at:])
    return b"".join(parts)


def _changed(data: bytes) -> str:
    """Return the day of the last change as ISO 8601; "" if it is written in no known form."""
    metadata = _METADATA.search(data)
    if metadata is None:
        return ""
    day = plain(metadata[1].decode()).rpartition(" on ")[2]
    for form in FORMATS:
        moment = moment_of(day, form.partition(" %H")[0])
        if moment is not None:
            return moment.replace(tzinfo=UTC).isoformat()
    return ""


def _own_title(shown: str, space_name: str, listed: str) -> str:
    """Return the page's title out of "Space name : Title"; a title may hold " : " itself."""
    prefix = space_name + " : "
    if shown.startswith(prefix):
        return shown[len(prefix) :]
    if listed and shown.endswith(listed):
        return listed
    return shown.partition(" : ")[2] or shown


def _wins(footer: str, indexed: bool, owner: tuple[str, bool, str]) -> bool:
    """Whether a file takes the place of another one of the same page: the index decides, then the date."""
    return footer > owner[2] if indexed == owner[1] else indexed


def _parse(data: bytes, name: str) -> etree._Element:
    # Pictures can be written into a page as text; nothing of them is published.
    data = DATA_URI.sub(b"data:,", data) if b"data:" in data else data
    if len(data) > PARSED_BYTES:
        raise ItemError(f"{name} holds {len(data)} bytes of markup, more than {PARSED_BYTES}")
    parser = lxml_html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    root = lxml_html.document_fromstring(data.translate(None, _CONTROLS).lstrip(), parser=parser)
    if root is None:
        raise ItemError(f"{name} is empty")
    return root
