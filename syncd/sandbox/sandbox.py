"""One sandbox: the workspace, the API in front of it, the faults between them, and the log of it all."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from email.utils import formatdate
from math import isnan
from pathlib import Path
from typing import Literal

from syncd.sandbox.api import Admission, Api, Headers
from syncd.sandbox.exchange import Answer, Exchange, ExchangeLog, Request, refusal
from syncd.sandbox.faults import Fault, Faults
from syncd.sandbox.problem import Problem
from syncd.sandbox.storage import Storage
from syncd.sandbox.switches import Switches
from syncd.sandbox.workspace import Workspace

Moment = Literal["before", "after"]
Hook = Callable[[int, Moment, Request], None]

_CODES = {
    400: ("parameter_invalid", "Bad request"),
    401: ("unauthorized", "Access Token Invalid"),
    403: ("forbidden", "Forbidden"),
    404: ("not_found", "Resource Not Found"),
    408: ("request_timeout", "The request timed out"),
    409: ("conflict", "The resource is being changed"),
    413: ("parameter_invalid", "The request is too large"),
    422: ("parameter_invalid", "The page cannot be processed"),
    503: ("service_unavailable", "Sorry, the API service is temporarily unavailable"),
}
_HTML = "text/html; charset=utf-8"


class Sandbox:
    """A stand-in for one Intercom workspace, without a server around it.

    Attributes:
        workspace: what Intercom would hold.
        faults: the rules in force.
        log: the last exchanges.
        latency_s: least and most seconds that each request waits before it is handled.
        clock: gives Unix seconds; hand in another one to move time.
    """

    def __init__(
        self,
        *,
        switches: Switches | None = None,
        tokens: Mapping[str, str] | Iterable[str] | None = None,
        faults: Iterable[str] = (),
        seed: int = 0,
        latency_s: tuple[float, float] = (0.0, 0.0),
        file: Path | None = None,
        clock: Callable[[], float] = time.time,
        log: ExchangeLog | None = None,
    ) -> None:
        """Make a sandbox; `tokens` maps each token to its scope, or names tokens that may write.

        Raises:
            ConfigError: a fault that says nothing, or a file that cannot be used.
        """
        if tokens is not None and not isinstance(tokens, Mapping):
            tokens = dict.fromkeys(tokens, "write")
        self.switches = switches or Switches()
        self.workspace = Workspace(self.switches)
        self.faults = Faults(faults, seed=seed)
        self.latency_s = latency_s
        self.clock = clock
        self.log = ExchangeLog() if log is None else log
        self.api = Api(self.workspace, tokens)
        self._hooks: list[Hook] = []
        self._storage = None if file is None else Storage(file, self.workspace)

    def on_request(self, hook: Hook) -> Callable[[], None]:
        """Call `hook(number, when, request)` around each request; the result takes the hook away again.

        "before": nothing was applied yet. "after": it was applied, and no byte of the answer was sent. The
        hook runs in the server's thread and may block it; what it raises becomes a dropped connection.
        """
        self._hooks.append(hook)
        return lambda: self._hooks.remove(hook)

    def reset(self) -> None:
        """Take away all sources, pages, faults and logged exchanges."""
        self.workspace.empty()
        self.faults.clear()
        self.log.clear()

    def close(self) -> None:
        """Let go of the file, if there is one. The sandbox takes no more writes then."""
        if self._storage is not None:
            self._storage.close()
            self._storage = None

    async def exchange(self, request: Request) -> tuple[Answer | None, bool]:
        """Handle one request as a client would meet it.

        Returns:
            The answer, None for a dropped connection; and whether it is to be cut in the middle.
        """
        fault = self.faults.draw(request)
        wait_s = self.faults.delay_s(self.latency_s)
        if fault is not None and fault.kind == "slow":
            wait_s += self.faults.delay_s(fault.delay_s)
        if wait_s:
            await asyncio.sleep(wait_s)
        now = self.clock()
        answer, applied = self._answer(request, fault, now)
        headers = dict(request.headers)
        headers.pop("authorization", None)
        self.log.add(
            Exchange(
                at=now,
                request=replace(request, headers=headers),
                answer=answer,
                applied=applied,
                fault=None if fault is None else fault.spec,
            )
        )
        return answer, fault is not None and fault.kind == "truncate"

    def answer(self, request: Request) -> Answer:
        """Handle one request without faults, latency, hooks and log."""
        now = self.clock()
        request_id = str(uuid.uuid4())
        admission = self.api.admit(request, now)
        return self._handled(request, admission, now, request_id)

    def _answer(self, request: Request, fault: Fault | None, now: float) -> tuple[Answer | None, bool]:
        request_id = str(uuid.uuid4())
        admission = self.api.admit(request, now)
        if not self._hooked("before", request):
            return None, False
        refused = admission.refused is not None
        applied = not refused and (fault is None or fault.after)
        answer = self._handled(request, admission, now, request_id) if applied or refused else None
        if applied and not self._hooked("after", request):
            return None, True
        if fault is None or fault.kind in ("slow", "truncate"):
            return answer, applied
        if fault.kind in ("drop", "drop-after"):
            return None, applied
        if refused:
            return answer, False
        return self._faulty(fault, admission, now, request_id), applied

    def _handled(self, request: Request, admission: Admission, now: float, request_id: str) -> Answer:
        if admission.refused is not None:
            answer = refusal(admission.refused, request_id, admission.headers)
        else:
            answer = self.api.handle(request, admission, now=now, request_id=request_id)
        return _identified(answer, request_id, now)

    def _faulty(self, fault: Fault, admission: Admission, now: float, request_id: str) -> Answer:
        if fault.kind == "redirect":
            location = ("Location", "https://redirected.example/")
            answer = Answer(status=307, headers=(*admission.headers, location))
        elif fault.kind in ("garbage", "garbage-after"):
            body = b"<!doctype html><title>Sign in</title><p>You are behind a hotel's network.</p>"
            answer = Answer(status=200, body=body, headers=admission.headers, media_type=_HTML)
        elif fault.status in (502, 504):
            body = f"<html><head><title>{fault.status}</title></head><body>nginx</body></html>".encode()
            answer = Answer(status=fault.status, body=body, headers=admission.headers, media_type=_HTML)
        elif fault.status == 429:
            headers = self._exhausted(fault, admission.headers, now)
            answer = refusal(self.api.exceeded(self.switches.rate_limit), request_id, headers)
        else:
            default = ("server_error", "Server error") if fault.status >= 500 else ("client_error", "Refused")
            code, message = _CODES.get(fault.status, default)
            # A 401 tells nothing of an allowance: who asks is unknown.
            headers = () if fault.status == 401 else admission.headers
            answer = refusal(Problem(fault.status, code, message), request_id, headers)
        return _identified(answer, request_id, now)

    def _exhausted(self, fault: Fault, headers: Headers, now: float) -> Headers:
        told = {**dict(headers), "X-RateLimit-Remaining": "0"}
        told.setdefault("X-RateLimit-Limit", str(self.switches.rate_limit))
        told.setdefault("X-RateLimit-Reset", str(int(now) + self.switches.rate_window_s))
        if fault.reset_s is not None:
            told = {} if isnan(fault.reset_s) else told | {"X-RateLimit-Reset": str(int(now + fault.reset_s))}
        if fault.retry_after_s is not None:
            told["Retry-After"] = str(fault.retry_after_s)
        return tuple(told.items())

    def _hooked(self, when: Moment, request: Request) -> bool:
        try:
            for hook in self._hooks.copy():
                hook(request.number, when, request)
        except Exception:
            return False
        return True


def _identified(answer: Answer, request_id: str, now: float) -> Answer:
    # uvicorn's own Date is up to a second old, and clients read Reset against it.
    own = (("Date", formatdate(now, usegmt=True)), ("X-Request-Id", request_id))
    return replace(answer, headers=answer.headers + own)
