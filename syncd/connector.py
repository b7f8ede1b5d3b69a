"""The contract between syncd and a connector: the one module, with model and errors, that connectors import.

A connector is plain blocking code. syncd opens it in a thread, exhausts `items`, and then reads only
the items that it needs, one at a time, all from that same thread.

A connector module offers `open_connector(settings, context) -> Connector`, whose first parameter is
annotated with a pydantic model: that model is the connector's part of a source's configuration, and
of the published JSON Schema. It is registered in the entry-point group `syncd.connectors`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from syncd.model import Document, Included, Item, Unlisted

if TYPE_CHECKING:
    from pydantic import JsonValue

NOT_LISTING: Final[dict[str, JsonValue]] = {"x-listing": False}
"""As a settings field's `json_schema_extra`: the field does not decide which items there are.

Of all other fields a change means that what is missing then is out of scope, not deleted.
"""

LOCAL: Final[dict[str, JsonValue]] = {"x-local": True}
"""As a settings field's `json_schema_extra`: the path is where the origin itself lies on this machine.

The service watches it, and looks when something in it changes.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What syncd hands to a connector besides its settings.

    Attributes:
        source: the source's name, for messages.
        base: folder of the configuration file; relative paths in the settings start here.
        cache: a private folder for this source, made on demand; it may be deleted at any time.
        own: files that belong to syncd (configuration, state, token): never items, wherever they lie.
        max_document_bytes: `read` refuses a longer document before it is in memory (`limits.max_source`).
    """

    source: str
    base: Path
    cache: Path
    own: tuple[Path, ...] = ()
    max_document_bytes: int = 2_000_000


class Snapshot(Protocol):
    """One consistent view of an origin: a pinned commit, one zip, one folder.

    Inherit from it to take over the answers of an origin that cannot tell more: only `items` and `read`
    have none.
    """

    @property
    def revision(self) -> str | None:
        """Names the state of all that `items` would list; None: cannot tell, list me."""
        return None

    @property
    def identity(self) -> str | None:
        """Names the origin itself (device and inode of a root, a repository, a space key).

        If it differs from the one of the last run, this is another origin at the same address, and what
        it lacks is no evidence that anything was deleted. None: cannot tell.
        """
        return None

    @property
    def landmarks(self) -> Collection[str]:
        """Names of files and folders at the root, and in the folders above it as far as they belong to the
        origin: they tell which generator the documents are written for (mkdocs.yml, book.toml, .obsidian).
        """
        return ()

    def versions(self, paths: Collection[str]) -> Mapping[str, str]:
        """Versions of other files of the origin: what pages include, and what configures their generator.

        Paths are relative to the root and may lead above it ("../book.toml"). What the origin has not, and
        what it must not give whatever a page asks for, is not in the answer. Opens none of them.
        """
        return {}

    def contents(self, paths: Collection[str]) -> Mapping[str, Included]:
        """Read such files, in one go. What is not there, is too large or is no text is not in the answer.

        Raises:
            ItemError: one is there and cannot be read now.
            SourceUnavailable: the origin as a whole went away.
        """
        return {}

    def items(self) -> Iterator[Item | Unlisted]:
        """Name every item that the origin has now, each once, in any order, without reading it.

        An item that cannot be listed is yielded as Unlisted with its scope: nothing in that scope is
        deleted. Exhausting the iterator without an error means that the listing is complete but for those.

        Raises:
            ListingIncomplete: the rest could not be seen. Never return early instead: an item that is
                not named may be deleted from Intercom.
        """
        ...

    def removed(self, since: str) -> Iterable[str]:
        """External ids that the origin itself says were removed after revision `since`.

        Positive evidence only: a descendant commit without the path, an object marked as deleted. Empty
        where the origin cannot tell.
        """
        return ()

    def prepare(self, items: Sequence[Item]) -> None:
        """These items will be read next, in this order: the chance to fetch them in one go."""
        return

    def read(self, item: Item) -> Document:
        """Read one item that `items` named.

        Raises:
            ItemError: this page keeps its last version.
            SourceUnavailable: the origin as a whole went away.
        """
        ...


class Connector(Protocol):
    """One configured origin."""

    def open(self) -> AbstractContextManager[Snapshot]:
        """Take one consistent view of the origin, released when the context ends.

        Raises:
            SourceUnavailable: it cannot be seen, or is not what it was.
        """
        ...
