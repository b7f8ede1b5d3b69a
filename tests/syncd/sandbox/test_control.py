"""The sandbox's own paths below /_sandbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncd.sandbox import Running, serving
from tests.syncd.sandbox.client import PAGES, SOURCES, page_body
from tests.syncd.sandbox.wire import ask


@pytest.fixture
def running() -> Iterator[Running]:
    """A sandbox with one page, written over HTTP."""
    with serving() as running:
        ask(running.url, "POST", SOURCES, {"sync_behavior": "api", "url": "https://docs.acme.com"})
        ask(running.url, "POST", PAGES, page_body(), Authorization="Bearer hush")
        yield running


def test_the_state(running: Running) -> None:
    """Counts and switches."""
    state = ask(running.url, "GET", "/_sandbox/state").json

    assert state["pages"] == 1
    assert [(each["url"], each["pages"]) for each in state["sources"]] == [("https://docs.acme.com", 1)]
    assert state["switches"]["delete_again"] == "404"


def test_the_requests_and_one_of_them(running: Running) -> None:
    """A list without bodies, one with them, and never a token."""
    rows = ask(running.url, "GET", "/_sandbox/requests?after=1").json["requests"]
    whole = ask(running.url, "GET", "/_sandbox/requests/2")

    assert [(row["number"], row["method"], row["status"], row["applied"]) for row in rows] == [
        (2, "POST", 200, True)
    ]
    assert '"external_id": "a.md"' in whole.json["request_body"]
    assert '"id":"1"' in whole.json["answer_body"]
    assert whole.json["answer_headers"]["X-RateLimit-Limit"] == "1667"
    assert "hush" not in whole.text
    assert ask(running.url, "GET", "/_sandbox/requests/99").status == 404


def test_requests_are_forgotten(running: Running) -> None:
    """DELETE empties the log."""
    ask(running.url, "DELETE", "/_sandbox/requests")

    assert running.requests == []


def test_faults_are_put_and_told(running: Running) -> None:
    """As on the command line; counting starts again."""
    told = ask(running.url, "PUT", "/_sandbox/faults", {"faults": ["503:GET:1"], "latency": "1ms-2ms"}).json

    assert (told["faults"], told["latency_s"]) == (["503:GET:1"], [0.001, 0.002])
    assert ask(running.url, "GET", "/_sandbox/faults").json == told
    assert [ask(running.url, "GET", PAGES).status for _ in range(2)] == [503, 200]
    assert ask(running.url, "PUT", "/_sandbox/faults", told).status == 200
    assert ask(running.url, "GET", PAGES).status == 503


@pytest.mark.parametrize(
    "body",
    [{"faults": ["boom"]}, {"faults": "503"}, {"faults": [1]}, {"latency": "soon"}, {"latency_s": [2, 1]},
     {"latency_s": 1}, {"latency_s": [1, "x"]}, {"latency_s": [1, 2, 3]}, {"latency_s": [[], 1]},
     [], 1, {"typo": 1}],
)  # fmt: skip
def test_bad_faults_change_nothing(running: Running, body: object) -> None:
    """400 with a reason."""
    ask(running.url, "PUT", "/_sandbox/faults", {"faults": ["503:GET:100"]})

    reply = ask(running.url, "PUT", "/_sandbox/faults", body)

    assert reply.status == 400
    assert reply.json["error"]
    assert running.faults.specs == ["503:GET:100"]


def test_a_reset_takes_all_away(running: Running) -> None:
    """Sources, pages, faults and log; ids go on, so that an old id never names a new page."""
    ask(running.url, "PUT", "/_sandbox/faults", {"faults": ["503"]})
    state = ask(running.url, "POST", "/_sandbox/reset").json

    assert (state["sources"], state["pages"], state["faults"], state["requests_logged"]) == ([], 0, [], 0)
    assert (
        ask(running.url, "POST", SOURCES, {"sync_behavior": "api", "url": "https://a.acme.com"}).json["id"]
        == 2
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/_sandbox/reset"), ("PUT", "/_sandbox/faults"), ("DELETE", "/_sandbox/requests")],
)
def test_a_website_cannot_change_anything(running: Running, method: str, path: str) -> None:
    """A request from another origin is refused."""
    reply = ask(running.url, method, path, {"faults": ["503"]}, Origin="https://evil.example")

    assert reply.status == 403
    assert (len(running.workspace.pages), running.faults.specs, len(running.requests)) == (1, [], 2)
    assert ask(running.url, method, path, {"faults": []}, Origin=running.url).status == 200
