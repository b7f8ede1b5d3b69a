"""Config → sources that are ready to run: the one place that names the concrete classes."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.clock import SystemClock
from syncd.config.model import Config, SourceConfig
from syncd.config.model import ImportSource as WantedSource
from syncd.connector import NOT_LISTING, Context
from syncd.digest import key_of
from syncd.errors import (
    ConfigError,
    SourceMisconfigured,
    StateStoreError,
)
from syncd.guards import Policy
from syncd.intercom.endpoint import base_url
from syncd.intercom.pacing import Paced, Pacer
from syncd.intercom.pages import Pages
from syncd.intercom.retry import RetryBudget, Retrying
from syncd.intercom.sources import ImportSource, ImportSources, same_url
from syncd.intercom.transport import Answer, Counted, Fenced, Request, Transport, TransportFailed
from syncd.journal import Standing
from syncd.log import redact
from syncd.model import Availability
from syncd.registry import connector_type
from syncd.render import Rules
from syncd.render.urls import check_template
from syncd.state.database import is_postgres
from syncd.survey import Connection, Source

if TYPE_CHECKING:
    from pydantic import BaseModel

    from syncd.intercom.http import HttpTransport
    from syncd.state.store import SqlStateStore

Answered = Callable[["int | None"], None]


class Intercom:
    """One workspace: one token, one allowance, and connections that are made when they are needed."""

    def __init__(self, config: Config, *, answered: Answered | None = None) -> None:
        """Connect to nothing yet; `answered` is told the status of each answer, None if none came."""
        self._config = config
        self.answered = answered or (lambda status: None)
        self._http: HttpTransport | None = None
        self._pacer = Pacer(clock=SystemClock(), sleep=SystemClock().sleep, share=config.intercom.rate_share)

    @property
    def url(self) -> str:
        """The base URL of the API."""
        return base_url(self._config.intercom.region, self._config.intercom.base_url)

    def transport(self) -> Counted:
        """A transport of its own count, on the shared connections."""
        return Counted(_Late(self))

    def retrying(self, counted: Transport) -> Transport:
        """The same with pacing and retries around it."""
        paced = Paced(counted, self._pacer)
        return Retrying(paced, sleep=SystemClock().sleep, random=random.random, budget=RetryBudget())

    def sources(self) -> ImportSources:
        """The workspace's import sources."""
        return ImportSources(self.retrying(self.transport()))

    def http(self) -> Transport:
        """The connections themselves, made at the first call. Raises ConfigError without a token."""
        if self._http is None:
            # Importing httpx costs more than a pass over an unchanged source.
            from syncd.intercom.http import HttpTransport

            settings = self._config.intercom
            token = self._config.token_source(noticed=redact.add)
            token()
            self._http = HttpTransport(
                self.url, token=token, version=settings.version, concurrency=settings.concurrency
            )
        return self._http

    async def close(self) -> None:
        """Close what was opened."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None


class _Late:
    """A transport that opens its connections at the first request."""

    def __init__(self, intercom: Intercom) -> None:
        self._intercom = intercom

    async def send(self, request: Request) -> Answer:
        try:
            answer = await self._intercom.http().send(request)
        except TransportFailed:
            self._intercom.answered(None)
            raise
        self._intercom.answered(answer.status)
        return answer


def chosen(config: Config, names: Collection[str]) -> list[SourceConfig]:
    """The sources of those names, or all that are enabled.

    Raises:
        ConfigError: no source has one of the names.
    """
    if names:
        return [config.source(name) for name in dict.fromkeys(names)]
    return [source for source in config.sources if source.enabled]


def _no_fence() -> None:
    """A lock on the state file keeps every other process out as long as this one lives."""


def make_source(
    config: Config,
    settings: SourceConfig,
    intercom: Intercom,
    fence: Callable[[], None] = _no_fence,
) -> Source:
    """Wire one source; `fence` is called before each request that changes something, retries included.

    Raises:
        ConfigError: the connector refuses its settings.
        SourceUnavailable: the connector cannot be loaded.
    """
    kind = connector_type(settings.connector)
    if settings.page_url is not None:
        try:
            check_template(settings.page_url)
        except ValueError as error:
            raise ConfigError(f"source {settings.name}: {error}") from error
    context = Context(
        source=settings.name,
        base=config.base,
        cache=cache_folder(config, settings.name),
        own=config.own_files,
        max_document_bytes=settings.limits.max_source,
    )
    counted = intercom.transport()
    rules = Rules(
        dialect=settings.rendering.dialect,
        image_hosts=settings.rendering.image_hosts,
        private_hosts=Rules().private_hosts + settings.rendering.private_hosts,
        drafts=settings.rendering.drafts,
        coverage_warning=settings.rendering.coverage_warning,
        secrets=settings.rendering.secrets,
        allowed_secrets=settings.rendering.allowed_secrets,
        source_limit_bytes=settings.limits.max_source,
        html_limit_bytes=settings.limits.max_html,
        split_above_bytes=settings.rendering.split_above,
    )
    flags = Availability(
        ai_agent=settings.availability.ai_agent,
        ai_copilot=settings.availability.ai_copilot,
        ai_sales_agent=settings.availability.ai_sales_agent,
    )
    managed = flags if settings.availability.managed else None

    async def find(standing: Standing, *, make: bool = False) -> Connection | None:
        transport = intercom.retrying(Fenced(counted, fence))
        known, wanted = ImportSources(transport), settings.import_source
        try:
            found = await find_import_source(known, wanted, standing, make=make)
        except ConfigError as error:
            raise SourceMisconfigured(str(error)) from error
        if found is None:
            return None
        if standing.import_source_id not in (None, found.id):
            raise SourceMisconfigured(_moved(settings.name, standing))
        pages = Pages(transport, source_id=found.id, creation=flags, version=config.intercom.version)
        url = settings.import_source.url
        return Connection(target=pages, import_source_id=found.id, import_source_url=url, made=found.made)

    async def connect(standing: Standing) -> Connection:
        connection = await find(standing, make=True)
        assert connection is not None
        return connection

    def check(standing: Standing) -> None:
        wanted, seen_as = settings.import_source, standing.import_source_url
        if standing.import_source_id is None:
            return
        if wanted.id is not None:
            moved = wanted.id != standing.import_source_id
        else:
            moved = seen_as is not None and wanted.url is not None and not same_url(seen_as, wanted.url)
        if moved:
            raise SourceMisconfigured(_moved(settings.name, standing))

    return Source(
        name=settings.name,
        connector=kind.open(settings.settings, context),
        policy=Policy(
            confirm=settings.deletions.confirm,
            min_absence_s=settings.deletions.min_absence,
            hold_above_pages=settings.deletions.hold_above.pages,
            hold_above_percent=settings.deletions.hold_above.percent,
        ),
        fingerprint=key_of([settings.connector, _listing(settings.settings)]),
        rules=rules,
        page_url=settings.page_url,
        locale=settings.locale,
        availability=managed,
        check=check,
        connect=connect,
        find=find,
        requests=lambda: counted.requests,
        creation=flags,
        drift=settings.drift,
        verify_every_s=settings.verify_every or math.inf,
    )


async def find_import_source(
    known: ImportSources, wanted: WantedSource, standing: Standing, *, make: bool
) -> ImportSource | None:
    """Find the import source that a source fills; None if there is none and none is to be made.

    One that was found before is only asked for by its id, and never made anew.

    Raises:
        ConfigError: Intercom fills it itself, or does not accept its URL.
        SourceError: it is deactivated, gone, or Intercom cannot be asked.
    """
    if wanted.id is not None:
        return await known.get(wanted.id)
    assert wanted.url is not None
    if standing.import_source_id is not None:
        return await known.get(standing.import_source_id)
    if not make:
        return await known.find(wanted.url)
    return await known.find_or_create(wanted.url, audience_ids=wanted.audience_ids)


def _listing(settings: BaseModel) -> dict[str, object]:
    """The connector's settings that decide which items there are."""
    fields = type(settings).model_fields
    return {
        name: value
        for name, value in settings.model_dump(mode="json").items()
        if fields[name].json_schema_extra != NOT_LISTING
    }


def cache_folder(config: Config, name: str) -> Path:
    """Where a source may keep what it can always get again; not made here."""
    given = os.environ.get("CACHE_DIRECTORY")  # systemd
    if given is None:
        import platformdirs

        given = platformdirs.user_cache_dir("syncd", appauthor=False)
    # Two configurations may each have a source of that name.
    return Path(given) / f"{name}-{key_of([str(config.path.absolute())])[:8]}"


@contextmanager
def state_store(config: Config, *, command: str) -> Iterator[SqlStateStore]:
    """The state store, open for writing; a file is locked against every other process.

    In PostgreSQL nobody is kept out here: each run takes the lease of its source.

    Raises:
        SourceBusy: another process has the file.
        StateStoreError: it cannot be used.
    """
    from syncd.state.locks import ProcessLock, lock_path
    from syncd.state.restored import distrust_if_older, kept_out
    from syncd.state.sqlite import sqlite_path
    from syncd.state.store import SqlStateStore

    if is_postgres(config.state_url):
        with SqlStateStore(config.state_url) as store:
            yield store
        return
    path = sqlite_path(config.state_url)
    _make_folder(path.parent)
    with ProcessLock(lock_path(path), command=command, at=SystemClock().now()) as lock:
        if lock.unclean and path.exists():
            from syncd.state.health import require_whole

            require_whole(path)
        lock.unclean = False
        with SqlStateStore(
            config.state_url, noted=lambda number, at: lock.remember(number, at, kept_out(store))
        ) as store:
            if lock.last_run is not None:
                distrust_if_older(store, lock.last_run, lock.kept_out, at=SystemClock().now())
            yield store


@contextmanager
def decision_store(config: Config, *, command: str) -> Iterator[SqlStateStore]:
    """The state store for what a person decides: also while another process holds it.

    Raises:
        SourceBusy: the schema has to be brought up to date first, and another process has the store.
        StateStoreError: it cannot be used.
    """
    from syncd.state.migrate import history
    from syncd.state.store import SqlStateStore

    with state_reader(config) as look:
        current = look.schema() == history().head
    if not current:
        with state_store(config, command=command) as store:
            yield store
        return
    with SqlStateStore(config.state_url) as store:
        yield store


def state_is_held(config: Config) -> bool:
    """Whether a process runs that syncs with this state, as far as this machine can tell."""
    from syncd.state.health import examine
    from syncd.state.locks import holder, lock_path
    from syncd.state.sqlite import sqlite_path

    if is_postgres(config.state_url):
        return examine(config.state_url).holder is not None
    return holder(lock_path(sqlite_path(config.state_url))) is not None


@contextmanager
def state_reader(config: Config) -> Iterator[SqlStateStore]:
    """The state store for looking only: nothing is changed, and nobody is kept out."""
    from syncd.state.store import SqlStateStore

    with SqlStateStore(config.state_url, read_only=True) as store:
        yield store


def _moved(name: str, standing: Standing) -> str:
    known = standing.import_source_url or f"id {standing.import_source_id}"
    return (
        f"the pages of {name} are in the import source {known}, and 'import_source' names another one now.\n"
        "They would stay there and grow stale, so nothing was sent. Set it back; or, to publish all pages\n"
        "anew in the other one, give the source a new name, and remove the old import source in Intercom."
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StateStoreError(
            f"state folder {folder} cannot be made: {error.strerror}. "
            "Make it, writable by this user, or set 'state' to another place."
        ) from error
