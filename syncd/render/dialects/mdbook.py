"""mdBook: includes, listings, and lines of Rust that a reader does not see."""

from __future__ import annotations

import re

from syncd.render.dialects.blocks import (
    attributes,
    block_html,
    line_prefix,
    outside_code,
    text_html,
    with_code,
)
from syncd.render.dialects.page import Page

_DIRECTIVE = re.compile(r"(?<!\\)\{\{[ \t]*#(\w+)[ \t]*([^}\n]*?)[ \t]*\}\}")
_LISTING = re.compile(r"<(Listing)\b([^>]*)>|</Listing>")
_HIDDEN_RUST = re.compile(r"[ \t]*#(?:[ \t]|$)")


def prepare(text: str, page: Page) -> str:
    """Listings show their file name and caption; what cannot be included is reported."""
    text = _DIRECTIVE.sub(lambda match: _directive(match, page), text)
    text = outside_code(text, _listings)
    return "\n".join(_without_hidden_lines(text.split("\n")))


def _directive(match: re.Match[str], page: Page) -> str:
    name, value = match[1], match[2]
    if name in ("include", "rustdoc_include", "playground", "playpen"):
        page.left_out("include", value)
    elif name not in ("title", "template"):
        page.left_out(name, value)
    return ""


def _listings(text: str) -> str:
    captions: list[str] = []

    def change(match: re.Match[str]) -> str:
        prefix = line_prefix(match)
        if match[1] is None:
            caption = captions.pop() if captions else ""
            return f"\n\n{prefix}{caption}\n\n{prefix}" if caption else "\n\n" + prefix
        values = attributes(match[2])
        number, caption = values.get("number", ""), values.get("caption", "")
        name = " ".join(filter(None, ("Listing", number))) if number else ""
        captions.append(": ".join(filter(None, (name, caption))))
        file_name = values.get("file-name", "")
        return (
            block_html(prefix, f"<p>Filename: {text_html(file_name)}</p>") if file_name else "\n\n" + prefix
        )

    return _LISTING.sub(change, text)


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
