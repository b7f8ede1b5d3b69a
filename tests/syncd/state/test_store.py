from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from syncd.apply import StateStore
from syncd.journal import Hold
from syncd.state.rows import Outcome
from syncd.state.store import SqlStateStore
from syncd.state.tables import outcomes
from syncd.testing.state import MemoryStateStore, StateStoreContract


class TestMemoryStateStore(StateStoreContract):
    @pytest.fixture
    def store(self) -> StateStore:
        return MemoryStateStore()

    def outcomes(self, store: StateStore, run: int) -> list[Outcome]:
        assert isinstance(store, MemoryStateStore)
        return [line for number, _, line in store.outcomes if number == run]

    def approve(self, store: StateStore, *, count: int, until: float) -> Hold:
        assert isinstance(store, MemoryStateStore)
        return store.approve("s", count=count, by="ada", at=6.0, until=until)


class TestSqlStateStore(StateStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[StateStore]:
        with SqlStateStore(f"sqlite:///{tmp_path}/state/syncd.db") as store:
            yield store

    def outcomes(self, store: StateStore, run: int) -> list[Outcome]:
        assert isinstance(store, SqlStateStore)
        columns = [outcomes.c[name] for name in Outcome._fields]
        query = select(*columns).where(outcomes.c.run == run).order_by(outcomes.c.id)
        return store.read(lambda connection: [Outcome._make(row) for row in connection.execute(query)])

    def approve(self, store: StateStore, *, count: int, until: float) -> Hold:
        assert isinstance(store, SqlStateStore)
        with SqlStateStore(f"sqlite:///{store.path}") as other:
            return other.approve("s", count=count, by="ada", at=6.0, until=until)
