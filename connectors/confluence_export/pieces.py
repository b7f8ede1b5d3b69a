"""The pieces of a clean fragment: text, code, panels, pictures, people."""

from __future__ import annotations

import re
from html import escape
from typing import NamedTuple

from lxml import etree

DROPPED = frozenset(
    """
    script style form input button select option textarea iframe object embed applet svg math-ml
    noscript template link meta base head title canvas video audio map area param source track frame
    frameset
    """.split()  # noqa: SIM905 - as words it can be read
)
# One blank alone is left as it is: replacing each would be most of the work.
_WHITE = re.compile(r"[ \t\r\n\f\v\u00a0\u2028\u2029]{2,}|[\t\r\n\f\v\u00a0\u2028\u2029]")
_ZERO_WIDTH = str.maketrans("", "", "\u200b\ufeff\u2060")
_CONTROLS = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127])
_WIDTHLESS = " \u200c\u200d"
_BLANKS = re.compile(" {2,}")
_BREAKS = re.compile(r"(?:\s*<br>\s*)+")
TAG = re.compile(r"<[^>]*>")
_NAMES = {
    "tick": "\u2705",
    "cross": "\u274c",
    "warning": "\u26a0",
    "information": "\u2139",
    "question": "\u2753",
    "plus": "\u2795",
    "minus": "\u2796",
    "light-on": "\U0001f4a1",
    "thumbs-up": "\U0001f44d",
    "thumbs-down": "\U0001f44e",
    "smile": "\U0001f642",
    "sad": "\U0001f641",
    "cheeky": "\U0001f61b",
    "laugh": "\U0001f600",
    "wink": "\U0001f609",
    "heart": "\u2764",
    "broken-heart": "\U0001f494",
    "yellow-star": "\u2b50",
}


class Blocks(NamedTuple):
    """What a special element came to, as blocks."""

    html: list[str]


Special = Blocks | str | None
"""Blocks, inline HTML, or None: treat it as the ordinary element that it is."""


def text_of(text: str | None) -> str:
    """Return text for HTML: white space collapsed, characters without width gone."""
    if not text:
        return ""
    return escape(_WHITE.sub(" ", text.translate(_ZERO_WIDTH)).translate(_CONTROLS), quote=False)


def text_exactly(node: etree._Element) -> str:
    """Return the text of preformatted content, line breaks as they stand."""
    parts = [node.text or ""]
    for child in node:
        if child.tag == "br":
            parts.append("\n")
        elif isinstance(child.tag, str) and child.tag not in DROPPED:
            parts.append(text_exactly(child))
        parts.append(child.tail or "")
    return "".join(parts)


def code(text: str, language: str = "", title: str = "") -> str:
    """Write a code block; "" for one without text."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS).strip("\n")
    if not text.strip():
        return ""
    mark = f' class="language-{escape(language)}"' if language else ""
    lead = f"<p><strong>{title}</strong></p>\n" if title else ""
    return f"{lead}<pre><code{mark}>{escape(text, quote=False)}</code></pre>"


def callout(label: str, blocks: list[str]) -> Blocks:
    """Write a panel; `label` is inline HTML, "" for a panel without a name."""
    lead = [f"<p><strong>{label}</strong></p>"] if label else []
    return Blocks([wrap("blockquote", lead + blocks)] if blocks else lead)


def wrap(tag: str, blocks: list[str]) -> str:
    """Put blocks into an element; "" for none."""
    return f"<{tag}>" + "".join(blocks) + f"</{tag}>" if blocks else ""


def picture(alt: str | None, file_name: str | None) -> str:
    """Write an image as text: what it shows, else what it is called."""
    if alt and alt.strip():
        return text_of(alt.strip())
    return f"[Image: {text_of(file_name)}]" if file_name and file_name.strip() else ""


def person(name: str) -> str:
    """Write a user's name; a mail address is none."""
    name = name.strip()
    return "(user)" if not name or "@" in name else text_of(name)


def emoticon(fallback: str | None, name: str | None, alt: str | None) -> str:
    """Write an emoticon as its character, or as its name."""
    if fallback and fallback.strip():
        return text_of(fallback)
    key = (name or (alt or "").strip("()")).strip().lower()
    return _NAMES.get(key) or (f"({text_of(key)})" if key else "")


def tidy(run: str) -> str:
    """Return a run of inline HTML without needless white space and breaks; "" if nothing shows."""
    if "  " in run:
        run = _BLANKS.sub(" ", run)
    run = run.strip()
    if "<br>" in run:
        run = _BREAKS.sub("<br>", run)
        while run.startswith("<br>"):
            run = run[4:].lstrip()
        while run.endswith("<br>"):
            run = run[:-4].rstrip()
    if "<" not in run:
        return run if run.strip(_WIDTHLESS) else ""
    return run if "<a id=" in run or TAG.sub("", run).strip(_WIDTHLESS) else ""
