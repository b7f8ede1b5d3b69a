"""Docusaurus, and MDX as others use it: `:::` callouts, imports, components, expressions."""

from __future__ import annotations

import re

from syncd.render.dialects import containers, jsx
from syncd.render.dialects.blocks import outside_code
from syncd.render.dialects.page import Page

_MDX_FENCE = re.compile(r"^([ \t]*)(`{3,})mdx-code-block[ \t]*\n(.*?)\n\1\2[ \t]*$", re.DOTALL | re.MULTILINE)
_MODULE = re.compile(
    r"import\b[^\"']*\bfrom\s*[\"']"
    r"|export\s+(?:(?:const|let|var)\s[^=]*=|(?:async\s+)?function\b[^(]*\(|class\s[^{]*\{|default\s+[\w({]+\s*[;({=]|[{*])"
)
_IMPORT = re.compile(r"(?:import\b[^\"']*[\"'][^\"'\s]+[\"'];?[ \t]*)+$")


def prepare(text: str, page: Page) -> str:
    """Module code and comments go, containers become callouts, components leave what they show."""
    text = _MDX_FENCE.sub(r"\3", text)
    text = outside_code(text, jsx.without_comments)
    text = outside_code(text, _without_modules)
    text = containers.expand(text, containers.callout)
    return outside_code(text, lambda prose: jsx.strings(jsx.replace(prose)))


def _without_modules(text: str) -> str:
    """Take out `import` and `export` statements: they reach from the left edge to the next blank line."""
    out: list[str] = []
    lines = text.split("\n")
    index = 0
    while index < len(lines):
        line = lines[index]
        index += 1
        if _IMPORT.match(line):
            continue
        if line.startswith(("import", "export")) and (index < 2 or not lines[index - 2].strip() or not out):
            end = index
            while end < len(lines) and lines[end].strip():
                end += 1
            if _MODULE.match("\n".join(lines[index - 1 : end])):
                index = end
                continue
        out.append(line)
    return "\n".join(out)
