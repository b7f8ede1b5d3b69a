"""What the parts of the contract of a StateStore share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.decision import (
    Approve,
    Decision,
    Question,
)
from syncd.journal import (
    Entry,
    Hold,
    Standing,
)
from syncd.model import Record, Report, Result
from syncd.protocols import StateStore
from syncd.state.rows import Outcome


class StoreTests:
    """What the parts of StateStoreContract do again and again; they speak of the source "s"."""

    refused: frozenset[str] = frozenset()
    """What the last `post` was refused."""

    @pytest.fixture
    def store(self) -> StateStore:
        """An empty store."""
        raise NotImplementedError

    def outcomes(self, store: StateStore, run: int) -> list[Outcome]:
        """The audit trail of a run, in order."""
        raise NotImplementedError

    def decide(self, store: StateStore, decision: Decision, *, at: float = 6.0) -> Hold | None:
        """Decide about source "s", in the way of a person who uses another connection."""
        raise NotImplementedError

    def approve(self, store: StateStore, *, count: int, until: float) -> Hold:
        """Approve the deletes that source "s" holds."""
        hold = self.decide(store, Approve(question=Question.DELETES, count=count, until=until, by="ada"))
        assert hold is not None
        return hold

    def post(self, store: StateStore, *entries: Entry, at: float = 10.0) -> int:
        """Write the entries in a run of their own, and return its number."""
        run = store.start("s", trigger="test", at=at)
        self.refused = store.write("s", run, entries, at=at)
        return run

    def record(self, store: StateStore, external_id: str = "a") -> Record:
        """The record of one page, which must exist."""
        return store.records("s")[external_id]

    HOLD = Hold(kind="deletions", count=12, digest="d", reason="12 of 40 pages", since=5.0)
    STANDING = Standing(
        import_source_id=2**40,
        import_source_url="https://docs.example",
        revision="r9",
        origin_revision="r9",
        identity="device 1",
        fingerprint="f",
        rules="r1",
        listed=3,
        completed_at=12.5,
    )

    def finish(
        self,
        store: StateStore,
        run: int,
        *,
        hold: Hold | None = None,
        found: Hold | None = None,
        at: float = 20.0,
        decisions: int = 0,
        epoch: int | None = None,
    ) -> None:
        """Close a run of source "s" that knew of so many decisions and of the hold that it `found`."""
        store.finish(
            "s",
            run,
            report=Report(name="s", result=Result.OK, listed=3),
            standing=replace(self.STANDING, decisions=decisions),
            holds=[] if hold is None else [hold],
            found=[] if found is None else [found],
            revision="r9",
            at=at,
            epoch=epoch,
        )
