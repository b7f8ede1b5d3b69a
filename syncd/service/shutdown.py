"""Signals: the first one ends the service in order, within eight seconds; the second one at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

from syncd.log import flush, get_logger

log = get_logger(__name__)

LIMIT_S = 7.5
"""Docker kills after ten seconds, and the promise is eight."""


class Signals:
    """What the signals of the process mean to a service."""

    def __init__(self, *, stop: Callable[[], None], reload: Callable[[], None]) -> None:
        """`stop` begins an orderly end, `reload` reads the configuration again; both return at once."""
        self._stop = stop
        self._reload = reload
        self._met: signal.Signals | None = None

    def install(self) -> None:
        """Listen from now on."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending, number)
        loop.add_signal_handler(signal.SIGHUP, self._reload)

    def _ending(self, number: signal.Signals) -> None:
        if self._met is not None:
            _out(number, "asked twice")
        self._met = number
        log.info("signal_received", signal=number.name)
        asyncio.get_running_loop().call_later(LIMIT_S, _out, number, "it took too long")
        self._stop()


def _out(number: signal.Signals, why: str) -> None:
    """Leave without looking back: what a killed process leaves behind, the next one makes good."""
    log.warning("service_given_up", why=why)
    flush()
    os._exit(128 + number)
