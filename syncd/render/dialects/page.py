"""What a dialect may know of the page it prepares and put into it, and where it leaves its warnings."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from syncd.errors import RenderError
from syncd.model import Included
from syncd.render import front_matter
from syncd.render.characters import normalise
from syncd.render.front_matter import FrontMatter
from syncd.render.site import Site

DEPTH_LIMIT = 10
"""Files within files."""

WIKI = "wiki:"
"""Begins a name under which a note is looked for, wherever it lies."""

_LEAST_BYTES = 1000
_DOCUMENT = re.compile(r"\.(?:md|mdx|markdown|html?)\Z", re.IGNORECASE)


@dataclass(slots=True)
class Shelf:
    """The other files that a page may take text from.

    Attributes:
        files: by the name under which they are looked for; None for what is not there.
        limit_bytes: how much may be put into one page; each file counts as a thousand at least.
        drafts: whether to take text from documents that call themselves a draft.
        asked: names that were looked for and that `files` does not tell of.
    """

    files: Mapping[str, Included | None] = field(default_factory=dict)
    limit_bytes: int = 2_000_000
    drafts: bool = False
    asked: list[str] = field(default_factory=list)
    _taken_bytes: int = 0

    def find(self, name: str) -> Included | None:
        """Return the file of this name."""
        if name not in self.files:
            self.asked.append(name)
        return self.files.get(name)

    def count(self, text: str) -> None:
        """Note that a text is put into the page.

        Raises:
            RenderError: it is too much.
        """
        self._taken_bytes += max(_LEAST_BYTES, len(text.encode("utf-8", "replace")))
        if self._taken_bytes > self.limit_bytes:
            raise RenderError(f"it includes more than {self.limit_bytes:,} bytes of other files")


@dataclass(frozen=True, slots=True)
class Page:
    """One page under way, or a file that is put into one.

    Attributes:
        path: of the file, relative to the root.
        chain: what is being put in, and where: outermost first.
    """

    path: str
    matter: FrontMatter = field(default_factory=FrontMatter)
    warnings: list[str] = field(default_factory=list)
    site: Site = field(default_factory=Site)
    shelf: Shelf = field(default_factory=Shelf)
    chain: tuple[tuple[str, str], ...] = ()

    def left_out(self, what: str, name: str, why: str = "") -> None:
        """Note, once, that something the generator would have put in is missing."""
        warning = f"{what} {name.strip()!r} was left out" + (f": {why}" if why else "")
        if warning not in self.warnings:
            self.warnings.append(warning)

    def near(self, path: str) -> str:
        """Return where a path leads that is relative to this file."""
        return posixpath.normpath(posixpath.join(posixpath.dirname(self.path), path.strip()))

    def take(self, what: str, name: str, places: Iterable[str], *, part: str = "") -> tuple[str, Page] | None:
        """Return the text of the first of these files that is there, and the file as a page of its own.

        What cannot be put in is noted as left out: a file that is not there, one that is being put in
        already, a draft.

        Args:
            what, name: how a person is told of it.
            part: which part of the file is meant, if not all of it.
        """
        found = next((file for place in places if (file := self.shelf.find(place)) is not None), None)
        if found is None:
            self.left_out(what, name, "there is no such file, or none that may be put in")
            return None
        link = (found.path, part)
        if link in self.chain or link == (self.path, ""):
            self.left_out(what, name, "it includes itself")
            return None
        if len(self.chain) == DEPTH_LIMIT:
            self.left_out(what, name, f"it lies {DEPTH_LIMIT} files deep")
            return None
        text = normalise(found.text)
        matter = front_matter.split(text)[0] if _DOCUMENT.search(found.path) else FrontMatter()
        hidden = matter.flag("draft") is True or matter.flag("published") is False
        if not self.shelf.drafts and (hidden or matter.flag("publish") is False):
            self.left_out(what, name, "the document calls itself a draft")
            return None
        self.shelf.count(text)
        return text, replace(self, path=found.path, matter=matter, chain=(*self.chain, link))

    def body(self, text: str) -> str:
        """Return the text of this file without its front matter."""
        return front_matter.split(text)[1] if _DOCUMENT.search(self.path) else text
