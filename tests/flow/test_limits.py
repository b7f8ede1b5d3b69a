"""Runs whose origin, or Intercom, never answers."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from tests.conftest import TOKEN, Workplace
from tests.flow.test_stop import DOCKER_LIMIT_S


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        yield listener


def of_git(workplace: Workplace, silent: socket.socket) -> None:
    """Let the source be a repository on the silent server."""
    del workplace.settings["root"]
    port = silent.getsockname()[1]
    workplace.configure(connector="git", url=f"http://127.0.0.1:{port}/a.git", allow_local=True)


def test_run_that_takes_too_long_is_given_up(workplace: Workplace, silent: socket.socket) -> None:
    """One origin that hangs would hold up its source, and others with it, for ever."""
    of_git(workplace, silent)
    workplace.configure(time_limit="1s")

    done = workplace.process("sync", "--json")

    assert done.code == 6
    assert done.source["error"].startswith("the run took longer than 1s and was given up")
    (run,) = workplace.run("runs", "--json").document["runs"]
    assert (run["result"], run["error"]) == ("failed", done.source["error"])


def test_request_that_takes_too_long_is_sent_again(workplace: Workplace) -> None:
    """The rows of a run that was given up stay as they are, and nothing is lost."""
    workplace.write({"a.md": "# A\n\nText.\n"})
    workplace.running.faults.put(["slow=60s:POST:pages"])
    workplace.configure(time_limit="2s")
    assert workplace.process("sync").code == 6
    workplace.running.faults.clear()

    assert workplace.sync()["result"] == "ok"
    assert list(workplace.pages()) == ["a.md"]


def test_signal_ends_a_run_whose_origin_hangs(workplace: Workplace, silent: socket.socket) -> None:
    """A container is killed after ten seconds, whatever its program still waits for."""
    of_git(workplace, silent)
    child = workplace.start("sync")
    try:
        connection, _ = silent.accept()
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=DOCKER_LIMIT_S)
    finally:
        child.kill()
    connection.close()

    assert child.returncode == 143
    assert "stopped before the end" in out
    assert TOKEN not in out + err


def test_second_signal_ends_it_at_once(workplace: Workplace, silent: socket.socket) -> None:
    """Whoever asks twice does not want to wait."""
    of_git(workplace, silent)
    child = workplace.start("sync")
    try:
        connection, _ = silent.accept()
        child.send_signal(signal.SIGTERM)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=DOCKER_LIMIT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        raise
    connection.close()

    assert child.returncode in (143, 130)
