"""What earlier runs left behind beside the rows: all that a run asks of the state at its start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from syncd.decision import NONE, Orders, Question
from syncd.journal import Hold, Standing
from syncd.model import Doubt


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """One source as the state knows it at one moment.

    Attributes:
        standing: what is remembered of it as a whole; an empty one for a source never seen.
        holds: those that are open, at most one for each question.
        orders: what people ordered, and did not take back.
        doubts: rows of which it is not sure what Intercom shows, and tombstones.
        marks: external_id → whether it was the only one, of each page that a run was at when it was killed.
        awaits: whether pages were sent of which Intercom has not told yet that it read them in.
        included: the distinct (name, version) pairs of the files that all its pages looked for.
    """

    standing: Standing = field(default_factory=Standing)
    holds: Mapping[Question, Hold] = field(default_factory=dict)
    orders: Orders = NONE
    doubts: Sequence[Doubt] = ()
    marks: Mapping[str, bool] = field(default_factory=dict)
    awaits: bool = False
    included: Sequence[tuple[str, str | None]] = ()
