"""The AI Content API ("Intercom REST API 2.16, AI Content"): a request in, an answer out, nothing else.

Who may ask comes first (`admit`), then what is asked (`handle`), so that faults can step in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from syncd.sandbox.bodies import Bodies, Version
from syncd.sandbox.content import Page, Source
from syncd.sandbox.exchange import Answer, Request, json_answer, refusal
from syncd.sandbox.limits import Allowance, Limits
from syncd.sandbox.problem import Problem, not_found
from syncd.sandbox.workspace import Workspace

_T = TypeVar("_T")
Headers = tuple[tuple[str, str], ...]

SOURCES = "/ai/content_import_sources"
PAGES = "/ai/external_pages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Whether a request may be handled.

    Attributes:
        headers: what every answer to it carries.
        refused: why not; None if it may.
        scope: of its token: write, read or none.
    """

    headers: Headers
    refused: Problem | None = None
    scope: str = "none"


class Api:
    """Answers requests from a workspace.

    Attributes:
        tokens: token → scope (write, read, none); None takes any token that is not empty.
    """

    def __init__(self, workspace: Workspace, tokens: Mapping[str, str] | None = None) -> None:
        self.workspace = workspace
        self.switches = workspace.switches
        self.tokens = tokens
        self.limits = Limits(self.switches)
        self.bodies = Bodies(self.switches)

    def admit(self, request: Request, now: float) -> Admission:
        """Check the token and count the request."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        scope = self.switches.token_scope if self.tokens is None else self.tokens.get(token)
        if scheme.lower() != "bearer" or not token or scope is None:
            return Admission(headers=(), refused=Problem(401, "unauthorized", "Access Token Invalid"))
        allowance = self.limits.admit(token, now)
        headers = rate_headers(allowance)
        if not allowance.exceeded:
            return Admission(headers=headers, scope=scope)
        if self.switches.retry_after:
            headers += (("Retry-After", str(max(allowance.reset_at - int(now), 1))),)
        return Admission(headers=headers, refused=self.exceeded(allowance.limit), scope=scope)

    def exceeded(self, limit: int) -> Problem:
        """The refusal of one request too many."""
        return Problem(
            429,
            "rate_limit_exceeded",
            f"Exceeded rate limit of {limit} in {self.switches.rate_window_s}_seconds",
        )

    def handle(self, request: Request, admission: Admission, *, now: float, request_id: str) -> Answer:
        """Do what an admitted request asks for, or say why not."""
        try:
            return self._handle(request, admission, now)
        except Problem as problem:
            return refusal(problem, request_id, admission.headers)

    def _handle(self, request: Request, admission: Admission, now: float) -> Answer:
        name = request.headers.get("intercom-version") or self.switches.app_version
        version = Version.named(name)
        method, path, headers = request.method, request.path, admission.headers
        needed = ("write", "read") if method == "GET" else ("write",)
        if admission.scope not in needed:
            raise Problem(
                403, "forbidden", "The token has no scope for this: read_write_ai_content is needed"
            )
        resource, _, item = path.rpartition("/")
        if path == PAGES:
            if method == "POST":
                page = self.workspace.upsert(self.bodies.upsert(request.body, version), now=now)
                return json_answer(200, self._page(page, now), headers)
            if method == "GET":
                return json_answer(200, self._list_pages(request, now), headers)
        elif path == SOURCES:
            if method == "POST":
                return json_answer(200, self._add_source(request, version, now), headers)
            if method == "GET":
                return json_answer(200, self._list_sources(request, version), headers)
        elif resource == PAGES and method in ("GET", "PUT", "DELETE"):
            return json_answer(200, self._one_page(request, _number(item), version, now), headers)
        elif resource == SOURCES and method == "DELETE":
            self.workspace.delete_source(_number(item))
            return Answer(status=204, headers=headers)
        elif resource == SOURCES and method in ("GET", "PUT"):
            return json_answer(200, self._one_source(request, _number(item), version, now), headers)
        raise _unsupported(request)

    def _one_page(self, request: Request, page_id: int, version: Version, now: float) -> dict[str, Any]:
        if request.method == "GET":
            page = self.workspace.read_page(page_id)
        elif request.method == "PUT":
            self.workspace.page(page_id)
            page = self.workspace.change_page(page_id, self.bodies.change(request.body, version), now=now)
        else:
            page = self.workspace.delete_page(page_id)
        return self._page(page, now)

    def _one_source(self, request: Request, source_id: int, version: Version, now: float) -> dict[str, Any]:
        source = self.workspace.source(source_id)
        if request.method == "PUT":
            body = self.bodies.source(request.body, create=False, version=version)
            source = self.workspace.change_source(
                source_id,
                url=body.url,
                sync_behavior=body.sync_behavior,
                status=body.status,
                audience_ids=body.audience_ids,
                apply_to_pages=body.apply_to_pages,
                now=now,
            )
        return self._source(source, version)

    def _add_source(self, request: Request, version: Version, now: float) -> dict[str, Any]:
        body = self.bodies.source(request.body, create=True, version=version)
        source = self.workspace.add_source(
            url=body.url,
            now=now,
            sync_behavior=body.sync_behavior,
            status=body.status or "active",
            audience_ids=body.audience_ids or (),
        )
        return self._source(source, version)

    def _list_pages(self, request: Request, now: float) -> dict[str, Any]:
        held = self.workspace.list_pages()
        ordered = reversed(held.values()) if self.switches.page_order == "newest" else iter(held.values())
        listing = self._listing(request, len(held))
        return listing.envelope([self._page(page, now) for page in listing.rows(ordered)])

    def _list_sources(self, request: Request, version: Version) -> dict[str, Any]:
        held = self.workspace.sources
        if self.switches.source_order == "newest":
            held.reverse()
        listing = self._listing(request, len(held))
        return listing.envelope([self._source(source, version) for source in listing.rows(iter(held))])

    def _listing(self, request: Request, total: int) -> Listing:
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        per_page = self._positive(query, "per_page", self.switches.per_page_default)
        most = self.switches.per_page_max
        if per_page > most and "per_page" in query and self.switches.per_page_above_max == "reject":
            raise Problem(400, "parameter_invalid", f"per_page must be at most {most}", "per_page")
        return Listing(
            url=f"http://{request.headers.get('host', '')}{request.path}",
            page=self._positive(query, "page", 1),
            per_page=max(min(per_page, most), 1),
            total=total,
        )

    def _positive(self, query: Mapping[str, str], name: str, default: int) -> int:
        text = query.get(name)
        if text is None:
            return default
        if text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0:
            return int(text)
        if self.switches.bad_page_number == "first":
            return default
        raise Problem(400, "parameter_invalid", f"{name} must be a positive number", name)

    def _page(self, page: Page, now: float) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": str(page.id),
            "type": "external_page",
            "title": page.title,
            "html": page.html,
            "ai_agent_availability": page.ai_agent_availability,
            "ai_copilot_availability": page.ai_copilot_availability,
            "ai_sales_agent_availability": page.ai_sales_agent_availability,
            "fin_availability": page.ai_agent_availability,
            "locale": page.locale,
            "source_id": page.source_id,
            "external_id": page.external_id,
            "created_at": page.created_at,
            "updated_at": page.updated_at,
            "last_ingested_at": self.workspace.ingested_at(page, now),
        }
        if page.url is not None:
            shown["url"] = page.url
        return self._extended(shown)

    def _source(self, source: Source, version: Version) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": source.id,
            "type": "content_import_source",
            "url": source.url,
            "sync_behavior": source.sync_behavior,
            "status": source.status,
            "last_synced_at": source.last_synced_at,
            "created_at": source.created_at,
            "updated_at": source.updated_at,
        }
        if version.since(2, 15):
            shown["audience_ids"] = list(source.audience_ids)
        return self._extended(shown)

    def _extended(self, shown: dict[str, Any]) -> dict[str, Any]:
        if self.switches.extra_fields:
            shown["sandbox_extra"] = {"nested": [1, None, "…"]}
        return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page of a list, and the way to the next."""

    url: str
    page: int
    per_page: int
    total: int

    def rows(self, ordered: Iterator[_T]) -> Iterator[_T]:
        """The part of `ordered` that this page shows."""
        first = (self.page - 1) * self.per_page
        return islice(ordered, first, first + self.per_page)

    def envelope(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """The list object around the rows ("Intercom REST API 2.16, schema external_pages_list")."""
        total_pages = max(-(-self.total // self.per_page), 1)
        pages: dict[str, Any] = {
            "type": "pages",
            "page": self.page,
            "per_page": self.per_page,
            "total_pages": total_pages,
        }
        if self.page < total_pages:
            query = urlencode({"page": self.page + 1, "per_page": self.per_page})
            pages["next"] = f"{self.url}?{query}"
        return {"type": "list", "data": rows, "total_count": self.total, "pages": pages}


def rate_headers(allowance: Allowance) -> Headers:
    """What an app is told of its allowance; nothing if it is unlimited."""
    if not allowance.limit:
        return ()
    return (
        ("X-RateLimit-Limit", str(allowance.limit)),
        ("X-RateLimit-Remaining", str(allowance.remaining)),
        ("X-RateLimit-Reset", str(allowance.reset_at)),
    )


def _number(text: str) -> int:
    # A leading zero or a sign would name one thing by two paths.
    if not (text.isascii() and text.isdigit() and len(text) < 19) or str(int(text)) != text:
        raise not_found()
    return int(text)


def _unsupported(request: Request) -> Problem:
    accept = request.headers.get("accept", "")
    if any(kind in accept for kind in ("application/json", "application/*", "*/*")):
        return not_found()
    return Problem(406, "not_acceptable", "Accept must allow application/json")
