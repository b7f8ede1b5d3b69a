"""Several processes on one PostgreSQL, over real HTTP: one works, the others wait or take over."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests import postgres
from tests.conftest import Workplace
from tests.flow.test_stop import At, some
from tests.program import Program

LEASE_S = 3


@pytest.fixture
def shared(workplace: Workplace, postgres_url: str) -> Workplace:
    """A place whose state is in PostgreSQL, with pages that take a while to send."""
    workplace.top = {"state": postgres_url, "state_lease": f"{LEASE_S}s"}
    workplace.intercom["concurrency"] = 4
    workplace.configure()
    workplace.write(some(120))
    workplace.running.sandbox.latency_s = (0.1, 0.1)
    return workplace


def rows(place: Workplace, statement: str) -> list[tuple[object, ...]]:
    return postgres.execute(place.top["state"], statement)


def events(text: str) -> list[str]:
    """The names of the events in a log."""
    return [json.loads(line)["event"] for line in text.splitlines() if line.startswith("{")]


def assert_no_stale_acknowledgement(place: Workplace) -> None:
    """Once a run of a newer epoch has written, no older one has written any more."""
    runs = [row[0] for row in rows(place, "SELECT run FROM outcomes WHERE run > 0 ORDER BY id")]
    assert runs == sorted(runs)  # type: ignore[type-var]


def assert_all_is_published(place: Workplace) -> None:
    """Each page once, with the content that its file has."""
    pages = place.pages()
    assert set(pages) == {path.name for path in place.docs.iterdir()}
    for name, page in pages.items():
        text = (place.docs / name).read_text().splitlines()[2]
        assert text in page.html, name


def busy(place: Workplace) -> Program:
    """A sync that has sent some pages, and has some on their way."""
    at = At(place, 20)
    child = place.start("sync", "-v")
    at.wait()
    return child


def test_first_trip_second_trip_and_an_edit(shared: Workplace) -> None:
    """What holds on SQLite holds here: all is sent once, nothing twice, an edit alone is sent."""
    shared.running.sandbox.latency_s = (0.0, 0.0)
    assert shared.sync()["created"] == 120
    assert shared.sync()["requests"] == 0
    shared.write({"page-007.md": "# Page 7\n\nAnother text.\n"})
    assert shared.sync()["updated"] == 1
    shared.remove("page-008.md")
    shared.sync()
    assert shared.sync()["deleted"] == 1
    assert_all_is_published(shared)


def test_p11_second_process_is_told_who_works(shared: Workplace) -> None:
    """It ends at once, names the holder, and has sent nothing; the next run need not wait for a lease."""
    first = busy(shared)
    second = shared.process("sync")

    assert second.code == 4
    assert f"process {first.pid} on {os.uname().nodename}" in second.out
    assert "its lease ends at" in second.out
    first.communicate(timeout=30)
    assert first.returncode == 0
    assert shared.process("sync").code == 0


def test_p11_sleeper_records_nothing_once_another_took_over(shared: Workplace) -> None:
    """The busy one of three is stopped for three leases: when it wakes up, it finds itself fenced."""
    sleeper = busy(shared)
    sleeper.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + 3 * LEASE_S
    codes, said = [], []
    while time.monotonic() < deadline or 0 not in codes:
        others = [shared.start("sync", "-v") for _ in range(2)]
        for other in others:
            out, err = other.communicate(timeout=30)
            codes.append(other.returncode)
            said.append(out + err)
        assert time.monotonic() < deadline + 30, said
    shared.write({"page-003.md": "# Page 3\n\nEdited while it slept.\n"})
    assert shared.process("sync").code == 0

    sleeper.send_signal(signal.SIGCONT)
    out, err = sleeper.communicate(timeout=30)

    assert sleeper.returncode == 4, (out, err)
    assert "lease_lost" in events(err)
    assert any("lease_taken_over" in events(text) for text in said)
    assert set(codes) == {0, 4}
    assert_no_stale_acknowledgement(shared)
    assert shared.process("sync", "--full").code == 0
    assert_all_is_published(shared)


def test_p11_killed_holder_is_replaced(shared: Workplace) -> None:
    """Once its lease has run out another one goes on, and the dead one's run is told as what it was."""
    holder = busy(shared)
    holder.kill()
    holder.communicate()
    while (done := shared.process("sync", "-v")).code == 4:
        time.sleep(0.2)

    assert done.code == 0
    assert "lease_taken_over" in events(done.err)
    (first, *_) = rows(shared, "SELECT result, error FROM runs ORDER BY number LIMIT 1")
    assert first[0] == "failed"
    assert str(holder.pid) in str(first[1])
    assert_no_stale_acknowledgement(shared)
    assert_all_is_published(shared)


def test_f48_server_that_restarts(workplace: Workplace, tmp_path: Path) -> None:
    """A run whose server goes away ends and says so; the next one goes on, and nothing is published twice."""
    if postgres.programs() is None:
        pytest.skip(postgres.MISSING)
    with postgres.serving() as server:
        workplace.top = {"state": server.url, "state_lease": f"{LEASE_S}s"}
        workplace.configure()
        workplace.write(some(60))
        workplace.running.sandbox.latency_s = (0.1, 0.1)
        at = At(workplace, 10)
        child = workplace.start("sync")
        at.wait()
        server.stop()
        out, err = child.communicate(timeout=60)
        assert child.returncode == 8, (out, err)
        assert "the connection to it was lost" in err
        server.start()
        while (done := workplace.process("sync")).code == 4:
            time.sleep(0.2)

    assert done.code == 0, done
    assert_all_is_published(workplace)
