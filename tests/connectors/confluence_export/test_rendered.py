"""Macros as an HTML export shows them → clean HTML: one case for each."""

# ruff: noqa: E501 - markup is easier to read on one line

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from syncd.errors import ItemError, SourceUnavailable
from syncd.model import Item
from tests.connectors.confluence_export.builders import (
    HtmlPage,
    html_body,
    html_files,
    listing,
    opened,
    write_folder,
    write_zip,
)

OTHER = HtmlPage(id="5", title="Other page")


def test_code_block_keeps_its_text_and_loses_the_default_language(tmp_path: Path) -> None:
    """java stands there when nobody chose a language; another brush was chosen."""
    code = (
        '<div class="code panel pdl"><div class="codeHeader panelHeader pdl"><b>Sample</b></div>'
        '<div class="codeContent panelContent pdl">\n<pre class="syntaxhighlighter-pre" '
        'data-syntaxhighlighter-params="brush: {}; gutter: false; theme: Confluence">if (a &lt; b) {{\n\tx\n}}</pre>\n</div></div>'
    )
    body = html_body(tmp_path, code.format("java") + code.format("bash")).body
    block = "if (a &lt; b) {\n\tx\n}</code></pre>"
    assert body == (
        f"<p><strong>Sample</strong></p>\n<pre><code>{block}\n"
        f'<p><strong>Sample</strong></p>\n<pre><code class="language-bash">{block}'
    )


def test_noformat_stays_preformatted(tmp_path: Path) -> None:
    """It uses the panel's classes too."""
    body = '<div class="preformatted panel"><div class="preformattedContent panelContent"><pre>a\n  b</pre></div></div>'
    assert html_body(tmp_path, body).body == "<pre><code>a\n  b</code></pre>"


def test_panel_shows_its_title(tmp_path: Path) -> None:
    """A frame with a name."""
    body = '<div class="panel"><div class="panelHeader"><b>Head</b></div><div class="panelContent"><p>x</p></div></div>'
    assert html_body(tmp_path, body).body == "<blockquote><p><strong>Head</strong></p><p>x</p></blockquote>"


@pytest.mark.parametrize(
    ("kind", "label"), [("information", "Info"), ("note", "Note"), ("tip", "Tip"), ("warning", "Warning")]
)
def test_information_macros_are_labelled(tmp_path: Path, kind: str, label: str) -> None:
    """The kind is a colour and an icon in the export, and a word for Fin; a title takes its place."""
    macro = (
        f'<div class="confluence-information-macro confluence-information-macro-{kind}">{{}}'
        '<span class="aui-icon aui-icon-small confluence-information-macro-icon"></span>'
        '<div class="confluence-information-macro-body"><p>x</p></div></div>'
    )
    body = html_body(tmp_path, macro.format("") + macro.format('<p class="title">Mind</p>')).body
    assert body == (
        f"<blockquote><p><strong>{label}</strong></p><p>x</p></blockquote>\n"
        "<blockquote><p><strong>Mind</strong></p><p>x</p></blockquote>"
    )


def test_status_lozenges_are_words(tmp_path: Path) -> None:
    """Neighbours do not grow together."""
    span = '<span class="status-macro aui-lozenge aui-lozenge-success">{}</span>'
    assert (
        html_body(tmp_path, f"<p>{span.format('DONE')}{span.format('LATE')}</p>").body == "<p>DONE LATE</p>"
    )


def test_jira_placeholder_is_its_key(tmp_path: Path) -> None:
    """Waiting text and moving status go; a summary that arrived stays; the private address goes."""
    issue = (
        '<span class="jira-issue" data-jira-key="ABC-1"><a href="https://jira.acme.com/browse/ABC-1" '
        'class="jira-issue-key"><img class="icon" src="https://jira.acme.com/i.png"/>ABC-1</a> - '
        '<span class="summary">{}</span> <span class="aui-lozenge jira-macro-single-issue-export-pdf">STATUS</span></span>'
    )
    body = html_body(
        tmp_path, f"<p>{issue.format('Getting issue details...')} / {issue.format('Mend it')}</p>"
    ).body
    assert body == "<p>ABC-1 / ABC-1: Mend it</p>"


def test_toc_and_its_style_go(tmp_path: Path) -> None:
    """Its style block would be printed by a reader that does not know styles."""
    toc = (
        "<style type='text/css'>/*<![CDATA[*/\ndiv.rbtoc1632930772912 {padding: 0px;}\n/*]]>*/</style>"
        "<div class='toc-macro rbtoc1632930772912'><ul class='toc-indentation'><li><a href='#x'>X</a></li></ul></div>"
    )
    assert html_body(tmp_path, f"{toc}<p>text</p>").body == "<p>text</p>"


def test_lists_of_pages_people_and_controls_go(tmp_path: Path) -> None:
    """They show other pages, moving data and forms."""
    parts = (
        "<ul class='childpages-macro'><li><a href='x_5.html'>child</a></li></ul>",
        "<div class='plugin_pagetree'><ul><li>tree</li></ul></div>",
        "<form class='aui' action='/x'><input value='v'/><button>Find</button></form>",
        "<ul class='content-by-label'><li>label</li></ul>",
        "<div class='recently-updated'>yesterday at 7:18 PM</div>",
        "<div class='profile-macro'><p class='email'>ann@acme.com</p></div>",
    )
    assert html_body(tmp_path, "".join(parts) + "<p>text</p>").body == "<p>text</p>"


def test_expand_is_opened(tmp_path: Path) -> None:
    """Its number changes with each export and is not in the output."""
    body = (
        '<div id="expander-411" class="expand-container"><div id="expander-control-411" class="expand-control">'
        '<span class="expand-control-icon"><img class="expand-control-image" src="images/icons/grey_arrow_down.png"></span>'
        '<span class="expand-control-text">More</span></div>'
        '<div id="expander-content-411" class="expand-content" style="display: none"><p>inside</p></div></div>'
    )
    assert html_body(tmp_path, body).body == "<p><strong>More</strong></p>\n<p>inside</p>"


def test_task_list_has_marks_and_nests(tmp_path: Path) -> None:
    """Nested lists are direct children of the list in an export."""
    body = (
        '<ul class="inline-task-list"><li class="checked" data-inline-task-id="1"><span>done</span></li>'
        '<ul class="inline-task-list"><li>inner</li></ul><li>open</li></ul>'
    )
    assert (
        html_body(tmp_path, body).body == "<ul><li>☑ done<ul><li>☐ inner</li></ul></li><li>☐ open</li></ul>"
    )


def test_mentions_are_names_and_never_mail_addresses(tmp_path: Path) -> None:
    """The link to the profile is private."""
    mention = '<a class="confluence-userlink user-mention" href="/wiki/people/1">{}</a>'
    body = html_body(tmp_path, f"<p>{mention.format('Ann Lee')} {mention.format('ann@acme.com')}</p>").body
    assert body == "<p>Ann Lee (user)</p>"


def test_emoticons_are_characters(tmp_path: Path) -> None:
    """The file is often missing, and a tick in a table means yes."""
    body = (
        '<p><img class="emoticon emoticon-tick" data-emoticon-name="tick" src="images/icons/check.svg" alt="(tick)"/> '
        '<img class="emoticon" data-emoji-fallback="🎉" data-emoji-id="1f389" src="x" alt=":tada:"/></p>'
    )
    assert html_body(tmp_path, body).body == "<p>✅ 🎉</p>"


def test_images_are_what_they_show_or_are_called(tmp_path: Path) -> None:
    """Alt text first, else the name that people gave the file."""
    body = (
        '<p><img class="confluence-embedded-image" src="attachments/1/2.png?width=760" alt="A door"/></p>'
        '<p><img src="attachments/1/3" data-linked-resource-default-alias="plan.png"/></p>'
        '<p><img src="plugins/servlet/confluence/placeholder/unknown-attachment"/></p>'
    )
    assert html_body(tmp_path, body).body == "<p>A door</p>\n<p>[Image: plan.png]</p>"


def test_connect_app_never_tells_its_token(tmp_path: Path) -> None:
    """Its script holds a signed token and ids of people; the app is reported."""
    jwt = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJ4IjoieSJ9.c2ln"
    body = (
        '<p>text</p><div class="ap-container" id="ap-com.acme.charts__chart123"><div class="ap-content"></div>'
        f'<script class="ap-iframe-body-script">var data = {{"contextJwt": "{jwt}"}};</script></div>'
    )
    path = write_zip(tmp_path / "e.zip", html_files([HtmlPage(id="1", title="T", body=body)]))
    found = listing(path)
    assert found.documents["1"].body == "<p>text</p>"
    assert "eyJ" not in repr(found)
    assert found.unlisted == {}
    assert found.documents["1"].warnings == (
        "macro 'Connect app com.acme.charts' has no text in the export and was left out",
    )


def test_failed_macros_are_reported(tmp_path: Path) -> None:
    """Their error text is not the page's."""
    body = '<p>text</p><div class="error"><span class="error">Unknown macro: {roadmap}</span></div>'
    path = write_zip(tmp_path / "e.zip", html_files([HtmlPage(id="1", title="T", body=body)]))
    found = listing(path)
    assert found.documents["1"].body == "<p>text</p>"
    assert found.documents["1"].warnings == ("macro 'roadmap' has no text in the export and was left out",)


def test_unrendered_template_variables_go(tmp_path: Path) -> None:
    """They are real, and mean nothing."""
    body = '<p>a <a href="$itemRenderedUrl">$itemLabel</a> <a href="null/display/~5ae">Ann</a></p>'
    assert html_body(tmp_path, body).body == "<p>a Ann</p>"


def test_links_to_pages_that_do_not_exist_keep_their_text(tmp_path: Path) -> None:
    """The export links them to a form that makes the page."""
    body = '<p><a class="createlink" href="/pages/createpage.action?title=Other+page&amp;spaceKey=DOC">Soon</a></p>'
    assert html_body(tmp_path, body, others=[OTHER]).body == "<p>Soon</p>"


def test_in_page_links_follow_the_new_anchors(tmp_path: Path) -> None:
    """Heading ids hold the page's title and change with it; ours do not."""
    body = (
        '<p><a href="#Somepage-FirstPart">one</a> <a href="#Somepage-Zw%C3%B6lf">two</a> '
        '<a href="#Somepage-mark">three</a> <a href="#TOC">four</a></p>'
        '<h2 id="Somepage-FirstPart">First Part</h2><h2 id="Somepage-Zwölf">Zwölf</h2>'
        '<p><span class="confluence-anchor-link" id="Somepage-mark"></span>here</p>'
    )
    assert html_body(tmp_path, body).body == (
        '<p><a href="#firstpart">one</a> <a href="#zwölf">two</a> <a href="#mark">three</a> four</p>\n'
        '<h2 id="firstpart">First Part</h2>\n<h2 id="zwölf">Zwölf</h2>\n<p><a id="mark"></a>here</p>'
    )


def test_smart_link_shows_the_title(tmp_path: Path) -> None:
    """Its text is the private address."""
    href = "https://acme.atlassian.net/wiki/spaces/DOC/pages/5/Other+page"
    body = f'<p><a href="{href}" data-card-appearance="inline" data-linked-resource-id="5">{href}</a></p>'
    document = html_body(tmp_path, body, others=[OTHER])
    assert (document.body, document.links) == ('<p><a href="5">Other page</a></p>', {"5": "5"})


def test_export_names_its_own_site(tmp_path: Path) -> None:
    """Nobody configured the host, but the export's images tell it; other ports are the same site."""
    body = (
        '<p><img src="a/1" alt="i" data-base-url="http://wiki.acme.com:8085"/> '
        '<a href="https://wiki.acme.com/display/OTHER/Plan">plan</a> <a href="https://example.org/">out</a></p>'
    )
    assert html_body(tmp_path, body).body == '<p>i plan <a href="https://example.org/">out</a></p>'


def test_layout_is_flattened_and_tables_stay(tmp_path: Path) -> None:
    """Spans of cells are kept, numbering and colours are not needed, header rows are told."""
    body = (
        '<div class="columnLayout"><div class="cell"><div class="innerCell"><div class="table-wrap">'
        '<table class="confluenceTable"><colgroup><col/></colgroup><tbody><tr><th class="confluenceTh"><p>A</p></th>'
        '<th colspan="2" class="confluenceTh">B</th></tr><tr><td class="confluenceTd" data-highlight-colour="red">'
        "<ul><li>x</li></ul></td><td>y</td><td><p>z</p></td></tr></tbody></table></div></div></div></div>"
    )
    assert html_body(tmp_path, body).body == (
        '<table><thead><tr><th>A</th><th colspan="2">B</th></tr></thead>'
        "<tbody><tr><td><ul><li>x</li></ul></td><td>y</td><td>z</td></tr></tbody></table>"
    )


def test_empty_paragraphs_and_chains_of_breaks_go(tmp_path: Path) -> None:
    """A space can hold thousands of them."""
    body = '<p><br class="atl-forced-newline"/><br/></p><p>&nbsp;</p><p/><p>a<br/><br/>b<br/></p><p>\u200b\ufeff</p>'
    assert html_body(tmp_path, body).body == "<p>a<br>b</p>"


def test_hidden_and_acting_elements_go(tmp_path: Path) -> None:
    """What no reader sees, or what acts, is not the page's text."""
    body = (
        '<p onclick="x()">a<span style="display:none">b</span><span hidden>c</span></p><script>d</script>'
        "<iframe src='https://x.example'>e</iframe><!-- f --><noscript>g</noscript>"
    )
    assert html_body(tmp_path, body).body == "<p>a</p>"


def test_text_between_list_items_stays(tmp_path: Path) -> None:
    """Wrong markup, but a reader sees it."""
    assert (
        html_body(tmp_path, "<ul>one<li>two</li>three</ul>").body == "<ul><li>one</li><li>two three</li></ul>"
    )


def test_empty_panels_say_nothing(tmp_path: Path) -> None:
    """A label without content would be a word that nobody wrote."""
    macro = (
        '<div class="confluence-information-macro confluence-information-macro-note">'
        '<div class="confluence-information-macro-body"><p> </p></div></div>'
    )
    assert html_body(tmp_path, f"<p>a</p>{macro}").body == "<p>a</p>"


def test_text_in_bare_blocks_becomes_paragraphs(tmp_path: Path) -> None:
    """Words of two blocks never grow together."""
    assert (
        html_body(tmp_path, "<div>one<div>two</div>three</div>").body
        == "<p>one</p>\n<p>two</p>\n<p>three</p>"
    )


def test_comments_and_attachments_are_not_published(tmp_path: Path) -> None:
    """They stand beside the body."""
    after = (
        '<h2 id="attachments">Attachments:</h2><div class="greybox"><a href="attachments/1/2.txt">a.txt</a></div>'
        '<h2 id="comments">Comments:</h2><table><tr><td><font class="smallfont"><p>spam</p></font></td></tr></table>'
    )
    path = write_zip(
        tmp_path / "e.zip", html_files([HtmlPage(id="1", title="T", body="<p>a</p>", after=after)])
    )
    assert listing(path).documents["1"].body == "<p>a</p>"


def test_text_beside_the_code_in_its_frame_stays(tmp_path: Path) -> None:
    """Nothing that a reader sees is lost because of where it stands."""
    body = '<div class="code panel"><div class="codeContent panelContent"><pre>x = 1</pre><p>note</p></div></div>'
    assert html_body(tmp_path, body).body == "<pre><code>x = 1</code></pre>\n<p>note</p>"


def test_errors_of_macros_are_not_text(tmp_path: Path) -> None:
    """They tell of the server, and change with it."""
    body = '<p>a</p><div class="error"><span class="error">Error rendering macro \'gadget\' : no server</span></div>'
    path = write_zip(tmp_path / "e.zip", html_files([HtmlPage(id="1", title="T", body=body)]))
    found = listing(path)
    assert found.documents["1"].body == "<p>a</p>"
    assert "gadget" in found.documents["1"].warnings[0]


def test_jira_that_did_not_answer_is_reported(tmp_path: Path) -> None:
    """What stands there is a message for editors."""
    body = '<p>a</p><div class="jim-error-message"><p>Unable to locate Jira server</p></div>'
    path = write_zip(tmp_path / "e.zip", html_files([HtmlPage(id="1", title="T", body=body)]))
    found = listing(path)
    assert found.documents["1"].body == "<p>a</p>"
    assert "jira" in found.documents["1"].warnings[0]


def test_links_that_lose_their_target_are_counted(tmp_path: Path) -> None:
    """A bare private address says its page's title at least."""
    other = "https://acme.atlassian.net/wiki/spaces/OTHER/pages/77/The+Plan"
    body = f'<p><a href="{other}">{other}</a> <a href="/display/OTHER/Plan">plan</a></p>'
    path = write_zip(tmp_path / "e.zip", html_files([HtmlPage(id="1", title="T", body=body)]))
    found = listing(path, site_url="https://acme.atlassian.net/wiki")
    assert found.documents["1"].body == "<p>The Plan plan</p>"
    assert found.documents["1"].warnings == ("2 link(s) to no page of the export keep their text alone",)


def test_picture_written_into_the_page_is_its_description(tmp_path: Path) -> None:
    """Twenty megabytes of it cost nothing."""
    body = '<p>a <img alt="A door" src="data:image/png;base64,' + "A" * (20 << 20) + '"/></p>'
    path = write_folder(tmp_path / "e", html_files([HtmlPage(id="1", title="T", body=body)]))
    assert listing(path).documents["1"].body == "<p>a A door</p>"


def test_page_with_too_much_markup_fails_alone(tmp_path: Path) -> None:
    """Its size is named, and the other pages are read."""
    pages = [HtmlPage(id="1", title="T", body="<b>x</b>" * 300_000), OTHER]
    found = listing(write_folder(tmp_path / "e", html_files(pages)))
    assert set(found.documents) == {"5"}
    assert "bytes of markup" in found.errors["1"]


def test_deep_nesting_is_an_error_and_not_a_loss(tmp_path: Path) -> None:
    """The parser drops what lies below 256 levels without a word; the other pages are read."""
    deep = "<div>" * 50_000 + "deep" + "</div>" * 50_000
    path = write_zip(tmp_path / "e.zip", html_files([HtmlPage(id="1", title="T", body=deep), OTHER]))
    with opened(path) as snapshot:
        items = {item.external_id: item for item in snapshot.items() if isinstance(item, Item)}
        with pytest.raises(ItemError, match="nests deeper"):
            snapshot.read(items["1"])
        assert snapshot.read(items["5"]).body == "<p>Some text.</p>"


@pytest.mark.parametrize(
    "piece",
    [
        "<script",
        "<style",
        'data-client-id="',
        'data-base-url="http://',
        '<a href="',
        "<td>",
        "<",
        "<p>",
        "<a><td>",
    ],
)
def test_ugly_pages_end(tmp_path: Path, piece: str) -> None:
    """A megabyte of marks without an end, in a page and in an index; the other pages are read."""
    ugly = piece * (1_000_000 // len(piece))
    files = html_files([HtmlPage(id="1", title="T", body=ugly), OTHER])
    index = (
        files["DOC/index.html"]
        .replace(b"<th", ugly.encode() + b"<th")
        .replace(b"<ul>", ugly.encode() + b"<ul>")
    )
    assert "5" in listing(write_folder(tmp_path / "a", files)).documents
    path = write_folder(tmp_path / "b", {**files, "DOC/index.html": index})
    with suppress(SourceUnavailable):
        listing(path, cache=tmp_path / "c")
