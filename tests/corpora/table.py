"""The figures as a page that is kept in the repository."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tests.corpora.faults import faults
from tests.corpora.measure import Corpus, Figures

HEAD = """\
# What arrives of real documentation

Written by `make corpora`, which publishes every sample as `syncd sync` would: from the bundle or archive
through its connector, the renderer and the links. What is expected is read out of the originals by readers
of their own (`tests/corpora/`), which share no code with the renderer.

- **words**: of those that a reader of the original sees, found in the page; the median and the worst page.
- **links**: to pages of the same source that are published, that lead there. **at home**: pages whose address
  is the one on the real site.
- **headings, code, tables**: still that in the page, of those in the original.
- **private, open, hidden, marks, prose in code**: links to private hosts, links that no reader can open,
  comments or front matter that are printed, marks of the generator in text, and prose that became code. Each
  should be 0; what is not is named below.
"""

_COLUMNS = (
    "corpus",
    "listed",
    "published",
    "skipped",
    "failed",
    "words",
    "worst",
    "links",
    "at home",
    "headings",
    "code",
    "tables",
    "private",
    "open",
    "hidden",
    "marks",
    "prose in code",
)


def page(corpora: Sequence[Corpus]) -> str:
    """The whole page, in Markdown."""
    blocks = [HEAD, table(corpora), "", *_section("Left out", _left_out(corpora))]
    blocks += _section("Pages that are not as they should be", _wrong(corpora))
    blocks += _section("Links that lead nowhere, though their page is published", _astray(corpora))
    blocks += _section("Pages that are elsewhere on the real site", _misplaced(corpora))
    return "\n".join(blocks).rstrip() + "\n"


def table(corpora: Iterable[Corpus]) -> str:
    """One row for each corpus."""
    rows = [_COLUMNS, tuple("---" if name == "corpus" else "---:" for name in _COLUMNS)]
    rows += [tuple(_row(corpus)) for corpus in corpora]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _row(corpus: Corpus) -> Iterable[str]:
    pages = corpus.pages

    def count(what: Callable[[Figures], int]) -> int:
        return sum(map(what, pages))

    def of(part: int, whole: int) -> str:
        return f"{part}/{whole}" if whole else "-"

    yield corpus.name
    yield str(corpus.listed)
    yield str(len(pages)) if corpus.listed else "refused"
    yield str(sum(corpus.skipped.values()))
    yield str(sum(corpus.failed.values()))
    yield f"{corpus.median:.2%}" if pages else "-"
    yield f"{corpus.least:.2%}" if pages else "-"
    yield of(count(lambda one: one.resolved), count(lambda one: one.links))
    yield of(len(pages) - len(corpus.misplaced), len(pages) if corpus.kind == "git" else 0)
    yield of(count(lambda one: one.headings - len(one.lost_headings)), count(lambda one: one.headings))
    yield of(count(lambda one: one.code - len(one.lost_code)), count(lambda one: one.code))
    yield of(count(lambda one: one.tables - one.lost_tables), count(lambda one: one.tables))
    yield str(count(lambda one: len(one.private)))
    yield str(count(lambda one: len(one.open)))
    yield str(count(lambda one: len(one.leaked)))
    yield str(count(lambda one: len(one.marks)))
    yield str(count(lambda one: len(one.prose_in_code)))


def _section(title: str, lines: Iterable[str]) -> list[str]:
    told = list(lines)
    return [f"## {title}", "", *(told or ["None."]), ""]


def _left_out(corpora: Iterable[Corpus]) -> Iterable[str]:
    for corpus in corpora:
        if corpus.error is not None and not corpus.pages:
            yield f"- **{corpus.name}**, all of it: {' '.join(corpus.error.split())}"
        for what, told in (("skipped", corpus.skipped), ("failed", corpus.failed)):
            for reason, number in sorted(told.items()):
                yield f"- {corpus.name}, {number} {what}: {' '.join(reason.split())}"


def _wrong(corpora: Iterable[Corpus]) -> Iterable[str]:
    for corpus in corpora:
        for fault in faults(corpus):
            detail = fault.detail.replace("`", "'").replace("<", "&lt;").replace("|", "\\|")
            yield f"- {corpus.name} `{fault.page}`, {fault.kind}: `{detail}`. " + (
                fault.reason or "**Not explained.**"
            )


def _astray(corpora: Iterable[Corpus]) -> Iterable[str]:
    for corpus in corpora:
        for one in corpus.pages:
            if one.astray:
                yield f"- {corpus.name} `{one.name}`: {', '.join(sorted(set(one.astray)))}"


def _misplaced(corpora: Iterable[Corpus]) -> Iterable[str]:
    for corpus in corpora:
        some = sorted(corpus.misplaced.items())
        for name, told in some[:3]:
            yield f"- {corpus.name} `{name}`: {told}"
        if len(some) > 3:
            yield f"- {corpus.name}: {len(some) - 3} more of the same kind"
