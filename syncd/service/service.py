"""The service itself: what is due runs, and whoever has a right to may look, ask and pause.

Everything runs on one event loop. The web server, the control API and the dashboard see this object only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from syncd.clock import Clock, Random, Sleep
from syncd.config.model import Config, SourceConfig
from syncd.decision import Decision, TakeDown
from syncd.engine import Engine
from syncd.errors import ConfigError, SourceBusy, SyncdError
from syncd.journal import Hold
from syncd.log import bound, get_logger
from syncd.model import Report, Result
from syncd.outcome import Outcome
from syncd.preview import Preview
from syncd.service.calendar import Calendar
from syncd.service.queue import Queue, Want
from syncd.service.timetable import Timetable
from syncd.state.freshness import Freshness, freshness, lags_after
from syncd.state.queries import SourceSummary, source_summaries
from syncd.state.store import SqlStateStore
from syncd.takedown import TakenDown

log = get_logger(__name__)

T = TypeVar("T")

BY_PEOPLE = frozenset({"manual", "cron", "control", "dashboard"})
"""What asks for a run at once, whatever the hour, and whether the source is paused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run that ended, for those who listen."""

    want: Want
    outcome: Outcome
    began: float
    ended: float


class Service:
    """Runs sources when they want it, several at once, each never twice at once.

    Attributes:
        config: in force now.
        listeners: are told of each run that ended; they must not block.
        stopping: set once the service was asked to stop.
    """

    def __init__(self, config: Config, engine: Engine, *, clock: Clock, sleep: Sleep, random: Random) -> None:
        self.config = config
        self.clock = clock
        self.listeners: list[Callable[[Ended], None]] = []
        self.stopping = asyncio.Event()
        self._engine = engine
        self._queue = Queue(config.service.concurrency)
        self._timetable = Timetable(clock=clock, sleep=sleep, random=random, due=self._due)
        self._paused: dict[str, bool] = {}
        self._previewing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    # -- what people and programs may ask ------------------------------------------------------------

    @property
    def sources(self) -> Sequence[SourceConfig]:
        """The sources that are configured and enabled."""
        return [source for source in self.config.sources if source.enabled]

    def running(self) -> Mapping[str, Want]:
        """The runs that are under way, by source."""
        return self._queue.running

    def waiting(self) -> Mapping[str, Want]:
        """The runs that are wanted and have not begun, by source."""
        return self._queue.waiting

    def next_run(self, source: str) -> float | None:
        """When the schedule lets the source run next, in Unix seconds; None if it does not."""
        return None if source in self._paused else self._timetable.next_run(source)

    def is_paused(self, source: str) -> bool:
        """Whether the source runs only if a person asks for it."""
        return source in self._paused

    async def summaries(self) -> dict[str, SourceSummary]:
        """How each source stands, as the state store knows it."""
        return {summary.source: summary for summary in await self._engine.ask(source_summaries)}

    async def freshness(self) -> Mapping[str, Freshness]:
        """How long the changes of each source took lately."""
        names, now = [source.name for source in self.sources], self.clock.now()
        return await self._engine.ask(lambda store: freshness(store, names, now=now))

    async def lags_after(self, line: int | None) -> tuple[int, Sequence[tuple[str, float]]]:
        """How long each change took that came after a line of the audit trail, and the newest line."""
        return await self._engine.ask(lambda store: lags_after(store, line))

    async def ask(self, question: Callable[[SqlStateStore], T]) -> T:
        """Ask the state store something else, in its thread."""
        return await self._engine.ask(question)

    async def decide(self, source: str, decision: Decision) -> Hold | None:
        """Make a person's decision true; return the hold that it is about, if any.

        Raises:
            ConfigError: no source has that name, or it does not fit what is held and ordered now.
            StateStoreError: it cannot be written.
        """
        self.config.source(source)
        at = self.clock.now()
        return await self._engine.ask(lambda store: store.decide(source, decision, at=at))

    async def preview(self, source: str, external_id: str) -> Preview | None:
        """Make a page as Fin would get it now, one at a time; see Engine.preview."""
        settings = self.config.source(source)
        async with self._previewing:
            return await self._engine.preview(settings, external_id)

    async def shown(self, source: str, page_ids: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        """Return the title and the HTML of pages that Intercom shows now; see Engine.shown."""
        self.config.source(source)
        async with self._previewing:
            return await self._engine.shown(source, page_ids)

    async def take_down(self, source: str, decision: TakeDown) -> TakenDown:
        """Keep a page out from now on, and delete it; see Engine.take_down."""
        self.config.source(source)
        return await self._engine.take_down(source, decision)

    # -- what they may do ----------------------------------------------------------------------------

    def want_run(self, source: str, why: str, *, full: bool = False, repair: bool = False) -> Want | None:
        """Ask for a run of a source that begins after this moment.

        Return it, or None if it has to wait: for the end of the quiet hours, or until the source is no
        longer paused.

        Raises:
            ConfigError: no source has that name, or the service is about to end.
        """
        settings = self.config.source(source)
        if self.stopping.is_set():
            raise ConfigError("the service is about to stop, and begins no run any more. Try again later.")
        if why not in BY_PEOPLE:
            if not settings.enabled:
                return None
            if source in self._paused:
                self._paused[source] = True
                return None
            now = self.clock.now()
            if (opens := _calendar(settings).opens(now)) > now:
                self._timetable.bring_forward(source, opens)
                return None
        want = self._queue.want(source, why, full=full, repair=repair)
        self._dispatch()
        return want

    def pause(self, source: str) -> None:
        """Let the source run only if a person asks for it, until `resume` or the end of the service.

        Raises:
            ConfigError: no source has that name.
        """
        self.config.source(source)
        self._paused.setdefault(source, False)
        waiting = self._queue.waiting.get(source)
        if waiting is not None and waiting.why not in BY_PEOPLE:
            self._queue.drop(source)
            self._paused[source] = True
        log.info("source_paused", source=source)

    def resume(self, source: str) -> None:
        """Let the source run by itself again; if something wanted it to run meanwhile, it does now, once."""
        self.config.source(source)
        log.info("source_resumed", source=source)
        if self._paused.pop(source, False):
            self.want_run(source, "schedule")

    # -- its life ------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run what is due until it is asked to stop; then let what is under way end, which takes seconds."""
        known = await self.summaries()
        for settings in self.sources:
            self._plan(settings, known.get(settings.name))
        timetable = asyncio.create_task(self._timetable.run())
        stopping = asyncio.create_task(self.stopping.wait())
        try:
            await asyncio.wait((timetable, stopping), return_when=asyncio.FIRST_COMPLETED)
            if timetable.done():
                await timetable
        finally:
            self.stop()
            stopping.cancel()
            timetable.cancel()
            self._timetable.shutdown()
            if self._tasks:
                await asyncio.wait(self._tasks)

    def stop(self) -> None:
        """Begin nothing any more, and ask what is under way to end."""
        if not self.stopping.is_set():
            log.info("service_stopping", running=sorted(self._queue.running))
        self.stopping.set()
        self._queue.drop_all()

    async def configure(self, config: Config) -> None:
        """Take over another configuration; runs that are under way go on."""
        before, self.config = self.config, config
        wanted = {source.name: source for source in self.sources}
        former = {source.name: source for source in before.sources if source.enabled}
        # At once, before anything else can happen: what left the configuration can run no more.
        for name in former.keys() - wanted.keys():
            self._timetable.drop(name)
            self._queue.drop(name)
            self._paused.pop(name, None)
        for name in self._queue.waiting.keys() - {source.name for source in config.sources}:
            self._queue.drop(name)
        self._queue.limit = config.service.concurrency
        await self._engine.configure(config)
        known = await self.summaries()
        for name, settings in wanted.items():
            same = name in former and _when(former[name]) == _when(settings)
            if not same:
                self._plan(settings, known.get(name))
        self._dispatch()

    def _plan(self, settings: SourceConfig, known: SourceSummary | None) -> None:
        calendar = _calendar(settings)
        last = None
        # A run that was stopped or killed is made good now, not when the next one is due.
        if known is not None and (run := known.last_run) is not None and not run.interrupted:
            last = run.started
        first = calendar.first(self.clock.now(), last)
        self._timetable.plan(settings.name, calendar, first=first, jitter_s=settings.jitter)

    def _due(self, source: str) -> None:
        if not self.stopping.is_set():
            self.want_run(source, "schedule")

    def _dispatch(self) -> None:
        while not self.stopping.is_set() and (want := self._queue.take()) is not None:
            # As it is configured now, whatever is taken over before the task begins.
            task = asyncio.create_task(self._carry_out(want, self.config.source(want.source)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, want: Want, settings: SourceConfig) -> None:
        began = want.began = self.clock.now()
        try:
            with bound(source=want.source):
                outcome = await self._outcome(want, settings)
        finally:
            self._queue.ended(want)
        if not want.outcome.done():
            want.outcome.set_result(outcome)
        # A source that another machine runs at this moment had its run.
        if not isinstance(outcome.error, SourceBusy):
            self._tell(Ended(want=want, outcome=outcome, began=began, ended=self.clock.now()))
        self._dispatch()

    def _tell(self, ended: Ended) -> None:
        for listener in self.listeners:
            try:
                listener(ended)
            except Exception:
                log.exception("listener_broke", source=ended.want.source)

    async def _outcome(self, want: Want, settings: SourceConfig) -> Outcome:
        try:
            return await self._engine.sync(
                settings,
                full=want.full,
                repair=want.repair,
                trigger=want.why,
                stop=self.stopping,
                progress=want.activity,
            )
        except SyncdError as error:
            log.error("run_failed", error=str(error))
            return _failed(want.source, error, str(error))
        except Exception as error:
            # One source must not end the service, and with it all the others.
            log.exception("run_broke")
            return _failed(want.source, error, f"unexpected {type(error).__name__}; the log has more")


def _calendar(settings: SourceConfig) -> Calendar:
    return Calendar(schedule=settings.schedule, zone=settings.timezone, quiet=settings.quiet_hours)


def _when(settings: SourceConfig) -> tuple[Calendar, float]:
    return _calendar(settings), settings.jitter


def _failed(source: str, error: Exception, why: str) -> Outcome:
    return Outcome(report=Report(name=source, result=Result.FAILED, error=why), error=error)
