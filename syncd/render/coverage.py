"""How much of what a reader of a document sees has arrived: the share of its words found in the draft.

It reads the source with a few expressions of its own and not with the renderer, so that it notices what
the renderer loses. Nearly always the lines of a source stand in its page one after the other: then nothing
is lost, and there is no need to read it so closely.
"""

from __future__ import annotations

import re
from collections import Counter
from html import unescape
from typing import NamedTuple

from syncd.model import Document, Draft
from syncd.render import front_matter
from syncd.render.characters import normalise

_WORD = re.compile(r"[^\W_]+")
_TAG = re.compile(
    r"</?[A-Za-z][\w.:-]*(?:[\s/](?:[^<>\"'{}]|\"[^\"]{0,2000}\"|'[^']{0,2000}'|\{(?:[^{}]|\{[^{}]*\})*\})*+)?>"
)
_UNSEEN_ELEMENT = re.compile(
    r"<(script|style|template|noscript|head|nav|select|textarea|iframe|svg|video|audio|object)\b.*?</\1\s*>",
    re.DOTALL | re.IGNORECASE,
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|<\?.*?\?>|<![A-Za-z][^>]*>", re.DOTALL)
_INCLUDE = re.compile(
    r"^%.*$|^[ \t>]*\([^()\n]+\)=[ \t]*$|\{\{[ \t]*#[^{}\n]*\}\}|^[ \t]*-+8<-+.*$", re.MULTILINE
)
_DIRECTIVE = re.compile(r"\{([\w:.+-]+)\}")
_CODE_DIRECTIVES = frozenset(
    {"code", "code-block", "code-cell", "eval-rst", "math", "mermaid", "raw", "toctree"}
)
_HIDDEN_LINE = re.compile(r"[ \t>]*#(?:[ \t]|$)")
_FENCE = re.compile(r"^([ \t>*+-]*(?:\d+[.)][ \t]+)?)(`{3,}|~{3,})([^\n`]*)$")
# What a Markdown source holds besides text, with what every match holds, and what of it a reader sees.
_MARKS: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("{/*", re.compile(r"\{/\*(?:(?!\{/\*|\*/\}).)*\*/\}", re.DOTALL), " "),
    ("{%", re.compile(r"\{%-?\s*comment\b.*?\{%-?\s*endcomment\s*-?%\}", re.DOTALL), " "),
    ("{", re.compile(r"\{%(?:(?!\{%|%\}).)*%\}|\{\{[<%#](?:(?!\{\{|\}\}).)*\}\}", re.DOTALL), " "),
    ("{{", re.compile(r"\{\{[^{}\n]*\}\}"), " "),
    ("", re.compile(r"!\[\[[^\[\]\n]*\]\]|\[\[[^\[\]|\n]*\|[^\[\]\n]*\]\]|%%(?:(?!%%).)*%%", re.DOTALL), " "),
    (":", re.compile(r":(?:material|octicons|fontawesome|simple)-[a-z0-9-]+:"), " "),
    ("}`", re.compile(r"\{[\w:+.-]+\}(`+)([^`<]*)(?:<[^`>]*>)?\1"), r" \2 "),
    (":", re.compile(r"<(?:inv|project|path|myst|xref|doc|wiki):[^<>]*>"), " "),
    ("", re.compile(r"^[ \t>]*(?:[-*+][ \t]+)*\d+[.)][ \t]", re.MULTILINE), " "),
    ("port", re.compile(r"^[ \t]*(?:import|export)\b.*?(?:\n[ \t]*\n|\Z)", re.DOTALL | re.MULTILINE), "\n\n"),
    ("", re.compile(r"^[ \t]*(?:!!!|\?\?\?\+?)[ \t]+[\w -]*", re.MULTILINE), " "),
    (":::", re.compile(r"^[ \t>]*:{3,}(?:\{[^}]*\}|[ \t]*[\w-]*)", re.MULTILINE), " "),
    (":", re.compile(r"^[ \t>]*:[\w-]+:(?:[ \t].*)?$", re.MULTILINE), " "),
    ("^", re.compile(r"(?<!\S)\^[\w-]+[ \t]*$", re.MULTILINE), " "),
    ("[!", re.compile(r"\[!\w+\]"), " "),
    ("{", re.compile(r"\{[ \t]*[:#.][^{}\n]*\}|\{[ \t]*[\w-]+=[^{}\n]*\}"), " "),
    ("*[", re.compile(r"^[ \t>]*\*\[[^\]\n]+\]:.*$", re.MULTILINE), " "),
    ("]", re.compile(r"(?<=[-*+] )\[[ xX]\](?=\s)"), " "),
    ("]:", re.compile(r"^[ \t>]*\[[^\]\n^]+\]:[ \t]*\n?[ \t]*\S+.*$", re.MULTILINE), " "),
    (
        "](",
        re.compile(
            r"\]\([ \t]*(?:<[^>\n]*>|(?:[^()\s]|\([^()\n]*\))*)(?:\s+(?:\"[^\"]*\"|'[^']*'|\([^)]*\)))?\s*\)"
        ),
        "] ",
    ),
    ("][", re.compile(r"\]\[[^\]\n]*\]"), "] "),
    ("[^", re.compile(r"^\[\^[^\]\n]+\]:|\[\^[^\]\n]+\]", re.MULTILINE), " "),
    ("<", re.compile(r"<(?:https?|mailto):([^<>\s]*)>"), r" \1 "),
)


# Bytes of UTF-8 as words of small letters with blanks between them; outside ASCII everything is a letter.
_LETTERS = bytes(
    byte if byte > 127 else ord(chr(byte).lower()) if chr(byte).isalnum() else 32 for byte in range(256)
)
_NEAR_BYTES = 4000
_TAGS = re.compile(r"<[^>]*>")


LEAST = 0.995
"""The share of words below which a page has lost some: a few differ by the way in which they are read."""


class Coverage(NamedTuple):
    """What was found.

    Attributes:
        share: 0 to 1; 1 for a source without words.
        words: how many the source has.
        missing: those that were not found, in alphabetical order, repeated as often as they are missing.
    """

    share: float
    words: int
    missing: tuple[str, ...]


def coverage(document: Document, draft: Draft) -> Coverage:
    """Compare the visible words of a document with those of its draft, title included."""
    expected = Counter(_words(visible_text(document)))
    arrived = Counter(_words(draft.title + " " + unescape(re.sub(r"<[^>]*>", " ", draft.html))))
    # Letters that tags split, as in "H<sub>2</sub>O", are one word in one of them and several in the other.
    total = expected.total()
    missing = expected - arrived
    share = 1.0 if not total else 1 - missing.total() / total
    return Coverage(share, total, tuple(sorted(missing.elements())))


def lost(document: Document, draft: Draft) -> Coverage | None:
    """Return what `coverage` finds if it is less than LEAST; None if all arrived, as nearly always."""
    arrived = unescape(_TAGS.sub(" ", f"{draft.title} {draft.html}"))
    if _stands_in(document, arrived):
        return None
    found = coverage(document, draft)
    return found if found.share < LEAST else None


def _stands_in(document: Document, arrived: str) -> bool:
    """Whether a text surely holds the words of a document, told by the lines that both have in one order."""
    markdown = document.media_type == "text/markdown"
    page = _letters(arrived)
    at = words = 0
    between: list[bytes] = []
    rest: list[str] = []
    code: list[str] = []
    in_code = False
    for line in (document.body if markdown else visible_text(document)).split("\n"):
        if markdown and ("```" in line or "~~~" in line) and _FENCE.match(line):
            in_code = not in_code
            continue
        sought = _letters(line)
        if len(sought) < 3:
            continue
        found = page.find(sought, at, at + len(sought) + _NEAR_BYTES)
        if found < 0:
            (code if in_code else rest).append(line)
            continue
        between.append(page[at:found])
        # The blank at the end is the one before the next word.
        at = found + len(sought) - 1
        words += sought.count(b" ") - 1
    if not rest and not code:
        return True
    between.append(page[at:])
    # Apart, so that a mark at the end of one line does not reach into another one.
    text = "\n\n".join(rest)
    more = Counter(_words(f"{_read(text) if markdown else text} {' '.join(code)}"))
    missing = more - Counter(_words(b" ".join(between).decode()))
    return missing.total() <= (1 - LEAST) * words


def _letters(text: str) -> bytes:
    """Return the words of a text, a blank before and after each."""
    return b" %b " % b" ".join(text.encode("utf-8", "replace").translate(_LETTERS).split())


def visible_text(document: Document) -> str:
    """Return roughly what a reader of the document sees."""
    text = normalise(document.body)
    if document.media_type == "text/plain":
        return text
    _, text = front_matter.split(text)
    if document.media_type == "text/html":
        return unescape(_TAG.sub(" ", _UNSEEN_ELEMENT.sub(" ", _COMMENT.sub(" ", text))))
    prose, code = _apart(_INCLUDE.sub(" ", text))
    return f"{_read(prose)} {code}"


def _read(prose: str) -> str:
    """Take what is no text out of Markdown without fences."""
    prose = _UNSEEN_ELEMENT.sub(" ", _COMMENT.sub(" ", prose))
    for sign, pattern, seen in _MARKS:
        if sign in prose:
            prose = pattern.sub(seen, prose)
    return unescape(_TAG.sub(" ", prose))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _apart(text: str) -> tuple[str, str]:
    """Return the text outside fences, and the text inside them without their info strings."""
    prose: list[str] = []
    code: list[str] = []
    fence = prefix = ""
    hides = False
    directives: list[str] = []
    for line in text.split("\n"):
        match = _FENCE.match(line)
        bare = match is not None and not match[3].strip()
        if fence and prefix.count(">") > line.count(">"):
            fence = ""
        if fence and len(prefix) >= 4 and ">" not in prefix and line[:1].strip():
            fence = ""
        if fence:
            if match is not None and bare and match[2].startswith(fence) and len(match[1]) <= len(prefix) + 3:
                fence = ""
            elif not (hides and _HIDDEN_LINE.match(line)):
                code.append(line)
        elif match is None:
            prose.append(line)
        elif directives and bare and match[2].startswith(directives[-1]):
            directives.pop()
        elif (directive := _DIRECTIVE.match(match[3])) is not None and directive[1] not in _CODE_DIRECTIVES:
            # What it holds is read as text by the generator.
            directives.append(match[2])
        else:
            fence, prefix = match[2], match[1]
            hides = match[3].strip().startswith("rust")
            prose.append(match[1])
    return "\n".join(prose), "\n".join(code)
