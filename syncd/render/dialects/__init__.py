"""What documentation generators add to Markdown, each in a module of its own.

A dialect's `prepare` rewrites a text into plain Markdown and HTML before it is parsed: callouts become
labelled quotes, tabs labelled sections; what only drives a generator goes, and what it would have shown
stays. All of them leave fenced code alone, except where the generator itself does not.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection
from importlib import import_module
from typing import Protocol

from syncd.errors import RenderError
from syncd.render.dialects.page import Page
from syncd.render.site import Site

NAMES = ("docfx", "docusaurus", "github_wiki", "hugo", "jekyll", "mdbook", "mkdocs", "myst", "obsidian")
"""Every dialect; "none" stands for GitHub's own Markdown."""

FILE_NAMES_ARE_TITLES = frozenset({"github_wiki", "obsidian"})
NO_INDENTED_CODE = frozenset({"docusaurus"})

# Files in the root of a source that only one generator has; most telling first.
_SIGNS = (
    (".obsidian", "obsidian"),
    ("docusaurus.config.*", "docusaurus"),
    ("sidebars.js", "docusaurus"),
    ("sidebars.json", "docusaurus"),
    ("mkdocs.y*ml", "mkdocs"),
    ("zensical.toml", "mkdocs"),
    ("book.toml", "mdbook"),
    ("SUMMARY.md", "mdbook"),
    ("docfx.json", "docfx"),
    ("hugo.*", "hugo"),
    ("_config.y*ml", "jekyll"),
    ("conf.py", "myst"),
    ("myst.yml", "myst"),
    ("_Sidebar.*", "github_wiki"),
    ("config.toml", "hugo"),
)
# What a text must hold for the pattern to be worth a search: most texts hold none of it, and the patterns
# look at every line.
_MARKS = (
    (("!!! ", "???", '=== "'), re.compile(r"^[ \t]*(?:!!! |\?\?\?\+? |=== \")", re.MULTILINE), "mkdocs"),
    (("`{", ":{", "~{"), re.compile(r"^(?:`{3,}|:{3,}|~{3,})\{[a-z]", re.MULTILINE), "myst"),
    (("{{",), re.compile(r"\{\{[<%] "), "hugo"),
    (("{{#",), re.compile(r"\{\{#(?:rustdoc_)?include "), "mdbook"),
    (("[!",), re.compile(r"\[!INCLUDE\s*\[", re.IGNORECASE), "docfx"),
    (("--8<--",), re.compile(r"^[ \t]*--8<--", re.MULTILINE), "mkdocs"),
    ((":::",), re.compile(r"^:::(?:image|row|column|zone|moniker)\b", re.MULTILINE), "docfx"),
    ((":::",), re.compile(r"^:::+ ?[a-z]", re.MULTILINE), "docusaurus"),
    (("import",), re.compile(r"\A\s*import\b[^\"'\n]*\bfrom [\"'][^\"'\n]+[\"'];?\n"), "docusaurus"),
    (("{% ", "{:"), re.compile(r"\{% |^\{: ?[.#]", re.MULTILINE), "jekyll"),
)


# What a text has to hold to include another file.
_INCLUDES = {
    "docfx": re.compile(r"\[!(?:include|code)|:::\s*code", re.IGNORECASE),
    "docusaurus": re.compile(r"^import\b.*\bfrom\b", re.MULTILINE),
    "hugo": re.compile(r"\{\{[<%]"),
    "jekyll": re.compile(r"\{%-?\s*include"),
    "mdbook": re.compile(r"\{\{[ \t]*#"),
    "mkdocs": re.compile(r"-8<-|\{%-?\s*include-|\{!|\{\*"),
    "myst": re.compile(r"\{(?:literal-?)?include\}"),
    "obsidian": re.compile(r"!\[\["),
}

# One of these stands in each text that includes another file, whatever its dialect: a character that is
# looked for first, since most texts lack it, and what it is a part of.
_INCLUDE_SIGNS = (
    ("{", ("{{", "{%", "{!", "{*", "include}")),
    ("!", ("[!", "![[")),
    (":", (":::",)),
    ("8", ("-8<-",)),
    ("i", ("import",)),
)


class _Dialect(Protocol):
    def prepare(self, text: str, page: Page) -> str: ...


class _Including(Protocol):
    def put_in(self, text: str, page: Page) -> str: ...


def detect(file_names: Collection[str]) -> str | None:
    """Return the dialect that the names of the files in a source's root tell; None if they tell none."""
    names = frozenset(file_names)
    for pattern, name in _SIGNS:
        if fnmatch.filter(names, pattern) if "*" in pattern else pattern in names:
            return name
    return None


def sniff(path: str, text: str) -> str:
    """Return the dialect that one document itself shows; "none" if it shows none."""
    if path.lower().endswith(".mdx"):
        return "docusaurus"
    for signs, pattern, name in _MARKS:
        if any(sign in text for sign in signs) and pattern.search(text):
            return name
    return "none"


def includes(name: str, text: str, site: Site) -> bool:
    """Whether a text in this dialect may include other files."""
    mark = _INCLUDES.get(name)
    return bool(site.appended) or (mark is not None and mark.search(text) is not None)


def may_include(text: str, site: Site) -> bool:
    """Whether a text in any dialect may include other files; a quick look, and only "no" is sure."""
    return bool(site.appended) or any(
        character in text and any(sign in text for sign in signs) for character, signs in _INCLUDE_SIGNS
    )


def put_in(name: str, text: str, page: Page) -> str:
    """Put the files into a text that it includes; of what cannot be put in a warning is left."""
    if not includes(name, text, page.site):
        return text
    module: _Including = import_module(f"syncd.render.dialects.{name}")
    return module.put_in(text, page)


def prepare(name: str, text: str, page: Page) -> str:
    """Rewrite a text in this dialect into plain Markdown; see `put_in`, which comes before."""
    if name == "none":
        return text
    if name not in NAMES:
        raise RenderError(f"there is no dialect {name!r}; there are {', '.join(NAMES)}, none and auto")
    module: _Dialect = import_module(f"syncd.render.dialects.{name}")
    return module.prepare(text, page)
