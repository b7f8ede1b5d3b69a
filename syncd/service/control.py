"""The control API below /api: what `syncd sync`, `syncd status` and programs with the token ask and do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from syncd.errors import ConfigError
from syncd.service.guard import Refused, bearer_is, body_of, unauthorized
from syncd.service.queue import Want
from syncd.service.service import Service
from syncd.service.wire import encode

LIMIT_BYTES = 100_000
LIMIT_S = 5.0
# Often enough for a progress bar.
_TELL_S = 0.25

_TRIGGERS = ("manual", "cron", "control")

Handler = Callable[[Request], Awaitable[Response]]


class Control:
    """Routes that ask for a token.

    Attributes:
        tokens: those that are let in: the one that the service made for this user's own commands, and the
            configured one.
    """

    def __init__(self, service: Service, *tokens: str | None, reload: Callable[[], Awaitable[None]]) -> None:
        self.tokens = tokens
        self._service = service
        self._reload = reload

    def routes(self) -> list[Route]:
        """What is to be mounted."""
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/api/sources", self._sources),
            ("POST", "/api/runs", self._run),
            ("POST", "/api/sources/{name}/pause", self._pause),
            ("POST", "/api/sources/{name}/resume", self._resume),
            ("POST", "/api/reload", self._take_over),
        ]
        return [Route(path, self._guarded(handler), methods=[method]) for method, path, handler in table]

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            if not bearer_is(request, *self.tokens):
                return unauthorized()
            try:
                return await handler(request)
            except ConfigError as error:
                raise Refused(409 if self._service.stopping.is_set() else 400, str(error)) from error

        return guarded

    async def _sources(self, request: Request) -> Response:
        service = self._service
        running, waiting = service.running(), service.waiting()
        sources = [
            {
                "name": source.name,
                "next_run": service.next_run(source.name),
                "paused": service.is_paused(source.name),
                "wanted": source.name in waiting,
                "running": _telling(running[source.name]) if source.name in running else None,
            }
            for source in service.sources
        ]
        return JSONResponse({"schema": 1, "sources": sources})

    async def _run(self, request: Request) -> Response:
        asked = await _asked(request)
        names, why = asked.get("sources"), asked.get("trigger", "control")
        how = {name: asked.get(name, False) for name in ("full", "repair")}
        if not isinstance(names, list) or set(map(type, how.values())) != {bool} or why not in _TRIGGERS:
            raise Refused(400, 'the body must be {"sources": [NAME…], "full": false, "repair": false}')
        chosen = [str(name) for name in names] or [source.name for source in self._service.sources]
        for name in chosen:
            self._service.config.source(name)
        wants = [self._service.want_run(name, why, **how) for name in dict.fromkeys(chosen)]
        return StreamingResponse(
            _follow([want for want in wants if want is not None]), 202, media_type="application/x-ndjson"
        )

    async def _pause(self, request: Request) -> Response:
        self._service.pause(request.path_params["name"])
        return Response(status_code=204)

    async def _resume(self, request: Request) -> Response:
        self._service.resume(request.path_params["name"])
        return Response(status_code=204)

    async def _take_over(self, request: Request) -> Response:
        await self._reload()
        return Response(status_code=204)


async def _follow(wants: list[Want]) -> AsyncIterator[str]:
    """Tell how runs go on, one JSON object a line, and at last what each came to, in the order asked."""
    for want in wants:
        told: dict[str, Any] = {}
        while not want.outcome.done():
            if (now := _telling(want)) != told:
                yield _line(told := now)
            # Not the future itself: a reader that leaves must not take it from the others.
            await asyncio.wait((want.outcome,), timeout=_TELL_S)
        with suppress(asyncio.CancelledError):
            yield _line({"source": want.source, "outcome": encode(want.outcome.result())})
            continue
        yield _line({"source": want.source, "dropped": True})
    yield _line({"end": True})


def _telling(want: Want) -> dict[str, Any]:
    activity = want.activity
    return {
        "source": want.source,
        "trigger": want.why,
        "run": activity.run,
        "began": want.began,
        "planned": activity.planned_pages,
        "done": activity.finished_pages,
    }


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value) + "\n"


async def _asked(request: Request) -> dict[str, Any]:
    body = await body_of(request, limit_bytes=LIMIT_BYTES, limit_s=LIMIT_S)
    try:
        asked = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise Refused(400, "the body is no JSON") from None
    if not isinstance(asked, dict):
        raise Refused(400, "the body is no JSON object")
    return asked
