"""The files that pages take text from: found, read, and noticed when they change.

They need not be items: partials and examples are no pages. A page remembers, among its links, each file
that it looked for and in which version; None for one that was not there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from syncd.connector import Snapshot
from syncd.errors import ItemError
from syncd.journal import INCLUDED
from syncd.model import Document, Included, Item
from syncd.plan import Listing
from syncd.render.dialects.page import WIKI
from syncd.render.inclusion import asked_for
from syncd.render.links import LinkIndex
from syncd.render.rules import Rules

_ABOVE = "../"


class Library:
    """The files of one snapshot, by the names under which pages look for them. Blocking."""

    def __init__(self, snapshot: Snapshot, listing: Listing) -> None:
        """`listing`: notes are looked for in it by their names, wherever they lie."""
        self._snapshot = snapshot
        self._listing = listing

    def versions(self, names: Collection[str]) -> Mapping[str, str]:
        """Versions of the files that are there now, without opening one."""
        found = dict(self._snapshot.versions([name for name in names if not name.startswith(WIKI)]))
        for name in names:
            if name.startswith(WIKI) and (note := self._note(name)) is not None:
                found[name] = note.version
        return found

    def whole(self, item: Item, rules: Rules) -> Document:
        """Read an item, with all that it takes from other files.

        Raises:
            ItemError: it, or a file that it includes, cannot be read now.
        """
        return self.completed([self._snapshot.read(item)], rules)[0]

    def completed(self, documents: Iterable[Document], rules: Rules) -> list[Document]:
        """Return the documents with the files that they include, read in one go for each level of depth."""
        waiting = list(documents)
        done: list[Document] = []
        while waiting:
            asked = [(document, asked_for(document, rules)) for document in waiting]
            done += [document for document, names in asked if not names]
            found = self._contents({name for _, names in asked for name in names})
            waiting = [
                replace(document, included={**document.included, **{name: found.get(name) for name in names}})
                for document, names in asked
                if names
            ]
        return done

    def _contents(self, names: Collection[str]) -> Mapping[str, Included]:
        paths = [name for name in names if not name.startswith(WIKI)]
        found = dict(self._snapshot.contents(paths)) if paths else {}
        for name in names:
            if not name.startswith(WIKI):
                continue
            note = self._note(name)
            if note is not None:
                document = self._snapshot.read(note)
                found[name] = Included(note.path, document.version, document.body)
            elif not is_whole(self._listing):
                raise ItemError(
                    f"the note {name.removeprefix(WIKI)!r} was not found, and not all could be listed"
                )
        return found

    def _note(self, name: str) -> Item | None:
        external_id = self._index.resolve(name)
        return None if external_id is None else self._listing.items[external_id]

    @cached_property
    def _index(self) -> LinkIndex:
        items = self._listing.items
        return LinkIndex((external_id, items[external_id].path, external_id) for external_id in sorted(items))


def is_whole(listing: Listing) -> bool:
    """Whether all that the origin has was seen."""
    return listing.broken is None and all(unlisted.skipped for unlisted in listing.unlisted)


def remembered(document: Document) -> tuple[tuple[str, str | None], ...]:
    """Return, in the form of links, the files that a document looked for, and in which version they were."""
    return tuple(
        (INCLUDED + name, None if file is None else file.version)
        for name, file in sorted(document.included.items())
    )


def outdated(
    library: Library, known: Sequence[tuple[str, str | None]], *, whole: bool
) -> list[tuple[str, str | None]]:
    """Return those of the remembered (name, version) pairs that are no longer true. Blocking.

    `whole`: all that the origin has was listed; else notes, which are found by the listing, are not judged.
    """
    judged = [(name, version) for name, version in known if whole or not name.startswith(WIKI)]
    now = library.versions({name for name, _ in judged})
    return [(name, version) for name, version in judged if now.get(name) != version]


def above_root(known: Sequence[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    """Return the files that lie above the root, of which a revision of the root does not tell."""
    return [(name, version) for name, version in known if name.startswith(_ABOVE)]
