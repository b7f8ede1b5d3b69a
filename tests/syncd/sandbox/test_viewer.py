"""The pages for people: what they show, and that nothing in them can run."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from html import unescape

import pytest

from syncd.sandbox import Page, Running, Sandbox, Switches, Writing, serving
from tests.syncd.sandbox.wire import ask

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


def _write(
    running: Running, external_id: str, *, title: str = "A", html: str = "<p>a</p>", url: str = ""
) -> Page:
    return running.workspace.upsert(
        Writing(
            source_id=1,
            external_id=external_id,
            title=title,
            html=html,
            locale="en",
            url=url,
            flags={"ai_agent_availability": True},
        ),
        now=1_700_000_000,
    )


@pytest.fixture
def running() -> Iterator[Running]:
    """A sandbox with one import source."""
    with serving(Sandbox(switches=Switches(ingest_delay_s=600), clock=lambda: 1_700_000_100.0)) as running:
        running.workspace.add_source(url="https://docs.acme.com", now=0)
        yield running


def test_the_overview_lists_sources_with_counts(running: Running) -> None:
    """And the switches that are not as usual, and the faults."""
    for number in range(3):
        _write(running, f"{number}.md")
    running.faults.add("503:p=0.02")
    reply = ask(running.url, "GET", "/")

    assert reply.status == 200
    assert "1 import source, 3 pages" in " ".join(reply.text.replace("\n", " ").split()).replace("s, ", "s, ")
    for text in ("https://docs.acme.com", running.url, "503:p=0.02", "ingest_delay_s"):
        assert text in reply.text


def test_an_empty_sandbox_says_what_to_do() -> None:
    """The line for a configuration."""
    with serving() as running:
        assert f"base_url: {running.url}" in ask(running.url, "GET", "/").text


def test_pages_of_a_source_are_split_and_searched(running: Running) -> None:
    """Fifty rows, newest first; the search is over titles, ids and URLs and ignores case."""
    for number in range(120):
        _write(
            running, f"guides/{number:03}.md", title=f"Title {number}", url=f"https://docs.acme.com/U{number}"
        )

    def rows(query: str) -> list[str]:
        return re.findall(r"guides/(\d+)\.md", ask(running.url, "GET", f"/sources/1{query}").text)

    assert rows("") == [f"{number:03}" for number in range(119, 69, -1)]
    assert rows("?page=3") == [f"{number:03}" for number in range(19, -1, -1)]
    assert rows("?page=999") == rows("?page=3")
    assert rows("?page=x") == rows("?page=-1") == rows("")
    assert rows("?q=tITLE+77") == rows("?q=GUIDES/077") == rows("?q=com/u77") == ["077"]
    assert len(rows("?q=guides&page=2")) == 50
    assert "No page matches" in ask(running.url, "GET", "/sources/1?q=zebra").text


def test_a_page_shows_all_that_fin_would_have(running: Running) -> None:
    """Metadata, the HTML as text, and the frame that renders it."""
    page = _write(running, "a.md", title="Refunds", html="<h1>Hi</h1>", url="https://docs.acme.com/a")
    text = ask(running.url, "GET", f"/pages/{page.id}").text

    for shown in (
        "Refunds",
        "a.md",
        "https://docs.acme.com/a",
        "&lt;h1&gt;Hi&lt;/h1&gt;",
        "2023-11-14 22:13:20 UTC",
    ):
        assert shown in text
    assert "Not yet" in text
    assert '<a href="https://docs.acme.com/a"' in text
    assert f'<iframe sandbox="" src="/pages/{page.id}/html"' in text


@pytest.mark.parametrize("path", ["/", "/sources/1", "/sources/1?q=%3Cscript%3Ealert(1)", "/pages/1"])
def test_nothing_that_an_author_wrote_becomes_markup(running: Running, path: str) -> None:
    """Title, id, URL, html and what was searched for are escaped everywhere."""
    running.workspace.add_source(url=f"https://{EVIL}", now=0)
    running.faults.add("503:id=<script>")
    _write(running, EVIL, title=EVIL, html=EVIL, url=f"javascript:{EVIL}")
    reply = ask(running.url, "GET", path)

    assert reply.status == 200
    assert "<script" not in reply.text
    assert "<img" not in reply.text
    assert "alert(1)" in unescape(reply.text)
    assert 'href="javascript' not in reply.text


def test_the_policy_allows_our_style_and_nothing_else(running: Running) -> None:
    """The hash is of the style as it stands in the page."""
    reply = ask(running.url, "GET", "/")
    policy = reply.headers["content-security-policy"]
    (style,) = re.findall(r"<style>(.*?)</style>", reply.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert f"style-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "script-src" not in policy
    assert " style=" not in reply.text
    assert re.findall(r'(?:src|href)="(?!/|#|data:,")', reply.text) == []


def test_the_frame_runs_and_loads_nothing(running: Running) -> None:
    """The page's own HTML stands in it as it is, under a policy that takes its teeth out."""
    page = _write(running, "a.md", html=EVIL)
    reply = ask(running.url, "GET", f"/pages/{page.id}/html")

    assert reply.text.endswith(EVIL)
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    assert "allow-" not in policy
    assert "script" not in policy


@pytest.mark.parametrize("path", ["/pages/9", "/pages/9/html", "/sources/9"])
def test_what_is_not_there(running: Running, path: str) -> None:
    """404 and the way back."""
    reply = ask(running.url, "GET", path)

    assert reply.status == 404
    assert 'href="/"' in reply.text


def test_ten_thousand_pages(running: Running) -> None:
    """The views stay small."""
    for number in range(10_000):
        _write(running, f"{number}.md", html="<p>x</p>" * 50)

    for path in ("/", "/sources/1", "/sources/1?page=200", "/sources/1?q=99"):
        reply = ask(running.url, "GET", path)
        assert reply.status == 200
        assert len(reply.text) < 100_000
