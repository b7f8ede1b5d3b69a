"""The configuration as it is in force: each value, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from syncd.config.load import Loaded
from syncd.config.model import SourceConfig, UncheckedSettings
from syncd.config.problem import dotted
from syncd.config.tree import Scalar, Steps, Table, follow

HIDDEN = "***"

_FIRST = ("name", "connector", "settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One value in force.

    Attributes:
        path: as it would stand in the file: ("sources", 0, "root").
        value: as JSON knows it, durations and sizes with units, secrets hidden.
        line: in the file; None for a default.
        variables: environment variables that went into it.
    """

    path: Steps
    value: object
    line: int | None = None
    variables: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The dotted name."""
        return dotted(self.path)

    @property
    def origin(self) -> str:
        """Where the value comes from, in words."""
        if self.line is None:
            return "default"
        return ", ".join([f"line {self.line}", *(f"${{{name}}}" for name in self.variables)])


def effective(loaded: Loaded) -> Iterator[Setting]:
    """Yield every setting, in the order of the documentation; lists of plain values are one setting."""
    config = loaded.config
    dump = config.model_dump(mode="json")
    for section in (name for name in type(config).model_fields if name != "sources"):
        yield from _leaves(dump[section], (section,), (section,), loaded.tree)
    for index, source in enumerate(config.sources):
        path: Steps = ("sources", index)
        values: dict[str, Any] = dump["sources"][index]
        for name in (*_FIRST, *(name for name in values if name not in _FIRST)):
            if name != "settings":
                yield from _leaves(values[name], (*path, name), (*path, name), loaded.tree)
                continue
            for own, value in values[name].items():
                for setting in _leaves(value, (*path, own), (*path, "settings", own), loaded.tree):
                    yield _guarded(setting, source)


def _guarded(setting: Setting, source: SourceConfig) -> Setting:
    # Nobody knows which settings of a connector that cannot be imported are secrets.
    if isinstance(source.settings, UncheckedSettings) and setting.variables:
        return Setting(path=setting.path, value=HIDDEN, line=setting.line, variables=setting.variables)
    return setting


def _leaves(value: object, path: Steps, place: Steps, tree: Table) -> Iterator[Setting]:
    if isinstance(value, Mapping) and value:
        for name, child in value.items():
            yield from _leaves(child, (*path, name), (*place, name), tree)
        return
    if isinstance(value, list) and any(isinstance(child, Mapping) for child in value):
        for index, child in enumerate(value):
            yield from _leaves(child, (*path, index), (*place, index), tree)
        return
    node, known = follow(tree, place)
    if known < len(place):
        yield Setting(path=path, value=value)
        return
    variables = node.variables if isinstance(node, Scalar) else ()
    if isinstance(node, Scalar) and node.unset is not None:
        value = None
    elif isinstance(value, str) and value and set(value) == {"*"}:
        value = HIDDEN  # pydantic's own mask of a SecretStr
    yield Setting(path=path, value=value, line=node.place.line, variables=variables)
