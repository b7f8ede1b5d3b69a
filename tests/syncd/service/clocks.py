"""A clock that a test sets, and a sleep that passes its time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime


class Clock:
    """Both readings; `wall` may jump."""

    def __init__(self, at: str = "2026-06-01T12:00:00+00:00") -> None:
        self.wall = moment(at)
        self.steady = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def pass_(self, seconds: float) -> None:
        """Let time go by, as it does."""
        self.wall += seconds
        self.steady += seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_(seconds)
        await asyncio.sleep(0)


def moment(text: str) -> float:
    """Unix seconds of an ISO time."""
    return datetime.fromisoformat(text).timestamp()


def told(seconds: float) -> str:
    """The time in UTC, for people."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
