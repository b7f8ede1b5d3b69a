"""Tables that reStructuredText writes as lists and as CSV → tables with bars."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from syncd.render.dialects.blocks import prefix_of

_ROW = re.compile(r"([*+-])[ \t]+([*+-])(?:[ \t]+(.*))?$")
_CELL = re.compile(r"([*+-])(?:[ \t]+(.*))?$")
_NO_LINE = re.compile(r"`{3}|~{3}|:{3}|[*+-][ \t]|\d+[.)][ \t]|\|")


def from_csv(prefix: str, header: str, body: Sequence[str]) -> list[str]:
    """Return a table of comma-separated lines; no lines if there is nothing in it."""
    lines = (line.strip(" \t>") for line in [header, *body] if line.strip(" \t>"))
    return _table(prefix, list(csv.reader(lines, skipinitialspace=True)))


def from_list(prefix: str, header_rows: int, body: Sequence[str]) -> list[str] | None:
    """Return a table of a list of lists; None if a cell holds more than a paragraph."""
    rows: list[list[str]] = []
    for line in body:
        text = line.removeprefix(prefix).strip()
        if not text:
            continue
        deeper = len(prefix_of(line)) > len(prefix)
        row, cell = _ROW.match(text), _CELL.match(text)
        if row is not None and not deeper:
            rows.append([row[3] or ""])
        elif cell is not None and deeper and rows and row is None:
            rows[-1].append(cell[2] or "")
        elif rows and deeper and not _NO_LINE.match(text):
            rows[-1][-1] = f"{rows[-1][-1]} {text}".strip()
        else:
            return None
    if not rows or any(_NO_LINE.match(cell) for row in rows for cell in row):
        return None
    if not header_rows:
        rows.insert(0, [""] * max(map(len, rows)))
    return _table(prefix, rows)


def _table(prefix: str, rows: list[list[str]]) -> list[str]:
    if not rows:
        return []
    columns = max(map(len, rows))
    lines = [
        "| "
        + " | ".join(cell.strip().replace("|", "\\|") for cell in [*row, *[""] * (columns - len(row))])
        + " |"
        for row in rows
    ]
    return [prefix + line for line in (lines[0], "|---" * columns + "|", *lines[1:])]
