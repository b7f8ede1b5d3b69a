"""Uses the whole request allowance and no more: one pacer for each token, shared by all its sources.

Intercom counts requests in fixed windows of ten seconds and says in each answer how many are left
(X-RateLimit-Remaining) and at which second of its own clock the window ends (X-RateLimit-Reset; "Rate
limiting", developers.intercom.com). A window's allowance may go out as fast as it can; once it is used up,
everyone waits for the window's end.

`Allowance` decides and never waits; `Pacer` waits and never decides.
"""

from __future__ import annotations

import asyncio
import math
from typing import NamedTuple

from syncd.clock import Clock, Sleep
from syncd.intercom.transport import Answer, Request, Transport

WINDOW_S = 10.0
# What a server that tells no limit is taken to allow in a window: the smallest limit that Intercom's
# documentation shows. Until an answer came, only a few requests are under way at once.
ASSUMED_LIMIT = 166
FIRST_AT_ONCE = 4

# After a 429 nobody sends for at least this long, whatever the server says, and at most so long before
# one request looks again.
FLOOR_S = 1.0
CAP_S = 120.0

# An answer carries the server's time in whole seconds, and some servers refresh that only once a second.
_DATE_STEP_S = 2.0
# Two clocks drift apart by no more than this in each second (NTP slews by 500 ppm at most).
_DRIFT = 0.0005
# A wait of nothing would spin.
_TICK_S = 0.001


class Turn(NamedTuple):
    """Leave to send one request.

    Attributes:
        window: which window it was counted in, as numbered here.
        at: when it was given, by the local monotonic clock.
    """

    window: int
    at: float


class ServerClock:
    """A lower bound of how far the server's clock is ahead of the local monotonic one.

    An answer dated d, received at t, proves that the server's clock was not before d at t. The best of these
    bounds comes from an answer that was made just after a second began, and then misses the truth only by
    the time that the answer travelled. As it is a lower bound, waiting by it is never too short.
    """

    def __init__(self) -> None:
        self._ahead: float | None = None
        self._seen_at = 0.0

    def see(self, date: float, *, sent_at: float, now: float) -> None:
        """Take an answer's date into account; one that contradicts what was known replaces it."""
        if self._ahead is not None:
            self._ahead -= _DRIFT * (now - self._seen_at)
        self._seen_at = now
        if self._ahead is None or date + _DATE_STEP_S - sent_at < self._ahead:
            self._ahead = date - now
        else:
            self._ahead = max(self._ahead, date - now)

    def forget(self) -> None:
        """Trust only what comes from now on."""
        self._ahead = None

    def local(self, server_time: float) -> float | None:
        """The local time at which the server's clock surely shows `server_time`; None if unknown."""
        return None if self._ahead is None else server_time - self._ahead


class Allowance:
    """What may be sent now, by all that the answers so far have told. Pure: the time is an argument.

    At any moment `remaining - in_flight` requests are safe: the server has counted those that were answered
    when it said `remaining`, and at most those that are still under way on top of them.
    """

    def __init__(self, *, share: float = 1.0) -> None:
        """`share`: the part of the limit that may be used, 0 < share <= 1; the rest is for other apps."""
        if not 0 < share <= 1:
            raise ValueError(f"rate_share must be above 0 and at most 1, not {share}")
        self._share = share
        self._server = ServerClock()
        self._limit: int | None = None
        self._in_flight = 0
        self._latency_s = 0.0
        self._blocked_until = -math.inf
        self._probing = False
        # The window that is thought to be open.
        self._window = 0
        self._reset: float | None = None
        self._last_reset = -math.inf
        self._fallback_end = -math.inf
        self._rounding_s = 0.0
        self._remaining = ASSUMED_LIMIT
        self._own = 0
        self._heard_at = 0.0
        self._foreign_rate = 0.0

    def wait_s(self, now: float) -> float:
        """Seconds until the next look: 0 if one request may be sent now, inf if only an answer can tell."""
        if now < self._blocked_until:
            return max(self._blocked_until - now, _TICK_S)
        if self._end() <= now:
            self._roll(now)
        if self._in_flight >= self._at_once():
            return math.inf
        if self._free(now) >= 1:
            return 0.0
        return max(self._end() - now, _TICK_S)

    def take(self, now: float) -> Turn:
        """Count one request as sent."""
        self._in_flight += 1
        self._own += 1
        return Turn(self._window, now)

    def lost(self, turn: Turn) -> None:
        """No answer came: the server may have counted the request."""
        self._in_flight -= 1
        if turn.window == self._window:
            self._remaining -= 1

    def learn(self, turn: Turn, answer: Answer, now: float) -> None:
        """Take in what an answer says of the window."""
        limit = _count(answer.headers.get("x-ratelimit-limit"))
        remaining = _count(answer.headers.get("x-ratelimit-remaining"))
        if remaining is None:
            # Refused before it was counted, or answered by something in between: no news, least of all
            # that there is no limit.
            self.lost(turn)
        else:
            self._in_flight -= 1
            self._latency_s += 0.2 * (now - turn.at - self._latency_s)
            if limit is not None and limit != self._limit:
                first, self._limit = self._limit is None, max(limit, 1)
                if first:
                    self._remaining = self._limit
            self._hear_date(turn, answer, now)
            self._hear_window(turn, answer, remaining, now)
        if answer.status == 429:
            self._block(answer, now)
        elif remaining is not None and turn.window == self._window:
            self._probing = False

    def _at_once(self) -> float:
        if self._probing:
            return 1
        return FIRST_AT_ONCE if self._limit is None else math.inf

    def _free(self, now: float) -> int:
        limit = self._limit or ASSUMED_LIMIT
        own_left = max(1, math.floor(limit * self._share)) - self._own
        return min(own_left, self._remaining - self._in_flight - self._margin(now))

    def _margin(self, now: float) -> int:
        """How many requests others may slip in before ours arrives: the mean and three deviations."""
        if self._limit is None:
            return 0
        rate = max(self._foreign_rate, self._foreign() / self._heard_s())
        expected = rate * (self._latency_s + now - self._heard_at)
        return min(math.ceil(expected + 3 * math.sqrt(expected)), self._limit // 10)

    def _foreign(self) -> int:
        """Requests of others in this window, at least."""
        return max(0, (self._limit or 0) - self._remaining - self._own)

    def _heard_s(self) -> float:
        """How long the window was open at its last answer; never nothing."""
        open_s = WINDOW_S - (self._end() - self._heard_at)
        return min(max(open_s, self._latency_s, _TICK_S), WINDOW_S)

    def _end(self) -> float:
        """When the window surely is over, by the local clock."""
        end = None if self._reset is None else self._server.local(self._reset + self._rounding_s)
        return self._fallback_end if end is None else end

    def _roll(self, now: float) -> None:
        """The window is over, though no answer of the next one came yet."""
        self._foreign_rate = self._foreign() / self._heard_s()
        if self._reset is not None:
            self._last_reset = self._reset
        self._reset = None
        self._fallback_end = now + WINDOW_S
        self._remaining = self._limit or ASSUMED_LIMIT
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._window += 1
        self._heard_at = now
        # What is under way may be counted in the new window.
        self._own = self._in_flight

    def _hear_date(self, turn: Turn, answer: Answer, now: float) -> None:
        date = _http_date(answer.headers.get("date"))
        if date is None:
            return
        if answer.status == 429:
            # It should not have happened: perhaps the clocks were misjudged.
            self._server.forget()
        self._server.see(date, sent_at=turn.at, now=now)
        if date == _epoch_s(answer.headers.get("x-ratelimit-reset")):
            # A window that is open in the second of its reset: this server rounds down.
            self._rounding_s = 1.0

    def _reset_of(self, answer: Answer, now: float) -> float | None:
        """The answer's reset, in seconds of the server's clock, if it can be true."""
        reset = _epoch_s(answer.headers.get("x-ratelimit-reset"))
        if reset is None:
            return None
        end = self._server.local(reset)
        if end is not None and not now - CAP_S <= end <= now + CAP_S:
            return None
        return reset

    def _hear_window(self, turn: Turn, answer: Answer, remaining: int, now: float) -> None:
        reset = self._reset_of(answer, now)
        current = turn.window == self._window
        if reset is None:
            if current:
                self._remaining = min(self._remaining, remaining)
        elif self._reset is None:
            if reset > self._last_reset:
                self._name(reset, now)
                self._remaining = min(self._remaining, remaining)
            elif current:
                # Sent after what was thought to be the window's end, and still counted in it.
                self._server.forget()
                self._hear_date(turn, answer, now)
                self._name(reset, now)
                self._remaining = min(self._remaining, remaining)
            else:
                self._own -= 1
                return
        elif reset > self._reset:
            self._foreign_rate = self._foreign() / self._heard_s()
            self._last_reset = self._reset
            self._begin(now)
            self._own += 1
            self._name(reset, now)
            self._remaining = remaining
        elif current or reset == self._reset:
            self._remaining = min(self._remaining, remaining)
        else:
            # It was under way when the window ended, and was counted before that.
            self._own -= 1
            return
        self._heard_at = now

    def _name(self, reset: float, now: float) -> None:
        self._reset = reset
        # Counts only while the server's clock is unknown: a window that is open now lasts no longer.
        self._fallback_end = now + WINDOW_S

    def _block(self, answer: Answer, now: float) -> None:
        """Refused: everyone waits for the reset, and then one request looks first."""
        reset = _epoch_s(answer.headers.get("x-ratelimit-reset"))
        until = None if reset is None else self._server.local(reset + self._rounding_s)
        asked = _retry_after_s(answer.headers.get("retry-after"))
        if asked is not None:
            until = max(now + asked, until or now)
        if until is None:
            until = self._end() if self._end() > now else now + WINDOW_S
        until = min(max(until, now + FLOOR_S), now + CAP_S)
        self._blocked_until = max(self._blocked_until, until)
        self._probing = True
        self._last_reset = max(self._last_reset, self._reset or -math.inf)
        self._reset = None
        self._fallback_end = self._blocked_until
        self._remaining = 0
        self._begin(now)


class Pacer:
    """Lets requests go in the order in which they came, as fast as the allowance permits."""

    def __init__(self, *, clock: Clock, sleep: Sleep, share: float = 1.0) -> None:
        self._clock = clock
        self._sleep = sleep
        self._allowance = Allowance(share=share)
        self._queue = asyncio.Lock()
        self._news = asyncio.Event()

    async def turn(self) -> Turn:
        """Wait for leave to send one request. Each turn must be given back by `answered` or `lost`."""
        async with self._queue:
            while (wait_s := self._allowance.wait_s(self._clock.monotonic())) > 0:
                await self._pause(wait_s)
            return self._allowance.take(self._clock.monotonic())

    def answered(self, turn: Turn, answer: Answer) -> None:
        """The request of that turn was answered."""
        self._allowance.learn(turn, answer, self._clock.monotonic())
        self._news.set()

    def lost(self, turn: Turn) -> None:
        """The request of that turn ended without an answer."""
        self._allowance.lost(turn)
        self._news.set()

    async def _pause(self, wait_s: float) -> None:
        """Return after so long, or at the next news if that is earlier."""
        self._news.clear()
        ways: list[asyncio.Future[object]] = [asyncio.ensure_future(self._news.wait())]
        if wait_s < math.inf:
            ways.append(asyncio.ensure_future(self._sleep(wait_s)))
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()


class Paced:
    """A transport whose requests wait for their turn."""

    def __init__(self, transport: Transport, pacer: Pacer) -> None:
        self._transport = transport
        self._pacer = pacer

    async def send(self, request: Request) -> Answer:
        turn = await self._pacer.turn()
        try:
            answer = await self._transport.send(request)
        except BaseException:
            self._pacer.lost(turn)
            raise
        self._pacer.answered(turn, answer)
        return answer


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _count(text: str | None) -> int | None:
    number = _number(text)
    return None if number is None else max(0, int(number))


def _epoch_s(text: str | None) -> float | None:
    """A Unix time in seconds, also if it came in milliseconds; None for a duration or a text."""
    number = _number(text)
    if number is None:
        return None
    if number > 1e11:
        number /= 1000
    return number if number > 1e9 else None


def _http_date(text: str | None) -> float | None:
    # Loaded with the first answer: a run that finds nothing to send does without.
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError):
        return None


def _retry_after_s(text: str | None) -> float | None:
    # Not documented for Intercom; a proxy may send it. Only the form in seconds is taken.
    number = _number(text)
    return None if number is None else max(0.0, number)
