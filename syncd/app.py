"""Config → sources that are ready to run: the one place that names the concrete classes."""

from __future__ import annotations

import asyncio
import math
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from syncd.clock import SystemClock
from syncd.config.model import Config, SourceConfig
from syncd.config.model import ImportSource as WantedSource
from syncd.config.quantity import format_duration
from syncd.connector import NOT_LISTING, Context
from syncd.digest import key_of
from syncd.errors import (
    ConfigError,
    SourceError,
    SourceMisconfigured,
    SourceUnavailable,
    StateStoreError,
    SyncdError,
)
from syncd.guards import Policy
from syncd.intercom.endpoint import base_url
from syncd.intercom.pacing import Paced, Pacer
from syncd.intercom.pages import Pages
from syncd.intercom.retry import RetryBudget, Retrying
from syncd.intercom.sources import ImportSource, ImportSources, same_url
from syncd.intercom.transport import Answer, Counted, Request, Transport, TransportFailed
from syncd.journal import Standing
from syncd.lanes import ThreadLane
from syncd.log import bind, bound, get_logger, redact
from syncd.model import Availability, Report, Result
from syncd.outcome import Outcome
from syncd.registry import connector_type
from syncd.render import Rules
from syncd.render.urls import check_template
from syncd.survey import Connection, Progress, Run, Source
from syncd.sync import STOP_GRACE_S, plan_source, sync_source
from syncd.verify import Verification, verify_source
from syncd.workers import Workers

if TYPE_CHECKING:
    from pydantic import BaseModel

    from syncd.intercom.http import HttpTransport
    from syncd.state.store import SqlStateStore

log = get_logger(__name__)

T = TypeVar("T")

Answered = Callable[["int | None"], None]

# Once a run was asked to stop, or is overdue, and does not end: so many times it is given up, each time
# with so many seconds to say so to the store.
_GIVE_UP_TIMES = 3
_GIVE_UP_S = 0.5


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

    def retrying(self, counted: Counted) -> Transport:
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


def make_source(config: Config, settings: SourceConfig, intercom: Intercom) -> Source:
    """Wire one source.

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
        max_document_bytes=settings.limits.max_source,
    )
    counted = intercom.transport()
    rules = Rules(
        dialect=settings.rendering.dialect,
        image_hosts=settings.rendering.image_hosts,
        private_hosts=Rules().private_hosts + settings.rendering.private_hosts,
        drafts=settings.rendering.drafts,
        secrets=settings.rendering.secrets,
        allowed_secrets=settings.rendering.allowed_secrets,
        source_limit_bytes=settings.limits.max_source,
        html_limit_bytes=settings.limits.max_html,
    )
    flags = Availability(
        ai_agent=settings.availability.ai_agent,
        ai_copilot=settings.availability.ai_copilot,
        ai_sales_agent=settings.availability.ai_sales_agent,
    )
    managed = flags if settings.availability.managed else None

    async def connect(standing: Standing) -> Connection:
        transport = intercom.retrying(counted)
        try:
            found = await find_import_source(ImportSources(transport), settings.import_source, standing)
        except ConfigError as error:
            raise SourceMisconfigured(str(error)) from error
        if standing.import_source_id not in (None, found.id):
            raise SourceMisconfigured(_moved(settings.name, standing))
        pages = Pages(transport, source_id=found.id, creation=flags, version=config.intercom.version)
        return Connection(
            target=pages,
            import_source_id=found.id,
            import_source_url=settings.import_source.url,
            made=found.made,
        )

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
        requests=lambda: counted.requests,
        creation=flags,
        drift=settings.drift,
        verify_every_s=settings.verify_every or math.inf,
    )


async def find_import_source(
    known: ImportSources, wanted: WantedSource, standing: Standing | None = None
) -> ImportSource:
    """Find, or make, the import source that a source fills.

    One that was found before is only asked for by its id, and never made anew.

    Raises:
        ConfigError: Intercom fills it itself, or does not accept its URL.
        SourceError: it is deactivated, gone, or Intercom cannot be asked.
    """
    if wanted.id is not None:
        return await known.get(wanted.id)
    assert wanted.url is not None
    if standing is not None and standing.import_source_id is not None:
        return await known.get(standing.import_source_id)
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
    """The state store, open for writing and locked against every other process.

    Raises:
        SourceBusy: another process has it.
        StateStoreError: it cannot be used.
    """
    from syncd.state.database import sqlite_path
    from syncd.state.locks import ProcessLock, lock_path
    from syncd.state.store import SqlStateStore

    path = sqlite_path(config.state_url)
    _make_folder(path.parent)
    with (
        ProcessLock(lock_path(path), command=command, at=SystemClock().now()),
        SqlStateStore(config.state_url) as store,
    ):
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
    from syncd.state.database import sqlite_path
    from syncd.state.locks import holder, lock_path

    return holder(lock_path(sqlite_path(config.state_url))) is not None


@contextmanager
def state_reader(config: Config) -> Iterator[SqlStateStore]:
    """The state store for looking only: nothing is changed, and nobody is kept out."""
    from syncd.state.store import SqlStateStore

    with SqlStateStore(config.state_url, read_only=True) as store:
        yield store


class Engine:
    """What runs share: the workspace, the renderers, and the thread of the store. An async context.

    Several sources may run at once, each with a crawling thread of its own.
    """

    def __init__(self, config: Config, store: SqlStateStore, *, answered: Answered | None = None) -> None:
        self._config = config
        self._store = store
        self._intercom = Intercom(config, answered=answered)
        self._using: Counter[Intercom] = Counter()
        self._workers = Workers(os.cpu_count() or 1)
        self._lane = ThreadLane("store")
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._open.enter_async_context(self._workers)
        await self._open.enter_async_context(self._lane)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()
        await self._intercom.close()

    async def ask(self, question: Callable[[SqlStateStore], T]) -> T:
        """Ask the store, in its thread."""
        return await self._lane(question, self._store)

    async def configure(self, config: Config) -> None:
        """Take over another configuration; runs that are under way end with the one they began with."""
        former, before = self._intercom, self._config.intercom
        self._config = config
        if config.intercom != before:
            self._intercom = Intercom(config, answered=former.answered)
            if not self._using[former]:
                await former.close()

    async def sync(
        self,
        settings: SourceConfig,
        *,
        full: bool = False,
        repair: bool = False,
        trigger: str = "manual",
        stop: asyncio.Event | None = None,
        progress: Progress | None = None,
    ) -> Outcome:
        """Run one source; with `repair`, compare it with Intercom and send again what differs.

        Raises:
            FatalError: nothing more can be done.
        """
        return await self._run(sync_source, settings, full, trigger, stop, progress, repair=repair)

    async def plan(
        self, settings: SourceConfig, *, full: bool = False, progress: Progress | None = None
    ) -> Outcome:
        """Tell what `sync` would do; nothing is written."""
        return await self._run(plan_source, settings, full, "plan", None, progress)

    async def verify(self, settings: SourceConfig) -> Verification:
        """Tell how what Intercom holds of a source differs from what was sent; nothing is written."""
        try:
            source = make_source(self._config, settings, self._intercom)
        except (ConfigError, SourceError) as error:
            return Verification(name=settings.name, error=error)
        return await verify_source(source, self._store, self._lane)

    async def _run(
        self,
        trip: Callable[[Source, Run], Coroutine[object, object, Outcome]],
        settings: SourceConfig,
        full: bool,
        trigger: str,
        stop: asyncio.Event | None,
        progress: Progress | None,
        *,
        repair: bool = False,
    ) -> Outcome:
        intercom, name = self._intercom, settings.name
        self._using[intercom] += 1
        try:
            with bound(source=name):
                try:
                    source = make_source(self._config, settings, intercom)
                except (ConfigError, SourceError) as error:
                    return _logged(_failed(name, error), trigger)
                noting = _Noting(trigger, progress or Progress())
                async with ThreadLane("crawl") as crawl:
                    run = Run(
                        store=self._store,
                        keep=self._lane,
                        crawl=crawl,
                        renderer=self._workers,
                        clock=SystemClock(),
                        concurrency=self._config.intercom.concurrency,
                        trigger=trigger,
                        full=full,
                        verify=repair,
                        repair=repair,
                        window_s=self._config.intercom.ambiguity_window,
                        stop=stop or asyncio.Event(),
                        progress=noting,
                    )
                    outcome = await _in_time(
                        name, trip(source, run), stop=run.stop, limit_s=settings.time_limit
                    )
                # The number was bound in a task of the trip, which is not this one.
                with bound(run=noting.run):
                    return _logged(outcome, trigger)
        finally:
            self._using[intercom] -= 1
            if intercom is not self._intercom and not self._using[intercom]:
                await intercom.close()


async def sync(
    config: Config,
    store: SqlStateStore,
    names: Collection[str] = (),
    *,
    full: bool = False,
    repair: bool = False,
    trigger: str = "manual",
    stop: asyncio.Event | None = None,
    progress: Progress | None = None,
) -> AsyncIterator[Outcome]:
    """Run the chosen sources one after the other, and give each outcome as it comes.

    Raises:
        FatalError: nothing more can be done.
    """
    stop = stop or asyncio.Event()
    async with Engine(config, store) as engine:
        for settings in chosen(config, names):
            if stop.is_set():
                break
            yield await engine.sync(
                settings, full=full, repair=repair, trigger=trigger, stop=stop, progress=progress
            )


async def plan(
    config: Config,
    store: SqlStateStore,
    names: Collection[str] = (),
    *,
    full: bool = False,
    progress: Progress | None = None,
) -> AsyncIterator[Outcome]:
    """Tell for each of the chosen sources what `sync` would do; nothing is written."""
    async with Engine(config, store) as engine:
        for settings in chosen(config, names):
            yield await engine.plan(settings, full=full, progress=progress)


async def verify(
    config: Config, store: SqlStateStore, names: Collection[str] = ()
) -> AsyncIterator[Verification]:
    """Tell for each of the chosen sources how Intercom differs from what was sent; nothing is written."""
    async with Engine(config, store) as engine:
        for settings in chosen(config, names):
            yield await engine.verify(settings)


async def _in_time(
    name: str, trip: Coroutine[object, object, Outcome], *, stop: asyncio.Event, limit_s: float
) -> Outcome:
    """Let a trip end; one that takes too long, or does not end when it is asked to, is given up.

    What hangs is most likely a connector: its thread is left behind, and the rows stay as they are.
    """
    task = asyncio.create_task(trip)
    asked = asyncio.create_task(stop.wait())
    why = "stopped before the end; the next run goes on from here"
    error: SourceError | None = None
    try:
        await asyncio.wait((task, asked), timeout=limit_s or None, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            await asyncio.wait((task,), timeout=STOP_GRACE_S + _GIVE_UP_S)
        elif not task.done():
            why = (
                f"the run took longer than {format_duration(limit_s)} and was given up; the next one goes "
                "on from here. If the source needs so long, raise its 'time_limit'."
            )
            error = SourceUnavailable(why)
        if not task.done():
            await _give_up(task, why)
        if task.cancelled() or not task.done():
            return Outcome(report=Report(name=name, result=Result.FAILED, error=why), error=error)
        return task.result()
    finally:
        asked.cancel()
        await _give_up(task, why)


async def _give_up(task: asyncio.Task[Outcome], why: str) -> None:
    # Each time it is cancelled in what it waits for: a page, the crawling thread, the store.
    for _ in range(_GIVE_UP_TIMES):
        if not task.done():
            task.cancel(why)
            await asyncio.wait((task,), timeout=_GIVE_UP_S)


def _failed(name: str, error: SyncdError) -> Outcome:
    return Outcome(report=Report(name=name, result=Result.FAILED, error=str(error)), error=error)


def _logged(outcome: Outcome, trigger: str) -> Outcome:
    report = outcome.report
    log.info(
        "run_finished",
        trigger=trigger,
        result=report.result.value,
        listed=report.listed,
        created=report.created,
        updated=report.updated,
        deleted=report.deleted,
        held=report.held,
        failed=report.failed,
        requests=report.requests,
        seconds=report.seconds,
    )
    return outcome


class _Noting(Progress):
    """Logs each page that is done on its way to whoever else wants to know."""

    def __init__(self, trigger: str, progress: Progress) -> None:
        self.run: int | None = None
        self._trigger = trigger
        self._progress = progress

    def begun(self, source: str, run: int) -> None:
        self.run = run
        bind(run=run)
        log.info("run_started", trigger=self._trigger)
        self._progress.begun(source, run)

    def planned(self, source: str, pages: int) -> None:
        log.debug("run_planned", pages=pages)
        self._progress.planned(source, pages)

    def done(self, source: str, external_id: str) -> None:
        log.debug("page_done", external_id=external_id)
        self._progress.done(source, external_id)


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
