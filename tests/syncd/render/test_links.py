"""Open links and what they become."""

from __future__ import annotations

import pytest

from syncd.model import Draft, Link
from syncd.render.links import Finished, LinkIndex, finish

INDEX = LinkIndex(
    [
        ("guides/a.md", "guides/a.md", "https://example.com/guides/a"),
        ("guides/index.md", "guides/index.md", "https://example.com/guides"),
        ("guides/README.md", "guides/README.md", "https://example.com/guides/readme"),
        ("b.html", "b.html", "https://example.com/b.html"),
        ("b.md", "b.md", "https://example.com/b"),
        ("c.mdx", "c.mdx", "https://example.com/docs/sea"),
        ("dir.v2/x.md", "dir.v2/x.md", "https://example.com/v2/x?view=1"),
        ("42", "Space/Page", "https://example.com/42"),
        ("local.md", "local.md", None),
    ],
    aliases=[("/old/place/", "b.md")],
)


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("path:guides/a.md", "https://example.com/guides/a"),
        ("path:guides/a", "https://example.com/guides/a"),
        ("path:guides/a.html", "https://example.com/guides/a"),
        ("path:guides", "https://example.com/guides"),
        ("path:b", "https://example.com/b"),
        ("path:b.html", "https://example.com/b.html"),
        ("path:c.md", "https://example.com/docs/sea"),
        ("path:docs/sea", "https://example.com/docs/sea"),
        ("path:dir.v2/x", "https://example.com/v2/x?view=1"),
        ("site:/docs/sea/", "https://example.com/docs/sea"),
        ("site:/Docs/Sea.html", "https://example.com/docs/sea"),
        ("site:/guides/a.md", "https://example.com/guides/a"),
        ("site:/old/place", "https://example.com/b"),
        ("site:/docs/sea.md", "https://example.com/docs/sea"),
        ("site:/docs/sea/_index.md", "https://example.com/docs/sea"),
        ("site:/docs/sea\npath:guides/a", "https://example.com/docs/sea"),
        ("site:/nowhere\npath:guides/a", "https://example.com/guides/a"),
        ("id:42", "https://example.com/42"),
        ("id:43", None),
        ("path:local.md", None),
        ("path:nowhere", None),
        ("site:/nowhere", None),
        ("path:", None),
    ],
)
def test_resolve(target: str, url: str | None) -> None:
    """Exact file, file without extension, folder, published URL: in this order."""
    assert INDEX.resolve(target) == url


def draft(html: str, *links: Link) -> Draft:
    return Draft(title="T", html=html, links=links)


def test_urls_are_put_in_with_their_fragments() -> None:
    """What stands in an attribute is escaped."""
    page = draft('<p><a href="link:0">a &amp; <em>b</em></a></p>', Link("path:dir.v2/x.md", 'p "q" é'))

    assert finish(page, url=None, index=INDEX) == Finished(
        html='<p><a href="https://example.com/v2/x?view=1#p%20%22q%22%20%C3%A9">a &amp; <em>b</em></a></p>',
        links=(("path:dir.v2/x.md", "https://example.com/v2/x?view=1"),),
        unresolved=0,
    )


def test_an_unresolved_link_keeps_its_text() -> None:
    """A dead link helps nobody; each is counted, and each target noted once."""
    page = draft('<a href="link:0">x</a> <a href="link:1">y</a>', Link("path:z.md"), Link("path:z.md", "f"))

    assert finish(page, url=None, index=INDEX) == Finished(
        html="x y", links=(("path:z.md", None),), unresolved=2
    )


def test_links_within_the_page() -> None:
    """They follow the page's own URL; without one they are text, which is no loss to count."""
    page = draft('<a href="link:0">x</a>', Link("self:", "part"))

    assert (
        finish(page, url="https://example.com/p", index=INDEX).html
        == '<a href="https://example.com/p#part">x</a>'
    )
    assert finish(page, url=None, index=INDEX) == Finished(html="x", links=(), unresolved=0)


def test_text_that_looks_like_an_open_link_is_text() -> None:
    """In canonical HTML it is escaped."""
    page = draft('<code>&lt;a href="link:7"&gt;</code>')

    assert finish(page, url=None, index=INDEX).html == page.html
