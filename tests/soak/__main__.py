"""Soak: `python -m tests.soak --minutes 60`. Its figures become tests/soak.md with `--write`."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from syncd.sandbox import Sandbox, serving
from tests.soak.figures import slope_per_h
from tests.soak.figures import table as figures
from tests.soak.soak import FAULTS, LIMIT_S, Pace, Result, Soak, Tally

WARM_S = 60.0
"""Seconds of each life that do not count as growth."""

_FILE = Path(__file__).resolve().parent.parent / "soak.md"


def main() -> int:
    """Soak as long as the command line asks for, print the figures, and return 1 if something was wrong."""
    asked = _arguments()
    pace = Pace(whole_s=asked.minutes * 60, life_s=asked.term_minutes * 60, pages=asked.pages)
    tally = Tally()
    home = Path(tempfile.mkdtemp(prefix="syncd-soak-"))
    with serving(Sandbox(log=tally, seed=asked.seed)) as running:
        soak = Soak(home, running, tally, pace, seed=asked.seed)
        result = soak.run(lambda line: print(line, file=sys.stderr, flush=True))
    text = document(result, pace)
    print(text)
    if asked.write:
        _FILE.write_text(text, encoding="utf-8")
    if result.problems:
        print(f"Log and state are in {home}.", file=sys.stderr)
        return 1
    shutil.rmtree(home)
    return 0


def document(result: Result, pace: Pace) -> str:
    """The figures as Markdown."""
    slowest = max((seconds for seconds, _ in result.ends), default=0.0)
    faults = sum(result.faults.values())
    state_bytes = result.samples[-1].state_bytes if result.samples else 0
    rows = {
        "duration": f"{result.seconds / 60:.1f} minutes",
        "machine": f"{os.cpu_count()} processors, Python {platform.python_version()}, {platform.system()}",
        "edits": f"{result.edits:,}",
        "runs": ", ".join(f"{count:,} {name}" for name, count in result.runs.most_common()),
        "runs that an error ended, which faults may do": f"{result.errors['run_failed']:,}",
        "requests": f"{result.requests:,}",
        "of them with a fault": f"{faults:,} ({faults / max(1, result.requests):.1%})",
        "pages at the end": f"{result.pages:,}",
        "of them other than the document says": f"{len(result.differences):,}",
        "until all were equal, after the last edit": f"{result.settled_s:.0f} s",
        "exit code of `syncd verify` at the end": f"{result.verified}",
        "SIGTERM": f"{len(result.ends):,} times",
        "the longest until it was out": f"{slowest:.2f} s (at most {LIMIT_S:.0f} s)",
        "log": f"{result.log_bytes / 1e6:.1f} MB",
        "state at the end": f"{state_bytes / 1e6:.1f} MB",
    }
    growth = {
        "memory": f"{_slope(result, 'memory_bytes', 1e-6)} MB",
        "of it without programs and libraries": f"{_slope(result, 'own_bytes', 1e-6)} MB",
        "open files": _slope(result, "files"),
        "threads": _slope(result, "threads"),
        "processes": _slope(result, "processes"),
    }
    return _TEXT.format(
        minutes=f"{pace.whole_s / 60:.0f}",
        life=f"{pace.life_s / 60:.0f}",
        warm=f"{WARM_S:.0f}",
        rows=_rows(rows),
        lives=figures(result.samples, after_s=WARM_S),
        growth=_rows(growth),
        faults="\n".join(f"- `{rule}`: {result.faults[rule]:,}" for rule in FAULTS),
        verdict="\n".join(f"- {each}" for each in result.problems) or "Nothing was wrong.",
    )


_TEXT = """\
# A long time at work

Written by `make soak MINUTES={minutes}`: `syncd run` on a folder and a Git repository, against the sandbox.
Somebody edits a document again and again (changes, renames, adds, removes), of the requests to Intercom
one in fifty goes wrong, half of those after they took effect, and the service gets SIGTERM every {life}
minutes. In the end edits and faults stop, and what Intercom holds is compared with the documents, word
for word.

| | |
| --- | ---: |
{rows}

{verdict}

## What it held

Each life of the service by itself, without its first {warm} seconds; memory is that of all its processes,
with what they share counted once.

{lives}

Growth in an hour, by least squares within the lives:

| | |
| --- | ---: |
{growth}

## The faults

As `syncd sandbox --list-faults` explains them:

{faults}
"""


def _rows(cells: Mapping[str, str]) -> str:
    return "\n".join(f"| {name} | {value} |" for name, value in cells.items())


def _slope(result: Result, field: str, scale: float = 1.0) -> str:
    slope = slope_per_h(result.samples, field, after_s=WARM_S)
    return "-" if slope is None else f"{slope * scale:+.1f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description="Let the service work for a long time."
    )
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--term-minutes", type=float, default=5, help="between two SIGTERM")
    parser.add_argument("--pages", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="write tests/soak.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
