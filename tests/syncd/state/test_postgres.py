from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text

from syncd.errors import StateStoreError
from syncd.state import migrate
from syncd.state.opening import schema_of
from syncd.state.postgres import Server
from syncd.state.store import SqlStateStore
from syncd.state.tables import metadata
from syncd.testing.entries import intent, sent
from tests import postgres


@pytest.fixture
def store(postgres_url: str) -> Iterator[SqlStateStore]:
    with SqlStateStore(postgres_url) as store:
        yield store


def post(store: SqlStateStore, external_id: str) -> None:
    store.write("s", store.start("s", trigger="test", at=1.0), [intent(external_id)], at=1.0)


def base(url: str) -> str:
    """The database, whatever the schema."""
    return url.rpartition("schema=")[0].rstrip("?&")


def end_all_connections(url: str) -> None:
    """What a restart of the server does to its clients."""
    with psycopg.connect(base(url), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'syncd' AND pid != pg_backend_pid()"
        )


def test_reading_an_empty_database_makes_nothing(postgres_url: str) -> None:
    """Looking never writes, not even a schema."""
    with SqlStateStore(postgres_url, read_only=True) as store:
        assert (store.schema(), store.records("s")) == (None, {})
    assert schema_of(postgres_url) is None


def test_other_tables_are_left_alone(postgres_url: str, store: SqlStateStore) -> None:
    """A database may be shared: ours stand in a schema of their own."""
    schema = postgres_url.rpartition("schema=")[2]
    with psycopg.connect(base(postgres_url), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS public.records (mine text)")
        post(store, "a")
        found = connection.execute(
            "SELECT schemaname FROM pg_tables WHERE tablename = 'records' AND schemaname = ANY(%s)",
            (["public", schema],),
        ).fetchall()
        connection.execute("DROP TABLE public.records")

    assert sorted(found) == sorted([("public",), (schema,)])
    assert set(store.records("s")) == {"a"}


def test_migrations_make_the_tables_of_the_code(postgres_url: str, store: SqlStateStore) -> None:
    """One history serves both databases; no column or index stands in one place only."""
    schema = postgres_url.rpartition("schema=")[2]
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(base(postgres_url), options=f"-csearch_path={schema}"),
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": migrate.VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_many_processes_make_the_schema_at_once(postgres_url: str) -> None:
    """One of them does the work, the others find it done."""
    errors: list[Exception] = []

    def work() -> None:
        try:
            SqlStateStore(postgres_url).close()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert schema_of(postgres_url) == migrate.HEAD


def test_f63_newer_schema_is_left_alone(postgres_url: str, store: SqlStateStore) -> None:
    """An old program must not write into what a newer one made."""
    postgres.execute(postgres_url, "UPDATE syncd_version SET version_num = '0999'")

    for read_only in (False, True):
        with pytest.raises(StateStoreError, match="schema 0999 is newer than this program knows"):
            SqlStateStore(postgres_url, read_only=read_only)


def test_f48_connection_that_broke_while_idle_is_replaced(postgres_url: str, store: SqlStateStore) -> None:
    """A server that was restarted between two runs costs none of them."""
    post(store, "a")
    end_all_connections(postgres_url)
    assert set(store.records("s")) == {"a"}
    end_all_connections(postgres_url)
    post(store, "b")

    assert set(store.records("s")) == {"a", "b"}


def test_f48_connection_lost_in_the_middle_is_tried_again_whole(
    postgres_url: str, store: SqlStateStore
) -> None:
    """Nothing was to be committed yet, so nothing can have been kept, and a second time is safe."""
    tries: list[int] = []

    def work(connection: Connection) -> None:
        tries.append(1)
        connection.execute(text("SELECT 1"))
        if len(tries) == 1:
            end_all_connections(postgres_url)
        connection.execute(text("SELECT 1"))

    store.change(work)

    assert len(tries) == 2


def test_f48_connection_lost_for_good_is_told(postgres_url: str, store: SqlStateStore) -> None:
    """There is one more try, not an endless row of them."""

    def work(connection: Connection) -> None:
        end_all_connections(postgres_url)
        connection.execute(text("SELECT 1"))

    with pytest.raises(StateStoreError, match="the connection to it was lost"):
        store.change(work)


def test_f49_nothing_is_left_on_a_connection(postgres_url: str, store: SqlStateStore) -> None:
    """A pooler hands connections on: no prepared statement, no session lock, no setting, no transaction."""
    for number in range(12):
        post(store, f"{number}")
        store.records("s")

    def left(connection: Connection) -> list[object]:
        return [
            connection.scalar(text("SELECT count(*) FROM pg_prepared_statements")),
            connection.scalar(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")),
            connection.scalar(text("SHOW lock_timeout")),
            connection.scalar(text("SHOW search_path")),
        ]

    assert store.read(left) == [0, 0, "0", '"$user", public']
    with psycopg.connect(base(postgres_url)) as connection:
        busy = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'syncd' AND state != 'idle'"
        ).fetchone()
    assert busy == (0,)


def test_reads_do_not_wait_for_a_write(store: SqlStateStore) -> None:
    """Whoever looks sees the last committed state at once."""
    post(store, "a")
    seen: list[set[str]] = []

    def work(connection: Connection) -> None:
        connection.execute(text("SELECT 1"))
        seen.append(set(store.records("s")))

    store.change(work)

    assert seen == [{"a"}]


def test_null_character_is_kept_escaped(store: SqlStateStore) -> None:
    """PostgreSQL takes none in a text, and one in a title must not end a run."""
    store.write("s", store.start("s", trigger="test", at=1.0), [sent("a", title="x\0y")], at=1.0)

    assert set(store.records("s")) == {"a"}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2@127.0.0.1:1/x",
        "postgres://u:hunter2@127.0.0.1:1/x",
        "postgresql+psycopg://u:hunter2@127.0.0.1:1/x?connect_timeout=2",
        "postgresql://u@127.0.0.1:1/x?password=hunter2",
        "postgresql://u:hunter2%zz@127.0.0.1:1/x",
        "postgresql://u:hunter2@127.0.0.1:1/x?nonsense=hunter2",
        "postgresql://u:hunter2@127.0.0.1:port/x",
        "postgresql://u:hunter2@127.0.0.1:1/x?schema=Hunter",
    ],
)
def test_password_is_never_shown(url: str) -> None:
    """Not in the message, and not in what led to it."""
    with pytest.raises(StateStoreError) as caught:
        SqlStateStore(url)

    error: BaseException | None = caught.value
    while error is not None:
        assert "hunter2" not in str(error)
        error = error.__cause__ or error.__context__


def test_place_names_the_database() -> None:
    """Without a password, and with the schema where it is another one."""
    server = Server("postgresql://ada:hunter2@db.example:6432/tools?schema=second", environ={})

    assert server.url == "postgresql://ada@db.example:6432/tools?schema=second"


def test_write_waits_for_the_writer_of_its_source_alone(store: SqlStateStore) -> None:
    """What a write reads stays true until it is committed; another source's goes on."""
    held, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def slow(connection: Connection) -> None:
        connection.execute(text("SELECT 1"))
        held.set()
        assert go_on.wait(10)
        order.append("slow")

    def quick(name: str) -> Callable[[Connection], None]:
        def work(connection: Connection) -> None:
            connection.execute(text("SELECT 1"))
            order.append(name)

        return work

    def begin(work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work)
        thread.start()
        return thread

    first = begin(lambda: store._database.write(slow, source="s"))
    assert held.wait(10)
    second = begin(lambda: store._database.write(quick("second"), source="s"))
    store._database.write(quick("other"), source="t")
    go_on.set()
    first.join()
    second.join()

    assert order == ["other", "slow", "second"]
