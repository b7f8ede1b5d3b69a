"""The dashboard of the installed `syncd run`: the way in, and what is done through it."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import urlencode, urlsplit

import pytest

from tests.conftest import Workplace
from tests.flow.daemon import Daemon


@pytest.fixture
def daemon(workplace: Workplace) -> Iterator[Daemon]:
    workplace.write({"a.md": "# A\n\nText of a.\n", "b.md": "# B\n\nText of b.\n"})
    daemon = Daemon(workplace)
    with daemon:
        daemon.event("run_finished")
        yield daemon


def test_link_of_the_command_lets_in(daemon: Daemon) -> None:
    """Once, whoever runs the service; and there a page can be taken down."""
    done = daemon.workplace.process(
        "dashboard", "-c", str(daemon.workplace.config), "--json", env=daemon.environment
    )
    url = urlsplit(done.document["url"])
    assert url.port == daemon.port

    status, headers, _ = daemon.ask("GET", f"{url.path}?{url.query}")
    cookie = headers["set-cookie"].partition(";")[0]
    assert status == 303
    assert daemon.ask("GET", f"{url.path}?{url.query}")[0] == 403
    status, _, page = daemon.ask("GET", "/sources/handbook/page?id=a.md", Cookie=cookie)
    token = re.search(r'name="form_token" value="([^"]*)"', page.decode())
    assert (status, token is not None) == (200, True)

    assert token is not None
    form = {"form_token": unescape(token[1]), "id": "a.md", "count": "1", "why": "leaked"}
    status, headers, _ = daemon.ask(
        "POST",
        "/sources/handbook/takedown",
        urlencode(form).encode(),
        Cookie=cookie,
        Origin=f"http://127.0.0.1:{daemon.port}",
        Content_Type="application/x-www-form-urlencoded",
    )

    assert (status, headers["location"]) == (303, "/sources/handbook/page?id=a.md&said=taken-down")
    assert set(daemon.workplace.pages()) == {"b.md"}
    told = daemon.ask("GET", "/sources/handbook/page?id=b.md&show=difference", Cookie=cookie)[2].decode()
    assert "Nothing: Intercom shows the text that the source has now." in told
    frame = daemon.ask("GET", "/sources/handbook/page/preview?id=b.md", Cookie=cookie)[2].decode()
    assert "<p>Text of b.</p>" in frame


def test_no_service_no_link(workplace: Workplace) -> None:
    """The command says how to start one."""
    done = workplace.process("dashboard", "-c", str(workplace.config))

    assert done.code == 2
    assert "start it with 'syncd run'" in done.err


def test_header_without_end(daemon: Daemon) -> None:
    """B70: refused, and the service goes on."""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
    connection.request("GET", "/", headers={"X-Long": "a" * 65_536})

    assert connection.getresponse().status in (400, 431)
    connection.close()
    assert daemon.ask("GET", "/livez")[0] == 200
