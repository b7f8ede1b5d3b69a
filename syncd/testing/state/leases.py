"""What every StateStore promises about leases: which process may write for a source."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.errors import LeaseLost, SourceBusy
from syncd.journal import Intent, Lease, Standing
from syncd.model import Report, Result
from syncd.protocols import StateStore

LENGTH_S = 60.0


class LeaseContract:
    """A part of StateStoreContract."""

    def wait(self, store: StateStore, seconds: float) -> None:
        """Let time pass for the leases of a store that goes by a clock of its own."""

    def acquire(self, store: StateStore, owner: str, *, at: float = 100.0) -> Lease:
        """Take the lease of source "s"."""
        return store.acquire("s", owner=owner, until=at + LENGTH_S, at=at)

    def close(self, store: StateStore, run: int, *, epoch: int) -> None:
        """Close a run of source "s" that found nothing."""
        store.finish(
            "s",
            run,
            report=Report(name="s", result=Result.OK),
            standing=Standing(),
            holds=[],
            found=[],
            revision=None,
            at=101.0,
            epoch=epoch,
        )

    def test_lease_that_is_held_is_refused(self, store: StateStore) -> None:
        """The message names who has it; another source is another lease."""
        self.acquire(store, "ada")

        with pytest.raises(SourceBusy, match="ada"):
            self.acquire(store, "bob")
        assert store.acquire("t", owner="bob", until=160.0, at=100.0).owner == "bob"

    def test_lease_that_was_given_back_is_free(self, store: StateStore) -> None:
        """At once, with an epoch of its own, and as long as was asked for."""
        first = self.acquire(store, "ada")
        store.release(first)

        lease = self.acquire(store, "bob")

        assert (lease.owner, lease.epoch > first.epoch, lease.former) == ("bob", True, None)
        assert lease.until - lease.since == pytest.approx(LENGTH_S, abs=1.0)
        with pytest.raises(SourceBusy, match="bob"):
            self.acquire(store, "cleo")

    def test_lease_that_ran_out_is_taken_over(self, store: StateStore) -> None:
        """What its owner had under way becomes ambiguous, and its run is closed."""
        first = self.acquire(store, "ada").epoch
        run = store.start("s", trigger="test", at=100.0, epoch=first)
        store.write("s", run, [Intent(external_id="a", content_hash="h")], at=100.0, epoch=first)
        self.wait(store, LENGTH_S + 1)

        lease = self.acquire(store, "bob", at=100.0 + LENGTH_S + 1)

        assert (lease.epoch > first, lease.former) == (True, "ada")
        assert store.records("s")["a"].ambiguous_at is not None

    def test_epoch_goes_by_the_clock(self, store: StateStore) -> None:
        """A database that lost its last commits must not give one twice, to two processes."""
        first = self.acquire(store, "ada")
        self.wait(store, LENGTH_S + 1)

        second = self.acquire(store, "bob", at=100.0 + LENGTH_S + 1)

        assert second.epoch - first.epoch >= 1000 * (second.since - first.since) - 1

    def test_former_owner_writes_nothing(self, store: StateStore) -> None:
        """Whatever it still wants to say, and even if nothing else changed."""
        first = self.acquire(store, "ada").epoch
        run = store.start("s", trigger="test", at=100.0, epoch=first)
        self.wait(store, LENGTH_S + 1)
        self.acquire(store, "bob", at=100.0 + LENGTH_S + 1)

        with pytest.raises(LeaseLost):
            store.start("s", trigger="test", at=101.0, epoch=first)
        with pytest.raises(LeaseLost):
            store.write("s", run, [Intent(external_id="a", content_hash="h")], at=1.0, epoch=first)
        with pytest.raises(LeaseLost):
            self.close(store, run, epoch=first)
        assert store.records("s") == {}

    def test_lease_of_another_owner_is_not_renewed(self, store: StateStore) -> None:
        """Whatever its epoch."""
        lease = self.acquire(store, "ada")

        with pytest.raises(LeaseLost):
            store.renew(replace(lease, owner="bob"), until=200.0, at=100.0)

    def test_end_of_a_run_gives_the_lease_back(self, store: StateStore) -> None:
        """And a renewal that was under way meanwhile does not take it again."""
        lease = self.acquire(store, "ada")
        self.close(store, store.start("s", trigger="test", at=100.0, epoch=lease.epoch), epoch=lease.epoch)

        store.renew(lease, until=200.0, at=100.0)

        assert self.acquire(store, "bob").former is None
