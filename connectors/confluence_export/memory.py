"""What the connector remembers between runs, in the source's cache folder: it may be deleted at any time.

Two things: facts of the last export that was accepted, so that an older or a partial one is noticed, and
the version of each page, so that a page is cleaned again only if it, or what it asks about, has changed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from connectors.confluence_export.export import EDITION, Created
from syncd.errors import SourceUnavailable


class Known(NamedTuple):
    """One page as an earlier run cleaned it.

    Attributes:
        digest: of what the fragment was made from.
        version: "" if it could not be cleaned, or came to nothing.
        uses: see Cleaned.
    """

    digest: str
    version: str
    uses: dict[str, str]


class Facts(NamedTuple):
    """The last export whose listing was exhausted.

    Attributes:
        pages: those with text, under the settings that `scope` names.
    """

    created: Created
    spaces: tuple[str, ...]
    pages: int
    scope: str


class Memory:
    """The cache folder of one source."""

    def __init__(self, folder: Path) -> None:
        """Load the facts of the last export; they are None if there is none."""
        self.folder = folder
        self.facts = self._load_facts()
        self.scanned: dict[str, tuple[str, Any, str]] = {}
        self.known: dict[str, Known] = {}
        self._loaded: tuple[dict[str, tuple[str, Any, str]], dict[str, Known]] = ({}, {})

    def load_pages(self) -> None:
        """Load what is known of single pages; what another edition of the code made is forgotten."""
        data = self._load("pages.json")
        try:
            if data.get("edition") == EDITION:
                self.scanned = {name: (row[0], row[1], row[2]) for name, row in data["scanned"].items()}
                self.known = {number: Known(row[0], row[1], row[2]) for number, row in data["known"].items()}
        except (KeyError, TypeError, IndexError, AttributeError):
            self.scanned, self.known = {}, {}
        self._loaded = (dict(self.scanned), dict(self.known))

    def save_pages(self) -> None:
        """Keep what is known of single pages, if anything is new."""
        if self._loaded == (self.scanned, self.known):
            return
        self._save("pages.json", {"edition": EDITION, "scanned": self.scanned, "known": self.known})

    def save_facts(self, facts: Facts) -> None:
        """Remember an export as the last accepted one."""
        self.facts = facts
        self._save("last_export.json", facts._asdict())

    def make_folder(self) -> Path:
        """Return the cache folder, made if it is missing; raises SourceUnavailable."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SourceUnavailable(
                f"the cache folder {self.folder} cannot be made ({error.strerror}). "
                "Give syncd one that it may write to."
            ) from error
        return self.folder

    def _load_facts(self) -> Facts | None:
        data = self._load("last_export.json")
        try:
            at, kind = data["created"]
            return Facts(Created(at, kind), tuple(data["spaces"]), int(data["pages"]), str(data["scope"]))
        except (KeyError, TypeError, ValueError):
            return None

    def _load(self, name: str) -> dict[str, Any]:
        try:
            data = json.loads((self.folder / name).read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return data if isinstance(data, dict) else {}

    def _save(self, name: str, data: Mapping[str, object]) -> None:
        path = self.make_folder() / name
        written = path.with_name(name + ".new")
        try:
            handle = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                # In one go: written piece by piece, it costs ten times as much.
                file.write(json.dumps(data, separators=(",", ":")))
            written.replace(path)
        except OSError as error:
            raise SourceUnavailable(
                f"{path} cannot be written: {error.strerror}. Make room, or mend the folder's rights."
            ) from error
