"""The dashboard over its real web application and a real state; only the runs are played."""

from __future__ import annotations

import itertools
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx
import yaml

from syncd.config.load import load_config
from syncd.config.model import Config, SourceConfig
from syncd.decision import TakeDown
from syncd.engine import Engine
from syncd.errors import RenderError
from syncd.journal import Entry, Hold, Sent, Standing
from syncd.model import Action, Document, Draft, Page, Report, Result
from syncd.preview import Preview
from syncd.registry import connector_type
from syncd.service.guard import guarded
from syncd.service.service import Service
from syncd.state.store import SqlStateStore
from syncd.takedown import TakenDown
from syncd.web.site import Dashboard
from tests.syncd.service.clocks import Clock
from tests.syncd.service.engine import PlayedEngine, source

T = TypeVar("T")

OPERATOR = "the operator's token 01"
VIEWER = "the viewer's token 0001"
OWN = "the service's own token"
HOST = "localhost:8321"
ORIGIN = f"http://{HOST}"


class StateEngine(PlayedEngine):
    """Plays runs, and asks a real state."""

    def __init__(self, store: SqlStateStore) -> None:
        super().__init__()
        self.store = store
        self.taken_down: list[tuple[str, TakeDown]] = []

    async def ask(self, question: Callable[..., Any]) -> Any:
        return question(self.store)

    async def take_down(self, name: str, decision: TakeDown) -> TakenDown:
        self.taken_down.append((name, decision))
        self.store.decide(name, decision, at=1.0)
        return TakenDown(deleted=True)

    async def preview(self, settings: SourceConfig, external_id: str) -> Preview:
        if external_id == "bad.md":
            raise RenderError("<b> is not UTF-8")
        document = Document(
            external_id=external_id, version="1", path=external_id, body="", media_type="text/plain"
        )
        page = Page(
            external_id=external_id, title="<b>Title", html=f"<p>{external_id} as it would be sent</p>"
        )
        return Preview(page, document, Draft(title=page.title, html=page.html))


class Place:
    """A dashboard of two sources, `handbook` and `wiki`.

    Attributes:
        client: a browser that follows no redirection.
    """

    def __init__(self, home: Path, **dashboard: Any) -> None:
        settings = {"operator": {"secret": "${OPERATOR}"}, "viewer": {"secret": "${VIEWER}"}} | dashboard
        self.home = home
        self.config = self.configured(settings)
        self.clock = Clock()
        state = home / "syncd.db"
        state.write_bytes(_empty_state())
        state.chmod(0o600)
        self.store = SqlStateStore(f"sqlite:///{state}")
        self.engine = StateEngine(self.store)
        self.service = Service(
            self.config, cast("Engine", self.engine), clock=self.clock, sleep=_never, random=lambda: 0.0
        )
        secrets = (f"secret {number} of the test" for number in itertools.count())
        self.dashboard = Dashboard(self.service, self._read, own_token=OWN, secret=lambda: next(secrets))
        self.site = guarded(self.dashboard.routes(), hosts=self.config.service.hosts)
        self.client = self.browser()

    def configured(self, dashboard: Mapping[str, Any]) -> Config:
        path = self.home / "syncd.yaml"
        service = {"hosts": ["syncd.acme.com"], "dashboard": dashboard}
        sources = [source("handbook"), source("wiki")]
        path.write_text(yaml.safe_dump({"service": service, "sources": sources}), encoding="utf-8")
        return load_config(
            path,
            environ={"OPERATOR": OPERATOR, "VIEWER": VIEWER, "OTHER": "another token of somebody"},
            settings_model=lambda name: connector_type(name).settings,
        )

    def browser(self, peer: str = "127.0.0.1") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.site, client=(peer, 40_000))
        return httpx.AsyncClient(transport=transport, base_url=ORIGIN)

    async def _read(self, question: Callable[[SqlStateStore], T], /) -> T:
        return question(self.store)

    # -- what a person does -------------------------------------------------------------------------------

    async def sign_in(
        self, token: str = OPERATOR, name: str = "Ana", *, client: httpx.AsyncClient | None = None
    ) -> httpx.Response:
        """Fill in the form as a browser does."""
        client = client or self.client
        page = await client.get("/sign-in")
        return await client.post(
            "/sign-in",
            data={"form_token": form_token(page), "token": token, "name": name},
            headers={"origin": ORIGIN, "sec-fetch-site": "same-origin"},
        )

    async def post(self, path: str, /, **fields: str) -> httpx.Response:
        """Send a form of the page that the overview is, with these fields."""
        page = await self.client.get("/")
        return await self.client.post(
            path,
            data={"form_token": form_token(page), **fields},
            headers={"origin": ORIGIN, "sec-fetch-site": "same-origin"},
        )

    # -- what runs leave behind ---------------------------------------------------------------------------

    def run(
        self,
        name: str = "handbook",
        *entries: Entry,
        holds: Sequence[Hold] = (),
        result: Result = Result.OK,
        error: str | None = None,
        **counts: int,
    ) -> int:
        """Record a run with these entries; return its number."""
        at = self.clock.now()
        number = self.store.start(name, trigger="schedule", at=at)
        self.store.write(name, number, entries, at=at)
        self.store.finish(
            name,
            number,
            report=Report(name=name, result=result, error=error, **counts),
            standing=Standing(completed_at=at, verified_at=at),
            holds=holds,
            found=(),
            revision=None,
            at=at,
        )
        return number


@cache
def _empty_state() -> bytes:
    """A state whose schema was made once for all tests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "syncd.db"
        SqlStateStore(f"sqlite:///{path}").close()
        return path.read_bytes()


def sent(external_id: str, *, title: str = "A title", **fields: Any) -> Sent:
    """A page that was published."""
    values = {
        "external_id": external_id,
        "page_id": f"page of {external_id}",
        "version": "1",
        "content_hash": "h1",
        "remote_digest": "d1",
        "source_hash": "s1",
        "rules": "r",
        "title": title,
        "url": f"https://handbook.example.com/{external_id}",
        "links": (),
        "action": Action.CREATE,
        "reason": "new",
        "hash_before": None,
    }
    return Sent(**{**values, **fields})


def form_token(page: httpx.Response) -> str:
    """What the first form of a page has to bring back."""
    found = re.search(r'name="form_token" value="([^"]*)"', page.text)
    return unescape(found[1]) if found else ""


async def _never(seconds: float) -> None:
    raise AssertionError
