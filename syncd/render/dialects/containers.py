"""`:::` containers, which several dialects share: a line of colons and a name, a body, a line of colons."""

from __future__ import annotations

import re
from collections.abc import Callable

from syncd.render.dialects.blocks import close_callout, open_callout, prefix_of, with_code

_MARK = re.compile(r"(:{3,})(.*)$")
_OPENING = re.compile(
    r"[ \t]*([\w-]+)[ \t]*(?:\[((?:[^\[\]]|\[[^\[\]]*\])*)\])?[ \t]*(?:\{([^}]*)\})?[ \t]*(.*?)[ \t]*:*$"
)

Opening = Callable[[str, str], tuple[list[str], list[str]] | None]
"""(prefix, what follows the colons) → the lines that replace the opening and the closing mark."""


def expand(text: str, opening: Opening) -> str:
    """Replace the marks of every container; what lies between stays where it is.

    A closing mark ends the innermost container that has no more colons than it; what is never closed ends
    with the text.
    """
    out: list[str] = []
    stack: list[tuple[int, list[str]]] = []
    for line, code in with_code(text.split("\n")):
        prefix = prefix_of(line)
        match = None if code else _MARK.match(line, len(prefix))
        if match is None:
            out.append(line)
        elif not match[2].strip():
            while stack and stack[-1][0] > len(match[1]):
                out += stack.pop()[1]
            if stack:
                out += stack.pop()[1]
        else:
            lines = opening(prefix, match[2])
            if lines is None:
                out.append(line)
            else:
                out += lines[0]
                if not _closes_itself(match[2]):
                    stack.append((len(match[1]), lines[1]))
    while stack:
        out += stack.pop()[1]
    return "\n".join(out)


def _closes_itself(head: str) -> bool:
    return head.rstrip().endswith(":::")


def division(prefix: str, head: str) -> tuple[list[str], list[str]]:
    """Open any container as nothing but a group of blocks: its name is a style."""
    return [prefix.rstrip()], [prefix.rstrip()]


def callout(prefix: str, head: str) -> tuple[list[str], list[str]] | None:
    """Open any container as a callout: `note`, `note[Title]`, `note Title`, `note{title="Title"}`."""
    match = _OPENING.match(head)
    if match is None:
        return None
    title = match[2] or match[4] or ""
    if not title and match[3]:
        named = re.search(r"title=(?:\"([^\"]*)\"|'([^']*)')", match[3])
        title = (named[1] or named[2]) if named is not None else ""
    return open_callout(prefix, match[1], title), close_callout(prefix)
