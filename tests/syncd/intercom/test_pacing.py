"""Tests of the pacer: exact, in simulated time."""

from __future__ import annotations

import asyncio
import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.intercom.pacing import CAP_S, FIRST_AT_ONCE, FLOOR_S, WINDOW_S, Allowance, Paced, Pacer
from syncd.intercom.transport import Answer, Request, TransportFailed
from tests.syncd.intercom.windows import WindowServer, hungry, jittered, whole

DATE = "Sun, 22 Nov 2026 16:00:00 GMT"
DATE_S = 1795363200


def told(
    *, limit: object = 100, remaining: object = 99, reset: object = DATE_S + 7, status: int = 200, **more: str
) -> Answer:
    headers = {
        "date": DATE,
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(reset),
    }
    return Answer(status=status, headers={k: v for k, v in (headers | more).items() if v != "None"})


def after(answer: Answer, *, at: float = 1000.0) -> Allowance:
    """An allowance that sent one request and got that answer at once."""
    allowance = Allowance()
    assert allowance.wait_s(at) == 0
    allowance.learn(allowance.take(at), answer, at)
    return allowance


def sendable(allowance: Allowance, now: float) -> int:
    """How many requests may go now, without an answer in between."""
    for number in itertools.count():
        if allowance.wait_s(now) > 0:
            return number
        allowance.take(now)
    raise AssertionError


@settings(max_examples=60, deadline=None)
@given(
    limit=st.sampled_from([20, 167, 300]),
    latency_s=st.sampled_from([0.002, 0.05, 0.1, 0.3]),
    skew_s=st.floats(-300, 300),
    shift_s=st.one_of(st.just(0.0), st.floats(0, 10)),
    start=st.floats(0, 10),
    seed=st.integers(0, 1000),
)
def test_uses_whole_allowance_without_one_refusal(
    limit: int, latency_s: float, skew_s: float, shift_s: float, start: float, seed: int
) -> None:
    """At every phase of the window and whatever the clocks say: no 429, and 98 % of what is allowed."""
    server = WindowServer(limit, skew_s=skew_s, shift_s=shift_s)

    tally = hungry(
        server,
        Allowance(),
        seconds=60,
        at_once=32,
        latency_s=jittered(random.Random(seed), latency_s),
        start=start,
    )

    assert tally.refused == 0
    granted = whole(tally, server)
    assert sum(granted) >= 0.98 * limit * len(granted)


@settings(max_examples=15, deadline=None)
@given(skew_s=st.floats(-300, 300), start=st.floats(0, 10), seed=st.integers(0, 1000))
def test_real_limit_is_used_up(skew_s: float, start: float, seed: int) -> None:
    """10,000 requests a minute, 100 ms away, with requests enough under way."""
    server = WindowServer(1_667, skew_s=skew_s)

    tally = hungry(
        server,
        Allowance(),
        seconds=45,
        at_once=64,
        latency_s=jittered(random.Random(seed), 0.1),
        start=start,
    )

    assert tally.refused == 0
    granted = whole(tally, server)
    assert sum(granted) >= 0.98 * 1_667 * len(granted)


def test_another_client_leads_to_few_refusals() -> None:
    """Beside one that takes a third, at most one request in a thousand is refused, and the rest is used."""
    sent = refused = left = granted = 0
    for seed in range(12):
        chance = random.Random(seed)
        server = WindowServer(300, skew_s=chance.uniform(-300, 300), shift_s=chance.random() * 10)
        tally = hungry(
            server,
            Allowance(),
            seconds=130,
            at_once=16,
            latency_s=jittered(chance, 0.1),
            foreign_gap_s=lambda chance=chance: chance.expovariate(10),  # type: ignore[misc]
            start=chance.random() * 10,
        )
        sent += len(tally.sent)
        refused += tally.refused
        windows = sorted(server.used)[1:-1]
        granted += sum(whole(tally, server))
        left += sum(300 - server.used[window] + tally.granted.get(window, 0) for window in windows)

    assert refused <= sent / 1000
    assert granted >= 0.95 * left


def test_share_leaves_the_rest_to_others() -> None:
    """No window sees more of our requests than our share."""
    server = WindowServer(200)

    tally = hungry(server, Allowance(share=0.6), seconds=60, at_once=16, latency_s=lambda: 0.05, start=3)

    assert set(whole(tally, server)) == {120}
    assert max(tally.granted.values()) == 120


@pytest.mark.parametrize("shift_s", [0.0, 0.3, 0.9])
def test_date_that_is_refreshed_once_a_second_does_no_harm(shift_s: float) -> None:
    """An old date makes the wait longer, never shorter."""
    server = WindowServer(100, shift_s=shift_s, stale_s=1.0)

    tally = hungry(server, Allowance(), seconds=80, at_once=16, latency_s=lambda: 0.05)

    assert tally.refused == 0
    assert set(whole(tally, server)) == {100}


def test_reset_that_is_rounded_down_is_learnt() -> None:
    """One burst comes too early, and none after it."""
    server = WindowServer(100, shift_s=0.6, rounding=math.floor)

    tally = hungry(server, Allowance(), seconds=200, at_once=16, latency_s=lambda: 0.05)

    assert tally.refused <= 16
    assert set(whole(tally, server)[2:]) == {100}


@pytest.mark.parametrize("step_s", [-200.0, -3.0, 3.0, 200.0])
def test_server_clock_that_jumps_is_learnt_again(step_s: float) -> None:
    """A step of the server's clock costs some refusals at most, and the allowance is used again after it."""

    class Stepping(WindowServer):
        def time(self, local: float) -> float:
            return super().time(local) + (step_s if local > 25 else 0)

    server = Stepping(100)

    tally = hungry(server, Allowance(), seconds=400, at_once=16, latency_s=lambda: 0.05)

    assert tally.refused <= 32
    last = sorted(tally.granted)[-6:-1]
    assert [tally.granted[window] for window in last] == [100] * 5


def test_few_go_before_the_first_answer() -> None:
    """The limit is unknown at the start."""
    assert sendable(Allowance(), 0.0) == FIRST_AT_ONCE


def test_remaining_less_what_is_under_way_may_go() -> None:
    """What is under way is not in the server's count yet."""
    allowance = after(told(remaining=30, limit=40))

    assert sendable(allowance, 1000.0) + 4 >= 30
    assert allowance.wait_s(1000.0) == pytest.approx(7.0, abs=0.01)


@pytest.mark.parametrize("reset", [DATE_S + 7, None])
def test_old_answers_do_not_raise_the_allowance(reset: object) -> None:
    """Answers overtake each other, and the order does not matter."""
    left = []
    for order in ([0, 1], [1, 0]):
        allowance = Allowance()
        assert allowance.wait_s(0.0) == 0
        turns = [allowance.take(0.0), allowance.take(0.0)]
        for number in order:
            allowance.learn(turns[number], told(limit=200, remaining=50 - 10 * number, reset=reset), 0.1)
        left.append(sendable(allowance, 0.1))

    assert left[0] == left[1] <= 40


def test_lost_requests_count() -> None:
    """A request without an answer may have been counted."""
    allowance = after(told(remaining=50, limit=51))
    for _ in range(10):
        allowance.lost(allowance.take(1000.0))

    assert sendable(allowance, 1000.0) == 40


def test_answers_without_headers_never_mean_unlimited() -> None:
    """A 401 and a proxy's page say nothing of the allowance."""
    allowance = after(Answer(status=401))
    sent = 1
    for _ in range(1000):
        if allowance.wait_s(1000.0) > 0:
            break
        sent += 1
        allowance.learn(allowance.take(1000.0), Answer(status=502), 1000.0)

    assert sent < 200
    assert allowance.wait_s(1000.0) <= WINDOW_S


@pytest.mark.parametrize(
    ("reset", "retry_after", "wait_s"),
    [
        (DATE_S + 7, None, 7.0),
        ((DATE_S + 7) * 1000, None, 7.0),
        (f"{DATE_S + 7}.0", None, 7.0),
        (DATE_S - 100, None, FLOOR_S),
        (DATE_S, None, FLOOR_S),
        (4_102_444_800, None, CAP_S),
        ("soon", None, WINDOW_S),
        ("-5", None, WINDOW_S),
        ("7", None, WINDOW_S),
        ("nan", None, WINDOW_S),
        (None, None, WINDOW_S),
        (None, "20", 20.0),
        (None, "Sun, 22 Nov 2026 16:00:20 GMT", WINDOW_S),
        (DATE_S + 7, "20", 20.0),
        (DATE_S + 7, "3", 7.0),
        (DATE_S + 7, "-3", 7.0),
        (DATE_S + 7, "1e9", CAP_S),
    ],
)
def test_everyone_waits_after_a_429(reset: object, retry_after: str | None, wait_s: float) -> None:
    """Until the reset by the server's own clock, at least a second, at most two minutes."""
    answer = told(status=429, remaining=0, reset=reset, **{"retry-after": str(retry_after)})

    allowance = after(answer)

    assert allowance.wait_s(1000.0) == pytest.approx(wait_s)
    assert allowance.wait_s(1000.0 + wait_s) == 0


def test_one_request_looks_first_after_a_429() -> None:
    """If the wait was not enough, one more request finds out and not sixteen."""
    allowance = after(told(status=429, remaining=0))

    assert sendable(allowance, 1007.0) == 1
    assert allowance.wait_s(1007.0) == math.inf


def test_all_may_go_when_that_one_was_granted() -> None:
    """A granted request ends the caution."""
    allowance = after(told(status=429, remaining=0))
    assert allowance.wait_s(1007.0) == 0
    turn = allowance.take(1007.0)

    allowance.learn(turn, told(remaining=99, reset=DATE_S + 17, date="Sun, 22 Nov 2026 16:00:07 GMT"), 1007.0)

    assert sendable(allowance, 1007.0) == 99


@pytest.mark.parametrize("share", [0.0, -1.0, 1.1])
def test_share_out_of_range_is_refused(share: float) -> None:
    """A share is a part of the whole."""
    with pytest.raises(ValueError, match="rate_share must be above 0 and at most 1"):
        Allowance(share=share)


class Time:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.at += seconds


class Listed:
    """A transport that answers from a list, and remembers when each request came."""

    def __init__(self, time: Time, *answers: Answer | Exception) -> None:
        self._time = time
        self._answers = list(answers)
        self.came: list[tuple[str, float]] = []

    async def send(self, request: Request) -> Answer:
        self.came.append((request.path, self._time.at))
        outcome = self._answers.pop(0) if self._answers else told(limit=10_000, remaining=9_000)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def get(path: str) -> Request:
    return Request(method="GET", path=path)


async def test_waiting_requests_go_in_order() -> None:
    """First come, first served, also when the window is used up."""
    time = Time()
    transport = Listed(time, *(told(limit=3, remaining=left) for left in (2, 1, 0)))
    paced = Paced(transport, Pacer(clock=time, sleep=time.sleep))

    await asyncio.gather(*(paced.send(get(f"/{number}")) for number in range(8)))

    assert [path for path, _ in transport.came] == [f"/{number}" for number in range(8)]
    assert transport.came[3][1] >= 1007.0


async def test_sources_share_one_pacer() -> None:
    """The allowance belongs to the token, so a 429 for one source holds all of them."""
    time = Time()
    transport = Listed(time, told(status=429, remaining=0))
    pacer = Pacer(clock=time, sleep=time.sleep)

    await Paced(transport, pacer).send(get("/one"))
    await Paced(transport, pacer).send(get("/two"))

    assert transport.came == [("/one", 1000.0), ("/two", 1007.0)]


async def test_failure_gives_the_turn_back() -> None:
    """More failures than may be under way at the start do not block the queue."""
    time = Time()
    transport = Listed(time, *[TransportFailed("gone")] * (2 * FIRST_AT_ONCE))
    paced = Paced(transport, Pacer(clock=time, sleep=time.sleep))

    ends = await asyncio.gather(*(paced.send(get("/x")) for _ in range(10)), return_exceptions=True)

    assert sum(isinstance(end, TransportFailed) for end in ends) == 2 * FIRST_AT_ONCE


async def test_cancelled_wait_does_not_block_the_queue() -> None:
    """A run that is stopped while it waits leaves no trace."""
    time = Time()
    transport = Listed(time, told(limit=1, remaining=0))

    async def long(seconds: float) -> None:
        await asyncio.Event().wait()

    sleeps = [long, time.sleep]
    pacer = Pacer(clock=time, sleep=lambda seconds: sleeps.pop(0)(seconds))
    await Paced(transport, pacer).send(get("/first"))
    waiting = asyncio.create_task(Paced(transport, pacer).send(get("/stopped")))
    await asyncio.sleep(0.01)
    waiting.cancel()

    await Paced(transport, pacer).send(get("/next"))

    assert [path for path, _ in transport.came] == ["/first", "/next"]
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == {asyncio.current_task()}
