"""The one place that sends a request again: nothing above or below it has a loop of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.clock import Random, Sleep
from syncd.intercom.transport import Answer, Request, Transport, TransportFailed

if TYPE_CHECKING:
    from tenacity import RetryCallState

TRIES = 5
BASE_S = 0.5
CAP_S = 60.0
# A 429 says that nothing was done, and before the next try the pacer waits for the window's end.
THROTTLED_TRIES = 12


class RetryBudget:
    """Lets retries be a tenth of what succeeds, so that a server in trouble is not asked five times as much.

    One for each run. Amazon's builders' library, "Timeouts, retries and backoff with jitter", says why.
    """

    def __init__(self, *, retries: int = 10, successes: int = 10) -> None:
        """Start with so many retries, the most that can be saved up; so many successes earn one more."""
        self._price = successes
        self._most = retries * successes
        self._saved = self._most

    def succeeded(self) -> None:
        """A request was answered."""
        self._saved = min(self._most, self._saved + 1)

    def spend(self) -> bool:
        """Take one retry if there is one."""
        if self._saved < self._price:
            return False
        self._saved -= self._price
        return True


class Retrying:
    """A transport that sends a request again after a passing fault.

    408, 5xx and no answer wait with full jitter, at most five tries; 429 goes straight back to the pacer,
    which waits for the server's reset. Every other answer is returned as it is. A request that is not
    `repeatable` is sent again only if the server surely did nothing.
    """

    def __init__(self, transport: Transport, *, sleep: Sleep, random: Random, budget: RetryBudget) -> None:
        self._transport = transport
        self._sleep = sleep
        self._random = random
        self._budget = budget

    async def send(self, request: Request) -> Answer:
        # Loaded with the first request: a run that finds nothing to send does without.
        from tenacity import AsyncRetrying

        course = _Course(request, self._budget, self._random)
        again = AsyncRetrying(sleep=self._sleep, retry=course.again, wait=course.wait_s)
        answer: Answer = await again(self._transport.send, request)
        return replace(answer, unsure=True) if course.unsure else answer


class _Course:
    """What happened to one request so far.

    Attributes:
        unsure: a try may have been carried out without a word of it.
    """

    def __init__(self, request: Request, budget: RetryBudget, random: Random) -> None:
        self._request = request
        self._budget = budget
        self._random = random
        self.unsure = False
        self._faults = 0
        self._throttled = 0

    def again(self, state: RetryCallState) -> bool:
        """Whether the last outcome asks for another try."""
        outcome = state.outcome
        assert outcome is not None  # tenacity asks only after a try
        error = outcome.exception()
        if isinstance(error, TransportFailed):
            return self._fault(undone=not error.may_have_arrived)
        if error is not None:
            return False
        status = outcome.result().status
        if status == 429:
            self._throttled += 1
            return self._throttled < THROTTLED_TRIES
        if status == 408 or status >= 500:
            return self._fault(undone=False)
        self._budget.succeeded()
        return False

    def _fault(self, *, undone: bool) -> bool:
        self._faults += 1
        self.unsure |= not undone
        if self._faults >= TRIES or not (self._request.repeatable or undone):
            return False
        return self._budget.spend()

    def wait_s(self, state: RetryCallState) -> float:
        """Seconds before the next try: none after a 429, since the pacer waits."""
        outcome = state.outcome
        if outcome is not None and outcome.exception() is None and outcome.result().status == 429:
            return 0.0
        return self._random() * min(CAP_S, BASE_S * 2.0**self._faults)
