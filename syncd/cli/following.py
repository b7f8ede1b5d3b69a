"""Commands while a service runs on the same state: they ask it, and tell what it does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from syncd.cli.progress import shown
from syncd.errors import SourceBusy
from syncd.model import Report, Result
from syncd.outcome import Outcome

if TYPE_CHECKING:
    from syncd.config.model import Config
    from syncd.service.client import Client


def service_of(config: Config) -> Client | None:
    """Return the service that runs on this state, if one has said so."""
    from syncd.service.announce import address_of, announcement
    from syncd.state.database import is_postgres
    from syncd.state.sqlite import sqlite_path

    if is_postgres(config.state_url):
        return None  # it may run on any machine, and the lease says who has a source
    address = address_of(announcement(sqlite_path(config.state_url)))
    if address is None:
        return None
    from syncd.service.client import Client

    return Client(address)


def run_by_service(
    config: Config, names: Sequence[str], *, full: bool, repair: bool, trigger: str, silent: bool
) -> list[Outcome] | None:
    """Let the service run the sources, and return what came of it; None if there is no service.

    Raises:
        ConfigError: it does not know a source, or is about to stop.
        SourceBusy: it ended before the runs did.
    """
    from syncd.service.client import Unreachable
    from syncd.service.wire import decode

    service = service_of(config)
    if service is None:
        return None
    outcomes: list[Outcome] = []
    with shown(silent=silent) as progress:
        planned: dict[str, int] = {}
        try:
            for told in service.run(names, full=full, repair=repair, trigger=trigger):
                source = told["source"]
                if "outcome" in told:
                    outcomes.append(decode(told["outcome"]))
                elif told.get("dropped"):
                    outcomes.append(_dropped(source))
                elif told["planned"]:
                    if source not in planned:
                        progress.planned(source, told["planned"])
                    for _ in range(told["done"] - planned.get(source, 0)):
                        progress.done(source, "")
                    planned[source] = told["done"]
        except Unreachable:
            return None
    return outcomes


def told_by_service(config: Config) -> dict[str, dict[str, Any]]:
    """What the service knows of each source: when it runs next, and whether it does now."""
    from syncd.service.client import Unreachable

    service = service_of(config)
    try:
        return {told["name"]: told for told in service.sources()} if service is not None else {}
    except Unreachable:
        return {}


def _dropped(source: str) -> Outcome:
    why = f"the service stopped before {source} began to run. 'syncd sync' does it without one."
    return Outcome(report=Report(name=source, result=Result.FAILED, error=why), error=SourceBusy(why))
