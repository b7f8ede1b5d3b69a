"""The `page_url` template."""

from __future__ import annotations

import pytest

from syncd.render.urls import check_template, page_url


@pytest.mark.parametrize(
    ("template", "path", "url"),
    [
        ("https://x.com/{path}", "a/b.md", "https://x.com/a/b.md"),
        ("https://x.com/{slug}", "a/b.md", "https://x.com/a/b"),
        ("https://x.com/{slug}/", "a/README.md", "https://x.com/a/"),
        ("https://x.com/{slug}/", "index.md", "https://x.com/"),
        ("https://x.com/{slug}", "_index.md", "https://x.com/"),
        ("https://x.com/{slug}.html", "a/b.v2.md", "https://x.com/a/b.v2.html"),
        ("https://x.com/{path}", "a b/ü#?%.md", "https://x.com/a%20b/%C3%BC%23%3F%25.md"),
        ("https://x.com/{path}", "a/\udcff.md", "https://x.com/a/%FF.md"),
        ("https://x.com/{slug}", "a/.hidden", "https://x.com/a/.hidden"),
        ("https://x.com/{address}", "a/index.md", "https://x.com/a"),
        ("https://x.com/{address}/", "index.md", "https://x.com/"),
        (None, "a.md", None),
    ],
)
def test_page_url(template: str | None, path: str, url: str | None) -> None:
    """Segments are encoded one by one, and an index stands for its folder."""
    assert page_url(template, path) == url


@pytest.mark.parametrize(
    ("template", "place", "url"),
    [
        ("https://x.com/docs/{address}", "a/b/", "https://x.com/docs/a/b/"),
        ("https://x.com/docs/{address}/", "a/b/", "https://x.com/docs/a/b/"),
        ("https://x.com/{address}/", "a/b.html", "https://x.com/a/b.html/"),
        ("https://x.com/{address}", "", "https://x.com/"),
        ("https://x.com/{address}?from={path}", "ä b/", "https://x.com/%C3%A4%20b/?from=c/d.md"),
        ("https://x.com/{address}", "{path}", "https://x.com/%7Bpath%7D"),
        ("https://x.com/{slug}", "a/b/", "https://x.com/c/d"),
    ],
)
def test_address_in_a_page_url(template: str, place: str, url: str) -> None:
    """The generator's place is encoded like any path and keeps its closing slash, but only one."""
    assert page_url(template, "c/d.md", place) == url


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("https://x.com/{file}", "unknown variable {file}"),
        ("https://x.com/{path", "brace"),
        ("https://x.com/", "one URL for all pages"),
        ("ftp://x.com/{path}", "https://"),
        ("{path}", "https://"),
        ("https://{slug}.com/{path}", "fixed host"),
        ("https://me@x.com/{path}", "user name"),
        ("https://x.com/ {path}", "blanks"),
    ],
)
def test_a_wrong_template_is_refused(template: str, reason: str) -> None:
    """The sentence says what is wrong and what there is."""
    with pytest.raises(ValueError, match="page_url") as error:
        check_template(template)
    assert reason in str(error.value)


def test_a_right_template_passes() -> None:
    """All variables may be used, in the query too."""
    check_template("https://x.com/wiki?page={slug}&file={path}")
    check_template("https://x.com/{address}")
