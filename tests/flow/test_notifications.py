"""People are told once, daily while it lasts, and when it is over: from cron and from the service."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator

import pytest

from syncd.cli.session import configuration
from syncd.config.model import Config
from syncd.notify import notifier
from syncd.service.gauges import write_textfile
from syncd.state.queries import source_summaries
from syncd.state.store import SqlStateStore
from tests.conftest import TOKEN, Workplace
from tests.flow.daemon import TOKEN as CONTROL
from tests.flow.daemon import Daemon
from tests.syncd.notify.receivers import Receiver, mail_server, receiver

HOUR_S = 3600.0
CANARIES = ("canary-title", "canary-text", "canary-file", "canary-url", "canary-password", TOKEN)


@pytest.fixture
def people() -> Iterator[Receiver]:
    """A Slack that people read."""
    with receiver() as taken:
        yield taken


@pytest.fixture
def told(workplace: Workplace, people: Receiver) -> Workplace:
    """A workplace whose notifications go there."""
    (workplace.home / "slack").write_text(f"{people.url}/services/canary-url")
    workplace.top["notifications"] = {
        "allow_addresses": ["127.0.0.1"],
        "slack": [{"name": "ops", "url_file": "slack"}],
    }
    workplace.configure()
    return workplace


def texts(people: Receiver) -> list[str]:
    """What was said since the last call."""
    said = [json.loads(body)["text"] for _, _, _, body in people.received]
    people.received.clear()
    return said


def some(count: int) -> dict[str, str]:
    return {
        f"canary-file-{number:02}.md": f"# canary-title {number}\n\ncanary-text {number}.\n"
        for number in range(count)
    }


def empty(workplace: Workplace) -> None:
    for path in list(workplace.docs.iterdir())[1:]:
        path.unlink()


def later(workplace: Workplace, seconds: float) -> list[str]:
    """What needs a person after so much time, as a command or a service then sees it; and tell it."""
    now = time.time() + seconds
    config = _configured(workplace)
    with SqlStateStore(config.state_url) as store:
        notifier.notify(config, store, notifier.sender(config), now=now)
        summaries = {summary.source: summary for summary in source_summaries(store)}
        problems = notifier.open_problems(config, store, summaries, now=now)
        metrics = workplace.home / "later.prom"
        write_textfile(metrics, summaries, {}, {"handbook": 0.0}, problems)
    return [line for line in metrics.read_text().splitlines() if line.startswith("syncd_alarms{")]


def _configured(workplace: Workplace) -> Config:
    before = dict(os.environ)
    os.environ.update(workplace.environment)
    try:
        return configuration(workplace.config)
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_hold_is_told_once_becomes_an_alarm_and_is_over_with_the_approval(
    told: Workplace, people: Receiver
) -> None:
    """P23: what waits for more than 24 h raises an alert, and a decision ends it."""
    told.write(some(30))
    told.sync()
    told.sync()
    assert texts(people) == []
    empty(told)

    assert told.run("sync").code == 7
    (text,) = texts(people)
    assert text.startswith("handbook: 29 pages wait for 0 s to be deleted from Intercom\n")
    assert "syncd approve handbook --deletes 29" in text
    assert told.run("sync").code == 7
    assert texts(people) == []

    assert later(told, 23 * HOUR_S) == ['syncd_alarms{source="handbook"} 0.0']
    assert texts(people) == []
    assert later(told, 25 * HOUR_S) == ['syncd_alarms{source="handbook"} 2.0']  # the stale source, too
    (text,) = texts(people)
    assert text.startswith("handbook: ALARM: 29 pages wait for 25 h to be deleted from Intercom\n")
    assert later(told, 26 * HOUR_S) != []
    assert texts(people) == []

    assert told.run("approve", "handbook", "--deletes", "29").code == 0
    told.sync()
    (text,) = texts(people)
    assert "handbook: solved after" in text
    assert "nothing waits for a decision any more" in text


def test_nothing_private_leaves_and_no_secret_is_kept(told: Workplace, people: Receiver) -> None:
    """No text, title or id of a page, no token and no URL: in no message, log, error or state."""
    with mail_server() as mails:
        (told.home / "password").write_text("canary-password-91")
        told.top["notifications"] |= {
            "webhook": [{"name": "hook", "url_file": "slack", "secret_file": "password"}],
            "email": [
                {
                    "name": "mail", "host": "127.0.0.1", "port": mails.port, "security": "none",
                    "sender": "syncd@example.com", "to": ["ops@example.com"],
                }
            ],
            "ping": [{"name": "alive", "url_file": "slack"}],
            "failures": 1,
        }  # fmt: skip
        told.configure()
        told.write({**some(30), "canary-file-bad.md": b"\xff\xfe\x00broken"})
        done = [told.run("sync", "-vv")]
        done.append(told.run("takedown", "canary-file-03.md", "--why", "canary-text", "--by", "ada"))
        empty(told)
        done += [told.run("sync", "-vv"), told.run("sync", "-vv")]
        people.answers = [500] * 3
        told.configure(root="nowhere")
        done += [told.run("sync", "-vv"), told.run("notify"), told.run("notify", "--test")]
        (told.home / "slack").write_text("http://hooks.example.com/canary-url")
        done += [told.run("notify", "--test")]

    messages = [body.decode() for _, _, _, body in people.received] + mails.mails
    assert len(messages) > 10
    state = [path.read_bytes() for path in told.home.glob("syncd.db*")]
    for canary in CANARIES:
        assert all(canary not in text for text in messages), canary
    for canary in ("canary-url", "canary-password", TOKEN):
        assert all(canary not in one.out + one.err for one in done), canary
        assert all(canary.encode() not in one for one in state), canary
    assert done[-1].code == 3
    assert "ops: not delivered: its URL must begin with https://" in done[-1].err


def test_quiet_run_writes_nothing_for_people(told: Workplace, people: Receiver) -> None:
    """Whoever has nothing to be told of costs no commit."""

    def commits() -> int:
        with sqlite3.connect(told.state) as state:
            (count,) = state.execute("SELECT count(*) FROM notices").fetchone()
        state.close()
        return int(count)

    told.write(some(3))
    for _ in range(3):
        told.sync()

    assert commits() == 0
    assert people.received == []


def test_failures_are_told_from_the_third_on_and_so_is_the_recovery(
    told: Workplace, people: Receiver
) -> None:
    """A network that is away for a moment is no news."""
    told.write(some(3))
    told.sync()
    told.configure(root="nowhere")

    heard = [(told.run("sync").code, texts(people)) for _ in range(4)]
    told.configure(root="docs")
    told.sync()

    assert [code for code, _ in heard] == [6, 6, 6, 6]
    assert [len(said) for _, said in heard] == [0, 0, 1, 0]
    assert heard[2][1][0].startswith("handbook: the last 3 runs failed")
    (text,) = texts(people)
    assert text.endswith("a run ended well")


def test_refused_token_is_told_at_once(told: Workplace, people: Receiver) -> None:
    """No run can help, whoever waits for the third."""
    told.write(some(1))
    (told.home / "token").write_text("expired")
    told.intercom = {"token_file": "token", "base_url": told.running.url}
    told.configure()

    assert told.run("sync").code == 5

    (text,) = texts(people)
    assert text.startswith("handbook: Intercom refused the access token: nothing can be sent\n")


def test_receiver_that_is_away_fails_no_run(told: Workplace, people: Receiver) -> None:
    """It is logged, and told as soon as somebody listens."""
    told.write(some(30))
    told.sync()
    empty(told)
    people.answers = [404]

    done = told.run("sync")

    assert done.code == 7
    assert "notification_failed" in done.err
    assert "answered 404" in done.err
    people.received.clear()
    later(told, HOUR_S)
    assert len(texts(people)) == 1


def test_dead_mans_switch_hears_of_each_run(told: Workplace, people: Receiver) -> None:
    """A run that reached its end is a sign of life; one that failed, or waits for a person, is none."""
    told.top["notifications"] = {
        "allow_addresses": ["127.0.0.1"],
        "ping": [{"name": "alive", "url_file": "slack"}],
    }
    told.configure()
    told.write(some(30))
    told.sync()
    told.run("plan")
    empty(told)
    told.sync()
    told.configure(root="nowhere")
    told.run("sync")

    paths = [path.removeprefix("/services/canary-url") for _, path, _, _ in people.received]
    assert paths == ["", "/fail", "/fail"]


def test_takedown_is_told_when_it_is_done(told: Workplace, people: Receiver) -> None:
    """Whoever is responsible for what Fin knows hears of it, whoever did it."""
    told.write(some(3))
    told.sync()

    assert told.run("takedown", "canary-file-01.md", "--why", "leaked", "--by", "ada").code == 0

    (text,) = texts(people)
    assert text.startswith("handbook: 1 page taken down by a person, and kept out\n")
    told.sync()
    assert texts(people) == []


def test_service_tells_after_a_run(told: Workplace, people: Receiver) -> None:
    """The same, without a command."""
    told.write(some(30))
    told.sync()
    empty(told)
    with Daemon(told) as daemon:
        assert told.process("sync", env=daemon.environment).code == 7  # by the service
        daemon.event("notification_sent", channel="ops")
        _, _, metrics = daemon.ask("GET", "/metrics", authorization=f"Bearer {CONTROL}")

    (text,) = texts(people)
    assert text.startswith("handbook: 29 pages wait")
    lines = metrics.decode().splitlines()
    assert 'syncd_open_problems{kind="hold",source="handbook"} 1.0' in lines
    assert 'syncd_alarms{source="handbook"} 0.0' in lines
    assert 'syncd_notifications_total{channel="ops",result="delivered"} 1.0' in lines
    assert 'syncd_notifications_total{channel="ops",result="failed"} 0.0' in lines
