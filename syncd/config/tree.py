"""YAML text → a tree of plain values, each with its place in the file.

Strict on purpose. What makes YAML dangerous (anchors, merge keys, tags) or surprising (duplicate keys,
012, 1:30, 2026-01-31) is refused with the way to write it instead; what is left are JSON's types.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

import yaml

MAX_DEPTH = 32

_BOOLEANS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_WORDS = re.compile(r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF")
_NULL = re.compile(r"~|null|Null|NULL|")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]{1,3})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?")
# Everything else that YAML 1.1 or 1.2 reads as a number: octal, hexadecimal, base 60, underscores, .inf.
_ODD_NUMBER = re.compile(
    r"[-+]?(0[0-9_]+|[0-9][0-9_]*|0o[0-7]+|0b[01_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"
    r"|[0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?|\.[0-9][0-9_]*([eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+"
    r"|\.(inf|Inf|INF))"
    r"|\.(nan|NaN|NAN)"
)


class Place(NamedTuple):
    """Line and column in the file, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """One text, number, boolean or null.

    Attributes:
        text: as it stands in the file, before variables are filled in.
        variables: names of the environment variables whose values went into it.
        unset: an environment variable that it needs and that has no value; `value` is then "".
    """

    value: str | int | float | bool | None
    text: str
    place: Place
    variables: tuple[str, ...] = ()
    unset: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A mapping; `keys` has the place of each key."""

    entries: dict[str, Node]
    keys: dict[str, Place]
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """A sequence."""

    items: tuple[Node, ...]
    place: Place


Node = Scalar | Table | Array
Steps = tuple[str | int, ...]
"""The way from the top of a tree to a node: keys, and indexes counted from 0."""


class Unreadable(Exception):
    """The text is not the YAML that syncd reads.

    Attributes:
        place: where; None if it is about the text as a whole.
    """

    def __init__(self, place: Place | None, message: str) -> None:
        super().__init__(message)
        self.place = place


def parse(text: str) -> Node | None:
    """Return the tree of a YAML text; None for a text without a value.

    Raises:
        Unreadable: a syntax error, or YAML that is refused.
    """
    try:
        return _build(yaml.CSafeLoader(text))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = _place(mark) if mark is not None else None
        what = " ".join(part for part in (error.context, error.problem) if part)
        raise Unreadable(place, f"not valid YAML: {what}{_advice(text, place)}") from error
    except yaml.reader.ReaderError as error:
        raise Unreadable(
            _place_of(text, error.position),
            "a control character; remove it, or write it as an escape in quotes",
        ) from error
    except yaml.YAMLError as error:
        raise Unreadable(None, "not valid YAML") from error


def plain(node: Node) -> object:
    """Return the tree as dicts, lists and scalars."""
    if isinstance(node, Table):
        return {key: plain(child) for key, child in node.entries.items()}
    if isinstance(node, Array):
        return [plain(child) for child in node.items]
    return node.value


def follow(node: Node, path: Steps) -> tuple[Node, int]:
    """Return the deepest node along a path, and how many steps of the path lead to it."""
    for steps, step in enumerate(path):
        child: Node | None = None
        if isinstance(node, Table) and isinstance(step, str):
            child = node.entries.get(step)
        elif isinstance(node, Array) and isinstance(step, int) and step < len(node.items):
            child = node.items[step]
        if child is None:
            return node, steps
        node = child
    return node, len(path)


class _Open:
    """A mapping or sequence whose end has not come yet."""

    def __init__(self, place: Place, *, mapping: bool) -> None:
        self.place = place
        self.mapping = mapping
        self.key: str | None = None
        self.keys: dict[str, Place] = {}
        self.children: list[Node] = []

    def close(self) -> Node:
        if self.mapping:
            return Table(
                entries=dict(zip(self.keys, self.children, strict=True)), keys=self.keys, place=self.place
            )
        return Array(items=tuple(self.children), place=self.place)


def _build(loader: yaml.CSafeLoader) -> Node | None:
    # Built from events and with a stack of its own: PyYAML's composer calls itself for each level, and
    # 20,000 brackets end it with a RecursionError.
    stack: list[_Open] = []
    root: Node | None = None
    while loader.check_event():
        event = loader.get_event()
        if isinstance(event, yaml.DocumentStartEvent) and root is not None:
            raise Unreadable(
                _place(event.start_mark), "a second document begins here; keep everything in one"
            )
        if not isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
            continue
        place = _place(event.start_mark)
        if isinstance(event, yaml.CollectionEndEvent):
            node = stack.pop().close()
        else:
            start = _allowed(event, place)
            top = stack[-1] if stack else None
            if top is not None and top.mapping and top.key is None:
                _take_key(top, start, place)
                continue
            if isinstance(start, yaml.CollectionStartEvent):
                if len(stack) == MAX_DEPTH:
                    raise Unreadable(place, f"nested more than {MAX_DEPTH} levels deep")
                stack.append(_Open(place, mapping=isinstance(start, yaml.MappingStartEvent)))
                continue
            node = _scalar(start, place)
        if stack:
            stack[-1].children.append(node)
            stack[-1].key = None
        else:
            root = node
    return None if isinstance(root, Scalar) and root.value is None else root


def _allowed(event: yaml.Event, place: Place) -> yaml.ScalarEvent | yaml.CollectionStartEvent:
    if isinstance(event, yaml.AliasEvent):
        raise Unreadable(place, f"aliases (*{event.anchor}) are not supported; write the value out")
    assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
    if event.anchor is not None:
        raise Unreadable(
            place, f"anchors (&{event.anchor}) are not supported; write the value out where it is needed"
        )
    if event.tag is not None:
        raise Unreadable(place, f"tags are not supported, and this is tagged {event.tag!r}; remove the tag")
    return event


def _take_key(table: _Open, event: yaml.Event, place: Place) -> None:
    if not isinstance(event, yaml.ScalarEvent):
        raise Unreadable(place, "a key must be a plain word, not a list or a mapping")
    key = event.value
    if key == "<<" and event.implicit[0]:
        raise Unreadable(
            place, "merge keys (<<) are not supported; write the settings out, or use 'defaults'"
        )
    if key in table.keys:
        lines = f"lines {table.keys[key].line} and {place.line}"
        raise Unreadable(place, f"duplicate key {key!r} at {lines}; keep one of them")
    table.key = key
    table.keys[key] = place


def _scalar(event: yaml.ScalarEvent, place: Place) -> Scalar:
    text = event.value
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise Unreadable(place, "an escape that is half of a character; write the character itself")
    if not event.implicit[0]:
        return Scalar(value=text, text=text, place=place)
    return Scalar(value=_meaning(text, place), text=text, place=place)


def _meaning(text: str, place: Place) -> str | int | float | bool | None:
    if _NULL.fullmatch(text):
        return None
    if _WORDS.fullmatch(text):
        return _BOOLEANS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text) and isfinite(number := float(text)):
        return number
    if _DATE.fullmatch(text):
        raise Unreadable(place, f'YAML reads {text} as a date; put it in quotes: "{text}"')
    if _ODD_NUMBER.fullmatch(text):
        short = text if len(text) <= 40 else f"{text[:40]}…"
        raise Unreadable(
            place,
            f'YAML reads {short} as a number of another kind; write a plain number, or quote it: "{short}"',
        )
    return text


def _place(mark: yaml.Mark | yaml._yaml.Mark | None) -> Place:
    assert mark is not None
    return Place(mark.line + 1, mark.column + 1)


def _place_of(text: str, position: int) -> Place:
    before = text[:position]
    return Place(before.count("\n") + 1, position - before.rfind("\n"))


def _advice(text: str, place: Place | None) -> str:
    if place is None:
        return ""
    lines = text.splitlines()
    around = lines[max(place.line - 2, 0) : place.line]
    if any("\t" in line[: len(line) - len(line.lstrip())] for line in around):
        return "; indent with blanks, not with tabs"
    if any("${" in line and "{" in line.replace("${", "") for line in around):
        return '; inside { } put a variable in quotes: "${NAME}"'
    return ""
