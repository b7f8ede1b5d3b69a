"""One process of the simulated world: its threads, clocks and connections, and how it stops and dies.

Nothing that a dead process still does has an effect: its tasks are cancelled, and every handle that it had
to the store, the network and the time is bound to this one life of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any, TypeVar, cast

from syncd.errors import StateStoreError
from syncd.intercom.pacing import Pacer
from syncd.intercom.transport import Answer, Request
from syncd.lease import HeldLease
from syncd.testing.simulation.choices import USUAL, Choices
from syncd.testing.simulation.loop import ACTOR, VirtualLoop
from syncd.testing.simulation.remote import FATES, Departure, Remote, travel

T = TypeVar("T")

LONGEST_STOP_S = 90.0
"""A process may stand still for so long (SIGSTOP, a starved virtual machine): longer than its lease."""

LEASE_S = 45.0

LONGEST_JUMP_S = 120.0
"""A wall clock may be off by so much."""

COMMITS = frozenset({"start", "write", "finish", "unlisted", "acquire", "renew", "release"})
"""Calls of the store that change it; a protocol with more of them adds its own here."""

_DEATHS = (("dies-before", 0.006, "crash"), ("dies-after", 0.006, "crash"), ("stops", 0.01, "stop"))
_COMMIT_FAULTS = (("refused", 0.006, "commit"), ("unknown", 0.006, "commit"))


class Hooks:
    """What the world wants to know of a process; this one does not care."""

    def departs(self, departure: Departure) -> None:
        """A request leaves the process."""

    def answered(self, departure: Departure, answer: Answer) -> None:
        """An answer came back to the process."""

    def point(self, name: str) -> bool:
        """The process comes to a point where dying makes a difference; True lets it die there."""
        return False

    def died(self, process: Process) -> None:
        """The process died."""


class Process:
    """One life of a worker: from its start to its death.

    Attributes:
        name: of the worker, the same for all its lives.
        alive: False once it died.
        stopped_until: virtual seconds; nothing of it happens before.
        ahead_s: how far its wall clock is ahead of the true time.
        quiet_until: virtual seconds; an answer told it to send nothing before.
        refused_at: virtual seconds when Intercom refused its token, in this run.
        asked_at: virtual seconds when it was asked to stop (SIGTERM); stop: what its runs hear of that.
        lease: held while it runs; None where a lock of the operating system does that work.
        keep: its thread for the store.
        pacer: what it knows of the request limit, for all its runs.
    """

    def __init__(
        self, name: str, *, loop: VirtualLoop, choices: Choices, remote: Remote, hooks: Hooks
    ) -> None:
        self.name = name
        self.alive = True
        self.stopped_until = -1.0
        self.ahead_s = 0.0
        self.quiet_until = -1.0
        self.refused_at: float | None = None
        self.asked_at: float | None = None
        self.stop = asyncio.Event()
        self.lease: HeldLease | None = None
        self.loop = loop
        self.choices = choices
        self.remote = remote
        self.hooks = hooks
        self._tasks: list[asyncio.Task[Any]] = []
        self.context: Context = copy_context()
        self.context.run(ACTOR.set, self)
        self.keep = Lane(self, slowest_s=0.05)
        self.pacer = Pacer(clock=self, sleep=self.sleep, share=1.0)

    def began(self, task: asyncio.Task[Any]) -> None:
        self._tasks.append(task)

    # -- its end --------------------------------------------------------------------------------------

    def die(self) -> None:
        """End it here and now, as kill -9 does."""
        if not self.alive:
            return
        self.alive = False
        self.stopped_until = -1.0
        for task in self._tasks:
            task.cancel()
        self.hooks.died(self)

    def ask_to_stop(self) -> None:
        """Let it end in order, as SIGTERM does."""
        if self.asked_at is None:
            self.asked_at = self.loop.time()
            self.stop.set()

    def leave(self) -> None:
        """End it in order: nothing of it is under way any more."""
        self.alive = False
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()

    def living(self) -> None:
        """Raise if the process is dead: for whatever a dead process may still try to do."""
        if not self.alive:
            raise asyncio.CancelledError

    def meets(self, name: str, *, changes: bool) -> str:
        """What happens at a point: nothing unusual, death before or after it, or a long stop.

        `changes`: whether the store or Intercom is another one after it.
        """
        if changes and self.hooks.point(f"{name} before"):
            return "dies-before"
        if changes and self.hooks.point(f"{name} after"):
            return "dies-after"
        fate = self.choices.pick(f"{name}!", _DEATHS)
        if fate == "stops":
            stop_s = self.choices.between(f"{name}!for", 1.0, LONGEST_STOP_S)
            self.stopped_until = max(self.stopped_until, self.loop.time() + stop_s)
        return fate

    # -- its clocks -----------------------------------------------------------------------------------

    def now(self) -> float:
        return self.loop.time() + self.ahead_s

    def monotonic(self) -> float:
        return self.loop.time()

    async def sleep(self, seconds: float) -> None:
        """Sleep in virtual time."""
        self.living()
        await asyncio.sleep(max(0.0, seconds))

    def random(self) -> float:
        return self.choices.number(self.choices.next(f"{self.name}.random"))

    # -- its connections ------------------------------------------------------------------------------

    async def send(self, request: Request) -> Answer:
        """A syncd.intercom.transport.Transport."""
        self.living()
        name = self.choices.next(f"{self.name}.{self.remote.label(request)}")
        fate = self.choices.pick(name, FATES)
        death = self.meets(name, changes=request.method != "GET")
        if death == "dies-before":
            self.die()
            self.living()
        departure = self.remote.departure(self.name, request)
        self.hooks.departs(departure)
        answer = travel(self.remote, request, name, fate, self.context)
        if death == "dies-after":
            self.die()
            self.living()
        told = await answer
        self.living()
        self.hooks.answered(departure, told)
        if told.status == 401 and self.refused_at is None:
            self.refused_at = self.loop.time()
        if told.status == 429:
            self._keep_quiet(told)
        return told

    def _keep_quiet(self, refusal: Answer) -> None:
        reset = refusal.headers.get("x-ratelimit-reset")
        if reset is not None:
            until = float(reset) - self.remote.skew_s
            self.quiet_until = max(self.quiet_until, min(until, self.loop.time() + 120.0))


class Lane:
    """A thread of a process: one call at a time, each at its own virtual moment."""

    def __init__(self, process: Process, *, slowest_s: float) -> None:
        self._process = process
        self._slowest_s = slowest_s
        self._free_at = 0.0

    async def __call__(self, call: Callable[..., T], /, *args: object, **kwargs: object) -> T:
        process, loop = self._process, self._process.loop
        process.living()
        label = getattr(call, "__name__", "call").strip("_")
        name = process.choices.next(f"{process.name}.{label}")
        answer: asyncio.Future[object] = loop.create_future()

        def settle(result: object, error: BaseException | None) -> None:
            if answer.done() or not process.alive:
                return
            if error is None:
                answer.set_result(result)
            else:
                answer.set_exception(error)
                answer.exception()

        def work() -> None:
            if not process.alive:
                return
            commits = label in COMMITS
            fate = process.choices.pick(name, _COMMIT_FAULTS) if commits else USUAL
            death = process.meets(name, changes=commits)
            if death == "stops":
                # It does what it was about to do when it goes on.
                loop.call_soon(carry_out, fate, death, context=process.context)
            else:
                carry_out(fate, death)

        def carry_out(fate: str, death: str) -> None:
            if not process.alive:
                return
            if death == "dies-before":
                process.die()
                return
            result: object = None
            error: BaseException | None = None
            if fate == "refused":
                error = StateStoreError("the state store is full")
            else:
                try:
                    result = call(*args, **kwargs)
                except BaseException as raised:
                    error = raised
                if fate == "unknown" and error is None:
                    error = StateStoreError("the connection to the state store broke")
            if death == "dies-after":
                process.die()
                return
            settle(result, error)

        took_s = process.choices.between(f"{name}.took", 0.0, self._slowest_s)
        self._free_at = max(self._free_at, loop.time()) + took_s
        loop.call_at(self._free_at, work, context=process.context)
        return cast("T", await answer)
