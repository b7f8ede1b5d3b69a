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


_BROKEN = "The original is broken there, and its own site shows it so."
_ABOUT = "The text is about the mark, and shows it."
_SITE = "Put together by an extension of the site's own, which is not in the repository."
_RST = "It is reStructuredText, shown as it is written: nothing here reads that."

KNOWN: dict[tuple[str, str, str], str] = {
    (
        "flux-site",
        "blog/2022-05-10-may-2022-security-announcement.md",
        "tables",
    ): "Its second line has one column more than its first, so it is none for Hugo either.",
    ("jenkins-ja-server-2021", "34931024", "marks"): _ABOUT,
    ("jenkins-ja-server-2021", "65669635", "marks"): _BROKEN,
    (
        "myst-docs",
        "live-preview.md",
        "words",
    ): "What is missing stands in a text field and in settings of a program that runs in the page.",
    ("myst-docs", "syntax/admonitions.md", "words"): _SITE,
    ("myst-docs", "syntax/code_and_apis.md", "prose in code"): _RST,
    ("myst-docs", "syntax/optional.md", "marks"): _ABOUT + " Expressions of Jinja are not evaluated.",
    (
        "myst-docs",
        "syntax/optional.md",
        "prose in code",
    ): "It is code, indented in a definition, and formulas; the measure does not look that far.",
    ("myst-docs", "syntax/math.md", "prose in code"): "Formulas of LaTeX, which stay as they are written.",
    ("myst-docs", "syntax/organising_content.md", "prose in code"): _RST,
    (
        "myst-docs",
        "syntax/roles-and-directives.md",
        "prose in code",
    ): "One is reStructuredText. The other is an example in indented code; the measure reads it.",
}
