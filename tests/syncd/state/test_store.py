from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from syncd.decision import Decision
from syncd.journal import (
    Absent,
    Deleted,
    Deleting,
    Entry,
    Failed,
    Hold,
    Intent,
    Noted,
    Returned,
    Sent,
    Skipped,
    Uncertain,
    Unchanged,
)
from syncd.model import Action
from syncd.protocols import StateStore
from syncd.state.rows import Outcome, Row
from syncd.state.store import SqlStateStore
from syncd.state.tables import outcomes, records
from syncd.testing.entries import failed, sent
from syncd.testing.memory import MemoryStateStore
from syncd.testing.state import StateStoreContract
from tests.postgres import execute


class TestMemoryStateStore(StateStoreContract):
    @pytest.fixture
    def store(self) -> StateStore:
        return MemoryStateStore()

    def outcomes(self, store: StateStore, run: int) -> list[Outcome]:
        assert isinstance(store, MemoryStateStore)
        return [line for number, _, line in store.outcomes if number == run]

    def decide(self, store: StateStore, decision: Decision, *, at: float = 6.0) -> Hold | None:
        assert isinstance(store, MemoryStateStore)
        return store.decide("s", decision, at=at)


class SqlStateStoreContract(StateStoreContract):
    """What is promised, asked of the rows themselves."""

    url: str

    def outcomes(self, store: StateStore, run: int) -> list[Outcome]:
        assert isinstance(store, SqlStateStore)
        columns = [outcomes.c[name] for name in Outcome._fields]
        query = select(*columns).where(outcomes.c.run == run).order_by(outcomes.c.id)
        return store.read(lambda connection: [Outcome._make(row) for row in connection.execute(query)])

    def decide(self, store: StateStore, decision: Decision, *, at: float = 6.0) -> Hold | None:
        assert isinstance(store, SqlStateStore)
        with SqlStateStore(self.url) as other:
            return other.decide("s", decision, at=at)


class TestSqlite(SqlStateStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[StateStore]:
        self.url = f"sqlite:///{tmp_path}/state/syncd.db"
        with SqlStateStore(self.url) as store:
            yield store

    def test_everything_is_there_after_a_restart(self, tmp_path: Path) -> None:
        """What a call wrote is on the disk when it returns."""
        url = f"sqlite:///{tmp_path}/syncd.db"
        with SqlStateStore(url) as store:
            self.post(store, sent("a", links=(("path:b.md", "u"),)), failed("b"))
            self.finish(store, store.start("s", trigger="test", at=1.0), hold=self.HOLD)
            before = store.records("s"), store.links("s"), store.urls("s"), store.before("s")

        with SqlStateStore(url) as store:
            assert (store.records("s"), store.links("s"), store.urls("s"), store.before("s")) == before
            assert store.before("s").standing == self.STANDING


class TestPostgres(SqlStateStoreContract):
    @pytest.fixture
    def store(self, postgres_url: str) -> Iterator[StateStore]:
        self.url = postgres_url
        with SqlStateStore(postgres_url) as store:
            yield store

    def wait(self, store: StateStore, seconds: float) -> None:
        execute(self.url, f"UPDATE leases SET until = until - {seconds} WHERE until > 0")


# -- the two stores behave alike --------------------------------------------------------------------------

_IDS = st.sampled_from(["a", "b", "c/\U0001f600'", "d"])
_LINKS = st.lists(
    st.tuples(st.sampled_from(["path:a", "id:b"]), st.none() | st.sampled_from(["u1", "u2"])), max_size=3
).map(tuple)
_TEXT = st.text(max_size=4)
_ENTRIES = st.one_of(
    st.builds(Intent, external_id=_IDS, content_hash=_TEXT),
    st.builds(
        Sent,
        external_id=_IDS,
        page_id=_TEXT,
        version=_TEXT,
        content_hash=_TEXT,
        remote_digest=_TEXT,
        rules=_TEXT,
        title=_TEXT,
        url=st.none() | _TEXT,
        links=_LINKS,
        action=st.sampled_from([Action.CREATE, Action.UPDATE]),
        reason=_TEXT,
        hash_before=st.none() | _TEXT,
    ),
    st.builds(Unchanged, external_id=_IDS, version=_TEXT, rules=_TEXT, links=_LINKS),
    st.builds(Failed, external_id=_IDS, version=_TEXT, rules=_TEXT, error=_TEXT, retry=st.booleans()),
    st.builds(Skipped, external_id=_IDS, version=_TEXT, rules=_TEXT, reason=_TEXT),
    st.builds(Uncertain, external_id=_IDS, error=_TEXT),
    st.builds(Absent, external_id=_IDS),
    st.builds(Returned, external_id=_IDS),
    st.builds(Deleting, external_id=_IDS),
    st.builds(
        Deleted, external_id=_IDS, page_id=st.none() | _TEXT, evidence=_TEXT, hash_before=st.none() | _TEXT
    ),
    st.builds(Noted, external_id=_IDS, action=st.sampled_from(Action), reason=_TEXT),
)


@settings(max_examples=60, deadline=None)
@given(batches=st.lists(st.lists(_ENTRIES, max_size=8), max_size=5))
def test_sql_store_equals_the_one_in_memory(batches: list[list[Entry]]) -> None:
    """Whatever is written, in whatever batches, both stores give the same answers."""
    memory = MemoryStateStore()
    with TemporaryDirectory() as folder, SqlStateStore(f"sqlite:///{folder}/syncd.db") as sql:
        stores: tuple[StateStore, ...] = (memory, sql)
        for number, batch in enumerate(batches):
            for store in stores:
                store.write("s", store.start("s", trigger="test", at=number), batch, at=float(number))

        assert sql.records("s") == memory.records("s")
        assert sorted(sql.links("s"), key=repr) == sorted(memory.links("s"), key=repr)
        assert sql.linking("s", ["path:a"]) == memory.linking("s", ["path:a"])
        assert sql.urls("s") == memory.urls("s")
        assert sql.remote_digests("s") == memory.remote_digests("s")
        columns = [records.c[name] for name in Row._fields]
        kept = sql.read(lambda connection: connection.execute(select(*columns)).all())
        assert {row[0]: Row._make(row) for row in kept} == memory.rows.get("s", {})
        for run in memory.runs:
            assert TestSqlite().outcomes(sql, run) == TestMemoryStateStore().outcomes(memory, run)
