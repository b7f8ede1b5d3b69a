"""What the commands of decisions share: who decides, and how it is kept and told."""

from __future__ import annotations

import getpass
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

from syncd.clock import SystemClock
from syncd.errors import ConfigError

if TYPE_CHECKING:
    from syncd.config.model import Config
    from syncd.decision import Decision
    from syncd.journal import Hold
    from syncd.state.store import SqlStateStore


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


class Named(NamedTuple):
    """The page that a person means."""

    source: str
    external_id: str


def find(config: Config, store: SqlStateStore, page: str, source: str | None) -> Named:
    """Find the one page that is called so: by external id, URL or Intercom's id.

    Raises:
        ConfigError: there is none, or several; with a source, any external id will do.
    """
    from syncd.state.queries import find_pages

    if source is not None:
        config.source(source)
    found = [Named(*key) for key in find_pages(store, page, source=source)]
    if len(found) == 1:
        return found[0]
    if found:
        named = ", ".join(f"{one.external_id} of {one.source}" for one in found)
        raise ConfigError(f"{page!r} can be several pages: {named}. Name one, with --source if need be.")
    if source is None:
        raise ConfigError(
            f"no page is known by the id or URL {page!r}; 'syncd pages' lists them.\n"
            "One that was never published is named by its external id and --source."
        )
    return Named(source, page)
