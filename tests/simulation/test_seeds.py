"""Whole lives from a seed, with all that goes wrong between syncd, its store, the origin and Intercom."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from syncd.testing.simulation.campaign import lives, told
from syncd.testing.simulation.world import live

SEEDS = 250
"""The first of 2,000; `.ci/run` lives the others."""

ENOUGH = 500
"""Among so many lives each way of recovery is taken by some."""

MARKS = frozenset(
    {
        "DELETE answered 404",
        "GET answered 404",
        "GET answered 429",
        "POST answered 401",
        "POST answered 422",
        "POST answered 503",
        "a lease was taken over",
        "a person: Approve",
        "a person: Freeze",
        "a person: Reject",
        "a person: TakeDown",
        "a process died",
        "a run was asked to stop",
        "an old backup was restored",
        "an intent was refused",
        "confirmed after a lost try",
        "deleted: found late",
        "deleted: the origin said so",
        "entry Dropped",
        "entry Drifted",
        "entry Failed",
        "entry Opened",
        "entry Surplus",
        "entry Forgotten",
        "entry Returned",
        "entry Skipped",
        "entry Uncertain",
        "entry Unchanged",
        "entry Verified",
        "held: deletions",
        "held: empty",
        "held: identity",
        "held: rewrite",
        "held: scope",
        "last commits lost",
        "looked at all pages with another state",
        "renamed in case or normalisation",
        "sent: drift",
        "sent: links",
        "sent: pending",
        "the database failed over",
        "the lease was lost",
        "the source is busy",
        "the state was lost",
        "the store failed",
        "the token was refused",
    }
)
"""What must have been met: a recovery that no life ever needs is not tested by any."""

REGRESSIONS = (2079, 3070, 3148, 3254, 3899, 6800, 7223, 11963, 13133, 18124, 21176, 21406, 7102, 11491)
"""Seeds that found a mistake once; README.md tells which."""


def test_laws_hold_in_every_life() -> None:
    """I1 to I8 at each step, F-a to F-f at the end."""
    for found in lives(range(SEEDS), workers=os.cpu_count() or 1):
        assert not found.broken, "\n" + told(found.broken[0])


@pytest.mark.ring
def test_each_way_of_recovery_is_taken() -> None:
    """By some life at least."""
    marks: Counter[str] = Counter()
    for found in lives(range(ENOUGH), workers=os.cpu_count() or 1):
        marks.update(found.marks)

    assert {mark for mark in MARKS if not marks[mark]} == set()


@pytest.mark.parametrize("seed", REGRESSIONS)
def test_old_mistakes_stay_mended(seed: int) -> None:
    """Each of these seeds found one."""
    life = live(seed)

    assert not life.broken, "\n" + told(life)


def test_same_seed_is_the_same_life() -> None:
    """Otherwise no failure could be looked at again."""
    for seed in range(4):
        first, again = live(seed), live(seed)

        assert (first.steps, first.marks, first.broken) == (again.steps, again.marks, again.broken)


def test_life_can_be_told_with_only_its_steps() -> None:
    """The steps of a life, and no others, lead to the same life."""
    for seed in range(4):
        first = live(seed)
        again = live(seed, only=list(first.steps))

        assert (first.steps, first.marks) == (again.steps, again.marks)
