"""MkDocs, with what its Material theme and PyMdown Extensions add."""

from __future__ import annotations

import posixpath
import re

from syncd.render.dialects import excerpt
from syncd.render.dialects.blocks import (
    apart,
    attribute_lists,
    attributes,
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
_SNIPPET = re.compile(r"(?P<escape>;*)-+8<-+(?:[ \t]+(?P<name>\"[^\"]+\"|'[^']+'))?[ \t]*$")
_SECTION = re.compile(r"-8<-+[ \t]+\[[ \t]*(?:start|end)[ \t]*:")
_OTHER_INCLUDE = re.compile(
    r"\{%-?[ \t]*include-markdown[ \t]+[\"'](?P<file>[^\"'\n]+)[\"'](?P<options>[^%]*)%\}"
    r"|\{![ \t]*>?[ \t]*(?P<bare>[^!{}\n]+?)[ \t]*!\}"
    r"|^[ \t]*\{\*[ \t]*(?P<code>[^\s*{}]+)(?P<shown>[^*\n]*)\*\}[ \t]*$",
    re.MULTILINE,
)
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


def put_in(text: str, page: Page) -> str:
    """Snippets come before the text is read, in code too; so do the files of other plugins for that."""
    if not page.chain:
        text += "".join(f'\n\n--8<-- "{name}"' for name in page.site.appended)
    out: list[str] = []
    block = False
    for line in text.split("\n"):
        prefix = line[: len(line) - len(line.lstrip(" \t"))]
        snippet = _SNIPPET.match(line, len(prefix))
        if snippet is not None and snippet["escape"]:
            out.append(line.replace(";", "", 1))
        elif snippet is not None and snippet["name"] is None:
            block = not block
        elif snippet is not None:
            out += _snippet(prefix, snippet["name"][1:-1], page)
        elif block:
            out += _snippet(prefix, line.strip(), page) if line.strip() else []
        else:
            out.append(line)
    return _OTHER_INCLUDE.sub(lambda match: _other(match, page), "\n".join(out))


def _snippet(prefix: str, name: str, page: Page) -> list[str]:
    """PyMdown Extensions 10, snippets: "file", "file:2:5", "file:1:3,5:6", "file:section"."""
    if name.startswith(";"):
        return []
    path, _, part = name.strip().partition(":")
    if "://" in name:
        page.left_out("snippet", name, "it is on another site")
        return []
    places = [place for folder in page.site.snippet_folders for place in page.site.at_home(folder, path)]
    taken = page.take("snippet", name, places, part=part)
    if taken is None:
        return []
    text, file = taken
    if re.match(r"[A-Za-z]", part):
        mark = rf"-8<-+[ \t]+\[[ \t]*{{}}[ \t]*:[ \t]*{re.escape(part)}[ \t]*\]"
        begin, end = (re.compile(mark.format(one)) for one in ("start", "end"))
        chosen = excerpt.between(text, begin, end)
    else:
        numbers = excerpt.ranges(part, ":") if part.strip(":, ") else [(None, None)]
        # A number alone is where to begin.
        chosen = (
            None
            if numbers is None
            else excerpt.lines_of(
                text if part.strip(":, ") else file.body(text),
                [(first, None if str(first) == part.strip() else last) for first, last in numbers],
            )
        )
    if chosen is None:
        page.left_out("snippet", name, "the file has no such part")
        return []
    chosen = put_in(excerpt.without(chosen, _SECTION).rstrip("\n"), file)
    return [prefix + line if line.strip() else "" for line in chosen.split("\n")]


def _other(match: re.Match[str], page: Page) -> str:
    """`{% include-markdown "file" start="…" end="…" %}`, `{!file!}` and `{* file ln[1:3] *}`."""
    name = match["file"] or match["bare"] or match["code"]
    options = match["options"] or match["shown"] or ""
    places = [page.near(name), *page.site.at_home(name), *page.site.at_home("docs", name)]
    taken = page.take("include", name, places, part=options)
    if taken is None:
        return ""
    text, file = taken
    if match["code"]:
        numbers = re.search(r"\bln\[([\d:,]+)\]", options)
        chosen = excerpt.ranges(numbers[1], ":") if numbers is not None else None
        text = excerpt.lines_of(text, chosen) if chosen is not None else text
        prefix = match[0][: len(match[0]) - len(match[0].lstrip(" \t"))]
        return prefix + excerpt.indented(prefix, excerpt.fenced(name.rpartition(".")[2], text))
    told = attributes(options)
    text = file.body(text)
    if told.get("start", "\0") in text:
        text = text.partition(told["start"])[2]
    if told.get("end"):
        text = text.partition(told["end"])[0]
    folder = posixpath.dirname
    return excerpt.put(match, excerpt.moved(put_in(text, file), folder(file.path), folder(page.path)))


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
        if code:
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
