"""The table of bad inputs, tests/bad_inputs.md: a line for each, and each test that it names exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parent
TABLE = TESTS / "bad_inputs.md"

LAST = 72

_LINE = re.compile(r"\| B(\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|")
_TEST = re.compile(r"`([\w/]+\.py)::([\w:]+)`")


def rows() -> dict[int, tuple[str, str]]:
    """What syncd answers, and its tests, by number."""
    found = [_LINE.fullmatch(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]
    lines = [(int(match[1]), (match[3].strip(), match[4].strip())) for match in found if match is not None]
    assert len(lines) == len(dict(lines)), "a number has two lines"
    return dict(lines)


@cache
def names_in(file: str) -> frozenset[str]:
    """The tests of one file, those of a class as Class::test_name."""
    names: set[str] = set()
    for node in ast.parse((TESTS / file).read_text(encoding="utf-8")).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        names.update(
            prefix + one.name for one in inner if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        )
    return frozenset(names)


def test_every_bad_input_has_a_line() -> None:
    """A number that is missing would be forgotten."""
    assert list(rows()) == list(range(1, LAST + 1))


def test_every_line_names_a_test_or_what_it_waits_for() -> None:
    """An answer that nothing proves is a wish."""
    bare = [number for number, (_, tests) in rows().items() if not _TEST.search(tests)]

    assert [number for number in bare if "with the service" not in rows()[number][1]] == []


def test_every_test_of_the_table_exists() -> None:
    """A test that was renamed takes its line along."""
    named = [(number, *found) for number, (_, tests) in rows().items() for found in _TEST.findall(tests)]
    missing = [
        f"B{number}: {file}::{name}"
        for number, file, name in named
        if not (TESTS / file).is_file() or name not in names_in(file)
    ]

    assert missing == []
    assert len(named) > LAST
