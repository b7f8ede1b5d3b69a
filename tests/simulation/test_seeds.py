"""Whole lives from a seed, with all that goes wrong between syncd, its store, the origin and Intercom."""

from __future__ import annotations

from collections import Counter

import pytest

from syncd.testing.simulation.__main__ import told
from syncd.testing.simulation.world import live

SEEDS = 2000
CHUNK = 250

MARKS = frozenset(
    {
        "a process died",
        "absent and back",
        "answer lost",
        "approved: deletes",
        "deleted",
        "held: deletions",
        "held: empty",
        "held: identity",
        "last commits lost",
        "the store failed",
    }
)
"""What must have been met in every chunk: a recovery that no seed ever needs is not tested by any."""

REGRESSIONS = (454, 473, 574, 673, 729)
"""Seeds that found a mistake once; README.md tells which."""


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_laws_hold_in_every_life(first: int) -> None:
    """I1 to I8 at each step, F-a to F-f at the end; and each recovery was needed somewhere."""
    marks: Counter[str] = Counter()
    for seed in range(first, first + CHUNK):
        life = live(seed)
        assert not life.broken, "\n" + told(life)
        marks.update(life.marks)

    assert MARKS - marks.keys() == set()


@pytest.mark.parametrize("seed", REGRESSIONS)
def test_old_mistakes_stay_mended(seed: int) -> None:
    """Each of these seeds found one."""
    life = live(seed)

    assert not life.broken, "\n" + told(life)


def test_same_seed_is_the_same_life() -> None:
    """Otherwise no failure could be looked at again."""
    for seed in range(20):
        first, again = live(seed), live(seed)

        assert (first.steps, first.marks, first.broken) == (again.steps, again.marks, again.broken)


def test_life_can_be_told_with_only_its_steps() -> None:
    """The steps of a life, and no others, lead to the same life."""
    for seed in range(20):
        first = live(seed)
        again = live(seed, only=list(first.steps))

        assert (first.steps, first.marks) == (again.steps, again.marks)
