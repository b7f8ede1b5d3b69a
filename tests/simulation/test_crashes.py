"""A process that dies at every moment, one after the other, and at every two moments."""

from __future__ import annotations

from itertools import combinations

import pytest

from syncd.testing.simulation.crashes import OTHER_ANSWERS, SCENARIOS, rehearse

MODELS = pytest.mark.parametrize(
    "given", [{}, pytest.param(OTHER_ANSWERS, marks=pytest.mark.ring)], ids=["usual", "other"]
)


@MODELS
@pytest.mark.parametrize("name", SCENARIOS)
def test_death_at_any_moment_is_made_good(name: str, given: dict[str, str]) -> None:
    """Before and after each commit and each write, in both models of Intercom."""
    life, moments = rehearse(SCENARIOS[name], given=given)
    assert (life.broken, moments > 20) == ([], True)

    for moment in range(1, moments + 1):
        life, _ = rehearse(SCENARIOS[name], dies_at=[moment], given=given)

        assert not life.broken, f"{name}, dies at {moment}: {life.broken}"


@pytest.mark.ring
@MODELS
@pytest.mark.parametrize("name", ["everything", "many deletions"])
def test_two_deaths_are_made_good(name: str, given: dict[str, str]) -> None:
    """The second one hits the run that repairs the first.

    Only the moments after a commit or a write: those before it are after the one that came earlier.
    """
    _, moments = rehearse(SCENARIOS[name], given=given)

    for first, second in combinations(range(2, moments + 1, 2), 2):
        life, _ = rehearse(SCENARIOS[name], dies_at=[first, second], given=given)

        assert not life.broken, f"{name}, dies at {first} and {second}: {life.broken}"
