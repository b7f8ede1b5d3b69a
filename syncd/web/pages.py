"""The pages of a source, and one page with all that is known of it."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from syncd.errors import ConfigError, PageError, SourceError
from syncd.service.guard import Refused
from syncd.state import browse
from syncd.state.browse import Filter, View
from syncd.state.queries import explain
from syncd.verdict import judged
from syncd.web.access import Visitor
from syncd.web.acts import page_address
from syncd.web.desk import Desk
from syncd.web.difference import Line, difference
from syncd.web.views import named, said, word

LEFT_OUT = "left-out"
"""The view of what is not published, with the reasons, beside those of the pages' states."""


class Row(NamedTuple):
    """A line of the list; `updated` is None for what is no page."""

    external_id: str
    state: str
    title: str
    why: str
    updated: float | None = None


class Pages:
    """What is published, parked or left out."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def pages(self, request: Request, visitor: Visitor) -> Response:
        """The pages of a source, in pieces."""
        name, search, after = request.path_params["name"], word(request, "q") or "", word(request, "after")
        asked = request.query_params.get("view", View.ALL.value)
        if asked != LEFT_OUT and asked not in {*View}:
            asked = View.ALL.value
        source = await named(self._desk, name)
        if asked == LEFT_OUT:
            left = await self._desk.read(
                lambda store: browse.left_out(store, name, search=search, after=after)
            )
            rows = [Row(one.external_id, one.state, "", one.reason) for one in left.rows]
            next_ = left.next
        else:
            found = await self._desk.read(
                lambda store: browse.pages(store, name, view=View(asked), search=search, after=after or "")
            )
            rows = [
                Row(one.external_id, one.state, one.title or "", one.error or "", one.updated)
                for one in found.rows
            ]
            next_ = found.next
        return self._desk.show(
            "pages.html",
            visitor,
            source=source,
            rows=rows,
            next=next_,
            first=after is None,
            search=search,
            asked=asked,
            views=[*(one.value for one in View), LEFT_OUT],
            address=lambda external_id: page_address(name, external_id),
        )

    async def page(self, request: Request, visitor: Visitor) -> Response:
        """One page: whether Fin knows it and why, what was done for it, what it links to."""
        name, external_id = request.path_params["name"], word(request, "id")
        if external_id is None:
            raise Refused(404, "There is no page without a name.")
        source = await named(self._desk, name)
        told = await self._desk.read(lambda store: explain(store, name, external_id))
        if told.page is None and not (told.outcomes or told.unlisted or told.taken_down):
            raise Refused(404, "No run of this source ever saw such a page.")
        details = await self._desk.read(lambda store: browse.details(store, name, external_id))
        whole = told.page.part_of if told.page is not None and told.page.part_of else external_id
        asked = Filter(source=name, external_id=external_id)
        trail = await self._desk.read(lambda store: browse.trail(store, asked))
        verdict, reasons = judged(told)
        shown, lines, error = request.query_params.get("show", ""), None, None
        if shown == "difference" and source.known:
            try:
                lines = await self._difference(name, whole)
            except (PageError, SourceError, ConfigError) as raised:
                error = str(raised)
        return self._desk.show(
            "page.html",
            visitor,
            source=source,
            told=told,
            whole=whole,
            details=details,
            verdict=verdict,
            reasons=reasons,
            trail=trail,
            shown=shown,
            lines=lines,
            error=error,
            said=said(request),
        )

    async def _difference(self, name: str, external_id: str) -> list[Line]:
        """Between what Intercom shows now and what would be sent now; the state keeps no bodies."""
        service = self._desk.service
        details = await self._desk.read(lambda store: browse.details(store, name, external_id))
        before = await service.shown(name, details.page_ids)
        made = await service.preview(name, external_id)
        pages = [] if made is None else [made.page, *made.parts]
        after = {page.external_id: (page.title, page.html) for page in pages}
        return await asyncio.to_thread(difference, before, after)

    async def preview(self, request: Request, visitor: Visitor) -> Response:
        """A page as Fin would get it now, for a frame in which nothing can run."""
        name, external_id = request.path_params["name"], word(request, "id") or ""
        error, made = None, None
        try:
            made = await self._desk.service.preview(name, external_id)
        except (PageError, SourceError, ConfigError) as raised:
            error = str(raised)
        return self._desk.frame(made=made, error=error)
