"""Where each page of a source is published, and which pages link to something that moved.

A document may say in its front matter where it is published, so what changed is read ahead: a link to it
has to be right in the same run, whichever of the two pages is rendered first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from syncd.connector import Snapshot
from syncd.errors import ItemError
from syncd.library import Library
from syncd.model import Document, Item, Record
from syncd.plan import Listing
from syncd.protocols import StateStore
from syncd.render import Rules
from syncd.render.addresses import Address, address_of
from syncd.render.inclusion import asked_for
from syncd.render.links import LinkIndex

READ_AHEAD_ITEMS = 200
"""Items that are announced and read in one go for their addresses."""

_WITH_FRONT_MATTER = (".md", ".mdx", ".markdown", ".html", ".htm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Where the pages of a source are published now.

    Attributes:
        urls: by external_id; None for a page without URL.
        aliases: of the pages whose documents were read ahead, by external_id.
        index: resolves the links to all of them.
        linking: external ids of pages with a link that leads elsewhere than when they were sent.
        documents: hashes of the documents that the pages were last made of, by external_id.
    """

    urls: Mapping[str, str | None] = field(default_factory=dict)
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    index: LinkIndex = field(default_factory=lambda: LinkIndex(()))
    linking: frozenset[str] = frozenset()
    documents: Mapping[str, str] = field(default_factory=dict)


def tells_address(item: Item) -> bool:
    """Whether the item's own text may say where it is published."""
    return item.url is None and item.path.lower().endswith(_WITH_FRONT_MATTER)


def read_addresses(
    snapshot: Snapshot, items: Sequence[Item], rules: Rules, library: Library
) -> dict[str, Address]:
    """Read where documents say that they are published. Blocking. One that cannot be read tells nothing.

    What they include is fetched on the way, in one go for all of them.
    """
    snapshot.prepare(items)
    found: dict[str, Address] = {}
    documents: list[Document] = []
    for item in items:
        try:
            document = snapshot.read(item)
        except ItemError:
            continue  # it fails when its turn comes, and keeps its place until then
        found[item.external_id] = address_of(document, rules)
        if asked_for(document, rules):
            documents.append(document)
    with suppress(ItemError):
        library.completed(documents, rules)
    return found


def publish(
    store: StateStore,
    source: str,
    *,
    listing: Listing,
    records: Mapping[str, Record],
    deleted: Collection[str],
    fresh: Mapping[str, str | None],
    aliases: Mapping[str, tuple[str, ...]],
    url_of: Callable[[Item], str | None],
) -> Published:
    """Put together where everything is published, and find the pages whose links lead elsewhere. Blocking.

    Args:
        deleted: external ids that go in this run.
        fresh: URLs of the items that will be rendered, as their settings and documents tell now.
        aliases: of those whose documents were read ahead.
        url_of: the URL of an item that is not published and not looked at: readers may find it all the same.
    """
    known = store.urls(source)
    urls = dict(fresh)
    for external_id, item in listing.items.items():
        if external_id not in urls:
            urls[external_id] = known[external_id] if external_id in known else url_of(item)
    # In one order, whatever the listing's: of two pages that claim one place, the same one has it each time.
    entries = [(each, listing.items[each].path, urls[each]) for each in sorted(listing.items)]
    # What is missing but not yet gone is still published, so links to it still lead somewhere.
    entries += [
        (each, each, known.get(each))
        for each in sorted(records)
        if each not in listing.items and each not in deleted and records[each].part_of is None
    ]
    names = [
        (external_id, alias)
        for alias, external_id in store.aliases(source)
        if external_id not in aliases and external_id not in deleted
    ]
    names += [(external_id, alias) for external_id, told in aliases.items() for alias in told]
    index = LinkIndex(entries, [(alias, external_id) for external_id, alias in sorted(names)])
    moved = {target for target, url in store.links(source) if index.resolve(target) != url}
    linking = frozenset(store.linking(source, moved)) if moved else frozenset()
    return Published(
        urls=urls,
        aliases=aliases,
        index=index,
        linking=linking,
        documents=store.source_hashes(source) if fresh else {},
    )
