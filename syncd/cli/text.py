"""Text from sources, made safe and readable for a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click


@contextmanager
def telling() -> Iterator[None]:
    """Print inside it, where the exit code counts even if the reader of stdout has left.

    As in `syncd sync | head -1`: what was done is no less done, and well or not, without a reader.
    """
    try:
        yield
    except BrokenPipeError:
        # Python flushes stdout once more at its end, which must not fail again.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def one_line(text: str) -> str:
    """The text on one line, with control characters and lone surrogates made visible.

    Ids, paths and error texts come from private sources: none may move the cursor or fake a line.
    """
    return "".join(
        char if char.isprintable() or char == " " else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print left-aligned columns, as wide as their widest cell."""
    cells = [tuple(one_line(cell) for cell in row) for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def age(seconds: float) -> str:
    """A duration in the largest unit that fits: 5 s, 12 min, 3 h, 2 d."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
