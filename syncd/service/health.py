"""GET /livez, /readyz, /metrics: what those ask that keep the service up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from syncd.clock import Sleep
from syncd.errors import SyncdError
from syncd.log import get_logger
from syncd.service.guard import bearer_is, unauthorized
from syncd.service.metrics import Metrics
from syncd.service.service import Service

log = get_logger(__name__)

BEAT_S = 5.0
STILL_S = 45.0
"""Seconds without an answer of the store's thread after which the service counts as dead."""

ANSWER_S = 3.0
"""Seconds that a probe waits for the state store."""

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Health:
    """Whether the service lives, and whether it can work.

    It lives if the event loop answers and the store's thread does; nothing outside counts. It is ready
    if the state can be written and it was not asked to stop.
    """

    def __init__(self, service: Service, metrics: Metrics, *, sleep: Sleep, token: Callable[[], str | None]):
        self._service = service
        self._metrics = metrics
        self._sleep = sleep
        self._token = token
        self._beat_at = service.clock.monotonic()

    async def beat(self) -> None:
        """Ask the store's thread for a sign of life, again and again, until it is cancelled."""
        while True:
            await self._service.ask(lambda store: None)
            self._beat_at = self._service.clock.monotonic()
            await self._sleep(BEAT_S)

    @property
    def lives(self) -> bool:
        """Whether the store's thread answered lately."""
        return self._service.clock.monotonic() - self._beat_at < STILL_S

    async def why_not_ready(self) -> str | None:
        """What keeps it from working; None if nothing does."""
        if self._service.stopping.is_set():
            return "stopping"
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._service.ask(lambda store: store.probe())
        except TimeoutError:
            return "the state store does not answer"
        except SyncdError as error:
            log.warning("state_unusable", error=str(error))
            return "the state store cannot be written; the log has more"
        return None

    def routes(self) -> list[Route]:
        """What is to be mounted."""
        return [
            Route("/livez", self._livez),
            Route("/readyz", self._readyz),
            Route("/metrics", self._told),
        ]

    async def _livez(self, request: Request) -> Response:
        return PlainTextResponse("ok\n") if self.lives else PlainTextResponse("the store hangs\n", 503)

    async def _readyz(self, request: Request) -> Response:
        why = await self.why_not_ready()
        return PlainTextResponse("ok\n") if why is None else PlainTextResponse(f"{why}\n", 503)

    async def _told(self, request: Request) -> Response:
        if (token := self._token()) is not None and not bearer_is(request, token):
            return unauthorized()
        # Without the state store there is still much to tell.
        with suppress(SyncdError, TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                await self._metrics.refresh()
        return Response(self._metrics.text(), media_type=METRICS_TYPE)
