"""What an HTML and an XML export have in common once they were read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from connectors.confluence_export.asked import Cleaned
from syncd.model import Unlisted

EDITION = 1
"""Raise it whenever the same export comes to other fragments: every page is then read again."""

_SHOWN_ANCESTORS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of an export that may be published.

    Attributes:
        external_id: Confluence's page id, the same in both formats.
        member: the file of an HTML export; "" in an XML export.
        parent: id of the page or folder above it, published or not.
        digest: of all that the fragment is made from, noise left out as far as that is cheap.
    """

    external_id: str
    title: str
    space: str
    parent: str | None = None
    member: str = ""
    digest: str = ""
    labels: tuple[str, ...] = ()
    updated_at: datetime | None = None


class Created(NamedTuple):
    """When an export was made.

    Attributes:
        at: ISO 8601 without a zone, so that two of one kind compare as text.
        kind: where it is from: "xml", "footer" or "files"; times of different kinds do not compare.
    """

    at: str
    kind: str


class Export(Protocol):
    """One export, read as far as a listing needs."""

    @property
    def present(self) -> Sequence[str]:
        """Keys of all spaces in the export, wanted or not."""
        ...

    @property
    def spaces(self) -> Mapping[str, str]:
        """Key → name of the spaces that are wanted."""
        ...

    @property
    def created(self) -> Created:
        """When the export was made."""
        ...

    @property
    def pages(self) -> Mapping[str, Page]:
        """What may be published, by id."""
        ...

    @property
    def titles(self) -> Mapping[str, tuple[str, str | None]]:
        """Id → (title, parent) of everything that has a place in the tree."""
        ...

    @property
    def left_out(self) -> Sequence[Unlisted]:
        """What is not published, each with its reason."""
        ...

    @property
    def removed(self) -> Sequence[str]:
        """Ids of which the export itself says that they must not be online."""
        ...

    @property
    def count(self) -> int:
        """Current pages with a body in the wanted spaces, whatever labels and restrictions say."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What an operator should know of the export as a whole, "subject: what"."""
        ...

    def digest(self, page: Page) -> str:
        """Name all that the page's own fragment is made from; cheap noise is left out.

        Raises:
            ItemError: the page cannot be read.
        """
        ...

    def clean(self, page: Page) -> Cleaned:
        """Read a body and clean it; raises ItemError if that cannot be done without loss."""
        ...

    def holds(self, page: Page, uses: Mapping[str, str]) -> bool:
        """Whether what a fragment asked about other pages still has the same answers."""
        ...


def version_of(page: Page, cleaned: Cleaned) -> str:
    """Return the version of a page: a digest of all that `read` gives of it."""
    parts = [EDITION, page.title, cleaned.html, sorted(cleaned.links.items()), list(page.labels)]
    return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()[:32]


def people_path(page: Page, export: Export) -> str:
    """Return where a person finds a page: "Space / Parent / Title"; a very deep tree is cut."""
    above: list[str] = []
    seen = {page.external_id}
    parent = page.parent
    while parent is not None and parent not in seen and parent in export.titles:
        seen.add(parent)
        title, parent_of_it = export.titles[parent]
        if len(above) < _SHOWN_ANCESTORS:
            above.append(title)
        elif above[-1] != "\u2026":
            above.append("\u2026")
        parent = parent_of_it
    names = [export.spaces.get(page.space) or page.space, *reversed(above), page.title]
    return " / ".join(" ".join(name.split()) for name in names)


def published_parent(page: Page, export: Export) -> str | None:
    """Return the nearest page above that is published itself."""
    seen = {page.external_id}
    parent = page.parent
    while parent is not None and parent not in seen and parent in export.titles:
        if parent in export.pages:
            return parent
        seen.add(parent)
        parent = export.titles[parent][1]
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What of an export is wanted: the part of the settings that readers of both formats need."""

    spaces: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    include_labels: frozenset[str] = frozenset()
    exclude_labels: frozenset[str] = frozenset()
    publish_outside_index: bool = False
    publish_restricted: bool = False

    def wants(self, key: str) -> bool:
        """Whether a space is to be published."""
        return not self.spaces or key.lower() in {each.lower() for each in self.spaces}
