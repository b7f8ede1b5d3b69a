"""Docusaurus, and MDX as others use it: `:::` callouts, imports, components, expressions."""

from __future__ import annotations

import re

from syncd.render.dialects import containers, jsx
from syncd.render.dialects.blocks import outside_code
from syncd.render.dialects.page import Page

_MDX_FENCE = re.compile(r"^([ \t]*)(`{3,})mdx-code-block[ \t]*\n(.*?)\n\1\2[ \t]*$", re.DOTALL | re.MULTILINE)
_MODULE = re.compile(
    r"^(?:import\b(?=[ \t]*[\w{*\"'])|export\b(?=[ \t]+(?:const|let|var|function|default|class|async|\{|\*)))"
)

_IMPORT = re.compile(r"import\b[^\"']*[\"'][^\"'\s]+[\"'];?[ \t]*$")


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
    module = False
    blank = True
    for line in text.split("\n"):
        if _IMPORT.match(line):
            module = False
            continue
        if module or (blank and _MODULE.match(line)):
            module = bool(line.strip())
        if not module:
            out.append(line)
        blank = not line.strip() or module
    return "\n".join(out)
