"""Where each generator publishes a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model import Document
from syncd.render import Rules, dialects
from syncd.render.addresses import Address, address_of
from syncd.render.links import LinkIndex
from syncd.render.urls import page_url
from tests.builders import document

NOTHING = ""


def address(dialect: str, path: str, matter: str = "", body: str = "# Title\n", **values: object) -> Address:
    block = f"---\n{matter}\n---\n" if matter else ""
    return address_of(document(block + body, path=path, **values), Rules(dialect=dialect))


@pytest.mark.parametrize(
    ("dialect", "path", "matter", "place"),
    [
        ("none", "a/b.md", NOTHING, "a/b"),
        ("none", "a/README.md", NOTHING, "a"),
        ("none", "index.md", NOTHING, ""),
        ("none", "a/b.md", "permalink: /c/\nslug: c\nurl: /c/", "a/b"),
        ("mkdocs", "a/b.md", NOTHING, "a/b/"),
        ("mkdocs", "docs/a/b.md", NOTHING, "a/b/"),
        ("mkdocs", "docs/index.md", NOTHING, ""),
        ("mkdocs", "a/README.md", NOTHING, "a/"),
        ("mkdocs", "a/b.md", "slug: c", "a/b/"),
        ("mkdocs", "blog/posts/m.md", "date: 2025-11-11\nslug: free", "blog/2025/11/11/free/"),
        ("mkdocs", "blog/posts/m.md", "date:\n  created: 2026-2-8", "blog/2026/02/08/title/"),
        ("mkdocs", "blog/posts/m.md", "slug: free", "blog/posts/m/"),
        ("mkdocs", "blog/posts/m.md", "date: 2025-11-11\ntitle: We're *new*!", "blog/2025/11/11/were-new/"),
        ("mdbook", "src/ch01-02-hello-world.md", NOTHING, "ch01-02-hello-world.html"),
        ("mdbook", "src/README.md", NOTHING, "index.html"),
        ("mdbook", "a/readme.md", NOTHING, "a/index.html"),
        (
            "docusaurus",
            "docs/introduction/CoreConcepts.md",
            "id: core-concepts",
            "docs/introduction/core-concepts",
        ),
        ("docusaurus", "introduction/CoreConcepts.md", "id: core-concepts", "introduction/core-concepts"),
        ("docusaurus", "docs/a/b.md", "slug: /start", "docs/start"),
        ("docusaurus", "docs/a/b.md", "slug: start", "docs/a/start"),
        ("docusaurus", "docs/a/b.md", "slug: ../start", "docs/start"),
        ("docusaurus", "docs/a/b.md", "slug: /", "docs/"),
        ("docusaurus", "docs/a/b.md", "id: c\nslug: d", "docs/a/d"),
        ("docusaurus", "docs/01-guides/02_setup.mdx", NOTHING, "docs/guides/setup"),
        ("docusaurus", "docs/3. Intro/1 - Why.md", NOTHING, "docs/Intro/Why"),
        ("docusaurus", "docs/2024-01-02-news.md", NOTHING, "docs/2024-01-02-news"),
        ("docusaurus", "docs/1.2-notes.md", NOTHING, "docs/1.2-notes"),
        ("docusaurus", "docs/a-12-b.md", NOTHING, "docs/a-12-b"),
        ("docusaurus", "docs/guides/index.md", "id: overview", "docs/guides/"),
        ("docusaurus", "docs/guides/README.mdx", NOTHING, "docs/guides/"),
        ("docusaurus", "docs/guides/Guides.md", NOTHING, "docs/guides/"),
        ("docusaurus", "website/versioned_docs/version-0.79/a/b.md", NOTHING, "docs/0.79/a/b"),
        ("docusaurus", "website/blog/2017-02-14-native.md", NOTHING, "blog/2017/02/14/native"),
        ("docusaurus", "blog/2025/06/12/api/index.md", NOTHING, "blog/2025/06/12/api"),
        ("docusaurus", "blog/2017-02-14-native.md", "slug: driver", "blog/driver"),
        ("docusaurus", "blog/welcome.md", NOTHING, "blog/welcome"),
        ("jekyll", "_docs/x.md", NOTHING, "docs/x/"),
        ("jekyll", "docs/_docs/installation/macos.md", NOTHING, "docs/installation/macos/"),
        ("jekyll", "_docs/index.md", NOTHING, "docs/"),
        ("jekyll", "_posts/2024-01-02-t.md", NOTHING, "2024/01/02/t/"),
        ("jekyll", "news/_posts/2024-1-2-t.md", "categories: Big Deal", "news/big/deal/2024/01/02/t/"),
        ("jekyll", "_posts/2024-01-02-t.md", "date: 2024-01-03 10:00:00 +0530\nslug: u", "2024/01/03/u/"),
        ("jekyll", "a/b.md", NOTHING, "a/b.html"),
        ("jekyll", "a/README.md", NOTHING, "a/"),
        ("jekyll", "pages/team.md", "permalink: /team/", "team/"),
        ("jekyll", "404.md", "permalink: /404.html", "404.html"),
        ("jekyll", "a.md", "permalink: /b%20c/", "b c/"),
        ("jekyll", "_posts/2024-01-02-t.md", "permalink: /:year/:i_month/:title.html", "2024/1/t.html"),
        ("jekyll", "_posts/2024-01-02-t.md", "permalink: none", "t.html"),
        ("jekyll", "_docs/a/b.md", "permalink: /:collection/:path:output_ext", "docs/a/b.html"),
        ("jekyll", "a/b.md", "permalink: /:year/:title/", "a/b.html"),
        ("hugo", "content/en/a/_index.md", NOTHING, "a/"),
        ("hugo", "en/a/index.md", NOTHING, "a/"),
        ("hugo", "a/B c (d).md", NOTHING, "a/b-c-d/"),
        ("hugo", "content/de/a.md", NOTHING, "de/a/"),
        ("hugo", "content/en/_index.md", NOTHING, ""),
        ("hugo", "en/blog/2023-02-01-update.md", "url: /blog/2023/02/update/", "blog/2023/02/update/"),
        ("hugo", "blog/2023.md", "slug: Update", "blog/update/"),
        ("hugo", "blog/2023/index.md", "slug: update", "blog/update/"),
        ("hugo", "blog/_index.md", "slug: news", "blog/"),
        ("github_wiki", "Page-Name.md", NOTHING, "Page-Name"),
        ("github_wiki", "folder/Page Name.md", NOTHING, "Page-Name"),
        ("myst", "docs/a/b.md", NOTHING, "a/b.html"),
        ("myst", "index.md", NOTHING, "index.html"),
        ("docfx", "a/b.md", NOTHING, "a/b.html"),
        ("obsidian", "Getting started/Link notes.md", NOTHING, "Getting started/Link notes"),
        ("obsidian", "Getting started/Link notes.md", "permalink: links", "links"),
    ],
)
def test_place(dialect: str, path: str, matter: str, place: str) -> None:
    """The generator's own rule for files and for the keys that it reads."""
    assert address(dialect, path, matter).path == place


@pytest.mark.parametrize(
    ("dialect", "path", "matter", "aliases"),
    [
        ("none", "a/b.md", "aliases: [/old]\nredirect_from: /old", ()),
        ("mkdocs", "a/b.md", NOTHING, ()),
        ("mkdocs", "docs/a.md", NOTHING, ("/a/",)),
        ("docusaurus", "docs/a/b.md", "id: c\nslug: /d", ("/docs/d", "/docs/a/c", "/docs/next/d")),
        ("docusaurus", "01-a.md", NOTHING, ("/a", "/docs/next/a")),
        ("docusaurus", "versioned_docs/version-2/a.md", NOTHING, ("/docs/2/a",)),
        ("jekyll", "c.md", "redirect_from: /conduct/index.html", ("/conduct/index.html",)),
        ("jekyll", "c.md", "redirect_from:\n- /docs/drafts/\n- old", ("/docs/drafts/", "/old")),
        ("hugo", "blog/a.md", "aliases: [/blog/2022/12/b/, c, ../d]", ("/blog/2022/12/b/", "/blog/c", "/d")),
        ("docfx", "a/b.md", "uid: System.String", ("xref:System.String",)),
        ("docfx", "a/b.md", "uid: '//['", ()),
        ("obsidian", "a/b c.md", "aliases:\n- Old name", ("/a/b+c", "/Old name")),
        ("obsidian", "a/b.md", "aliases:\n- ?\npermalink: c", ("/c",)),
    ],
)
def test_aliases(dialect: str, path: str, matter: str, aliases: tuple[str, ...]) -> None:
    """What the file's own name tells is left out; a link index finds that anyway."""
    assert address(dialect, path, matter).aliases == aliases


def test_blog_post_of_mkdocs_is_named_by_its_heading() -> None:
    """Material's blog plugin makes the slug of the title, which is the first heading if none is told."""
    matter = "date: 2023-10-02\n# a comment"

    named = address("mkdocs", "blog/posts/m.md", matter, "\nText.\n\n# Sunsetting *Gitter*: why\n")

    assert named.path == "blog/2023/10/02/sunsetting-gitter-why/"


def test_labels_of_myst_lead_to_their_page() -> None:
    """A reference target may stand anywhere in a MyST text, and only there it means anything."""
    body = "(syntax/core)=\r\n# Core\n\nno (label)=\n\n> (units/length)=\n> ## Length\n"

    assert address("myst", "a.md", body=body).aliases == ("/syntax/core", "/units/length")
    assert address("mkdocs", "a.md", body=body).aliases == ()


@pytest.mark.parametrize(
    ("path", "matter", "place"),
    [
        ("_posts/2024-01-02-t.md", NOTHING, "2024/01/02/t/"),
        ("content/en/a/_index.md", NOTHING, "a/"),
        ("a/b.md", "redirect_from: /c\npermalink: /d/", "d/"),
        ("a/b.md", "sidebar_label: B\nid: c", "a/c"),
        ("a/b.md", "linkTitle: B\nurl: /c/", "c/"),
        ("a/b.md", "permalink: /c/\nslug: c\nid: c", "a/b"),
        ("a/b.mdx", NOTHING, "a/b"),
    ],
)
def test_a_document_that_leaves_no_doubt(path: str, matter: str, place: str) -> None:
    """With "auto", only what no other generator has decides."""
    assert address("auto", path, matter).path == place


@pytest.mark.parametrize(
    ("matter", "absolute"),
    [
        ("canonical_url: https://x.com/a", "https://x.com/a"),
        ("url: http://x.com/a?b#c", "http://x.com/a?b#c"),
        ("canonical_url: /a\nurl: https://x.com/b", "https://x.com/b"),
        ("canonical_url: 'http://['\nurl: https://x.com/b", "https://x.com/b"),
        ("url: javascript:alert(1)", None),
        ("url: https:///a", None),
        ("url: /a", None),
    ],
)
def test_absolute(matter: str, absolute: str | None) -> None:
    """A whole URL is told apart, and is no place on the site."""
    found = address("hugo", "b.md", matter)

    assert found.absolute == absolute
    assert found.path == ("a" if matter.endswith("url: /a") else "b/")


@pytest.mark.parametrize(
    "body",
    [
        "\ufeff---\r\npermalink: /c/\r\n---\r\n# Text",
        "---\npermalink: /c/\n...\n",
        "--- \npermalink: /c/\n---",
        "---\npermalink: /c/\n--- \n---\npermalink: /d/\n---\n",
        '+++\npermalink = "/c/"\n+++\n',
        "---\npermalink: /c/\ntitle: a: b\n---\n",
        "---\npermalink: /c/ # why\n---\n" + "x" * 100_000,
    ],
)
def test_front_matter_is_found_as_the_renderer_finds_it(body: str) -> None:
    """Byte order marks, line ends, closing dots and broken YAML are read the same way."""
    assert address("jekyll", "a.md", body=body).path == "c/"


@pytest.mark.parametrize(
    "body",
    [
        "# Text\n---\npermalink: /c/\n---\n",
        "---\npermalink: /c/\n",
        "---\n" + "#" * 20_000 + "\npermalink: /c/\n---\n",
        "---\npermalink:\n  - /c/\n---\n",
        "---\npermalink: '#top'\n---\n",
        "",
    ],
)
def test_what_is_no_front_matter_decides_nothing(body: str) -> None:
    """The file's own name decides where the renderer finds no key."""
    assert address("jekyll", "a.md", body=body).path == "a.html"


def test_half_a_surrogate_pair_spoils_nothing_else() -> None:
    """Such a document is refused later, with a reason; its place must not stop the whole source."""
    assert address("jekyll", "a.md", "title: \ud800\npermalink: /c/").path == "c/"


@pytest.mark.parametrize(
    ("dialect", "media_type", "matter", "place"),
    [
        ("jekyll", "text/html", NOTHING, "a/b.html"),
        ("jekyll", "text/html", "permalink: /c/", "c/"),
        ("mkdocs", "text/html", NOTHING, "a/b.html"),
        ("mkdocs", "text/plain", "slug: c", "a/b.html"),
        ("none", "text/html", NOTHING, "a/b"),
    ],
)
def test_files_that_are_no_markdown_are_copied(
    dialect: str, media_type: str, matter: str, place: str
) -> None:
    """A generator leaves HTML without front matter where it is."""
    assert address(dialect, "a/b.html", matter, media_type=media_type).path == place


def test_links_find_a_page_by_each_of_its_places() -> None:
    """Where the site begins below a prefix, and where at its root."""
    rules = Rules(dialect="docusaurus")
    page = document("---\nid: core-concepts\nslug: /concepts\n---\n", path="intro/CoreConcepts.md")
    found = address_of(page, rules)
    url = page_url("https://redux.dev/docs/{address}", page.path, found.path)
    index = LinkIndex(
        [(page.external_id, page.path, url)], [(alias, page.external_id) for alias in found.aliases]
    )

    assert url == "https://redux.dev/docs/concepts"
    for target in (
        "path:intro/CoreConcepts.md",
        "path:intro/core-concepts",
        "path:concepts",
        "site:/docs/concepts/",
        "site:/docs/next/concepts",
    ):
        assert index.resolve(target) == url, target


SEGMENTS = st.sampled_from(
    [
        "..",
        ".",
        "",
        "a",
        "_docs",
        "_posts",
        "docs",
        "content",
        "en",
        "blog",
        "posts",
        "index",
        "2024-01-02-",
        "1-",
        " ",
    ]
) | st.text(max_size=6)
PLACES = st.lists(SEGMENTS, max_size=5).map("/".join)
MATTERS = st.dictionaries(
    st.sampled_from(
        [
            "slug",
            "id",
            "permalink",
            "url",
            "aliases",
            "redirect_from",
            "date",
            "categories",
            "uid",
            "canonical_url",
        ]
    ),
    PLACES
    | st.sampled_from(
        ["/:year/:title/", "2024-01-02", "http://[", "[a, ../b]", "%2e%2e/%2f", "https://x.com"]
    ),
).map(lambda keys: "".join(f"{key}: {value}\n" for key, value in keys.items()))


@given(
    dialect=st.sampled_from([*dialects.NAMES, "none", "auto"]),
    path=st.builds(lambda place, suffix: place + suffix, PLACES, st.sampled_from([".md", ".html", ""])),
    body=st.builds(lambda matter, text: f"---\n{matter}---\n{text}", MATTERS, st.text()) | st.text(),
    media_type=st.sampled_from(["text/markdown", "text/html", "text/plain"]),
)
def test_a_place_is_always_a_plain_path(dialect: str, path: str, body: str, media_type: str) -> None:
    """Whatever a document says, its place stays on the site, and is the same each time."""
    page = Document(external_id=path, version="1", path=path, body=body, media_type=media_type)
    found = address_of(page, Rules(dialect=dialect))

    assert not found.path.startswith("/")
    for place in ("/" + found.path, *(alias for alias in found.aliases if not alias.startswith("xref:"))):
        assert place.startswith("/")
        assert "//" not in place
        assert not {".", ".."} & set(place.split("/"))
    assert address_of(page, Rules(dialect=dialect)) == found
