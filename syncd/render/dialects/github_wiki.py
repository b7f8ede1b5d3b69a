"""GitHub wikis: `[[text|Page]]`, with the text first."""

from __future__ import annotations

import re

from syncd.render.dialects.blocks import outside_code, substitute
from syncd.render.dialects.obsidian import link
from syncd.render.dialects.page import Page

_IMAGE = re.compile(r"\.(?:png|jpe?g|gif|svg|webp)$", re.IGNORECASE)


def prepare(text: str, page: Page) -> str:
    """Wikilinks become links to pages by their names."""
    links = substitute(r"\[\[(?P<first>[^\[\]|\n]+?)(?:\|(?P<second>[^\[\]\n]*))?\]\]", _link, sign="[[")
    return outside_code(text, links)


def _link(match: re.Match[str]) -> str:
    first, second = match["first"], match["second"]
    if _IMAGE.search(first):
        alt = re.search(r"alt=([^|]*)", second or "")
        return alt[1] if alt is not None else ""
    return link(second or first, first)
