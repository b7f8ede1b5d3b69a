"""Chance, by name: each decision of a simulated life is a function of the seed and of its own name.

So a decision does not depend on how many were made before it: take one fault out, and all others stay as
they were. That is what makes a failing life short enough to read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b

USUAL = "-"
"""What a decision comes to when nothing unusual happens."""

Option = tuple[str, float, str]
"""A name, its probability, and the class of faults that it belongs to ("" for none)."""


class Choices:
    """Draws lots for one life.

    Attributes:
        taken: name of each decision that came out unusual → what it came to, in the order of time.
        classes: the classes of faults that are switched on; None for all.
        calm: nothing unusual happens any more.
    """

    def __init__(
        self, seed: int, *, only: Collection[str] | None = None, given: Mapping[str, str] | None = None
    ) -> None:
        """`only`: the decisions that may come out unusual; None for all. `given`: some that are made."""
        self.seed = seed
        self.taken: dict[str, str] = {}
        self.classes: set[str] | None = None
        self.calm = False
        self._given = dict(given or {})
        self._only = None if only is None else frozenset(only)
        self._counts: Counter[str] = Counter()
        self._hash = blake2b(digest_size=7, key=seed.to_bytes(8, "big", signed=True))

    def number(self, name: str) -> float:
        """A number in [0, 1) that belongs to the name."""
        digest = self._hash.copy()
        digest.update(name.encode())
        return int.from_bytes(digest.digest(), "big") / (1 << 56)

    def between(self, name: str, low: float, high: float) -> float:
        """A number in [low, high) that belongs to the name."""
        if name in self._given:
            return float(self._given[name])
        return low + (high - low) * self.number(name)

    def next(self, name: str) -> str:
        """The name with a count, for a decision that is made again and again."""
        self._counts[name] += 1
        return f"{name}#{self._counts[name]}"

    def pick(self, name: str, options: Iterable[Option]) -> str:
        """One of the options, or USUAL for what is left of the probability.

        An option keeps its place whether its class is on or off, so that a class which is switched off
        moves nothing else.
        """
        if name in self._given:
            if self._given[name] != USUAL:
                self.taken[name] = self._given[name]
            return self._given[name]
        if self.calm or (self._only is not None and name not in self._only):
            return USUAL
        place = self.number(name)
        for option, weight, group in options:
            if place < weight:
                if group and self.classes is not None and group not in self.classes:
                    return USUAL
                self.taken[name] = option
                return option
            place -= weight
        return USUAL

    def one_of(self, name: str, values: Collection[str]) -> str:
        """One of the values, each as likely as the other; never USUAL. `values` must not be empty."""
        ordered = sorted(values)
        return ordered[int(self.number(name) * len(ordered))]
