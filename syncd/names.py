"""Names that differ only in case or in Unicode normalisation are one name.

Which of the two a file has depends on the file system and the tool that wrote it, and not on a decision
about the page. So twins in one listing are refused, since nobody can tell which of them Fin should
believe; and a file that is renamed in this way alone keeps its page. The id under which a page was
published stays its id then: Intercom knows the page by it, and a page made anew would come back with
the flags that a teammate had switched off.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from syncd.connector import Snapshot
from syncd.model import Document, Included, Item, Record, Unlisted
from syncd.plan import Listing, clash


class Settled(NamedTuple):
    """A listing in which every name stands for one page.

    Attributes:
        origins: external_id under which a page is known → the item as the origin names it now, for pages
            whose file was renamed in case or normalisation alone.
    """

    listing: Listing
    origins: Mapping[str, Item]


def settle_names(listing: Listing, records: Mapping[str, Record]) -> Settled:
    """Refuse items whose names cannot be told apart, and let the others keep the page they have.

    An item takes the id of a published page over if the listing is known not to name that page. If that
    cannot be told, since a part of the origin was not seen, the item waits for the next run.
    """
    hidden = [one for one in listing.unlisted if not one.skipped]
    all_told = not listing.clashes and not hidden
    if all_told and listing.items.keys() <= records.keys():
        return Settled(listing, {})
    named: dict[str, list[str]] = {}
    for external_id in listing.items:
        named.setdefault(_fold(external_id), []).append(external_id)
    items, clashes, unlisted = dict(listing.items), dict(listing.clashes), list(listing.unlisted)
    origins: dict[str, Item] = {}
    lost: dict[str, list[str]] = {}
    for external_id, record in records.items():
        lacking = external_id not in items and external_id not in clashes
        if lacking and record.may_be_published and record.part_of is None:
            lost.setdefault(_fold(external_id), []).append(external_id)
    for one in hidden:
        # A page may lie in a scope that could not be seen under the name that it has now.
        scope = one._replace(scope=_fold(one.scope))
        unlisted += [
            Unlisted(known, one.reason)
            for folded, ids in lost.items()
            if scope.covers(folded)
            for known in ids
            if not one.covers(known)
        ]
    refused = {_fold(external_id): reason for external_id, reason in listing.clashes.items()}
    for folded, ids in named.items():
        if len(ids) > 1 and folded not in refused:
            refused[folded] = clash(min(ids), [items[external_id].path for external_id in ids])
    for folded, reason in refused.items():
        for external_id in named.pop(folded, ()):
            del items[external_id]
            clashes[external_id] = reason
        # It may be a page under another name, and which of those that claim it nobody can tell.
        unlisted += [Unlisted(known, reason) for known in lost.get(folded, ())]
    for folded, ids in named.items():
        known = lost.get(folded, [])
        if len(known) == 1 and ids[0] not in records:
            item = items.pop(ids[0])
            if listing.broken is not None or any(one.covers(known[0]) for one in hidden):
                reason = f"it may be {known[0]!r} under another name, and that could not be looked for"
                unlisted.append(Unlisted(item.external_id, reason))
            else:
                origins[known[0]] = item
                version = _version(item.version, item.path)
                items[known[0]] = item._replace(external_id=known[0], version=version)
    settled = replace(listing, items=items, clashes=clashes, unlisted=tuple(unlisted))
    return Settled(settled, origins)


class Renamed(Snapshot):
    """A snapshot that is asked for items by the ids under which their pages are known."""

    def __init__(self, snapshot: Snapshot, origins: Mapping[str, Item]) -> None:
        """`origins`: see Settled."""
        self._snapshot = snapshot
        self._origins = origins

    def items(self) -> Iterator[Item | Unlisted]:
        """As the origin names them."""
        return self._snapshot.items()

    def versions(self, paths: Collection[str]) -> Mapping[str, str]:
        """Of files, which have no other names."""
        return self._snapshot.versions(paths)

    def contents(self, paths: Collection[str]) -> Mapping[str, Included]:
        """Of files, which have no other names."""
        return self._snapshot.contents(paths)

    def prepare(self, items: Sequence[Item]) -> None:
        """Announce the items under the origin's names."""
        self._snapshot.prepare([self._origins.get(item.external_id, item) for item in items])

    def read(self, item: Item) -> Document:
        """Read an item under the origin's name."""
        document = self._snapshot.read(self._origins.get(item.external_id, item))
        if item.external_id not in self._origins:
            return document
        version = _version(document.version, document.path)
        return replace(document, external_id=item.external_id, version=version)


def _version(version: str, path: str) -> str:
    # The name is not in the id here, so a change of it has to show in the version.
    return f"{version} {path}"


def _fold(external_id: str) -> str:
    if external_id.isascii():
        return external_id.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", external_id).casefold())
