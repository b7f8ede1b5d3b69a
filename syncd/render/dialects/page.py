"""What a dialect may know of the page it prepares, and where it leaves its warnings."""

from __future__ import annotations

from dataclasses import dataclass, field

from syncd.render.front_matter import FrontMatter


@dataclass(frozen=True, slots=True)
class Page:
    """One page under way."""

    path: str
    matter: FrontMatter = field(default_factory=FrontMatter)
    warnings: list[str] = field(default_factory=list)

    def left_out(self, what: str, name: str) -> None:
        """Note, once, that something the generator would have put in is missing."""
        warning = f"{what} {name.strip()!r} was left out"
        if warning not in self.warnings:
            self.warnings.append(warning)
