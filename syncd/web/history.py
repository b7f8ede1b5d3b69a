"""A small picture of the last runs of a source: one bar a run, as high as it changed much."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from syncd.state.queries import RunSummary

RUNS = 30

_STEP = 7
_BAR = 5
_HEIGHT = 28
_LEAST = 4
# So many changed pages fill the height.
_MOST = 1_000


class Bar(NamedTuple):
    """One run, in units of the picture; `kind` names its colour and `text` says it in words."""

    x: int
    y: int
    width: int
    height: int
    kind: str
    text: str


class Picture(NamedTuple):
    """All bars, the oldest first, with a sentence for those who do not see them."""

    width: int
    height: int
    bars: tuple[Bar, ...]
    text: str


def picture(runs: Sequence[RunSummary]) -> Picture:
    """Draw the newest runs, which are given newest first."""
    shown = list(reversed(runs[:RUNS]))
    begin = (RUNS - len(shown)) * _STEP
    bars = tuple(_bar(begin + index * _STEP, run) for index, run in enumerate(shown))
    return Picture(RUNS * _STEP, _HEIGHT, bars, _told(shown))


def kind(run: RunSummary) -> str:
    """The result of a run in one word; `open` for one that has none."""
    return run.result or "open"


def _bar(x: int, run: RunSummary) -> Bar:
    changed = run.created + run.updated + run.deleted
    share = min(1.0, math.log1p(changed) / math.log1p(_MOST))
    height = round(_LEAST + share * (_HEIGHT - _LEAST))
    text = (
        f"run {run.number}: {kind(run)}, {run.created} created, {run.updated} updated, {run.deleted} deleted"
    )
    return Bar(x, _HEIGHT - height, _BAR, height, kind(run), text)


def _told(runs: Sequence[RunSummary]) -> str:
    if not runs:
        return "no run yet"
    counts: dict[str, int] = {}
    for run in runs:
        counts[kind(run)] = counts.get(kind(run), 0) + 1
    parts = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return f"last {len(runs)} runs: {parts}"
