"""The service as a process: pushes, webhooks, files, signals, and commands beside it."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TOKEN, Done, Workplace
from tests.connectors.git.origins import Origin
from tests.flow.daemon import SECRET, Daemon
from tests.flow.daemon import TOKEN as CONTROL
from tests.flow.test_stop import some

AUTHORIZED = {"Authorization": f"Bearer {CONTROL}"}


def quiet(workplace: Workplace, **settings: Any) -> None:
    """Let nothing run by itself after the first run."""
    workplace.configure(schedule="every 1d", watch=False, **settings)


def push(daemon: Daemon, url: str, name: str, *, secret: str = SECRET) -> tuple[int, Any]:
    body = json.dumps({"ref": "refs/heads/main", "repository": {"clone_url": url}}).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    status, _, answer = daemon.ask(
        "POST",
        "/hooks/github",
        body,
        Content_Type="application/json",
        X_GitHub_Event="push",
        X_GitHub_Delivery=name,
        X_Hub_Signature_256=f"sha256={signature}",
    )
    return status, json.loads(answer)


def of_git(workplace: Workplace, origin: Origin) -> str:
    """Let the source be the repository; return its URL."""
    del workplace.settings["root"]
    quiet(workplace, connector="git", url=str(origin.folder), branch="main", allow_local=True)
    return str(origin.folder)


def sync(daemon: Daemon, *arguments: str) -> Done:
    return daemon.workplace.process("sync", *arguments, env=daemon.environment)


def test_push_arrives(workplace: Workplace, tmp_path: Path) -> None:
    """From a commit in a repository, by a signed webhook, to the page that Fin would read."""
    origin = Origin(tmp_path / "origin")
    origin.commit({"a.md": "# A\n\nBefore.\n"})
    url = of_git(workplace, origin)
    with Daemon(workplace) as daemon:
        daemon.event("run_finished", trigger="schedule", created=1)
        origin.commit({"a.md": "# A\n\nAfter.\n"})

        assert push(daemon, url, "1") == (202, {"wanted": ["handbook"]})

        told = daemon.event("run_finished", trigger="webhook")
        assert (told["source"], told["updated"], told["result"]) == ("handbook", 1, "ok")
        assert "After." in workplace.pages()["a.md"].html
        assert push(daemon, url, "2", secret="another secret") == (
            401,
            {"error": "the signature does not fit"},
        )
        assert push(daemon, url, "1")[1] == {"wanted": [], "duplicate": True}
    assert len(daemon.runs()) == 2
    logged = json.dumps(daemon.events)
    assert TOKEN not in logged
    assert SECRET not in logged
    assert "After." not in logged
    assert all(run["run"] for run in daemon.runs())


def test_storm_of_deliveries_makes_two_runs(workplace: Workplace, tmp_path: Path) -> None:
    """Five hundred pushes in a row are one run that goes on and one that follows."""
    origin = Origin(tmp_path / "origin")
    origin.commit(some(20))
    url = of_git(workplace, origin)
    with Daemon(workplace) as daemon:
        daemon.event("run_finished", trigger="schedule")
        origin.commit({name: text + "\nEdited.\n" for name, text in some(20).items()})
        workplace.running.sandbox.latency_s = (1.0, 1.0)
        with ThreadPoolExecutor(16) as senders:
            answers = list(senders.map(lambda number: push(daemon, url, str(number)), range(500)))
        workplace.running.sandbox.latency_s = (0.0, 0.0)
        daemon.wait(lambda: len(daemon.runs(trigger="webhook")) >= 1, "a run by webhook")

        assert {status for status, _ in answers} == {202}
        done = sync(daemon, "--json")
    assert done.code == 0
    assert len(daemon.runs(trigger="webhook")) <= 2


def test_file_that_changes_is_noticed(workplace: Workplace) -> None:
    """Whoever saves a file need not wait for the schedule."""
    workplace.write({"a.md": "# A\n\nText.\n"})
    workplace.configure(schedule="every 1d")
    with Daemon(workplace) as daemon:
        daemon.event("run_finished", trigger="schedule")
        workplace.write({"sub/b.md": "# B\n\nText.\n"})
        daemon.event("run_finished", trigger="watch", created=1)
        workplace.remove("a.md")
        daemon.wait(
            lambda: any(run["listed"] == 1 for run in daemon.runs(trigger="watch")), "a run after the removal"
        )


def test_sync_asks_the_service(workplace: Workplace) -> None:
    """The same report and the same exit code as without one; the state is never used by two."""
    workplace.write({"a.md": "# A\n\nText.\n", "bad.md": b"\xff"})
    quiet(workplace)
    with Daemon(workplace) as daemon:
        daemon.event("run_finished", trigger="schedule")
        workplace.write({"b.md": "# B\n\nText.\n"})

        done = sync(daemon, "--json")
        people = sync(daemon)
        status = workplace.process("status", "--json", env=daemon.environment)
        plan = workplace.process("plan", "--json", env=daemon.environment)

        assert (done.code, done.source["created"], done.source["failed"]) == (3, 1, 1)
        assert done.source["failures"][0]["external_id"] == "bad.md"
        assert people.code == 3
        assert people.out.startswith("! handbook: 2 unchanged, 1 failed")
        (row,) = status.document["sources"]
        assert row["next_run"] is not None
        assert plan.code == 3
        assert {run["trigger"] for run in daemon.runs()} == {"schedule", "cron"}
    alone = workplace.process("sync", "--json", env=daemon.environment)
    assert (alone.code, alone.document.keys()) == (3, done.document.keys())
    assert alone.source.keys() == done.source.keys()


def test_sync_of_a_source_that_the_service_does_not_know(workplace: Workplace) -> None:
    """The configuration was changed and not taken over: the message says whose it is."""
    workplace.write({"a.md": "# A\n\nText.\n"})
    quiet(workplace)
    later = workplace.settings | {"name": "later", "import_source": {"url": "https://later.example.com"}}
    with Daemon(workplace) as daemon:
        daemon.event("run_finished")
        daemon.configure(workplace.settings, later)

        done = sync(daemon, "later")

        assert done.code == 2
        assert "the service that runs on this state says: no source is called 'later'" in done.err
        assert "SIGHUP" in done.err


def test_second_service_is_sent_away(workplace: Workplace) -> None:
    """The state is locked for as long as the service lives."""
    quiet(workplace)
    with Daemon(workplace) as daemon:
        second = workplace.process("run", env=daemon.environment)

        assert second.code == 4
        assert f"process {daemon.process.pid}" in second.err


def test_what_is_told_to_own_commands_is_for_this_user_only(workplace: Workplace) -> None:
    """Whoever can read the token can make it run; it goes with the service."""
    quiet(workplace)
    told = workplace.home / "syncd.db.service"
    with Daemon(workplace) as daemon:
        assert stat.S_IMODE(told.stat().st_mode) == 0o600
        own = json.loads(told.read_text())["token"]
        assert daemon.ask("GET", "/api/sources", Authorization=f"Bearer {own}")[0] == 200
        assert daemon.ask("GET", "/api/sources", **AUTHORIZED)[0] == 200
        assert daemon.ask("GET", "/api/sources", Authorization=f"Bearer {own}x")[0] == 401
        assert daemon.ask("GET", "/api/sources")[0] == 401
    assert not told.exists()
    assert own not in json.dumps(daemon.events)


def test_service_that_was_killed_leaves_nothing_in_the_way(workplace: Workplace) -> None:
    """Its address is told by a file that nobody takes away; the next command finds nobody there."""
    workplace.write({"a.md": "# A\n\nText.\n"})
    quiet(workplace)
    with Daemon(workplace) as daemon:
        daemon.event("run_finished")
        daemon.process.kill()
        daemon.process.wait()
    assert (workplace.home / "syncd.db.service").exists()

    assert sync(daemon).code == 0
    with Daemon(workplace) as daemon:
        daemon.event("service_started")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_service_in_order(workplace: Workplace, number: signal.Signals) -> None:
    """In the middle of a run: no new page, what is under way is finished, and nothing is sent twice."""
    workplace.write(some(500))
    quiet(workplace)
    workplace.running.sandbox.latency_s = (0.05, 0.05)
    with Daemon(workplace) as daemon:
        daemon.event("run_started")
        reached = len(workplace.exchanges())
        while reached < 40:
            reached += len(workplace.exchanges())
        daemon.send(number)

        assert daemon.ended() == 0
    workplace.running.sandbox.latency_s = (0.0, 0.0)
    (run,) = daemon.runs()
    assert run["result"] == "failed"
    assert 0 < len(workplace.pages()) < 500
    first = len(workplace.pages())
    assert sync(daemon, "--json").source["created"] == 500 - first


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_run_that_was_interrupted_goes_on_with_the_next_start(
    workplace: Workplace, number: signal.Signals
) -> None:
    """Although it is not due before tomorrow; one that had reached its end waits for that."""
    workplace.write(some(50))
    quiet(workplace)
    workplace.running.sandbox.latency_s = (1.0, 1.0)
    with Daemon(workplace) as daemon:
        daemon.event("run_started")
        daemon.send(number)
        daemon.process.wait()
    workplace.running.sandbox.latency_s = (0.0, 0.0)
    with Daemon(workplace) as daemon:
        daemon.event("run_finished", result="ok", trigger="schedule")
    with Daemon(workplace) as daemon:
        status, _, body = daemon.ask("GET", "/api/sources", **AUTHORIZED)
        assert status == 200
        assert json.loads(body)["sources"][0]["running"] is None
    assert daemon.runs() == []
    assert workplace.pages().keys() == some(50).keys()


def test_signal_ends_a_service_whose_requests_hang(workplace: Workplace) -> None:
    """What does not end in time is given up, within Docker's ten seconds."""
    workplace.write(some(5))
    quiet(workplace)
    workplace.running.faults.put(["slow=60s:POST:pages"])
    with Daemon(workplace) as daemon:
        daemon.event("run_started")
        daemon.send(signal.SIGTERM)

        assert daemon.ended() == 0
    workplace.running.faults.clear()


def test_second_signal_ends_it_at_once(workplace: Workplace) -> None:
    """Whoever asks twice does not want to wait."""
    workplace.write(some(5))
    quiet(workplace)
    workplace.running.faults.put(["slow=60s:POST:pages"])
    with Daemon(workplace) as daemon:
        daemon.event("run_started")
        daemon.send(signal.SIGTERM)
        daemon.event("service_stopping")
        daemon.send(signal.SIGTERM)

        assert daemon.ended() == 143
    workplace.running.faults.clear()


def test_reload_takes_over_the_configuration(workplace: Workplace) -> None:
    """What runs goes on, new sources run, and a configuration that is wrong changes nothing."""
    workplace.write(some(100))
    quiet(workplace)
    other = workplace.settings | {"name": "other", "import_source": {"url": "https://other.example.com"}}
    workplace.running.sandbox.latency_s = (0.5, 0.5)
    with Daemon(workplace) as daemon:
        daemon.event("run_started", source="handbook")
        workplace.config.write_text("sources: 7\n")
        daemon.send(signal.SIGHUP)
        daemon.event("reload_refused")
        daemon.configure(workplace.settings, other)
        daemon.send(signal.SIGHUP)
        daemon.event("configuration_reloaded", sources=["handbook", "other"])
        workplace.running.sandbox.latency_s = (0.0, 0.0)

        assert daemon.event("run_finished", source="handbook")["created"] == 100
        assert daemon.event("run_finished", source="other")["created"] == 100


def test_origin_that_hangs_keeps_no_other_source(workplace: Workplace) -> None:
    """It has one of the places, and not for ever."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        workplace.write({"a.md": "# A\n\nText.\n"})
        quiet(workplace)
        hangs = {
            "name": "hangs",
            "connector": "git",
            "url": f"http://127.0.0.1:{silent.getsockname()[1]}/a.git",
            "allow_local": True,
            "time_limit": "3s",
            "import_source": {"url": "https://hangs.example.com"},
        }
        with Daemon(workplace, hangs) as daemon:
            daemon.event("run_finished", source="handbook", result="ok")
            assert daemon.event("run_finished", source="hangs")["result"] == "failed"


def test_reader_of_the_log_who_does_not_read_holds_up_nothing(workplace: Workplace) -> None:
    """A collector that hangs must not keep pages from Fin."""
    workplace.write(some(1000))
    quiet(workplace)
    daemon = Daemon(workplace)
    child = workplace.start("run", "-vv", "--log-format", "json", env=daemon.environment)
    try:
        while len(workplace.pages()) < 1000:
            assert child.poll() is None
            os.sched_yield()
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0
    finally:
        child.kill()
        child.communicate()


def test_health_of_the_service(workplace: Workplace) -> None:
    """As a container asks it, and as nobody answers."""
    quiet(workplace)
    with Daemon(workplace) as daemon:
        for arguments in (("health",), ("health", "--ready")):
            done = workplace.process(*arguments, env=daemon.environment)
            assert (done.code, done.out) == (0, "ok\n")
    done = workplace.process("health", env=daemon.environment)
    assert done.code == 1
    assert done.err.startswith("no service answers on 127.0.0.1:")


def test_metrics_of_the_service(workplace: Workplace) -> None:
    """Counted from zero, asked for with the token only, without a word of the pages."""
    workplace.write({"a.md": "# A\n\nText.\n", "bad.md": b"\xff"})
    quiet(workplace)
    with Daemon(workplace) as daemon:
        daemon.event("run_finished")
        assert daemon.ask("GET", "/metrics")[0] == 401
        status, headers, body = daemon.ask("GET", "/metrics", **AUTHORIZED)

    lines = body.decode().splitlines()
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    for line in (
        'syncd_pages_total{action="created",source="handbook"} 1.0',
        'syncd_pages_total{action="deleted",source="handbook"} 0.0',
        'syncd_runs_total{result="partial",source="handbook"} 1.0',
        'syncd_intercom_requests_total{status="5xx"} 0.0',
        'syncd_source_pages{source="handbook",state="live"} 1.0',
        'syncd_quarantined_pages{source="handbook"} 1.0',
        'syncd_hold_oldest_timestamp_seconds{source="handbook"} 0.0',
        'syncd_run_duration_seconds_count{source="handbook"} 1.0',
        "syncd_log_events_dropped_total 0.0",
    ):
        assert line in lines
    assert "bad.md" not in body.decode()


def test_metrics_that_a_command_leaves(workplace: Workplace) -> None:
    """For node_exporter's textfile collector: of every source, whichever ran, and never half of it."""
    workplace.write({"a.md": "# A\n\nText.\n"})
    folder = workplace.home / "metrics"
    folder.mkdir()
    with workplace.config.open("a") as config:
        config.write("metrics_textfile: metrics/syncd.prom\n")

    done = workplace.process("sync")

    assert done.code == 0
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    lines = file.read_text().splitlines()
    assert 'syncd_last_run_pages{action="created",source="handbook"} 1.0' in lines
    assert 'syncd_last_run_result{result="ok",source="handbook"} 1.0' in lines
    folder.rename(workplace.home / "gone")
    done = workplace.process("sync")
    assert done.code == 2
    assert "metrics_textfile" in done.err


def test_names_and_headers(workplace: Workplace) -> None:
    """A name of another's choosing is refused on every path, and answers keep browsers from guessing."""
    quiet(workplace)
    with Daemon(workplace, hosts=["syncd.acme.com"]) as daemon:
        for path in ("/livez", "/readyz", "/metrics", "/hooks/github", "/api/sources", "/nothing"):
            status, headers, _ = daemon.ask("GET", path, Host="evil.example", **AUTHORIZED)
            assert status == 421
            status, headers, body = daemon.ask("GET", path, Host="Syncd.acme.com:443", **AUTHORIZED)
            assert status in (200, 404, 405)
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert "server" not in headers
            assert b"Traceback" not in body


LISTEN = {
    "127.0.0.1:0": "must be an address with a port from 1 to 65535",
    "127.0.0.1:70000": "must be an address with a port from 1 to 65535",
    "8321": "must be an address with a port from 1 to 65535",
    "0.0.0.0:8321": "must have a token: other machines can reach 0.0.0.0:8321",
    "[::]:8321": "must have a token: other machines can reach [::]:8321",
    "syncd.acme.com:8321": "must have a token: other machines can reach syncd.acme.com:8321",
    "192.0.2.1:8321": "this machine has no such address",
}


@pytest.mark.parametrize("listen", list(LISTEN))
def test_address_that_will_not_do(workplace: Workplace, listen: str) -> None:
    """Nobody else gets to a service without a token, and a wrong address is told before anything is sent."""
    quiet(workplace)
    token = listen.startswith("192")
    daemon = Daemon(workplace)
    settings = workplace.config.read_text().replace(
        '"token": "${SYNCD_TEST_CONTROL}"', '"hosts": []', not token
    )
    workplace.config.write_text(settings.replace(f"127.0.0.1:{daemon.port}", listen))

    done = workplace.process("run", env=daemon.environment)

    assert done.code == 2
    assert LISTEN[listen] in done.err
    assert workplace.exchanges() == []


def test_port_that_is_taken(workplace: Workplace) -> None:
    """The message says so, and the state is not touched."""
    quiet(workplace)
    daemon = Daemon(workplace)
    with socket.create_server(("127.0.0.1", daemon.port)):
        done = workplace.process("run", env=daemon.environment)

    assert done.code == 2
    assert "another program has the port" in done.err


def test_commands_load_nothing_of_the_service(workplace: Workplace) -> None:
    """Neither the help nor a sync pays for what only the service needs."""
    program = (
        "import sys\nfrom syncd.cli import call\ncall(sys.argv[1:])\n"
        "heavy = ('apscheduler', 'cronsim', 'prometheus_client', 'watchfiles', 'starlette', 'uvicorn', "
        "'syncd.service.service')\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    workplace.write({"a.md": "# A\n\nText.\n"})
    assert workplace.process("sync", "-q").code == 0

    for arguments in (["--help"], ["sync", "-q"], ["status"]):
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=workplace.home,
            env=workplace.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == "[]\n"
