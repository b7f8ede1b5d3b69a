"""Storage format → clean HTML: one case for each element and macro."""

# ruff: noqa: E501 - markup is easier to read on one line

from __future__ import annotations

from contextlib import suppress

import pytest

from connectors.confluence_export.links import Target
from syncd.errors import ItemError
from tests.connectors.confluence_export.builders import storage


def macro(name: str, body: str = "", **parameters: str) -> str:
    given = "".join(
        f'<ac:parameter ac:name="{key}">{value}</ac:parameter>' for key, value in parameters.items()
    )
    return f'<ac:structured-macro ac:name="{name}" ac:schema-version="1">{given}{body}</ac:structured-macro>'


def rich(body: str) -> str:
    return f"<ac:rich-text-body>{body}</ac:rich-text-body>"


def plain(text: str) -> str:
    return f"<ac:plain-text-body><![CDATA[{text}]] ></ac:plain-text-body>"


def test_code_macro_keeps_its_text_exactly() -> None:
    """The exporter's "]] >" is the end of the section and not a part of the code."""
    text = 'if (a[b[0]] > 5 && c < "d") {\n\tx();\n}'
    html = storage(macro("code", plain(text), language="java", title="Sample")).html
    assert html == (
        "<p><strong>Sample</strong></p>\n"
        '<pre><code class="language-java">if (a[b[0]] &gt; 5 &amp;&amp; c &lt; "d") {\n\tx();\n}</code></pre>'
    )


def test_end_of_section_inside_code_is_restored() -> None:
    """Confluence splits "]]>" in code over two sections, and the exporter bends both ends."""
    body = "<ac:plain-text-body><![CDATA[a]]]] ><![CDATA[>b]] ></ac:plain-text-body>"
    assert "<code>a]]&gt;b</code>" in storage(macro("code", body)).html


@pytest.mark.parametrize(
    ("name", "label"), [("info", "Info"), ("note", "Note"), ("tip", "Tip"), ("warning", "Warning")]
)
def test_panels_say_what_they_are(name: str, label: str) -> None:
    """A reader without colours sees the kind of a panel, or the title that it was given."""
    assert storage(macro(name, rich("<p>x</p>"))).html == (
        f"<blockquote><p><strong>{label}</strong></p><p>x</p></blockquote>"
    )
    assert "<strong>Mind</strong>" in storage(macro(name, rich("<p>x</p>"), title="Mind")).html


def test_expand_is_opened() -> None:
    """What a reader would have to click open stands there."""
    html = storage(macro("expand", rich("<p>inside</p>"), title="More")).html
    assert html == "<p><strong>More</strong></p>\n<p>inside</p>"


def test_status_stands_as_text_apart_from_its_neighbours() -> None:
    """Two lozenges side by side are two words."""
    html = storage(f"<p>{macro('status', title='DONE')}{macro('status', title='LATE')}</p>").html
    assert html == "<p>DONE LATE</p>"


def test_links_to_pages_become_their_ids() -> None:
    """By title, whatever its case; in another space by its key; without text, the title."""
    cleaned = storage(
        '<p><ac:link><ri:page ri:content-title="OTHER page" /><ac:link-body>see <em>it</em></ac:link-body></ac:link> '
        '<ac:link ac:anchor="Some Part"><ri:page ri:content-title="Far page" ri:space-key="FAR" /></ac:link> '
        '<ac:link><ri:page ri:content-title="Missing" /><ac:plain-text-link-body><![CDATA[gone]] >'
        "</ac:plain-text-link-body></ac:link></p>"
    )
    assert cleaned.html == '<p><a href="5">see <em>it</em></a> <a href="7#somepart">Far page</a> gone</p>'
    assert cleaned.links == {"5": "5", "7": "7"}


def test_link_without_a_page_stays_in_the_page() -> None:
    """An anchor alone leads to a heading or an anchor macro of the same page."""
    html = storage(
        '<p><ac:link ac:anchor="mark"><ac:plain-text-link-body><![CDATA[down]] ></ac:plain-text-link-body></ac:link> '
        '<ac:link ac:anchor="nowhere"><ac:link-body>lost</ac:link-body></ac:link></p>'
        f"<h2>A part</h2><p>{macro('anchor', **{'': 'mark'})}here</p>"
    ).html
    assert '<a href="#mark">down</a> lost' in html
    assert '<h2 id="apart">A part</h2>' in html
    assert '<a id="mark"></a>here' in html


def test_equal_headings_have_different_anchors() -> None:
    """An anchor names one place."""
    assert storage("<h2>Same</h2><h2>Same</h2>").html == '<h2 id="same">Same</h2>\n<h2 id="same-2">Same</h2>'


def test_cloud_links_by_address_become_pages_with_titles() -> None:
    """The new editor writes plain addresses of the private site; their text says nothing to a reader."""
    href = "https://acme.atlassian.net/wiki/spaces/DOC/pages/5/Other+page"
    cleaned = storage(f'<p><a href="{href}" data-card-appearance="inline">{href}</a></p>')
    assert cleaned.html == '<p><a href="5">Other page</a></p>'


def test_private_addresses_outside_the_export_lose_the_link() -> None:
    """The text stays, the address of the private site does not."""
    html = storage(
        '<p><a href="https://wiki.acme.com/display/OTHER/Plan">the plan</a> <a href="https://example.org/x">out</a></p>',
        hosts=["wiki.acme.com"],
    ).html
    assert html == '<p>the plan <a href="https://example.org/x">out</a></p>'


def test_images_stand_as_text() -> None:
    """The description if there is one, else the file's name; a linked picture takes the page's title."""
    html = storage(
        '<p><ac:image ac:alt="A red door"><ri:attachment ri:filename="d.png" /></ac:image></p>'
        '<p><ac:image><ri:attachment ri:filename="d.png"><ri:page ri:content-title="Other page" /></ri:attachment>'
        '</ac:image></p><p><ac:link><ri:page ri:content-title="Other page" /><ac:link-body><ac:image>'
        '<ri:attachment ri:filename="next.png" /></ac:image></ac:link-body></ac:link></p>'
    ).html
    assert html == '<p>A red door</p>\n<p>[Image: d.png]</p>\n<p><a href="5">Other page</a></p>'


def test_task_list_has_marks() -> None:
    """Done and open tasks can be told apart; nested lists stay nested."""

    def task(state: str, body: str) -> str:
        return (
            f"<ac:task><ac:task-id>1</ac:task-id><ac:task-status>{state}</ac:task-status>"
            f"<ac:task-body>{body}</ac:task-body></ac:task>"
        )

    inner = f"<ac:task-list>{task('incomplete', 'inner')}</ac:task-list>"
    html = storage(
        f"<ac:task-list>{task('complete', '<span>done</span>')}{inner}{task('incomplete', 'open')}</ac:task-list>"
    ).html
    assert html == "<ul><li>☑ done<ul><li>☐ inner</li></ul></li><li>☐ open</li></ul>"


def test_adf_panel_comes_out_once() -> None:
    """The content and the fallback hold the same text."""
    html = storage(
        '<ac:adf-extension><ac:adf-node type="panel"><ac:adf-attribute key="panel-type">note</ac:adf-attribute>'
        "<ac:adf-content><p>Mind the gap.</p></ac:adf-content></ac:adf-node>"
        '<ac:adf-fallback><div class="panel"><p>Mind the gap.</p></div></ac:adf-fallback></ac:adf-extension>'
    ).html
    assert html == "<blockquote><p><strong>Note</strong></p><p>Mind the gap.</p></blockquote>"


def test_adf_without_content_uses_the_fallback() -> None:
    """No text is lost when only the fallback has it."""
    html = storage(
        '<ac:adf-extension><ac:adf-node type="decision-list"></ac:adf-node>'
        "<ac:adf-fallback><p>Decided.</p></ac:adf-fallback></ac:adf-extension>"
    ).html
    assert html == "<p>Decided.</p>"


def test_adf_with_several_contents_keeps_all() -> None:
    """A list of decisions has one for each."""
    item = '<ac:adf-node type="decision-item"><ac:adf-content>{}</ac:adf-content></ac:adf-node>'
    html = storage(
        f'<ac:adf-extension><ac:adf-node type="decision-list">{item.format("One")}{item.format("Two")}</ac:adf-node>'
        "<ac:adf-fallback><p>One Two</p></ac:adf-fallback></ac:adf-extension>"
    ).html
    assert html == "<blockquote><p>One</p><p>Two</p></blockquote>"


def test_layout_and_columns_are_flattened() -> None:
    """A layout holds text and has none."""
    html = storage(
        '<ac:layout><ac:layout-section ac:type="two_equal"><ac:layout-cell><p>left</p></ac:layout-cell>'
        f"<ac:layout-cell>{macro('section', rich(macro('column', rich('<p>right</p>'), width='5%')))}</ac:layout-cell>"
        "</ac:layout-section></ac:layout>"
    ).html
    assert html == "<p>left</p>\n<p>right</p>"


def test_dates_emoticons_and_mentions() -> None:
    """A date without text is written out, an emoticon is its character, a mail address is nobody's name."""
    html = storage(
        '<p><time datetime="2025-01-02" /> <ac:emoticon ac:name="tick" /> '
        '<ac:emoticon ac:name="blue-star" ac:emoji-fallback="🎉" /> '
        '<ac:link><ri:user ri:account-id="a1" /></ac:link> <ac:link><ri:user ri:userkey="k" /></ac:link></p>',
        users={"a1": "ann@acme.com", "k": "bob"},
    ).html
    assert html == "<p>2025-01-02 ✅ 🎉 (user) bob</p>"


def test_placeholders_and_templates_are_never_published() -> None:
    """Help text of a template is not the page's own."""
    assert (
        storage("<p>a <ac:placeholder>Type here</ac:placeholder><at:var at:name='x'/>b</p>").html
        == "<p>a b</p>"
    )


def test_inline_comment_marker_keeps_its_text() -> None:
    """The comment goes, the words that it was about stay."""
    assert (
        storage('<p>a <ac:inline-comment-marker ac:ref="r">b</ac:inline-comment-marker> c</p>').html
        == "<p>a b c</p>"
    )


@pytest.mark.parametrize(
    "name", ["toc", "children", "pagetree", "livesearch", "recently-updated", "contributors"]
)
def test_navigation_is_dropped_without_a_word(name: str) -> None:
    """It has no text of the page's own, so nothing is lost and nothing is reported."""
    cleaned = storage(f"<p>a</p>{macro(name)}<p>b</p>")
    assert (cleaned.html, cleaned.dropped) == ("<p>a</p>\n<p>b</p>", ())


def test_unknown_macro_with_a_body_publishes_it() -> None:
    """A plugin's frame goes, its text and its title stay."""
    cleaned = storage(macro("ui-tab", rich("<p>text</p>"), title="First"))
    assert (cleaned.html, cleaned.dropped) == ("<p><strong>First</strong></p>\n<p>text</p>", ())


def test_unknown_macro_without_a_body_is_reported() -> None:
    """What cannot be shown is named."""
    cleaned = storage(
        f"<p>a{macro('roadmap', source='x')}</p>{macro('html', plain('<script>evil()</script>'))}"
    )
    assert cleaned.html == "<p>a</p>"
    assert cleaned.dropped == ("html", "roadmap")


def test_jira_is_its_key() -> None:
    """A table of issues lives in Jira alone and is reported."""
    cleaned = storage(
        f"<p>{macro('jira', key='ABC-1', server='J')} {macro('jira', jqlQuery='project = X')}</p>"
    )
    assert (cleaned.html, cleaned.dropped) == ("<p>ABC-1</p>", ("jira",))


def test_hidden_excerpts_and_properties_stay_hidden() -> None:
    """No reader of the page sees them."""
    hidden = macro("excerpt", rich("<p>x</p>"), hidden="true") + macro(
        "details", rich("<p>y</p>"), hidden="true"
    )
    assert storage(
        "<p>a</p>" + hidden + macro("details", rich("<table><tr><th>K</th><td>v</td></tr></table>"))
    ).html == ("<p>a</p>\n<table><tbody><tr><th>K</th><td>v</td></tr></tbody></table>")


def include(title: str, name: str = "include", space: str = "") -> str:
    key = f' ri:space-key="{space}"' if space else ""
    holder = f'<ac:link><ri:page ri:content-title="{title}"{key} /></ac:link>'
    return f'<ac:structured-macro ac:name="{name}"><ac:parameter ac:name="">{holder}</ac:parameter></ac:structured-macro>'


def test_include_brings_the_other_page_in() -> None:
    """The answer depends on the other page's body, and that is remembered."""
    cleaned = storage(f"<p>a</p>{include('Other page')}", bodies={"5": "<p>from the other</p>"})
    assert cleaned.html == "<p>a</p>\n<p>from the other</p>"
    assert cleaned.uses["body 5"] == "digest"


def test_excerpt_include_brings_the_excerpt_alone() -> None:
    """Only what the other page marked."""
    other = "<p>before</p>" + macro("excerpt", rich("<p>the excerpt</p>"))
    assert storage(include("Other page", "excerpt-include"), bodies={"5": other}).html == "<p>the excerpt</p>"


def test_include_in_a_circle_ends() -> None:
    """Two pages that include each other are shown once each."""
    cleaned = storage(
        f"<p>a</p>{include('Other page')}",
        targets=[Target("1", "Some page", "DOC"), Target("5", "Other page", "DOC")],
        bodies={"5": f"<p>b</p>{include('Some page')}", "1": "<p>never</p>"},
    )
    assert cleaned.html == "<p>a</p>\n<p>b</p>"
    assert cleaned.dropped == ("include of Some page",)


def test_include_of_a_page_that_is_not_published_is_reported() -> None:
    """A restricted page is no target, so its text never comes in by another page."""
    cleaned = storage(f"<p>a</p>{include('Secret')}", bodies={"9": "<p>secret</p>"})
    assert (cleaned.html, cleaned.dropped) == ("<p>a</p>", ("include of Secret",))


def test_includes_that_multiply_are_refused() -> None:
    """Pages that include the next one twice would double at each step."""
    targets = [Target(str(number), f"P{number}", "DOC") for number in range(1, 9)]
    bodies = {str(number): include(f"P{number + 1}") * 4 for number in range(1, 9)}
    with pytest.raises(ItemError, match="includes more than"):
        storage(include("P2") * 4, targets=targets, bodies=bodies)


def test_entities_and_bare_ampersands() -> None:
    """HTML's entities are characters; what only looks like one is text."""
    assert storage("<p>a&nbsp;b&ndash;c&hellip; &unknown; R&D &amp;nbsp;</p>").html == (
        "<p>a b\u2013c… &amp;unknown; R&amp;D &amp;nbsp;</p>"
    )


def test_body_that_is_not_well_formed_is_read_as_html() -> None:
    """Self-closing resources must not swallow what follows them."""
    html = storage('<p>a <b>c</p><p><ac:link><ri:page ri:content-title="Other page"/></ac:link> d</p>').html
    assert html == '<p>a <strong>c</strong></p>\n<p><a href="5">Other page</a> d</p>'


@pytest.mark.parametrize("depth", [230, 300, 5000])
def test_deep_nesting_is_an_error_and_not_a_loss(depth: int) -> None:
    """Parsers drop what lies below 256 levels without a word."""
    with pytest.raises(ItemError, match="nests deeper"):
        storage("<div>" * depth + "deep" + "</div>" * depth)


def test_scripts_and_forms_have_no_text() -> None:
    """What acts is not read."""
    html = storage(
        "<p>a</p><script>jwt</script><style>b{}</style><form><p>c</p></form><iframe src='x'>d</iframe>"
    ).html
    assert html == "<p>a</p>"


def test_attachments_macro_lists_files() -> None:
    """The names of the current files."""
    assert (
        storage(macro("attachments"), files=["a.pdf", "b.png"]).html
        == "<ul><li>a.pdf</li><li>b.png</li></ul>"
    )


@pytest.mark.parametrize(
    "piece",
    ["<![CDATA[", "<![CDATA[]]", "]] >", "&", "&x", "<ac:link ", "<", "data:a/b,", "&#8;", "<p><ac:link/>"],
)
def test_ugly_bodies_end(piece: str) -> None:
    """A megabyte of marks without an end: read, or refused for its depth."""
    with suppress(ItemError):
        storage(piece * (1_000_000 // len(piece)))
