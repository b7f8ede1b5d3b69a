"""mdBook: includes, listings, and lines of Rust that a reader does not see."""

from __future__ import annotations

import re

from syncd.render.dialects import excerpt
from syncd.render.dialects.blocks import line_prefix, outside_code, with_code
from syncd.render.dialects.jsx import read_tag
from syncd.render.dialects.page import Page

_DIRECTIVE = re.compile(r"(?<!\\)\{\{[ \t]*#(\w+)[ \t]*([^{}\n]*)\}\}")
_INCLUDES = frozenset({"include", "rustdoc_include", "playground", "playpen"})
_ANCHOR = re.compile(r"\bANCHOR(?:_END)?:[ \t]*[\w-]+")
_LISTING = re.compile(r"</?Listing\b")
_HIDDEN_RUST = re.compile(r"[ \t>]*#(?:[ \t]|$)")


def put_in(text: str, page: Page) -> str:
    """Includes are put in before the text is read, in code too; mdBook 0.4, preprocess/links.rs."""
    return _DIRECTIVE.sub(lambda match: _included(match, page), text)


def _included(match: re.Match[str], page: Page) -> str:
    name, value = match[1], match[2].strip()
    if name not in _INCLUDES or not value:
        return match[0]
    path, _, part = value.partition(" " if name.startswith("play") else ":")
    taken = page.take("include", value, [page.near(path)], part="" if name.startswith("play") else part)
    if taken is None:
        return ""
    text, file = taken
    if name.startswith("play"):
        return excerpt.fenced("rust", excerpt.without(text, _ANCHOR))
    chosen = _part(text, part.strip())
    if chosen is None:
        page.left_out("include", value, "the file has no such part")
        return ""
    if not part:
        chosen = file.body(chosen)
    chosen = excerpt.without(chosen, _ANCHOR).removesuffix("\n")
    # What a comment or a program shows of the mark is no include of its own.
    return put_in(chosen, file) if path.endswith(".md") else chosen


def _part(text: str, part: str) -> str | None:
    """Read what follows the path: an anchor, or numbers of the first and the last line."""
    if not part:
        return text
    numbers = [number.strip() for number in part.split(":")]
    if all(not number or number.isdecimal() for number in numbers):
        first, last = (*numbers, numbers[0])[:2]
        return excerpt.lines_of(text, [(int(first) if first else None, int(last) if last else None)])
    name = re.escape(numbers[0])
    return excerpt.between(
        text, re.compile(rf"ANCHOR:[ \t]*{name}(?![\w-])"), re.compile(rf"ANCHOR_END:[ \t]*{name}(?![\w-])")
    )


def prepare(text: str, page: Page) -> str:
    """Listings show their file name and caption; what cannot be known is reported."""
    text = _DIRECTIVE.sub(lambda match: _directive(match, page), text)
    captions: list[str] = []
    text = outside_code(text, lambda prose: _listings(prose, captions))
    return "\n".join(_without_hidden_lines(text.split("\n")))


def _directive(match: re.Match[str], page: Page) -> str:
    name, value = match[1], match[2].strip()
    if name != "title":
        page.left_out(name, value)
    return ""


def _listings(text: str, captions: list[str]) -> str:
    """Replace the tags of listings; `captions` keeps those of the ones that are open."""
    out: list[str] = []
    position = 0
    for match in _LISTING.finditer(text):
        tag = read_tag(text, match.start()) if match.start() >= position else None
        if tag is None:
            continue
        prefix = line_prefix(match)
        out.append(text[position : match.start()])
        position = tag.end
        if tag.closing:
            shown = captions.pop() if captions else ""
        else:
            number = tag.values.get("number", "")
            named = (f"Listing {number}" if number else "", tag.values.get("caption", ""))
            captions.append(": ".join(filter(None, named)))
            file_name = tag.values.get("file-name", "")
            shown = f"Filename: {file_name}" if file_name else ""
        out.append(f"\n\n{prefix}{shown}\n\n{prefix}" if shown else "\n\n" + prefix)
    out.append(text[position:])
    return "".join(out)


def _without_hidden_lines(lines: list[str]) -> list[str]:
    out: list[str] = []
    rust = before = False
    for line, code in with_code(lines):
        if code and not before:
            rust = re.match(r"[ \t>]*(?:`{3,}|~{3,})[ \t]*rust\b", line) is not None
        if not (code and before and rust and _HIDDEN_RUST.match(line)):
            out.append(line)
        before = code
    return out
