"""One page goes now: what `syncd takedown` does, beside any run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.app import Intercom, make_source
from syncd.apply import Applier
from syncd.clock import SystemClock
from syncd.commits import Journal
from syncd.config.model import Config
from syncd.decision import Order, TakeDown
from syncd.errors import SourceError, SyncdError, TargetUnavailable
from syncd.guards import Candidate
from syncd.lanes import ThreadLane
from syncd.model import Record, RecordState
from syncd.plan import banned
from syncd.protocols import Target

if TYPE_CHECKING:
    from syncd.state.store import SqlStateStore


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenDown:
    """What came of a takedown beside the order itself, which stands.

    Attributes:
        deleted: Intercom had a page, and has it no more.
        error: why it could not be deleted now; None if it could, or there was none.
    """

    deleted: bool = False
    error: SyncdError | None = None


async def take_down(config: Config, store: SqlStateStore, name: str, decision: TakeDown) -> TakenDown:
    """Order that a page stays out, and delete it; also while another process syncs its source.

    Raises:
        FatalError: nothing was ordered.
    """
    clock = SystemClock()
    store.decide(name, decision, at=clock.now())
    standing = store.before(name).standing
    if standing.import_source_id is None:
        return TakenDown()  # nothing of this source was ever sent
    intercom = Intercom(config)
    try:
        source = make_source(config, config.source(name), intercom)
        source.check(standing)
        target = (await source.connect(standing)).target
        async with ThreadLane("store") as keep:
            applier = Applier(
                target=lambda: _ready(target),
                journal=Journal(store, keep, clock, name, 0),
                rules=source.rules_key,
                concurrency=1,
                on_done=lambda external_id: None,
            )
            await applier.delete(await _found(store, target, name, decision), stop=asyncio.Event())
        for _, error in applier.tally.errors:
            return TakenDown(error=TargetUnavailable(error))
        return TakenDown(deleted=applier.tally.taken_down > 0)
    except SourceError as error:
        return TakenDown(error=error)
    finally:
        await intercom.close()


async def _found(
    store: SqlStateStore, target: Target, name: str, decision: TakeDown
) -> tuple[Candidate, ...]:
    """The page with its parts, by their rows; without one, whatever the import source holds of it."""
    external_id = decision.external_id
    order: Order = store.before(name).orders.taken_down[external_id]
    records = store.records(name)
    if external_id in records:
        return banned(records, {external_id: order})
    found: list[Candidate] = []
    async for remote in target.pages():
        name = remote.external_id
        if external_id in (name, name.rpartition("#")[0]):
            row = Record(name, "", RecordState.LIVE.value, page_id=remote.page_id)
            found += banned({name: row}, {name: order})
    return tuple(found)


async def _ready(target: Target) -> Target:
    return target
