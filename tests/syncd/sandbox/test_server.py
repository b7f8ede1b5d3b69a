"""A served sandbox: addresses, several at once, asyncio, the log, and the way it ends."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest

from syncd.errors import ConfigError
from syncd.sandbox import ExchangeLog, Sandbox, serving
from tests.syncd.sandbox.client import PAGES, SOURCES, page_body
from tests.syncd.sandbox.wire import ask


def test_a_served_sandbox_shows_what_it_holds_and_saw() -> None:
    """Workspace and log can be read from the test's own thread."""
    with serving() as running:
        ask(running.url, "POST", SOURCES, {"sync_behavior": "api", "url": "https://docs.acme.com"})
        ask(running.url, "POST", PAGES, page_body())

        page = running.workspace.find(1, "a.md")
        exchange = running.requests[-1]

    assert page is not None
    assert page.html == "<p>a</p>"
    assert (exchange.request.number, exchange.request.method, exchange.request.path) == (2, "POST", PAGES)
    assert exchange.answer is not None
    assert exchange.answer.status == 200
    assert "authorization" not in exchange.request.headers
    assert exchange.request.headers["intercom-version"] == "2.16"


async def test_it_serves_a_test_that_is_a_coroutine() -> None:
    """The server has a thread and a loop of its own, so the test's loop stays free."""
    with serving() as running:
        running.workspace.add_source(url="https://docs.acme.com", now=0)
        headers = {"Authorization": "Bearer t", "Intercom-Version": "2.16"}
        async with httpx.AsyncClient(base_url=running.url, headers=headers) as client:
            replies = await asyncio.gather(
                *(client.post(PAGES, json=page_body(external_id=f"{n}.md")) for n in range(40))
            )

    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.json()["id"] for reply in replies}) == 40


def test_two_sandboxes_are_strangers() -> None:
    """Each has its own port and its own workspace."""
    with serving() as one, serving() as two:
        ask(one.url, "POST", SOURCES, {"sync_behavior": "api", "url": "https://docs.acme.com"})

        assert one.url != two.url
        assert ask(two.url, "GET", SOURCES).json["total_count"] == 0


def test_after_the_end_nobody_answers_and_the_port_is_free() -> None:
    """The same port can be taken at once, even with a connection that was open."""
    with serving() as running:
        port = int(running.url.rpartition(":")[2])
        open_connection = socket.create_connection(("127.0.0.1", port))
    with pytest.raises(ConnectionError):
        ask(running.url, "GET", SOURCES)
    with serving(port=port):
        pass
    open_connection.close()


def test_a_taken_port_is_named() -> None:
    """With the way out."""
    with serving() as running:
        port = int(running.url.rpartition(":")[2])
        with pytest.raises(ConfigError, match=rf"port {port} .* taken.*--port"), serving(port=port):
            pass


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_other_machines_are_let_in_only_when_asked(host: str) -> None:
    """An address that others can reach needs allow_remote."""
    with pytest.raises(ConfigError, match="--allow-remote"), serving(host=host):
        pass


def test_a_foreign_host_name_is_refused_on_loopback() -> None:
    """A website cannot have its own name point here and read the pages."""
    with serving() as running:
        assert ask(running.url, "GET", PAGES, Host="evil.example").status == 403
        assert ask(running.url, "GET", "/", Host="evil.example:80").status == 403
        assert ask(running.url, "GET", PAGES, Host="localhost:1").status == 200
    with serving(host="0.0.0.0", allow_remote=True) as running:
        port = running.url.rpartition(":")[2]
        assert ask(f"http://127.0.0.1:{port}", "GET", PAGES, Host="sandbox:8089").status == 200


def test_a_request_that_breaks_off_is_not_handled() -> None:
    """A client that is killed while it sends has asked for nothing."""
    with serving() as running:
        with socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2]))) as raw:
            raw.sendall(
                b"DELETE /ai/external_pages/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
            )
        ask(running.url, "GET", SOURCES)

        assert [each.request.method for each in running.requests] == ["GET"]


def test_a_body_that_is_too_large_is_refused() -> None:
    """The sandbox does not fill the memory of its machine."""
    with serving() as running, httpx.Client() as client:
        reply = client.post(running.url + PAGES, content=b"x" * 65_000_000)

    assert reply.status_code == 413


def test_exactly_one_date() -> None:
    """The server's own header, which can be a second old, is not sent beside it."""
    with (
        serving() as running,
        socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2]))) as raw,
    ):
        raw.sendall(b"GET /ai/external_pages HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        head = raw.makefile("rb").read().lower()

    assert head.count(b"\r\ndate:") == 1
    assert b"\r\nserver:" not in head


def test_the_log_is_bounded_in_number_and_bytes() -> None:
    """The oldest exchanges go first, and numbers go on."""
    with serving(Sandbox(log=ExchangeLog(max_exchanges=3))) as running:
        for _ in range(5):
            ask(running.url, "GET", SOURCES)
        assert [each.request.number for each in running.requests] == [3, 4, 5]
    with serving(Sandbox(log=ExchangeLog(max_bytes=1000))) as running:
        for _ in range(9):
            ask(running.url, "POST", PAGES, {"title": "x" * 400})
        assert len(running.requests) == 1
