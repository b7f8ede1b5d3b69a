"""Obsidian: wikilinks, embeds, comments, block ids and marks."""

from __future__ import annotations

import posixpath
import re

from syncd.render.dialects import excerpt
from syncd.render.dialects.blocks import outside_code, substitute
from syncd.render.dialects.page import WIKI, Page

_IMAGE = re.compile(r"\.(?:png|jpe?g|gif|svg|webp|avif|bmp|mp[34]|webm|wav|ogg|m4a|mov|pdf)$", re.IGNORECASE)
# A comment may enclose fences, and a fence or a code span percent signs: whichever begins first counts.
_COMMENTS = re.compile(
    r"^([ \t>]*)(`{3,}|~{3,})[^\n]*\n.*?(?:^\1\2`*[ \t]*$|\Z)"
    r"|(?<!`)(`+)(?!`)[^\n]*?(?<!`)\3(?!`)|%%.*?(?:%%|\Z)",
    re.DOTALL | re.MULTILINE,
)
_FILE = re.compile(r"\.(?!md\Z)\w+\Z")
_EMBED = re.compile(r"!\[\[(?P<target>[^\[\]|\n]*?)(?:\\?\|[^\[\]\n]*)?\]\]")
_BLOCK_ID = re.compile(r"(?<![ \t])[ \t]+\^[\w-]+[ \t]*$|^\^[\w-]+[ \t]*$", re.MULTILINE)
_MARKED = substitute(
    r"==(?P<text>[^\s=](?:[^\n=]*[^\s=])?)==", lambda match: f"<mark>{match['text']}</mark>", sign="=="
)


def put_in(text: str, page: Page) -> str:
    """A note, a heading with what stands under it, or one block; in the place where it is embedded."""
    return outside_code(
        _without_comments(text), lambda prose: _EMBED.sub(lambda match: _embedded(match, page), prose)
    )


def _embedded(match: re.Match[str], page: Page) -> str:
    name, _, part = match["target"].partition("#")
    name = name.strip()
    if not excerpt.place(match)[1] or _FILE.search(name):
        return match[0]
    places = [f"{WIKI}{name.removesuffix('.md')}"] if name else [page.path]
    taken = page.take("embedded note", match["target"], places, part=part)
    if taken is None:
        return match[0].removeprefix("!")
    text, file = taken
    text = _without_comments(file.body(text))
    chosen: str | None = text
    if part.startswith("^"):
        chosen = _block(text, part[1:].strip())
    elif part:
        chosen = excerpt.section(text, part.rpartition("#")[2])
    if chosen is None:
        page.left_out("embedded note", match["target"], "the note has no such part")
        return match[0].removeprefix("!")
    folder = posixpath.dirname
    return excerpt.put(match, excerpt.moved(put_in(chosen, file), folder(file.path), folder(page.path)))


def _block(text: str, name: str) -> str | None:
    """The paragraph, or the list item, that ends with the name of a block, or that stands before it."""
    lines = text.split("\n")
    end = next((at for at, line in enumerate(lines) if line.rstrip().endswith("^" + name)), None)
    if end is None:
        return None
    if lines[end].strip() == "^" + name:
        while end and not lines[end - 1].strip():
            end -= 1
        end -= 1
    start = end
    while start > 0 and lines[start - 1].strip() and not re.match(r"[ \t]*[-*+][ \t]", lines[start]):
        start -= 1
    return "\n".join(lines[start : end + 1])


def prepare(text: str, page: Page) -> str:
    """Comments go, wikilinks become links, and what is embedded a link to it."""

    def embed(match: re.Match[str]) -> str:
        target, shown = match["target"], match["text"]
        if not match["embed"]:
            return link(target, shown or target.replace("#", " > ").lstrip(" >"))
        if _IMAGE.search(target.partition("#")[0]):
            return shown if shown and not re.fullmatch(r"\d+(?:x\d+)?", shown) else ""
        page.left_out("embedded note", target, "it stands within a line")
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
