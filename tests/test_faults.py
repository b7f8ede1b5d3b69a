"""The tables of faults and promises: a line for each, each test that they name exists, and each promise
has one of its name."""

from __future__ import annotations

import re

from tests.proofs import TESTS, missing, names_in, proofs

FAULTS, PROMISES = 64, 23


def test_every_fault_has_a_line_with_tests() -> None:
    """A number that is missing would be forgotten, and an answer that nothing proves is a wish."""
    lines = proofs("faults.md", "F")

    assert [line.number for line in lines] == list(range(1, FAULTS + 1))
    assert [line.number for line in lines if not line.tests] == []
    assert missing(lines) == []


def test_every_promise_has_a_line_with_tests_of_its_name() -> None:
    """So that a person who reads a failure knows what is no longer true."""
    lines = proofs("promises.md", "P")

    assert [line.number for line in lines] == list(range(1, PROMISES + 1))
    assert missing(lines) == []
    named = {line.number: {name.rpartition("::")[2] for _, name in line.tests} for line in lines}
    assert [
        number
        for number, names in named.items()
        if not any(name.startswith(f"test_p{number:02}_") for name in names)
    ] == []


def test_tables_leave_no_test_of_a_promise_or_a_fault_out() -> None:
    """A test that begins with a number is in the line of that number."""
    listed = {
        (letter, line.number, file, name)
        for table, letter in (("faults.md", "f"), ("promises.md", "p"))
        for line in proofs(table, letter.upper())
        for file, name in line.tests
    }
    found = {
        (letter, int(number), path.relative_to(TESTS).as_posix(), name)
        for path in TESTS.rglob("test_*.py")
        for name in names_in(path.relative_to(TESTS).as_posix())
        for letter, number in re.findall(r"(?<=_)([fp])(\d\d)(?=_)", name.rpartition("::")[2])
    }

    assert sorted(found - listed) == []
