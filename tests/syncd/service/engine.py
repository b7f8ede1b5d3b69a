"""A service whose runs are played, and that is asked over its real web application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import yaml

from syncd.config.load import load_config
from syncd.config.model import Config, SourceConfig
from syncd.engine import Engine
from syncd.model import Report, Result
from syncd.outcome import Outcome
from syncd.registry import connector_type
from syncd.service.control import Control
from syncd.service.guard import guarded
from syncd.service.health import Health
from syncd.service.metrics import Metrics
from syncd.service.service import Service
from syncd.service.webhooks import Webhooks
from tests.syncd.service.clocks import Clock

SECRET = "a secret of the hooks"
TOKEN = "a token of the control"


class PlayedEngine:
    """Runs end when the test lets them; each is noted.

    Attributes:
        begun: (source, trigger, full) of each run, in order.
        most: runs that were under way at once.
        gate: a run waits for it; set unless the test clears it.
    """

    def __init__(self) -> None:
        self.begun: list[tuple[str, str, bool]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.under_way: list[str] = []
        self.most = 0
        self.error: Exception | None = None
        self.config: Config | None = None

    async def configure(self, config: Config) -> None:
        self.config = config

    async def ask(self, question: Callable[..., object]) -> object:
        return []

    async def sync(
        self, settings: SourceConfig, *, stop: asyncio.Event, full: bool, trigger: str, **_: Any
    ) -> Outcome:
        self.begun.append((settings.name, trigger, full))
        assert settings.name not in self.under_way, "two runs of a source at once"
        self.under_way.append(settings.name)
        self.most = max(self.most, len(self.under_way))
        gate, asked = asyncio.create_task(self.gate.wait()), asyncio.create_task(stop.wait())
        await asyncio.wait((gate, asked), return_when=asyncio.FIRST_COMPLETED)
        self.under_way.remove(settings.name)
        if self.error is not None:
            raise self.error
        return Outcome(report=Report(name=settings.name, result=Result.OK, created=1))


class Bench:
    """A service with what it needs, and a client of its web application."""

    def __init__(self, config: Config) -> None:
        self.clock = Clock()
        self.engine = PlayedEngine()
        self.service = Service(
            config, cast("Engine", self.engine), clock=self.clock, sleep=_never, random=lambda: 0.0
        )
        self.metrics = Metrics(self.service)
        self.service.listeners.append(self.metrics.ran)
        self.webhooks = Webhooks(self.service, count=self.metrics.received)
        self.health = Health(self.service, self.metrics, sleep=_never, token=lambda: None)
        self.control = Control(self.service, TOKEN, None, reload=self._reload)
        routes = [*self.health.routes(), *self.webhooks.routes(), *self.control.routes()]
        self.site = guarded(routes, hosts=config.service.hosts)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.site),
            base_url="http://localhost:8321",
        )
        self.reloaded = 0

    async def settled(self) -> None:
        """Wait until nothing runs and nothing wants to."""
        async with asyncio.timeout(30):
            while wants := [*self.service.running().values(), *self.service.waiting().values()]:
                await asyncio.wait([want.outcome for want in wants])
                await self.turns()

    async def turns(self, count: int = 20) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    async def _reload(self) -> None:
        self.reloaded += 1


async def _never(seconds: float) -> None:
    await asyncio.Event().wait()


def source(name: str, **settings: Any) -> dict[str, Any]:
    return {
        "name": name,
        "connector": "filesystem",
        "root": name,
        "schedule": "every 1h",
        "import_source": {"url": f"https://{name}.example.com"},
    } | settings


def repository(name: str, url: str, **settings: Any) -> dict[str, Any]:
    of_git = source(name, connector="git", url=url, **settings)
    del of_git["root"]
    return of_git


def configured(home: Path, *sources: dict[str, Any], **service: Any) -> Config:
    """Read a configuration with these sources."""
    path = home / "syncd.yaml"
    path.write_text(yaml.safe_dump({"service": service, "sources": list(sources)}), encoding="utf-8")
    environ = {"SECRET": SECRET}
    return load_config(path, environ=environ, settings_model=lambda name: connector_type(name).settings)


@asynccontextmanager
async def started(config: Config) -> AsyncIterator[Bench]:
    """A service that runs, whose first runs have ended."""
    bench = Bench(config)
    life = asyncio.create_task(bench.service.run())
    await bench.turns()
    await bench.settled()
    bench.engine.begun.clear()
    try:
        yield bench
    finally:
        bench.engine.gate.set()
        bench.service.stop()
        await life
        await bench.client.aclose()
