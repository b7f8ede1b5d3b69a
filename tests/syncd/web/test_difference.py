"""What a reader would notice between two states of a page."""

from __future__ import annotations

import pytest

from syncd.web.difference import CONTEXT, Line, difference

OLD = "<h2>Install</h2><p>Run it.</p><ul><li>one</li><li>two</li></ul>"


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        "<h2 id='install'>Install</h2>\n<p>Run <b>it</b>.</p>\n<ul>\n<li>one</li><li><p>two</p></li></ul>",
        "<h2>Install</h2><div><p>Run\n  it.</p></div><!-- said --><ul><li>one</li><li>two</li></ul>",
    ],
)
def test_same_text(new: str) -> None:
    """Other markup around the same words is no difference: Intercom may normalise what it stores."""
    before, after = (
        {"a": ("A", html)} for html in (OLD, new.replace("<li><p>", "<li>").replace("</p></li>", "</li>"))
    )

    assert difference(before, after) == []


def test_lines_that_went_and_came() -> None:
    """In their order, with what they are."""
    new = "<h2>Install</h2><p>Run them.</p><ul><li>one</li></ul>"

    assert difference({"a": ("A", OLD)}, {"a": ("B", new)}) == [
        Line("gone", "A"),
        Line("new", "B"),
        Line("same", "## Install"),
        Line("gone", "Run it."),
        Line("new", "Run them."),
        Line("same", "• one"),
        Line("gone", "• two"),
    ]


def test_what_stayed_is_left_out() -> None:
    """But for some lines around, and their number."""
    lines = [f"<p>line {number}</p>" for number in range(20)]

    found = difference(
        {"a": ("A", "".join(lines))}, {"a": ("A", "".join([*lines[:10], "<p>new</p>", *lines[10:]]))}
    )

    assert [line.kind for line in found] == ["gap", *["same"] * CONTEXT, "new", *["same"] * CONTEXT, "gap"]
    assert (found[0].text, found[-1].text) == ("9 line(s) that stayed", "8 line(s) that stayed")


def test_parts_come_and_go() -> None:
    """A page that Intercom has not, or the source no longer has, is new or gone as a whole."""
    assert difference({}, {"a": ("A", "<p>x</p>")}) == [Line("new", "A"), Line("new", "x")]
    assert difference({"a": ("A", ""), "a#b": ("B", "")}, {"a": ("A", "")}) == [
        Line("same", "A"),
        Line("gone", "B"),
    ]
