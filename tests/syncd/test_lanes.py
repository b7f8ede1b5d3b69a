"""Lanes: one call at a time, in one thread, and no wait for a call that hangs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from syncd.lanes import ThreadLane


async def test_calls_run_one_after_the_other_in_one_thread() -> None:
    """A SQLite connection or a git child never meets two threads."""
    order: list[tuple[int, str]] = []

    def call(number: int) -> int:
        order.append((number, threading.current_thread().name))
        return number * 2

    async with ThreadLane("crawl") as lane:
        results = await asyncio.gather(*(lane(call, number) for number in range(50)))

    assert results == [number * 2 for number in range(50)]
    assert order == [(number, "crawl") for number in range(50)]


async def test_error_reaches_the_caller_and_the_lane_goes_on() -> None:
    """One failed read is one failed page."""

    def fail() -> None:
        raise LookupError("no such thing")

    async with ThreadLane("crawl") as lane:
        with pytest.raises(LookupError, match="no such thing"):
            await lane(fail)
        assert await lane(len, "abc") == 3


async def test_cancelled_caller_leaves_the_lane_usable() -> None:
    """The answer that nobody waits for is dropped, and not given to somebody else."""
    release = threading.Event()
    async with ThreadLane("crawl") as lane:
        waiting = asyncio.create_task(lane(release.wait))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        release.set()

        assert await lane(len, "abc") == 3


def test_call_that_hangs_does_not_keep_the_process() -> None:
    """A fetch may hang for minutes; the process ends all the same."""
    script = (
        "import asyncio, threading\n"
        "from syncd.lanes import ThreadLane\n"
        "async def main():\n"
        "    async with ThreadLane('crawl') as lane:\n"
        "        task = asyncio.create_task(lane(threading.Event().wait))\n"
        "        await asyncio.sleep(0.05)\n"
        "        task.cancel()\n"
        "asyncio.run(main())\n"
        "print('out')\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )

    assert done.stdout == "out\n"
