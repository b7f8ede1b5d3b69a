"""A state file that is locked, cannot be written, lost its log, or is damaged: what syncd does then."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from syncd.sandbox import Sandbox, serving
from tests.conftest import TOKEN, Workplace, without_privileges
from tests.flow.test_stop import At, some

PAGE_BYTES = 4096


def killed_in_the_middle(workplace: Workplace, count: int) -> None:
    """Publish pages, and kill the process while it sends them."""
    workplace.write(some(count))
    workplace.intercom["concurrency"] = 4
    workplace.configure(deletions={"confirm": 1, "min_absence": "0s"})
    workplace.running.sandbox.latency_s = (0.05, 0.05)
    at = At(workplace, count // 2)
    child = workplace.start("sync")
    at.wait()
    child.kill()
    child.communicate()
    workplace.running.sandbox.latency_s = (0.0, 0.0)


def test_f46_log_that_is_lost_costs_repeated_requests_only(workplace: Workplace) -> None:
    """As after a power failure, or a copy of the one file: what it knew last is sent again, once."""
    killed_in_the_middle(workplace, 60)
    log = workplace.home / "syncd.db-wal"
    assert log.stat().st_size > 0
    log.unlink()
    (workplace.home / "syncd.db-shm").unlink()
    workplace.remove("page-059.md")
    sent = Counter(workplace.writes())

    assert workplace.sync()["result"] == "ok"

    assert sorted(workplace.pages()) == sorted(some(59))
    assert len(workplace.running.workspace.pages) == 59
    assert max((sent + Counter(workplace.writes())).values()) <= 2
    assert workplace.sync()["requests"] == 0


@contextmanager
def damaged(path: Path, number: int) -> Iterator[None]:
    """Overwrite one page of the file, and put it back in the end."""
    whole = path.read_bytes()
    content = bytearray(whole)
    at = number * PAGE_BYTES
    content[at : at + PAGE_BYTES] = b"\xa5" * PAGE_BYTES
    path.write_bytes(bytes(content))
    try:
        yield
    finally:
        path.write_bytes(whole)


def records_page(path: Path) -> int:
    """Number of the page of the file where the rows begin."""
    with closing(sqlite3.connect(path)) as state:
        (root,) = state.execute("SELECT rootpage FROM sqlite_master WHERE name = 'records'").fetchone()
    assert isinstance(root, int)
    return root - 1


def test_f47_damaged_state_is_refused_and_a_new_one_adopts(workplace: Workplace) -> None:
    """Nothing is sent or deleted; moved away as the message says, the next run finds all pages again."""
    workplace.write(some(30))
    workplace.sync()
    workplace.write({"page-001.md": "# Page 1\n\nEdited.\n"})
    workplace.remove("page-002.md")
    workplace.exchanges()

    with damaged(workplace.state, records_page(workplace.state)):
        done = workplace.run("sync")

        assert done.code == 8
        assert "is damaged" in done.err
        assert "move it away: a new state adopts the pages" in done.err
        assert workplace.exchanges() == []
        shutil.move(workplace.state, workplace.home / "damaged")
        assert workplace.sync()["updated"] == 1
    assert workplace.writes() == [("POST", "page-001.md")]


def test_f47_state_is_looked_through_after_a_process_that_died(workplace: Workplace) -> None:
    """Damage that no run of today would touch is found before a request is sent, until it is mended."""
    killed_in_the_middle(workplace, 40)
    workplace.sync()
    workplace.write({"page-001.md": "# Page 1\n\nEdited.\n"})
    lock = workplace.home / "syncd.db.lock"
    assert b"unclean" not in lock.read_bytes()
    with closing(sqlite3.connect(workplace.state)) as state:
        (root,) = state.execute("SELECT rootpage FROM sqlite_master WHERE name = 'outcomes'").fetchone()
    workplace.exchanges()

    with damaged(workplace.state, root - 1):
        # As if its process had died right now, which is when files get damaged.
        lock.write_text('{"pid": 0, "host": "elsewhere", "command": "syncd sync", "since": "", "run": 1}')
        for _ in range(2):
            done = workplace.run("sync")
            assert (done.code, "is damaged" in done.err) == (8, True), done
        assert workplace.exchanges() == []
    assert workplace.sync()["updated"] == 1


@pytest.mark.ring
def test_f47_no_damage_of_any_page_harms_what_is_published(workplace: Workplace) -> None:
    """Each page of the file in turn: the run is refused, or it does what it should; no page is lost."""
    workplace.configure(deletions={"confirm": 1, "min_absence": "0s"})
    workplace.write(some(30))
    workplace.sync()
    workplace.write({"page-001.md": "# Page 1\n\nEdited.\n"})
    workplace.remove("page-002.md")
    changes = list(workplace.running.workspace.changes())
    for number in range(workplace.state.stat().st_size // PAGE_BYTES):
        with serving(Sandbox(tokens=[TOKEN])) as running, damaged(workplace.state, number):
            running.workspace.replay(changes)
            workplace.running = running
            workplace.intercom["base_url"] = running.url
            workplace.configure()
            done = workplace.run("sync")
            for left in ("-wal", "-shm"):
                (workplace.home / f"syncd.db{left}").unlink(missing_ok=True)
        (workplace.home / "syncd.db.lock").unlink()
        assert done.code in (0, 8), (number, done)
        assert "Traceback" not in done.out + done.err, number
        assert set(some(30)) - set(workplace.pages()) <= {"page-002.md"}, number
        if done.code == 0:
            assert "Edited." in workplace.pages()["page-001.md"].html, number


@pytest.mark.ring
def test_p15_state_that_another_program_locks(workplace: Workplace) -> None:
    """F45: it is waited for; in the end the run says who has it, and sent nothing; the next one is well."""
    workplace.write(some(5))
    workplace.sync()
    workplace.write({"page-001.md": "# Page 1\n\nEdited.\n"})
    workplace.exchanges()
    with closing(sqlite3.connect(workplace.state, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        done = workplace.process("sync")

        assert done.code == 8, done
        assert "is locked by" in done.err
        assert len(done.err.splitlines()) <= 3
        assert workplace.writes() == []
        other.execute("ROLLBACK")
    assert workplace.sync()["updated"] == 1


def test_p15_short_lock_of_another_program_is_waited_for(workplace: Workplace) -> None:
    """F45: a person who looks into the state holds up nothing for good."""
    workplace.write(some(5))
    workplace.sync()
    workplace.write({"page-001.md": "# Page 1\n\nEdited.\n"})
    with closing(sqlite3.connect(workplace.state, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        child = workplace.start("sync")
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(3)
        other.execute("ROLLBACK")
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, (out, err)


def test_f44_state_that_cannot_be_written(open_workplace: Workplace) -> None:
    """No intent, no request: the message names the file and who has to be let in."""
    open_workplace.write(some(3))
    open_workplace.sync()
    open_workplace.write({"page-001.md": "# Page 1\n\nEdited.\n"})
    open_workplace.exchanges()
    with without_privileges(open_workplace.home):
        open_workplace.state.chmod(0o444)
        done = open_workplace.run("sync")
        open_workplace.state.chmod(0o600)

    assert done.code == 8
    assert "cannot be written" in done.err
    assert open_workplace.exchanges() == []
