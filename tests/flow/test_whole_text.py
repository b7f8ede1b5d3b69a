"""What is published is what was written: no text is lost in silence, and new rules re-send what changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.conftest import Workplace

DEEPEST = 60


def lists(depth: int) -> str:
    return "".join(f"{'  ' * level}- word{level:03}\n" for level in range(depth))


def quotes(depth: int) -> str:
    return "".join(f"{'> ' * (level + 1)}word{level:03}\n\n" for level in range(depth))


def divisions(depth: int) -> str:
    return "<div>\n" * depth + f"word{depth - 1:03}\n" + "</div>\n" * depth


@pytest.mark.parametrize("nested", [lists, quotes], ids=["lists", "quotes"])
def test_p19_every_word_of_deep_text_arrives_or_the_page_says_why(
    workplace: Workplace, nested: Callable[[int], str]
) -> None:
    """From 1 to 60 levels, and never absent silently: what is too deep is named with its reason."""
    workplace.write({f"{depth:02}.md": f"# Deep\n\n{nested(depth)}" for depth in range(1, DEEPEST + 1)})

    workplace.run("sync")

    failed = workplace.run("pages", "--skipped").out
    pages = workplace.pages()
    for depth in range(1, DEEPEST + 1):
        name = f"{depth:02}.md"
        if name in pages:
            missing = [level for level in range(depth) if f"word{level:03}" not in pages[name].html]
            assert missing == [], name
        else:
            assert name in failed
    assert "nest" in failed or len(pages) == DEEPEST
    assert len(pages) >= 20


def test_p19_every_word_of_deep_html_arrives_or_the_page_says_why(workplace: Workplace) -> None:
    """300 divisions: a parser that stops at a depth would drop the rest without a word."""
    depths = (1, 50, 100, 255, 256, 257, 300)
    workplace.write({f"{depth:03}.html": f"<h1>Deep</h1><p>Above.</p>{divisions(depth)}" for depth in depths})

    workplace.run("sync")

    pages, failed = workplace.pages(), workplace.run("pages", "--skipped").out
    for depth in depths:
        name = f"{depth:03}.html"
        assert f"word{depth - 1:03}" in pages[name].html if name in pages else name in failed, name
    assert "001.html" in pages


def test_f22_new_renderer_sends_what_came_out_differently(workplace: Workplace) -> None:
    """All pages are rendered again once; those that come out as before are not sent, and nothing is held."""
    files = {f"page-{number:02}.md": f"# Page {number}\n\nText {number}.\n" for number in range(30)}
    workplace.write(files)
    workplace.sync()
    workplace.exchanges()
    with closing(sqlite3.connect(workplace.state)) as state, state:
        state.execute("UPDATE records SET rules = 'of an older renderer'")
        # What it made of two pages was different.
        state.execute("UPDATE records SET content_hash = 'other' WHERE external_id < 'page-02'")

    report = workplace.sync()

    assert (report["result"], report["updated"], report["held"]) == ("ok", 2, 0)
    assert sorted(workplace.writes()) == [("POST", "page-00.md"), ("POST", "page-01.md")]
    assert workplace.sync()["requests"] == 0
