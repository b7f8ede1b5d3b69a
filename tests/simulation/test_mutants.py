"""The test of the test: a rule that is taken out of the engine is missed by the simulator."""

from __future__ import annotations

import pytest

from syncd.testing.simulation.world import World
from tests.simulation.mutants import MUTANTS, UNWATCHED


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_missing_rule_is_noticed(mutant: type[World]) -> None:
    """Within the stated number of seeds; the law that only says the rule in other words does not count."""
    known, bound = MUTANTS[mutant]
    for seed in (known, *range(bound)):
        broken = mutant(seed).live().broken
        if any(words.split(" ")[0] not in UNWATCHED.get(mutant, ()) for words in broken):
            return

    pytest.fail(f"{mutant.__name__} survived {bound} seeds")
