"""How the state file is opened, what it survives, and what is said when it cannot be used."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import pytest
from sqlalchemy import Connection, event

from syncd.errors import StateStoreError
from syncd.state.health import examine
from syncd.state.migrate import History, history
from syncd.state.past import DOUBTS
from syncd.state.store import SqlStateStore
from syncd.testing.entries import failed, intent, sent

ROOT = Path(__file__).resolve().parents[3]


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def fill(path: Path, *external_ids: str) -> None:
    with SqlStateStore(url(path)) as store:
        run = store.start("s", trigger="test", at=1.0)
        store.write("s", run, [sent(external_id) for external_id in external_ids], at=2.0)


def digests(folder: Path) -> dict[str, str]:
    """Each file of a folder, with what is in it."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def python(program: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a program in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


@pytest.fixture
def plain_user() -> Iterator[Path]:
    """A folder, and the rights of a user who is not root."""
    # What a store loads only when it needs it, such a user may not be able to read.
    with TemporaryDirectory() as warm:
        SqlStateStore(url(Path(warm) / "syncd.db")).close()
    folder = Path(mkdtemp())
    folder.chmod(0o777)
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65534)
        yield folder
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o777)
        shutil.rmtree(folder)


class TestOpening:
    def test_new_file_and_folder_are_private(self, tmp_path: Path) -> None:
        """The state names private documents: nobody else may read it."""
        path = tmp_path / "state" / "syncd.db"
        with SqlStateStore(url(path)):
            modes = {item.name: item.stat().st_mode & 0o777 for item in path.parent.iterdir()}

        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert set(modes.values()) == {0o600}

    def test_closed_store_is_one_file(self, tmp_path: Path) -> None:
        """The log is moved into the file, so that a copy of the file is a backup."""
        fill(tmp_path / "syncd.db", "a")

        assert [path.name for path in tmp_path.iterdir()] == ["syncd.db"]

    def test_close_empties_the_log_beside_a_reader(self, tmp_path: Path) -> None:
        """The log does not grow from run to run because a dashboard has the file open."""
        path = tmp_path / "syncd.db"
        fill(path, "a")
        other = sqlite3.connect(path)
        other.execute("SELECT count(*) FROM records").fetchone()
        fill(path, "b")

        assert path.with_name("syncd.db-wal").stat().st_size == 0
        other.close()

    def test_p15_log_stays_small_while_a_reader_has_the_state_open(self, tmp_path: Path) -> None:
        """A dashboard that looks now and then keeps no log from beginning anew, however much is written."""
        path = tmp_path / "syncd.db"
        fill(path, "a")
        log, sizes = path.with_name("syncd.db-wal"), []
        with SqlStateStore(url(path)) as store, SqlStateStore(url(path), read_only=True) as reader:
            run = store.start("s", trigger="test", at=1.0)
            for turn in range(70):
                reader.records("s")
                store.write("s", run, [failed("a", error=f"{turn} " * 100_000)], at=2.0)
                sizes.append(log.stat().st_size)

        assert max(sizes) < 16 * 2**20
        assert path.stat().st_size > 16 * 2**20

    def test_file_name_may_hold_anything(self, tmp_path: Path) -> None:
        """What means something in a URL of SQLite is only a name here."""
        path = tmp_path / "a#b %41&é.db"
        fill(path, "a")

        assert [item.name for item in tmp_path.iterdir()] == [path.name]
        with SqlStateStore(url(path), read_only=True) as store:
            assert set(store.records("s")) == {"a"}

    @pytest.mark.parametrize(
        ("setting", "words"),
        [
            ("syncd.db", "is not a URL"),
            ("mysql://root:secret@db/x", "mysql://root:***@db/x is not supported"),
            ("sqlite://", "does not name a file"),
            ("sqlite:///:memory:", "does not name a file"),
            ("sqlite:///x.db?mode=ro", "does not name a file"),
            ("sqlite:///.", "is a folder"),
        ],
    )
    def test_setting_that_names_no_state_file(self, setting: str, words: str) -> None:
        """The message says what is supported, and never shows a password."""
        with pytest.raises(StateStoreError) as caught:
            SqlStateStore(setting)

        assert words in str(caught.value)
        assert "secret" not in str(caught.value)

    def test_missing_folders_are_not_guessed(self, tmp_path: Path) -> None:
        """One folder is made; two that are missing are more likely a mistake in the path."""
        with pytest.raises(StateStoreError, match=f"the folder {tmp_path}/a does not exist"):
            SqlStateStore(url(tmp_path / "a" / "b" / "syncd.db"))

        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("read_only", [True, False])
    def test_file_of_another_kind_is_left_alone(self, tmp_path: Path, read_only: bool) -> None:
        """A wrong path must not cost anybody a file."""
        path = tmp_path / "notes.txt"
        path.write_text("not a database, and longer than its header would be\n" * 100)
        before = digests(tmp_path)

        with pytest.raises(
            StateStoreError, match=r"notes\.txt is not an SQLite database: it was not changed"
        ):
            SqlStateStore(url(path), read_only=read_only)

        assert digests(tmp_path) == before

    @pytest.mark.parametrize("read_only", [True, False])
    def test_database_of_another_program_is_left_alone(self, tmp_path: Path, read_only: bool) -> None:
        """Our tables do not belong among others by accident."""
        path = tmp_path / "other.db"
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE invoices (id)")
        connection.close()
        before = digests(tmp_path)

        with pytest.raises(StateStoreError, match=r"another program .* 'invoices'"):
            SqlStateStore(url(path), read_only=read_only)

        assert digests(tmp_path) == before

    @pytest.mark.parametrize("read_only", [True, False])
    def test_newer_schema_is_left_alone(self, tmp_path: Path, read_only: bool) -> None:
        """An old program must not write into what a newer one made."""
        path = tmp_path / "syncd.db"
        fill(path, "a")
        connection = sqlite3.connect(path)
        connection.execute("UPDATE syncd_version SET version_num = '0999'")
        connection.commit()
        connection.close()
        before = digests(tmp_path)

        with pytest.raises(StateStoreError) as caught:
            SqlStateStore(url(path), read_only=read_only)

        assert str(caught.value) == (
            f"state file {path}: its schema 0999 is newer than this program knows (0001): it was not "
            "changed.\nInstall the syncd that wrote it, or a newer one, or restore a backup."
        )
        assert digests(tmp_path) == before

    def test_folder_that_cannot_be_written(self, plain_user: Path) -> None:
        """The message names the file and what is missing."""
        plain_user.joinpath("closed").mkdir()
        plain_user.joinpath("closed").chmod(0o555)

        with pytest.raises(StateStoreError, match=r"closed/syncd\.db cannot be used: Permission denied"):
            SqlStateStore(url(plain_user / "closed" / "syncd.db"))

    def test_file_that_cannot_be_written(self, plain_user: Path) -> None:
        """A state that can only be read is found out at the first write, and nothing is lost."""
        path = plain_user / "syncd.db"
        fill(path, "a")
        path.chmod(0o444)

        with pytest.raises(StateStoreError, match="cannot be written"), SqlStateStore(url(path)) as store:
            store.start("s", trigger="test", at=1.0)

    def test_damaged_file_is_told(self, tmp_path: Path) -> None:
        """A page of the file that was overwritten ends in one clear sentence, and in the check."""
        path = tmp_path / "syncd.db"
        fill(path, *(f"page-{number}" for number in range(2_000)))
        with path.open("r+b") as file:
            # The first pages hold the schema and the roots of the tables.
            for page in range(48, path.stat().st_size // 4096):
                file.seek(page * 4096)
                file.write(b"\xa5" * 200)

        with SqlStateStore(url(path)) as store, pytest.raises(StateStoreError, match="is damaged") as caught:
            store.records("s")
        assert len(str(caught.value).splitlines()) <= 3
        assert examine(url(path)).damage


class TestReadOnly:
    def test_missing_file_is_an_empty_state(self, tmp_path: Path) -> None:
        """A plan before the first sync leaves no trace."""
        with SqlStateStore(url(tmp_path / "none" / "syncd.db"), read_only=True) as store:
            assert store.records("s") == {}
            assert list(store.before("s").holds.values()) == []
            assert store.schema() is None

        assert list(tmp_path.iterdir()) == []

    def test_empty_file_is_an_empty_state(self, tmp_path: Path) -> None:
        """So is a file without a byte."""
        path = tmp_path / "syncd.db"
        path.touch()
        with SqlStateStore(url(path), read_only=True) as store:
            assert store.records("s") == {}
            assert store.schema() is None

        assert path.stat().st_size == 0

    def test_reading_changes_nothing_and_makes_nothing(self, tmp_path: Path) -> None:
        """A plan writes nothing anywhere, not even the files that SQLite keeps beside a database."""
        path = tmp_path / "syncd.db"
        fill(path, "a")
        before = digests(tmp_path)

        with SqlStateStore(url(path), read_only=True) as store:
            assert set(store.records("s")) == {"a"}
            assert digests(tmp_path) == before

        assert digests(tmp_path) == before

    def test_every_write_is_refused(self, tmp_path: Path) -> None:
        """No way leads from a read-only store to the file, whether the file exists or not."""
        for name in ("syncd.db", "none.db"):
            fill(tmp_path / "syncd.db", "a")
            with SqlStateStore(url(tmp_path / name), read_only=True) as store:
                with pytest.raises(StateStoreError, match="reading only"):
                    store.start("s", trigger="test", at=1.0)
                with pytest.raises(StateStoreError, match="reading only"):
                    store.write("s", 1, [intent("b")], at=1.0)

    def test_reader_beside_a_writer_sees_what_is_committed(self, tmp_path: Path) -> None:
        """What stands in the log only is read as well, and the file keeps its bytes."""
        path = tmp_path / "syncd.db"
        fill(path, "a")
        with SqlStateStore(url(path)) as writer:
            run = writer.start("s", trigger="test", at=1.0)
            before = hashlib.sha256(path.read_bytes()).digest()
            with SqlStateStore(url(path), read_only=True) as reader:
                assert set(reader.records("s")) == {"a"}
                writer.write("s", run, [sent("b")], at=2.0)
                assert set(reader.records("s")) == {"a", "b"}
            assert hashlib.sha256(path.read_bytes()).digest() == before

    def test_writer_that_comes_later_is_noticed(self, tmp_path: Path) -> None:
        """A reader that found the file at rest does not trust that for ever."""
        path = tmp_path / "syncd.db"
        fill(path, "a")
        with SqlStateStore(url(path), read_only=True) as reader:
            assert set(reader.records("s")) == {"a"}
            fill(path, "b")
            assert set(reader.records("s")) == {"a", "b"}
            with SqlStateStore(url(path)) as writer:
                writer.write("s", 1, [sent("c")], at=2.0)
                assert set(reader.records("s")) == {"a", "b", "c"}

    def test_log_that_a_crash_left_is_read(self, tmp_path: Path) -> None:
        """After a kill the newest rows stand in the log only."""
        (tmp_path / "crash").mkdir()
        with SqlStateStore(url(tmp_path / "syncd.db")) as store:
            store.write("s", store.start("s", trigger="test", at=1.0), [sent("a")], at=1.0)
            for name in ("syncd.db", "syncd.db-wal"):
                shutil.copy(tmp_path / name, tmp_path / "crash" / name)
        before = hashlib.sha256((tmp_path / "crash" / "syncd.db").read_bytes()).digest()

        with SqlStateStore(url(tmp_path / "crash" / "syncd.db"), read_only=True) as reader:
            assert set(reader.records("s")) == {"a"}
        assert hashlib.sha256((tmp_path / "crash" / "syncd.db").read_bytes()).digest() == before

    def test_folder_that_cannot_be_written_can_be_read(self, plain_user: Path) -> None:
        """A person who may only look can still plan."""
        folder = plain_user / "state"
        fill(folder / "syncd.db", "a")
        folder.chmod(0o555)

        with SqlStateStore(url(folder / "syncd.db"), read_only=True) as store:
            assert set(store.records("s")) == {"a"}

    def test_folder_that_cannot_be_seen_is_no_empty_state(self, plain_user: Path) -> None:
        """Not being allowed to look must never pass for an empty state."""
        closed = plain_user / "closed"
        closed.mkdir(mode=0o700)
        fill(closed / "syncd.db", "a")
        closed.chmod(0)
        try:
            with pytest.raises(StateStoreError, match="Permission denied"):
                SqlStateStore(url(closed / "syncd.db"), read_only=True)
        finally:
            closed.chmod(0o700)


@pytest.fixture
def later(tmp_path: Path) -> History:
    """The migrations of a later syncd: ours, and one more."""
    folder = tmp_path / "migrations"
    shutil.copytree(history().folder, folder)
    (folder / "versions" / "9000_note.py").write_text(
        textwrap.dedent(
            """
            import sqlalchemy as sa
            from alembic import op

            revision, down_revision = "9000", "0001"


            def upgrade() -> None:
                op.add_column("records", sa.Column("note", sa.Text))
            """
        )
    )
    return History(folder=folder, head="9000")


class TestOlderSchema:
    def test_is_upgraded_after_a_backup(self, tmp_path: Path, later: History) -> None:
        """The rows stay, and there is a way back."""
        path = tmp_path / "state" / "syncd.db"
        fill(path, "a")

        with SqlStateStore(url(path), history=later) as store:
            assert store.schema() == "9000"
            assert set(store.records("s")) == {"a"}
            backup = store.backup

        assert backup == path.with_name("syncd.db.schema-0001.backup")
        assert backup.stat().st_mode & 0o777 == 0o600
        with SqlStateStore(url(backup)) as store:
            assert store.schema() == "0001"
            assert set(store.records("s")) == {"a"}

    def test_is_read_without_being_upgraded(self, tmp_path: Path, later: History) -> None:
        """A plan works right after the program was updated, and still writes nothing."""
        path = tmp_path / "state" / "syncd.db"
        fill(path, "a")
        before = digests(path.parent)

        with SqlStateStore(url(path), read_only=True, history=later) as store:
            assert store.schema() == "9000"
            assert set(store.records("s")) == {"a"}
            with pytest.raises(StateStoreError, match="reading only"):
                store.start("s", trigger="test", at=1.0)

        assert digests(path.parent) == before

    def test_upgrade_that_fails_changes_nothing(self, tmp_path: Path, later: History) -> None:
        """A migration is one transaction, tables included."""
        path = tmp_path / "state" / "syncd.db"
        fill(path, "a")
        version = later.folder / "versions" / "9000_note.py"
        version.write_text(version.read_text() + '    op.execute("SELECT no_such_column FROM records")\n')

        with pytest.raises(StateStoreError, match="no_such_column"):
            SqlStateStore(url(path), history=later)

        with SqlStateStore(url(path)) as store:
            assert store.schema() == "0001"
            assert set(store.records("s")) == {"a"}


class TestSeveralProcesses:
    def test_read_does_not_wait_for_a_writer(self, tmp_path: Path) -> None:
        """A person can look at the state in the middle of a write."""
        path = tmp_path / "syncd.db"
        fill(path, "a")
        with SqlStateStore(url(path), busy_timeout_s=0.0) as store:
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            other.execute("DELETE FROM records")
            try:
                assert set(store.records("s")) == {"a"}
            finally:
                other.close()

    def test_write_gives_up_in_the_end(self, tmp_path: Path) -> None:
        """A state that stays locked is named, with the way out."""
        path = tmp_path / "syncd.db"
        fill(path, "a")
        with SqlStateStore(url(path), busy_timeout_s=0.05) as store:
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            try:
                with pytest.raises(
                    StateStoreError, match="is locked by another process: nothing of this step"
                ):
                    store.start("s", trigger="test", at=1.0)
            finally:
                other.close()
            assert store.start("s", trigger="test", at=1.0) == 2

    def test_write_waits_for_a_writer(self, tmp_path: Path) -> None:
        """A short write of another process is waited for."""
        path = tmp_path / "syncd.db"
        fill(path, "a")
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.2, other.execute, ["COMMIT"])
        timer.start()
        with SqlStateStore(url(path)) as store:
            assert store.start("s", trigger="test", at=1.0) == 2
        timer.join()
        other.close()

    def test_two_processes_lose_nothing(self, tmp_path: Path) -> None:
        """Both may start on an empty folder, make the schema, and write at the same time."""
        program = """
            import sys
            from syncd.state.store import SqlStateStore
            from syncd.testing.entries import sent
            with SqlStateStore(sys.argv[1]) as store:
                run = store.start(sys.argv[2], trigger="test", at=1.0)
                for number in range(100):
                    store.write(sys.argv[2], run, [sent(f"page-{number}")], at=2.0)
        """
        path = tmp_path / "syncd.db"
        processes = [python(program, url(path), source) for source in ("s", "t")]
        assert [process.wait() for process in processes] == [0, 0]
        for process in processes:
            process.communicate()

        with SqlStateStore(url(path)) as store:
            assert len(store.records("s")) == len(store.records("t")) == 100

    @pytest.mark.parametrize("after", [1, 7, 30])
    def test_killed_process_leaves_whole_batches(self, tmp_path: Path, after: int) -> None:
        """What was acknowledged by the store is there, and no batch is there in part."""
        program = """
            import sys
            from syncd.state.store import SqlStateStore
            from syncd.testing.entries import intent
            store = SqlStateStore(sys.argv[1])
            run = store.start("s", trigger="test", at=1.0)
            for batch in range(1_000_000):
                store.write("s", run, [intent(f"{batch}/{page}") for page in range(50)], at=2.0)
                print(batch, flush=True)
        """
        path = tmp_path / "syncd.db"
        process = python(program, url(path))
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= after:
                break
        process.send_signal(signal.SIGKILL)
        told, _ = process.communicate()
        last = max([after, *(int(line) for line in told.splitlines() if line)])

        assert examine(url(path)).damage == ()
        with SqlStateStore(url(path)) as store:
            found = store.records("s")
            batches = {int(external_id.split("/")[0]) for external_id in found}
            assert batches >= set(range(last + 1))
            assert len(found) == 50 * len(batches)
            assert {record.state for record in found.values()} == {"pending"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root can mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_keeps_what_was_written(small_disk: Path) -> None:
    """The batch that does not fit leaves no trace, all earlier ones stay, and room lets it go on."""
    path = small_disk / "syncd.db"
    (small_disk / "ballast").write_bytes(bytes(300_000))
    kept = 0
    with SqlStateStore(url(path)) as store:
        run = store.start("s", trigger="test", at=1.0)

        def write_for_ever() -> None:
            nonlocal kept
            while True:
                store.write("s", run, [intent(f"{kept}/{page}") for page in range(50)], at=2.0)
                kept += 1

        with pytest.raises(StateStoreError, match="no space left on its disk: nothing of this step was kept"):
            write_for_ever()
        assert kept > 0
        assert len(store.records("s")) == 50 * kept

        (small_disk / "ballast").unlink()
        store.write("s", run, [intent("last")], at=3.0)

    assert examine(url(path)).damage == ()
    with SqlStateStore(url(path)) as store:
        assert len(store.records("s")) == 50 * kept + 1


def test_doubts_are_found_without_walking_through_the_rows(tmp_path: Path) -> None:
    """Every run asks for them, and there are hardly ever any."""
    path = tmp_path / "syncd.db"
    statements: list[str] = []
    with SqlStateStore(url(path)) as store:

        def explained(connection: Connection) -> str:
            event.listen(connection, "before_cursor_execute", lambda *met: statements.append(met[2]))
            connection.execute(DOUBTS, {"of": "s"})
            return str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statements[-1]}", ("", "s")).all())

        assert "records_in_doubt" in store.read(explained)
