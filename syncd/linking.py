"""Where each page of a source is published, and which pages link to something that moved.

A document may say in its front matter where it is published, so what changed is read ahead: a link to it
has to be right in the same run, whichever of the two pages is rendered first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from syncd.connector import Snapshot
from syncd.digest import source_hash
from syncd.errors import ItemError
from syncd.library import Library
from syncd.model import Document, Item, Record
from syncd.plan import Listing
from syncd.protocols import StateStore
from syncd.render import Rules
from syncd.render.addresses import Address, address_of
from syncd.render.inclusion import asked_for
from syncd.render.links import LinkIndex

READ_AHEAD_ITEMS = 1000
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
    """

    urls: Mapping[str, str | None] = field(default_factory=dict)
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    index: LinkIndex = field(default_factory=lambda: LinkIndex(()))
    linking: frozenset[str] = frozenset()


def tells_address(item: Item) -> bool:
    """Whether the item's own text may say where it is published."""
    return item.url is None and item.path.lower().endswith(_WITH_FRONT_MATTER)


@dataclass(frozen=True, slots=True)
class Ahead:
    """What reading ahead told, by external_id.

    Attributes:
        addresses: where documents say that they are published.
        same: versions of the documents that are as they were when their pages were made, and would come
            out the same again: as after a fresh clone, where every file is new and nothing is.
    """

    addresses: dict[str, Address] = field(default_factory=dict)
    same: dict[str, str] = field(default_factory=dict)


def read_ahead(
    snapshot: Snapshot,
    items: Sequence[Item],
    rules: Rules,
    library: Library,
    made_of: Mapping[str, tuple[str, str | None]],
    ahead: Ahead,
) -> None:
    """Read documents for what has to be known of all of them first. Blocking.

    One that cannot be read tells nothing. What they include is fetched on the way, in one go for all of them.

    Args:
        made_of: external_id → (hash of the document that the page was made of, its URL), of pages that are
            as they should be under these rules.
        ahead: where to put what was told.
    """
    snapshot.prepare(items)
    documents: list[Document] = []
    for item in items:
        try:
            document = snapshot.read(item)
        except ItemError:
            continue  # it fails when its turn comes, and keeps its place until then
        digest, url = made_of.get(item.external_id, (None, None))
        if digest is not None and digest == source_hash(document, url):
            ahead.same[item.external_id] = document.version
            continue
        ahead.addresses[item.external_id] = address_of(document, rules)
        if asked_for(document, rules):
            documents.append(document)
    with suppress(ItemError):
        library.completed(documents, rules)


def publish(
    store: StateStore,
    source: str,
    *,
    listing: Listing,
    records: Mapping[str, Record],
    deleted: Collection[str],
    known: Mapping[str, str | None],
    fresh: Mapping[str, str | None],
    aliases: Mapping[str, tuple[str, ...]],
    url_of: Callable[[Item], str | None],
) -> Published:
    """Put together where everything is published, and find the pages whose links lead elsewhere. Blocking.

    Args:
        deleted: external ids that go in this run, or are gone.
        known: URLs of the pages as they were published.
        fresh: URLs of the items that will be rendered, as their settings and documents tell now.
        aliases: of those whose documents were read ahead.
        url_of: the URL of an item that is not published and not looked at: readers may find it all the same.
    """
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
    return Published(urls=urls, aliases=aliases, index=index, linking=linking)
