"""Markdown → its lines of prose, and its code blocks."""

from __future__ import annotations

import re
from typing import NamedTuple

_FENCE = re.compile(r"^((?:[ \t]|>|[-*+][ \t]|\d+[.)][ \t])*)(`{3,}|~{3,})[ \t]*([^`\n]*)$")
_HIGHLIGHT = re.compile(r"\{%-?\s*highlight\b[^%]*%\}(.*?)\{%-?\s*endhighlight\s*-?%\}", re.DOTALL)
_COLON = re.compile(r"^[ \t>]*:{3,}")
_ROLE = re.compile(r"\{([\w:.+-]+)\}(.*)")
_OPTION = re.compile(r"^[ \t>]*:[\w-]+:(?:[ \t].*)?$")
# Directives of Sphinx whose content is code, or nothing that is shown where it stands.
CODE = frozenset(
    {"code", "code-block", "code-cell", "sourcecode", "literalinclude", "math", "parsed-literal"}
)
UNSEEN = frozenset({"toctree", "raw", "eval-rst", "include", "only", "mermaid", "contents", "highlight"})

# Directives whose argument drives something and is not shown.
DRIVEN = frozenset(
    {"button-link", "button-ref", "container", "div", "figure", "grid", "grid-item", "image", "table"}
)


class Parts(NamedTuple):
    """Prose with a blank line where a block of code was; each block of code; code that is only driven."""

    prose: str
    code: tuple[str, ...]
    unseen: tuple[str, ...]


class _Open(NamedTuple):
    mark: str
    indent: int
    quotes: int
    kind: str
    lines: list[str]


def parts(text: str, *, directives: bool = False, rust: bool = False) -> Parts:
    """Take the code blocks out.

    Args:
        directives: "```{note}" holds prose, as in MyST.
        rust: lines of Rust that begin with "# " are hidden, as in mdBook.
    """
    highlighted: list[str] = []

    def keep(match: re.Match[str]) -> str:
        highlighted.append(match[1])
        return "\n\n"

    text = _HIGHLIGHT.sub(keep, text)
    prose: list[str] = []
    code: list[str] = []
    unseen: list[str] = []
    fence: _Open | None = None
    nested: list[str] = []
    for line in text.split("\n"):
        match = _FENCE.match(line)
        bare = match is not None and not match[3].strip()
        if fence is not None and fence.quotes > line.count(">"):
            _close(fence, code, unseen)
            fence = None
        if fence is not None and fence.indent >= 4 and not fence.quotes and line[:1].strip():
            # It stands in a list or a tab, and ends with that.
            _close(fence, code, unseen)
            fence = None
        if fence is not None:
            if match is not None and bare and match[2].startswith(fence.mark) and _near(match, fence):
                _close(fence, code, unseen)
                fence = None
            else:
                fence.lines.append(line)
            continue
        if match is None:
            prose.append("" if nested and _OPTION.match(line) else line)
            continue
        role = _ROLE.match(match[3].strip()) if directives else None
        if nested and bare and match[2].startswith(nested[-1]):
            nested.pop()
            prose.append("")
        elif role is not None and role[1] not in CODE | UNSEEN:
            nested.append(match[2])
            prose += ["", "" if role[1] in DRIVEN else role[2], ""]
        else:
            kind = role[1] if role is not None else ""
            if rust and match[3].startswith("rust"):
                kind = "rust"
            elif match[3].startswith("mdx-code-block"):
                kind = "raw"  # run by Docusaurus, not shown
            fence = _Open(match[2], len(match[1].expandtabs(4)), match[1].count(">"), kind, [])
            prose += [re.sub(r"[-*+]|\d+[.)]", " ", match[1]), ""]
    if fence is not None:
        _close(fence, code, unseen)
    return Parts("\n".join(prose), (*code, *highlighted), tuple(unseen))


def _near(match: re.Match[str], fence: _Open) -> bool:
    return len(match[1].expandtabs(4)) <= fence.indent + 3


def _close(fence: _Open, code: list[str], unseen: list[str]) -> None:
    lines = fence.lines
    if fence.kind in UNSEEN:
        unseen.append("\n".join(lines))
        return
    if fence.kind == "rust":
        lines = [line for line in lines if not re.match(r"[ \t>]*#(?:[ \t]|$)", line)]
    elif fence.kind:
        if lines and lines[0].strip() == "---" and "---" in (line.strip() for line in lines[1:]):
            lines = lines[1:]
            lines = lines[[line.strip() for line in lines].index("---") + 1 :]
        while lines and (re.match(r"[ \t>]*:(?:[\w-]+:)?(?:[ \t]|$)", lines[0]) or not lines[0].strip()):
            lines = lines[1:]
    code.append("\n".join(lines))
