"""Docusaurus, and MDX as others use it: `:::` callouts, imports, components, expressions."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from syncd.render.dialects import containers, excerpt, jsx
from syncd.render.dialects.blocks import attributes, outside_code
from syncd.render.dialects.page import Page

_MDX_FENCE = re.compile(r"^([ \t]*)(`{3,})mdx-code-block[ \t]*\n(.*?)\n\1\2[ \t]*$", re.DOTALL | re.MULTILINE)
_MODULE = re.compile(
    r"import\b[^\"']*\bfrom\s*[\"']"
    r"|export\s+(?:(?:const|let|var)\s[^=]*=|(?:async\s+)?function\b[^(]*\(|class\s[^{]*\{|default\s+[\w({]+\s*[;({=]|[{*])"
)
_PARTIAL = re.compile(
    r"^import[ \t]+(?P<name>[A-Z_a-z]\w*)[ \t]+from[ \t]+[\"']"
    r"(?P<path>(?:\.{0,2}/|@site/)[^\"'\n]+\.mdx?|!!raw-loader!(?:\.{1,2}/|@site/)[^\"'\n]+)[\"']",
    re.MULTILINE,
)
_IMPORT = re.compile(r"(?:import\b[^\"']*[\"'][^\"'\s]+[\"'];?[ \t]*)+$")


def put_in(text: str, page: Page) -> str:
    """Partials, which are documents that are imported and used as elements, and files shown as code."""
    imported: dict[str, str] = {}

    def note(prose: str) -> str:
        imported.update((match["name"], match["path"]) for match in _PARTIAL.finditer(prose))
        return prose

    outside_code(text, note)
    if not imported:
        return text
    names = "|".join(sorted(map(re.escape, imported)))
    use = re.compile(
        rf"<(?P<name>{names})(?:\s[^<>]*)?(?:/>|>\s*</(?P=name)\s*>)"
        rf"|<CodeBlock\b(?P<options>[^<>]*)>\s*\{{(?P<code>{names})\}}\s*</CodeBlock>"
    )
    return outside_code(text, lambda prose: use.sub(lambda match: _used(match, imported, page), prose))


def _used(match: re.Match[str], imported: Mapping[str, str], page: Page) -> str:
    path = imported[match["name"] or match["code"]]
    is_code = path.startswith("!!")
    if is_code != bool(match["code"]):
        return match[0]
    path = path.rpartition("!")[2]
    site, places = path.removeprefix("@site/"), [page.near(path)]
    taken = page.take("partial", path, page.site.at_home(site) if site != path else places)
    if taken is None:
        return ""
    text, file = taken
    if is_code:
        language = attributes(match["options"]).get("language") or path.rpartition(".")[2]
        return excerpt.put(match, excerpt.fenced(language, text))
    folder = posixpath.dirname
    # Its imports are its own, and read where it is put in.
    text = outside_code(put_in(file.body(text), file), _without_modules)
    return excerpt.put(match, excerpt.moved(text, folder(file.path), folder(page.path)))


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
