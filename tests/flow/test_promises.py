"""Promises that need a whole machine: a disk that fills up, a process that is stopped at any moment."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Workplace


def some(count: int) -> dict[str, str]:
    return {f"page-{number:04}.md": f"# Page {number}\n\nText {number}.\n" for number in range(count)}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_p15_full_disk_ends_the_run_and_loses_nothing(workplace: Workplace, small_disk: Path) -> None:
    """F44: what cannot be intended is not sent; with more room the next run goes on, without a double."""
    workplace.write(some(1500))
    workplace.config.write_text(
        workplace.config.read_text(encoding="utf-8") + f"state: sqlite:///{small_disk}/syncd.db\n",
        encoding="utf-8",
    )

    done = workplace.process("sync")

    assert done.code == 8
    assert "no space left" in done.err or "is full" in done.err
    assert len(done.err.splitlines()) <= 3
    sent = len(workplace.writes())
    assert 0 < sent < 1500
    # The import source cannot hold a page that the state never heard of.
    with sqlite3.connect(f"file:{small_disk}/syncd.db?mode=ro", uri=True) as state:
        assert state.execute("pragma integrity_check").fetchone() == ("ok",)
        known = {row[0] for row in state.execute("select external_id from records")}
    state.close()
    assert set(workplace.pages()) <= known
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)

    again = workplace.process("sync")

    assert again.code == 0, again
    assert len(workplace.pages()) == 1500
    # Only what was under way when the disk was full is sent twice.
    assert sent + len(workplace.writes()) <= 1500 + 48


@pytest.mark.parametrize("turn", range(20))
def test_p16_signal_at_any_moment(workplace: Workplace, turn: int) -> None:
    """It ends in time with the documented code; the next run goes on, with one repeated request at most."""
    workplace.write(some(40))
    workplace.intercom["concurrency"] = 4
    workplace.configure()
    workplace.running.sandbox.latency_s = (0.02, 0.02)
    child = workplace.start("sync")
    time.sleep(random.Random(turn).uniform(0.2, 2.5))
    child.send_signal(signal.SIGTERM)

    child.communicate(timeout=10)

    # Before it listens for signals it just ends; and it may have been quicker than the signal.
    assert child.returncode in (143, -signal.SIGTERM, 0)
    workplace.running.sandbox.latency_s = (0.0, 0.0)
    assert workplace.sync()["result"] == "ok"
    assert len(workplace.pages()) == 40
    repeated = Counter(name for _, name in workplace.writes())
    assert max(repeated.values()) <= 2
    assert sum(repeated.values()) <= 40 + 4


def test_p09_nothing_depends_on_the_machine(workplace: Workplace, tmp_path: Path) -> None:
    """Hash seeds, time zones, languages and places on the disk change no byte of a page."""
    workplace.write({**some(20), "a.md": "# A\n\n[one](page-0001.md) and [two](page-0002.md)\n"})
    assert workplace.process("sync").code == 0
    workplace.writes()
    sent = {name: (page.title, page.html, page.url) for name, page in workplace.pages().items()}
    for seed, zone in enumerate(("UTC", "Pacific/Auckland", "America/St_Johns")):
        place = tmp_path / f"somewhere else {seed}"
        shutil.copytree(workplace.docs, place)
        workplace.configure(root=str(place))

        done = workplace.process("sync", "--full", env={"PYTHONHASHSEED": str(seed), "TZ": zone})

        assert done.code == 0, done
    assert workplace.writes() == []
    assert {name: (page.title, page.html, page.url) for name, page in workplace.pages().items()} == sent


def test_p23_page_that_waits_too_long_is_an_alarm(workplace: Workplace) -> None:
    """A guard that blocks a real deletion for ever is an incident, and status says so."""
    workplace.write(some(5))
    workplace.sync()
    workplace.configure(deletions={"confirm": 2, "min_absence": "3d"})
    workplace.remove("page-0000.md")
    workplace.sync()
    before = workplace.run("status", "--json")
    assert (before.code, before.document["sources"][0]["blocked_since"]) == (0, None)
    yesterday = time.time() - 25 * 3600
    with sqlite3.connect(workplace.state) as state:
        state.execute("update records set absent_since=? where absences > 0", (yesterday,))
    state.close()

    done = workplace.run("status", "--json")

    assert done.code == 3
    assert done.document["sources"][0]["blocked_since"] == pytest.approx(yesterday)
    assert "blocked for more than 24 h" in workplace.run("status").out


def test_p23_removed_page_goes_with_the_second_listing(workplace: Workplace) -> None:
    """Neither sooner nor later, whatever other pages do."""
    workplace.write(some(100))
    workplace.sync()
    workplace.remove("page-0042.md")
    workplace.write({"page-0001.md": "---\n: not yaml\n---\n\x00"})
    workplace.sync()
    assert len(workplace.pages()) == 100

    workplace.sync()

    assert set(some(100)) - set(workplace.pages()) == {"page-0042.md"}
