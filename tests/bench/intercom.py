"""The sandbox in a process of its own, so that what it costs is not counted as ours."""

from __future__ import annotations

import http.client
import itertools
import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import NamedTuple

from syncd.sandbox import Sandbox, Switches, serving
from syncd.sandbox.exchange import Exchange, ExchangeLog

UNLIMITED = 1_000_000_000
"""A limit that nobody reaches. With none at all the server would send no headers, and a client that knows no
limit keeps to the smallest one that Intercom's documentation shows."""

REAL_LIMIT = 1667
"""Requests in each window of ten seconds for one app ("Rate limiting", developers.intercom.com)."""

WINDOW_S = 10
_ASKERS = 16


OTHERS = "/ai/external_pages/0"
"""What a client of somebody else asks for, so that its requests can be told from ours."""


class Met(NamedTuple):
    """One request as the sandbox saw it: Unix seconds, method, path, and status (0: the connection broke)."""

    at: float
    method: str
    path: str
    status: int


class Intercom:
    """A sandbox that is being served elsewhere."""

    def __init__(self, url: str, pipe: Connection) -> None:
        self.url = url
        self._pipe = pipe

    def met(self) -> list[Met]:
        """All requests since the last call, in the order in which they were handled."""
        self._pipe.send("met")
        met: list[Met] = self._pipe.recv()
        return met


@contextmanager
def intercom(*, rate_limit: int = UNLIMITED, latency_s: float = 0.0) -> Iterator[Intercom]:
    """Serve an empty workspace on a free port of the loopback interface while the context lasts."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs, rate_limit, latency_s), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Intercom(ours.recv(), ours)
    finally:
        ours.close()
        process.join()


@contextmanager
def other_client(url: str, rate: float) -> Iterator[None]:
    """Send so many requests a second under the same token while the context lasts, in another process."""
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=_ask, args=(url, rate), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _ask(url: str, rate: float) -> None:
    host = url.removeprefix("http://")

    def ask(first: int) -> None:
        connection = http.client.HTTPConnection(host)
        headers = {"Authorization": "Bearer bench", "Intercom-Version": "2.16"}
        began_s = time.monotonic()
        for turn in itertools.count():
            # Even if an answer took long, the next one is due when it is due.
            time.sleep(max(0.0, began_s + (turn * _ASKERS + first) / rate - time.monotonic()))
            connection.request("GET", OTHERS, headers=headers)
            connection.getresponse().read()

    threads = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(_ASKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class _Noted(ExchangeLog):
    """Notes when and how each request was answered, and keeps no bodies."""

    def __init__(self) -> None:
        super().__init__(max_exchanges=1)
        self.met: list[Met] = []

    def add(self, exchange: Exchange) -> None:
        status = 0 if exchange.answer is None else exchange.answer.status
        self.met.append(Met(exchange.at, exchange.request.method, exchange.request.path, status))


def _serve(pipe: Connection, rate_limit: int, latency_s: float) -> None:
    log = _Noted()
    switches = Switches(rate_limit=rate_limit, workspace_rate_limit=0)
    sandbox = Sandbox(switches=switches, latency_s=(latency_s, latency_s), log=log)
    with serving(sandbox) as running:
        pipe.send(running.url)
        while True:
            try:
                pipe.recv()
            except EOFError:
                return
            met, log.met = log.met, []
            pipe.send(met)
