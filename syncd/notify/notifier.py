"""From how the sources stand to people who know: read, decide, send, and remember what was told.

Nothing here fails a run: what cannot be told is logged, and tried again with the next run or minute.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from syncd.config.model import Config
from syncd.config.notifications import Kind, Ping, Telling
from syncd.errors import ConfigError, SyncdError
from syncd.log import get_logger
from syncd.model import Result
from syncd.notify.channels import Sender
from syncd.notify.ledger import Policy, Told, count_runs, decide, settle, streaks
from syncd.notify.message import message
from syncd.notify.outbound import Outbound, Undelivered
from syncd.notify.problem import LATELY_S, Problem, problems
from syncd.outcome import Outcome
from syncd.state.freshness import freshness
from syncd.state.notices import Key, kept_notices, replace_notices
from syncd.state.queries import SourceSummary, source_summaries
from syncd.state.store import SqlStateStore

log = get_logger(__name__)

_RACES = 5
_WELL = frozenset({Result.OK.value, Result.PARTIAL.value})

Counted = Callable[[str, bool], None]
"""(channel, whether it took the message)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What is to be sent now.

    Attributes:
        pings: which dead man's switches, and whether all is well.
        open: what is a problem now, told or not.
        delivered: whether anybody took it, of each problem that was told.
        at: Unix seconds.
    """

    told: Sequence[Told] = ()
    pings: Sequence[tuple[Ping, bool]] = ()
    open: Sequence[Problem] = ()
    delivered: Mapping[Key, bool] = field(default_factory=dict)
    at: float = 0.0


def is_needed(config: Config) -> bool:
    """Whether anybody is to be told anything."""
    return bool(config.notifications.channels)


def sender(config: Config) -> Sender:
    """What sends, as it is configured."""
    outbound = Outbound(config.notifications.allow_addresses)
    return Sender(outbound, config.base, wait=threading.Event().wait)


def open_problems(
    config: Config, store: SqlStateStore, summaries: Mapping[str, SourceSummary], *, now: float
) -> list[Problem]:
    """Return what needs a person now, whoever was told of it."""
    late = freshness(store, [source.name for source in config.sources], now=now, window_s=LATELY_S)
    return problems(config, summaries, late, streaks(kept_notices(store)), now=now)


def prepare(config: Config, store: SqlStateStore, outcomes: Sequence[Outcome], *, now: float) -> Round:
    """Decide what to tell, and mark it so that no other process does.

    `outcomes`: of the runs that ended since the last round. A round without news writes nothing.

    Raises:
        StateStoreError: the state cannot be read or written.
    """
    settings = config.notifications
    enabled = {source.name for source in config.sources if source.enabled}

    def wants(source: str, kind: Kind) -> bool:
        return source in enabled and any(channel.wants(source, kind) for channel in settings.telling)

    policy = Policy(remind_s=settings.remind_every, per_hour=settings.per_hour, wants=wants)
    summaries = {summary.source: summary for summary in source_summaries(store)}
    late = freshness(store, enabled, now=now, window_s=LATELY_S)
    pings = []
    if ended := {outcome.report.name: outcome.report.result.value for outcome in outcomes}:
        results = {name: one.last_run.result for name, one in summaries.items() if one.last_run is not None}
        for ping in settings.ping:
            concerned = [name for name in enabled if ping.concerns(name)]
            if any(name in ended for name in concerned):
                last = [ended.get(name, results.get(name)) for name in concerned]
                pings.append((ping, all(result is None or result in _WELL for result in last)))
    for _ in range(_RACES):
        before = kept_notices(store)
        counted = count_runs(before, outcomes, now=now)
        found = problems(config, summaries, late, streaks(counted), now=now)
        told, after = decide(counted, found, policy, now=now)
        if replace_notices(store, before, after):
            return Round(told=told, pings=pings, open=found, at=now)
    return Round(pings=pings, at=now)  # others tell it


def deliver(config: Config, sending: Sender, round_: Round, counted: Counted) -> dict[Key, bool]:
    """Send it all, and return for each problem whether anybody took it. Blocking; raises nothing."""
    settings = config.notifications
    delivered: dict[Key, bool] = {one.problem.key: False for one in round_.told}
    for channel in settings.telling:
        told = [one for one in round_.told if channel.wants(one.problem.source, one.problem.kind)]
        if not told:
            continue
        text = message(told, at=round_.at, dashboard=settings.dashboard_url)
        if _sent(channel.name, partial(sending.tell, channel, text), counted):
            delivered.update({one.problem.key: True for one in told})
    for ping, well in round_.pings:
        _sent(ping.name, partial(sending.ping, ping, well=well), counted)
    return delivered


def remember(
    store: SqlStateStore, told: Sequence[Told], delivered: Mapping[Key, bool], *, now: float
) -> None:
    """Note what reached somebody. Raises StateStoreError."""
    if not told:
        return
    for _ in range(_RACES):
        before = kept_notices(store)
        if replace_notices(store, before, settle(before, told, delivered, now=now)):
            return


def notify(
    config: Config,
    store: SqlStateStore,
    sending: Sender,
    outcomes: Sequence[Outcome] = (),
    *,
    now: float,
    counted: Counted = lambda channel, taken: None,
) -> Round:
    """Tell what is to be told now, as a command does once its runs have ended. Raises nothing of ours."""
    try:
        round_ = prepare(config, store, outcomes, now=now)
        delivered = deliver(config, sending, round_, counted)
        remember(store, round_.told, delivered, now=now)
    except SyncdError as error:
        log.error("notifications_failed", error=str(error))
        return Round(at=now)
    return replace(round_, delivered=delivered)


def _sent(name: str, send: Callable[[], None], counted: Counted) -> bool:
    try:
        send()
    except (Undelivered, ConfigError) as error:
        log.error("notification_failed", channel=name, error=str(error))
        counted(name, False)
        return False
    except Exception:
        log.exception("notification_broke", channel=name)
        counted(name, False)
        return False
    log.info("notification_sent", channel=name)
    counted(name, True)
    return True


def channels_of(config: Config, name: str | None) -> Sequence[Telling | Ping]:
    """The channels to try: the one of that name, or all. Raises ConfigError if there is none."""
    settings = config.notifications
    found: list[Telling | Ping] = [*settings.telling, *settings.ping]
    found = [one for one in found if name in (None, one.name)]
    if found:
        return found
    if name is None:
        raise ConfigError(f"{config.path}: no channel is configured. Add one to 'notifications'.")
    names = ", ".join(channel.name for channel in settings.channels) or "none"
    raise ConfigError(f"no channel is called {name!r} in {config.path}; there are: {names}")
