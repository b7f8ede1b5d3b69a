"""Errors that nobody foresaw, through Sentry's own SDK."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from syncd.errors import ConfigError
from syncd.log import bound, get_logger
from syncd.service.crashes import Crashes, options, reported

transports = pytest.importorskip("sentry_sdk.transport", reason="pip install 'syncd[sentry]'")
clients = pytest.importorskip("sentry_sdk.client")

SECRET = "canary-page-2b7d"
DSN = "https://canarykey0123456789@127.0.0.1:1/7"

log = get_logger("syncd.test")


class Kept(transports.Transport):
    """Sends nothing; keeps what would be sent, as it would be."""

    sent: list[bytes] = []  # noqa: RUF012  # the client makes its transport itself

    def capture_envelope(self, envelope: Any) -> None:
        self.sent.append(envelope.serialize())


@pytest.fixture
def sent() -> Iterator[list[bytes]]:
    """What Sentry is told by the log of this process."""
    Kept.sent.clear()
    crashes = Crashes(clients.Client(DSN, transport=Kept, **options({})))
    logging.getLogger().addHandler(crashes)
    yield Kept.sent
    logging.getLogger().removeHandler(crashes)


def event(envelope: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(envelope.splitlines()[2])
    return found


def read(page: str) -> None:
    token = f"Bearer {page}"
    try:
        raise KeyError(token)
    except KeyError as error:
        raise ValueError(f"cannot make sense of {page!r}") from error


def crash(**fields: object) -> None:
    with bound(source="handbook", external_id=SECRET):
        try:
            read(SECRET)
        except ValueError:
            log.exception("run_broke", **fields)


def test_error_is_told_with_its_place_and_nothing_that_it_saw(sent: list[bytes]) -> None:
    """Messages, variables and lines of code may hold a token or a page, and fields of the log an id."""
    crash(path=f"/srv/{SECRET}.md")

    [envelope] = sent
    told = event(envelope)
    cause, error = told["exception"]["values"]
    assert (cause["type"], error["type"]) == ("KeyError", "ValueError")
    assert [frame["function"] for frame in error["stacktrace"]["frames"]] == ["crash", "read"]
    assert all(set(frame) <= {"module", "function", "lineno", "in_app"} for frame in _frames(told))
    assert (told["message"], told["tags"], told["logger"]) == (
        "run_broke",
        {"source": "handbook"},
        "syncd.test",
    )
    assert told["release"].startswith("syncd@")
    assert SECRET.encode() not in envelope


def test_machine_and_modules_are_not_told(sent: list[bytes]) -> None:
    """The client adds its own name, the time and what was asked for."""
    crash()

    assert set(event(sent[0])) <= {
        *("level", "logger", "message", "tags", "exception", "event_id", "timestamp", "platform"),
        *("release", "environment", "sdk", "server_name", "transaction_info", "breadcrumbs", "contexts"),
    }
    assert event(sent[0]).get("server_name", "") == ""
    assert not event(sent[0]).get("breadcrumbs", {}).get("values")


def test_what_was_foreseen_is_not_told(sent: list[bytes]) -> None:
    """An origin that cannot be reached is for notifications; words of other libraries are left out."""
    log.error("run_failed", error=SECRET)
    try:
        read(SECRET)
    except ValueError:
        logging.getLogger("other").error("cannot %s", SECRET, exc_info=True)

    [envelope] = sent
    assert event(envelope)["exception"]["values"][-1]["type"] == "ValueError"
    assert SECRET.encode() not in envelope


def test_error_that_is_its_own_cause_ends(sent: list[bytes]) -> None:
    """A chain of errors may be a ring."""
    error = ValueError("a")
    error.__context__ = KeyError("b")
    error.__context__.__context__ = error
    log._logger.error("x", exc_info=error)

    assert len(event(sent[0])["exception"]["values"]) == 2


def test_address_that_is_none_is_refused() -> None:
    """At the start, and without being shown."""
    with (
        pytest.raises(ConfigError, match="SENTRY_DSN is not an address") as refused,
        reported({"SENTRY_DSN": "canary"}),
    ):
        pass
    assert "canary" not in str(refused.value)


def test_sentry_that_is_away_holds_nobody_up() -> None:
    """The errors are lost, and the log goes on."""
    handlers = list(logging.getLogger().handlers)
    with reported({"SENTRY_DSN": DSN}):
        assert len(logging.getLogger().handlers) == len(handlers) + 1
        crash()
    assert logging.getLogger().handlers == handlers


def test_without_an_address_nothing_is_heard() -> None:
    """Nor imported."""
    handlers = list(logging.getLogger().handlers)
    with reported({}):
        assert logging.getLogger().handlers == handlers


def _frames(told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for value in told["exception"]["values"]:
        yield from value["stacktrace"]["frames"]
