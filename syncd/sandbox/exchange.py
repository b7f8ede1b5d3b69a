"""Requests, answers, and the bounded log of both."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.sandbox.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request as it came in.

    Attributes:
        number: counts from 1 since the sandbox began.
        path: decoded, without the query.
        query: as it was sent, without "?".
        headers: names in lower case.
    """

    number: int
    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer; the headers Date and Content-Length are added on the way out."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    media_type: str = "application/json; charset=utf-8"


def json_answer(status: int, value: object, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """An answer whose body is `value` as JSON."""
    return Answer(status=status, body=json.dumps(value, separators=(",", ":")).encode(), headers=headers)


def refusal(problem: Problem, request_id: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """The error envelope ("Intercom REST API 2.16, schema error")."""
    error: dict[str, str] = {"code": problem.code, "message": problem.message}
    if problem.field is not None:
        error["field"] = problem.field
    return json_answer(
        problem.status, {"type": "error.list", "request_id": request_id, "errors": [error]}, headers
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and what became of it.

    Attributes:
        at: Unix seconds when the request was complete.
        request: without its Authorization header.
        answer: as sent; None if the connection was dropped. A truncated answer is logged whole.
        applied: whether the workspace was asked; False if a fault came before.
        fault: the rule that struck, as it was written; None if none did.
    """

    at: float
    request: Request
    answer: Answer | None
    applied: bool
    fault: str | None

    def summary(self) -> dict[str, Any]:
        """The exchange without its bodies and headers, for a list in JSON."""
        return {
            "number": self.request.number,
            "at": self.at,
            "method": self.request.method,
            "path": self.request.path,
            "query": self.request.query,
            "status": None if self.answer is None else self.answer.status,
            "applied": self.applied,
            "fault": self.fault,
            "request_bytes": len(self.request.body),
            "answer_bytes": 0 if self.answer is None else len(self.answer.body),
        }


class ExchangeLog:
    """The last exchanges, bounded in number and in the bytes of their bodies."""

    def __init__(self, *, max_exchanges: int = 10_000, max_bytes: int = 64_000_000) -> None:
        self.max_exchanges = max_exchanges
        self.max_bytes = max_bytes
        self._kept: deque[Exchange] = deque()
        self._bytes = 0

    def add(self, exchange: Exchange) -> None:
        """Keep an exchange, and let go of the oldest ones if there are too many."""
        self._kept.append(exchange)
        self._bytes += _size_bytes(exchange)
        while len(self._kept) > self.max_exchanges or (self._bytes > self.max_bytes and len(self._kept) > 1):
            self._bytes -= _size_bytes(self._kept.popleft())

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Exchange]:
        """Oldest first, as they were when the loop began."""
        return iter(self._kept.copy())


def _size_bytes(exchange: Exchange) -> int:
    return len(exchange.request.body) + (0 if exchange.answer is None else len(exchange.answer.body))
