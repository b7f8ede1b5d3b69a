"""Tests of the one retry layer."""

from __future__ import annotations

import contextlib

import pytest

from syncd.errors import CredentialsRefused
from syncd.intercom.retry import THROTTLED_TRIES, RetryBudget, Retrying
from syncd.intercom.transport import Answer, Request, TransportFailed
from tests.syncd.intercom.workspace import LOST

POST = Request(method="POST", path="/ai/external_pages", body={})


class Scripted:
    """A transport that plays a list of outcomes, and 200 after it."""

    def __init__(self, *outcomes: int | Exception) -> None:
        self.outcomes = list(outcomes)
        self.sent = 0

    async def send(self, request: Request) -> Answer:
        self.sent += 1
        outcome = self.outcomes.pop(0) if self.outcomes else 200
        if isinstance(outcome, Exception):
            raise outcome
        return Answer(status=outcome)


class Naps:
    """Sleeps at once and remembers how long it should have been."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


def retrying(transport: Scripted, naps: Naps, budget: RetryBudget | None = None) -> Retrying:
    return Retrying(transport, sleep=naps, random=lambda: 0.5, budget=budget or RetryBudget())


@pytest.mark.parametrize("fault", [408, 500, 502, 503, 504, LOST])
async def test_passing_fault_is_tried_again(fault: int | Exception) -> None:
    """Half a second, doubled each time, times a random part of it."""
    transport, naps = Scripted(fault, fault, fault), Naps()

    answer = await retrying(transport, naps).send(POST)

    assert (answer.status, transport.sent) == (200, 4)
    assert naps.taken == [0.5, 1.0, 2.0]


async def test_fifth_failure_is_the_answer() -> None:
    """After five tries the last answer speaks."""
    transport, naps = Scripted(*[503] * 9), Naps()

    assert (await retrying(transport, naps).send(POST)).status == 503
    assert transport.sent == 5


async def test_fifth_lost_answer_is_raised() -> None:
    """The same for answers that never came."""
    transport, naps = Scripted(*[LOST] * 9), Naps()

    with pytest.raises(TransportFailed, match="silent"):
        await retrying(transport, naps).send(POST)

    assert transport.sent == 5


@pytest.mark.parametrize("status", [200, 204, 301, 302, 400, 401, 403, 404, 406, 409, 413, 422])
async def test_final_answers_are_not_tried_again(status: int) -> None:
    """They would be the same."""
    transport, naps = Scripted(status), Naps()

    assert (await retrying(transport, naps).send(POST)).status == status
    assert (transport.sent, naps.taken) == (1, [])


async def test_missing_token_is_not_tried_again() -> None:
    """A second look at the same file gives the same."""
    transport = Scripted(CredentialsRefused("empty"))

    with pytest.raises(CredentialsRefused):
        await retrying(transport, Naps()).send(POST)

    assert transport.sent == 1


async def test_429_waits_nowhere_but_in_the_pacer() -> None:
    """A second wait on top of the server's would only lose allowance."""
    transport, naps = Scripted(429, 429, 429), Naps()

    assert (await retrying(transport, naps, RetryBudget(retries=0)).send(POST)).status == 200
    assert set(naps.taken) == {0.0}


async def test_429_without_end_is_the_answer() -> None:
    """Whoever waits in vain for many windows gives up."""
    transport = Scripted(*[429] * 99)

    assert (await retrying(transport, Naps()).send(POST)).status == 429
    assert transport.sent == THROTTLED_TRIES


async def test_budget_is_shared_and_refilled_by_success() -> None:
    """Retries are a tenth of what succeeds, whatever page they are for."""
    transport, naps = Scripted(*[503] * 14), Naps()
    client = retrying(transport, naps, RetryBudget(retries=3))

    statuses = [(await client.send(POST)).status for _ in range(11)]
    assert statuses == [503] * 11
    assert transport.sent == 14
    for _ in range(10):
        await client.send(POST)
    transport.outcomes.append(503)

    assert (await client.send(POST)).status == 200


CREATE = Request(method="POST", path="/ai/content_import_sources", body={}, repeatable=False)


@pytest.mark.parametrize("fault", [500, 408, LOST])
async def test_request_that_may_not_repeat_is_sent_once(fault: int | Exception) -> None:
    """A second creation might make a second source."""
    transport = Scripted(fault)

    with contextlib.suppress(TransportFailed):
        await retrying(transport, Naps()).send(CREATE)

    assert transport.sent == 1


@pytest.mark.parametrize("fault", [429, TransportFailed("no connection", may_have_arrived=False)])
async def test_request_that_surely_did_nothing_may_repeat(fault: int | Exception) -> None:
    """A refused connection and a full window made nothing."""
    transport = Scripted(fault)

    assert (await retrying(transport, Naps()).send(CREATE)).status == 200


@pytest.mark.parametrize(
    ("before", "unsure"),
    [
        ([], False),
        ([429], False),
        ([TransportFailed("refused", may_have_arrived=False)], False),
        ([503], True),
        ([LOST], True),
    ],
    ids=["first", "throttled", "no connection", "503", "lost"],
)
async def test_answer_after_a_lost_one_says_so(before: list[int | Exception], unsure: bool) -> None:
    """A refusal of the last try says nothing of what became of an earlier one."""
    transport, naps = Scripted(*before, 422), Naps()

    assert (await retrying(transport, naps).send(POST)).unsure is unsure
