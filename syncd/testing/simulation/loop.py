"""An event loop whose time is imagined: it never waits, and the same life runs the same way each time.

Callbacks run in the order in which asyncio promises it. What comes in which order besides is decided by
the times at which answers, commits and timers are due, and those are drawn by the simulator.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import events
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from typing import Any, Protocol, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Actor(Protocol):
    """One process of the simulated world: what runs in its context waits while it is stopped."""

    stopped_until: float

    def began(self, task: asyncio.Task[Any]) -> None:
        """A task of it was made."""
        ...


ACTOR: ContextVar[Actor | None] = ContextVar("actor", default=None)


class Stuck(Exception):
    """Nothing is left to happen, and what was waited for did not come."""


class VirtualLoop(asyncio.BaseEventLoop):
    """As much of an event loop as tasks, futures, locks and timeouts need.

    Attributes:
        unheard: what was raised where nobody listened.
    """

    def __init__(self, *, began_at: float = 0.0) -> None:
        self._time = began_at
        self._goes_on = False
        super().__init__()
        self.unheard: list[dict[str, Any]] = []
        self._due: deque[_Handle] = deque()
        self._later: list[tuple[float, int, _Handle]] = []
        self._made = 0

    def time(self) -> float:
        return self._time

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        """Run until the coroutine has ended, and return what it came to.

        Raises:
            Stuck: it waits for something that will never happen.
        """
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(finalizer=self._finalize)
        events._set_running_loop(self)
        self._goes_on = True
        try:
            task: asyncio.Future[T] = asyncio.ensure_future(future, loop=self)  # type: ignore[arg-type]
            while not task.done():
                self._step()
            return task.result()
        finally:
            self._goes_on = False
            events._set_running_loop(None)
            sys.set_asyncgen_hooks(*hooks)
            self.close()

    def _step(self) -> None:
        if not self._due:
            while self._later and self._later[0][2].cancelled():
                heappop(self._later)
            if not self._later:
                raise Stuck("nothing is left to happen")
            self._time = max(self._time, self._later[0][0])
            while self._later and self._later[0][0] <= self._time:
                self._due.append(heappop(self._later)[2])
        handle = self._due.popleft()
        if handle.cancelled():
            return
        actor = handle.context.get(ACTOR)
        if actor is not None and actor.stopped_until > self._time:
            self._push(actor.stopped_until, handle)
            return
        handle._run()

    def _finalize(self, generator: AsyncGenerator[Any, Any]) -> None:
        self.create_task(generator.aclose())

    def _push(self, when: float, handle: _Handle) -> None:
        self._made += 1
        heappush(self._later, (when, self._made, handle))

    # -- what asyncio asks ----------------------------------------------------------------------------

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = _Handle(callback, args, self, context)
        self._due.append(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._time + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = _Handle(callback, args, self, context)
        self._push(when, handle)
        return handle

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        task: asyncio.Task[T] = asyncio.Task(coro, loop=self, name=None, context=context)
        actor = ACTOR.get() if context is None else context.get(ACTOR)
        if actor is not None:
            actor.began(task)
        return task

    def is_running(self) -> bool:
        return self._goes_on

    def close(self) -> None:
        """Forget all that was still to come."""
        self._due.clear()
        self._later.clear()

    def is_closed(self) -> bool:
        # Nothing is open that a garbage collector could have to close.
        return True

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.unheard.append(context)


def _nothing() -> None:
    """What is called instead of what was cancelled."""


class _Handle(asyncio.TimerHandle):
    """A handle that shows its context, and keeps nothing for a debugger: hundreds of thousands are made."""

    __slots__ = ("context",)

    def __init__(
        self,
        callback: Callable[..., object],
        args: Any,
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        self.context = copy_context() if context is None else context
        self._callback, self._args, self._loop, self._cancelled = callback, args, loop, False

    def cancel(self) -> None:
        self._cancelled = True
        self._callback, self._args = _nothing, ()

    def _run(self) -> None:
        try:
            self.context.run(self._callback, *self._args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._loop.call_exception_handler({"message": "in a callback", "exception": error})
