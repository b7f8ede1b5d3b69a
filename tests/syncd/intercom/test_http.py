"""Tests of the transport, over real connections to this machine."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd import __version__
from syncd.errors import CredentialsRefused
from syncd.intercom.http import HttpTransport, Timeouts
from syncd.intercom.transport import Request, TransportFailed
from tests.syncd.intercom.loopback import answering, reply

GET = Request(method="GET", path="/ai/external_pages", params={"page": "2", "per_page": "50"})
POST = Request(method="POST", path="/ai/external_pages", body={"title": "Grüße \ud800", "source_id": 44})


def transport(url: str, **options: object) -> HttpTransport:
    return HttpTransport(url, lambda: "tok", **options)  # type: ignore[arg-type]


async def test_request_on_the_wire() -> None:
    """The headers that Intercom wants, and nothing that tells more about us."""
    async with answering(reply()) as server, transport(server.url) as http:
        await http.send(POST)
        await http.send(GET)

    lines = server.heads[0].split("\r\n")
    assert lines[0] == "POST /ai/external_pages HTTP/1.1"
    assert sorted(line.split(":")[0].lower() for line in lines[1:] if line) == [
        "accept",
        "accept-encoding",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "intercom-version",
        "user-agent",
    ]
    assert {
        "Accept: application/json",
        "Accept-Encoding: identity",
        "Authorization: Bearer tok",
        "Content-Type: application/json",
        "Intercom-Version: 2.16",
        f"User-Agent: syncd/{__version__}",
    } <= set(lines)
    assert json.loads(server.bodies[0]) == POST.body
    assert server.heads[1].startswith("GET /ai/external_pages?page=2&per_page=50 HTTP/1.1\r\n")


async def test_answer_as_it_came() -> None:
    """Status, headers in lower case, and the body."""
    headers = ("X-RateLimit-Remaining: 7", "Set-Cookie: a=b")
    async with (
        answering(reply(b'{"a": 1}', status=422, headers=headers)) as server,
        transport(server.url) as http,
    ):
        answer = await http.send(GET)
        await http.send(GET)

    assert (answer.status, answer.headers["x-ratelimit-remaining"], answer.body) == (422, "7", b'{"a": 1}')
    assert "cookie" not in server.heads[1].lower()


async def test_connections_are_kept_and_bounded() -> None:
    """As many as requests under way at once, and used again."""
    async with answering(reply()) as server, transport(server.url, concurrency=3) as http:
        await asyncio.gather(*(http.send(GET) for _ in range(30)))

    assert server.connections == 3
    assert server.busiest <= 3


async def test_token_is_asked_for_each_request() -> None:
    """A new token in the file counts at once."""
    tokens = iter(["one\n", "two"])
    async with answering(reply()) as server, HttpTransport(server.url, lambda: next(tokens)) as http:
        await http.send(GET)
        await http.send(GET)

    assert ["Bearer one" in server.heads[0], "Bearer two" in server.heads[1]] == [True, True]


@pytest.mark.parametrize("token", ["", "  \n", "two words", "line\nbreak", "caf\u00e9", "\x00"])
async def test_token_that_cannot_be_one_is_not_sent(token: str) -> None:
    """It would be quoted by an error about a wrong header."""
    async with answering(reply()) as server, HttpTransport(server.url, lambda: token) as http:
        with pytest.raises(CredentialsRefused, match="the Intercom access token") as caught:
            await http.send(GET)

    assert server.heads == []
    assert not token.strip() or token.strip() not in str(caught.value)


async def test_redirect_is_not_followed() -> None:
    """The token goes to no other address."""
    async with answering(reply()) as other:
        redirect = reply(status=307, headers=(f"Location: {other.url}/x",))
        async with answering(redirect) as server, transport(server.url) as http:
            assert (await http.send(GET)).status == 307

    assert other.heads == []


async def test_answer_over_the_limit_is_cut_off() -> None:
    """Two gigabytes do not fit into memory, whatever the length that the server tells."""
    sent = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            sent += 0x10000
            await writer.drain()

    async with answering(endless) as server, transport(server.url) as http:
        with pytest.raises(TransportFailed, match="answer exceeded the limit of 5,000,000 bytes") as caught:
            await http.send(GET)

    assert caught.value.may_have_arrived
    assert sent < 50_000_000


async def test_compressed_answer_is_refused() -> None:
    """A small bomb unfolds into gigabytes."""
    bomb = reply(gzip.compress(b"x" * 1_000_000), headers=("Content-Encoding: gzip",))
    async with answering(bomb) as server, transport(server.url) as http:
        with pytest.raises(TransportFailed, match="compressed"):
            await http.send(GET)


async def test_answer_that_trickles_ends_in_time() -> None:
    """Each byte comes in time for the read timeout, and the whole never does."""

    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    timeouts = Timeouts(read_s=5.0, total_s=0.2)
    async with answering(trickle) as server, transport(server.url, timeouts=timeouts) as http:
        with pytest.raises(TransportFailed, match=r"no whole answer within 0\.2 s"):
            await http.send(GET)


async def test_silent_server_ends_in_time() -> None:
    """Nothing at all comes."""

    async def silence(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with (
        answering(silence) as server,
        transport(server.url, timeouts=Timeouts(read_s=0.1)) as http,
    ):
        with pytest.raises(TransportFailed, match="fell silent") as caught:
            await http.send(GET)

    assert caught.value.may_have_arrived


async def test_broken_connection_is_replaced() -> None:
    """One that broke is thrown away, and the next request works."""
    answers = [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", b"garbage\r\n\r\n", reply()]

    async def play(writer: asyncio.StreamWriter) -> None:
        answer = answers.pop(0)
        writer.write(answer)
        if answer != reply():
            raise ConnectionError

    async with answering(play) as server, transport(server.url, concurrency=1) as http:
        for _ in range(3):
            with pytest.raises(TransportFailed, match="the connection broke") as caught:
                await http.send(GET)
            assert caught.value.may_have_arrived
            assert not str(caught.value).endswith(".")  # the sentence goes on around it
        assert (await http.send(GET)).status == 200


async def test_cancelled_request_leaves_a_usable_transport() -> None:
    """A run that is stopped takes nothing from the next."""
    answers = [asyncio.sleep, None]

    async def play(writer: asyncio.StreamWriter) -> None:
        if answers.pop(0) is not None:
            await asyncio.sleep(30)
        writer.write(reply())

    async with answering(play) as server, transport(server.url, concurrency=1) as http:
        stopped = asyncio.create_task(http.send(GET))
        await server.asked.wait()
        stopped.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopped

        assert (await http.send(GET)).status == 200


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


async def test_refused_connection_surely_did_nothing(closed_port: int) -> None:
    """Then even a creation may be tried again."""
    async with transport(f"http://127.0.0.1:{closed_port}") as http:
        with pytest.raises(TransportFailed, match="no connection") as caught:
            await http.send(GET)

    assert not caught.value.may_have_arrived


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody vouches for, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files, *name]
    subprocess.run(made, check=True, capture_output=True)
    return tmp_path / "cert.pem"


async def test_certificate_is_checked(certificate: Path) -> None:
    """A stranger's certificate gets no token; one that the operator trusts does."""
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(certificate, certificate.with_name("key.pem"))
    trusting = ssl.create_default_context(cafile=str(certificate))

    async with answering(reply(), tls=shown) as server:
        async with transport(server.url) as http:
            with pytest.raises(TransportFailed, match=r"no connection: .*CERTIFICATE_VERIFY_FAILED"):
                await http.send(GET)
        assert server.heads == []

        async with transport(server.url, tls=trusting) as http:
            assert (await http.send(GET)).status == 200


async def test_proxy_variables_do_not_reach_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is meant for the sandbox is no business of a proxy."""
    async with answering(reply()) as proxy, answering(reply()) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        async with transport(server.url) as http:
            await http.send(GET)

    assert (len(proxy.heads), len(server.heads)) == (0, 1)


async def test_proxy_variables_count_for_intercom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Company networks lead out through a proxy only; the token stays inside TLS."""
    async with answering(reply(status=502)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        async with transport("https://api.invalid") as http:
            with pytest.raises(TransportFailed, match="no connection"):
                await http.send(GET)

    assert proxy.heads[0].startswith("CONNECT api.invalid:443 ")
    assert "tok" not in proxy.heads[0]


async def test_proxy_is_passed_by_where_the_environment_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway inside the network is reached without the way out of it."""
    async with answering(reply(status=502)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("no_proxy", "example.com,.invalid")
        async with transport("https://api.invalid") as http:
            with pytest.raises(TransportFailed, match="no connection"):
                await http.send(GET)

    assert proxy.heads == []


@pytest.mark.parametrize("module", ["pages", "sources", "pacing", "retry", "endpoint"])
def test_only_one_module_needs_httpx(module: str) -> None:
    """Importing it takes longer than a pass over an unchanged source."""
    code = f"import sys, syncd.intercom.{module}; sys.exit('httpx' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
