"""What a document looks like once it is rendered."""

from __future__ import annotations

import pytest

from syncd.errors import EmptyPage, PageWithheld, RenderError
from syncd.model import Document, Draft, Link
from syncd.render import Rules, render
from tests import builders


def document(body: str, **values: object) -> Document:
    return builders.document(body, **{"path": "guides/first-steps.md", **values})  # type: ignore[arg-type]


def rendered(body: str, **values: object) -> Draft:
    return render(document(body, **values), Rules())


def html_of(body: str, **values: object) -> str:
    return rendered(body, **values).html


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("one *two* **three**", "<p>one <em>two</em> <strong>three</strong></p>"),
        ("~~gone~~", "<p><del>gone</del></p>"),
        ("a  \nb", "<p>a<br>\nb</p>"),
        ("- [ ] a\n- [x] b", "<ul>\n<li>☐ a</li>\n<li>☑ b</li>\n</ul>"),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>'),
        ("> [!NOTE]\n> mind", "<blockquote>\n<p><strong>Note</strong></p>\n<p>mind</p>\n</blockquote>"),
        ("> [!tip]- Be *q*", "<blockquote>\n<p><strong>Tip: Be <em>q</em></strong></p>\n</blockquote>"),
        ("```py title=x\na<b\n```", '<pre><code class="language-py">a&lt;b</code></pre>'),
        ("```rust,ignore\nx\n```", '<pre><code class="language-rust">x</code></pre>'),
        ("```{.sh .numbers}\nx\n```", '<pre><code class="language-sh">x</code></pre>'),
        (
            "$$\na_1 * b_2 * c\n$$",
            '<p><strong>Formula</strong></p>\n<pre><code class="language-math">a_1 * b_2 * c</code></pre>',
        ),
        (
            "```mermaid\nA-->B\n```",
            '<p><strong>Diagram</strong></p>\n<pre><code class="language-mermaid">A--&gt;B</code></pre>',
        ),
        ("costs $5 or $HOME/$USER", "<p>costs $5 or $HOME/$USER</p>"),
        ("Term\n: meaning", "<dl>\n<dt>Term</dt>\n<dd>meaning</dd>\n</dl>"),
        ("## Two words! {#own .x}", '<h2 id="own">Two words!</h2>'),
        ("## Set {a} {b}", '<h2 id="set-a-b">Set {a} {b}</h2>'),
        ("## A\n## A", '<h2 id="a">A</h2>\n<h2 id="a-1">A</h2>'),
        ("see https://example.com.", '<p>see <a href="https://example.com">https://example.com</a>.</p>'),
        ("![a plan](plan.png) here", "<p>a plan here</p>"),
        ("[![build](b.svg)](https://ci.example.com)", '<p><a href="https://ci.example.com">build</a></p>'),
        ("<details><summary>A</summary>\n\n*b*\n</details>", "<p><strong>A</strong></p>\n<p><em>b</em></p>"),
        ("<div>a</div><div>b</div>", "<p>a</p>\n<p>b</p>"),
        ("<Card><Text>a</Text><Text>b</Text></Card>", "<p>a b</p>"),
        ("<kbd>Ctrl</kbd>", "<p><kbd>Ctrl</kbd></p>"),
        ("a<!-- note to self -->b", "<p>ab</p>"),
        ("<!--\nsecret\n\nmore\n-->\n\nseen", "<p>seen</p>"),
        ("x <script>alert(1)</script> y", "<p>x y</p>"),
        ("**  **x", "<p>** **x</p>"),
    ],
)
def test_markdown(body: str, html: str) -> None:
    """Each construct has one plain form that keeps its kind and its words."""
    assert html_of(body) == html


def test_a_table_stays_a_table_with_its_empty_cells() -> None:
    """A cell without text keeps its place, or the others would move to other columns."""
    html = html_of("| a | b |\n|---|---|\n|  | 2 |")

    assert html == (
        "<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n"
        "<tbody>\n<tr>\n<td></td>\n<td>2</td>\n</tr>\n</tbody>\n</table>"
    )


def test_footnotes_come_last_and_none_is_lost() -> None:
    """A note that nothing refers to is still text of the page."""
    html = html_of("a[^n] b^[in line]\n\n[^n]: the note\n[^alone]: nobody asked")

    assert html.startswith("<p>a<sup>[1]</sup> b<sup>[2]</sup></p>\n<hr>\n<ol>")
    assert html.index("the note") < html.index("in line") < html.index("nobody asked")


@pytest.mark.parametrize("depth", [1, 9, 10, 20, 60])
@pytest.mark.parametrize("mark", ["- ", "> ", "1. "])
def test_deep_nesting_keeps_every_word(mark: str, depth: int) -> None:
    """Presets of the parser drop what lies deeper than ten lists, without a word (reliability.md P19)."""
    if mark == "> ":
        body = "\n".join("> " * level + f"word{level}\n" + "> " * level for level in range(1, depth + 1))
    else:
        body = "\n".join(" " * (len(mark) * level) + f"{mark}word{level}" for level in range(depth))
        body += f"\nword{depth}"

    html = html_of(body)

    assert all(f"word{level}" in html for level in range(1, depth + 1))


@pytest.mark.parametrize(
    "body",
    [">" * 5000 + "x", "<div>" * 300 + "x", "<div>" * 50_000 + "x", "<b>x</i>" * 20_000],
    ids=["quotes", "divs", "many-divs", "unclosed"],
)
def test_too_deep_nesting_is_an_error(body: str) -> None:
    """What cannot be kept is refused with a reason, never dropped."""
    with pytest.raises(RenderError, match=r"first-steps\.md: .*nested deeper than 150"):
        html_of(body)


@pytest.mark.parametrize("body", ["[" * 13_000, "![[]()" * 4_000, "*a_ " * 10_000, "a " + "`a" * 3_000])
def test_a_knot_of_marks_ends(body: str) -> None:
    """Marks without a partner are text."""
    assert html_of(body)


@pytest.mark.parametrize(
    "body",
    [
        "",
        " \n\t\n",
        "---\ntitle: x\n---\n",
        "<!-- c -->",
        "\ufeff",
        "***\n",
        "[a]: b.md\n",
        "<script>x</script>",
    ],
)
def test_an_empty_page_is_an_error(body: str) -> None:
    """A page that shows nothing would blank what is online."""
    with pytest.raises(EmptyPage, match="empty page"):
        html_of(body)


@pytest.mark.parametrize(
    ("values", "title"),
    [
        ({"body": "---\ntitle: Matter\n---\n# One\nx", "title": "Origin"}, "Origin"),
        ({"body": "---\ntitle: Matter\n---\n# One\nx"}, "Matter"),
        ({"body": "## Zero\n# One *two*\nx"}, "One two"),
        ({"body": "x\n\n## Zero\n### Minus"}, "Zero"),
        ({"body": "x"}, "First steps"),
        ({"body": "x", "path": "guides/README.md"}, "Guides"),
        ({"body": "x", "path": "index.md"}, "Index"),
        ({"body": "x", "path": "02-set_up.md"}, "Set up"),
        ({"body": "# a\u202eb\u200bc\nx"}, "abc"),
        ({"body": "---\ntitle: [a, b]\n---\nx"}, "First steps"),
        ({"body": "<title>Head</title><h2>Two</h2>x", "media_type": "text/html"}, "Head"),
    ],
)
def test_title(values: dict[str, object], title: str) -> None:
    """Origin, front matter, first H1, first heading, file name: in this order."""
    assert rendered(**values).title == title  # type: ignore[arg-type]


def test_a_long_title_is_cut_at_a_word() -> None:
    """A title is one line that a person can read."""
    title = rendered("# " + "word " * 100 + "\nx").title

    assert len(title) <= 255
    assert title.endswith("word…")


def test_an_h1_that_repeats_the_title_is_left_out() -> None:
    """Intercom shows the title above the page already."""
    assert html_of("---\ntitle: Set up\n---\n# set  up\n\ntext") == "<p>text</p>"


def test_other_headings_of_level_one_stay() -> None:
    """Only the repetition goes."""
    assert html_of("---\ntitle: Set up\n---\n# More\n\ntext\n\n# Set up").count("<h1") == 2


def test_a_page_of_nothing_but_its_title_keeps_it() -> None:
    """There is no page without a body."""
    assert html_of("# Soon") == '<h1 id="soon">Soon</h1>'


@pytest.mark.parametrize("end", ["\r\n", "\r", "\u2028", "\f"])
def test_line_ends_make_no_difference(end: str) -> None:
    """A checkout with other line ends must send nothing."""
    body = "---\ntitle: T\n---\n\n# T\n\na\nb\n\n- c\n- d\n\n```\ne\nf\n```\n"

    assert rendered(body.replace("\n", end)) == rendered(body)


def test_a_byte_order_mark_does_not_hide_front_matter() -> None:
    """Editors on Windows write one."""
    assert rendered("\ufeff---\ntitle: T\n---\nx").title == "T"


@pytest.mark.parametrize(
    ("href", "target"),
    [
        ("b.md", Link("path:guides/b.md")),
        ("../b.md#c", Link("path:b.md", "c")),
        ("../../../b.md", Link("path:b.md")),
        ("<with blank.md>", Link("path:guides/with blank.md")),
        ("with%20blank.md", Link("path:guides/with blank.md")),
        ("./", Link("path:guides")),
        ("/docs/x/", Link("site:/docs/x")),
        ("b.md?plain=1", Link("path:guides/b.md")),
        ("#c%20d", Link("self:", "c d")),
    ],
)
def test_links_to_pages_stay_open(href: str, target: Link) -> None:
    """Where a page is published is not known here."""
    draft = rendered(f"[x]({href})")

    assert draft.html == '<p><a href="link:0">x</a></p>'
    assert draft.links == (target,)


def test_links_that_only_the_connector_understands() -> None:
    """An href that the document explains names the item, fragment included or not."""
    draft = rendered("[x](/wiki/1) [y](/wiki/1#z) [x](/wiki/1)", links={"/wiki/1": "42"})

    assert draft.links == (Link("id:42"), Link("id:42", "z"))
    assert draft.html.count("link:0") == 2


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "http://localhost/x",
        "http://wiki/x",
        "http://build.acme.internal",
        "https://10.1.2.3/",
        "https://[::1]/",
        "http://169.254.169.254/latest",
        "https://user:secret@example.com/",
        "link:0",
        "java&#10;script:alert(1)",
        "ftp://example.com",
        "http://[broken",
        "\\\\server\\share",
    ],
)
def test_links_that_no_reader_may_follow_keep_their_text(href: str) -> None:
    """Private hosts, other schemes and passwords never leave."""
    body = f'<p>see <a href="{href}">the page</a></p>'

    assert html_of(body, media_type="text/html") == "<p>see the page</p>"


@pytest.mark.parametrize("href", ["https://example.com/a?b=c&d", "mailto:a@example.com", "tel:+49123"])
def test_links_to_the_web_stay(href: str) -> None:
    """They need nobody's help."""
    assert f'<a href="{href.replace("&", "&amp;")}">x</a>' in html_of(f"[x]({href})")


def test_pictures_of_an_allowed_host_stay() -> None:
    """All others leave their alternative text."""
    rules = Rules(image_hosts=("*.example.com",))
    body = "![a](https://img.example.com/1.png) ![b](https://example.org/2.png) ![c](data:image/png;base64,x)"

    assert render(document(body), rules).html == (
        '<p><img src="https://img.example.com/1.png" alt="a"> b c</p>'
    )


@pytest.mark.parametrize(
    "hidden",
    [
        "<p hidden>secret</p>",
        '<p aria-hidden="true">secret</p>',
        '<p style="color: red; display : none">secret</p>',
        '<span style="visibility:hidden">secret</span>',
        '<span style="font-size:0">secret</span>',
        '<span style="font-size:0px !important">secret</span>',
        '<span style="opacity:0.0">secret</span>',
        '<div style="position:absolute;left:-9999px">secret</div>',
        "<template>secret</template>",
        "<noscript>secret</noscript>",
        "<style>secret</style>",
        "<select><option>secret</option></select>",
        "<textarea>secret</textarea>",
        "<!-- secret -->",
        "<!--[if IE]>secret<![endif]-->",
        "<nav>secret</nav>",
    ],
)
def test_what_a_reader_cannot_see_does_not_arrive(hidden: str) -> None:
    """Hidden text must never become visible to an agent only."""
    assert html_of(f"<p>a</p>{hidden}<p>b</p>", media_type="text/html") == "<p>a</p>\n<p>b</p>"


@pytest.mark.parametrize("style", ["font-size:0.5em", "opacity:0.9", "font-size:10px", "margin-left:-5px"])
def test_small_is_not_hidden(style: str) -> None:
    """Only what cannot be seen goes."""
    assert html_of(f'<p style="{style}">seen</p>', media_type="text/html") == "<p>seen</p>"


def test_events_frames_and_forms_leave_no_trace() -> None:
    """Nothing that acts is published; what a form says is."""
    body = (
        '<p onclick="x()">a</p><iframe src="http://wiki"></iframe><form action="/"><input value="v">b</form>'
    )

    assert html_of(body, media_type="text/html") == "<p>a</p>\n<p>b</p>"


def test_an_embedded_video_becomes_a_link() -> None:
    """Fin sees no frames."""
    html = html_of('<iframe src="https://video.example.com/1" title="A tour"></iframe>')

    assert html == '<p><a href="https://video.example.com/1">A tour</a></p>'


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\u200bb\u2060c\ufeffd", "abcd"),
        ("tag\U000e0041\U000e0042", "tag"),
        ("evil\u202etxt", "eviltxt"),
        ("soft\u00adhyphen", "softhyphen"),
        ("\u2067\u05d0\u05d1\u2069 x", "\u2067\u05d0\u05d1\u2069 x"),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        ("\U0001f468\u200d\U0001f469 \u2764\ufe0f", "\U0001f468\u200d\U0001f469 \u2764\ufe0f"),
        ("x&#8203;&#x202e;y", "xy"),
    ],
)
def test_invisible_characters(text: str, kept: str) -> None:
    """They hide text from people or show it in another order; scripts that need joiners keep them."""
    assert html_of(text) == f"<p>{kept}</p>"


def test_whole_html_documents_and_fragments_come_out_alike() -> None:
    """The head is not text."""
    inner = "<h2>A</h2><p>one<p>two<table><tr><td>x</table>"
    whole = (
        f"<!DOCTYPE html><html><head><title>T</title><style>p{{}}</style></head><body>{inner}</body></html>"
    )

    assert html_of(whole, media_type="text/html") == html_of(inner, media_type="text/html")


def test_cards_that_are_one_link_stay_links() -> None:
    """A link around blocks becomes a link around their text."""
    html = html_of('<a href="/x"><h3>Start</h3><p>here</p></a>', media_type="text/html")

    assert html == '<p><a href="link:0">Start here</a></p>'


def test_plain_text_keeps_its_lines() -> None:
    """Markup in it is text."""
    html = html_of("one <b>\ntwo\n\n\nthree & four\n", media_type="text/plain")

    assert html == "<p>one &lt;b&gt;<br>\ntwo</p>\n<p>three &amp; four</p>"


def test_a_broken_front_matter_loses_no_page() -> None:
    """It is read line by line, with a warning."""
    draft = rendered('---\ntitle: A: B\nby: @me\n"x\n---\ntext')

    assert (draft.title, draft.html) == ("A: B", "<p>text</p>")
    assert "line by line" in draft.warnings[0]


@pytest.mark.parametrize("line", ["draft: true", "published: false", "draft: yes"])
def test_a_draft_is_refused(line: str) -> None:
    """A document that calls itself a draft is never published by accident."""
    with pytest.raises(PageWithheld, match="draft"):
        rendered(f"---\n{line}\n---\ntext")
    assert render(document(f"---\n{line}\n---\ntext"), Rules(drafts=True)).html == "<p>text</p>"


def test_its_own_url() -> None:
    """Front matter may say where the page is published."""
    assert rendered("---\nurl: https://example.com/x\n---\nx").url == "https://example.com/x"
    assert rendered("---\nurl: /x\n---\nx").url is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("x" * 2_000_001, "2,000,001 bytes; the limit is 2,000,000"),
        ("x\ud800", "surrogate pair at character 1"),
    ],
    ids=["size", "surrogate"],
)
def test_what_cannot_be_sent_is_refused(body: str, reason: str) -> None:
    """The message names the page, its size and the limit."""
    with pytest.raises(RenderError, match=r"^guides/first-steps\.md: .*" + reason):
        rendered(body)


def test_a_page_that_grows_too_large_is_refused() -> None:
    """Intercom is never sent more than the limit."""
    with pytest.raises(RenderError, match="it gives 507 bytes of HTML; the limit is 506"):
        render(document("&" * 100 + " "), Rules(html_limit_bytes=506))


def test_a_dialect_that_does_not_exist() -> None:
    """The message names those that do."""
    with pytest.raises(RenderError, match="no dialect 'rst'; there are docfx, docusaurus"):
        render(document("x"), Rules(dialect="rst"))


def test_other_media_types_are_refused() -> None:
    """A picture is not text."""
    with pytest.raises(RenderError, match="image/png"):
        rendered("x", media_type="image/png")


def test_the_key_names_the_rules() -> None:
    """It is stable across processes and differs whenever a rule does."""
    assert Rules().key == Rules().key
    assert Rules().key != Rules(image_hosts=("example.com",)).key
    assert len(Rules().key) == 16
