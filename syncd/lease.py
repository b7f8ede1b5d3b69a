"""Hold a source's lease for as long as a trip goes on, and let nothing more be sent when it is in doubt."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType

from syncd.errors import LeaseLost, StateStoreError
from syncd.journal import Lease
from syncd.protocols import Clock, Lane, StateStore

RENEW_AT = 1 / 3
"""Part of a lease after which it is renewed."""

FENCE_AT = 2 / 3
"""Part of a lease after which, without a renewal, nothing is sent any more."""

RETRY_AT = 1 / 20
"""Part of a lease after which a renewal that failed is tried again."""


class HeldLease(AbstractAsyncContextManager["HeldLease"]):
    """Acquired on entry, renewed beside the trip, given back on exit.

    The lease alone does not keep two processes apart, since one may sleep between a look at the clock and
    what it does next: so the store checks the epoch with each write, and a takeover makes ambiguous what
    the former owner may still be sending.
    """

    def __init__(
        self,
        store: StateStore,
        *,
        keep: Lane,
        clock: Clock,
        source: str,
        owner: str,
        length_s: float,
    ) -> None:
        """Take nothing yet; `owner`: this process, in words for the one that finds the source taken."""
        self._store = store
        self._keep = keep
        self._clock = clock
        self._source = source
        self._owner = owner
        self._length_s = length_s
        self._lease: Lease | None = None
        self._renewed = (0.0, 0.0)
        self._lost: LeaseLost | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._is_given_back = False

    @property
    def lease(self) -> Lease:
        """What is held, as it was last renewed."""
        assert self._lease is not None, "only inside the context"
        return self._lease

    def fence(self) -> None:
        """Return if a write may be sent now.

        Raises:
            LeaseLost: the lease was taken over, or two thirds of it passed without a renewal.
        """
        if self._lost is not None:
            raise self._lost
        passed = max(now - then for now, then in zip(self._moment(), self._renewed, strict=True))
        if passed > self._length_s * FENCE_AT:
            self._lost = LeaseLost(
                f"the lease of source {self._source} was not renewed for {passed:.0f} s, so that another "
                "process may have taken over.\nThe run was abandoned; the next one goes on from here."
            )
            raise self._lost

    def given_back(self) -> None:
        """Hear that what was written last gave it back."""
        assert self._renewing is not None, "only inside the context"
        self._renewing.cancel()
        self._is_given_back = True

    async def __aenter__(self) -> HeldLease:
        """Take the lease.

        Raises:
            SourceBusy: another process has it.
            StateStoreError: the store cannot tell.
        """
        self._renewed = self._moment()
        now = self._clock.now()
        self._lease = await self._keep(
            self._store.acquire, self._source, owner=self._owner, until=now + self._length_s, at=now
        )
        self._renewing = asyncio.create_task(self._renew())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._renewing is not None
        self._renewing.cancel()
        await asyncio.gather(self._renewing, return_exceptions=True)
        if self._is_given_back:
            return
        # A store that cannot be reached cannot be told: then the lease ends by itself.
        with suppress(StateStoreError):
            await self._keep(self._store.release, self.lease)

    async def _renew(self) -> None:
        wait = RENEW_AT
        while self._lost is None:
            await self._clock.sleep(self._length_s * wait)
            # The moment before the request counts: nobody knows how long the answer was under way.
            moment, now = self._moment(), self._clock.now()
            try:
                self._lease = await self._keep(
                    self._store.renew, self.lease, until=now + self._length_s, at=now
                )
            except LeaseLost as lost:
                self._lost = lost
            except StateStoreError:
                wait = RETRY_AT  # the fence falls by itself if this goes on
            else:
                self._renewed, wait = moment, RENEW_AT

    def _moment(self) -> tuple[float, float]:
        # The monotonic clock stands still while the machine is suspended, and the other one may be set
        # back: whichever went further counts.
        return self._clock.monotonic(), self._clock.now()
