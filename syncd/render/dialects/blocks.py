"""The tools that dialects share: lines outside code, attributes, labelled quotes and sections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from html import escape

from syncd.render.callouts import label

_FENCE = re.compile(r"([ \t>]*(?:(?:[-*+]|\d+[.)])[ \t]+)*)(`{3,}|~{3,})(.*)$")
_PREFIX = re.compile(r"[ \t>]*")
_ATTRIBUTE = re.compile(r"([@:\w-]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")


def with_code(lines: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Yield each line, and whether it belongs to a fence."""
    fence = ""
    quotes = width = 0
    for line in lines:
        prefix = prefix_of(line)
        if fence and prefix.count(">") < quotes:
            # A fence ends with the quote that it stands in, closed or not.
            fence = ""
        if fence and width >= 4 and not quotes and line[:1].strip():
            # So it does with the list item or the tab.
            fence = ""
        match = _FENCE.match(line)
        if fence:
            yield line, True
            if match is not None and _closes(match, fence, width):
                fence = ""
        elif match is not None and not (match[2][0] == "`" and "`" in match[3]):
            fence = match[2]
            quotes, width = match[1].count(">"), len(match[1])
            yield line, True
        else:
            yield line, False


def _closes(line: re.Match[str], fence: str, width: int) -> bool:
    # Deeper than by three blanks, it is text of the fence.
    return line[2].startswith(fence) and not line[3].strip() and len(line[1]) <= width + 3


def closed(lines: list[str]) -> list[str]:
    """Return the lines without a fence that nothing closes: it would go on in what comes after them."""
    marked = [code for _, code in with_code([*lines, ""])]
    if not marked[-1]:
        return lines
    opening = len(marked) - 1
    while opening and marked[opening - 1]:
        opening -= 1
    match = _FENCE.match(lines[opening])
    assert match is not None
    if not any(line.strip() for line in lines[opening + 1 :]):
        return lines[:opening]
    return [*lines, prefix_of(lines[opening]) + match[2]]


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Change each stretch of text between fences; in it, whole lines come at once."""
    out: list[str] = []
    prose: list[str] = []
    for line, code in with_code(text.split("\n")):
        if code:
            if prose:
                out.append(change("\n".join(prose)))
                prose = []
            out.append(line)
        else:
            prose.append(line)
    if prose:
        out.append(change("\n".join(prose)))
    return "\n".join(out)


def substitute(
    pattern: str, change: Callable[[re.Match[str]], str], *, sign: str, flags: int = 0
) -> Callable[[str], str]:
    """Return a change of all matches that do not begin in a code span.

    Args:
        sign: what every match holds; a text without it is not searched.
    """
    span = r"(?P<code>(?<!`)(?P<ticks>`+)(?!`)(?:(?!\n\s*\n).)*?(?<!`)(?P=ticks)(?!`))"
    regex = re.compile(f"{span}|(?:{pattern})", flags | re.DOTALL)

    def one(match: re.Match[str]) -> str:
        return match[0] if match["code"] is not None else change(match)

    return lambda text: regex.sub(one, text) if sign in text else text


def attributes(text: str) -> dict[str, str]:
    """Read `name="value"` pairs; names in lower case."""
    values: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(text):
        value = next((part for part in match.groups()[1:] if part is not None), "")
        values.setdefault(match[1].lower(), value)
    return values


def prefix_of(line: str) -> str:
    """Return what a block within quotes and lists begins each line with."""
    match = _PREFIX.match(line)
    return match[0] if match is not None else ""


def apart(prefix: str, *lines: str) -> list[str]:
    """Return the lines as a block of their own."""
    blank = prefix.rstrip()
    return [blank, *(prefix + line for line in lines), blank]


def labelled(prefix: str, text: str) -> list[str]:
    """Return a paragraph that is a label; Markdown in it counts."""
    return apart(prefix, f"<strong>{text.strip()}</strong>") if text.strip() else [prefix.rstrip()]


def open_callout(prefix: str, kind: str, title: str = "") -> list[str]:
    """Begin a quote with its label."""
    return [*apart(prefix, "<blockquote>"), *labelled(prefix, label(kind, title))]


def close_callout(prefix: str) -> list[str]:
    """End the quote."""
    return apart(prefix, "</blockquote>")


def line_prefix(match: re.Match[str]) -> str:
    """Return the indentation of a match that begins its line; "" for one within a line."""
    before = match.string[match.string.rfind("\n", 0, match.start()) + 1 : match.start()]
    return "" if before.strip() else before


def block_html(prefix: str, *lines: str) -> str:
    """Return HTML between blank lines, so that the Markdown around it is read as such."""
    return "\n\n" + "".join(f"{prefix}{line}\n" for line in lines) + f"\n{prefix}"


def text_html(text: str) -> str:
    """Escape text that goes into HTML."""
    return escape(text, quote=False)


attribute_lists = substitute(
    # After a letter, "_" or "^", a brace with "=" in it belongs to a formula: \sum_{k=0}.
    r"(?<![ \t])[ \t]*(?:\{:|\{(?=[ \t#.])|(?<![\w^}\\])\{)[ \t]*"
    r"(?:[#.][\w:-]+|[\w-]+=(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s\"'{}]+))"
    r"(?:[ \t]+(?:[#.][\w:-]+|[\w-]+(?:=(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s\"'{}]+))?))*[ \t]*\}",
    lambda match: "",
    sign="{",
)
"""Takes out `{ .class #id key="value" }`."""
