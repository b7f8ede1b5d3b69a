"""What each documentation generator's own Markdown becomes."""

from __future__ import annotations

import pytest

from syncd.model import Draft, Link
from syncd.render import Rules, dialects, render
from syncd.render.dialects.page import Page
from tests.builders import document


def rendered(dialect: str, body: str, path: str = "guides/a.md") -> Draft:
    return render(document(body, path=path), Rules(dialect=dialect))


def quote(label: str, *blocks: str) -> str:
    return "\n".join(("<blockquote>", f"<p><strong>{label}</strong></p>", *blocks, "</blockquote>"))


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("!!! note\n    a\n\n    b\n\nc", quote("Note", "<p>a</p>", "<p>b</p>") + "\n<p>c</p>"),
        ('??? tip "Be *quick*"\n    a', quote("Tip: Be <em>quick</em>", "<p>a</p>")),
        ('!!! note inline end ""\n    a', quote("Note", "<p>a</p>")),
        (
            "- x\n\n    !!! note\n        a",
            "<ul>\n<li>\n<p>x</p>\n" + quote("Note", "<p>a</p>") + "\n</li>\n</ul>",
        ),
        ("- !!! note\n\n        a", "<ul>\n<li>\n" + quote("Note", "<p>a</p>") + "\n</li>\n</ul>"),
        ("!!! a\n    !!! b\n        x", quote("A", *quote("B", "<p>x</p>").split("\n"))),
        (
            '=== "One"\n\n    a\n\n=== "Two"\n\n    ```sh\n    b\n    ```',
            "<p><strong>One</strong></p>\n<p>a</p>\n"
            '<p><strong>Two</strong></p>\n<pre><code class="language-sh">b</code></pre>',
        ),
        ("[Go](b.md){ .md-button } :material-arrow-right:", '<p><a href="link:0">Go</a></p>'),
        ("++ctrl+alt+del++", "<p><kbd>Ctrl</kbd>+<kbd>Alt</kbd>+<kbd>Del</kbd></p>"),
        ("==marked== and `==code==`", "<p><mark>marked</mark> and <code>==code==</code></p>"),
        ("{--old--}{++new++} {>>why<<}", "<p>new</p>"),
        ("HTML\n\n*[HTML]: Hyper\n[TOC]", "<p>HTML</p>"),
        ('<div class="grid" markdown>\n- a\n</div>\nb', "<ul>\n<li>a</li>\n</ul>\n<p>b</p>"),
        ("/// warning | Mind\ntext\n///", "<p><strong>Warning: Mind</strong></p>\n<p>text</p>"),
        (
            "> ```\n> a\n\n!!! note\n    b",
            "<blockquote>\n<pre><code>a</code></pre>\n</blockquote>\n" + quote("Note", "<p>b</p>"),
        ),
        (
            "```\n!!! a\n        ```\n        ```\n!!! b\n```",
            "<pre><code>!!! a\n        ```\n        ```\n!!! b</code></pre>",
        ),
        ("```\n!!! note\n    a\n```", "<pre><code>!!! note\n    a</code></pre>"),
        (
            "  2.  a\n\n    ```\n    b\n    ```",
            '<ol start="2">\n<li>\n<p>a</p>\n<pre><code>b</code></pre>\n</li>\n</ol>',
        ),
        (
            '=== "One"\n\n    a\n    ```\n\n=== "Two"\n\n    b\n',
            "<p><strong>One</strong></p>\n<p>a</p>\n<p><strong>Two</strong></p>\n<p>b</p>",
        ),
        (
            "!!! note\n    ```\n    a\n\nb",
            quote("Note", "<pre><code>a</code></pre>") + "\n<p>b</p>",
        ),
        (r"$$\sum_{k=0}^{n}x^{a=b}$$ *c*{k=v}", r"<p>$$\sum_{k=0}^{n}x^{a=b}$$ <em>c</em></p>"),
    ],
)
def test_mkdocs(body: str, html: str) -> None:
    """Indented bodies are text, not code."""
    assert rendered("mkdocs", body).html == html


@pytest.mark.parametrize(
    ("body", "html"),
    [
        (":::note\na\n:::\nb", quote("Note", "<p>a</p>") + "\n<p>b</p>"),
        (":::tip[Be *quick*]\n\na\n\n:::", quote("Tip: Be <em>quick</em>", "<p>a</p>")),
        (":::caution Mind\na\n:::", quote("Caution: Mind", "<p>a</p>")),
        ("::::note\n:::tip\na\n:::\n::::", quote("Note", *quote("Tip", "<p>a</p>").split("\n"))),
        (
            "- x\n\n  :::note\n  a\n  :::",
            "<ul>\n<li>\n<p>x</p>\n" + quote("Note", "<p>a</p>") + "\n</li>\n</ul>",
        ),
        ("import A from './a';\nimport {\n  B,\n} from 'b';\n\nexport const c = 1;\n\ntext", "<p>text</p>"),
        ("a {/* no\nno */} b", "<p>a b</p>"),
        ("a{' '}\nb {`c`}", "<p>a b c</p>"),
        (
            '<Tabs groupId="x" values={[{label: "A", value: "a"}]}>\n'
            '<TabItem value="a" label="Ay">\n\n*b*\n\n</TabItem>\n'
            '<TabItem value="c">\n\n    indented\n\n</TabItem>\n</Tabs>',
            "<p><strong>Ay</strong></p>\n<p><em>b</em></p>\n<p><strong>c</strong></p>\n<p>indented</p>",
        ),
        ('<Card title="T" icon={<X/>}>text</Card>', "<p><strong>T</strong> text</p>"),
        ("<span style={{color: 'red'}}>red</span>", "<p>red</p>"),
        ("`<Tabs>` and a < b", "<p><code>&lt;Tabs&gt;</code> and a &lt; b</p>"),
        ("```mdx-code-block\nimport A from 'a';\n\n:::note\nx\n:::\n```", quote("Note", "<p>x</p>")),
        (
            '```js title="a.js"\nimport a from "a"\n```',
            '<p><strong>a.js</strong></p>\n<pre><code class="language-js">import a from "a"</code></pre>',
        ),
        ("important: import your data first", "<p>important: import your data first</p>"),
        ("import your data first, then export it.", "<p>import your data first, then export it.</p>"),
    ],
)
def test_docusaurus(body: str, html: str) -> None:
    """Modules and comments go; components leave what they show and what they hold."""
    assert rendered("docusaurus", body).html == html


def test_mdbook() -> None:
    """Listings keep file name, number and caption; hidden lines of Rust stay hidden."""
    body = (
        '<Listing number="1-2" file-name="src/main.rs" caption="A `Box<T>`">\n\n'
        "```rust,ignore\n# use hidden;\nfn main() {}\n#[attr]\n{{#include x.rs:2:3}}\n```\n\n</Listing>\n"
    )

    draft = rendered("mdbook", body)

    assert draft.html == (
        "<p>Filename: src/main.rs</p>\n"
        '<pre><code class="language-rust">fn main() {}\n#[attr]</code></pre>\n'
        "<p>Listing 1-2: A <code>Box&lt;T&gt;</code></p>"
    )
    assert draft.warnings == (
        "include 'x.rs:2:3' was left out: there is no such file, or none that may be put in",
    )


def test_mdbook_hides_lines_of_rust_in_a_quote() -> None:
    """They are as hidden there as anywhere."""
    draft = rendered("mdbook", "> ```rust\n> # use hidden;\n> #\n> fn main() {}\n> ```\n")

    assert draft.html == (
        '<blockquote>\n<pre><code class="language-rust">fn main() {}</code></pre>\n</blockquote>'
    )


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("```{note}\n:class: x\n\na *b*\n```", quote("Note", "<p>a <em>b</em></p>")),
        (":::{tip} first\nsecond\n:::", quote("Tip", "<p>first second</p>")),
        (
            ":::{admonition} Own *title*\n:class: warning\na\n:::",
            quote("Warning: Own <em>title</em>", "<p>a</p>"),
        ),
        ("````{note}\n```{tip}\na\n```\n````", quote("Note", *quote("Tip", "<p>a</p>").split("\n"))),
        ("````{tab-set}\n```{tab-item} One\na\n```\n````", "<p><strong>One</strong></p>\n<p>a</p>"),
        (
            "```{code-block} python\n:linenos:\nx = 1\n```",
            '<pre><code class="language-python">x = 1</code></pre>',
        ),
        (
            "```{math}\na^2\n```",
            '<p><strong>Formula</strong></p>\n<pre><code class="language-math">a^2</code></pre>',
        ),
        ("```{figure} a.png\n:alt: A plan\n\nThe caption\n```", "<p>A plan</p>\n<p>The caption</p>"),
        ("```{toctree}\na\nb\n```\n\n(target)=\n% comment\ntext\n+++", "<p>text</p>"),
        (
            "see {ref}`the part <x>`, {doc}`b`, {func}`~a.b.c` and {kbd}`F1`",
            '<p>see <a href="link:0">the part</a>, <a href="link:1">b</a>, '
            "<code>c</code> and <kbd>F1</kbd></p>",
        ),
        (
            "```{list-table} Ice\n:header-rows: 1\n\n* - Treat\n  - Price\n* - A *bar*\n  - 2\n    or 3\n```",
            "<p><strong>Ice</strong></p>\n<table>\n<thead>\n<tr>\n<th>Treat</th>\n<th>Price</th>\n</tr>\n</thead>\n"
            "<tbody>\n<tr>\n<td>A <em>bar</em></td>\n<td>2 or 3</td>\n</tr>\n</tbody>\n</table>",
        ),
        (
            "```{list-table}\n* - a\n  - - b\n    - c\n```",
            "<ul>\n<li>\n<ul>\n<li>a</li>\n<li>\n<ul>\n<li>b</li>\n<li>c</li>\n</ul>\n</li>\n</ul>\n</li>\n</ul>",
        ),
        ("{ref}`a <x>\n\nb `c`", "<p>{ref}`a</p>\n<p>b <code>c</code></p>"),
        ("[](b-c.md) and `` {ref}`x` ``", '<p><a href="link:0">b c</a> and <code>{ref}`x`</code></p>'),
        ("```{glossary}\nTerm\n  What it means\n```", "<dl>\n<dt>Term</dt>\n<dd>What it means</dd>\n</dl>"),
        (
            '```{csv-table} T\n:header: a, b\n1, "2, 3"\n```',
            "<p><strong>T</strong></p>\n<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n"
            "<tbody>\n<tr>\n<td>1</td>\n<td>2, 3</td>\n</tr>\n</tbody>\n</table>",
        ),
        ("```python\n:::{note}\n```", '<pre><code class="language-python">:::{note}</code></pre>'),
    ],
)
def test_myst(body: str, html: str) -> None:
    """Directives are no code, whatever fence they stand in."""
    assert rendered("myst", body).html == html


@pytest.mark.parametrize(
    ("body", "link"),
    [
        ("[a](#syntax/roles)", Link("site:/syntax/roles", "syntax-roles")),
        ("[a](<#My term>)", Link("site:/My term", "my-term")),
        ("{ref}`a <syntax/roles>`", Link("site:/syntax/roles", "syntax-roles")),
        ("{ref}`roles`", Link("site:/roles", "roles")),
        ("<project:#roles>", Link("site:/roles", "roles")),
        ("[a](project:b.md)", Link("path:guides/b.md\npath:b.md")),
        ("(roles)=\n## The roles\n\n[a](#roles)", Link("self:", "roles")),
        ("[text]{#roles} and [a](#roles)", Link("self:", "roles")),
        (":::{note}\n:name: roles\nx\n:::\n\n{ref}`roles`", Link("self:", "roles")),
        ("## The roles\n\n[a](#the-roles)", Link("self:", "the-roles")),
    ],
)
def test_myst_label_leads_to_its_page(body: str, link: Link) -> None:
    """A label is known in the whole project; what the page itself has is meant first."""
    assert rendered("myst", body).links == (link,)


@pytest.mark.parametrize(
    ("body", "html"),
    [
        (
            '{{% alert title="Mind" color="warning" %}}\na *b*\n{{% /alert %}}',
            quote("Warning: Mind", "<p>a <em>b</em></p>"),
        ),
        (
            '{{< tabs >}}\n{{% tab "One" %}}\na\n{{% /tab %}}\n{{< /tabs >}}',
            "<p><strong>One</strong></p>\n<p>a</p>",
        ),
        ('[x]({{< relref "b.md#c" >}})', '<p><a href="link:0">x</a></p>'),
        ('{{< figure src="a.png" alt="A plan" caption="The *plan*" >}}', "<p>A plan</p>\n<p>The *plan*</p>"),
        ("{{</* tabs */>}}", "<p>{{&lt; tabs &gt;}}</p>"),
        ("{{< highlight go >}}\nx\n{{< /highlight >}}", '<pre><code class="language-go">x</code></pre>'),
        ("a {{< unknown b=1 >}}c{{< /unknown >}}", "<p>a c</p>"),
        ("{{< comment >}}secret{{< /comment >}}a", "<p>a</p>"),
        (
            "- x\n\n  {{% notice %}}\n  a\n  {{% /notice %}}",
            "<ul>\n<li>\n<p>x</p>\n" + quote("Note", "<p>a</p>") + "\n</li>\n</ul>",
        ),
    ],
)
def test_hugo(body: str, html: str) -> None:
    """Shortcodes leave what they show."""
    assert rendered("hugo", body).html == html


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("a\n{: .note .x}\n\nb", quote("Note", "<p>a</p>") + "\n<p>b</p>"),
        ("{: .warning }\na\nb", quote("Warning", "<p>a b</p>")),
        ("{% raw %}`{{ page.x }}`{% endraw %}", "<p><code>{{ page.x }}</code></p>"),
        ("{% comment %}secret{% endcomment %}a", "<p>a</p>"),
        (
            "{% highlight ruby linenos %}\nx\n{% endhighlight %}",
            '<pre><code class="language-ruby">x</code></pre>',
        ),
        (
            "[x]({% link _docs/a.md %}) [y]({{ '/docs/b/' | relative_url }})",
            '<p><a href="link:0">x</a> <a href="link:1">y</a></p>',
        ),
        ('<div class="x">\n  <p markdown="1">\n    a `b`\n  </p>\n</div>', "<p>a <code>b</code></p>"),
        ("{% if a %}\nb\n{% endif %}", "<p>b</p>"),
        ("## A {#x}\n{: .no_toc}\n\n* TOC\n{:toc}\n\nb", '<h2 id="x">A</h2>\n<p>b</p>'),
        (
            "{% highlight diff %}\n{% raw %}- {{ a }}{% endraw %}\n{% endhighlight %}",
            '<pre><code class="language-diff">- {{ a }}</code></pre>',
        ),
        (
            "{% raw %}`{% highlight x %}`{% endraw %} {{ page.no }}",
            "<p><code>{% highlight x %}</code></p>",
        ),
        (
            "<div>\n<p>a</p>\n\n{% highlight c %}\nb\n{% endhighlight %}\n</div>",
            '<p>a</p>\n<pre><code class="language-c">b</code></pre>',
        ),
        ("<em>\n  See [b](b.md).\n</em>", '<p><em>See <a href="link:0">b</a>.</em></p>'),
        (
            "<table>\n<tr>\n\n    <td>a</td>\n\n</tr>\n</table>",
            "<table>\n<tbody><tr>\n<td>a</td>\n</tr>\n</tbody></table>",
        ),
    ],
)
def test_jekyll(body: str, html: str) -> None:
    """Liquid is not run, and not printed."""
    assert rendered("jekyll", body).html == html


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("> [!NOTE]\n> a", quote("Note", "<p>a</p>")),
        (':::image type="content" source="a.png" alt-text="A plan":::', "<p>A plan</p>"),
        (':::row:::\n:::column span="2":::\na\n:::column-end:::\n:::row-end:::', "<p>a</p>"),
        (
            "# [One](#tab/one)\na\n# [Two](#tab/two)\nb\n\n---\n\nc",
            "<p><strong>One</strong></p>\n<p>a</p>\n<p><strong>Two</strong></p>\n<p>b</p>\n<p>c</p>",
        ),
        ("a <xref:System.String> b", '<p>a <a href="link:0"><code>System.String</code></a> b</p>'),
        (
            "[!VIDEO https://video.example.com/1]",
            '<p><a href="https://video.example.com/1">https://video.example.com/1</a></p>',
        ),
    ],
)
def test_docfx(body: str, html: str) -> None:
    """Extensions leave what they show; every variant stays."""
    assert rendered("docfx", body).html == html


@pytest.mark.parametrize(
    ("body", "html", "links"),
    [
        (
            "[[Other Page#Part|shown]]",
            '<p><a href="link:0">shown</a></p>',
            (Link("wiki:Other Page", "Part"),),
        ),
        (
            "[[Other Page#Part]]",
            '<p><a href="link:0">Other Page &gt; Part</a></p>',
            (Link("wiki:Other Page", "Part"),),
        ),
        ("[[#Part]]", '<p><a href="link:0">Part</a></p>', (Link("self:", "Part"),)),
        ("| a |\n|---|\n| [[B\\|c]] |", None, (Link("wiki:B"),)),
        ("![[image.png|300]] a", "<p>a</p>", ()),
        ("a %%secret%% b\n\n%%\nmore\n\nsecrets\n%%\n\nc ^block-1", "<p>a b</p>\n<p>c</p>", ()),
        ("==a== `%%b%%` `[[c]]`", "<p><mark>a</mark> <code>%%b%%</code> <code>[[c]]</code></p>", ()),
        ("> [!faq]- Why?\n> So.", quote("Question: Why?", "<p>So.</p>"), ()),
    ],
)
def test_obsidian(body: str, html: str | None, links: tuple[Link, ...]) -> None:
    """Wikilinks stay open, comments go."""
    draft = rendered("obsidian", body)

    assert html is None or draft.html == html
    assert draft.links == links


def test_an_embedded_note_is_reported() -> None:
    """What another page would have put in is missing, so it is linked and said."""
    draft = rendered("obsidian", "![[Other#Part]]")

    assert draft.links == (Link("wiki:Other", "Part"),)
    assert draft.warnings == (
        "embedded note 'Other#Part' was left out: there is no such file, or none that may be put in",
    )


def test_github_wiki() -> None:
    """The text comes first, and the file name is the title."""
    draft = rendered("github_wiki", "# Welcome\n[[shown|Other-Page]] [[Home]]", path="Getting-Started.md")

    assert draft.title == "Getting Started"
    assert draft.links == (Link("wiki:Other-Page"), Link("wiki:Home"))


def test_wikilinks_are_read_only_where_they_are_used() -> None:
    """Elsewhere two brackets are a type name or an array."""
    assert rendered("none", "a [[b]] c").html == "<p>a [[b]] c</p>"


@pytest.mark.parametrize(
    ("names", "dialect"),
    [
        ({"mkdocs.yml", "docs"}, "mkdocs"),
        ({"docusaurus.config.ts"}, "docusaurus"),
        ({"book.toml", "src"}, "mdbook"),
        ({"conf.py", "index.md"}, "myst"),
        ({"hugo.toml"}, "hugo"),
        ({"config.toml", "content"}, "hugo"),
        ({"_config.yml"}, "jekyll"),
        ({".obsidian", "Note.md"}, "obsidian"),
        ({"docfx.json"}, "docfx"),
        ({"Home.md", "_Sidebar.md"}, "github_wiki"),
        ({"README.md"}, None),
    ],
)
def test_detect(names: set[str], dialect: str | None) -> None:
    """A generator is known by its own settings file."""
    assert dialects.detect(names) == dialect


@pytest.mark.parametrize(
    ("path", "body", "html"),
    [
        ("a.md", "!!! note\n    a", quote("Note", "<p>a</p>")),
        ("a.md", ":::note\na\n:::", quote("Note", "<p>a</p>")),
        ("a.mdx", "import a from 'a'\n\ntext", "<p>text</p>"),
        ("a.md", "text", "<p>text</p>"),
    ],
)
def test_auto(path: str, body: str, html: str) -> None:
    """Without a setting, each document is read as what it shows itself to be."""
    assert rendered("auto", body, path).html == html


@pytest.mark.parametrize("name", dialects.NAMES)
def test_plain_markdown_is_the_same_in_every_dialect(name: str) -> None:
    """A dialect adds to Markdown and takes nothing away."""
    body = (
        "# Title\n\nOne *two* `three {x}` [b](b.md).\n\n- a\n  - b\n\n1. c\n\n"
        "```js\nlet a = {};\n```\n\n| a |\n|---|\n| b |\n"
    )

    assert rendered(name, body, "title.md").html == rendered("none", body, "title.md").html


@pytest.mark.parametrize("name", dialects.NAMES)
@pytest.mark.parametrize(
    "atom",
    [
        "{{< ",
        "{% ",
        "{{#include ",
        ":::a\n",
        "[[",
        "<A b={",
        "!!! a\n",
        "`",
        "%%",
        "{: ",
        "{% raw %}",
        "{% highlight a %}",
    ],
)
def test_marks_that_never_close_end(name: str, atom: str) -> None:
    """No expression may take a time that grows with the square of what it searches."""
    assert isinstance(dialects.prepare(name, atom * 3_000, Page("a.md")), str)


def test_myst_leaves_a_directive_in_indented_code() -> None:
    """Four blanks after a gap make code, but for what a list item or a definition holds."""
    body = "Text:\n\n    ```{note}\n    a\n    ```\n\n- item\n\n    ```{tip}\n    b\n    ```\n"

    html = rendered("myst", body).html

    assert "<pre><code>```{note}\na\n```</code></pre>" in html
    assert "<blockquote>\n<p><strong>Tip</strong></p>\n<p>b</p>" in html


def test_environment_of_latex_is_a_formula() -> None:
    """Its backslashes are its own."""
    html = rendered("myst", "a\n\n\\begin{equation}\na \\\\ b\n\\end{equation}\n").html

    assert (
        '<pre><code class="language-math">\\begin{equation}\na \\\\ b\n\\end{equation}</code></pre>' in html
    )
