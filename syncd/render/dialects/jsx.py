"""JSX and unknown elements in Markdown: what they show stays, whatever they are called."""

from __future__ import annotations

import re
from html import escape

_COMMENT = re.compile(r"\{/\*(?:(?!\{/\*|\*/\}).)*\*/\}", re.DOTALL)
_STRING = re.compile(r"\{\s*(?:\"([^\"\n]*)\"|'([^'\n]*)'|`([^`$]*)`)\s*\}")
_NAME = re.compile(r"</?([A-Za-z][\w.:-]*|(?=>))")
_ATTRIBUTE = re.compile(r"\s*([A-Za-z_@:][\w:.-]*)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|(?=\{)))?")
# Braces that never close are looked at so far, and so often, before the rest is taken for text.
_EXPRESSION_LIMIT = 10_000
_MISSES = 300
_SHOWN = ("title", "label", "caption", "heading", "header", "summary", "description", "alt")
_KEPT = {
    "a": ("href",),
    "img": ("src", "alt"),
    "ol": ("start",),
    "td": ("colspan", "rowspan"),
    "th": ("colspan", "rowspan"),
}


def without_comments(text: str) -> str:
    """Take out `{/* … */}`."""
    return _COMMENT.sub("", text)


def strings(text: str) -> str:
    """Show `{"text"}` as the text that it is."""
    return _STRING.sub(lambda match: match[1] or match[2] or match[3] or "", text)


class Tag:
    """One JSX tag.

    Attributes:
        name: as written; "" for a fragment.
        values: its attributes that are plain text.
        end: where the text goes on.
    """

    def __init__(self, name: str, values: dict[str, str], closing: bool, empty: bool, end: int) -> None:
        self.name = name
        self.values = values
        self.closing = closing
        self.empty = empty
        self.end = end


def read_tag(text: str, start: int) -> Tag | None:
    """Read the tag that begins at `start`; None if there is none."""
    match = _NAME.match(text, start)
    if match is None:
        return None
    values: dict[str, str] = {}
    position = match.end()
    while position < len(text):
        while position < len(text) and text[position].isspace():
            position += 1
        if text.startswith("/>", position):
            return Tag(match[1], values, False, True, position + 2)
        if text.startswith(">", position):
            return Tag(match[1], values, text[start + 1] == "/", False, position + 1)
        if text.startswith("{", position):
            position = _after_braces(text, position)
            if position < 0:
                return None
            continue
        attribute = _ATTRIBUTE.match(text, position)
        if attribute is None:
            return None
        position = attribute.end()
        value = attribute[2] if attribute[2] is not None else attribute[3]
        if value is None and text.startswith("{", position):
            end = _after_braces(text, position)
            if end < 0:
                return None
            value = strings(text[position:end])
            position = end
            if value.startswith("{"):
                continue
        values[attribute[1]] = value or ""
    return None


def replace(text: str) -> str:
    """Turn JSX tags into plain HTML: known elements keep their text attributes, others only what they show.

    A component that stands on a line of its own gets blank lines around it, so that what it encloses is
    read as Markdown.
    """
    out: list[str] = []
    position = misses = 0
    for match in re.finditer(r"`+|<[A-Za-z/>]", text):
        start = match.start()
        if start < position:
            continue
        if match[0][0] == "`":
            end = _after_code(text, match.end(), match[0])
            out.append(text[position:end])
            position = end
            continue
        tag = read_tag(text, start) if misses < _MISSES else None
        if tag is None:
            misses += 1
            continue
        out += (text[position:start], _html(tag, text, start))
        position = tag.end
    out.append(text[position:])
    return "".join(out)


def _html(tag: Tag, text: str, start: int) -> str:
    if tag.name[:1].islower() and "." not in tag.name:
        if tag.closing:
            return f"</{tag.name}>"
        kept = _KEPT.get(tag.name, ()) if tag.name in _KEPT else ()
        values = "".join(
            f' {name}="{escape(value)}"'
            for name, value in tag.values.items()
            if name.lower() in (*kept, "id", "hidden", "aria-hidden", "title", "src") and "\n" not in value
        )
        return f"<{tag.name}{values}>" if not tag.empty else f"<{tag.name}{values}/>"
    before = text[text.rfind("\n", 0, start) + 1 : start]
    line_end = text.find("\n", tag.end)
    after = text[tag.end : line_end if line_end >= 0 else len(text)]
    alone = not before.strip() and (not after.strip() or after.lstrip().startswith("<"))
    shown = _shown(tag)
    if alone:
        return f"\n\n{before}{shown}\n\n{before}"
    return f" {shown} " if shown else ""


def _shown(tag: Tag) -> str:
    if tag.closing:
        return ""
    texts = [tag.values[name] for name in _SHOWN if tag.values.get(name)]
    if not texts and tag.name == "TabItem":
        texts = [tag.values.get("value", "")]
    return " ".join(f"<strong>{escape(text, quote=False)}</strong>" for text in dict.fromkeys(texts) if text)


def _after_braces(text: str, start: int) -> int:
    """Return the position after the expression in braces that begins at `start`; -1 if it never ends."""
    depth = 0
    quote = ""
    for position in range(start, min(len(text), start + _EXPRESSION_LIMIT)):
        character = text[position]
        if quote:
            if character == quote and text[position - 1] != "\\":
                quote = ""
        elif character in "\"'`":
            quote = character
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return position + 1
    return -1


def _after_code(text: str, start: int, ticks: str) -> int:
    """Return the position after a code span; right after its ticks if it never ends in its paragraph."""
    limit = text.find("\n\n", start)
    found = re.compile(rf"(?<!`){ticks}(?!`)").search(text, start, limit if limit >= 0 else len(text))
    return found.end() if found is not None else start
