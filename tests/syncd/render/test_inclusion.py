"""What each generator puts into a page out of other files."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from syncd.errors import RenderError
from syncd.model import Draft, Included, Link
from syncd.render import Rules, dialects, render
from syncd.render.inclusion import asked_for
from syncd.render.site import Site, read
from tests.builders import document

CODE = "import a\n\n# ANCHOR: one\ndef one():\n    return 1\n# ANCHOR_END: one\n\ndef two():\n    return 2\n"


def rendered(
    dialect: str, body: str, files: Mapping[str, str], *, path: str = "guides/a.md", site: Site | None = None
) -> Draft:
    """Render a page as the run does: with what it asks for, as far as it is among the files."""
    rules = Rules(dialect=dialect, site=site or Site())
    known: dict[str, Included | None] = {}
    while asked := asked_for(document(body, path=path, included=known), rules):
        # Where no dialect is named, nothing would be asked for without this sign of any.
        assert dialects.may_include(body, rules.site)
        known |= {
            name: Included(name.replace("wiki:Note", "Note.md"), "1", files[name]) if name in files else None
            for name in asked
        }
    return render(document(body, path=path, included=known), rules)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("#include ../x.py:1", "import a"),
        ("#include ../x.py:4:5", "def one():\n    return 1"),
        ("#include ../x.py::1", "import a"),
        ("#rustdoc_include ../x.py:one", "def one():\n    return 1"),
        ("#include ../x.py:8:", "def two():\n    return 2"),
    ],
)
def test_mdbook_takes_lines_and_anchors(value: str, shown: str) -> None:
    """Numbers count from 1; the marks of an anchor are no text."""
    draft = rendered("mdbook", "```py\n{{" + value + "}}\n```\n", {"x.py": CODE})

    assert draft.html == f'<pre><code class="language-py">{shown}</code></pre>'
    assert draft.warnings == ()


def test_mdbook_reads_a_path_from_the_file_that_names_it() -> None:
    """Also in a file that is itself put in; what is escaped stays a text."""
    files = {"parts/b.md": "B\n\n{{#include c.md}}\n", "parts/c.md": "C\n"}

    draft = rendered("mdbook", "{{#include ../parts/b.md}}\n\n\\{{#include d.md}}\n", files)

    assert draft.html == "<p>B</p>\n<p>C</p>\n<p>{{#include d.md}}</p>"


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ('--8<-- "x.md"', "<p>one</p>\n<p>two</p>"),
        ('--8<-- "x.md:1:1"', "<p>one</p>"),
        ('--8<-- "x.md:3"', "<p>two</p>"),
        ('--8<-- "s.md:here"', "<p>in</p>"),
        ("--8<--\nx.md\n; y.md\n--8<--", "<p>one</p>\n<p>two</p>"),
        (';--8<-- "x.md"', '<p>--8&lt;-- "x.md"</p>'),
        ('- a\n\n    --8<-- "x.md:1:1"', "<ul>\n<li>\n<p>a</p>\n<p>one</p>\n</li>\n</ul>"),
        ('```\n--8<-- "x.md:1:1"\n```', "<pre><code>one</code></pre>"),
        ('{% include-markdown "../x.md" start="one" %}', "<p>two</p>"),
        ("```\n{!x.md!}\n```", "<pre><code>one\n\ntwo</code></pre>"),
        ("{* ../x.md ln[3] *}", '<pre><code class="language-md">two</code></pre>'),
    ],
)
def test_mkdocs_puts_snippets_in(body: str, html: str) -> None:
    """PyMdown's two forms, with sections and lines, and what other plugins write."""
    files = {
        "x.md": "one\n\ntwo\n",
        "s.md": "out\n<!-- --8<-- [start:here] -->\nin\n<!-- --8<-- [end:here] -->\n",
    }

    draft = rendered("mkdocs", body, files, site=Site(path="mkdocs.yml"))

    assert draft.html == html
    assert draft.warnings == ()


def test_mkdocs_looks_for_snippets_where_its_configuration_says() -> None:
    """Relative to that file, and at the end of every page what it appends there."""
    text = (
        "extra: !!python/name:x\nmarkdown_extensions:\n  - toc\n  - pymdownx.snippets:\n"
        "      base_path: [docs, shared]\n      auto_append: [end.md]\n"
    )
    site = read("mkdocs", Site(path="../mkdocs.yml"), text)

    draft = rendered(
        "mkdocs", '--8<-- "x.md"\n', {"../shared/x.md": "X\n", "../docs/end.md": "End\n"}, site=site
    )

    assert draft.html == "<p>X</p>\n<p>End</p>"


def test_docfx_moves_the_links_of_what_it_includes() -> None:
    """They start at the folder of the file that they are written in."""
    files = {
        "includes/x.md": "---\nms.author: me\n---\nSee [B](b.md), [C](/c) and\n[D].\n\n[D]: ../guides/d.md\n"
    }

    draft = rendered("docfx", "> [!INCLUDE [x](../includes/x.md)]\n", files)

    assert draft.html.startswith("<blockquote>\n<p>See <a")
    assert "me" not in draft.html
    assert [link.target for link in draft.links] == ["path:includes/b.md", "site:/c", "path:guides/d.md"]


@pytest.mark.parametrize(
    "body",
    [
        ':::code language="py" source="../x.py" range="4-5":::',
        "[!code-py[x](../x.py#L4-L5)]",
        "[!code-py[x](~/x.py?range=4-5)]",
    ],
)
def test_docfx_shows_lines_of_code(body: str) -> None:
    """In its three ways to write it."""
    draft = rendered("docfx", body + "\n", {"x.py": CODE}, site=Site(path="docfx.json"))

    assert draft.html == '<pre><code class="language-py">def one():\n    return 1</code></pre>'


def test_docfx_finds_a_region_by_its_name() -> None:
    """Between the comments that name it."""
    code = "a();\n// <part>\nb();\n// </part>\nc();\n"

    draft = rendered("docfx", ':::code language="js" source="../x.js" id="part":::\n', {"x.js": code})

    assert draft.html == '<pre><code class="language-js">b();</code></pre>'


@pytest.mark.parametrize("body", ['{{% readfile file="x.md" %}}', '{{< include "/guides/x.md" >}}'])
def test_hugo_reads_files_beside_the_page_and_from_the_site(body: str) -> None:
    """A path that begins with a slash starts at the site or at its content."""
    assert rendered("hugo", body, {"guides/x.md": "+++\na=1\n+++\nX\n"}).html == "<p>X</p>"


def test_hugo_shows_a_file_as_code() -> None:
    """Docsy's readfile does so on request."""
    draft = rendered("hugo", '{{< readfile file="x.py" code="true" lang="py" >}}', {"guides/x.py": "a\n"})

    assert draft.html == '<pre><code class="language-py">a</code></pre>'


@pytest.mark.parametrize(
    ("target", "html"),
    [
        (
            "Note",
            "<p>top</p>\n<h1>One</h1>\n<p>1</p>\n<h2>Deep</h2>\n<p>d</p>\n<p>b</p>\n<h1>Two</h1>\n<p>2</p>",
        ),
        ("Note#One#Deep", "<h2>Deep</h2>\n<p>d</p>\n<p>b</p>"),
        ("Note#^b1", "<p>b</p>"),
    ],
)
def test_obsidian_embeds_a_note_a_heading_or_a_block(target: str, html: str) -> None:
    """As far as its part reaches, without what only Obsidian reads."""
    note = "---\na: 1\n---\ntop %%secret%%\n\n# One\n\n1\n\n## Deep\n\nd\n\nb ^b1\n\n# Two\n\n2\n"

    draft = rendered("obsidian", f"x\n\n![[{target}]]\n", {"wiki:Note": note})

    assert _bare(draft.html) == "<p>x</p>\n" + html
    assert draft.warnings == ()


def test_obsidian_links_to_what_it_cannot_embed() -> None:
    """A note that is not there, and one within a line."""
    draft = rendered("obsidian", "![[Gone]]\n\nsee ![[Note]]\n", {"wiki:Note": "n\n"})

    assert draft.links == (Link("wiki:Gone"), Link("wiki:Note"))
    assert len(draft.warnings) == 2


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (":lines: 4-5", "def one():\n    return 1"),
        (":start-at: def two", "def two():\n    return 2"),
        (":start-after: ANCHOR: one\n:end-before: ANCHOR_END", "def one():\n    return 1"),
        (":pyobject: two", "def two():\n    return 2"),
    ],
)
def test_myst_shows_parts_of_a_file(options: str, shown: str) -> None:
    """Sphinx's literalinclude."""
    body = "```{literalinclude} ../x.py\n:language: py\n" + options + "\n```\n"

    assert (
        rendered("myst", body, {"x.py": CODE}).html == f'<pre><code class="language-py">{shown}</code></pre>'
    )


def test_myst_includes_text_within_other_directives() -> None:
    """Its fences may be longer than those of the include; in code it is only shown."""
    body = "````{note}\n```{include} /b.md\n```\n````\n\n````md\n```{include} b.md\n```\n````\n"

    draft = rendered("myst", body, {"b.md": "B\n"}, site=Site(path="conf.py"))

    assert "<p>B</p>" in draft.html
    assert '<pre><code class="language-md">```{include} b.md\n```</code></pre>' in draft.html
    assert draft.warnings == ()


def test_myst_takes_substitutions_from_its_configuration() -> None:
    """Only plain values: the file is read, and never run."""
    text = "import os\nmyst_substitutions = {'name': 'Fin', 'path': os.getcwd()}\n"
    site = read("myst", Site(path="conf.py"), text)

    draft = rendered(
        "myst",
        "---\nmyst:\n  substitutions:\n    own: mine\n---\n{{ name }} {{ own }} {{ path }}\n",
        {},
        site=site,
    )

    assert draft.html == "<p>Fin mine</p>"
    assert draft.warnings == ("value 'path' was left out",)


def test_jekyll_gives_values_to_its_includes() -> None:
    """From `_includes` at the site's root; `include_relative` reads beside the page."""
    files = {"_includes/n.html": '<p class="n">{{ include.content }}</p>\n', "guides/r.md": "*r*\n"}

    draft = rendered("jekyll", '{% include n.html content="Mind!" %}\n\n{% include_relative r.md %}\n', files)

    assert draft.html == "<p>Mind!</p>\n<p><em>r</em></p>"


def test_jekyll_runs_no_program() -> None:
    """What a loop would give cannot be known, and is told."""
    files = {"_includes/n.html": "{% for a in site.pages %}{{ a }}{% endfor %}"}

    draft = rendered("jekyll", "Text.\n\n{% include n.html %}\n", files)

    assert draft.html == "<p>Text.</p>"
    assert draft.warnings == ("include 'n.html' was left out: it is a program, and no text",)


def test_docusaurus_puts_partials_and_files_in() -> None:
    """Partials are elements; a link in one starts at its own folder."""
    body = (
        "import Part from './_part.mdx';\nimport Code from '!!raw-loader!@site/x.py';\n\n"
        '<Part name="x" />\n\n<CodeBlock language="py">{Code}</CodeBlock>\n'
    )
    files = {"guides/_part.mdx": "import X from 'x';\n\nSee [B](../b.md). <X>kept</X>\n", "../x.py": "a\n"}

    draft = rendered("docusaurus", body, files, site=Site(path="../docusaurus.config.js"))

    assert draft.html == (
        '<p>See <a href="link:0">B</a>. kept</p>\n<pre><code class="language-py">a</code></pre>'
    )
    assert draft.links[0].target == "path:b.md"


def test_cycle_ends_and_is_told() -> None:
    """Two files that include each other are each put in once."""
    files = {"guides/b.md": "B\n\n{{#include c.md}}\n", "guides/c.md": "C\n\n{{#include b.md}}\n"}

    draft = rendered("mdbook", "{{#include b.md}}\n", files)

    assert draft.html == "<p>B</p>\n<p>C</p>"
    assert draft.warnings == ("include 'b.md' was left out: it includes itself",)


def test_bomb_of_includes_is_refused() -> None:
    """Each file includes the next one often: the page fails, and nothing grows without bound."""
    files = {f"guides/{n}.md": f"{{{{#include {n + 1}.md}}}}\n" * 30 for n in range(12)}

    with pytest.raises(RenderError, match="includes more than"):
        rendered("mdbook", "{{#include 0.md}}\n", files)


@pytest.mark.parametrize("matter", ["draft: true", "published: false", "publish: false"])
def test_draft_is_not_put_in(matter: str) -> None:
    """What may not be a page may not be a part of one either."""
    draft = rendered(
        "mdbook", "Text.\n\n{{#include b.md}}\n", {"guides/b.md": f"---\n{matter}\n---\nSecret.\n"}
    )

    assert draft.html == "<p>Text.</p>"
    assert draft.warnings == ("include 'b.md' was left out: the document calls itself a draft",)


def test_part_that_is_not_there_is_told() -> None:
    """The page says less than its author meant."""
    draft = rendered("mdbook", "Text.\n\n{{#include x.py:three}}\n", {"guides/x.py": CODE})

    assert draft.warnings == ("include 'x.py:three' was left out: the file has no such part",)


def test_document_without_includes_asks_for_nothing() -> None:
    """Most pages are made of one file."""
    assert asked_for(document("# A\n\nText with {{ braces }} and -8<-.\n"), Rules(dialect="mdbook")) == []


def _bare(html: str) -> str:
    return re.sub(r' id="[^"]*"', "", html)
