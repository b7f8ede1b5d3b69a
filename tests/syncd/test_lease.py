from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from syncd.errors import LeaseLost, SourceBusy, StateStoreError
from syncd.journal import Lease
from syncd.lanes import ThreadLane
from syncd.lease import HeldLease
from syncd.testing.entries import intent
from syncd.testing.memory import MemoryStateStore

LENGTH_S = 60.0


class Clock:
    """Two clocks that a test moves: both, or one alone as in standby or when the time is set."""

    def __init__(self, naps: Naps) -> None:
        self.wall, self.steady = 1000.0, 0.0
        self.sleep = naps

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def move(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


class Naps:
    """A sleep that ends when the test says so."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._naps = asyncio.Queue[asyncio.Future[None]]()

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        nap: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._naps.put_nowait(nap)
        await nap

    async def end(self) -> None:
        """Wait until somebody sleeps, and wake it."""
        (await self._naps.get()).set_result(None)

    async def again(self) -> None:
        """Wait until somebody sleeps, and let it sleep."""
        nap = await self._naps.get()
        self._naps.put_nowait(nap)


class Breaking(MemoryStateStore):
    """A store that can be out of reach."""

    away = False

    def renew(self, lease: Lease, *, until: float, at: float) -> Lease:
        if self.away:
            raise StateStoreError("connection lost")
        return super().renew(lease, until=until, at=at)

    def release(self, lease: Lease) -> None:
        if self.away:
            raise StateStoreError("connection lost")
        super().release(lease)


class Bench:
    def __init__(self, keep: ThreadLane) -> None:
        self.store, self.naps, self.keep = Breaking(), Naps(), keep
        self.clock = Clock(self.naps)

    def lease(self, owner: str = "ada") -> HeldLease:
        return HeldLease(
            self.store,
            keep=self.keep,
            clock=self.clock,
            source="s",
            owner=owner,
            length_s=LENGTH_S,
        )


async def until_ended(held: HeldLease) -> None:
    """Wait until no renewal is tried any more."""
    assert held._renewing is not None
    await held._renewing


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with ThreadLane("keep") as keep:
        yield Bench(keep)


async def test_lease_is_given_back(bench: Bench) -> None:
    """The next run need not wait, even one right after."""
    async with bench.lease() as first:
        pass
    async with bench.lease("bob") as second:
        assert (second.lease.epoch > first.lease.epoch, second.lease.former) == (True, None)


async def test_lease_that_the_end_of_a_run_gave_back_is_left_alone(bench: Bench) -> None:
    """Nothing is left to be said to the store, and nothing is renewed."""
    async with bench.lease() as held:
        held.given_back()
        bench.store.away = True
    bench.store.away = False

    assert bench.store.leases["s"] == held.lease


async def test_held_source_is_refused(bench: Bench) -> None:
    """The second process is told who has it, and does not disturb the first one."""
    async with bench.lease() as held:
        with pytest.raises(SourceBusy, match="ada"):
            async with bench.lease("bob"):
                raise AssertionError
        held.fence()


async def test_lease_is_renewed_at_a_third(bench: Bench) -> None:
    """So a trip may take as long as it needs."""
    async with bench.lease() as held:
        for _ in range(6):
            bench.clock.move(20)
            await bench.naps.end()
            await bench.naps.again()
            held.fence()
        assert bench.store.leases["s"].until == 1000 + 6 * 20 + LENGTH_S
    assert bench.naps.asked == [20.0] * 7


async def test_p11_holder_stops_itself_at_two_thirds(bench: Bench) -> None:
    """Without a renewal it sends nothing more, well before anybody else may begin."""
    async with bench.lease() as held:
        bench.clock.move(40)
        held.fence()
        bench.clock.move(1)
        with pytest.raises(LeaseLost, match="not renewed for 41 s"):
            held.fence()


async def test_standby_counts(bench: Bench) -> None:
    """The monotonic clock stands still while the machine is suspended; the lease of others does not."""
    async with bench.lease() as held:
        bench.clock.wall += 41
        with pytest.raises(LeaseLost):
            held.fence()


async def test_clock_that_is_set_back_counts(bench: Bench) -> None:
    """A wall clock that is set back does not make a lease longer."""
    async with bench.lease() as held:
        bench.clock.wall -= 3600
        bench.clock.move(41)
        with pytest.raises(LeaseLost):
            held.fence()


async def test_fence_stays_down(bench: Bench) -> None:
    """A run that was told once to stop is not let go on by a late renewal."""
    async with bench.lease() as held:
        await bench.naps.again()
        bench.clock.move(41)
        with pytest.raises(LeaseLost):
            held.fence()
        await bench.naps.end()
        await until_ended(held)
        with pytest.raises(LeaseLost):
            held.fence()


async def test_takeover_is_noticed_at_the_next_renewal(bench: Bench) -> None:
    """The holder's own clock may stand still, and tell it nothing."""
    async with bench.lease() as held:
        bench.store.acquire("s", owner="bob", until=2000.0, at=1100.0)
        await bench.naps.end()
        await until_ended(held)
        with pytest.raises(LeaseLost, match="bob"):
            held.fence()
    assert bench.store.leases["s"].until == 2000.0


async def test_renewal_that_fails_is_tried_again_soon(bench: Bench) -> None:
    """A store that is away for a moment costs no run; one that stays away fences it."""
    async with bench.lease() as held:
        bench.clock.move(20)
        bench.store.away = True
        await bench.naps.end()
        await bench.naps.again()
        bench.clock.move(3)
        held.fence()
        bench.store.away = False
        await bench.naps.end()
        await bench.naps.again()
        bench.clock.move(40)
        held.fence()
    assert bench.naps.asked == [20.0, 3.0, 20.0]


async def test_store_that_cannot_be_told_ends_no_run(bench: Bench) -> None:
    """A lease that cannot be given back ends by itself, and what waited is taken over then."""
    async with bench.lease():
        bench.store.away = True
    bench.store.write("s", bench.store.start("s", trigger="test", at=1001.0), [intent("a")], at=1001.0)
    bench.clock.move(61)
    async with bench.lease("bob") as held:
        assert held.lease.former == "ada"
        assert bench.store.records("s")["a"].ambiguous_at == 1061.0
