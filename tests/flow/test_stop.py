"""A run that is asked to stop, and two at once."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from syncd.sandbox import Request
from tests.conftest import Workplace

DOCKER_LIMIT_S = 10
"""After so long a container is killed; syncd promises to need eight seconds."""


def some(count: int) -> dict[str, str]:
    return {f"page-{number:03}.md": f"# Page {number}\n\nText {number}.\n" for number in range(count)}


class At:
    """Tells when the sandbox has met so many requests."""

    def __init__(self, workplace: Workplace, number: int) -> None:
        self._reached = threading.Event()
        self._left = number
        workplace.running.sandbox.on_request(self._hook)

    def _hook(self, number: int, when: str, request: Request) -> None:
        if when == "before" and request.method == "POST":
            self._left -= 1
            if self._left <= 0:
                self._reached.set()

    def wait(self) -> None:
        assert self._reached.wait(30)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_p16_signal_ends_a_sync_and_the_next_one_goes_on(
    workplace: Workplace, number: signal.Signals, code: int
) -> None:
    """No page is begun after it, what is under way is finished, and nothing is sent twice."""
    workplace.write(some(500))
    workplace.running.sandbox.latency_s = (0.05, 0.05)
    at = At(workplace, 40)
    child = workplace.start("sync")
    at.wait()
    child.send_signal(number)

    out, err = child.communicate(timeout=DOCKER_LIMIT_S)

    assert child.returncode == code
    assert err == "stopping: what is under way gets a few seconds to finish\n"
    assert "error: stopped before the end; the next run goes on from here" in out
    first = workplace.writes()
    assert 40 <= len(first) < 200
    workplace.running.sandbox.latency_s = (0.0, 0.0)
    assert workplace.sync()["created"] == 500 - len(first)
    assert len(set(first + workplace.writes())) == 500
    assert len(workplace.pages()) == 500


def test_signal_ends_a_sync_whose_requests_hang(workplace: Workplace) -> None:
    """What does not end in time is given up, and sent again by the next run."""
    workplace.write(some(5))
    workplace.running.faults.put(["slow=60s:POST:pages"])
    child = workplace.start("sync")
    deadline = time.monotonic() + 30
    while not workplace.state.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(2)
    child.send_signal(signal.SIGTERM)

    child.communicate(timeout=DOCKER_LIMIT_S)

    assert child.returncode == 143
    workplace.running.faults.clear()
    assert workplace.sync()["created"] == 5
    assert len(workplace.pages()) == 5


def test_signal_ends_a_sync_that_deletes(workplace: Workplace) -> None:
    """Approved deletions wait for the next run as well."""
    workplace.write(some(120))
    workplace.configure(
        deletions={"confirm": 1, "min_absence": "0s", "hold_above": {"pages": 1000, "percent": 100}}
    )
    workplace.sync()
    workplace.remove(*list(some(120))[:110])
    workplace.running.sandbox.latency_s = (0.3, 0.3)
    deleting = threading.Event()
    workplace.running.sandbox.on_request(
        lambda number, when, request: deleting.set() if request.method == "DELETE" else None
    )
    child = workplace.start("sync")
    assert deleting.wait(30)
    child.send_signal(signal.SIGTERM)

    child.communicate(timeout=DOCKER_LIMIT_S)

    assert child.returncode == 143
    assert 10 < len(workplace.pages()) < 120
    workplace.running.sandbox.latency_s = (0.0, 0.0)
    workplace.sync()
    assert len(workplace.pages()) == 10


def test_second_process_is_sent_away(workplace: Workplace) -> None:
    """Two runs at once could send an older version after a newer one."""
    workplace.write(some(5))
    entered, leave = threading.Event(), threading.Event()

    def hook(number: int, when: str, request: Request) -> None:
        entered.set()
        leave.wait(30)

    workplace.running.sandbox.on_request(hook)
    child = workplace.start("sync")
    try:
        assert entered.wait(30)
        second = workplace.process("sync")
        looking = workplace.process("status")
    finally:
        leave.set()
        child.communicate(timeout=30)

    assert child.returncode == 0
    assert second.code == 4
    assert second.out == ""
    assert f"process {child.pid}" in second.err or f"pid {child.pid}" in second.err
    assert "syncd sync" in second.err
    assert len(second.err.splitlines()) <= 3
    assert looking.code == 0


def test_f63_schema_is_not_changed_under_a_run(workplace: Workplace) -> None:
    """The new program of an upgrade waits until the old one has let go of the state."""
    workplace.write(some(5))
    entered, leave = threading.Event(), threading.Event()

    def hook(number: int, when: str, request: Request) -> None:
        entered.set()
        leave.wait(30)

    workplace.running.sandbox.on_request(hook)
    child = workplace.start("sync")
    try:
        assert entered.wait(30)
        upgrade = workplace.process("db", "upgrade")
    finally:
        leave.set()
        child.communicate(timeout=30)

    assert (child.returncode, upgrade.code) == (0, 4)
    assert f"process {child.pid}" in upgrade.err
    assert workplace.process("db", "upgrade").code == 0
