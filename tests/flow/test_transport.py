"""An Intercom that refuses, breaks and slows down: how much a run asks of it, and how it goes on."""

from __future__ import annotations

import json
import signal
import sqlite3
import threading
import time

import pytest

from syncd.sandbox import Request
from syncd.sandbox.switches import switched
from tests.conftest import TOKEN, Workplace


def some(count: int) -> dict[str, str]:
    return {f"page-{number:04}.md": f"# Page {number}\n\nText {number}.\n" for number in range(count)}


def connected(workplace: Workplace, count: int) -> None:
    """Publish one page, so that the import source is known, and write many more."""
    workplace.write({"first.md": "# First\n\nText.\n"})
    workplace.sync()
    workplace.exchanges()
    workplace.write(some(count))


def test_p12_dead_server_is_asked_little(workplace: Workplace) -> None:
    """503 for each of 500 pages: at most 60 requests, whatever is under way at once."""
    connected(workplace, 500)
    workplace.running.faults.put(["503"])

    done = workplace.run("sync", "--json")

    assert done.code == 6
    assert len(workplace.exchanges()) <= 60
    workplace.running.faults.clear()
    assert workplace.sync()["result"] == "ok"
    assert len(workplace.pages()) == 501


@pytest.mark.parametrize("status", [401, 403])
def test_p12_refused_credential_is_used_no_more(workplace: Workplace, status: int) -> None:
    """F37: of 1,000 pages no more are begun than were under way when the first refusal came."""
    connected(workplace, 1000)
    workplace.intercom["concurrency"] = 8
    workplace.configure()
    workplace.running.faults.put([f"{status}:POST:pages"])

    done = workplace.run("sync", "--json")

    assert (done.code, done.source["result"]) == (5, "failed")
    writes = [one for one in workplace.exchanges() if one.request.method == "POST"]
    assert len(writes) <= 1 + 8


def test_f37_new_token_in_the_file_counts_at_once(workplace: Workplace) -> None:
    """A rotated token needs no restart and no other step than to write the file."""
    secret = workplace.home / "token"
    secret.write_text("a-token-that-was-revoked\n", encoding="utf-8")
    secret.chmod(0o600)
    workplace.intercom = {"token_file": str(secret), "base_url": workplace.running.url}
    workplace.configure()
    workplace.write(some(3))
    assert workplace.run("sync").code == 5
    secret.write_text(TOKEN + "\n", encoding="utf-8")

    assert workplace.sync()["created"] == 3


def test_p12_nobody_asks_before_the_reset_of_a_429(workplace: Workplace) -> None:
    """F35: no request of any worker reaches the server before the moment that it named."""
    connected(workplace, 60)
    workplace.running.faults.put(["429:POST:pages:20:reset=3"])
    met: list[float] = []
    workplace.running.sandbox.on_request(
        lambda number, when, request: met.append(time.time()) if when == "before" else None
    )

    assert workplace.sync()["created"] == 60

    (refusal,) = (
        one.answer
        for one in workplace.running.requests
        if one.answer is not None and one.answer.status == 429
    )
    reset = float(dict(refusal.headers)["X-RateLimit-Reset"])
    # What was under way when the refusal came had left before.
    after = [at for at in met if at > reset - 2.0]
    assert after
    assert min(after) >= reset
    assert len(workplace.pages()) == 61


@pytest.mark.parametrize("reset", ["-5", "none"])
def test_f35_reset_that_makes_no_sense(workplace: Workplace, reset: str) -> None:
    """In the past or absent: the run waits a little and goes on."""
    connected(workplace, 10)
    workplace.running.faults.put([f"429:POST:pages:3:reset={reset}:retry-after=1"])

    assert workplace.sync()["created"] == 10


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("redirect:POST:pages", "redirected"),
        ("garbage:POST:pages", "no valid answer"),
        ("drop:POST:pages", "no valid answer"),
        ("truncate:POST:pages", "no valid answer"),
        ("502-after:POST:pages", "no valid answer"),
    ],
)
def test_f36_f40_answers_that_are_none(workplace: Workplace, fault: str, told: str) -> None:
    """Nothing is believed that Intercom did not say, and the next run makes it good, without a double."""
    connected(workplace, 5)
    workplace.running.faults.put([fault])

    done = workplace.run("sync")

    assert done.code in (3, 6)
    assert told in done.out
    assert TOKEN not in done.out + done.err
    workplace.running.faults.clear()
    assert workplace.sync()["result"] == "ok"
    assert len(workplace.running.workspace.pages) == 6


def test_f38_refused_page_is_parked_and_the_others_go_on(workplace: Workplace) -> None:
    """Its last version stays, and it is not sent again until it changes."""
    workplace.write(some(5))
    workplace.sync()
    workplace.write({name: text + "\nEdited.\n" for name, text in some(5).items()})
    workplace.running.faults.put(["413:POST:id=page-0002.md"])
    done = workplace.run("sync", "--json")
    assert (done.code, done.source["updated"], done.source["failed"]) == (3, 4, 1)
    assert workplace.pages()["page-0002.md"].html == "<p>Text 2.</p>"
    workplace.writes()

    workplace.sync()

    assert workplace.writes() == []


def test_f39_deactivated_import_source_stops_the_source(workplace: Workplace) -> None:
    """Nothing is sent there, no other one is made, and verify tells it too."""
    workplace.write(some(3))
    workplace.sync()
    workspace = workplace.running.workspace
    (source,) = workspace.sources
    workspace.change_source(source.id, url=source.url, sync_behavior="api", now=2.0, status="deactivated")
    workplace.write({"page-0000.md": "# Page 0\n\nEdited.\n"})

    done, verified = workplace.run("sync"), workplace.run("verify")

    assert (done.code, verified.code) == (6, 6)
    assert f"import source {source.id}" in done.out
    assert "deactivated" in done.out
    assert "deactivated" in verified.out
    assert workplace.pages()["page-0000.md"].html == "<p>Text 0.</p>"
    assert len(workspace.sources) == 1


def test_f54_id_of_a_foreign_page_in_the_state_deletes_nothing(workplace: Workplace) -> None:
    """Somebody edited the state, or it is of another workspace: the page is looked at before it goes."""
    workplace.configure(deletions={"confirm": 1, "min_absence": "0s"})
    workplace.write(some(5))
    workplace.sync()
    other = workplace.pages()["page-0001.md"].id
    with sqlite3.connect(workplace.state) as state:
        state.execute("update records set page_id=? where external_id='page-0000.md'", (str(other),))
    state.close()
    workplace.remove("page-0000.md")

    done = workplace.run("sync")

    assert done.code == 3
    assert "is another page in Intercom, so it was not deleted" in done.out
    assert len(workplace.pages()) == 5


@pytest.mark.parametrize("stub", [False, True])
def test_f50_f52_page_that_is_gone_already_is_deleted(workplace: Workplace, stub: bool) -> None:
    """Whether Intercom answers 404 or shows an empty stub of it."""
    workspace = workplace.running.workspace
    if stub:
        workspace.switches = switched(["get_deleted=stub", "delete_again=stub"], workspace.switches)
    workplace.configure(deletions={"confirm": 1, "min_absence": "0s"})
    workplace.write(some(5))
    workplace.sync()
    workspace.delete_page(workplace.pages()["page-0000.md"].id)
    workplace.remove("page-0000.md")

    assert workplace.sync()["deleted"] == 1

    assert workplace.sync()["result"] == "ok"
    assert len(workplace.pages()) == 4


def test_p16_second_signal_ends_a_sync_at_once(workplace: Workplace) -> None:
    """Whoever asks twice does not want to wait; the next run makes it good."""
    workplace.write(some(5))
    workplace.running.faults.put(["slow=60s:POST:pages"])
    made = threading.Event()

    def hook(number: int, when: str, request: Request) -> None:
        if request.method == "POST" and when == "after":
            made.set()

    workplace.running.sandbox.on_request(hook)
    child = workplace.start("sync")
    assert made.wait(60)
    time.sleep(1)  # the pages follow their import source
    child.send_signal(signal.SIGTERM)
    assert child.stderr is not None
    assert "stopping" in child.stderr.readline()
    child.send_signal(signal.SIGTERM)

    child.communicate(timeout=4)

    assert child.returncode == 143
    workplace.running.faults.clear()
    assert workplace.sync()["result"] == "ok"
    assert json.loads(workplace.run("status", "--json").out)["sources"][0]["live"] == 5
