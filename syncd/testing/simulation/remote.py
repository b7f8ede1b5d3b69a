"""Intercom in the simulated world: the sandbox's workspace behind a network that loses and garbles."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from contextvars import Context
from email.utils import formatdate
from typing import Any, NamedTuple
from urllib.parse import urlencode

from syncd.digest import content_hash
from syncd.intercom.transport import Answer, Request, TransportFailed
from syncd.model import Page
from syncd.sandbox import exchange
from syncd.sandbox.api import PAGES, Api
from syncd.sandbox.content import Page as Held
from syncd.sandbox.content import Writing
from syncd.sandbox.problem import Problem
from syncd.sandbox.switches import Switches
from syncd.sandbox.workspace import Workspace
from syncd.testing.simulation.choices import USUAL, Choices
from syncd.testing.simulation.loop import VirtualLoop
from syncd.testing.simulation.origin import BLANK

TIMEOUT_S = 30.0
"""After so long a client gives a request up."""

LATEST_S = 300.0
"""A request may take effect so long after it was sent."""

WINDOW_S = 600.0
"""After so long syncd may believe that it no longer does."""

OURS = "https://docs.example"
FOREIGN = "https://foreign.example"
_HTML = b"<html><body>Please log in</body></html>"


class Departure(NamedTuple):
    """One request as it leaves a process.

    Attributes:
        content_hash: of the page that a POST carries.
        page_id: of a DELETE or a GET of one page.
        blanks: a POST takes all the text away that was there.
    """

    process: str
    method: str
    external_id: str
    page_id: str | None
    content_hash: str | None
    at: float
    blanks: bool = False


class Remote:
    """One workspace: our import source, a foreign one, and all that was ever held.

    Attributes:
        shown: (external_id, content hash) of all that our import source ever showed.
        foreign: pages of others, by their id, as they must stay.
        applied: writes that took effect.
        under_way: external ids of writes that were sent and have not arrived, and may arrive late.
        out_until: virtual seconds; until then no answer comes back, and what arrives arrives late.
        wrong_by_admin: external ids of pages that an admin touched and nobody has written since.
    """

    def __init__(self, loop: VirtualLoop, choices: Choices) -> None:
        self.loop = loop
        self.choices = choices

        def switch(usual: str, other: str, name: str, chance: float) -> Any:
            return usual if choices.pick(f"knob.{name}", [(other, chance, "")]) == USUAL else other

        self.switches = Switches(
            delete_again=switch("404", "stub", "delete", 0.5),
            get_deleted=switch("404", "stub", "get", 0.4),
            repost_after_delete=switch("new-id", "old-id", "repost", 0.5),
            html_returned=switch("verbatim", "normalised", "html", 0.3),
            deleted_html=switch("empty", "kept", "deleted", 0.3),
            page_order=switch("newest", "oldest", "order", 0.4),
            per_page_max=int(switch("50", "3", "list", 0.5)),
            rate_limit=int(switch("200", "20", "rate", 0.3)),
        )
        self.workspace = Workspace(self.switches)
        self.api = Api(self.workspace, {"token": "write"})
        self.skew_s = choices.between("skew", -300.0, 300.0)
        self.source_id = self.workspace.add_source(url=OURS, now=0.0).id
        self.other_id = self.workspace.add_source(url=FOREIGN, now=0.0).id
        self.shown: set[tuple[str, str]] = set()
        self.foreign: dict[int, Held] = {}
        self.sent_html: dict[str, str] = {}
        self.sent_hash: dict[str, str] = {}
        self.applied: list[tuple[str, str]] = []
        self.wrong_by_admin: set[str] = set()
        self.refuses_token_until = -1.0
        self.under_way: Counter[str] = Counter()
        self.out_until = -1.0
        self.after_change: Callable[[str, str], None] = lambda method, external_id: None
        self.add_foreign(self.other_id, "a")
        self.add_foreign(self.other_id, "b")

    def pages(self) -> dict[str, list[Held]]:
        """What our import source shows, but for foreign pages, by external_id."""
        held: dict[str, list[Held]] = {}
        for page in self.workspace.list_pages().values():
            if page.source_id == self.source_id and page.id not in self.foreign:
                held.setdefault(page.external_id, []).append(page)
        return held

    def server_time(self) -> float:
        """Unix seconds of the server's clock."""
        return self.loop.time() + self.skew_s

    # -- people in Intercom ---------------------------------------------------------------------------

    def add_foreign(self, source_id: int, external_id: str) -> None:
        """Somebody else adds a page."""
        page = self.workspace.upsert(
            Writing(
                source_id=source_id,
                external_id=external_id,
                title="Foreign",
                html="<p>Not ours.</p>",
                locale="en",
                url=None,
                flags={},
            ),
            now=self.server_time(),
        )
        self.foreign[page.id] = page

    def admin_deletes(self, external_id: str) -> None:
        """An admin removes one of our pages."""
        page = self.workspace.find(self.source_id, external_id)
        if page is not None:
            self.workspace.delete_page(page.id)
            self.wrong_by_admin.add(external_id)

    def admin_edits(self, external_id: str) -> None:
        """An admin rewrites one of our pages."""
        page = self.workspace.find(self.source_id, external_id)
        if page is not None:
            self.workspace.upsert(
                Writing(
                    source_id=self.source_id,
                    external_id=external_id,
                    title="Rewritten",
                    html="<p>By an admin.</p>",
                    locale="en",
                    url=page.url,
                    flags={},
                ),
                now=self.server_time(),
            )
            self.wrong_by_admin.add(external_id)

    # -- requests -------------------------------------------------------------------------------------

    def refuse_token(self, seconds: float) -> None:
        """Answer 401 to everything for so long."""
        self.refuses_token_until = max(self.refuses_token_until, self.loop.time() + seconds)

    def label(self, request: Request) -> str:
        """What a request is about, for the name of its fate: "POST a", "DELETE a", "GET list"."""
        return f"{request.method} {self.external_id_of(request) or 'list'}"

    def external_id_of(self, request: Request) -> str:
        if request.body is not None:
            return str(request.body["external_id"])
        page_id = request.path.removeprefix(PAGES).strip("/")
        if not page_id:
            return ""
        for pages in (self.workspace.list_pages(), self.workspace._deleted):
            if int(page_id) in pages:
                return pages[int(page_id)].external_id
        return f"id-{page_id}"

    def departure(self, process: str, request: Request) -> Departure:
        """The request as the laws look at it."""
        page_id = request.path.removeprefix(PAGES).strip("/")
        external_id = self.external_id_of(request)
        body = request.body
        return Departure(
            process,
            request.method,
            external_id,
            page_id or None,
            None if body is None else _content_hash(request),
            self.loop.time(),
            body is not None and body["html"] == BLANK and self.sent_html.get(external_id, BLANK) != BLANK,
        )

    def answer(self, request: Request) -> Answer:
        """Let a request take effect, and answer it."""
        now = self.server_time()
        asked = exchange.Request(
            number=0,
            method=request.method,
            path=request.path,
            query=urlencode(dict(request.params)),
            headers={"authorization": "Bearer token", "intercom-version": "2.16", "host": "api"},
            body=b"" if request.body is None else json.dumps(dict(request.body)).encode(),
        )
        admission = self.api.admit(asked, now)
        external_id = self.external_id_of(request)
        if admission.refused is not None:
            told = exchange.refusal(admission.refused, "r", admission.headers)
        elif self.loop.time() < self.refuses_token_until:
            told = exchange.refusal(Problem(401, "unauthorized", "Access Token Invalid"), "r", ())
        elif b"poison" in asked.body:
            told = exchange.refusal(Problem(422, "parameter_invalid", "poison"), "r", admission.headers)
        else:
            held = len(self.workspace.list_pages())
            told = self.api.handle(asked, admission, now=now, request_id="r")
            # To delete what is gone already changes nothing.
            changed = request.method == "POST" or len(self.workspace.list_pages()) < held
            if changed and told.status == 200:
                self._took_effect(request, external_id)
        return Answer(
            status=told.status,
            headers={name.lower(): value for name, value in told.headers}
            | {"date": formatdate(now, usegmt=True), "content-type": told.media_type},
            body=told.body,
        )

    def throttled(self, reset_in_s: float) -> Answer:
        """A 429, as if other apps had used the allowance up."""
        now = self.server_time()
        reset = int(now + reset_in_s) + 1
        told = exchange.refusal(Problem(429, "rate_limit_exceeded", "Exceeded rate limit"), "r", ())
        limit = self.switches.rate_limit
        return Answer(
            status=429,
            headers={
                "date": formatdate(now, usegmt=True),
                "x-ratelimit-limit": str(limit),
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": str(reset),
            },
            body=told.body,
        )

    def _took_effect(self, request: Request, external_id: str) -> None:
        self.applied.append((request.method, external_id))
        self.wrong_by_admin.discard(external_id)
        if request.body is not None:
            self.sent_hash[external_id] = _content_hash(request)
            self.shown.add((external_id, self.sent_hash[external_id]))
            self.sent_html[external_id] = str(request.body["html"])
        self.after_change(request.method, external_id)


FATES = (
    ("lost", 0.03, "lost"),
    ("unanswered", 0.05, "lost"),
    ("late", 0.04, "late"),
    ("503", 0.03, "5xx"),
    ("503-after", 0.03, "5xx"),
    ("429", 0.02, "429"),
    ("401", 0.004, "401"),
    ("422", 0.01, "422"),
    ("garbage", 0.015, "garbage"),
    ("garbage-after", 0.015, "garbage"),
    ("redirect", 0.005, "garbage"),
    ("other-page", 0.003, "garbage"),
    ("refused", 0.02, "lost"),
    ("slow", 0.03, ""),
)


def travel(remote: Remote, request: Request, name: str, fate: str, home: Context) -> asyncio.Future[Answer]:
    """Send a request on its way; the answer, or its loss, is heard in the context `home`."""
    loop, choices = remote.loop, remote.choices
    answered: asyncio.Future[Answer] = loop.create_future()
    there_s = choices.between(f"{name}.there", 0.02, 0.4)
    back_s = choices.between(f"{name}.back", 0.02, 0.4)
    late_s = choices.between(f"{name}.late", TIMEOUT_S, LATEST_S)

    if loop.time() < remote.out_until:
        fate = "late" if choices.number(f"{name}.out") < 0.5 else "lost"

    def hear(answer: Answer | Exception) -> None:
        if answered.done():
            return
        if isinstance(answer, Exception):
            answered.set_exception(answer)
            answered.exception()  # whoever was cancelled does not ask
        else:
            answered.set_result(answer)

    external_id = remote.external_id_of(request)

    def arrive_late() -> None:
        remote.under_way[external_id] -= 1
        remote.answer(request)

    def arrive() -> None:
        remote.under_way[external_id] -= 1
        told: Answer | Exception
        if fate in ("503", "garbage", "redirect", "422", "401", "429"):
            told = _refusal(remote, fate, choices.between(f"{name}.reset", -3.0, 40.0))
        else:
            told = remote.answer(request)
            if fate == "unanswered":
                told = TransportFailed("the connection was reset")
            elif fate in ("503-after", "garbage-after"):
                told = _refusal(remote, fate.removesuffix("-after"), 0.0)
            elif fate == "other-page" and request.method == "POST" and told.status == 200:
                body = json.loads(told.body)
                told = Answer(
                    status=200,
                    headers=told.headers,
                    body=json.dumps(body | {"external_id": "other"}).encode(),
                )
        loop.call_later(back_s, hear, told, context=home)

    if fate == "refused":
        loop.call_later(
            there_s, hear, TransportFailed("connection refused", may_have_arrived=False), context=home
        )
    elif fate == "lost":
        loop.call_later(TIMEOUT_S, hear, TransportFailed("timed out"), context=home)
    elif fate == "late":
        remote.under_way[external_id] += 1
        loop.call_later(late_s, arrive_late, context=Context())
        loop.call_later(TIMEOUT_S, hear, TransportFailed("timed out"), context=home)
    else:
        slow_s = choices.between(f"{name}.slow", 1.0, 20.0) if fate == "slow" else 0.0
        remote.under_way[external_id] += 1
        loop.call_later(there_s + slow_s, arrive, context=Context())
    return answered


def is_last_page(answer: Answer) -> bool:
    """Whether it is the end of the list of pages."""
    if answer.status != 200 or answer.body == _HTML:
        return False
    told = json.loads(answer.body).get("pages")
    if not isinstance(told, dict):
        return False
    return bool(told["page"] >= told["total_pages"])


def _refusal(remote: Remote, fate: str, reset_in_s: float) -> Answer:
    if fate == "429":
        return remote.throttled(reset_in_s)
    if fate == "401":
        remote.refuse_token(60.0)
        return Answer(status=401, body=exchange.refusal(Problem(401, "unauthorized", "no"), "r").body)
    if fate == "422":
        return Answer(status=422, body=exchange.refusal(Problem(422, "parameter_invalid", "no"), "r").body)
    if fate == "redirect":
        return Answer(status=302, headers={"location": "https://evil.example/"})
    if fate == "garbage":
        return Answer(status=200, headers={"content-type": "text/html"}, body=_HTML)
    return Answer(status=503, headers={"content-type": "text/html"}, body=_HTML)


def _content_hash(request: Request) -> str:
    assert request.body is not None
    body = request.body
    url = body.get("url")
    return content_hash(
        Page(
            external_id=str(body["external_id"]),
            title=str(body["title"]),
            html=str(body["html"]),
            url=None if url is None else str(url),
            locale=str(body["locale"]),
        )
    )
