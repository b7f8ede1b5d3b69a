"""Threads for blocking code: each lane runs one call at a time, always in the same thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Self, TypeVar, cast

T = TypeVar("T")

PATIENCE_S = 1.0
"""Seconds that a lane waits at its end for a call that still runs."""


class ThreadLane:
    """A syncd.protocols.Lane with a thread of its own, which ends with the context.

    Not a ThreadPoolExecutor: Python waits for the threads of those before it exits, and a fetch that hangs
    would keep a process from stopping in time. What is given up here may be given up anywhere, as when
    the process is killed.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    async def __call__(self, call: Callable[..., T], /, *args: object, **kwargs: object) -> T:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[object] = loop.create_future()

        def settle(result: object, error: BaseException | None) -> None:
            if answer.done():
                return  # whoever waited was cancelled
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)

        def work() -> None:
            result, error = None, None
            try:
                result = call(*args, **kwargs)
            except BaseException as raised:  # it belongs to the caller, whatever it is
                error = raised
            with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
                loop.call_soon_threadsafe(settle, result, error)

        self._calls.put(work)
        return cast("T", await answer)

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # It is waited for as a call is, since to join the thread would hold up the whole event loop.
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await self(lambda: None)
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
