"""The tables that say which test shows what: their lines by number, and whether the tests exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).resolve().parent

_LINE = re.compile(r"\| ([A-Z])(\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|")
_TEST = re.compile(r"`([\w/]+\.py)::([\w:]+)`")


class Proof(NamedTuple):
    """One line of a table.

    Attributes:
        tests: (file below tests/, test or Class::test) of each test that is named.
        shown: the last column as it stands.
    """

    number: int
    answer: str
    tests: tuple[tuple[str, str], ...]
    shown: str


def proofs(table: str, letter: str) -> list[Proof]:
    """The lines of a table below tests/ whose numbers begin with the letter, in order."""
    found = [_LINE.fullmatch(line) for line in (TESTS / table).read_text(encoding="utf-8").splitlines()]
    return [
        Proof(int(match[2]), match[4].strip(), tuple(_TEST.findall(match[5])), match[5].strip())
        for match in found
        if match is not None and match[1] == letter
    ]


@cache
def names_in(file: str) -> frozenset[str]:
    """The tests of one file, those of a class as Class::test_name."""
    if not (TESTS / file).is_file():
        return frozenset()
    names: set[str] = set()
    for node in ast.parse((TESTS / file).read_text(encoding="utf-8")).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        names.update(
            prefix + one.name for one in inner if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        )
    return frozenset(names)


def missing(lines: list[Proof]) -> list[str]:
    """The tests that are named and do not exist."""
    return [
        f"{line.number}: {file}::{name}"
        for line in lines
        for file, name in line.tests
        if name not in names_in(file)
    ]
