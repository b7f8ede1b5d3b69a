"""An Intercom workspace in memory, behind the transport: just what AI Content documents."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from syncd.intercom.transport import Answer, Request, TransportFailed

Row = dict[str, object]
Fault = Answer | Exception | Callable[[Request], Answer]


def answer(status: int, body: object = None, headers: dict[str, str] | None = None) -> Answer:
    """An answer with a JSON body; bytes go as they are."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, headers={"content-type": "application/json", **(headers or {})}, body=raw)


def refusal(status: int, code: str, message: str) -> Answer:
    """An answer in Intercom's error envelope."""
    entry = {"code": code, "message": message}
    return answer(status, {"type": "error.list", "request_id": "req-1", "errors": [entry]})


@dataclass
class Workspace:
    """Pages and import sources; `faults` are answered, or raised, before anything is done.

    Attributes:
        most_per_page: what `per_page` is clamped to.
        stub: whether a deleted page is still shown, with an empty body, instead of 404.
    """

    most_per_page: int = 50
    stub: bool = False
    pages: list[Row] = field(default_factory=list)
    sources: list[Row] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    after: deque[Fault | None] = field(default_factory=deque)
    requests: list[Request] = field(default_factory=list)
    stubs: list[Row] = field(default_factory=list)
    made: int = 20

    def source(self, **fields: object) -> Row:
        """Add an import source."""
        self.made += 1
        row: Row = {
            "id": self.made,
            "type": "content_import_source",
            "url": "https://docs.example.com",
            "sync_behavior": "api",
            "status": "active",
            "last_synced_at": 1,
            "created_at": 1,
            "updated_at": 1,
            "audience_ids": [],
        } | fields
        self.sources.append(row)
        return row

    def page(self, **fields: object) -> Row:
        """Add a page as somebody else might have."""
        self.made += 1
        row: Row = {
            "id": str(self.made),
            "type": "external_page",
            "title": "Foreign",
            "html": "<p>foreign</p>",
            "ai_agent_availability": False,
            "ai_copilot_availability": False,
            "locale": "en",
            "source_id": 44,
            "external_id": f"foreign-{self.made}",
            "created_at": 1,
            "updated_at": 1,
            "last_ingested_at": 1,
        } | fields
        self.pages.insert(0, row)
        return row

    async def send(self, request: Request) -> Answer:
        self.requests.append(request)
        fault = self.faults.popleft() if self.faults else None
        if fault is not None:
            return _faulty(fault, request)
        done = self._answer(request)
        lost = self.after.popleft() if self.after else None
        return done if lost is None else _faulty(lost, request)

    def _answer(self, request: Request) -> Answer:
        _, _, kind, *rest = request.path.split("/")
        rows = self.pages if kind == "external_pages" else self.sources
        body = dict(request.body or {})
        match request.method, rest:
            case "GET", []:
                return self._list(request, rows)
            case "POST", [] if kind == "external_pages":
                return answer(200, self._upsert(body))
            case "POST", []:
                return answer(200, self.source(**body))
            case "GET", [name]:
                found = self._find(rows, name) or self._find(self.stubs, name)
                return answer(200, found) if found else _missing()
            case "DELETE", [name] if kind == "external_pages":
                found = self._find(rows, name)
                if found is None:
                    gone = self._find(self.stubs, name)
                    return answer(200, gone) if gone else _missing()
                rows.remove(found)
                if self.stub:
                    self.stubs.append(found | {"html": ""})
                return answer(200, found | {"html": ""})
            case _:
                return _missing()

    def _list(self, request: Request, rows: list[Row]) -> Answer:
        number = int(request.params.get("page", "1"))
        size = min(int(request.params.get("per_page", "50")), self.most_per_page)
        total = max(1, math.ceil(len(rows) / size))
        pages: Row = {"type": "pages", "page": number, "per_page": size, "total_pages": total}
        if number < total:
            pages["next"] = f"https://api.intercom.io{request.path}?page={number + 1}"
        part = rows[(number - 1) * size : number * size]
        return answer(200, {"type": "list", "data": part, "total_count": len(rows), "pages": pages})

    def _upsert(self, body: Row) -> Row:
        key = (body["source_id"], body["external_id"])
        found = next((row for row in self.pages if (row["source_id"], row["external_id"]) == key), None)
        if found is None:
            found = self.page(source_id=key[0], external_id=key[1])
        found |= body
        return found

    def _find(self, rows: list[Row], name: str) -> Row | None:
        return next((row for row in rows if str(row["id"]) == name), None)


def _faulty(fault: Fault, request: Request) -> Answer:
    if isinstance(fault, Exception):
        raise fault
    return fault if isinstance(fault, Answer) else fault(request)


def _missing() -> Answer:
    return refusal(404, "not_found", "Resource Not Found")


LOST = TransportFailed("the connection fell silent")
