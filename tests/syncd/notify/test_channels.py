"""What each kind of channel gets, from real servers' eyes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from email import message_from_string, policy
from pathlib import Path
from typing import Any

import pytest
import yaml

from syncd.config.load import load_config
from syncd.config.model import Config
from syncd.config.notifications import Kind, Telling
from syncd.errors import ConfigError
from syncd.log import redact
from syncd.notify.channels import Sender
from syncd.notify.ledger import Told, Why
from syncd.notify.message import Message, message
from syncd.notify.outbound import Outbound, Undelivered
from syncd.notify.problem import Problem
from syncd.registry import connector_type
from syncd.service.signatures import Delivery, signed
from tests.syncd.notify.receivers import mail_server, receiver

AT = 1_780_000_000.0
SECRET = "canary-signing-secret-07b1"


def configured(home: Path, environ: Mapping[str, str] | None = None, **notifications: Any) -> Config:
    path = home / "syncd.yaml"
    source = {
        "name": "handbook",
        "connector": "filesystem",
        "root": "docs",
        "import_source": {"url": "https://handbook.example.com"},
    }
    given = {"allow_addresses": ["127.0.0.1"], **notifications}
    path.write_text(yaml.safe_dump({"notifications": given, "sources": [source]}), encoding="utf-8")
    return load_config(path, environ=environ or {}, settings_model=lambda name: connector_type(name).settings)


def hold(why: Why = Why.OPEN, **values: Any) -> Message:
    problem = Problem(source="handbook", kind=Kind.HOLD, about="deletes", count=12, since=AT - 7200, **values)
    return message([Told(problem=problem, why=why)], at=AT, dashboard="https://syncd.example.com")


class Place:
    """A sender that notes how long it waited."""

    def __init__(self, config: Config) -> None:
        self.waited: list[float] = []
        self.config = config
        outbound = Outbound(config.notifications.allow_addresses)
        self.sender = Sender(outbound, config.base, wait=self.waited.append)

    @property
    def channel(self) -> Telling:
        (channel,) = self.config.notifications.telling
        return channel


def test_slack_gets_one_readable_text(tmp_path: Path) -> None:
    """It names the source, the number, the commands and the dashboard."""
    with receiver() as taken:
        slack = [{"name": "ops", "url": "${SLACK}"}]
        place = Place(configured(tmp_path, {"SLACK": f"{taken.url}/services/canary"}, slack=slack))
        place.sender.tell(place.channel, hold(Why.ALARM, alarm=True))

    ((method, path, headers, body),) = taken.received
    assert (method, path, headers["content-type"]) == ("POST", "/services/canary", "application/json")
    assert json.loads(body) == {
        "text": "handbook: ALARM: 12 pages wait for 2 h to be deleted from Intercom\n"
        "'syncd status' says why, 'syncd plan handbook' which ones. To let them go: "
        "syncd approve handbook --deletes 12. To keep them: syncd reject handbook\n"
        "\n"
        "Dashboard: https://syncd.example.com"
    }


def test_webhook_is_signed_as_standard_webhooks_say(tmp_path: Path) -> None:
    """syncd's own check of such hooks takes it, and a changed one is refused."""
    with receiver() as taken:
        taken.answers = [503]
        (tmp_path / "url").write_text(f"{taken.url}/hook\n")
        webhook = [{"name": "pager", "url_file": "url", "secret": "${SECRET}"}]
        place = Place(configured(tmp_path, {"SECRET": SECRET}, webhook=webhook))
        place.sender.tell(place.channel, hold())

    first, second = taken.received
    assert first == second  # a second try has the id of the first
    _, _, headers, body = second
    assert signed(Delivery(headers=headers, body=body), SECRET, AT + 10) == headers["webhook-id"]
    with pytest.raises(Exception, match="signature"):
        signed(Delivery(headers=headers, body=body + b" "), SECRET, AT + 10)
    document = json.loads(body)
    assert (document["type"], document["timestamp"]) == ("syncd.notification", "2026-05-28T20:26:40+00:00")
    (notice,) = document["data"]["notices"]
    assert (notice["source"], notice["kind"], notice["why"], notice["count"]) == (
        "handbook", "hold", "open", 12,
    )  # fmt: skip


def test_mail_reaches_a_mail_server(tmp_path: Path) -> None:
    """With a subject that says what it is about."""
    with mail_server() as taken:
        email = [
            {
                "name": "mail", "host": "127.0.0.1", "port": taken.port, "security": "none",
                "sender": "syncd@example.com", "to": ["ada@example.com", "bob@example.com"],
            }
        ]  # fmt: skip
        place = Place(configured(tmp_path, email=email))
        place.sender.tell(place.channel, hold())

    (mail,) = taken.mails
    assert "Subject: syncd: handbook: 12 pages wait for 2 h to be deleted from Intercom" in mail
    assert "To: ada@example.com, bob@example.com" in mail
    text = message_from_string(mail, policy=policy.default).get_content()
    assert "syncd approve handbook --deletes 12" in text
    assert [line for line in taken.said if line.startswith("rcpt")] == [
        "rcpt TO:<ada@example.com>",
        "rcpt TO:<bob@example.com>",
    ]


def test_mail_server_without_encryption_gets_nothing_that_wants_it(tmp_path: Path) -> None:
    """A password would go over the wire for all to read."""
    with mail_server() as taken:
        email = [
            {
                "name": "mail", "host": "localhost", "port": taken.port, "username": "syncd",
                "password": "${PASSWORD}", "sender": "syncd@example.com", "to": ["ada@example.com"],
            }
        ]  # fmt: skip
        place = Place(configured(tmp_path, {"PASSWORD": "canary-password-5d"}, email=email))
        with pytest.raises(Undelivered) as caught:
            place.sender.tell(place.channel, hold())

    assert taken.mails == []
    assert "canary" not in str(caught.value) + "".join(taken.said)


def test_mail_that_the_server_refuses_is_told_by_its_code(tmp_path: Path) -> None:
    """What it says besides may hold anything."""
    with mail_server() as taken:
        taken.refuse = "554 canary spam"
        email = [
            {
                "name": "mail", "host": "127.0.0.1", "port": taken.port, "security": "none",
                "sender": "syncd@example.com", "to": ["ada@example.com"],
            }
        ]  # fmt: skip
        place = Place(configured(tmp_path, email=email))
        with pytest.raises(Undelivered, match=r"^the mail server answered 554$"):
            place.sender.tell(place.channel, hold())

    assert place.waited == []


@pytest.mark.parametrize(("answers", "tries"), [([500, 500, 500], 3), ([404], 1), ([302], 1), ([429], 2)])
def test_only_what_may_pass_is_tried_again(tmp_path: Path, answers: list[int], tries: int) -> None:
    """Three times at most, and not where the answer would be the same."""
    with receiver() as taken:
        taken.answers = [*answers]
        slack = [{"name": "ops", "url": "${SLACK}"}]
        place = Place(configured(tmp_path, {"SLACK": taken.url}, slack=slack))
        if answers == [429]:
            place.sender.tell(place.channel, hold())
        else:
            with pytest.raises(Undelivered, match=f"^it answered {answers[0]}$"):
                place.sender.tell(place.channel, hold())

    assert len(taken.received) == tries
    assert len(place.waited) == tries - 1


def test_dead_mans_switch_is_told_of_both_ends(tmp_path: Path) -> None:
    """URL and URL/fail, as healthchecks.io has it; a query stays where it is."""
    with receiver() as taken:
        ping = [{"name": "alive", "url": "${PING}"}]
        config = configured(tmp_path, {"PING": f"{taken.url}/ping/canary?create=1"}, ping=ping)
        place = Place(config)
        (switch,) = config.notifications.ping
        place.sender.ping(switch, well=True)
        place.sender.ping(switch, well=False)

    assert [(method, path) for method, path, _, _ in taken.received] == [
        ("GET", "/ping/canary?create=1"),
        ("GET", "/ping/canary/fail?create=1"),
    ]


def test_url_from_a_file_is_kept_out_of_the_log(tmp_path: Path) -> None:
    """Nobody knew it before it was read."""
    with receiver() as taken:
        url = f"{taken.url}/services/canary-from-file"
        (tmp_path / "url").write_text(url)
        place = Place(configured(tmp_path, slack=[{"name": "ops", "url_file": "url"}]))
        place.sender.tell(place.channel, hold())

    assert "canary" not in redact(f"POST {url}")


def test_secret_in_the_file_itself_is_refused(tmp_path: Path) -> None:
    """The configuration gets copied and committed; the message does not repeat it."""
    slack = [{"name": "ops", "url": "https://hooks.example.com/canary"}]
    with pytest.raises(ConfigError, match=r"notifications\.slack\[0\]\.url: a secret must not") as caught:
        configured(tmp_path, slack=slack)

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"slack": [{"name": "a", "url": "${A}"}, {"name": "a", "url": "${A}"}]}, "rename one of them"),
        ({"slack": [{"name": "a", "url": "${A}", "sources": ["wiki"]}]}, "no source is called 'wiki'"),
        ({"slack": [{"name": "a"}]}, "either a url or a url_file"),
        ({"slack": [{"name": "a", "url": "${A}", "about": ["holds"]}]}, "about"),
        ({"webhook": [{"name": "a", "url": "${A}"}]}, "either a secret or a secret_file"),
        ({"allow_addresses": ["lan"]}, "must be an address or a network"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, section: dict[str, Any], message: str) -> None:
    """When the configuration is read, and not when there is something to tell."""
    with pytest.raises(ConfigError, match=message):
        configured(tmp_path, {"A": "https://hooks.example.com/canary"}, **section)
