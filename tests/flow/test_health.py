"""What the service tells of itself while Intercom is away, or a person is waited for."""

from __future__ import annotations

import time

from tests.conftest import Workplace
from tests.flow.daemon import TOKEN as CONTROL
from tests.flow.daemon import Daemon
from tests.flow.test_stop import some

AUTHORIZED = {"Authorization": f"Bearer {CONTROL}"}


def measured(daemon: Daemon, name: str) -> float:
    """The value of a metric of the one source."""
    lines = daemon.ask("GET", "/metrics", **AUTHORIZED)[2].decode().splitlines()
    (line,) = (line for line in lines if line.startswith(f'syncd_{name}{{source="handbook"}} '))
    return float(line.rpartition(" ")[2])


def test_p18_service_without_intercom_lives_and_says_what_is_stale(workplace: Workplace) -> None:
    """To restart it would help nobody; the age of the last complete run, and its result, tell the truth."""
    workplace.write(some(3))
    workplace.configure(schedule="every 1d", watch=False)
    with Daemon(workplace) as daemon:
        daemon.event("run_finished", result="ok")
        complete = measured(daemon, "last_complete_timestamp_seconds")
        assert 0 < time.time() - complete < 3600
        workplace.running.faults.put(["503"])
        workplace.write({"page-001.md": "# Page 1\n\nEdited.\n"})

        failed = workplace.process("sync", env=daemon.environment)

        assert failed.code == 6
        assert daemon.ask("GET", "/livez")[0] == 200
        assert daemon.ask("GET", "/readyz")[0] == 200
        assert measured(daemon, "last_complete_timestamp_seconds") == complete
        metrics = daemon.ask("GET", "/metrics", **AUTHORIZED)[2].decode()
        assert 'syncd_last_run_result{result="failed",source="handbook"} 1.0' in metrics
        assert workplace.process("status", env=daemon.environment).code == 6
        workplace.running.faults.clear()
        assert workplace.process("sync", env=daemon.environment).code == 0
        assert measured(daemon, "last_complete_timestamp_seconds") > complete


def test_p18_held_deletions_are_never_a_success(workplace: Workplace) -> None:
    """Result, exit code, status and metrics say that somebody is waited for, and since when."""
    workplace.write(some(100))
    workplace.configure(schedule="every 1d", watch=False)
    with Daemon(workplace) as daemon:
        daemon.event("run_finished", result="ok")
        workplace.remove(*some(30))

        done = workplace.process("sync", "--json", env=daemon.environment)

        assert (done.code, done.source["result"], done.source["held"]) == (7, "held", 30)
        assert measured(daemon, "held_pages") == 30
        assert measured(daemon, "hold_oldest_timestamp_seconds") > 0
        assert daemon.ask("GET", "/readyz")[0] == 200
        status = workplace.process("status", "--json", env=daemon.environment)
        assert (status.code, status.source["result"]) == (7, "held")
