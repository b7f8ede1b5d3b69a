"""The pages that show how things stand: the overview, a source, its runs, what waits, the audit trail."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from syncd.model import Action
from syncd.service.guard import Refused
from syncd.state import browse
from syncd.state.browse import Filter
from syncd.state.freshness import freshness, is_stale
from syncd.state.queries import OutcomeLine, RunSummary, SourceSummary, source_summaries
from syncd.state.store import SqlStateStore
from syncd.web.access import Visitor
from syncd.web.desk import HEADERS, Desk, moment
from syncd.web.history import RUNS
from syncd.web.standing import Standing, standing, standings

_CSV_ROWS = 2_000
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")

SAID = {
    "asked": "A run was asked for: it begins as soon as it can.",
    "paused": "Paused: the source runs only when somebody asks for it.",
    "resumed": "Resumed: the source runs by its schedule again.",
    "frozen": "On hold: nothing of the source is sent until it is released.",
    "released": "Released: the source goes on, and a run was asked for.",
    "approved": "Approved: a run was asked for, which looks at the source anew and then lets them go.",
    "rejected": "Rejected: the pages stay as they are, and stay held until their source is mended.",
    "taken-down": "Taken down: the page is deleted from Intercom and stays out.",
    "kept-out": "Taken down: Intercom had no such page, and it stays out.",
    "not-deleted": "Kept out from now on, but it could not be deleted yet: the next run tries again.",
    "restored": "Restored: the next run publishes it again, and was asked for.",
    "retried": "The next run tries again, and was asked for.",
}
"""What is told after something was done, by a word in the address, which can make a page say nothing else."""


class Views:
    """Everything that is only looked at."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def overview(self, request: Request, visitor: Visitor) -> Response:
        """All sources, and on top of them what waits for a decision."""
        names = [source.name for source in self._desk.service.sources]

        def question(store: SqlStateStore) -> tuple[list[SourceSummary], dict[str, list[RunSummary]]]:
            return source_summaries(store), browse.latest_runs(store, names, limit=RUNS)

        found = standings(self._desk.service, *await self._desk.read(question))
        now = self._desk.service.clock.now()
        fresh = await self._desk.read(lambda store: freshness(store, names, now=now))
        late = {
            one.name
            for one in self._desk.service.sources
            for objective_s in [one.freshness.objective]
            if fresh[one.name].misses(objective_s)
            or is_stale(next(each.summary for each in found if each.name == one.name), objective_s, now=now)
        }
        return self._desk.show(
            "overview.html",
            visitor,
            sources=found,
            waiting=[one for one in found if one.holds or (one.summary and one.summary.frozen)],
            fresh=fresh,
            late=late,
            said=said(request),
        )

    async def source(self, request: Request, visitor: Visitor) -> Response:
        """One source with its runs."""
        name = request.path_params["name"]
        before = number(request, "before")
        runs = await self._desk.read(lambda store: browse.runs_of(store, name, before=before))
        notices = await self._desk.read(lambda store: browse.notices(store, name))
        now = self._desk.service.clock.now()
        fresh = await self._desk.read(lambda store: freshness(store, [name], now=now))
        latest = runs.rows
        if before is not None:
            found = await self._desk.read(lambda store: browse.latest_runs(store, [name], limit=RUNS))
            latest = found[name]
        return self._desk.show(
            "source.html",
            visitor,
            source=await stands(self._desk, name, latest),
            runs=runs,
            notices=notices,
            fresh=fresh[name],
            first=before is None,
            said=said(request),
        )

    async def run(self, request: Request, visitor: Visitor) -> Response:
        """What one run did."""
        asked = Filter(run=request.path_params["number"], action=word(request, "action"))
        run = await self._desk.read(lambda store: browse.run(store, asked.run or 0))
        if run is None:
            raise Refused(404, "There is no such run (any more).")
        before = number(request, "before")
        trail = await self._desk.read(lambda store: browse.trail(store, asked, before=before))
        return self._desk.show(
            "run.html", visitor, run=run, trail=trail, asked=asked, actions=[*Action], first=before is None
        )

    async def decisions(self, request: Request, visitor: Visitor) -> Response:
        """What waits for a person, and what stands because of one."""
        waiting = await self._desk.read(browse.waiting)
        return self._desk.show("decisions.html", visitor, waiting=waiting, said=said(request))

    async def audit(self, request: Request, visitor: Visitor) -> Response:
        """The audit trail."""
        asked, before = _filter(request), number(request, "before")
        trail = await self._desk.read(lambda store: browse.trail(store, asked, before=before))
        names = [source.name for source in self._desk.service.config.sources]
        return self._desk.show(
            "audit.html",
            visitor,
            trail=trail,
            asked=asked,
            address={key: value for key, value in request.query_params.items() if key != "before"},
            actions=[*Action],
            names=names,
            first=before is None,
        )

    async def audit_csv(self, request: Request, visitor: Visitor) -> Response:
        """The same for a spreadsheet, all of it."""
        asked = _filter(request)

        async def told() -> AsyncIterator[str]:
            yield csv_of([_COLUMNS])
            before: int | None = None
            while True:
                piece = await self._desk.read(
                    partial(browse.trail, asked=asked, before=before, rows=_CSV_ROWS)
                )
                yield csv_of(_cells(line) for line in piece.rows)
                if (before := piece.next) is None:
                    return

        return StreamingResponse(
            told(),
            media_type="text/csv; charset=utf-8",
            headers=HEADERS | {"Content-Disposition": 'attachment; filename="syncd-audit.csv"'},
        )


async def stands(desk: Desk, name: str, latest: Sequence[RunSummary] = ()) -> Standing:
    """How a source stands. Raises Refused if neither the configuration nor the state knows it."""
    summaries = {one.source: one for one in await desk.read(source_summaries)}
    found = standing(desk.service, name, summaries.get(name), latest)
    if not found.known and found.summary is None:
        raise Refused(404, "There is no such source.")
    return found


class Named(NamedTuple):
    """A source, without how it stands, which takes a look at all its pages."""

    name: str
    known: bool


async def named(desk: Desk, name: str) -> Named:
    """A source by its name. Raises Refused as `stands` does."""
    known = any(source.name == name for source in desk.service.sources)
    if not known and not await desk.read(lambda store: browse.is_known(store, name)):
        raise Refused(404, "There is no such source.")
    return Named(name, known)


def said(request: Request) -> str | None:
    """What is to be told of the thing that was done last."""
    return SAID.get(request.query_params.get("said", ""))


def number(request: Request, name: str) -> int | None:
    """A positive number of the address; None for anything else."""
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def word(request: Request, name: str) -> str | None:
    """A text of the address; None for an empty one."""
    return request.query_params.get(name, "").strip().replace("\0", "")[:2_000] or None


def csv_of(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as CSV in which no cell is a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows:
        writer.writerow([_harmless(cell) for cell in row])
    return out.getvalue()


_COLUMNS = ("time", "run", "source", "action", "page", "by", "reason", "evidence", "page_id")


def _cells(line: OutcomeLine) -> tuple[str, ...]:
    return (
        moment(line.at),
        str(line.run or ""),
        line.source,
        line.action,
        line.external_id,
        line.by or "",
        line.reason,
        line.evidence or "",
        line.page_id or "",
    )


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULAS) else cell


def _filter(request: Request) -> Filter:
    return Filter(
        source=word(request, "source"),
        external_id=word(request, "page"),
        action=word(request, "action"),
        decisions=word(request, "decisions") is not None,
    )
