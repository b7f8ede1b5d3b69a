"""DocFX, as Microsoft writes it: `:::` extensions, tabs made of headings, includes."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote

from syncd.render.dialects import excerpt
from syncd.render.dialects.blocks import (
    attributes,
    labelled,
    outside_code,
    prefix_of,
    substitute,
    with_code,
)
from syncd.render.dialects.page import Page

_EXTENSION = re.compile(r":::[ \t]*([\w-]+)(.*?)(?::::)?[ \t]*$")
_TAB = re.compile(r"#{1,6}[ \t]+\[([^\]]*)\]\(#tab/[^)]*\)[ \t]*$")
_INCLUDE = (
    r"\[!(?:INCLUDE|(?P<shown>code)(?:-(?P<language>[\w+#-]+))?)[ \t]*"
    r"\[[^\]]*\][ \t]*\((?P<file>[^)]*)\)\]"
)
_CODE = re.compile(r"^([ \t>]*):::[ \t]*code\b(.*?)(?::::)?[ \t]*$", re.MULTILINE)
_VIDEO = re.compile(r"\[!VIDEO[ \t]+(\S+?)\]", re.IGNORECASE)
_DIV = re.compile(r"^([ \t>]*)\[!div[^\]]*\][ \t]*$", re.MULTILINE | re.IGNORECASE)
_REGION = re.compile(r"^[ \t]*(?://|#|--|'|<!--|/\*)[ \t]*</?\w+>|#(?:end)?region\b", re.IGNORECASE)
_XREF = substitute(
    r"<xref:(?P<uid>[^<>?#\s]+)[^<>]*>",
    lambda match: f"[`{match['uid'].removesuffix('%2A').rpartition('/')[2]}`](<xref:{match['uid']}>)",
    sign="<xref:",
)


def put_in(text: str, page: Page) -> str:
    """Files are put in where they are named outside of code; a link in them starts at their own folder."""
    include = substitute(_INCLUDE, lambda match: _included(match, page), sign="[!", flags=re.IGNORECASE)
    text = outside_code(text, lambda prose: _CODE.sub(lambda match: _code(match, page), prose))
    return outside_code(text, include)


def _included(match: re.Match[str], page: Page) -> str:
    path, _, query = match["file"].strip().partition("?" if "?" in match["file"] else "#")
    if match["shown"]:
        return excerpt.put(match, _excerpt(match["language"] or "", path, query, page))
    taken = page.take("include", path, _places(path, page))
    if taken is None:
        return ""
    text, file = taken
    folder = posixpath.dirname
    text = excerpt.moved(put_in(file.body(text), file), folder(file.path), folder(page.path))
    return excerpt.put(match, text)


def _code(match: re.Match[str], page: Page) -> str:
    values = attributes(match[2])
    query = "name=" + values["id"] if values.get("id") else "range=" + values.get("range", "")
    source = values.get("source", "")
    code = _excerpt(values.get("language", ""), source, query, page)
    return match[1] + excerpt.indented(match[1], code)


def _excerpt(language: str, path: str, query: str, page: Page) -> str:
    """Code by `name=` of a region in it, `range=1-4,6` or `L1-L4`."""
    taken = page.take("code", path, _places(path, page), part=query)
    if taken is None:
        return ""
    text, _ = taken
    name = re.search(r"(?:name|id)=([\w.-]+)|^([A-Za-z_](?!\d*-)[\w.-]*)$", query)
    numbers = excerpt.ranges(re.sub(r"L(?=\d)|.*range=", "", query.partition("&")[0]), "-")
    chosen: str | None = text
    if numbers is not None:
        chosen = excerpt.lines_of(text, numbers)
    elif name is not None:
        tag = re.escape(name[1] or name[2])
        begin = re.compile(rf"<{tag}>|#region[ \t]+{tag}\b", re.IGNORECASE)
        chosen = excerpt.between(text, begin, re.compile(rf"</{tag}>|#endregion", re.IGNORECASE))
    if chosen is None:
        page.left_out("code", f"{path} {query}", "the file has no such part")
        return ""
    return excerpt.fenced(language, excerpt.without(chosen, _REGION))


def _places(path: str, page: Page) -> list[str]:
    path = unquote(path.strip()).replace("\\", "/")
    return page.site.at_home(path[2:]) if path.startswith("~/") else [page.near(path)]


def prepare(text: str, page: Page) -> str:
    """Extensions leave what they show; every variant of a zone, and every tab, stays."""

    def inline(prose: str) -> str:
        return _XREF(_VIDEO.sub(r"<\1>", _DIV.sub(r"\1", prose)))

    return outside_code("\n".join(_lines(text, page)), inline)


def _lines(text: str, page: Page) -> list[str]:
    out: list[str] = []
    in_tabs = False
    for line, code in with_code(text.split("\n")):
        prefix = prefix_of(line)
        head = line[len(prefix) :]
        if code:
            out.append(line)
        elif (tab := _TAB.match(head)) is not None:
            in_tabs = True
            out += labelled(prefix, tab[1])
        elif in_tabs and re.fullmatch(r"-{3,}[ \t]*|\*{3,}[ \t]*", head):
            in_tabs = False
            out.append(prefix.rstrip())
        elif (extension := _EXTENSION.match(head)) is not None:
            values = attributes(extension[2])
            shown = values.get("alt-text", "")
            out += [prefix.rstrip(), *([prefix + shown, prefix.rstrip()] if shown else [])]
        else:
            out.append(line)
    return out
