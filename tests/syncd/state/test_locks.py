from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.errors import SourceBusy, StateStoreError
from syncd.state.locks import KeptOut, ProcessLock, holder, lock_path

ROOT = Path(__file__).resolve().parents[3]


def lock(path: Path) -> ProcessLock:
    return ProcessLock(path, command="syncd sync", at=1_800_000_000.0)


def hold_elsewhere(path: Path, meanwhile: str = "") -> subprocess.Popen[str]:
    """Start a process that takes the lock, does something, and waits for ever."""
    program = (
        "import os, sys, time\nfrom pathlib import Path\nfrom syncd.state.locks import ProcessLock\n"
        "lock = ProcessLock(Path(sys.argv[1]), command='syncd run', at=1_800_000_000.0)\n"
        f"lock.__enter__()\n{meanwhile}\nprint('ready', flush=True)\ntime.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    assert process.stdout is not None
    process.stdout.close()
    process.wait()


def test_second_holder_is_told_who_the_first_is(tmp_path: Path) -> None:
    """The message names process, command and time, and what to do."""
    path = lock_path(tmp_path / "syncd.db")
    other = hold_elsewhere(path)
    try:
        with pytest.raises(SourceBusy) as caught, lock(path):
            pass
    finally:
        end(other)

    message = str(caught.value)
    assert path.name == "syncd.db.lock"
    assert message.startswith(f"state file {tmp_path}/syncd.db is in use by process {other.pid} on ")
    assert "(syncd run, since 2027-01-15T08:00:00+00:00)" in message
    assert "Wait until it has finished, or stop it" in message


def test_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    """No crash asks a person to remove a file."""
    path = tmp_path / "syncd.db.lock"
    path.write_text("what a former holder left, longer than all that the next one has to say" * 10)
    end(hold_elsewhere(path))

    assert holder(path) is None
    with lock(path):
        assert f"process {os.getpid()} " in str(holder(path))


def test_child_of_a_killed_holder_does_not_keep_the_lock(tmp_path: Path) -> None:
    """A forked worker that outlives its parent must not block the next run."""
    path = tmp_path / "syncd.db.lock"
    child = tmp_path / "child"
    fork = (
        f"child = Path({str(child)!r})\n"
        "if not os.fork():\n"
        "    child.with_suffix('.new').write_text(str(os.getpid()))\n"
        "    child.with_suffix('.new').rename(child)\n"
        "    time.sleep(600)\n"
        "while not child.exists(): time.sleep(0.01)\n"
    )
    other = hold_elsewhere(path, fork)
    end(other)
    try:
        with lock(path):
            pass
    finally:
        os.kill(int(child.read_text()), signal.SIGKILL)


def test_same_process_cannot_take_it_twice(tmp_path: Path) -> None:
    """Two runs in one process are as bad as in two."""
    path = tmp_path / "syncd.db.lock"
    with lock(path), pytest.raises(SourceBusy), lock(path):
        pass


def test_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    """The file stays, private, and names nobody."""
    path = tmp_path / "syncd.db.lock"
    for _ in range(2):
        with lock(path):
            assert path.stat().st_mode & 0o777 == 0o600
        assert holder(path) is None
        assert str(os.getpid()) not in path.read_text()
        assert holder(path) is None


@pytest.mark.parametrize("content", [b"", b"not json", b"[]", b"{}", b'{"pid": 1}', b"\xff"])
def test_unreadable_holder_is_nobody(tmp_path: Path, content: bytes) -> None:
    """A lock file that was cut short, or is of another kind, breaks no message."""
    path = tmp_path / "syncd.db.lock"
    path.write_bytes(content)

    assert holder(path) is None


def test_lock_in_a_missing_folder(tmp_path: Path) -> None:
    """The message names the file."""
    with (
        pytest.raises(StateStoreError, match=r"none/syncd\.db\.lock cannot be opened"),
        lock(tmp_path / "none" / "syncd.db.lock"),
    ):
        pass


def test_newest_run_is_remembered(tmp_path: Path) -> None:
    """Whoever comes next can tell that the state file was replaced by an older one."""
    path = tmp_path / "syncd.db.lock"
    with lock(path) as first:
        assert first.last_run is None
        first.remember(17, 5.0)
        assert f"process {os.getpid()} " in str(holder(path))

    assert holder(path) is None
    with lock(path) as second:
        assert second.last_run == (17, 5.0)


@pytest.mark.parametrize(("count", "kept"), [(3, 3), (20_000, 0)])
def test_pages_that_were_taken_down_are_remembered(tmp_path: Path, count: int, kept: int) -> None:
    """So many that the file would not be read whole are not, and the run is all the same."""
    path = tmp_path / "syncd.db.lock"
    pages = [KeptOut("s", f"{number} café.md", 5.5, "ada", "leaked " * 5) for number in range(count)]
    with lock(path) as first:
        first.remember(17, 5.0, pages)
    for _ in range(2):
        with lock(path) as second:
            assert (second.last_run, list(second.kept_out)) == ((17, 5.0), pages[:kept])


def test_run_of_a_killed_holder_is_remembered(tmp_path: Path) -> None:
    """It could not say goodbye."""
    path = tmp_path / "syncd.db.lock"
    end(hold_elsewhere(path, "lock.remember(4, 5.0)"))

    with lock(path) as second:
        assert second.last_run == (4, 5.0)
