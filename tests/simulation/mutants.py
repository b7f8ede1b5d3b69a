"""syncd with one rule taken out at a time: the simulator has to notice each of them.

A rule is taken out by wrapping what the engine is handed, never by a switch in it. The laws go by what
really happens, so they do not know which rule is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from syncd.guards import Policy
from syncd.journal import Entry, Intent
from syncd.model import RecordState
from syncd.testing.simulation.store import ObservedStore
from syncd.testing.simulation.world import World


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


MUTANTS: dict[type[World], int] = {
    NoIntent: 200,
    BelievedBefore: 200,
    OnePass: 200,
    NoBudget: 200,
}
"""Each with the number of seeds in which it has to be noticed."""

UNWATCHED: dict[type[World], set[str]] = {NoIntent: {"I5"}}
"""Laws that say no more than that the rule is there."""
