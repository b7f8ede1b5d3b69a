"""The service tells people: after each run, and every few minutes what only time makes a problem."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from syncd.errors import SyncdError
from syncd.lanes import ThreadLane
from syncd.log import get_logger
from syncd.notify.channels import Sender
from syncd.notify.notifier import deliver, is_needed, prepare, remember
from syncd.outcome import Outcome
from syncd.service.service import Ended, Service

log = get_logger(__name__)

LOOK_S = 300.0
"""Seconds after which it looks although no run ended."""


class Notices:
    """What people are told by a service."""

    def __init__(
        self,
        service: Service,
        *,
        sender: Callable[[], Sender],
        counted: Callable[[str, bool], None],
    ) -> None:
        """`sender` makes what sends, as it is configured now; `counted` hears (channel, taken)."""
        self._service = service
        self._sender = sender
        self._counted = counted
        self._ended: list[Outcome] = []
        self._news = asyncio.Event()

    def ran(self, ended: Ended) -> None:
        """Note a run that ended."""
        self._ended.append(ended.outcome)
        self._news.set()

    async def run(self) -> None:
        """Tell until it is cancelled. What is under way then is not waited for."""
        async with ThreadLane("notify") as lane:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._news.wait()
                self._news.clear()
                await self.look(lane)

    async def look(self, lane: ThreadLane) -> None:
        """Tell what is to be told now. Nothing that goes wrong here ends the service."""
        service, config = self._service, self._service.config
        outcomes, self._ended = tuple(self._ended), []
        if not is_needed(config):
            return
        now = service.clock.now()
        try:
            round_ = await service.ask(lambda store: prepare(config, store, outcomes, now=now))
            if round_.told or round_.pings:
                delivered = await lane(deliver, config, self._sender(), round_, self._counted)
                await service.ask(lambda store: remember(store, round_.told, delivered, now=now))
        except SyncdError as error:
            log.error("notifications_failed", error=str(error))
        except Exception:
            log.exception("notifications_broke")
