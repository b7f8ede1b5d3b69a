"""File patterns: `**` for any folders, `*` and `?` within a name, `[abc]`, `[!abc]`, `{one,two}`.

Patterns are relative to a source's root, use "/" and ignore case, so that GUIDE.MD is found and a
deny list has no gaps. Translation never yields a regular expression that backtracks without bound:
each `*` but the last one settles on its first match, which is always a right one for globs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import AfterValidator

_MOST_CHARACTERS = 1000
_MOST_ALTERNATIVES = 256
_ANYWHERE = "(?:.*/)?"


def check_glob(pattern: str) -> str:
    """Return the pattern as it is.

    Raises:
        ValueError: it is not one; the message says why and what to write instead.
    """
    _translate(pattern)
    return pattern


Glob = Annotated[str, AfterValidator(check_glob)]
"""A pattern in a settings model: a wrong one is a validation error."""


def compile_globs(patterns: Iterable[str], *, below: bool = False, walked: bool = False) -> re.Pattern[str]:
    """Return one regular expression whose `match` tells whether a path fits any of the patterns.

    With `below`, a path also fits if a folder above it does: so works a list of what to leave out. If it is
    `walked`, so that nothing in a folder that fits is ever asked about, the path alone is looked at.
    """
    names: list[str] = []
    endings: list[str] = []
    paths: list[str] = []
    for pattern in patterns:
        for one in _translate(_folder(pattern) if below else pattern):
            name = one.removeprefix(_ANYWHERE)
            # Most patterns are about a name in any folder: trying those together is far faster.
            if name == one or "/" in name.replace("[^/]", "").replace("(?!/)", ""):
                paths.append(one)
            elif name.startswith("[^/]*"):
                endings.append(name.removeprefix("[^/]*"))
            else:
                names.append(name)
    if endings:
        names.append(f"[^/]*(?:{'|'.join(endings)})")
    if names:
        above = _ANYWHERE if below and not walked else f"(?>{_ANYWHERE})"
        paths.append(f"{above}(?:{'|'.join(names)})")
    rest = "(?:/.*)?" if below and not walked else ""
    # An empty list fits nothing.
    source = f"(?:{'|'.join(paths)}){rest}\\Z" if paths else "(?!)"
    return re.compile(source, re.DOTALL | re.IGNORECASE)


def fitting_glob(patterns: Iterable[str], path: str) -> str | None:
    """Return the first pattern that fits the path or a folder above it."""
    return next((one for one in patterns if compile_globs([one], below=True).match(path)), None)


def _folder(pattern: str) -> str:
    return pattern.removesuffix("**").rstrip("/") or pattern


def _translate(pattern: str) -> list[str]:
    if not pattern.strip():
        raise ValueError('a pattern is empty; write "**/*.md" for all Markdown files')
    shown = pattern if len(pattern) <= 80 else pattern[:77] + "..."
    if len(pattern) > _MOST_CHARACTERS:
        raise ValueError(f"the pattern {shown!r} has {len(pattern)} characters; at most {_MOST_CHARACTERS}")
    if "\\" in pattern:
        raise ValueError(f'the pattern {shown!r} has a backslash; folders are separated by "/"')
    if pattern.startswith("/"):
        raise ValueError(f'the pattern {shown!r} starts with "/"; patterns are relative to the root')
    try:
        return [_path(one) for one in _alternatives(pattern)]
    except ValueError as error:
        raise ValueError(f"the pattern {shown!r} {error}") from None


def _alternatives(pattern: str) -> list[str]:
    """Write the braces out: "a.{md,txt}" → "a.md", "a.txt"."""
    done: list[str] = []
    waiting = [pattern]
    while waiting:
        one = waiting.pop()
        braces = _innermost(one)
        if braces is None:
            done.append(one)
        else:
            start, end = braces
            waiting.extend(one[:start] + word + one[end + 1 :] for word in one[start + 1 : end].split(","))
        if len(done) + len(waiting) > _MOST_ALTERNATIVES:
            raise ValueError(f"stands for more than {_MOST_ALTERNATIVES} patterns; use fewer braces")
    return done


def _innermost(pattern: str) -> tuple[int, int] | None:
    end = pattern.find("}")
    start = pattern.rfind("{", 0, end) if end >= 0 else pattern.find("{")
    if end < 0 and start < 0:
        return None
    if end < 0 or start < 0:
        raise ValueError('has "{" without "}"' if end < 0 else 'has "}" without "{"')
    return start, end


def _path(pattern: str) -> str:
    if pattern.endswith("/"):
        pattern += "**"
    runs: list[list[str]] = [[]]
    for part in pattern.split("/"):
        if part == "**":
            runs.append([])
        elif part in ("", ".", ".."):
            raise ValueError(f'has "{part}" between slashes; name folders below the root')
        else:
            runs[-1].append(_name(part))
    first, *others = ["/".join(run) for run in runs]
    if not others:
        return first
    *middle, last = others
    between = "".join(f"(?>(?:[^/]*/)*?{run}/)" for run in middle if run)
    start = f"{first}/" if first else ""
    return f"{start}{between}{_ANYWHERE}{last}" if last else f"{start}{between}.*"


def _name(part: str) -> str:
    if "**" in part:
        raise ValueError('has "**" inside a name; it stands alone between slashes, as in "**/*.md"')
    first, *others = ["".join(_literals(piece)) for piece in _pieces(part)]
    if not others:
        return first
    *middle, last = others
    return first + "".join(f"(?>[^/]*?{piece})" for piece in middle) + f"[^/]*{last}"


def _pieces(part: str) -> list[str]:
    """Split at each star that is not inside brackets."""
    pieces = [""]
    position = 0
    while position < len(part):
        if part[position] == "*":
            pieces.append("")
            position += 1
            continue
        end = _class_end(part, position) + 1 if part[position] == "[" else position + 1
        pieces[-1] += part[position:end]
        position = end
    return pieces


def _class_end(part: str, start: int) -> int:
    # A bracket right after the opening one belongs to the set: "[]]", "[!]]".
    first = start + 2 if part[start + 1 : start + 2] in ("!", "^") else start + 1
    end = part.find("]", first + 1)
    if end < 0:
        raise ValueError('has "[" without "]"')
    return end


def _literals(piece: str) -> Iterator[str]:
    position = 0
    while position < len(piece):
        character = piece[position]
        if character == "[":
            end = _class_end(piece, position)
            yield _class(piece[position + 1 : end])
            position = end
        else:
            yield "[^/]" if character == "?" else re.escape(character)
        position += 1


def _class(members: str) -> str:
    negated = members[0] in "!^"
    members = members[1:] if negated else members
    ranges: list[str] = []
    position = 0
    while position < len(members):
        low = members[position]
        if members[position + 1 : position + 2] == "-" and position + 2 < len(members):
            high = members[position + 2]
            if low > high:
                raise ValueError(f'has the range "{low}-{high}", which runs backwards')
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
            position += 3
        else:
            ranges.append(re.escape(low))
            position += 1
    return f"(?!/)[{'^' if negated else ''}{''.join(ranges)}]"
