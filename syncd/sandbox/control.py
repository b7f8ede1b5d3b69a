"""The sandbox's own paths, which Intercom does not have: what it saw, and what shall go wrong.

GET    /_sandbox/state       switches, sources with their counts, totals
GET    /_sandbox/requests    the logged exchanges, oldest first; ?after=N leaves out those up to number N
GET    /_sandbox/requests/N  one exchange with its headers and bodies
DELETE /_sandbox/requests    forget them
GET    /_sandbox/faults      {"faults": ["drop-after:POST:3"], "latency_s": [0.1, 0.1]}
PUT    /_sandbox/faults      the same, and counting starts again
POST   /_sandbox/reset       no sources, pages, faults and exchanges
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from syncd.errors import ConfigError
from syncd.sandbox.exchange import Exchange
from syncd.sandbox.faults import Faults, delay
from syncd.sandbox.sandbox import Sandbox


class Control:
    """Routes for one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def routes(self) -> list[Route]:
        """The routes of the module's docstring."""
        return [
            Route("/_sandbox/state", self._state),
            Route("/_sandbox/requests", self._requests, methods=["GET", "DELETE"]),
            Route("/_sandbox/requests/{number:int}", self._request),
            Route("/_sandbox/faults", self._faults, methods=["GET", "PUT"]),
            Route("/_sandbox/reset", self._reset, methods=["POST"]),
        ]

    async def _state(self, request: Request) -> JSONResponse:
        workspace = self.sandbox.workspace
        counts = workspace.counts()
        return JSONResponse(
            {
                "schema": 1,
                "switches": asdict(self.sandbox.switches),
                "sources": [asdict(each) | {"pages": counts[each.id]} for each in workspace.sources],
                "pages": sum(counts.values()),
                "faults": self.sandbox.faults.specs,
                "latency_s": list(self.sandbox.latency_s),
                "requests_logged": len(self.sandbox.log),
            }
        )

    async def _requests(self, request: Request) -> JSONResponse:
        if request.method == "DELETE":
            if (refused := _foreign(request)) is not None:
                return refused
            self.sandbox.log.clear()
        text = request.query_params.get("after", "0")
        after = int(text) if text.isascii() and text.isdigit() else 0
        rows = [each.summary() for each in self.sandbox.log if each.request.number > after]
        return JSONResponse({"schema": 1, "requests": rows})

    async def _request(self, request: Request) -> JSONResponse:
        number = request.path_params["number"]
        for each in self.sandbox.log:
            if each.request.number == number:
                return JSONResponse({"schema": 1} | _whole(each))
        return JSONResponse({"error": f"exchange {number} is not in the log (any more)"}, status_code=404)

    async def _faults(self, request: Request) -> JSONResponse:
        if request.method == "PUT":
            if (refused := _foreign(request)) is not None:
                return refused
            try:
                faults, latency_s = _settings(await request.json())
            except (ValueError, TypeError, RecursionError, ConfigError) as error:
                return JSONResponse({"error": str(error)}, status_code=400)
            if faults is not None:
                self.sandbox.faults.put(faults)
            if latency_s is not None:
                self.sandbox.latency_s = latency_s
        return JSONResponse(
            {
                "schema": 1,
                "faults": self.sandbox.faults.specs,
                "latency_s": list(self.sandbox.latency_s),
            }
        )

    async def _reset(self, request: Request) -> JSONResponse:
        if (refused := _foreign(request)) is not None:
            return refused
        self.sandbox.reset()
        return await self._state(request)


def _settings(value: Any) -> tuple[list[str] | None, tuple[float, float] | None]:
    if not isinstance(value, dict) or not value.keys() <= {"schema", "faults", "latency", "latency_s"}:
        raise ValueError('the body is an object such as {"faults": ["503:p=0.1"], "latency": "100ms"}')
    faults = value.get("faults")
    if faults is not None:
        if not isinstance(faults, list) or not all(isinstance(each, str) for each in faults):
            raise ValueError("faults is a list of texts such as drop-after:POST:3")
        Faults(faults)
    if "latency" in value:
        return faults, delay(str(value["latency"]))
    pair = value.get("latency_s")
    if pair is None:
        return faults, None
    least, most = (float(each) for each in pair) if isinstance(pair, list) else (-1.0, -1.0)
    if not 0 <= least <= most < float("inf"):
        raise ValueError("latency_s is the least and the most seconds, such as [0.1, 0.3]")
    return faults, (least, most)


def _foreign(request: Request) -> JSONResponse | None:
    # A website that the operator visits may send a plain POST here; it cannot hide its Origin.
    origin = request.headers.get("origin")
    if origin is None or origin == f"http://{request.headers.get('host')}":
        return None
    return JSONResponse({"error": f"not from {origin}"}, status_code=403)


def _whole(exchange: Exchange) -> dict[str, Any]:
    answer = exchange.answer
    return exchange.summary() | {
        "request_headers": dict(exchange.request.headers),
        "request_body": exchange.request.body.decode("utf-8", "replace"),
        "answer_headers": None if answer is None else dict(answer.headers),
        "answer_body": None if answer is None else answer.body.decode("utf-8", "replace"),
    }
