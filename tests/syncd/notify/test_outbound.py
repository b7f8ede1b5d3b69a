"""Where messages may go: addresses are checked after the name was resolved, once."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest

from syncd.notify.outbound import Outbound, Undelivered
from tests.syncd.notify.receivers import receiver

PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200", "0.0.0.0",
    "168.63.129.16", "224.0.0.1", "::1", "::", "fe80::1%eth0", "fd00:ec2::254", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_name_that_leads_to_a_private_address_is_refused(address: str) -> None:
    """In whatever form: nothing is connected to."""
    with pytest.raises(Undelivered, match=r"not public.*allow_addresses"):
        Outbound(resolve=lambda host, port: [address]).request("GET", "https://a.example.com/x", None, {})


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_other_forms_of_this_machine_are_refused(host: str) -> None:
    """The system's resolver reads decimal, octal and short forms, and so their results are checked."""
    with receiver() as taken:
        with pytest.raises(Undelivered):
            Outbound().request("GET", f"https://{host}:{taken.port}/", None, {})
        with pytest.raises(Undelivered):
            Outbound().request("GET", f"http://{host}:{taken.port}/", None, {})

    assert taken.received == []


def test_one_private_address_among_public_ones_is_enough() -> None:
    """Which one would be taken is chance."""
    with pytest.raises(Undelivered, match=r"10\.0\.0\.1"):
        Outbound(resolve=lambda host, port: ["93.184.216.34", "10.0.0.1"]).connect("a.example.com", 443)


def test_name_is_resolved_once() -> None:
    """One that leads elsewhere when it is asked again is never asked again."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    with receiver() as taken:
        outbound = Outbound(["127.0.0.1"], resolve=rebinding)
        assert outbound.request("POST", f"http://localhost:{taken.port}/a?b=c", b"{}", {}) == 200

    assert asked == ["localhost"]
    assert [(method, path, body) for method, path, _, body in taken.received] == [("POST", "/a?b=c", b"{}")]


def test_plain_http_goes_to_this_machine_only() -> None:
    """A message could be read on its way, and so could the URL, which is a secret."""
    with pytest.raises(Undelivered, match="https://"):
        Outbound(["0.0.0.0/0"]).request("GET", "http://hooks.example.com/x", None, {})
    with pytest.raises(Undelivered, match="https://"):
        Outbound().request("GET", "ftp://hooks.example.com/x", None, {})


def test_redirect_is_an_answer_and_not_followed() -> None:
    """It would lead past the check."""
    with receiver() as taken:
        taken.answers = [302]
        assert Outbound(["127.0.0.0/8"]).request("GET", taken.url, None, {}) == 302

    assert len(taken.received) == 1


def test_errors_do_not_tell_the_url() -> None:
    """Who has the URL of a webhook can write there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Undelivered) as caught:
        Outbound(["127.0.0.1"]).request("GET", f"http://localhost:{port}/canary", None, {})

    assert str(caught.value) == "no connection: connection refused"
    assert caught.value.passing


def test_server_that_is_no_web_server_is_no_answer() -> None:
    """And what it says is not told on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        import threading

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"canary of the other side\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(Undelivered, match=r"no answer: BadStatusLine$"):
            Outbound(["127.0.0.1"]).request("GET", f"http://127.0.0.1:{listener.getsockname()[1]}/", None, {})
