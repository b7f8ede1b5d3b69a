"""Requests to addresses that people configured: only where they may go, and no longer than they may take.

A name is resolved once, every address that it has is checked, and the connection is made to one of those:
a name that leads elsewhere a moment later changes nothing. No redirect is followed, no proxy is used.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from syncd.config.notifications import problem_of

CONNECT_S = 5.0
LIMIT_S = 10.0
"""Seconds that a request may take, from the connection to the end of its answer."""

ANSWER_BYTES = 4096

Resolve = Callable[[str, int], Sequence[str]]
"""(host, port) → its addresses. Raises OSError."""

# What is public by its number, and serves secrets inside of a cloud.
_METADATA = frozenset({"168.63.129.16"})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Undelivered(Exception):
    """It could not be delivered; the message names no URL.

    Attributes:
        passing: whether it may go well a moment later.
    """

    def __init__(self, why: str, *, passing: bool = False) -> None:
        super().__init__(why)
        self.passing = passing


class Outbound:
    """Where messages may go.

    Args:
        allowed: addresses and networks besides the public ones.
    """

    def __init__(self, allowed: Sequence[str] = (), *, resolve: Resolve | None = None) -> None:
        self._allowed = [ipaddress.ip_network(text) for text in allowed]
        self._resolve = resolve or addresses_of

    def connect(self, host: str, port: int) -> socket.socket:
        """Connect to a checked address of a host. Raises Undelivered."""
        try:
            found = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise Undelivered("its host has no address", passing=True) from error
        for address in found:
            self._check(address)
        why = "its host has no address"
        for address in found:
            try:
                return socket.create_connection((address, port), timeout=CONNECT_S)
            except OSError as error:
                why = f"no connection: {_words(error)}"
        raise Undelivered(why, passing=True)

    def request(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> int:
        """Send a request and return the status of its answer, of which little is read. Raises Undelivered."""
        if (why := problem_of(url)) is not None:
            raise Undelivered(f"its URL {why}")
        parts = urlsplit(url)
        host, secure = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        connected = self.connect(host, port)
        try:
            if not secure and not is_loopback(connected):
                raise Undelivered("its URL must begin with https:// (http is for a loopback address only)")
            with limited(connected):
                return _exchange(
                    connected, host, port, secure, method, parts.path, parts.query, body, headers
                )
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Undelivered(f"no answer: {_words(error)}", passing=True) from error
        finally:
            connected.close()

    def _check(self, text: str) -> None:
        address = _meant(ipaddress.ip_address(text.partition("%")[0]))
        if any(address in network for network in self._allowed if network.version == address.version):
            return
        if not address.is_global or address.is_multicast or str(address) in _METADATA:
            raise Undelivered(
                f"its host has the address {address}, which is not public; if that is right, "
                "name it in notifications.allow_addresses"
            )


@contextmanager
def limited(connected: socket.socket) -> Iterator[None]:
    """Cut a connection off that lasts too long, however it drips."""

    # TLS takes the socket itself away.
    other = connected.dup()

    def cut() -> None:
        try:
            other.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is over already

    connected.settimeout(LIMIT_S)
    timer = threading.Timer(LIMIT_S, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        other.close()


def is_loopback(connected: socket.socket) -> bool:
    """Whether the other end is on this machine."""
    return _meant(ipaddress.ip_address(connected.getpeername()[0].partition("%")[0])).is_loopback


def addresses_of(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _exchange(
    connected: socket.socket,
    host: str,
    port: int,
    secure: bool,
    method: str,
    path: str,
    query: str,
    body: bytes | None,
    headers: Mapping[str, str],
) -> int:
    connection = http.client.HTTPConnection(host, port, timeout=LIMIT_S)
    if secure:
        connection = http.client.HTTPSConnection(host, port, timeout=LIMIT_S)
        connected = ssl.create_default_context().wrap_socket(connected, server_hostname=host)
    # It is connected already, and must not be again: to what the name is by then.
    connection.sock, connection.auto_open = connected, 0
    try:
        target = (path or "/") + (f"?{query}" if query else "")
        connection.request(method, target, body=body, headers={"User-Agent": "syncd", **headers})
        answer = connection.getresponse()
        answer.read(ANSWER_BYTES)
        return answer.status
    finally:
        connection.close()


def _meant(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 one stands for, or the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _words(error: Exception) -> str:
    """What went wrong, without what the other side or the URL said."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not valid"
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.strerror:
        return error.strerror.lower()
    return type(error).__name__
