"""What a generator's own configuration says: where it lies, and the few settings that shape pages.

It is read and never run: of a program such as conf.py only plain values count.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import yaml

_NAMES: Mapping[str, tuple[str, ...]] = {
    "docfx": ("docfx.json",),
    "docusaurus": ("docusaurus.config.js", "docusaurus.config.ts"),
    "hugo": ("hugo.toml", "hugo.yaml", "config.toml", "config.yaml"),
    "jekyll": ("_config.yml",),
    "mkdocs": ("mkdocs.yml", "mkdocs.yaml"),
    "myst": ("conf.py",),
}
_READ = frozenset({"jekyll", "mkdocs", "myst"})
_ABOVE = ("", "../", "../../", "../../../")
_SIZE_LIMIT = 200_000
_NESTING_LIMIT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The generator's configuration.

    Attributes:
        path: of its file, relative to the source's root, such as "../mkdocs.yml"; "" if there is none.
        version: of that file.
        snippet_folders: MkDocs: folders that snippets are looked for in, relative to the file's.
        appended: MkDocs: snippets at the end of every page.
        permalinks: Jekyll: collection → template of its pages' addresses; "" for pages of none.
        substitutions: MyST: name → text.
    """

    path: str = ""
    version: str = ""
    snippet_folders: tuple[str, ...] = (".",)
    appended: tuple[str, ...] = ()
    permalinks: tuple[tuple[str, str], ...] = ()
    substitutions: tuple[tuple[str, str], ...] = ()

    def at_home(self, *parts: str) -> list[str]:
        """Return where a path leads from the folder of the configuration.

        Where that is not known, it is the root of the source or the folder above.
        """
        homes = [posixpath.dirname(self.path)] if self.path else ["", ".."]
        return [
            posixpath.normpath(posixpath.join(home, *(part.lstrip("/") for part in parts))) for home in homes
        ]


def places(dialect: str) -> Iterator[str]:
    """Where the configuration of a generator may lie, relative to a source's root; the likeliest first."""
    for above in _ABOVE:
        for name in _NAMES.get(dialect, ()):
            yield above + name


def is_read(dialect: str) -> bool:
    """Whether pages of the dialect depend on what the configuration says, and not only on where it lies."""
    return dialect in _READ


def read(dialect: str, site: Site, text: str) -> Site:
    """Return the site with the settings that its configuration names; those that cannot be read, without."""
    if len(text) > _SIZE_LIMIT:
        return site
    try:
        if dialect == "myst":
            return replace(site, substitutions=tuple(sorted(_substitutions(text).items())))
        settings = _values(text)
        if dialect == "jekyll":
            return replace(site, permalinks=tuple(_permalinks(settings)))
        if dialect == "mkdocs":
            return _with_snippets(site, settings)
    except (yaml.YAMLError, SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    return site


def _values(text: str) -> object:
    """Read YAML with tags of whatever kind, as MkDocs has; aliases, which can be a bomb, are refused."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or depth > _NESTING_LIMIT:
            raise ValueError("no configuration that can be read safely")
    node = yaml.compose(text, Loader=yaml.CSafeLoader)
    return _value(node)


def _value(node: yaml.Node | None) -> object:
    if isinstance(node, yaml.MappingNode):
        return {key.value: _value(value) for key, value in node.value if isinstance(key, yaml.ScalarNode)}
    if isinstance(node, yaml.SequenceNode):
        return [_value(entry) for entry in node.value]
    return node.value if isinstance(node, yaml.ScalarNode) else ""


def _substitutions(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets, value = [statement.target], statement.value
        else:
            continue
        named = any(isinstance(target, ast.Name) and target.id == "myst_substitutions" for target in targets)
        if not named or not isinstance(value, ast.Dict):
            continue
        for key, entry in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(entry, ast.Constant):
                found[str(key.value)] = str(entry.value)
    return found


def _permalinks(settings: object) -> Iterator[tuple[str, str]]:
    if not isinstance(settings, dict):
        return
    if isinstance(settings.get("permalink"), str):
        yield "", settings["permalink"]
        yield "posts", settings["permalink"]
    collections = settings.get("collections")
    for name, options in collections.items() if isinstance(collections, dict) else ():
        if isinstance(options, dict) and isinstance(options.get("permalink"), str):
            yield name, options["permalink"]


def _with_snippets(site: Site, settings: object) -> Site:
    extensions = settings.get("markdown_extensions") if isinstance(settings, dict) else None
    named = extensions if isinstance(extensions, list) else [extensions]
    for entry in named:
        options = entry.get("pymdownx.snippets") if isinstance(entry, dict) else None
        if isinstance(options, dict):
            return replace(
                site,
                snippet_folders=tuple(_texts(options.get("base_path", "."))) or (".",),
                appended=tuple(_texts(options.get("auto_append", []))),
            )
    return site


def _texts(value: object) -> Iterator[str]:
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, str):
            yield each
