"""syncd with one rule taken out at a time: the simulator has to notice each of them.

A rule is taken out by wrapping what the engine is handed, never by a switch in it. The laws go by what
really happens, so they do not know which rule is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from syncd.before import Before
from syncd.guards import Policy
from syncd.journal import Entry, Intent, Returned
from syncd.model import RecordState
from syncd.survey import Run, Source
from syncd.testing.simulation.process import Process
from syncd.testing.simulation.store import ObservedStore
from syncd.testing.simulation.world import World

LATE = {"swarm.late": "on", "swarm.outage": "on", "knob.haste": "busy"}
"""Lives in which much arrives late."""


class _NoIntent(ObservedStore):
    """W1 taken out: a request is sent without a row that says so."""

    def write(self, source: str, run: int, entries: Sequence[Entry], **more: Any) -> Any:
        return super().write(source, run, [each for each in entries if not isinstance(each, Intent)], **more)


class _BelievedBefore(ObservedStore):
    """W2 taken out: what is about to be sent counts as acknowledged."""

    def write(self, source: str, run: int, entries: Sequence[Entry], **more: Any) -> Any:
        answer = super().write(source, run, entries, **more)
        for entry in entries:
            if isinstance(entry, Intent):
                row = self.rows[source][entry.external_id]
                believed = row._replace(
                    state=RecordState.LIVE.value, content_hash=entry.content_hash, in_flight=False
                )
                self.rows[source][entry.external_id] = believed
        return answer


class NoIntent(World):
    """W1: intent before effect."""

    def make_store(self) -> ObservedStore:
        return _NoIntent(self.loop.time)


class BelievedBefore(World):
    """W2: acknowledgement before belief."""

    def make_store(self) -> ObservedStore:
        return _BelievedBefore(self.loop.time)


class OnePass(World):
    """An absence needs no second listing."""

    def make_policy(self) -> Policy:
        return replace(super().make_policy(), confirm=1, min_absence_s=0.0)


class NoBudget(World):
    """Any number of deletions goes without a person."""

    def make_policy(self) -> Policy:
        return replace(super().make_policy(), hold_above_pages=10**6, hold_above_percent=100.0)


class _Restamping(ObservedStore):
    """W5 taken out: each start makes all rows ambiguous anew that were so before."""

    def start(self, source: str, **more: Any) -> int:
        rows = self.rows.get(source, {})
        for key, row in rows.items():
            if row.ambiguous_at is not None or row.state == RecordState.PENDING:
                rows[key] = row._replace(ambiguous_at=more["at"])
        return super().start(source, **more)


class _Burying(ObservedStore):
    """W6 taken out: a tombstone goes with the first listing that does not show its page."""

    def before(self, source: str) -> Before:
        known = super().before(source)
        doubts = [
            doubt._replace(since=0.0) if doubt.state == RecordState.TOMBSTONE else doubt
            for doubt in known.doubts
        ]
        return replace(known, doubts=doubts)


class _Trusting(ObservedStore):
    """W7 taken out: a page whose item was absent and is back is believed to be as it was."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._back: set[str] = set()

    def write(self, source: str, run: int, entries: Sequence[Entry], **more: Any) -> Any:
        before = dict(self.rows.get(source, {}))
        answer = super().write(source, run, entries, **more)
        for entry in entries:
            if isinstance(entry, Returned):
                self._back.add(entry.external_id)
                row = self.rows[source][entry.external_id]
                known = before[entry.external_id].ambiguous_at
                self.rows[source][entry.external_id] = row._replace(ambiguous_at=known)
        return answer

    def remote_digests(self, source: str) -> dict[str, str]:
        rows = self.rows.get(source, {})
        known = super().remote_digests(source)
        return {
            key: digest for key, digest in known.items() if not rows[key].absences and key not in self._back
        }


class _AnyEpoch(ObservedStore):
    """W8 taken out: whoever writes is believed to hold the lease."""

    def _check(self, source: str, epoch: int | None, *, owner: str | None = None) -> None:
        pass


class NoWindow(World):
    """W4: what got no answer is looked at only when nothing of it can land any more."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, given=LATE)
        self.window_s = 0.0


class Restamping(World):
    """W5: an attempt is stamped once."""

    def make_store(self) -> ObservedStore:
        return _Restamping(self.loop.time)


class Burying(World):
    """W6: a tombstone stays until its window is over."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, given=LATE)

    def make_store(self) -> ObservedStore:
        return _Burying(self.loop.time)


class Trusting(World):
    """W7: what was absent and is back is looked at."""

    def make_store(self) -> ObservedStore:
        return _Trusting(self.loop.time)


class Unfenced(World):
    """W8: nothing is sent once two thirds of the lease have gone without a renewal."""

    def make_source(self, process: Process, **more: Any) -> Source:
        return super().make_source(process)

    def make_run(self, process: Process, **more: Any) -> Run:
        return super().make_run(process, **{name: value for name, value in more.items() if name != "fence"})


class AnyEpoch(World):
    """W8: the epoch is checked in the transaction of each intent and acknowledgement."""

    def make_store(self) -> ObservedStore:
        return _AnyEpoch(self.loop.time)


class _Unsized(ObservedStore):
    """Nobody knows how long the pages were."""

    def text_sizes(self, source: str) -> dict[str, int]:
        return {}


class _Believing(ObservedStore):
    """An old backup is believed to be the newest state."""

    def _distrust(self) -> None:
        pass


class Blanking(World):
    """Most pages of a source lose their text only if a person lets them."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, given={"knob.size": "many", "swarm.blank": "on", "editor#1": "blanks"})

    def make_store(self) -> ObservedStore:
        return _Unsized(self.loop.time)


class Believing(World):
    """An old state deletes nothing before all pages were looked at."""

    def make_store(self) -> ObservedStore:
        return _Believing(self.loop.time)


class AnyScope(World):
    """What a changed configuration leaves out waits for a person."""

    def make_source(self, process: Process, **more: Any) -> Source:
        return replace(super().make_source(process, **more), fingerprint="f")


class Deaf(World):
    """A process that was asked to stop sends nothing more."""

    def make_run(self, process: Process, **more: Any) -> Run:
        return replace(super().make_run(process, **more), stop=asyncio.Event())


MUTANTS: dict[type[World], tuple[int, int]] = {
    NoIntent: (7, 100),
    BelievedBefore: (0, 50),
    NoWindow: (23, 300),
    Restamping: (0, 20),
    Burying: (570, 1000),
    Trusting: (26, 300),
    Unfenced: (9, 300),
    AnyEpoch: (2, 100),
    OnePass: (1, 50),
    NoBudget: (0, 50),
    Blanking: (0, 20),
    Believing: (92, 300),
    AnyScope: (26, 200),
    Deaf: (30, 200),
}
"""Each with the seed that noticed it first when somebody last looked, which is tried before all others, and
the number of seeds in which it has to be noticed."""

UNWATCHED: dict[type[World], set[str]] = {NoIntent: {"I5"}}
"""Laws that say no more than that the rule is there."""
