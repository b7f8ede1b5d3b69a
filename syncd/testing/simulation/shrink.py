"""The shortest list of unusual decisions under which a life still goes wrong: delta debugging.

Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input" (2002). As a decision depends only
on the seed and its own name, taking one out leaves the others as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


def shortest(steps: Sequence[str], fails: Callable[[Sequence[str]], bool]) -> list[str]:
    """Return a part of the steps with which it still fails and of which none can be left out.

    `fails` says whether it goes wrong with only these; with all of them it does.
    """
    kept = list(steps)
    size = max(1, len(kept) // 2)
    while True:
        place = 0
        shrunk = False
        while place < len(kept):
            rest = kept[:place] + kept[place + size :]
            if fails(rest):
                kept, shrunk = rest, True
            else:
                place += size
        if size > 1:
            size = max(1, size // 2)
        elif not shrunk:
            return kept
