"""The sandbox in a process of its own, so that what it costs is not counted as ours."""

from __future__ import annotations

import multiprocessing
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
