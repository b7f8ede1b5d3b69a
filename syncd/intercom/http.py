"""Requests over HTTP: the one module that imports httpx.

httpx's pool looks at all its connections for every request, so that 16 of them halve its speed. Here each
request under way has a small pool with one connection of its own; they are made on demand and kept. What
httpx's client does beside (cookies, redirects, headers of its own) is not wanted, and takes a fifth of
the time.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
import truststore

from syncd import __version__
from syncd.errors import CredentialsRefused
from syncd.intercom.answers import plain
from syncd.intercom.endpoint import VERSION, is_loopback
from syncd.intercom.transport import Answer, Request, TransportFailed

# At debug level they write down the headers of each answer, which may quote ours.
for _library in ("httpx", "httpcore"):
    logging.getLogger(_library).setLevel(logging.WARNING)

# Anything else cannot stand in a header, and an error about it would quote it.
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long each part of a request may take; `total_s` bounds it as a whole, however it trickles."""

    connect_s: float = 10.0
    read_s: float = 60.0
    write_s: float = 60.0
    total_s: float = 120.0


class HttpTransport:
    """Sends requests to one base URL. Use it as an asynchronous context manager, or call `aclose`.

    Certificates are checked against the system's trust store. The proxy variables of the environment count,
    but not for a loopback address. Redirects are not followed, cookies are not kept.
    """

    def __init__(
        self,
        base_url: str,
        token: Callable[[], str],
        *,
        version: str = VERSION,
        concurrency: int = 16,
        timeouts: Timeouts | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            base_url: as `endpoint.base_url` returns it.
            token: asked for each request, so that a changed token file counts at once.
            concurrency: most requests under way at once; more wait.
            tls: which certificates to trust; None for the system's own store.
        """
        self._base_url = base_url
        self._token = token
        self._timeouts = timeouts or Timeouts()
        self._limits_s = {
            "connect": self._timeouts.connect_s,
            "read": self._timeouts.read_s,
            "write": self._timeouts.write_s,
            "pool": self._timeouts.total_s,
        }
        self._headers = {
            "Accept": "application/json",
            # A small compressed answer could unfold into gigabytes; none is asked for and none is taken.
            "Accept-Encoding": "identity",
            "Intercom-Version": version,
            "User-Agent": f"syncd/{__version__}",
        }
        self._tls = tls or truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._places = asyncio.Semaphore(concurrency)
        self._idle: list[httpx.AsyncHTTPTransport] = []
        self._pools: set[httpx.AsyncHTTPTransport] = set()

    def __repr__(self) -> str:
        return f"HttpTransport({self._base_url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        self._idle.clear()
        while self._pools:
            await self._pools.pop().aclose()

    async def send(self, request: Request) -> Answer:
        """See Transport."""
        token = self._token().strip()
        if not _TOKEN.fullmatch(token):
            state = "holds characters that no token has" if token else "is empty"
            raise CredentialsRefused(f"the Intercom access token {state}; nothing was sent. Set it anew.")
        async with self._places:
            pool = self._idle.pop() if self._idle else self._pool()
            try:
                async with asyncio.timeout(self._timeouts.total_s):
                    answer = await self._exchange(pool, request, token)
            except BaseException as error:
                # A connection that was given up may be in any state.
                self._pools.discard(pool)
                await pool.aclose()
                if isinstance(error, TimeoutError):
                    raise TransportFailed(f"no whole answer within {self._timeouts.total_s:g} s") from None
                if isinstance(error, httpx.HTTPError):
                    raise _failed(error, token) from None
                raise
            self._idle.append(pool)
        if answer.status >= 400 and token.encode() in answer.body:
            # What a refusal says is shown to people; one that quotes the request must not show the token.
            return Answer(
                status=answer.status,
                headers=answer.headers,
                body=answer.body.replace(token.encode(), b"(token)"),
            )
        return answer

    async def _exchange(self, pool: httpx.AsyncHTTPTransport, request: Request, token: str) -> Answer:
        headers = {**self._headers, "Authorization": f"Bearer {token}"}
        content = None
        if request.body is not None:
            headers["Content-Type"] = "application/json"
            # ASCII only, since file names and pages may hold lone surrogates, which UTF-8 cannot carry.
            content = json.dumps(request.body).encode("ascii")
        sent = httpx.Request(
            request.method,
            self._base_url + request.path,
            params=request.params or None,
            headers=headers,
            content=content,
            extensions={"timeout": self._limits_s},
        )
        response = await pool.handle_async_request(sent)
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise TransportFailed("the answer is compressed, which was not asked for")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > request.answer_bytes:
                    raise TransportFailed(f"answer exceeded the limit of {request.answer_bytes:,} bytes")
        finally:
            await response.aclose()
        return Answer(status=response.status_code, headers=_lower(response.headers), body=bytes(body))

    def _pool(self) -> httpx.AsyncHTTPTransport:
        pool = httpx.AsyncHTTPTransport(
            verify=self._tls,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30.0),
            proxy=None if is_loopback(self._base_url) else _proxy(self._base_url),
        )
        self._pools.add(pool)
        return pool


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for a URL."""
    place = urlsplit(url)
    if proxy_bypass(place.netloc):
        return None
    named = getproxies()
    proxy = named.get(place.scheme) or named.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def _lower(headers: httpx.Headers) -> Mapping[str, str]:
    # httpx joins repeated headers; names come in lower case.
    return dict(headers.items())


def _failed(error: httpx.HTTPError, token: str) -> TransportFailed:
    """Ours for httpx's; without it as the cause, since it carries the request and so the token."""
    reason = plain(str(error).replace(token, "(token)")).rstrip(".") or "no further word"
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return TransportFailed("no connection in time", may_have_arrived=False)
        case httpx.ConnectError() | httpx.UnsupportedProtocol() | httpx.ProxyError():
            return TransportFailed(f"no connection: {reason}", may_have_arrived=False)
        case httpx.ReadTimeout() | httpx.WriteTimeout():
            return TransportFailed("the connection fell silent")
        case _:
            return TransportFailed(f"the connection broke: {reason}")
