"""Time and chance, as everything in syncd takes them: handed in, so that a simulator can own them.

This module is the only one that asks the system for the time or sleeps.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

Sleep = Callable[[float], Awaitable[None]]
"""Return after so many seconds; never earlier."""

Random = Callable[[], float]
"""Return a number in [0, 1)."""


class Clock(Protocol):
    """Two readings: one that other machines understand, one that never jumps."""

    def now(self) -> float:
        """Unix seconds; may jump when the system's clock is set."""
        ...

    def monotonic(self) -> float:
        """Seconds since some point in the past; never goes back."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
