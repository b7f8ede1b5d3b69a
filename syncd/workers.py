"""Rendering in child processes, so that no document can stop, starve or crash a run.

A child lives for many pages. It is started at the first page that needs it, and it is replaced when a
page takes too long, needs too much memory or kills it; that page gets a RenderError, the others go on.
"""

from __future__ import annotations

import asyncio
import math
import os
import pickle
import struct
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import syncd
from syncd.errors import FatalError, PageError, RenderError
from syncd.model import Document, Draft
from syncd.render import Rules

_HOME = str(Path(syncd.__file__).resolve().parent.parent)
_START_LIMIT_S = 60
_EXIT_LIMIT_S = 2


class Workers:
    """A pool of renderers.

    Attributes:
        busy_s: sum of the seconds in which children had work.
    """

    def __init__(
        self, count: int, *, time_limit_s: float = 20, memory_limit_bytes: int = 512 * 1024 * 1024
    ) -> None:
        """Plan for up to `count` children, each page limited in time and each child in address space."""
        self.busy_s = 0.0
        self._time_limit_s = time_limit_s
        self._memory_limit_bytes = memory_limit_bytes
        # Last in, first out: work goes to a child that runs before another one is started. Callers that
        # wait are served in their order.
        self._idle: asyncio.LifoQueue[_Child | None] = asyncio.LifoQueue()
        self._count = count
        self._alone = asyncio.Lock()

    async def __aenter__(self) -> Self:
        for _ in range(self._count):
            self._idle.put_nowait(None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        children: list[_Child | None] = []
        while not self._idle.empty():
            children.append(self._idle.get_nowait())
        await asyncio.gather(*(child.close() for child in children if child is not None))

    async def render(self, document: Document, rules: Rules) -> Draft:
        """Render one document in a child; waits for a free one.

        A page whose child dies gets one more, when no other page is rendered: the memory of the machine may
        have been short for several pages at once, and then none of them is to blame.

        Raises:
            RenderError, PageWithheld: no page came of it; the message says why.
            FatalError: a child cannot be started at all.
        """
        try:
            return await self._render(document, rules)
        except _Died:
            pass
        async with self._alone:
            # One after the other, so that two pages that both wait to be alone do not wait for each other.
            taken = 0
            try:
                while taken < self._count - 1:
                    child = await self._idle.get()
                    taken += 1
                    if child is not None:
                        await child.close()
                return await self._render(document, rules, fresh=True)
            finally:
                for _ in range(taken):
                    self._idle.put_nowait(None)

    async def _render(self, document: Document, rules: Rules, *, fresh: bool = False) -> Draft:
        child = await self._idle.get()
        started = time.monotonic()
        try:
            if fresh and child is not None:
                await child.close()
            if fresh or child is None or not child.alive:
                child = await _start(self._memory_limit_bytes, self._time_limit_s)
                started = time.monotonic()
            async with asyncio.timeout(self._time_limit_s):
                answer = await child.ask(document, rules)
            if answer is None:
                # Out of memory: it says so and ends.
                await child.close()
                child = None
        except TimeoutError:
            await _discard(child)
            child = None
            raise RenderError(f"{document.path} took more than {self._time_limit_s:g} s to render") from None
        except (EOFError, ConnectionError):
            status = await child.status() if child is not None else None
            child = None
            again = " once more, alone" if fresh else ""
            raise _Died(f"{document.path}: the renderer died{again} ({_cause(status)})") from None
        except BaseException:
            # Its answer is still to come, and would be taken for the one to the next page.
            await _discard(child)
            child = None
            raise
        finally:
            self.busy_s += time.monotonic() - started
            self._idle.put_nowait(child)
        if answer is None:
            raise RenderError(
                f"{document.path} needed more than {self._memory_limit_bytes // 1024**2} MB to render"
            )
        if isinstance(answer, PageError):
            raise answer
        return answer


class _Died(RenderError):
    """A child was killed, or crashed, at a page."""


class _Child:
    """One renderer process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._requests = process.stdin
        self._answers = process.stdout

    @property
    def alive(self) -> bool:
        """Whether it has not ended, as far as is known."""
        return self._process.returncode is None

    async def ask(self, document: Document, rules: Rules) -> Draft | PageError | None:
        payload = pickle.dumps((document, rules), pickle.HIGHEST_PROTOCOL)
        self._requests.write(struct.pack("!Q", len(payload)))
        self._requests.write(payload)
        await self._requests.drain()
        return cast("Draft | PageError | None", await self.answer())

    async def answer(self) -> object:
        (size,) = struct.unpack("!Q", await self._answers.readexactly(8))
        # The child is our own code, kept from the outside by its limits and its empty environment.
        return pickle.loads(await self._answers.readexactly(size))  # noqa: S301

    async def status(self) -> int | None:
        """Exit status of a child whose pipe broke; negative for a signal, None if it will not end."""
        try:
            async with asyncio.timeout(_EXIT_LIMIT_S):
                return await self._process.wait()
        except TimeoutError:
            await self.kill()
            return None

    async def close(self) -> None:
        self._requests.close()
        await self.status()

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


async def _start(memory_limit_bytes: int, time_limit_s: float) -> _Child:
    # The child must find the same syncd, and nothing in the folder where a command happens to be run.
    search = os.pathsep.join(filter(None, (_HOME, os.environ.get("PYTHONPATH"))))
    alarm_s = math.ceil(time_limit_s) + 5
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "syncd.render", str(memory_limit_bytes), str(alarm_s)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PYTHONPATH": search, "LC_ALL": "C.UTF-8"},
    )
    child = _Child(process)
    try:
        async with asyncio.timeout(_START_LIMIT_S):
            await child.answer()
    except (EOFError, ConnectionError, TimeoutError) as error:
        await child.kill()
        raise FatalError(
            f"the renderer cannot be started ({_cause(process.returncode)}). "
            f"To see why: {sys.executable} -P -m syncd.render {memory_limit_bytes} {alarm_s}"
        ) from error
    except BaseException:
        await child.kill()
        raise
    return child


async def _discard(child: _Child | None) -> None:
    if child is not None:
        await child.kill()


def _cause(status: int | None) -> str:
    if status is None:
        return "it no longer answered"
    return f"signal {-status}" if status < 0 else f"exit status {status}"
