"""The table of bad inputs, tests/bad_inputs.md: a line for each, and each test that it names exists."""

from __future__ import annotations

from tests.proofs import missing, proofs

LAST = 72
LINES = proofs("bad_inputs.md", "B")


def test_every_bad_input_has_a_line() -> None:
    """A number that is missing would be forgotten."""
    assert [line.number for line in LINES] == list(range(1, LAST + 1))


def test_every_line_names_a_test_or_what_it_waits_for() -> None:
    """An answer that nothing proves is a wish."""
    bare = [line for line in LINES if not line.tests]

    assert [line.number for line in bare if "with the service" not in line.shown] == []


def test_every_test_of_the_table_exists() -> None:
    """A test that was renamed takes its line along."""
    assert missing(LINES) == []
    assert sum(len(line.tests) for line in LINES) > LAST
