"""What is wrong with a configuration, in words for the one who wrote it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from syncd.config.model import Config, SettingsModel, SourceConfig
from syncd.config.tree import Array, Node, Place, Scalar, Steps, Table, follow, plain
from syncd.errors import ConfigError

_SHOWN = 3
_USERINFO = re.compile(r"://[^\s/@'\"]+@")
_WANTED = {
    "string_type": "text",
    "path_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
}
_CHOICE = ("literal_error", "enum")
_LIMITS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        place: where in the file; None if it is about the file as a whole.
        setting: its dotted name; "" for none.
        message: what is wrong and the way out, on one line, without a secret.
    """

    place: Place | None
    setting: str
    message: str


def config_error(path: Path, problems: Iterable[Problem]) -> ConfigError:
    """Return one error for all problems: the first three in the order of the file, a line each."""
    # Defaults are checked once more in each source that takes them over: the same place, the same words.
    distinct = {(problem.place, problem.message): problem for problem in reversed(list(problems))}
    ordered = sorted(distinct.values(), key=lambda problem: problem.place or Place(0, 0))
    lines = [_line(path, problem) for problem in ordered[:_SHOWN]]
    if len(ordered) > _SHOWN:
        lines[-1] += f" (and {len(ordered) - _SHOWN} more)"
    return ConfigError("\n".join(lines))


class Explainer:
    """Turns pydantic's errors about a tree into problems.

    Args:
        root: the tree that was validated, defaults taken over and connector settings under `settings`.
    """

    def __init__(self, root: Table, settings_model: SettingsModel) -> None:
        self._root = root
        self._settings_model = settings_model

    def problem(self, error: Mapping[str, Any]) -> Problem:
        """Return what one of `ValidationError.errors()` says."""
        path: Steps = error["loc"]
        node, known = follow(self._root, path)
        place, setting = node.place, dotted(path[:known])
        if error["type"] == "missing":
            return Problem(place=place, setting=setting, message=self._missing(path))
        if error["type"] == "extra_forbidden":
            parent, _ = follow(self._root, path[:-1])
            if isinstance(parent, Table):
                place = parent.keys.get(str(path[-1]), place)
            return Problem(place=place, setting=dotted(path), message=self._unknown(path))
        secret = self._kind_at(path[:known]) is SecretStr
        return Problem(place=place, setting=setting, message=_wrong(error, node, secret=secret))

    def _missing(self, path: Steps) -> str:
        field = self._fields_at(path[:-1]).get(str(path[-1]))
        what = f": {field.description}" if field is not None and field.description else ""
        return f"'{path[-1]}' is missing{what}"

    def _unknown(self, path: Steps) -> str:
        known = list(self._fields_at(path[:-1]))
        if len(path) == 4 and path[0] == "sources" and path[2] == "settings":
            known += [name for name in SourceConfig.model_fields if name != "settings"]
        if (meant := similar(str(path[-1]), known)) is not None:
            return f"unknown setting; did you mean {meant!r}?"
        return f"unknown setting; there are: {', '.join(known)}" if known else "unknown setting; remove it"

    def _fields_at(self, path: Steps) -> Mapping[str, FieldInfo]:
        model = self._kind_at(path)
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return {}
        return {field.alias or name: field for name, field in model.model_fields.items()}

    def _kind_at(self, path: Steps) -> Any:
        """The annotated type at a path: a model, SecretStr, …; None if the path leads nowhere."""
        kind: Any = Config
        for index, step in enumerate(path):
            if kind is SourceConfig and step == "settings":
                connector = follow(self._root, (*path[:index], "connector"))[0]
                kind = self._settings_model(str(plain(connector)))
            elif isinstance(kind, type) and issubclass(kind, BaseModel):
                field = next((f for name, f in kind.model_fields.items() if step == (f.alias or name)), None)
                kind = _bare(field.annotation) if field is not None else None
            else:
                arguments = get_args(kind)
                kind = _bare(arguments[-1 if get_origin(kind) is dict else 0]) if arguments else None
        return kind


def dotted(path: Steps) -> str:
    """Return a path as people write it: sources[0].name. The step into `settings` is not in the file."""
    parts = ""
    for index, step in enumerate(path):
        if isinstance(step, int):
            parts += f"[{step}]"
        elif not (step == "settings" and index == 2 and path[0] == "sources"):
            parts += f".{step}" if parts else step
    return parts


def unfilled(message: str, node: Node) -> str:
    """Return a message with what the file says in place of what a variable holds."""
    if isinstance(node, Scalar) and node.variables and isinstance(node.value, str) and node.value:
        return message.replace(repr(node.value), repr(node.text)).replace(node.value, node.text)
    return message


def similar(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant."""
    by_lower = {name.lower(): name for name in known}
    return next((by_lower[name] for name in difflib.get_close_matches(word.lower(), by_lower, n=1)), None)


def _line(path: Path, problem: Problem) -> str:
    where = str(path) if problem.place is None else f"{path}:{problem.place.line}:{problem.place.column}"
    text = (
        f"{where}: {problem.setting}: {problem.message}" if problem.setting else f"{where}: {problem.message}"
    )
    text = _USERINFO.sub("://***@", text)
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def _wrong(error: Mapping[str, Any], node: Node, *, secret: bool) -> str:
    kind: str = error["type"]
    context: Mapping[str, Any] = error.get("ctx", {})
    if kind == "value_error":
        return "is not what it must be" if secret else unfilled(str(context["error"]), node)
    if secret:
        return "must be a reference to an environment variable, such as ${NAME}"
    if isinstance(node, Scalar) and node.value is None and (kind in _WANTED or kind in _CHOICE):
        return "is empty; give a value or remove the line"
    if kind == "string_type" and isinstance(node, Scalar):
        value = str(node.value).lower() if isinstance(node.value, bool) else f"the number {node.value}"
        return f'{node.text} was read as {value}; put it in quotes: "{node.text}"'
    if kind in _CHOICE:
        known = [str(choice) for choice in _choices(context["expected"])]
        meant = similar(node.text, known) if isinstance(node, Scalar) else None
        hint = f"; did you mean {meant!r}?" if meant else ""
        return f"must be {context['expected']}, not {_shown(node)}{hint}"
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}, not {_shown(node)}"
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        return f"must be {words} {_number(context[key])}, not {_shown(node)}"
    if kind == "too_short":
        return "is empty; it needs at least one entry"
    message = str(error["msg"])
    return message[0].lower() + message[1:]


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def _choices(expected: str) -> list[str]:
    return expected.replace(" or ", ", ").replace("'", "").split(", ")


def _shown(node: Node) -> str:
    if isinstance(node, Table):
        return "a mapping"
    if isinstance(node, Array):
        return "a list"
    text = node.text if len(node.text) <= 40 else f"{node.text[:40]}…"
    return f"the text {text!r}" if isinstance(node.value, str) else text


def _bare(annotation: Any) -> Any:
    """The type without Annotated and None; of several, the model among them."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        kinds = [_bare(kind) for kind in get_args(annotation) if kind is not type(None)]
        models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        return (models or kinds)[0]
    return annotation
