"""Many lives at once, and what a broken one is told as."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from syncd.testing.simulation.shrink import shortest
from syncd.testing.simulation.world import Life, live

CHUNK = 50


class Lives(NamedTuple):
    """What some seeds came to.

    Attributes:
        broken: the lives in which a law was broken.
        marks: what was met in all of them, and how often.
    """

    broken: list[Life]
    marks: Counter[str]


def lives(seeds: range, *, workers: int = 1) -> Iterator[Lives]:
    """Live them all, in so many processes, and yield what each few dozen came to, in order."""
    chunks = [seeds[place : place + CHUNK] for place in range(0, len(seeds), CHUNK)]
    if workers <= 1:
        yield from map(_some, chunks)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(_some, chunks)


def told(life: Life) -> str:
    """A broken life in words: the seed, the law, the shortest steps, and how to see it again."""
    law = life.broken[0].split(" ")[0]

    def fails(steps: Collection[str]) -> bool:
        return any(words.split(" ")[0] == law for words in live(life.seed, only=steps).broken)

    steps = shortest(list(life.steps), fails) if fails(list(life.steps)) else list(life.steps)
    short = live(life.seed, only=steps)
    lines = [f"seed {life.seed}: {short.broken[0] if short.broken else life.broken[0]}"]
    lines += [f"  {name} = {life.steps.get(name, '?')}" for name in steps]
    lines.append(f"again: python -m syncd.testing.simulation --seed {life.seed} --steps '{','.join(steps)}'")
    return "\n".join(lines)


def _some(seeds: range) -> Lives:
    found = Lives([], Counter())
    for seed in seeds:
        life = live(seed)
        found.marks.update(life.marks)
        if life.broken:
            found.broken.append(life)
    return found
