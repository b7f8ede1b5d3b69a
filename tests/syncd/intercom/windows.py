"""A server that counts requests in fixed windows, and clients without end, in simulated time."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate

from syncd.intercom.pacing import Allowance, Turn
from syncd.intercom.transport import Answer


@dataclass
class WindowServer:
    """Intercom's counting: windows of `window_s` by its own clock, which is `skew_s` ahead of the local one.

    Attributes:
        shift_s: windows begin so long after a whole multiple of their length.
        rounding: how the reset becomes a whole second.
        stale_s: how old the time in the header Date may be, as some servers refresh it once a second.
    """

    limit: int
    skew_s: float = 0.0
    shift_s: float = 0.0
    window_s: float = 10.0
    rounding: Callable[[float], int] = math.ceil
    stale_s: float = 0.0
    used: dict[int, int] = field(default_factory=dict)
    refused: int = 0

    def time(self, local: float) -> float:
        return 1_800_000_000 + local + self.skew_s

    def window(self, local: float) -> int:
        return math.floor((self.time(local) - self.shift_s) / self.window_s)

    def count(self, local: float) -> bool:
        """Take one request if the window has room for it."""
        window = self.window(local)
        if self.used.get(window, 0) >= self.limit:
            return False
        self.used[window] = self.used.get(window, 0) + 1
        return True

    def answer(self, local: float) -> Answer:
        granted = self.count(local)
        if not granted:
            self.refused += 1
        window = self.window(local)
        return Answer(
            status=200 if granted else 429,
            headers={
                "date": formatdate(
                    math.floor(self.time(local) - self.stale_s * (7 * local % 1)), usegmt=True
                ),
                "x-ratelimit-limit": str(self.limit),
                "x-ratelimit-remaining": str(self.limit - self.used.get(window, 0)),
                "x-ratelimit-reset": str(self.rounding((window + 1) * self.window_s + self.shift_s)),
            },
        )


@dataclass
class Tally:
    """What came of it: requests granted to the client in each window, and those refused."""

    granted: dict[int, int]
    refused: int
    sent: list[float]


def hungry(
    server: WindowServer,
    allowance: Allowance,
    *,
    seconds: float,
    at_once: int,
    latency_s: Callable[[], float],
    foreign_gap_s: Callable[[], float] | None = None,
    start: float = 0.0,
) -> Tally:
    """Send as much as the allowance permits for so long; beside it, another client sends with those gaps."""
    events: list[tuple[float, int, str, object]] = []
    number = 0

    def at(time: float, kind: str, what: object = None) -> None:
        nonlocal number
        number += 1
        heapq.heappush(events, (time, number, kind, what))

    tally = Tally(granted={}, refused=0, sent=[])
    under_way = 0
    at(start, "look")
    if foreign_gap_s is not None:
        at(start + foreign_gap_s(), "foreign")
    while events and events[0][0] < start + seconds:
        now, _, kind, what = heapq.heappop(events)
        if kind == "foreign":
            assert foreign_gap_s is not None
            server.count(now)
            at(now + foreign_gap_s(), "foreign")
            continue
        if kind == "arrive":
            answer = server.answer(now)
            if answer.status == 200:
                window = server.window(now)
                tally.granted[window] = tally.granted.get(window, 0) + 1
            else:
                tally.refused += 1
            at(now + latency_s() / 2, "back", (what, answer))
            continue
        if kind == "back":
            assert isinstance(what, tuple)
            turn, answer = what
            assert isinstance(turn, Turn)
            under_way -= 1
            allowance.learn(turn, answer, now)
        while under_way < at_once and (wait_s := allowance.wait_s(now)) == 0:
            turn = allowance.take(now)
            tally.sent.append(now)
            under_way += 1
            at(now + latency_s() / 2, "arrive", turn)
        if under_way < at_once and wait_s < math.inf:
            at(now + wait_s, "look")
    return tally


def whole(tally: Tally, server: WindowServer) -> list[int]:
    """The windows between the first and the last, in which the client was there all the time."""
    windows = sorted(server.used)
    return [tally.granted.get(window, 0) for window in range(windows[0] + 1, windows[-1])]


def jittered(random_: random.Random, mean_s: float) -> Callable[[], float]:
    """Latencies between half and double the mean."""
    return lambda: mean_s * (0.5 + 1.5 * random_.random() ** 2)
