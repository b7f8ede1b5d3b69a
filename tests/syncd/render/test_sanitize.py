"""The last gate."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.errors import PageError
from syncd.render import Rules, render
from syncd.render.sanitize import sanitize
from tests.builders import document

NASTY = [
    "<dd><li><table>a<dd>b c<th><code><h2></code><em></blockquote>",
    "<dd><div></summary><li></div><table>- a\n<dd>    </div>b\n<th><code></x-y><h2></code></b><em>",
    '<p onclick="x()">a<script>alert(1)</script></p>',
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\"></noscript>a",
    "<svg><style><img src=x onerror=alert(1)></style></svg>a",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=x&gt;\">a",
    "<a href=\"java\nscript:alert(1)\">a</a>",
    "<a href=\"  javascript:alert(1)\">a</a>",
    "<a href=\"&#106;avascript:alert(1)\">a</a>",
    "<p>a<table><p>b<td>c</table>",
    "<b><p>a</b>b</p>",
    "a<plaintext>b<p>c",
    "<xmp><script>alert(1)</script></xmp>a",
    "<textarea><script>alert(1)</script></textarea>a",
    "<!-- --!><img src=x onerror=alert(1)> -->a",
    "<![CDATA[<img src=x onerror=alert(1)>]]>a",
    "<base href=\"https://evil.example\"><meta http-equiv=refresh content=0><p>a",
    "<template><script>alert(1)</script></template>a",
    "<p>a<li>b<dd>c<tr><td>d",
    "<a href='https://x.example/'><a href='https://y.example'>a</a></a>",
    "<p title='<b>'>a\x00b</p>",
    "</p></div></body></html>a<p>b",
    "<ul><ul><li>a</ul>b</ul>",
    "<h1>a<h2>b</h1>c</h2>",
    "<pre>\n\n<b>a</b></pre>",
    "<select><option>x</select><button>a</button>",
]  # fmt: skip


@pytest.mark.parametrize("html", NASTY)
def test_what_is_clean_stays_as_it_is(html: str) -> None:
    """Parsing, cleaning and writing again changes nothing more (reliability.md B68)."""
    once = render(document(html, media_type="text/html"), Rules()).html

    assert sanitize(once) == once
    assert (
        "alert" not in once or "&lt;script" in once or "<" not in once.replace("<p>", "").replace("</p>", "")
    )
    assert "onerror=" not in once.replace("&lt;img src=x onerror=", "")


PIECES = st.sampled_from(
    [
        *(
            "<p>",
            "</p>",
            "<div>",
            "</div>",
            "<b>",
            "</b>",
            "<i>",
            "<a href='https://x.example/'>",
            "</a>",
            "<ul>",
        ),
        *(
            "<li>",
            "</ul>",
            "<table>",
            "<tr>",
            "<td>",
            "</table>",
            "<h1>",
            "</h2>",
            "<pre>",
            "</pre>",
            "<code>",
        ),
        *("<svg>", "<math>", "<style>", "</style>", "<noscript>", "<plaintext>", "<template>", "<select>"),
        *(
            "<!--",
            "-->",
            "<!--[if IE]>",
            "<![endif]-->",
            "<![CDATA[",
            "]]>",
            "<?x?>",
            "<img src=x onerror=y>",
        ),
        *(
            "<p title='<b>'>",
            "<x-y>",
            "<br>",
            "&lt;b&gt;",
            "&amp;lt;",
            "&#0;",
            "\0",
            " ",
            "\n",
            "text",
            "<",
            ">",
            '"',
        ),
    ]
)


@given(st.lists(PIECES, max_size=25).map("".join))
@settings(max_examples=300)
def test_any_pieces_of_html_stay_as_they_are_once_clean(html: str) -> None:
    """B68: whatever is broken, it is mended once, and what acts is gone."""
    try:
        once = render(document(html + "<p>end", media_type="text/html"), Rules()).html
    except PageError:
        return  # nothing that a reader would see

    assert sanitize(once) == once
    assert "<script" not in once
    assert "<img" not in once


def test_rendering_what_was_rendered_changes_nothing() -> None:
    """The canonical form of the canonical form is itself."""
    rules = Rules()
    body = (
        "<h1>a</h1><div>b <b>c</b><ul><li>d<p>e<ol start=3><li>f</ol></ul></div><blockquote>g"
        "<pre>\n h\n</pre></blockquote>"
        "<table><tbody><tr><th>i<td><p>j<p>k</table><dl><dt>l<dd>m</dl>"
        "<a href='https://example.com/?a&b'>n</a><br>o<hr>p"
    )
    once = render(document(body, title="T", media_type="text/html"), rules).html

    assert render(document(once, title="T", media_type="text/html"), rules).html == once


def test_no_process_renders_differently() -> None:
    """Neither hash seed nor locale nor time zone may show (reliability.md F21)."""
    program = (
        "from syncd.render import Rules, render\n"
        "from tests.builders import document\n"
        "body = '---\\nb: 1\\na: 2\\n---\\n# T\\n[x](a.md) [^1] \\n\\n[^1]: n\\n\\n!!! note\\n    x'\n"
        "print(render(document(body), Rules()), Rules().key)\n"
    )
    root = Path(__file__).resolve().parents[3]
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            cwd=root,
            env={
                **os.environ,
                "PYTHONHASHSEED": seed,
                "LC_ALL": locale,
                "TZ": zone,
                "PYTHONIOENCODING": "utf-8",
            },
        ).stdout
        for seed, locale, zone in (("1", "C", "UTC"), ("2", "C.UTF-8", "Asia/Tokyo"))
    }

    assert len(printed) == 1
