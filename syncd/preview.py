"""One page as Fin would get it, made anew from its source. Nothing is sent, and nothing is recorded."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from typing import NamedTuple

from syncd.changes import page_of
from syncd.library import Library
from syncd.linking import Published
from syncd.model import Document, Draft, Item, Page
from syncd.plan import Listing
from syncd.render.addresses import address_of
from syncd.render.links import LinkIndex
from syncd.survey import Source, list_items, told_by


class Preview(NamedTuple):
    """A page with what it was made of; the draft and not the page is compared with the document.

    `parts`: what comes after the first part of a long page.
    """

    page: Page
    document: Document
    draft: Draft
    parts: tuple[Page, ...] = ()


class Read(NamedTuple):
    """A document as its source has it now; `source` is fitted to what was found there."""

    source: Source
    item: Item
    document: Document
    listing: Listing


def read_item(source: Source, wanted: Container[str | None]) -> Read | None:
    """Read the first item whose external id or path is wanted; None if the source has none. Blocking.

    Raises:
        SourceError: the source cannot be opened or listed.
        PageError: the item cannot be read.
    """
    with source.connector.open() as snapshot:
        listing = list_items(snapshot)
        items = listing.items
        item = next((one for one in items.values() if one.external_id in wanted or one.path in wanted), None)
        if item is None:
            return None
        source = source.fitted_to(snapshot)
        source = replace(source, rules=told_by(snapshot, source.rules))
        snapshot.prepare([item])
        return Read(source, item, Library(snapshot, listing).whole(item, source.rules), listing)


def assembled(read: Read, draft: Draft) -> Preview:
    """Return the page of a rendered document, its links resolved as a sync would do it."""
    source, item, document, listing = read
    published = Published(
        urls={item.external_id: source.url_of(item, address_of(document, source.rules))},
        index=LinkIndex((one.external_id, one.path, source.url_of(one)) for one in listing.items.values()),
    )
    made = page_of(source, item, document, draft, published)
    return Preview(made.page, document, draft, made.parts)
