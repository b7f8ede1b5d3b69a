"""DocFX, as Microsoft writes it: `:::` extensions, tabs made of headings, includes."""

from __future__ import annotations

import re

from syncd.render.dialects.blocks import attributes, labelled, outside_code, prefix_of, substitute, with_code
from syncd.render.dialects.page import Page

_EXTENSION = re.compile(r":::[ \t]*([\w-]+)(.*?)(?::::)?[ \t]*$")
_TAB = re.compile(r"#{1,6}[ \t]+\[([^\]]*)\]\(#tab/[^)]*\)[ \t]*$")
_INCLUDE = substitute(
    r"\[!(?:INCLUDE|code(?:-[\w+#-]+)?)[ \t]*\[(?P<text>[^\]]*)\][ \t]*\((?P<file>[^)]*)\)\]",
    lambda match: f"\x02{match['file']}\x03",
    sign="[!",
    flags=re.IGNORECASE,
)
_VIDEO = re.compile(r"\[!VIDEO[ \t]+(\S+?)\]", re.IGNORECASE)
_DIV = re.compile(r"^([ \t>]*)\[!div[^\]]*\][ \t]*$", re.MULTILINE | re.IGNORECASE)
_XREF = substitute(
    r"<xref:(?P<uid>[^<>?#\s]+)[^<>]*>",
    lambda match: f"`{match['uid'].replace('%2A', '').rpartition('/')[2]}`",
    sign="<xref:",
)
_LEFT_OUT = re.compile("\x02(.*?)\x03")


def prepare(text: str, page: Page) -> str:
    """Extensions leave what they show; every variant of a zone, and every tab, stays."""

    def inline(prose: str) -> str:
        prose = _XREF(_VIDEO.sub(r"<\1>", _DIV.sub(r"\1", _INCLUDE(prose))))
        for name in _LEFT_OUT.findall(prose):
            page.left_out("include", name)
        return _LEFT_OUT.sub("", prose)

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
            if extension[1] == "code":
                page.left_out("code", values.get("source", ""))
            shown = values.get("alt-text", "")
            out += [prefix.rstrip(), *([prefix + shown, prefix.rstrip()] if shown else [])]
        else:
            out.append(line)
    return out
