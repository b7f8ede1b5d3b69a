"""Simulate: many seeds at once, or one life again.

python -m syncd.testing.simulation --seeds 200000 --workers 2
python -m syncd.testing.simulation --seed 17
python -m syncd.testing.simulation --seed 17 --steps 'swarm.crash,w1.write#4!'
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Collection

from syncd.testing.simulation.campaign import CHUNK, lives, told
from syncd.testing.simulation.world import live

TELL = 20
"""Chunks after which a long run says how far it is."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 if a law was broken."""
    parser = argparse.ArgumentParser(
        prog="python -m syncd.testing.simulation", description="Simulate syncd with all that goes wrong."
    )
    parser.add_argument("--seed", type=int, help="one life, told in full")
    parser.add_argument("--steps", help="of that life, only these decisions come out unusual")
    parser.add_argument("--seeds", type=int, default=2000, help="so many lives")
    parser.add_argument("--first", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--workers", type=int, default=1, help="so many processes")
    given = parser.parse_args(arguments)
    if given.seed is not None:
        only = None if given.steps is None else [step for step in given.steps.split(",") if step]
        return one(given.seed, only)
    return many(range(given.first, given.first + given.seeds), given.workers)


def one(seed: int, only: Collection[str] | None) -> int:
    """Live one life and tell it."""
    life = live(seed, only=only)
    for name, what in life.steps.items():
        _say(f"  {name} = {what}")
    for words in life.broken:
        _say(words)
    _say(f"seed {seed}: {'broken' if life.broken else 'all laws hold'}")
    return 1 if life.broken else 0


def many(seeds: range, workers: int) -> int:
    """Live many lives; tell the broken ones, shortened, and a line for all."""
    began_s = time.perf_counter()
    marks: Counter[str] = Counter()
    broken: list[int] = []
    for number, found in enumerate(lives(seeds, workers=workers), start=1):
        marks.update(found.marks)
        if number % TELL == 0:
            _say(f"{number * CHUNK} of {len(seeds)} seeds, {len(broken)} violations so far")
        for life in found.broken:
            broken.append(life.seed)
            _say(told(life))
    took_s = time.perf_counter() - began_s
    for mark, times in sorted(marks.items()):
        _say(f"  {times:>9}  {mark}")
    processes = f"{workers} process{'es' if workers > 1 else ''}"
    _say(
        f"{len(seeds)} seeds, {len(broken)} violations, {took_s:.0f} s, "
        f"{len(seeds) / took_s:.0f} seeds/s, {processes}"
    )
    if broken:
        _say(f"violations: seeds {', '.join(map(str, broken))}")
    return 1 if broken else 0


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
