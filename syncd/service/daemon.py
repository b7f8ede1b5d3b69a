"""All parts of `syncd run`, put together."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import TypeVar

from syncd.clock import SystemClock
from syncd.config.model import Config
from syncd.engine import Engine
from syncd.errors import ConfigError, SyncdError
from syncd.lanes import ThreadLane
from syncd.log import get_logger, redact
from syncd.notify.notifier import sender
from syncd.service.announce import Address, announced, announcement
from syncd.service.control import Control
from syncd.service.crashes import reported
from syncd.service.guard import guarded
from syncd.service.health import Health
from syncd.service.metrics import Metrics
from syncd.service.notices import Notices
from syncd.service.server import listening, serving
from syncd.service.service import Service
from syncd.service.shutdown import Signals
from syncd.service.traces import traced
from syncd.service.watch import Watch, places
from syncd.service.webhooks import Webhooks
from syncd.state.database import is_postgres
from syncd.state.store import SqlStateStore
from syncd.web.access import tokens_of
from syncd.web.desk import Read
from syncd.web.site import Dashboard

log = get_logger(__name__)

T = TypeVar("T")


async def serve(config: Config, store: SqlStateStore, *, load: Callable[[], Config]) -> None:
    """Be the service until a signal ends it. `load` reads the configuration anew, and may raise ConfigError.

    Raises:
        ConfigError: the address cannot be had, or a secret is wrong.
        StateStoreError: the state cannot be read.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(reported(os.environ))
        daemon = await _Daemon.build(config, store, load, stack)
        stack.enter_context(traced(daemon.service, os.environ))
        await daemon.run()


class _Daemon:
    def __init__(self, config: Config, engine: Engine, load: Callable[[], Config], read: Read) -> None:
        self._load = load
        self._token = config.service.access_token(config.base)
        clock = SystemClock()
        self.service = Service(config, engine, clock=clock, sleep=clock.sleep, random=random.random)
        self.metrics = Metrics(self.service)
        self.service.listeners.append(self.metrics.ran)
        self.notices = Notices(
            self.service, sender=lambda: sender(self.service.config), counted=self.metrics.told
        )
        self.service.listeners.append(self.notices.ran)
        self.webhooks = Webhooks(self.service, count=self.metrics.received)
        self.health = Health(self.service, self.metrics, sleep=clock.sleep, token=lambda: self._token)
        self.own_token = secrets.token_urlsafe(32)
        redact.add(self.own_token)
        self.control = Control(self.service, self.own_token, self._token, reload=self.reload)
        self.dashboard: Dashboard | None = None
        if config.service.dashboard.enabled:
            self.dashboard = Dashboard(
                self.service, read, own_token=self.own_token, secret=lambda: secrets.token_urlsafe(32)
            )
        self.watch = Watch(lambda source: self._wanted_by_watch(source))
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def build(
        cls, config: Config, store: SqlStateStore, load: Callable[[], Config], stack: AsyncExitStack
    ) -> _Daemon:
        """Open the port first, so that nothing is begun by a service that cannot be reached."""
        listener = listening(config.service)
        stack.callback(listener.close)
        met: list[Metrics] = []
        engine = Engine(config, store, answered=lambda status: met[0].answered(status))
        await stack.enter_async_context(engine)
        # People look beside the runs, and neither waits for the other.
        reader = stack.enter_context(SqlStateStore(config.state_url, read_only=True))
        lane = await stack.enter_async_context(ThreadLane("dashboard"))

        async def read(question: Callable[[SqlStateStore], T], /) -> T:
            return await lane(question, reader)

        daemon = cls(config, engine, load, read)
        met.append(daemon.metrics)
        routes = [*daemon.health.routes(), *daemon.webhooks.routes(), *daemon.control.routes()]
        if daemon.dashboard is not None:
            routes += daemon.dashboard.routes()
        site = guarded(routes, hosts=config.service.hosts)
        await stack.enter_async_context(serving(site, listener))
        host, port = listener.getsockname()[:2]
        reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # it is not bound
        address = Address(host=reachable, port=port, token=daemon.own_token)
        if not is_postgres(config.state_url):  # a state that several machines share has no place beside it
            from syncd.state.sqlite import sqlite_path

            stack.enter_context(announced(announcement(sqlite_path(config.state_url)), address))
        log.info("service_started", listen=config.service.listen, pid=os.getpid())
        return daemon

    async def run(self) -> None:
        Signals(stop=self.service.stop, reload=lambda: self._begin(self._reload_or_complain())).install()
        self.watch.watch(places(self.service.config))
        await self.metrics.refresh()  # what is acknowledged from now on is counted
        beating = asyncio.create_task(self.health.beat())
        watching = asyncio.create_task(self.watch.run())
        telling = asyncio.create_task(self.notices.run())
        try:
            await self.service.run()
        finally:
            for task in (beating, watching, telling, *self._tasks):
                task.cancel()
            await asyncio.gather(beating, watching, telling, return_exceptions=True)
            log.info("service_stopped")

    async def reload(self) -> None:
        """Take over what the configuration says now. Raises ConfigError, and then nothing is changed."""
        config = await asyncio.to_thread(self._load)
        before = self.service.config
        if (config.state_url, config.service.listen, config.service.hosts) != (
            before.state_url,
            before.service.listen,
            before.service.hosts,
        ) or config.service.dashboard.enabled != before.service.dashboard.enabled:
            raise ConfigError(
                "'state', 'service.listen', 'service.hosts' and 'service.dashboard.enabled' need a restart: "
                "nothing was changed."
            )
        token = config.service.access_token(config.base)
        tokens_of(config)  # what is wrong with them must change nothing
        self.webhooks.configure(config)
        if self.dashboard is not None:
            self.dashboard.configure(config)
        self._token, self.control.tokens = token, (self.own_token, token)
        redact.add(*config.secrets())
        await self.service.configure(config)
        self.metrics.configure()
        self.watch.watch(places(config))
        log.info("configuration_reloaded", sources=[source.name for source in self.service.sources])

    async def _reload_or_complain(self) -> None:
        try:
            await self.reload()
        except SyncdError as error:
            log.error("reload_refused", error=str(error))

    def _wanted_by_watch(self, source: str) -> None:
        if not self.service.stopping.is_set():
            self.service.want_run(source, "watch")

    def _begin(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
