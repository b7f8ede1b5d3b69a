"""The service under the exact command line of the image."""

from __future__ import annotations

import signal

import pytest

from tests.conftest import Workplace
from tests.deploy.container import HEALTH, USER, Container
from tests.flow.test_stop import some


@pytest.mark.parametrize("init", [True, False], ids=["its init", "no init"])
def test_container_ends_in_order_amid_a_run(open_workplace: Workplace, init: bool) -> None:
    """SIGTERM to process 1 is heard, it is out in Docker's time, and the next run goes on from there."""
    workplace = open_workplace
    workplace.write(some(400))
    workplace.configure(schedule="every 1d", watch=False)
    workplace.running.sandbox.latency_s = (2.0, 2.0)
    with Container(workplace, init=init) as container:
        container.event("run_started")
        container.send(signal.SIGTERM)

        assert container.ended() == 0
    assert container.events[-1]["event"] == "service_stopped"
    (run,) = container.runs()
    assert run["result"] == "failed"
    workplace.running.sandbox.latency_s = (0.0, 0.0)
    with Container(workplace, init=init) as container:
        container.event("run_finished", result="ok", trigger="schedule")
        assert workplace.pages().keys() == some(400).keys()


def test_container_may_write_its_volumes_and_nothing_else(open_workplace: Workplace) -> None:
    """It runs as a number without privileges, on a root that is read-only."""
    workplace = open_workplace
    workplace.write(some(3))
    with Container(workplace, init=False) as container:
        container.event("run_finished", created=3)
        tried = {
            place: container.exec("sh", "-c", f": > {place}/x").returncode
            for place in ("/", "/etc/syncd", "/opt/syncd/bin", "/srv/docs", "/usr", "/var")
        }
        assert 0 not in tried.values(), tried
        assert container.exec("sh", "-c", ": > /tmp/x; : > /var/lib/syncd/x").returncode == 0
        status = container.exec("cat", "/proc/1/status").stdout
        assert f"Uid:\t{USER}\t{USER}\t{USER}\t{USER}" in status
        assert "CapBnd:\t0000000000000000" in status
        assert "NoNewPrivs:\t1" in status
        told = container.exec("syncd", "status", "--json")
        assert told.returncode == 0, told.stderr


def test_container_reloads_and_leaves_no_zombies(open_workplace: Workplace) -> None:
    """SIGHUP to process 1 gets through the init, and the configuration that it brings counts."""
    workplace = open_workplace
    workplace.write(some(3))
    with Container(workplace, init=True) as container:
        container.event("run_finished", created=3)
        container.configure({**workplace.settings, "schedule": "every 1h", "include": ["**/*.md"]})
        container.send(signal.SIGHUP)

        container.event("configuration_reloaded")
        assert container.exec(*HEALTH).returncode == 0
        assert container.exec("syncd", "health", "--ready").returncode == 0
        assert [one for one in container.processes() if one.startswith("Z")] == []
        container.send(signal.SIGTERM)
        assert container.ended() == 0
