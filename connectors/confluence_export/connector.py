"""Confluence space exports, HTML and XML, as a source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Literal
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from connectors.confluence_export.archive import Archive
from connectors.confluence_export.asked import Cleaned
from connectors.confluence_export.choose import Candidate, open_newest
from connectors.confluence_export.export import (
    EDITION,
    Choice,
    Export,
    Page,
    people_path,
    published_parent,
    version_of,
)
from connectors.confluence_export.html import HtmlExport
from connectors.confluence_export.memory import Facts, Known, Memory
from connectors.confluence_export.xml import XmlExport
from syncd.connector import LOCAL, Connector, Context, Snapshot
from syncd.errors import ItemError, SourceUnavailable
from syncd.model import Document, Item, Unlisted

_SCOPE = {"spaces", "labels", "outside_index", "restricted"}


class LabelFilter(BaseModel):
    """Which pages are wanted by their labels. Only an XML export has labels."""

    model_config = ConfigDict(extra="forbid")

    include: list[str] = Field(
        default_factory=list, description="Publish only pages with one of these labels."
    )
    exclude: list[str] = Field(
        default_factory=list, description="Never publish pages with one of these labels."
    )


class ConfluenceExportSettings(BaseModel):
    """The part of a source's configuration that names a Confluence export."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(
        json_schema_extra=LOCAL,
        description="The exported zip, the folder it was unpacked into, or a folder of dated exports, of "
        "which the newest complete one is taken. Relative to the configuration file.",
    )
    format: Literal["auto", "html", "xml"] = Field("auto", description="What kind of export it has to be.")
    spaces: list[str] = Field(default_factory=list, description="Space keys to publish; all spaces if empty.")
    labels: LabelFilter = Field(default_factory=LabelFilter)
    site_url: str | None = Field(
        None,
        description="Where readers find the site, such as https://acme.atlassian.net/wiki; pages get URLs.",
    )
    site_aliases: list[str] = Field(
        default_factory=list, description="Other hosts under which links name the site, older ones above all."
    )
    url_style: Literal["auto", "cloud", "server"] = Field(
        "auto", description="How page URLs are written; auto tells by the host."
    )
    outside_index: Literal["skip", "publish"] = Field(
        "skip", description="What happens with pages of an HTML export that its index does not name."
    )
    restricted: Literal["skip", "publish"] = Field(
        "skip",
        description="View-restricted pages of an XML export: publish them only to those who may see them.",
    )
    allow_older: bool = Field(False, description="Accept an export made before the last one.")
    allow_fewer: bool = Field(
        False, description="Accept an export with less than half of the last one's pages."
    )

    def hosts(self) -> tuple[str, ...]:
        """Return the host names of the site, without ports."""
        named = [self.site_url or "", *self.site_aliases]
        found = (urlsplit(each if "//" in each else "//" + each).hostname for each in named)
        return tuple(sorted({host for host in found if host}))


def open_connector(settings: ConfluenceExportSettings, context: Context) -> Connector:
    """Return the connector for one configured export; nothing is opened yet."""
    return ConfluenceExport(settings, context)


class ConfluenceExport:
    """One configured export: a file or folder that is replaced from time to time."""

    def __init__(self, settings: ConfluenceExportSettings, context: Context) -> None:
        self._settings = settings
        self._context = context

    @contextmanager
    def open(self) -> Iterator[Snapshot]:
        """Take one view of the newest complete export; see Connector.

        Raises:
            SourceUnavailable: it is no export, not whole, of another space, older or much smaller than the
                last one. Nothing of it was listed.
        """
        settings = self._settings
        memory = Memory(self._context.cache)

        def read(candidate: Candidate, stack: ExitStack) -> ExportSnapshot:
            return ExportSnapshot(settings, candidate, memory, stack)

        with open_newest(self._context.base / settings.path, read, format=settings.format) as snapshot:
            yield snapshot


class ExportSnapshot(Snapshot):
    """One export, checked against the last one."""

    def __init__(
        self, settings: ConfluenceExportSettings, candidate: Candidate, memory: Memory, stack: ExitStack
    ) -> None:
        self._settings = settings
        self._memory = memory
        self._archive: Archive = candidate.archive
        self._passed_over = candidate.passed_over
        memory.load_pages()
        choice = Choice(
            spaces=tuple(settings.spaces),
            hosts=settings.hosts(),
            include_labels=frozenset(label.lower() for label in settings.labels.include),
            exclude_labels=frozenset(label.lower() for label in settings.labels.exclude),
            publish_outside_index=settings.outside_index == "publish",
            publish_restricted=settings.restricted == "publish",
        )
        self._export: Export
        if candidate.format == "html":
            if settings.labels.include or settings.labels.exclude:
                raise SourceUnavailable(
                    f"{self._archive.name} is an HTML export, which has no labels, and the source filters by "
                    "label. Export as XML, or take the filter away."
                )
            self._export = HtmlExport(self._archive, choice, memory.scanned)
        else:
            self._export = stack.enter_context(XmlExport(self._archive, choice, memory))
        self._check()

    @property
    def revision(self) -> str:
        """Names the archive's state, the settings and the way of cleaning."""
        return f"{EDITION}-{_digest(self._archive.name, self._archive.token, _fingerprint(self._settings))}"

    @property
    def identity(self) -> str:
        """The space keys, and the site if it is configured."""
        host = urlsplit(self._settings.site_url or "").hostname
        return "confluence:" + ",".join(sorted(self._export.spaces)) + (f"@{host}" if host else "")

    def items(self) -> Iterator[Item | Unlisted]:
        """Name every page of the export, and everything that was left out, with the reason."""
        export = self._export
        every = {number: self._known(page) for number, page in export.pages.items()}
        with_text = sum(1 for known in every.values() if known.version)
        self._refuse_fewer(with_text, "with text")
        for page in export.pages.values():
            known = every[page.external_id]
            if not known.version:
                yield Unlisted(page.external_id, f"{page.title!r} has no text to publish", True)
                continue
            yield Item(
                external_id=page.external_id,
                version=known.version,
                path=people_path(page, export),
                parent=published_parent(page, export),
                url=self._url(page),
            )
        yield from export.left_out
        for note in (*self._passed_over, *export.notes):
            yield Unlisted(f"export:{note.partition(':')[0]}", note.partition(": ")[2] or note, True)
        for number in set(self._memory.known) - set(export.pages):
            del self._memory.known[number]
        self._memory.save_pages()
        self._memory.save_facts(Facts(export.created, tuple(sorted(export.spaces)), with_text, self._scope))

    def removed(self, since: str) -> Iterable[str]:
        """Pages of which the export itself says that they are deleted, archived or not for everybody."""
        return self._export.removed

    def prepare(self, items: Sequence[Item]) -> None:
        """Nothing is fetched ahead: every body lies on this machine."""

    def read(self, item: Item) -> Document:
        """Clean one page; see Snapshot."""
        page = self._export.pages.get(item.external_id)
        if page is None:
            raise ItemError(f"the export has no page {item.external_id}")
        cleaned = self._export.clean(page)
        return Document(
            external_id=page.external_id,
            version=version_of(page, cleaned),
            path=people_path(page, self._export),
            body=cleaned.html,
            media_type="text/html",
            title=page.title,
            url=self._url(page),
            labels=page.labels,
            updated_at=page.updated_at,
            links=cleaned.links,
            warnings=tuple(_warnings(cleaned)),
        )

    def _known(self, page: Page) -> Known:
        """Return what cleaning the page comes to, from memory where nothing moved."""
        digest = _digest(page.title, ",".join(page.labels), self._export.digest(page))
        known = self._memory.known.get(page.external_id)
        if known is not None and known.digest == digest and self._export.holds(page, known.uses):
            return known
        try:
            cleaned = self._export.clean(page)
            version = version_of(page, cleaned) if cleaned.html else ""
            known = Known(digest, version, cleaned.uses)
        except ItemError:
            # It exists, so it is listed, and reading it says what is wrong. The fault may pass, so it is
            # not remembered.
            return Known(digest, "failed-" + digest, {})
        self._memory.known[page.external_id] = known
        return known

    def _url(self, page: Page) -> str | None:
        site = (self._settings.site_url or "").rstrip("/")
        if not site:
            return None
        style = self._settings.url_style
        if style == "auto":
            host = urlsplit(site).hostname or ""
            style = "cloud" if host.endswith((".atlassian.net", ".jira.com")) else "server"
        if style == "server":
            return f"{site}/pages/viewpage.action?pageId={page.external_id}"
        if not urlsplit(site).path:
            site += "/wiki"
        return f"{site}/spaces/{quote(page.space, safe='~')}/pages/{page.external_id}"

    def _check(self) -> None:
        """Refuse an export that cannot stand for what the last one stood for."""
        export, settings, name = self._export, self._settings, self._archive.name
        keys = set(export.spaces)
        absent = {key for key in settings.spaces if key.lower() not in {each.lower() for each in keys}}
        if absent or not keys:
            raise SourceUnavailable(
                f"{name} does not hold space {', '.join(sorted(absent)) or 'any'}; it holds "
                f"{', '.join(sorted(export.present)) or 'none'}. Export that space, or change `spaces`."
            )
        if export.count == 0:
            raise SourceUnavailable(
                f"{name} holds no page with a body, which is suspicious. Nothing was changed; export again."
            )
        last = self._memory.facts
        if last is None:
            return
        gone = set(last.spaces) - keys
        if gone and not settings.spaces:
            raise SourceUnavailable(
                f"{name} holds space {', '.join(sorted(keys))}; the last export held "
                f"{', '.join(sorted(last.spaces))}. If that is wanted, name the spaces in `spaces`."
            )
        older = export.created.kind == last.created.kind and export.created.at < last.created.at
        if older and not settings.allow_older:
            raise SourceUnavailable(
                f"{name} was made {export.created.at}, before the last one ({last.created.at}). "
                "Give the newer export, or set `allow_older: true`."
            )
        self._refuse_fewer(export.count, "with a body")

    @property
    def _scope(self) -> str:
        """Names the settings that decide which pages are published."""
        return _digest(self._settings.model_dump_json(include=_SCOPE), *sorted(self._export.spaces))

    def _refuse_fewer(self, count: int, what: str) -> None:
        """Refuse an export that has lost most pages, or most of their text, since the last one."""
        last = self._memory.facts
        if last is None or self._settings.allow_fewer or last.scope != self._scope:
            return
        if last.pages - count >= 5 and count * 2 < last.pages:
            raise SourceUnavailable(
                f"{self._archive.name} has {count} pages {what}, the last export had {last.pages}: it looks "
                "partial. Export the whole space, or set `allow_fewer: true`."
            )


def _fingerprint(settings: ConfluenceExportSettings) -> str:
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _warnings(cleaned: Cleaned) -> Iterator[str]:
    for name in sorted(cleaned.dropped):
        yield f"macro {name!r} has no text in the export and was left out"
    if cleaned.lost_links:
        yield f"{cleaned.lost_links} link(s) to no page of the export keep their text alone"
