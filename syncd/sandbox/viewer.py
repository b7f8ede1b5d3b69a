"""What Fin would hold, for people: sources, their pages, and each page as it would be read.

Pages hold whatever their authors wrote, so all of it is escaped, nothing is loaded from elsewhere, and a
page's own HTML is shown only in a frame that can run nothing.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from syncd.sandbox.content import Page, Source
from syncd.sandbox.problem import Problem
from syncd.sandbox.sandbox import Sandbox
from syncd.sandbox.switches import describe

ROWS = 50

_TEMPLATES = Path(__file__).parent / "templates"
_FRAME_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Viewer:
    """Routes for one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        style = (_TEMPLATES / "viewer.css").read_text(encoding="utf-8")
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self._policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; frame-src 'self'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
        self._templates.globals["style"] = Markup(style)  # noqa: S704
        self._templates.filters["time"] = _time
        self._templates.filters["number"] = lambda value: f"{value:,}"
        self._templates.filters["size"] = _size
        self._templates.tests["linkable"] = _linkable

    def routes(self) -> list[Route]:
        """The three views, and the frame of the third."""
        return [
            Route("/", self._overview),
            Route("/sources/{source_id:int}", self._source),
            Route("/pages/{page_id:int}", self._page),
            Route("/pages/{page_id:int}/html", self._frame),
        ]

    async def _overview(self, request: Request) -> HTMLResponse:
        workspace = self.sandbox.workspace
        changed: dict[int, int] = {}
        for page in workspace.pages:
            changed[page.source_id] = max(page.updated_at, changed.get(page.source_id, 0))
        switches = [
            (each, value)
            for each in describe()
            if (value := _shown(getattr(self.sandbox.switches, each.name))) != each.default
        ]
        return self._show(
            "overview.html",
            base_url=str(request.base_url).rstrip("/"),
            sources=workspace.sources,
            counts=workspace.counts(),
            changed=changed,
            switches=switches,
            faults=self.sandbox.faults.specs,
            latest=[each.summary() for each in list(self.sandbox.log)[-8:]][::-1],
        )

    async def _source(self, request: Request) -> HTMLResponse:
        source = self._found_source(request.path_params["source_id"])
        if source is None:
            return self._missing("There is no such source (any more).")
        query = request.query_params.get("q", "").strip()
        held = self.sandbox.workspace.pages_of(source.id)
        total = len(held)
        if query:
            held = [page for page in held if _matches(page, query.casefold())]
        held.reverse()
        last = max(-(-len(held) // ROWS), 1)
        number = min(_page_number(request), last)
        return self._show(
            "source.html",
            source=source,
            total=total,
            found=len(held),
            query=query,
            rows=held[(number - 1) * ROWS : number * ROWS],
            number=number,
            last=last,
            link=lambda to: "?" + urlencode({"q": query, "page": to} if query else {"page": to}),
        )

    async def _page(self, request: Request) -> HTMLResponse:
        page = self._found_page(request)
        if page is None:
            return self._missing("There is no such page (any more).")
        now = self.sandbox.clock()
        return self._show(
            "page.html",
            page=page,
            source=self._found_source(page.source_id),
            ingested_at=self.sandbox.workspace.ingested_at(page, now),
            waiting=now < page.updated_at + self.sandbox.switches.ingest_delay_s,
        )

    async def _frame(self, request: Request) -> HTMLResponse:
        page = self._found_page(request)
        if page is None:
            return self._missing("There is no such page (any more).")
        style = (_TEMPLATES / "frame.css").read_text(encoding="utf-8")
        html = f'<!doctype html><meta charset="utf-8"><title>Page</title><style>{style}</style>{page.html}'
        return HTMLResponse(html, headers=_HEADERS | {"Content-Security-Policy": _FRAME_POLICY})

    def _found_page(self, request: Request) -> Page | None:
        try:
            return self.sandbox.workspace.page(request.path_params["page_id"])
        except Problem:
            return None

    def _found_source(self, source_id: int) -> Source | None:
        try:
            return self.sandbox.workspace.source(source_id)
        except Problem:
            return None

    def _missing(self, reason: str) -> HTMLResponse:
        return self._show("missing.html", status=404, reason=reason)

    def _show(self, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
        html = self._templates.get_template(template).render(values)
        return HTMLResponse(html, status, headers=_HEADERS | {"Content-Security-Policy": self._policy})


def _matches(page: Page, query: str) -> bool:
    return any(query in text.casefold() for text in (page.title, page.external_id, page.url or ""))


def _page_number(request: Request) -> int:
    text = request.query_params.get("page", "1")
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) < 10 else 1


def _linkable(url: str | None) -> bool:
    return url is not None and url.lower().startswith(("http://", "https://"))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _size(text: str) -> str:
    size_bytes = len(text.encode())
    return f"{size_bytes:,} bytes" if size_bytes < 10_000 else f"{size_bytes / 1000:,.0f} kB"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(str(part) for part in value) if isinstance(value, tuple) else str(value)
