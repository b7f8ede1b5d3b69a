"""Runs of sources, one after the other or beside each other, on what they share."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from syncd.app import Answered, Intercom, chosen, make_source
from syncd.clock import SystemClock
from syncd.config.model import Config, SourceConfig
from syncd.config.quantity import format_duration
from syncd.errors import ConfigError, LeaseLost, SourceError, SourceUnavailable, SyncdError
from syncd.forecast import plan_source
from syncd.journal import Lease
from syncd.lanes import ThreadLane
from syncd.lease import HeldLease
from syncd.log import bind, bound, get_logger
from syncd.model import Report, Result
from syncd.outcome import Outcome
from syncd.state.database import is_postgres
from syncd.survey import Progress, Run, Source
from syncd.sync import STOP_GRACE_S, sync_source
from syncd.verify import Verification, verify_source
from syncd.workers import Workers

if TYPE_CHECKING:
    from syncd.decision import TakeDown
    from syncd.intercom.pages import Pages
    from syncd.preview import Preview
    from syncd.state.store import SqlStateStore
    from syncd.takedown import TakenDown

log = get_logger(__name__)

T = TypeVar("T")

PREVIEW_S = 60.0
"""Seconds that a preview may take, most of which is for a repository that is fetched first."""

# Once a run was asked to stop, or is overdue, and does not end: so many times it is given up, each time
# with so many seconds to say so to the store.
_GIVE_UP_TIMES = 3
_GIVE_UP_S = 0.5


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
        self._leases = is_postgres(config.state_url)
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

    async def preview(self, settings: SourceConfig, external_id: str) -> Preview | None:
        """Make a page as Fin would get it now; None if its source has no such item. Nothing is written.

        Raises:
            PageError: no page came of it; the message says why.
            SourceError: the source cannot be read, or not in time.
            ConfigError: its settings are wrong.
        """
        from syncd.preview import assembled, read_item

        source = make_source(self._config, settings, self._intercom)
        try:
            async with asyncio.timeout(PREVIEW_S), ThreadLane("preview") as look:
                read = await look(read_item, source, {external_id})
                if read is None:
                    return None
                draft = await self._workers.render(read.document, read.source.rules)
                return await look(assembled, read, draft)
        except TimeoutError as error:
            raise SourceUnavailable(
                f"{settings.name} could not be read within {PREVIEW_S:.0f} seconds: try again later"
            ) from error

    async def shown(self, name: str, page_ids: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        """Return the title and the HTML that Intercom shows now, of those pages that it has.

        Args:
            page_ids: external id → Intercom's id.

        Raises:
            PageError, SourceError: Intercom gives no valid answer.
            ConfigError: there is no access token.
        """
        async with self._connections() as intercom:
            pages = await self._pages(name, intercom)
            if pages is None:
                return {}
            try:
                async with asyncio.timeout(PREVIEW_S):
                    found = {key: await pages.shown(page_id) for key, page_id in page_ids.items()}
            except TimeoutError as error:
                raise SourceUnavailable(
                    f"Intercom gave no answer within {PREVIEW_S:.0f} seconds: try again later"
                ) from error
        return {key: page for key, page in found.items() if page is not None}

    async def take_down(self, name: str, decision: TakeDown) -> TakenDown:
        """Keep a page out from now on, and delete it; see syncd.takedown. In a thread of its own."""
        from syncd.takedown import take_down

        # It has its own connections, and may wait for Intercom, or for another writer, as long as it likes.
        return await asyncio.to_thread(
            lambda: asyncio.run(take_down(self._config, self._store, name, decision))
        )

    async def verify(self, settings: SourceConfig) -> Verification:
        """Tell how what Intercom holds of a source differs from what was sent; nothing is written."""
        async with self._connections() as intercom:
            try:
                source = make_source(self._config, settings, intercom)
            except (ConfigError, SourceError) as error:
                return Verification(name=settings.name, error=error)
            return await verify_source(source, self._store, self._lane)

    @asynccontextmanager
    async def _connections(self) -> AsyncIterator[Intercom]:
        """The connections of the configuration of now, kept open as long as they are needed."""
        intercom = self._intercom
        self._using[intercom] += 1
        try:
            yield intercom
        finally:
            self._using[intercom] -= 1
            if intercom is not self._intercom and not self._using[intercom]:
                await intercom.close()

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
        name = settings.name
        with bound(source=name):
            noting = _Noting(trigger, progress or Progress())
            async with self._connections() as intercom, AsyncExitStack() as held:
                lease = self._lease(name, trigger) if trip is sync_source else None
                try:
                    if lease is not None:
                        _log_lease((await held.enter_async_context(lease)).lease)
                        source = make_source(self._config, settings, intercom, lease.fence)
                    else:
                        source = make_source(self._config, settings, intercom)
                except (ConfigError, SourceError) as error:
                    return _logged(_failed(name, error), trigger)
                crawl = await held.enter_async_context(ThreadLane("crawl"))
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
                if lease is not None:
                    run = replace(run, fence=lease.fence, epoch=lease.lease.epoch, closed=lease.given_back)
                try:
                    outcome = await _in_time(
                        name, trip(source, run), stop=run.stop, limit_s=settings.time_limit
                    )
                except LeaseLost as error:  # before there was a run that could tell it
                    outcome = _failed(name, error)
                follows = bool(outcome.ingestions) or outcome.awaits
                if trip is sync_source and follows and outcome.error is None and not run.stop.is_set():
                    await self._follow_ingestion(name, outcome, intercom)
            # The number was bound in a task of the trip, which is not this one.
            with bound(run=noting.run):
                if isinstance(outcome.error, LeaseLost):
                    log.warning("lease_lost", epoch=run.epoch, consequence="abandoning run")
                return _logged(outcome, trigger)

    async def _pages(self, name: str, intercom: Intercom) -> Pages | None:
        """What looks at a source's pages; None if nothing of it was ever sent."""
        from syncd.intercom.pages import Pages

        standing = (await self.ask(lambda store: store.before(name))).standing
        if standing.import_source_id is None:
            return None
        return Pages(intercom.retrying(intercom.transport()), source_id=standing.import_source_id)

    async def _follow_ingestion(self, name: str, outcome: Outcome, intercom: Intercom) -> None:
        from syncd.ingestion import follow

        async def target() -> Pages | None:
            return await self._pages(name, intercom)

        await follow(
            name,
            outcome.ingestions,
            store=self._store,
            lane=self._lane,
            target=target,
            clock=SystemClock(),
        )

    def _lease(self, name: str, trigger: str) -> HeldLease | None:
        """What keeps other processes from the source, where no lock on a file does."""
        if not self._leases:
            return None
        return HeldLease(
            self._store,
            keep=self._lane,
            clock=SystemClock(),
            source=name,
            owner=f"process {os.getpid()} on {socket.gethostname()} ({trigger})",
            length_s=self._config.state_lease,
        )


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


def _log_lease(lease: Lease) -> None:
    if lease.former is not None:
        log.warning("lease_taken_over", epoch=lease.epoch, former=lease.former)
    else:
        log.debug("lease_acquired", epoch=lease.epoch)


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
