"""The values that flow through a run, from what a listing names to what Intercom confirmed.

All are immutable. `Item` and `Record` are named tuples and not dataclasses, because a run makes one
for each page that exists, changed or not, and a tuple is built five times as fast; every other value
is made only for what changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

MOST_ID_BYTES = 1000
"""Bytes of an external id at most. PostgreSQL takes 2,704 in an entry of an index, which holds an id and what
a link of it names."""

_PREFIX_BYTES = len("included:")


class Item(NamedTuple):
    """What a listing names: one thing that an origin has now, not read yet.

    Attributes:
        external_id: the origin's own identifier; unique in the source, stable across edits.
        version: a cheap token that changes whenever the content may have changed.
        path: where a person finds it in the origin; also the base of its relative links.
        parent: external_id of the item above it, if the origin has a hierarchy.
        url: where a reader finds it, if the origin knows that without reading.
    """

    external_id: str
    version: str
    path: str
    parent: str | None = None
    url: str | None = None


def is_id(name: str) -> bool:
    """Whether a name is short enough for an external id."""
    return len(name.encode(errors="backslashreplace")) <= MOST_ID_BYTES


def may_name(target: str) -> bool:
    """Whether what a link names is short enough for an external id, with a prefix before it."""
    return len(target.encode(errors="backslashreplace")) <= MOST_ID_BYTES + _PREFIX_BYTES


class Unlisted(NamedTuple):
    """A scope that could not be seen: nothing in it is deleted.

    Attributes:
        scope: "" for everything; "guides/" for all external ids that begin so; else one external_id.
        reason: why, in words for the operator.
        skipped: True for an item that was seen and left out on purpose (a draft, a link that leaves the
            root): it is reported with its reason, and it does not count as existing.
    """

    scope: str
    reason: str
    skipped: bool = False

    def covers(self, external_id: str) -> bool:
        """Whether the item of that id lies in the scope."""
        if self.scope == "" or self.scope == external_id:
            return True
        return self.scope.endswith("/") and external_id.startswith(self.scope)


class Included(NamedTuple):
    """Another file of an origin that a page takes text from.

    Attributes:
        path: relative to the source's root; "../" leads above it, within the origin.
        version: a cheap token that changes whenever the text may have changed.
        text: decoded.
    """

    path: str
    version: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document as its origin has it.

    Attributes:
        external_id: as listed.
        version: of what was read; differs from the listed one if the item changed in between.
        path: base of relative links, "/"-separated, relative to the source's root.
        body: the text, decoded, in `media_type`.
        media_type: text/markdown, text/html or text/plain.
        title: as the origin knows it; None leaves it to the text and the file name.
        url: where a reader finds it, if the origin says so; None leaves it to the source's `page_url`.
        labels: the origin's own labels.
        locale: language tag; None for the source's default.
        updated_at: the last change as the origin tells it, with a zone.
        links: href as it stands in the body → external_id of the item it names, for links that only
            the connector understands; plain relative links need no entry.
        warnings: what a person should know of how it was read, one sentence each.
        included: what was looked for to be put in, by the name it was looked for under; None for what the
            origin has not, or must not give. Connectors leave it empty.
    """

    external_id: str
    version: str
    path: str
    body: str
    media_type: str
    title: str | None = None
    url: str | None = None
    labels: tuple[str, ...] = ()
    locale: str | None = None
    updated_at: datetime | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    included: Mapping[str, Included | None] = field(default_factory=dict)


class Link(NamedTuple):
    """One link of a page to another page of its source, before resolving.

    Attributes:
        target: "path:guides/a.md" relative to the root, "id:123" for an external_id, "site:/docs/a" for a
            path on the published site, or "wiki:Name". Several, one a line, where a link can be read in
            several ways: the first that leads to a page counts. The key under which it is remembered.
        fragment: what follows "#", without it; "" for none.
    """

    target: str
    fragment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Where one more part of a long page begins.

    Attributes:
        key: names the section among those of its page: what follows "#" in the part's external_id. Made of
            the words of its heading and of those above it, so that it does not depend on other sections.
        title: of the page and of the sections in which it stands, down to its own heading.
        fragment: id of its heading; "" for none.
        start: index of its first character in the draft's HTML.
    """

    key: str
    title: str
    fragment: str
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A rendered document whose links to other pages are still open.

    Attributes:
        title: plain text, one line.
        html: a sanitised fragment; an open link stands as `<a href="link:N">`, N an index of `links`.
        links: the targets of the open links.
        sections: where a long page is cut into parts; the first part has what stands before them.
        url: where a reader finds the page, if the document itself said so (front matter).
        warnings: what a person should know, one sentence each.
    """

    title: str
    html: str
    links: tuple[Link, ...] = ()
    sections: tuple[Section, ...] = ()
    url: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """Which of Intercom's agents may use a page; None leaves the flag out of the request."""

    ai_agent: bool | None = None
    ai_copilot: bool | None = None
    ai_sales_agent: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One External Page, as Intercom should show it.

    Attributes:
        external_id: the source's own identifier; unique in the source, stable across edits.
        title: plain text.
        html: a sanitised fragment, without <html> or <body>.
        url: where a reader finds the original; None hides the reference.
        locale: language code; API versions up to 2.16 know only "en".
        availability: flags to enforce at each write; None respects what people switched in Intercom.
    """

    external_id: str
    title: str
    html: str
    url: str | None = None
    locale: str = "en"
    availability: Availability | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Intercom's confirmation of a write.

    Attributes:
        page_id: Intercom's id of the page; a delete needs this one.
        remote_digest: digest of the title, html and url that the answer showed, so that a later
            listing can be compared with it even if Intercom normalises what it stores.
        unsure: an earlier try of the same write got no answer, and may take effect after this one.
        written_at, ingested_at: when the page was written, and last read in for Fin, in Unix seconds of
            Intercom's clock; None where the answer does not tell.
    """

    page_id: str
    remote_digest: str
    unsure: bool = False
    written_at: float | None = None
    ingested_at: float | None = None


class RemotePage(NamedTuple):
    """One page as the import source shows it.

    Attributes:
        external_id: "" for a page that somebody made without one.
        remote_digest: of its title, html and url.
        availability: its flags; None where the answer does not tell.
        ingested_at: as in Receipt.
    """

    page_id: str
    external_id: str
    remote_digest: str
    title: str = ""
    locale: str = "en"
    availability: Availability = Availability()
    ingested_at: float | None = None


class Ingestion(NamedTuple):
    """One write that Intercom acknowledged, and when it read the page in for Fin.

    Attributes:
        written_at: as in Receipt.
        ingested_at: Unix seconds of Intercom's clock; None: not yet, when it was last asked.
    """

    external_id: str
    page_id: str
    written_at: float
    ingested_at: float | None


def ingested(written_at: float, ingested_at: float | None) -> float | None:
    """When a page was read in as it was written at that moment; None if what was read in is older."""
    return None if ingested_at is None or ingested_at < written_at else ingested_at


class RecordState(StrEnum):
    """Where one row stands."""

    PENDING = "pending"  # an intent was committed, no acknowledgement yet
    LIVE = "live"  # acknowledged
    QUARANTINED = "quarantined"  # parked with a reason; what Intercom has stays
    SKIPPED = "skipped"  # left out on purpose and never published, with a reason
    DELETING = "deleting"  # a delete was intended, no acknowledgement yet
    SURPLUS = "surplus"  # a part that its page no longer has; it is to be deleted
    TOMBSTONE = "tombstone"  # deleted, remembered until no late request can land any more


class Record(NamedTuple):
    """What syncd last delivered for one external_id: only what a plan needs.

    Attributes:
        version: of the item when it was last compared or parked.
        state: see RecordState.
        content_hash: of the last acknowledged content; None if none was acknowledged yet.
        page_id: Intercom's id; None until an answer told it.
        rules: key of the rendering rules under which it was last compared.
        absences: complete listings in a row that did not name it.
        absent_since: Unix seconds of the first of those.
        ambiguous_at: Unix seconds of the last request without a valid answer; 0 for an item that was
            absent and came back. Until it is compared, it is in doubt what Intercom shows.
        part_of: external_id of the long page whose further part it is; None for every other page. No
            listing names a part: it stands and falls with its page.
        retry_at: Unix seconds from which on it is looked at again if it is parked; None: once it changes.
    """

    external_id: str
    version: str
    state: str
    content_hash: str | None = None
    page_id: str | None = None
    rules: str = ""
    absences: int = 0
    absent_since: float | None = None
    ambiguous_at: float | None = None
    part_of: str | None = None
    retry_at: float | None = None

    @property
    def may_be_published(self) -> bool:
        """Whether Intercom has a page for it, or may have one after a lost answer."""
        return self.page_id is not None or self.state in (
            RecordState.PENDING,
            RecordState.DELETING,
            RecordState.SURPLUS,
        )


class Doubt(NamedTuple):
    """A row of which it is not sure what Intercom shows, or a tombstone.

    Attributes:
        since: Unix seconds: as `Record.ambiguous_at`, or for a tombstone without it when it became one.
        ambiguous: a request may have been, or may yet be, applied without a word of it.
    """

    external_id: str
    state: str
    page_id: str | None
    remote_digest: str | None
    since: float
    ambiguous: bool


class Action(StrEnum):
    """What was done, refused or decided; the word an operator reads in the audit trail."""

    CREATE = "create"
    UPDATE = "update"
    ADOPT = "adopt"
    DELETE = "delete"
    HOLD = "hold"
    FAIL = "fail"
    SKIP = "skip"
    APPROVE = "approve"
    REJECT = "reject"
    FREEZE = "freeze"
    RELEASE = "release"
    TAKEDOWN = "takedown"
    RESTORE = "restore"
    RETRY = "retry"
    RENAME = "rename"


class Result(StrEnum):
    """How a run, or a whole command, ended."""

    OK = "ok"
    PARTIAL = "partial"
    HELD = "held"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one run of one source did: the counts of `syncd sync --json`.

    `error_kind`: class of the error that ended it, or "Stopped"; None if it reached its end.
    """

    name: str
    result: Result = Result.OK
    error: str | None = None
    error_kind: str | None = None
    listed: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    held: int = 0
    failed: int = 0
    skipped: int = 0
    missing: int = 0
    renamed: int = 0
    drifted: int = 0
    requests: int = 0
    seconds: float = 0.0
