"""Part of the contract: runs, what they leave behind, and what they are at."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.errors import ConfigError, StateStoreError
from syncd.journal import (
    Standing,
)
from syncd.protocols import StateStore
from syncd.testing.entries import intent
from syncd.testing.state.base import StoreTests


class RunContract(StoreTests):
    """A run is opened and closed, and the next one knows what it left."""

    def test_runs_have_numbers_that_grow(self, store: StateStore) -> None:
        """No two runs share a number, whatever their source."""
        numbers = [store.start(source, trigger="test", at=1.0) for source in ("s", "t", "s")]

        assert numbers == sorted(set(numbers))

    def test_standing_comes_back(self, store: StateStore) -> None:
        """What is remembered of the source as a whole survives to the next run."""
        self.finish(store, store.start("s", trigger="test", at=1.0))

        assert store.before("s").standing == self.STANDING
        assert store.before("t").standing == Standing()

    def test_revision_can_be_forgotten_alone(self, store: StateStore) -> None:
        """It is, before the first row tells of more than that revision."""
        store.unsettle("s")
        self.finish(store, store.start("s", trigger="test", at=1.0))
        store.unsettle("s")

        assert store.before("s").standing == replace(self.STANDING, revision=None)

    def test_thorough_run_takes_the_revision_back(self, store: StateStore) -> None:
        """Should it be killed, the next run must not take the origin's word that there is nothing to do."""
        self.finish(store, store.start("s", trigger="test", at=1.0))

        store.start("s", trigger="test", at=2.0, thorough=True)

        assert store.before("s").standing == replace(self.STANDING, revision=None)

    def test_finish_of_an_unknown_run_is_refused(self, store: StateStore) -> None:
        """A state that was replaced under a run must not take over what that run believed."""
        with pytest.raises(StateStoreError):
            self.finish(store, 41)

        assert store.before("s").standing == Standing()

    def test_hold_opens_and_closes(self, store: StateStore) -> None:
        """A hold is open from the run that found it to the run that finds it no more."""
        self.finish(store, store.start("s", trigger="test", at=1.0), hold=self.HOLD)
        assert list(store.before("s").holds.values()) == [self.HOLD]
        assert list(store.before("t").holds.values()) == []

        self.finish(store, store.start("s", trigger="test", at=2.0))
        assert list(store.before("s").holds.values()) == []

    def test_approval_is_on_the_hold(self, store: StateStore) -> None:
        """The next run reads how many pages may go, and until when."""
        self.finish(store, store.start("s", trigger="test", at=1.0), hold=self.HOLD)

        approved = self.approve(store, count=12, until=99.0)

        assert approved == replace(self.HOLD, approved=12, approved_until=99.0, approved_by="ada")
        assert list(store.before("s").holds.values()) == [approved]

    def test_approval_during_a_run_is_kept(self, store: StateStore) -> None:
        """A run that could not know of an approval must not take it away."""
        self.finish(store, store.start("s", trigger="test", at=1.0), hold=self.HOLD)
        run = store.start("s", trigger="test", at=2.0)
        (seen,) = store.before("s").holds.values()
        approved = self.approve(store, count=12, until=99.0)

        self.finish(store, run, hold=seen, found=seen)

        assert list(store.before("s").holds.values()) == [approved]

    def test_approval_that_a_run_used_up_is_gone(self, store: StateStore) -> None:
        """A run that knew of the approval decides what is left of it."""
        self.finish(store, store.start("s", trigger="test", at=1.0), hold=self.HOLD)
        self.approve(store, count=12, until=99.0)
        run = store.start("s", trigger="test", at=2.0)
        (known,) = store.before("s").holds.values()

        self.finish(store, run, hold=self.HOLD, found=known)

        assert list(store.before("s").holds.values()) == [self.HOLD]

    def test_approval_without_a_hold_is_refused(self, store: StateStore) -> None:
        """Nobody can approve deletions in advance."""
        with pytest.raises(ConfigError):
            self.approve(store, count=12, until=99.0)

    def test_approval_of_nothing_is_refused(self, store: StateStore) -> None:
        """An approval names at least one page."""
        self.finish(store, store.start("s", trigger="test", at=1.0), hold=self.HOLD)

        with pytest.raises(ConfigError):
            self.approve(store, count=0, until=99.0)

    def test_marks_stay_until_the_run_ends(self, store: StateStore) -> None:
        """A run that was killed never comes to take them away; the newest marks count."""
        run = store.start("s", trigger="test", at=1.0)
        store.mark("s", ["a", "b"])
        store.mark("s", ["b", "c", "c"])
        assert store.before("s").marks == {"b": False, "c": False}
        assert store.before("t").marks == {}

        store.mark_alone("s", "b")
        store.mark_alone("s", "d")
        assert store.before("s").marks == {"b": False, "c": False, "d": True}

        self.finish(store, run)
        assert store.before("s").marks == {}

    def test_entry_takes_the_mark_of_its_page_away(self, store: StateStore) -> None:
        """What is told of a page was made of it: it did not kill the process."""
        store.mark("s", ["a", "b"])

        self.post(store, intent("a"))

        assert store.before("s").marks == {"b": False}
