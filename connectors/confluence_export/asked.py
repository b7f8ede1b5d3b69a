"""What a page asks about other pages while it is cleaned, so that an answer that moves can be noticed."""

from __future__ import annotations

from typing import NamedTuple

from connectors.confluence_export.links import Links, Place, Target


class Cleaned(NamedTuple):
    """A body as the connector hands it on.

    Attributes:
        html: a fragment; a link to a page of the export has the page's id as its href.
        links: those hrefs, without fragments, each with the id of its page.
        uses: (question, answer) for all that was asked about other pages: as long as the answers are the
            same, the same body comes to the same fragment.
        dropped: names of macros that had no text in the export.
        lost_links: links within the site that lead to no page of the export; their text stays.
    """

    html: str
    links: dict[str, str]
    uses: dict[str, str]
    dropped: tuple[str, ...]
    lost_links: int


class Asked:
    """The link index as one page uses it: every answer is remembered."""

    def __init__(self, links: Links, *, folder: str = "") -> None:
        self.folder = folder
        self.uses: dict[str, str] = {}
        self.targets: dict[str, str] = {}
        self.includes = 0
        self._links = links

    def resolve(self, href: str, resource_id: str | None = None) -> Place:
        """Read one href; see Links.resolve."""
        place = self._links.resolve(href, folder=self.folder, resource_id=resource_id)
        if place.href is None or "/spaces/" in href:
            self.uses[f"href {resource_id or ''} {href}"] = _answer(place.target)
        return place

    def titled(self, space: str, title: str) -> Target | None:
        """Return the published page of that title."""
        target = self._links.titled(space, title)
        self.uses[f"title {space} {title}"] = _answer(target)
        return target

    def home(self, space: str) -> Target | None:
        """Return the home page of a space."""
        target = self._links.home(space)
        self.uses[f"home {space}"] = _answer(target)
        return target

    def page(self, external_id: str) -> Target | None:
        """Return the published page of that id."""
        target = self._links.page(external_id)
        self.uses[f"id {external_id}"] = _answer(target)
        return target

    def same(self, question: str, answer: str) -> bool:
        """Whether a question of an earlier run still has that answer."""
        kind, _, rest = question.partition(" ")
        first, _, second = rest.partition(" ")
        if kind == "href":
            return (
                _answer(self._links.resolve(second, folder=self.folder, resource_id=first or None).target)
                == answer
            )
        if kind == "title":
            return _answer(self._links.titled(first, second)) == answer
        if kind == "home":
            return _answer(self._links.home(rest)) == answer
        return kind == "id" and _answer(self._links.page(rest)) == answer


def _answer(target: Target | None) -> str:
    return f"{target.external_id} {target.title}" if target is not None else ""
