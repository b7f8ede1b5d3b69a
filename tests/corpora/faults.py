"""Which pages are not as they should be, and which of those are known, with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.corpora.measure import LEAST, Corpus, Figures

LINKS_LEAST = 0.95


class Fault(NamedTuple):
    """One thing that is wrong with one page."""

    corpus: str
    page: str
    kind: str
    detail: str

    @property
    def reason(self) -> str | None:
        """Why it is left so, if that is known."""
        return KNOWN.get((self.corpus, self.page, self.kind))


def faults(corpus: Corpus) -> list[Fault]:
    """Everything that is wrong with the pages of a corpus, but for links that lead nowhere."""
    return [
        Fault(corpus.name, page.name, kind, detail) for page in corpus.pages for kind, detail in _faults(page)
    ]


def stale(corpus: Corpus) -> list[tuple[str, str, str]]:
    """What is known to be wrong and is not any more."""
    there = {fault[:3] for fault in faults(corpus)}
    return [known for known in KNOWN if known[0] == corpus.name and known not in there]


def _faults(page: Figures) -> Iterator[tuple[str, str]]:
    if page.share < LEAST:
        lost = " ".join(word for word, _ in page.lost.most_common(8))
        yield "words", f"{page.share:.2%}; missing: {lost}"
    found = {
        "open links": page.open,
        "private hosts": page.private,
        "hidden text": page.leaked,
        "marks": page.marks,
        "headings": page.lost_headings,
        "code": page.lost_code,
        "prose in code": page.prose_in_code,
        "active elements": page.acts,
    }
    for kind, what in found.items():
        if what:
            yield kind, " · ".join(" ".join(one.split())[:60] for one in what[:3])
    if page.lost_tables:
        yield "tables", f"{page.lost_tables} of {page.tables}"


_SOURCE = "the original is broken there, and its own site shows it so"
_SAYS = "prose or an example about the mark itself"

KNOWN: dict[tuple[str, str, str], str] = {}
