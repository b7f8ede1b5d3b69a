"""The origin of the simulated world, which people edit, and which lies when it is asked what it has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from syncd.connector import Connector, Snapshot
from syncd.digest import set_digest
from syncd.errors import EmptyPage, ItemError, ListingIncomplete, PageWithheld, SourceUnavailable
from syncd.model import Document, Draft, Item, Link, Unlisted
from syncd.render import Rules
from syncd.render.split import split
from syncd.testing.simulation.choices import USUAL, Choices

NAME = "docs"
"""Of the source."""

CANARY = "canary-c0ffee"
"""Stands in every document: no reason, report or error may hold it."""

TWINS = ("Caf\u00e9", "cafe\u0301", "caf\u00e9")
"""One name, as three file systems write it."""

BLANK = "<p>.</p>"
"""What is left of a page without words."""

SPLIT_ABOVE_BYTES = 160
"""`rendering.split_above` of this world."""


def folded(external_id: str) -> str:
    """One of its names for an item that has several."""
    return TWINS[0] if external_id in TWINS else external_id


def head_of(external_id: str) -> str:
    """The page that a part belongs to; any other page itself."""
    return external_id.partition("#")[0]


class Text(NamedTuple):
    """What stands in one item.

    Attributes:
        words: its content; the same words make the same page.
        kind: "page"; "empty" and "draft" have nothing to publish; "poison" is refused by Intercom, and
            "poison-part" in its last section.
        stamp: changes whenever somebody touches it, whether its content changes or not.
        link: external_id of the item that it links to, or "".
        sections: a letter for each; some of them hold the words as well.
    """

    words: str
    kind: str
    stamp: int
    link: str = ""
    sections: str = ""

    @property
    def body(self) -> str:
        """As the document has it."""
        words = f"{self.words} {CANARY}" if self.words else ""
        return f"{self.kind}\n{self.link}\n{self.sections}\n{words}"


@dataclass(slots=True, kw_only=True)
class Look:
    """What one listing told, and what was true.

    Attributes:
        began_at: virtual seconds: what was there then is what it should tell.
        ended_at: None while it goes on, or if it never ended well.
        named: what it named; lied: what it hid although it was there.
        unseen: scopes that it said it could not see.
        hidden: items that the configuration left out.
        process: who asked.
    """

    began_at: float
    process: str
    ended_at: float | None = None
    named: set[str] = field(default_factory=set)
    lied: set[str] = field(default_factory=set)
    unseen: set[str] = field(default_factory=set)
    hidden: frozenset[str] = frozenset()


class Origin:
    """The items as they really are.

    Attributes:
        items: by external_id.
        here_since: virtual seconds since when an item, or a part of it, has been there without a break.
        hidden: items that the configuration leaves out.
        looks: every listing that was asked for.
        tells_removed: it is asked which items were removed, and says so.
        withheld: external ids whose document ever said that it is not to be published.
    """

    def __init__(self, choices: Choices) -> None:
        self.items: dict[str, Text] = {}
        self.here_since: dict[str, float] = {}
        self.hidden: frozenset[str] = frozenset()
        self.looks: list[Look] = []
        self.withheld: set[str] = set()
        self.root = "root-1"
        self._choices = choices
        self._stamps = 0
        self._past: list[dict[str, Text]] = []
        self._history: dict[str, frozenset[str]] = {}
        self.pinned = choices.pick("knob.snapshot", [("live", 0.4, "")]) == USUAL
        self._tells_revision = choices.pick("knob.revision", [("told", 0.5, "")]) != USUAL
        self.tells_removed = (
            self._tells_revision and choices.pick("knob.removed", [("told", 0.5, "")]) != USUAL
        )

    # -- edits ----------------------------------------------------------------------------------------

    def put(
        self,
        external_id: str,
        words: str,
        now: float,
        *,
        kind: str = "page",
        link: str = "",
        sections: str = "",
    ) -> None:
        """Create or change an item."""
        self._keep()
        self._stamps += 1
        self.items[external_id] = Text(words, kind, self._stamps, link, sections)
        if kind == "draft":
            self.withheld.add(folded(external_id))
        self._changed(now)

    def remove(self, external_id: str, now: float) -> None:
        """Take an item away."""
        self._keep()
        del self.items[external_id]
        self._changed(now)

    def rename(self, external_id: str, other: str, now: float) -> None:
        """Give an item another name, in one step."""
        self._keep()
        self.items[other] = self.items.pop(external_id)
        self._changed(now)

    def restore(self, number: int, now: float) -> None:
        """Put everything back as it was at one of the earlier states."""
        past = dict(self._past[number % len(self._past)]) if self._past else {}
        if not past:
            return
        self._keep()
        # A snapshot that is not pinned reads from these.
        self.items.clear()
        self.items.update(past)
        self._changed(now)

    def hide(self, external_ids: Collection[str], now: float) -> None:
        """Let the configuration leave these items out, and no others."""
        self.hidden = frozenset(external_ids)
        self._changed(now)

    def _changed(self, now: float) -> None:
        there: set[str] = set()
        for external_id, text in self.items.items():
            if external_id not in self.hidden:
                there.add(folded(external_id))
                if text.sections and text.kind == "page":
                    there.update(f"{external_id}#{part.key}" for part in draft_of(text.body).sections)
        self.here_since = {each: self.here_since.get(each, now) for each in there}

    def revision(self, items: dict[str, Text] | None = None) -> str:
        """Names the state of all items."""
        items = self.items if items is None else items
        return set_digest(f"{key}\0{text}" for key, text in items.items())[:12]

    def _keep(self) -> None:
        if not self._past or self._past[-1] != self.items:
            self._past.append(dict(self.items))
            self._history[self.revision()] = frozenset(self.items)

    def believed_lies(self) -> set[str]:
        """What the last listing hid, if nobody lists again as long as the revision stays what it is."""
        ended = [look for look in self.looks if look.ended_at is not None]
        hidden = ended[-1].lied if ended and self._tells_revision else set()
        return {external_id for external_id in self.items if folded(external_id) in hidden}

    # -- what a connector sees ------------------------------------------------------------------------

    def connector(self, process: str, now: Callable[[], float]) -> Connector:
        """A connector that one process opens the origin with."""
        return _Connector(self, process, now)

    def told_revision(self, view: dict[str, Text]) -> str | None:
        return self.revision(view) if self._tells_revision else None

    def told_removed(self, since: str, view: dict[str, Text]) -> frozenset[str]:
        if not self.tells_removed:
            return frozenset()
        return self._history.get(since, frozenset()) - view.keys()

    def view(self) -> dict[str, Text]:
        """What a snapshot reads from: a copy, or the items themselves as they change."""
        return dict(self.items) if self.pinned else self.items

    def look(
        self,
        view: dict[str, Text],
        process: str,
        now: Callable[[], float],
        *,
        seen_at: float | None,
        hidden: frozenset[str],
    ) -> Iterator[Item | Unlisted]:
        """List, truthfully or not, and remember what was told; `seen_at`: when a pinned view was taken."""
        look = Look(began_at=now() if seen_at is None else seen_at, process=process, hidden=hidden)
        self.looks.append(look)
        name = self._choices.next(f"{process}.list")
        how = self._choices.pick(
            name,
            [
                ("breaks", 0.05, "break"),
                ("lies", 0.08, "lie"),
                ("empty", 0.02, "lie"),
                ("repeats", 0.02, "clash"),
                ("clashes", 0.02, "clash"),
                ("unseen", 0.04, "break"),
                ("blind", 0.02, "break"),
            ],
        )
        there = sorted(view.keys() - hidden)
        listed = there
        if how in ("lies", "breaks") and there:
            listed = [each for each in there if self._choices.number(f"{name}.{each}") < 0.6]
        elif how == "empty":
            listed = []
        elif how == "unseen" and there:
            lost = self._choices.one_of(name, there)
            listed = [each for each in there if each != lost]
            look.unseen.add(folded(lost))
            yield Unlisted(lost, "permission denied")
        elif how == "blind":
            look.unseen.add("")
            yield Unlisted("", "permission denied")
            listed = []
        for external_id in listed:
            look.named.add(folded(external_id))
            yield _item(external_id, view[external_id])
        if how in ("repeats", "clashes") and listed:
            twice = self._choices.one_of(name, listed)
            path = twice if how == "repeats" else f"other/{twice}"
            yield _item(twice, view[twice])._replace(path=path)
        if how == "breaks":
            raise ListingIncomplete("the connection broke")
        look.lied = set(map(folded, there)) - look.named - look.unseen if "" not in look.unseen else set()
        look.ended_at = now()


class _Connector(Connector):
    def __init__(self, origin: Origin, process: str, now: Callable[[], float]) -> None:
        self._origin, self._process, self._now = origin, process, now
        self._hidden = origin.hidden

    @contextmanager
    def _opened(self) -> Iterator[Snapshot]:
        yield _Snapshot(self._origin, self._process, self._now, self._hidden)

    def open(self) -> AbstractContextManager[Snapshot]:
        choices = self._origin._choices
        name = choices.next(f"{self._process}.open")
        if choices.pick(name, [("unavailable", 0.04, "break")]) != USUAL:
            raise SourceUnavailable("the origin does not answer")
        return self._opened()


class _Snapshot(Snapshot):
    def __init__(
        self, origin: Origin, process: str, now: Callable[[], float], hidden: frozenset[str]
    ) -> None:
        self._origin, self._process, self._now, self._hidden = origin, process, now, hidden
        self._taken_at = now() if origin.pinned else None
        self._view = origin.view()
        self._revision = origin.told_revision(self._view)

    @property
    def revision(self) -> str | None:
        return self._revision

    @property
    def identity(self) -> str | None:
        return self._origin.root

    def items(self) -> Iterator[Item | Unlisted]:
        return self._origin.look(
            self._view, self._process, self._now, seen_at=self._taken_at, hidden=self._hidden
        )

    def removed(self, since: str) -> Sequence[str]:
        return sorted(self._origin.told_removed(since, self._view))

    def read(self, item: Item) -> Document:
        choices = self._origin._choices
        external_id = item.external_id
        how = choices.pick(
            choices.next(f"{self._process}.read.{external_id}"),
            [("unreadable", 0.03, "read"), ("gone", 0.005, "read")],
        )
        if how == "gone":
            raise SourceUnavailable("the origin went away")
        text = self._view.get(external_id)
        if how == "unreadable" or text is None:
            raise ItemError(f"{external_id} cannot be read")
        return Document(
            external_id=external_id,
            version=str(text.stamp),
            path=item.path,
            body=text.body,
            media_type="text/html",
        )


def _item(external_id: str, text: Text) -> Item:
    return Item(external_id, str(text.stamp), external_id)


@lru_cache(maxsize=256)
def draft_of(body: str) -> Draft:
    """What becomes of a document: cheap and pure."""
    kind, link, letters, words = body.split("\n", 3)
    if kind == "empty":
        raise EmptyPage("no text")
    if kind == "draft":
        raise PageWithheld("marked as a draft")
    shown = "page" if kind == "poison-part" else kind
    html = f"<p>{shown} {words}<br/>.</p>" if words else BLANK
    links: tuple[Link, ...] = ()
    if link:
        html += '<p><a href="link:0">more</a></p>'
        links = (Link(f"id:{link}"),)
    for letter in letters:
        told = words if letter in "pq" else "what does not change so soon"
        html += f'<h2 id="{letter}">{letter}</h2><p>{letter * 20} {told}</p>'
    if kind == "poison-part":
        html += "<p>poison</p>"
    title = words.split(" ")[0] or "-"
    sections = split(html, title=title, above_bytes=SPLIT_ABOVE_BYTES) if letters else ()
    return Draft(title=title, html=html, links=links, sections=sections)


class PureRenderer:
    """Renders at once, in this process."""

    async def render(self, document: Document, rules: Rules) -> Draft:
        return draft_of(document.body)
