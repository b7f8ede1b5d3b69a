"""Original against arrived: the figures of one page, and of one corpus."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from syncd.model import Page
from tests.corpora.arrived import Arrived
from tests.corpora.expected import Original, squashed, words

LEAST = 0.995
_PRIVATE = (".local", ".localhost", ".localdomain", ".internal", ".intranet", ".lan", ".corp", ".home.arpa")
_MARKS = re.compile(
    r"^[ \t]*:::+.*|^[ \t]*(?:!!!|\?\?\?\+?) .*|\{\{[<%].*|\{%.*|\[!\w+\].*|%%.*|^=== \".*|--8<--.*"
    r"|\s\^[a-z0-9-]+$|^(?:import|export) (?:.* from |\{|default |const |function )?['\"\w{*].*"
    r"|\{#[\w.:-]+\}.*|\{: ?[.#:].*|\{\{ ?#.*|\{\{.*\}\}|^%[ \w].*|^\([^()\s]+\)=|\{(?:doc|ref)\}.*|\{/\*.*",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What arrived of one page, and what should not have.

    Attributes:
        share: of the words that a reader of the original sees, 0 to 1.
        lost: those that are missing, by how often.
        resolved: links that lead to the right page, of `links` to pages that are published.
        astray: targets of the others.
        leaked: comments and front matter that are printed.
        marks: of the generator, in text outside of code.
        prose_in_code: blocks of code that are none in the original.
    """

    name: str
    share: float
    lost: Counter[str]
    links: int
    resolved: int
    astray: tuple[str, ...]
    open: tuple[str, ...]
    private: tuple[str, ...]
    leaked: tuple[str, ...]
    marks: tuple[str, ...]
    headings: int
    lost_headings: tuple[str, ...]
    code: int
    lost_code: tuple[str, ...]
    tables: int
    lost_tables: int
    prose_in_code: tuple[str, ...]
    acts: tuple[str, ...]


def figures(
    page: Page, original: Original, url_of: Callable[[str], str | None], private: Sequence[str] = ()
) -> Figures:
    """Compare one page with its original; `url_of`: of every published page, as its readers find it."""
    arrived = Arrived(page)
    expected = words(original.text)
    lost = _really(expected - words(arrived.text), arrived.text)
    wanted = Counter(url for target in original.links if (url := url_of(target)) is not None)
    astray = wanted - arrived.hrefs
    all_code = squashed(" ".join((*original.code, *original.other_code)))
    in_pre = [squashed(block) for block in arrived.code]
    return Figures(
        name=page.external_id,
        share=1 - lost.total() / max(1, expected.total()),
        lost=lost,
        links=wanted.total(),
        resolved=wanted.total() - astray.total(),
        astray=tuple(astray.elements()),
        open=tuple(href for href in arrived.hrefs if not re.match(r"(?:https?://|mailto:|tel:)\S", href)),
        private=tuple(href for href in arrived.hrefs if _is_private(href, private)),
        leaked=tuple(_leaked(original, arrived)),
        marks=tuple(_MARKS.findall(arrived.prose)),
        headings=len(original.headings),
        lost_headings=tuple(_missing(original.headings, arrived.headings)),
        code=sum(1 for block in original.code if squashed(block)),
        lost_code=tuple(
            block
            for block in original.code
            if squashed(block) and not any(squashed(block) in one for one in in_pre)
        ),
        tables=original.tables,
        lost_tables=max(0, original.tables - arrived.tables),
        prose_in_code=tuple(
            block for block, text in zip(arrived.code, in_pre, strict=True) if text and text not in all_code
        ),
        acts=arrived.acts,
    )


def _really(lost: Counter[str], text: str) -> Counter[str]:
    """Without the words that only stand in another form, as with "H<sub>2</sub>O"."""
    if not lost:
        return lost
    whole = squashed(text)
    return Counter({word: count for word, count in lost.items() if len(word) < 6 or word not in whole})


def _missing(expected: Iterable[str], found: Iterable[str]) -> Iterable[str]:
    there = Counter(squashed(one) for one in found)
    for one in expected:
        key = squashed(one)
        if not key:
            continue
        if there[key]:
            there[key] -= 1
        # What a generator puts before a heading stands before it here as well.
        elif key in there or not any(other.endswith(key) for other in there):
            yield one


def _leaked(original: Original, arrived: Arrived) -> Iterable[str]:
    """Hidden text of a dozen letters or more that is printed, and not told by the visible text too."""
    printed, told = squashed(arrived.text), squashed(original.text)
    for hidden in original.hidden:
        key = squashed(hidden)
        if len(key) >= 12 and key in printed and key not in told:
            yield hidden


def _is_private(href: str, private: Sequence[str]) -> bool:
    host = urlsplit(href).hostname
    if host is None:
        return False
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE) or host in private


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """The figures of one sample.

    Attributes:
        reasons: why pages were left out, by how often; failures: why they could not be published.
        misplaced: pages that have another address on the real site, by name, with both.
    """

    name: str
    kind: str
    listed: int
    skipped: Mapping[str, int]
    failed: Mapping[str, int]
    error: str | None
    pages: Sequence[Figures]
    misplaced: Mapping[str, str] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(page.share for page in self.pages) if self.pages else 1.0

    @property
    def least(self) -> float:
        return min((page.share for page in self.pages), default=1.0)

    @property
    def links(self) -> float:
        """Share of the links between published pages that lead there."""
        wanted = sum(page.links for page in self.pages)
        return sum(page.resolved for page in self.pages) / wanted if wanted else 1.0

    @property
    def low(self) -> list[Figures]:
        """Pages that have lost words."""
        return [page for page in self.pages if page.share < LEAST]
