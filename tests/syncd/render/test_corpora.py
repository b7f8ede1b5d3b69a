"""Real documentation repositories: what of their text arrives, and what of their generators is left."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from syncd.errors import EmptyPage, PageWithheld
from syncd.model import Document, Draft
from syncd.render import Rules, render
from syncd.render.coverage import coverage
from syncd.render.links import LinkIndex, finish

SAMPLES = Path(__file__).resolve().parents[3] / "../shared/samples/git"

# Root folder, dialect, and pages that may have less than 99.5 % of their words: tables of data that only
# the generator has (Jekyll), its own reference and directives in code (MyST), a component (Docusaurus).
CORPORA = {
    "flux-site": ("content/en", "hugo", 0),
    "jekyll-docs": ("docs", "jekyll", 4),
    "mkdocs-material-docs": ("docs", "mkdocs", 0),
    "myst-docs": ("docs", "myst", 8),
    "react-native-docs": ("docs", "docusaurus", 1),
    "redux-docs": ("docs", "docusaurus", 0),
    "rust-book": ("src", "mdbook", 0),
}
MARKS = re.compile(
    r"^\s*:::|^!!! |^\?\?\? |\{\{[<%] |\[!(?:NOTE|TIP|WARNING)\]|^=== \"|^\{: |--8<--|\{\{#"
    r"|^import .* from ['\"]|\{/\*",
    re.MULTILINE,
)


LARGE = ("flux-site", "react-native-docs")
"""Only in the ring: tests/corpora looks at all pages of all of them, too."""


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.ring) if name in LARGE else name for name in CORPORA],
)
def corpus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of one sample, named after it."""
    name = str(request.param)
    bundle = SAMPLES / f"{name}.bundle"
    if not bundle.exists():
        pytest.skip("the sample repositories are not here")
    clone = tmp_path_factory.mktemp("corpora") / name
    subprocess.run(["git", "clone", "-q", str(bundle), str(clone)], check=True)
    return clone


def documents(corpus: Path) -> Iterator[Document]:
    root = corpus / CORPORA[corpus.name][0]
    for file in sorted(root.rglob("*")):
        if file.suffix in (".md", ".mdx", ".markdown"):
            path = file.relative_to(root).as_posix()
            body = file.read_bytes().decode()
            yield Document(external_id=path, version="1", path=path, body=body, media_type="text/markdown")


def drafts(corpus: Path) -> Iterator[tuple[Document, Draft]]:
    rules = Rules(dialect=CORPORA[corpus.name][1])
    for document in documents(corpus):
        try:
            yield document, render(document, rules)
        except (EmptyPage, PageWithheld):
            # A page without text, or a draft, is said to be one.
            continue


def test_text_arrives(corpus: Path) -> None:
    """At least 99.5 % of the words of each page, a known few aside; nothing of the generator's own marks."""
    low = {}
    marked = {}
    for document, draft in drafts(corpus):
        measured = coverage(document, draft)
        if measured.share < 0.995:
            low[document.path] = measured.missing[:9]
        prose = re.sub(r"<pre>.*?</pre>|<code>.*?</code>", "", draft.html, flags=re.DOTALL)
        if found := MARKS.findall(unescape(re.sub(r"<[^>]*>", "", prose))):
            marked[document.path] = found

    assert len(low) <= CORPORA[corpus.name][2], low
    assert marked == {}


def test_links_are_closed(corpus: Path) -> None:
    """Every link of a page that is sent can be opened, and most of those between pages resolve."""
    pages = list(drafts(corpus))
    index = LinkIndex((page.path, page.path, f"https://docs.example.com/{page.path}") for page, _ in pages)
    existing = {page.path for page, _ in pages}
    to_existing = 0
    for document, draft in pages:
        finished = finish(draft, url=None, index=index)
        assert re.findall(r'<a href="(?!https?://|mailto:|tel:)[^"]*"', finished.html) == [], document.path
        for target, url in finished.links:
            if target.removeprefix("path:") in existing:
                to_existing += 1
                assert url is not None, (document.path, target)
    assert to_existing > 0 or corpus.name in ("flux-site", "jekyll-docs", "myst-docs")
