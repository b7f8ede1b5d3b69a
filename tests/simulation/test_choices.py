"""Tests of chance by name, and of making a list of steps short."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from syncd.testing.simulation.choices import USUAL, Choices
from syncd.testing.simulation.shrink import shortest

COIN = [("heads", 0.5, "coin")]


def test_decision_depends_on_seed_and_name_alone() -> None:
    """Whatever was decided before, and in whatever order."""
    names = [f"n{number}" for number in range(50)]
    forth = {name: Choices(7).pick(name, COIN) for name in names}
    choices = Choices(7)
    back = {name: choices.pick(name, COIN) for name in reversed(names)}

    assert forth == back
    assert {*forth.values()} == {"heads", USUAL}
    assert forth != {name: Choices(8).pick(name, COIN) for name in names}


def test_only_what_is_named_comes_out_unusual() -> None:
    """That is how a life is told again with fewer steps."""
    free = Choices(7)
    heads = [name for name in "abcdefgh" if free.pick(name, COIN) != USUAL]
    bound = Choices(7, only=heads[:1])
    again = [name for name in "abcdefgh" if bound.pick(name, COIN) != USUAL]

    assert again == heads[:1] == list(bound.taken)


@pytest.mark.parametrize("off", ["class", "calm"])
def test_what_is_switched_off_does_not_happen(off: str) -> None:
    """Neither a class of faults that this seed is without, nor anything once all trouble ended."""
    choices = Choices(7)
    if off == "calm":
        choices.calm = True
    else:
        choices.classes = set()

    assert {choices.pick(f"n{number}", COIN) for number in range(20)} == {USUAL}


def test_shortest_list_keeps_just_what_is_needed() -> None:
    """Of two needed steps among many, each is kept and nothing else."""
    steps = [str(number) for number in range(100)]

    def fails(kept: Sequence[str]) -> bool:
        return "17" in kept and "83" in kept

    assert shortest(steps, fails) == ["17", "83"]
