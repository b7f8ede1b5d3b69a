"""A configured syncd to measure: a folder of pages, a configuration, a state file, and runs of it."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from syncd import app, engine
from syncd.clock import SystemClock
from syncd.config.load import load_config
from syncd.config.model import Config
from syncd.lanes import ThreadLane
from syncd.model import Document, Draft, Report, Result
from syncd.registry import connector_type
from syncd.render import Rules
from syncd.survey import Run, Source
from syncd.sync import sync_source
from syncd.workers import Workers

if TYPE_CHECKING:
    from syncd.connector import Connector
    from syncd.protocols import Lane
    from syncd.state.store import SqlStateStore

T = TypeVar("T")

COMMAND = [sys.executable, "-c", "from syncd.cli import main; main()"]
"""The installed command, whatever the folder it is run in."""

_TOKEN = "SYNCD_BENCH_TOKEN"  # the variable's name
_URL = "https://bench.example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One source and all that belongs to it.

    Attributes:
        home: holds the configuration and the state.
        root: the pages.
        url: of the sandbox.
        origin: settings of the source, instead of those for a folder of Markdown at `root`.
        database: where the state is, if not in a SQLite file.
    """

    home: Path
    root: Path
    url: str
    origin: Mapping[str, object] = field(default_factory=dict)
    database: str = ""

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        settings = {
            # All of the allowance, since nobody else is there.
            "intercom": {"token": f"${{{_TOKEN}}}", "base_url": self.url, "rate_share": 1.0},
            "state": self.database or f"sqlite:///{self.state}",
            "sources": [
                {
                    "name": "bench",
                    **(self.origin or _folder(self.root)),
                    "import_source": {"url": _URL},
                    "deletions": {"confirm": 1, "min_absence": "0s"},
                }
            ],
        }
        self.file.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML

    @property
    def file(self) -> Path:
        """The configuration."""
        return self.home / "syncd.yaml"

    @property
    def state(self) -> Path:
        """The state file."""
        return self.home / "syncd.db"

    @property
    def environment(self) -> dict[str, str]:
        """For a process of the command."""
        return {**os.environ, _TOKEN: "bench", "CACHE_DIRECTORY": str(self.home / "cache")}

    @property
    def config(self) -> Config:
        """The configuration, read."""
        return load_config(
            self.file, environ={_TOKEN: "bench"}, settings_model=lambda name: connector_type(name).settings
        )

    def command(self, *arguments: str) -> list[str]:
        """The command line of `syncd ARGUMENTS` for this configuration."""
        return [*COMMAND, *arguments, "-c", str(self.file)]

    @contextmanager
    def service(self) -> Iterator[Service]:
        """What a service keeps between its runs: the configuration read, the state open."""
        config = self.config
        with app.state_store(config, command="bench") as store:
            gc.freeze()  # as the service does
            yield Service(config, store)


class Service:
    """Runs the one source again and again in this process."""

    def __init__(self, config: Config, store: SqlStateStore) -> None:
        self.config = config
        self.store = store

    def sync(self) -> Report:
        """One run as the service makes it."""

        async def outcomes() -> Report:
            (outcome,) = [outcome async for outcome in engine.sync(self.config, self.store)]
            return outcome.report

        return _good(asyncio.run(outcomes()))

    def counted(self, connector: Connector | None = None) -> tuple[Report, Rendered]:
        """The same, counting what the renderers had to do; maybe of another origin than the configured."""

        async def run() -> tuple[Report, Rendered]:
            count = os.cpu_count() or 1
            async with Workers(count) as workers:
                rendered = Rendered(workers, count)
                async with ThreadLane("store") as keep, ThreadLane("crawl") as crawl:
                    return await self._run(rendered, keep, crawl, connector), rendered

        report, rendered = asyncio.run(run())
        return _good(report), rendered

    def inline(self) -> Report:
        """The same in one thread, for a profiler, which sees only one."""

        async def run() -> Report:
            async with Workers(1) as workers:
                return await self._run(Rendered(workers, 1), _here, _here)

        return _good(asyncio.run(run()))

    def source(self) -> Source:
        """The source as a run gets it. Its connections are not closed, so nothing may be sent by it."""
        return app.make_source(self.config, self.config.sources[0], app.Intercom(self.config))

    async def _run(
        self, renderer: Rendered, keep: Lane, crawl: Lane, connector: Connector | None = None
    ) -> Report:
        intercom = app.Intercom(self.config)
        try:
            source = app.make_source(self.config, self.config.sources[0], intercom)
            if connector is not None:
                source = replace(source, connector=connector)
            run = Run(
                store=self.store,
                keep=keep,
                crawl=crawl,
                renderer=renderer,
                clock=SystemClock(),
                concurrency=self.config.intercom.concurrency,
            )
            return (await sync_source(source, run)).report
        finally:
            await intercom.close()


class Rendered:
    """Counts what it hands on to the renderers.

    Attributes:
        processes: how many of them there may be.
        pages: how many pages they were asked for.
    """

    def __init__(self, workers: Workers, processes: int) -> None:
        self._workers = workers
        self.processes = processes
        self.pages = 0

    @property
    def busy_s(self) -> float:
        """Seconds in which renderers had work, summed over all."""
        return self._workers.busy_s

    async def render(self, document: Document, rules: Rules) -> Draft:
        """See Workers.render."""
        self.pages += 1
        return await self._workers.render(document, rules)


def _folder(root: Path) -> dict[str, object]:
    return {"connector": "filesystem", "root": str(root), "page_url": _URL + "/{slug}"}


async def _here(call: Callable[..., T], /, *args: object, **kwargs: object) -> T:
    return call(*args, **kwargs)


def _good(report: Report) -> Report:
    # A folder that was given may have pages that cannot be rendered.
    if report.result not in (Result.OK, Result.PARTIAL):
        raise SystemExit(f"a run that was to be measured ended as {report.result}: {report.error}")
    return report
