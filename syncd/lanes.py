"""Threads for blocking code: each lane runs one call at a time, always in the same thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")


class ThreadLane:
    """A syncd.apply.Lane with a thread of its own, which ends with the context."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def __call__(self, call: Callable[..., T], /, *args: object, **kwargs: object) -> T:
        work = self._executor.submit(call, *args, **kwargs)
        return await asyncio.wrap_future(work)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What still runs must end before what it uses is closed.
        self._executor.shutdown(wait=True, cancel_futures=True)
