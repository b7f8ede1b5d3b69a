"""What a reader of the original sees: the yardstick, read without any code of the renderer."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """One page as its origin has it.

    Attributes:
        text: what a reader sees of it, code included.
        code: text of each code block, title aside; other_code: of what may be one, such as a formula.
        tables: how many.
        links: external ids of the other pages that it links to, each as often as it does.
        hidden: what no reader sees: comments, lines of front matter.
    """

    text: str
    headings: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    tables: int = 0
    links: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    other_code: tuple[str, ...] = ()


def words(text: str) -> Counter[str]:
    """Count the words of a text, without regard to case."""
    return Counter(word.lower() for word in _WORD.findall(text))


def squashed(text: str) -> str:
    """The letters and digits alone: the same however the text is wrapped, quoted or marked up."""
    return "".join(_WORD.findall(text)).lower()
