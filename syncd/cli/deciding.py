"""What the commands of decisions share: who decides, and how it is kept and told."""

from __future__ import annotations

import getpass
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from syncd.clock import SystemClock

if TYPE_CHECKING:
    from syncd.config.model import Config
    from syncd.decision import Decision
    from syncd.journal import Hold


def told(by: str | None) -> str:
    """The person's name: as given, or the user of the operating system, also behind sudo."""
    if by is not None:
        return by
    if name := os.environ.get("SUDO_USER"):
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid {os.getuid()}"


def decide(config: Config, source: str, decision: Decision, *, command: str, as_json: bool) -> Hold | None:
    """Make a decision true, whoever holds the state; with `as_json`, print it.

    Raises:
        ConfigError: no such source, or it does not fit what is held and ordered now.
    """
    from syncd import app
    from syncd.cli.report import SCHEMA, print_json

    config.source(source)
    now = SystemClock().now()
    with app.decision_store(config, command=command) as store:
        hold = store.decide(source, decision, at=now)
    if as_json:
        document = {
            "schema": SCHEMA,
            "source": source,
            "decision": type(decision).__name__.lower(),
            "at": now,
            **asdict(decision),
            "hold": None if hold is None else asdict(hold),
        }
        print_json(document)
    return hold
