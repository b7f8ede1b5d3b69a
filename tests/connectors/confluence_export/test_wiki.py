"""Wiki markup of old exports → clean HTML, by way of the storage format."""

# ruff: noqa: E501 - markup is easier to read on one line

from __future__ import annotations

import pytest

from connectors.confluence_export.wiki import to_storage
from syncd.errors import ItemError
from tests.connectors.confluence_export.builders import storage


def clean(markup: str) -> str:
    return storage(to_storage(markup)).html


@pytest.mark.parametrize(
    ("markup", "html"),
    [
        ("h2. A *part*", '<h2 id="apart">A <strong>part</strong></h2>'),
        ("one\ntwo\n\nthree", "<p>one<br>two</p>\n<p>three</p>"),
        ("a\\\\b", "<p>a<br>b</p>"),
        (
            "*b* _e_ ??c?? -d- ^u^ ~l~ {{m *x*}}",
            "<p><strong>b</strong> <em>e</em> <em>c</em> <del>d</del> <sup>u</sup> <sub>l</sub> <code>m *x*</code></p>",
        ),
        ("well-known-name 5 * 3 * 2 a_b_c", "<p>well-known-name 5 * 3 * 2 a_b_c</p>"),
        ("\\*not\\* \\{not\\}", "<p>*not* {not}</p>"),
        ("* a\n** b\n*# c\n* d", "<ul><li>a<ul><li>b</li></ul><ol><li>c</li></ol></li><li>d</li></ul>"),
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        (
            "||A||B||\n|a|[Other page]|",
            '<table><thead><tr><th>A</th><th>B</th></tr></thead><tbody><tr><td>a</td><td><a href="5">Other page</a></td>'
            "</tr></tbody></table>",
        ),
        ("bq. said", "<blockquote><p>said</p></blockquote>"),
        ("a\n----\nb", "<p>a</p>\n<hr>\n<p>b</p>"),
        ("{quote}*said*{quote}", "<blockquote><p><strong>said</strong></p></blockquote>"),
        (
            "{code:java|title=T}\nif (a[0]) { *x* }\n{code}",
            '<p><strong>T</strong></p>\n<pre><code class="language-java">if (a[0]) { *x* }</code></pre>',
        ),
        ("{noformat}{x} [y]{noformat}", "<pre><code>{x} [y]</code></pre>"),
        (
            "{info:title=Hey}\nin\n* l\n{info}",
            "<blockquote><p><strong>Hey</strong></p><p>in</p><ul><li>l</li></ul></blockquote>",
        ),
        ("{color:red}red{color} word", "<p>red word</p>"),
        ("{section}\n{column:width=5%}\nl\n{column}\n{column}\nr\n{column}\n{section}", "<p>l</p>\n<p>r</p>"),
        ("a\n{toc}\n{pagetree}\nb", "<p>a</p>\n<p>b</p>"),
        (
            "[x|http://e.org/a] http://e.org/b.",
            '<p><a href="http://e.org/a">x</a> <a href="http://e.org/b">http://e.org/b</a>.</p>',
        ),
        (
            "[see|Other page#Part] [FAR:Far page] [Missing]",
            '<p><a href="5#part">see</a> <a href="7">Far page</a> Missing</p>',
        ),
        (
            "[mail|mailto:a@b.org] [~bob] [^file.pdf]",
            '<p><a href="mailto:a@b.org">mail</a> (user) file.pdf</p>',
        ),
        ("!door.png|width=3,alt=A door! !x.png|thumbnail!", "<p>A door [Image: x.png]</p>"),
        ("Wow! Great!", "<p>Wow! Great!</p>"),
        ("(/) (x)", "<p>✅ ❌</p>"),
        ("a < b & c > d", "<p>a &lt; b &amp; c &gt; d</p>"),
    ],
)
def test_markup(markup: str, html: str) -> None:
    """One case for each notation of the old editor's help page."""
    assert clean(markup) == html


def test_unknown_macros_are_reported_and_their_surroundings_stay() -> None:
    """A macro that is not known has no end that could be told."""
    cleaned = storage(to_storage("left {roadmap:x=1} right"))
    assert (cleaned.html, cleaned.dropped) == ("<p>left right</p>", ("roadmap",))


def test_raw_html_macro_is_dropped_and_reported() -> None:
    """It may hold scripts."""
    cleaned = storage(to_storage("a\n{html}<script>x()</script>{html}"))
    assert (cleaned.html, cleaned.dropped) == ("<p>a</p>", ("html",))


@pytest.mark.parametrize(
    "piece", ["*x _y -z ", "[c !d ", "{{e ", "{code:1} ", "{info:x}", "|a", "* x\n", "http://", "\\", "(/"]
)
def test_ugly_markup_ends(piece: str) -> None:
    """Signs without an end, a hundred thousand characters of them on one line."""
    storage(to_storage(piece * (100_000 // len(piece))))


def test_endless_markup_is_refused() -> None:
    """Nobody wrote it."""
    with pytest.raises(ItemError, match="wiki markup"):
        to_storage("word " * 200_000)
