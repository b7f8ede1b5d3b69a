"""Which lines of a file a page asks for: ranges, and what stands between marks."""

from __future__ import annotations

import posixpath
import re
import textwrap
from collections.abc import Iterable

from syncd.render.dialects.blocks import outside_code, with_code

_ITEM = re.compile(r"([ \t>]*)((?:(?:[-*+]|\d+[.)])[ \t]+)*)")
_HEADING = re.compile(r"[ \t]{0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_TARGET = re.compile(
    r"(\]\([ \t]*<?|^[ \t]{0,3}\[[^\]\n]+\]:[ \t]*<?|\b(?:href|src)=[\"'])"
    r"(?![A-Za-z][A-Za-z0-9+.-]*:|[/#~\\<>)\s])([^\s<>()\"'#?]+)",
    re.MULTILINE,
)


def lines_of(text: str, ranges: Iterable[tuple[int | None, int | None]]) -> str:
    """Return lines by their numbers, from 1 on, the last one included; None reaches to an end."""
    lines = text.removesuffix("\n").split("\n")
    return "\n".join(line for first, last in ranges for line in lines[max(0, (first or 1) - 1) : last])


def ranges(text: str, between: str) -> list[tuple[int | None, int | None]] | None:
    """Read "1-4,6,10-"; None if it is none. Numbers below zero are refused."""
    found: list[tuple[int | None, int | None]] = []
    for part in text.split(","):
        first, given, last = (piece.strip() for piece in part.partition(between))
        if any(number and not number.isdecimal() for number in (first, last)) or not (first or last):
            return None
        start = int(first) if first else None
        found.append((start, (int(last) if last else None) if given else start))
    return found


def between(text: str, begin: re.Pattern[str], end: re.Pattern[str]) -> str | None:
    """Return the lines after the one that holds `begin`, up to the one that holds `end`, if there is one."""
    lines = text.split("\n")
    start = next((at for at, line in enumerate(lines) if begin.search(line)), None)
    if start is None:
        return None
    stop = next((at for at in range(start + 1, len(lines)) if end.search(lines[at])), len(lines))
    return "\n".join(lines[start + 1 : stop])


def without(text: str, mark: re.Pattern[str]) -> str:
    """Return the text without the lines that hold the mark."""
    return "\n".join(line for line in text.split("\n") if not mark.search(line))


def section(text: str, heading: str) -> str | None:
    """Return a heading with all that stands under it; None if there is none of that name."""
    wanted = _key(heading)
    found: list[str] = []
    depth = 0
    for line, code in with_code(text.split("\n")):
        match = None if code else _HEADING.match(line)
        if match is not None and depth and len(match[1]) <= depth:
            break
        if match is not None and not depth and _key(match[2]) == wanted:
            depth = len(match[1])
        if depth:
            found.append(line)
    return "\n".join(found) if depth else None


def fenced(language: str, code: str) -> str:
    """Return code between fences that nothing in it closes."""
    longest = max((len(run) for run in re.findall(r"^[ \t]*(`+)", code, re.MULTILINE)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{textwrap.dedent(code).strip(chr(10))}\n{fence}"


def indented(prefix: str, text: str) -> str:
    """Return the text with the prefix before every line but the first, which has it already."""
    return f"\n{prefix}".join(text.split("\n")) if prefix else text


def place(match: re.Match[str]) -> tuple[str, bool]:
    """Return what each line in the place of the match begins with, and whether the match stands alone."""
    text = match.string
    before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
    end = text.find("\n", match.end())
    after = text[match.end() : end if end >= 0 else len(text)]
    item = _ITEM.fullmatch(before)
    if item is None:
        return "", False
    return item[1] + " " * len(item[2]), not after.strip()


def put(match: re.Match[str], text: str) -> str:
    """Return what a text is replaced by in the place of the match: a block, if it stands alone there."""
    prefix, alone = place(match)
    text = text.strip("\n")
    if not alone:
        return text
    gap = prefix.rstrip()
    return indented(prefix, f"{text}\n") + gap if prefix else f"\n{text}\n"


def moved(text: str, folder: str, to: str) -> str:
    """Return the text with its relative links, which start at one folder, as they are from another."""
    if folder == to:
        return text

    def one(match: re.Match[str]) -> str:
        place = posixpath.normpath(posixpath.join(folder, match[2]))
        closing = "/" if match[2].endswith("/") else ""
        return match[1] + posixpath.relpath("/+/" + place, "/+/" + to).replace(" ", "%20") + closing

    return outside_code(text, lambda prose: _TARGET.sub(one, prose))


def _key(heading: str) -> str:
    return "".join(filter(str.isalnum, heading.lower()))
