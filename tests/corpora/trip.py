"""The real trip of a sample, from its archive or bundle to the pages that Intercom would be sent."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from syncd import app
from syncd.clock import SystemClock
from syncd.config.load import load_config
from syncd.errors import PageError
from syncd.lanes import ThreadLane
from syncd.model import Document, Draft, Page, RecordState
from syncd.registry import connector_type
from syncd.render import Rules, render
from syncd.survey import Connection, Renderer, Run, Source
from syncd.sync import sync_source
from syncd.testing.memory import MemoryStateStore
from syncd.testing.target import FakeTarget
from syncd.workers import Workers
from tests.corpora.samples import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """How it ended.

    Attributes:
        pages: as Intercom would hold them, by external_id.
        skipped: what was left out, by external_id or scope, with the reason.
        failed: what could not be published, with the reason.
        error: why the source as a whole was refused.
    """

    listed: int
    pages: Mapping[str, Page]
    skipped: Mapping[str, str]
    failed: Mapping[str, str]
    error: str | None = None


class Remembering:
    """A renderer in this process that renders the same document only once, since the answer is the same."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], Draft | PageError] = {}

    async def render(self, document: Document, rules: Rules) -> Draft:
        key = (document.path, document.body, document.media_type, document.title or "", rules.key)
        if key not in self._known:
            try:
                self._known[key] = render(document, rules)
            except PageError as error:
                self._known[key] = error
        known = self._known[key]
        if isinstance(known, PageError):
            raise known
        return known


@dataclass
class Place:
    """One source with its state in memory; `sync` may be called again and again.

    Attributes:
        renderer: None for worker processes, as in a real run.
        sent: external ids of what the last sync sent or deleted.
    """

    home: Path
    settings: Mapping[str, Any]
    store: MemoryStateStore = field(default_factory=MemoryStateStore)
    target: FakeTarget = field(default_factory=FakeTarget)
    renderer: Renderer | None = None
    sent: list[str] = field(default_factory=list)

    def sync(self) -> Trip:
        """One run, as `syncd sync` makes it."""
        return asyncio.run(self._sync())

    async def _sync(self) -> Trip:
        self.target.calls.clear()
        async with ThreadLane("keep") as keep, ThreadLane("crawl") as crawl, Workers(2) as workers:
            renderer = self.renderer or workers
            run = Run(store=self.store, keep=keep, crawl=crawl, renderer=renderer, clock=SystemClock())
            outcome = await sync_source(self._source(), run)
        self.sent = [name for _, name in self.target.calls]
        rows = self.store.rows.get("sample", {})
        told = {name: str(row.error) for name, row in rows.items() if row.error is not None}
        skipped = {name: why for name, why in told.items() if rows[name].state == RecordState.SKIPPED}
        return Trip(
            listed=outcome.report.listed,
            pages=dict(self.target.held),
            skipped={**self.store.left_out.get("sample", {}), **skipped},
            failed={name: why for name, why in told.items() if name not in skipped},
            error=outcome.report.error,
        )

    def _source(self) -> Source:
        self.home.mkdir(parents=True, exist_ok=True)
        file = self.home / "syncd.yaml"
        source = {
            "name": "sample",
            "import_source": {"url": "https://docs.example.com"},
            "deletions": {
                "confirm": 1,
                "min_absence": "0s",
                "hold_above": {"pages": 100_000, "percent": 100},
            },
            **self.settings,
        }
        file.write_text(yaml.safe_dump({"sources": [source]}), encoding="utf-8")
        config = load_config(file, environ={}, settings_model=lambda name: connector_type(name).settings)
        before = os.environ.get("CACHE_DIRECTORY")
        os.environ["CACHE_DIRECTORY"] = str(self.home / "cache")
        try:
            made = app.make_source(config, config.sources[0], app.Intercom(config))
        finally:
            if before is None:
                del os.environ["CACHE_DIRECTORY"]
            else:
                os.environ["CACHE_DIRECTORY"] = before

        async def connect(standing: object) -> Connection:
            return Connection(target=self.target, import_source_id=1, import_source_url=None, made=True)

        return replace(made, connect=connect, find=connect, requests=lambda: len(self.target.calls))


def settings_of(sample: Sample, origin: Path | None = None) -> dict[str, Any]:
    """The source's settings with its origin: the sample itself, or another state of it."""
    key = "url" if sample.kind == "git" else "path"
    return {**sample.settings, key: str(origin or sample.path)}


def reasons(told: Mapping[str, str]) -> Counter[str]:
    """The same reasons counted together, without what names a page in them."""
    return Counter(_general(name, why) for name, why in told.items())


def _general(name: str, why: str) -> str:
    why = why.replace(f"{name}: ", "").partition("\n")[0]
    quoted = why.split("'")
    return "…".join(quoted[::2]).replace("… and … more pages", "…") if len(quoted) > 2 else why
