"""mdBook: includes, listings, and lines of Rust that a reader does not see."""

from __future__ import annotations

import re

from syncd.render.dialects.blocks import (
    line_prefix,
    outside_code,
    with_code,
)
from syncd.render.dialects.jsx import read_tag
from syncd.render.dialects.page import Page

_DIRECTIVE = re.compile(r"(?<!\\)\{\{[ \t]*#(\w+)[ \t]*([^{}\n]*)\}\}")
_LISTING = re.compile(r"</?Listing\b")
_HIDDEN_RUST = re.compile(r"[ \t>]*#(?:[ \t]|$)")


def prepare(text: str, page: Page) -> str:
    """Listings show their file name and caption; what cannot be included is reported."""
    text = _DIRECTIVE.sub(lambda match: _directive(match, page), text)
    captions: list[str] = []
    text = outside_code(text, lambda prose: _listings(prose, captions))
    return "\n".join(_without_hidden_lines(text.split("\n")))


def _directive(match: re.Match[str], page: Page) -> str:
    name, value = match[1], match[2].strip()
    if name in ("include", "rustdoc_include", "playground", "playpen"):
        page.left_out("include", value)
    elif name not in ("title", "template"):
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
