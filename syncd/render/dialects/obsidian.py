"""Obsidian: wikilinks, embeds, comments, block ids and marks."""

from __future__ import annotations

import re

from syncd.render.dialects.blocks import outside_code, substitute
from syncd.render.dialects.page import Page

_IMAGE = re.compile(r"\.(?:png|jpe?g|gif|svg|webp|avif|bmp|mp[34]|webm|wav|ogg|m4a|mov|pdf)$", re.IGNORECASE)
# A comment may enclose fences, and a fence or a code span percent signs: whichever begins first counts.
_COMMENTS = re.compile(
    r"^([ \t>]*)(`{3,}|~{3,})[^\n]*\n.*?(?:^\1\2`*[ \t]*$|\Z)"
    r"|(?<!`)(`+)(?!`)[^\n]*?(?<!`)\3(?!`)|%%.*?(?:%%|\Z)",
    re.DOTALL | re.MULTILINE,
)
_BLOCK_ID = re.compile(r"(?<![ \t])[ \t]+\^[\w-]+[ \t]*$|^\^[\w-]+[ \t]*$", re.MULTILINE)
_MARKED = substitute(
    r"==(?P<text>[^\s=](?:[^\n=]*[^\s=])?)==", lambda match: f"<mark>{match['text']}</mark>", sign="=="
)


def prepare(text: str, page: Page) -> str:
    """Comments go, wikilinks become links, and what is embedded a link to it."""

    def embed(match: re.Match[str]) -> str:
        target, shown = match["target"], match["text"]
        if not match["embed"]:
            return link(target, shown or target.replace("#", " > ").lstrip(" >"))
        if _IMAGE.search(target.partition("#")[0]):
            return shown if shown and not re.fullmatch(r"\d+(?:x\d+)?", shown) else ""
        page.left_out("embedded note", target)
        return link(target, target.replace("#", " > ").lstrip(" >"))

    links = substitute(
        r"(?P<embed>!)?\[\[(?P<target>[^\[\]|\n]*?)(?:\\?\|(?P<text>[^\[\]\n]*))?\]\]", embed, sign="[["
    )
    text = _without_comments(text)
    return outside_code(text, lambda prose: _MARKED(_BLOCK_ID.sub("", links(prose))))


def link(target: str, shown: str) -> str:
    """Return a Markdown link to a page that is named and not located."""
    if "://" in target:
        return f"[{shown.strip()}](<{target.strip()}>)"
    name, _, fragment = target.partition("#")
    fragment = fragment.rpartition("#")[2].removeprefix("^")
    href = (f"wiki:{name.strip()}" if name.strip() else "") + (f"#{fragment}" if fragment else "")
    return f"[{shown.strip()}](<{href}>)" if href else shown.strip()


def _without_comments(text: str) -> str:
    return _COMMENTS.sub(lambda match: "" if match[0].startswith("%%") else match[0], text)
