"""The block of settings that a document may begin with: YAML between `---`, or TOML between `+++`.

It is written by people and read by many programs, so it is often not quite valid: whatever it holds, the
text after it is never lost.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

SIZE_LIMIT = 16 * 1024
DEPTH_LIMIT = 16

Value = str | list["Value"] | dict[str, "Value"]

_YAML = re.compile(r"---[ \t]*\n(?:(.*?)\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TOML = re.compile(r"\+\+\+[ \t]*\n(?:(.*?)\n)?\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL)
_YAML_LINE = re.compile(r"([A-Za-z_][\w .-]*?)[ \t]*:(?:[ \t]+(.*))?$")
_TOML_LINE = re.compile(r"([A-Za-z_][\w.-]*)[ \t]*=[ \t]*(.*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontMatter:
    """What stood before the text.

    Attributes:
        values: all scalars as the text they were written as, so that a version stays "1.10".
        warnings: one sentence each.
        lines: how many lines it took, its fences included.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    lines: int = 0

    def text(self, *keys: str) -> str | None:
        """Return the first of these that is there and is plain text."""
        for key in keys:
            value = self.values.get(key)
            if isinstance(value, str) and value.strip():
                return value.strip()
        return None

    def flag(self, key: str) -> bool | None:
        """Return a yes or no; None if it is absent or neither."""
        value = self.values.get(key)
        if not isinstance(value, str):
            return None
        return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}.get(
            value.lower()
        )


def split(text: str) -> tuple[FrontMatter, str]:
    """Return the front matter of a normalised text, and the text after it."""
    for pattern, read, line in ((_YAML, _read_yaml, _YAML_LINE), (_TOML, _read_toml, _TOML_LINE)):
        match = pattern.match(text)
        if match is None:
            continue
        block = match[1] or ""
        lines = match[0].count("\n")
        rest = text[match.end() :]
        if len(block) > SIZE_LIMIT:
            return FrontMatter(
                warnings=(f"front matter over {SIZE_LIMIT // 1024} KB was ignored",), lines=lines
            ), rest
        try:
            values, warnings = read(block)
        except _UnreadableError as error:
            values = _by_line(block, line)
            warnings = [f"front matter is not valid ({error}); it was read line by line"]
            if not values:
                # Two rules with text between them look the same.
                return FrontMatter(), text
        return FrontMatter(values=values, warnings=tuple(warnings), lines=lines), rest
    return FrontMatter(), text


class _UnreadableError(Exception):
    """The block is not what it should be, or holds what no front matter needs."""


def _read_toml(block: str) -> tuple[dict[str, Value], list[str]]:
    try:
        return {key: _plain(value) for key, value in tomllib.loads(block).items()}, []
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _UnreadableError(str(error).split("\n")[0]) from None


def _plain(value: object) -> Value:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _read_yaml(block: str) -> tuple[dict[str, Value], list[str]]:
    builder = _Builder()
    try:
        for event in yaml.parse(block, Loader=yaml.CSafeLoader):
            builder.take(event)
    except yaml.YAMLError as error:
        raise _UnreadableError(_reason(error)) from None
    root = builder.root
    if root is None or root == "":
        return {}, []
    if not isinstance(root, dict):
        raise _UnreadableError("it is not a list of keys")
    return root, builder.warnings


def _reason(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or "syntax error"
    mark = getattr(error, "problem_mark", None)
    # Line 1 of the file is the fence.
    return f"{problem} in line {mark.line + 2}" if mark is not None else str(problem)


class _Builder:
    """Builds plain values from the events of a YAML parser.

    The usual loaders expand aliases and merge keys, and a kilobyte of these can take minutes; and they
    turn "1.10" into a number and "no" into a truth value.
    """

    def __init__(self) -> None:
        self.root: Value | None = None
        self.warnings: list[str] = []
        self._open: list[dict[str, Value] | list[Value]] = []
        self._keys: list[str | None] = []

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.AliasEvent):
            raise _UnreadableError("aliases are not allowed")
        if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None) not in (None, "!"):
            raise _UnreadableError("tags are not allowed")
        if isinstance(event, yaml.ScalarEvent):
            self._put(event.value)
        elif isinstance(event, yaml.MappingStartEvent):
            self._begin({})
        elif isinstance(event, yaml.SequenceStartEvent):
            self._begin([])
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._open.pop()
            self._keys.pop()
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            raise _UnreadableError("it holds several documents")

    def _begin(self, value: dict[str, Value] | list[Value]) -> None:
        if len(self._open) == DEPTH_LIMIT:
            raise _UnreadableError("it is nested too deeply")
        if self._open and isinstance(self._open[-1], dict) and self._keys[-1] is None:
            raise _UnreadableError("a key is not plain text")
        self._put(value)
        self._open.append(value)
        self._keys.append(None)

    def _put(self, value: Value) -> None:
        if not self._open:
            self.root = value
            return
        parent, key = self._open[-1], self._keys[-1]
        if isinstance(parent, list):
            parent.append(value)
        elif key is None:
            if value == "<<":
                raise _UnreadableError("merge keys are not allowed")
            self._keys[-1] = str(value)
        else:
            if key in parent:
                self.warnings.append(f"front matter names {key!r} twice; the last one counts")
            parent[key] = value
            self._keys[-1] = None


def _by_line(block: str, line: re.Pattern[str]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for text in block.split("\n"):
        match = line.match(text)
        if match is not None:
            value = (match[2] or "").strip()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            values[match[1]] = value
    return values
