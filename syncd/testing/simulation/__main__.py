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
from collections.abc import Collection, Iterator
from concurrent.futures import ProcessPoolExecutor

from syncd.testing.simulation.shrink import shortest
from syncd.testing.simulation.world import Life, live

CHUNK = 50


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
    chunks = [seeds[place : place + CHUNK] for place in range(0, len(seeds), CHUNK)]
    marks: Counter[str] = Counter()
    broken = 0
    for lives, met in _chunks(chunks, workers):
        marks.update(met)
        for life in lives:
            broken += 1
            _say(told(life))
    took_s = time.perf_counter() - began_s
    for mark, times in sorted(marks.items()):
        _say(f"  {times:>9}  {mark}")
    _say(
        f"{len(seeds)} seeds, {broken} broken, {took_s:.0f} s, {len(seeds) / took_s:.0f} seeds/s "
        f"({workers} process{'es' if workers > 1 else ''})"
    )
    return 1 if broken else 0


def told(life: Life) -> str:
    """A broken life in words: the seed, the laws, the shortest steps, and how to see it again."""
    law = life.broken[0].split(" ")[0]

    def fails(steps: Collection[str]) -> bool:
        return any(words.split(" ")[0] == law for words in live(life.seed, only=steps).broken)

    steps = shortest(list(life.steps), fails) if fails(list(life.steps)) else list(life.steps)
    short = live(life.seed, only=steps)
    lines = [f"seed {life.seed}: {short.broken[0] if short.broken else life.broken[0]}"]
    lines += [f"  {name} = {life.steps.get(name, '?')}" for name in steps]
    lines.append(f"again: python -m syncd.testing.simulation --seed {life.seed} --steps '{','.join(steps)}'")
    return "\n".join(lines)


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def _chunks(chunks: list[range], workers: int) -> Iterator[tuple[list[Life], Counter[str]]]:
    if workers <= 1:
        yield from map(_chunk, chunks)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(_chunk, chunks)


def _chunk(seeds: range) -> tuple[list[Life], Counter[str]]:
    broken: list[Life] = []
    marks: Counter[str] = Counter()
    for seed in seeds:
        life = live(seed)
        marks.update(life.marks)
        if life.broken:
            broken.append(life)
    return broken, marks


if __name__ == "__main__":
    raise SystemExit(main())
