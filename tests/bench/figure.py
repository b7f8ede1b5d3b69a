"""A figure, the floor beside it, and what is wanted of it; the table and the JSON of many."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


class Goal(NamedTuple):
    """A bound on a figure's ratio to its floor, or on its value if it has no floor."""

    sign: str
    bound: float

    def met(self, figure: Figure) -> bool:
        """Whether the figure keeps within the bound."""
        measured = figure.value if figure.ratio is None else figure.ratio
        return measured <= self.bound if self.sign == "<=" else measured >= self.bound


def at_most(bound: float) -> Goal:
    """No more than that."""
    return Goal("<=", bound)


def at_least(bound: float) -> Goal:
    """No less than that."""
    return Goal(">=", bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table.

    Attributes:
        row: the work that was measured, as the command line names it.
        name: what of it.
        unit: of value and floor: s, pages, MB, ...
        floor: the least that the machine allows, measured between the rounds of the figure.
        ratio: median over the rounds of value / floor, which is not the ratio of the medians.
    """

    row: str
    name: str
    value: float
    unit: str = ""
    floor: float | None = None
    ratio: float | None = None
    goal: Goal | None = None

    @property
    def met(self) -> bool | None:
        """Whether its goal is met; None without one."""
        return None if self.goal is None else self.goal.met(self)


def timed(work: Callable[[], object]) -> float:
    """Seconds that the work takes."""
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


def against(
    row: str,
    name: str,
    work: Callable[[], object],
    floor: Callable[[], object],
    *,
    rounds: int,
    goal: Goal | None = None,
) -> Figure:
    """Time work and floor in turns, after one round that does not count, and take the medians."""
    floor()
    work()
    pairs = [(timed(floor), timed(work)) for _ in range(rounds)]
    return ratio_of(row, name, pairs, goal=goal)


def ratio_of(
    row: str, name: str, pairs: Sequence[tuple[float, float]], *, unit: str = "s", goal: Goal | None = None
) -> Figure:
    """The figure of (floor, value) pairs that were measured next to each other."""
    return Figure(
        row=row,
        name=name,
        value=statistics.median(value for _, value in pairs),
        unit=unit,
        floor=statistics.median(floor for floor, _ in pairs),
        ratio=statistics.median(value / floor for floor, value in pairs),
        goal=goal,
    )


def table(figures: Sequence[Figure]) -> str:
    """All figures for a terminal, a blank line between the rows."""
    lines = [("row", "figure", "measured", "floor", "ratio", "goal", "")]
    for figure in figures:
        goal = "" if figure.goal is None else f"{figure.goal.sign} {figure.goal.bound:,g}"
        met = {None: "", True: "met", False: "NOT MET"}[figure.met]
        lines.append(
            (
                figure.row,
                figure.name,
                _shown(figure.value, figure.unit),
                "" if figure.floor is None else _shown(figure.floor, figure.unit),
                "" if figure.ratio is None else f"{figure.ratio:.2f}",
                goal,
                met,
            )
        )
    widths = [max(len(line[place]) for line in lines) for place in range(7)]
    shown: list[str] = []
    before = ""
    for line in lines:
        if before and line[0] != before:
            shown.append("")
        left = f"{line[0] if line[0] != before else '':<{widths[0]}}  {line[1]:<{widths[1]}}"
        numbers = "  ".join(f"{cell:>{width}}" for cell, width in zip(line[2:6], widths[2:6], strict=True))
        shown.append(f"{left}  {numbers}  {line[6]}".rstrip())
        before = line[0]
    return "\n".join(shown)


def verdict(figures: Sequence[Figure]) -> str:
    """The last line: how many goals are met."""
    goals = [figure.met for figure in figures if figure.met is not None]
    return f"{sum(goals)} of {len(goals)} goals met"


def document(figures: Sequence[Figure], **about: Any) -> dict[str, Any]:
    """The same for machines."""
    goals = [figure.met for figure in figures if figure.met is not None]
    return {
        "schema": 1,
        **about,
        "figures": [
            {
                "row": figure.row,
                "name": figure.name,
                "value": figure.value,
                "unit": figure.unit,
                "floor": figure.floor,
                "ratio": figure.ratio,
                "goal": None if figure.goal is None else f"{figure.goal.sign} {figure.goal.bound:g}",
                "met": figure.met,
            }
            for figure in figures
        ],
        "goals": len(goals),
        "met": sum(goals),
    }


def _shown(value: float, unit: str) -> str:
    if unit == "s":
        return f"{value * 1000:,.0f} ms" if value < 10 else f"{value:,.1f} s"
    number = f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:.3g}"
    return f"{number} {unit}".rstrip()
