"""MkDocs, with what its Material theme and PyMdown Extensions add."""

from __future__ import annotations

import re

from syncd.render.dialects.blocks import (
    apart,
    attribute_lists,
    close_callout,
    closed,
    labelled,
    open_callout,
    outside_code,
    prefix_of,
    substitute,
    with_code,
)
from syncd.render.dialects.page import Page

_CALLOUT = re.compile(r"(?:!!!|\?\?\?\+?)[ \t]+([\w-]+)((?:[ \t]+[\w-]+)*)(?:[ \t]+\"(.*)\")?[ \t]*$")
_ITEM = re.compile(r"((?:[-*+:]|\d+[.)])[ \t]+)((?:!!!|\?\?\?\+?|===[+!]?)[ \t].*)$")
_FAR_ITEM = re.compile(r"( {1,3})((?:[-*+]|\d+[.)]) +)\S")
# Something that is not seen, so that the item exists and holds what follows.
_FILLER = "<!-- -->"
# Comments that the theme's own documentation replaces by a badge with their value.
_MACRO = re.compile(r"<!-- md:(\w+)((?:(?!-->).)*)-->")
_TAB = re.compile(r"===[+!]?[ \t]+\"(.*)\"[ \t]*$")
_BLOCK = re.compile(r"/{3,}[ \t]*([\w-]+)?[ \t]*(?:\|[ \t]*(.*?))?[ \t]*$")
_SNIPPET = re.compile(r"-+8<-+(?:[ \t]+\"([^\"]*)\"|[ \t]+'([^']*)')?[ \t]*$")
_GENERATED = re.compile(r":::[ \t]+([\w.]+)[ \t]*$")
_ABBREVIATION = re.compile(r"\*\[[^\]]+\]:")
_OPENING_TAG = re.compile(r"<\w+(?:\s[^>]*)?\smarkdown(?:=[^>]*)?>\s*$")
_CLOSING_TAG = re.compile(r"</(?:div|figure|section|figcaption)>[ \t]*$")
_KEYS = {"ctrl": "Ctrl", "cmd": "Cmd", "alt": "Alt", "shift": "Shift", "enter": "Enter", "esc": "Esc"}

_ICONS = substitute(
    r":(?:material|octicons|fontawesome|simple)-[a-z0-9-]+:(?:\{[^}\n]*\})?[ \t]?", lambda match: "", sign="-"
)
_KEY_STROKES = substitute(
    r"(?<![\w+])\+\+(?P<keys>[\w\"-]+(?:\+[\w\"-]+)*)\+\+(?![\w+])",
    lambda match: "+".join(f"<kbd>{_key(key)}</kbd>" for key in match["keys"].split("+")),
    sign="++",
)
_MARKED = substitute(
    r"(?<![=\w])==(?P<text>[^\s=](?:[^\n=]*[^\s=])?)==(?![=\w])",
    lambda match: f"<mark>{match['text']}</mark>",
    sign="==",
)
_INSERTED = substitute(
    r"(?<!\^)\^\^(?P<text>[^\s^](?:[^\n^]*[^\s^])?)\^\^(?!\^)",
    lambda match: f"<ins>{match['text']}</ins>",
    sign="^^",
)
_CRITIC = substitute(
    r"\{(?:\+\+(?P<new>[^{}]*?)\+\+|--[^{}]*?--|~~[^{}]*?~>(?P<to>[^{}]*?)~~|==(?P<mark>[^{}]*?)==|>>[^{}]*?<<)\}",
    lambda match: match["new"] or match["to"] or match["mark"] or "",
    sign="{",
)


def prepare(text: str, page: Page) -> str:
    """Callouts, tabs and blocks with indented bodies; attribute lists, icons, keys and marks."""
    text = _MACRO.sub(_macro, text)
    text = "\n".join(_blocks(text.split("\n"), page))
    return outside_code(text, _inline)


def _inline(text: str) -> str:
    for change in (_CRITIC, attribute_lists, _ICONS, _KEY_STROKES, _MARKED, _INSERTED):
        text = change(text)
    return text


def _blocks(lines: list[str], page: Page) -> list[str]:
    out: list[str] = []
    marked = list(with_code(lines))
    index = 0
    snippets = False
    while index < len(marked):
        line, code = marked[index]
        index += 1
        prefix = prefix_of(line)
        item = _ITEM.match(line, len(prefix))
        if item is not None and not code:
            # A block that begins in a list item or a definition: its body lies as much further right.
            out.append(prefix + item[1] + _FILLER)
            prefix += " " * len(item[1])
            line = prefix + item[2]
        head = line[len(prefix) :]
        snippet = _SNIPPET.match(head)
        if snippet is not None:
            # Snippets are put in before the text is read, in code too.
            snippets = snippets != (snippet.lastindex is None)
            if snippet.lastindex is not None:
                page.left_out("snippet", snippet[snippet.lastindex])
        elif snippets:
            page.left_out("snippet", head)
        elif code:
            out.append(line)
        elif (callout := _CALLOUT.match(head)) is not None:
            body, index = _body(lines, index, prefix)
            out += open_callout(prefix, callout[1], callout[3] or "")
            out += [*_blocks(body, page), *close_callout(prefix)]
        elif (tab := _TAB.match(head)) is not None:
            body, index = _body(lines, index, prefix)
            out += [*labelled(prefix, tab[1]), *_blocks(body, page), prefix.rstrip()]
        elif (block := _BLOCK.match(head)) is not None:
            out += _fenced_block(prefix, block[1], block[2])
        elif (generated := _GENERATED.match(head)) is not None:
            page.left_out("generated reference", generated[1])
            _, index = _body(lines, index, prefix)
        elif _ABBREVIATION.match(head) or head.strip() == "[TOC]":
            continue
        elif (far := _FAR_ITEM.match(line)) is not None and len(far[1]) + len(far[2]) > 4:
            # Four blanks continue any item here; elsewhere as many as its text is indented.
            out.append(" " * max(0, 4 - len(far[2])) + line[len(far[1]) :])
        elif _OPENING_TAG.match(head) or _CLOSING_TAG.match(head):
            out += [line, prefix.rstrip()]
        else:
            out.append(line)
    return out


def _body(lines: list[str], index: int, prefix: str) -> tuple[list[str], int]:
    """Return the lines that are indented by four more than the prefix, moved left, and what follows."""
    inner = prefix + "    "
    body: list[str] = []
    end = index
    while index < len(lines):
        line = lines[index].replace("\t", "    ") if "\t" in lines[index][: len(inner)] else lines[index]
        if line.startswith(inner):
            body.append(prefix + line[len(inner) :])
            end = index + 1
        elif line.strip() in ("", prefix.strip()):
            body.append(prefix.rstrip())
        else:
            break
        index += 1
    return closed(body[: len(body) - (index - end)]), end


def _fenced_block(prefix: str, kind: str | None, title: str | None) -> list[str]:
    if kind is None:
        return apart(prefix, "</div>")
    if kind in ("tab", "details", "html", "define", "caption", "figure-caption", "table-caption"):
        shown = title if kind in ("tab", "details") else ""
        return [*apart(prefix, "<div>"), *labelled(prefix, shown or "")]
    return [
        *apart(prefix, "<div>"),
        *labelled(prefix, f"{kind.capitalize()}: {title}" if title else kind.capitalize()),
    ]


def _macro(match: re.Match[str]) -> str:
    value = (match[2] or "").strip()
    if not value:
        return match[1]
    return value if "`" in value or match[1] == "version" else f"`{value}`"


def _key(key: str) -> str:
    key = key.strip('"')
    return _KEYS.get(key) or key.replace("-", " ").capitalize()
