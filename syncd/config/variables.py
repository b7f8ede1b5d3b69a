"""`${VAR}`, `${VAR:-default}` and `$$` in the scalars of a tree.

They are filled in after parsing, so that a value can never become YAML. What VAR_FILE names is read where
VAR is not set: containers get their secrets as files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from syncd.config.tree import Array, Node, Scalar, Table, Unreadable

NAME = "[A-Za-z_][A-Za-z0-9_]*"

MAX_FILE_BYTES = 16_384

_REFERENCE = re.compile(rf"\$\$|\$\{{(?P<name>{NAME})(?::-(?P<default>[^}}]*))?\}}|(?P<broken>\$\{{)")
_WHOLE = re.compile(rf"\$\{{{NAME}\}}")


def is_reference(text: str) -> bool:
    """Whether a text is one variable and nothing else, so that it holds no secret itself."""
    return _WHOLE.fullmatch(text) is not None


def fill(node: Node, environ: Mapping[str, str]) -> Node:
    """Return the tree with its variables filled in.

    A variable that is unset or empty and has no default leaves its name in `Scalar.unset`.

    Raises:
        Unreadable: a reference that is not well formed, a variable whose value is not text, or a file
            that cannot be read.
    """
    if isinstance(node, Table):
        return replace(node, entries={key: fill(child, environ) for key, child in node.entries.items()})
    if isinstance(node, Array):
        return replace(node, items=tuple(fill(child, environ) for child in node.items))
    return _fill_scalar(node, environ)


def _fill_scalar(node: Scalar, environ: Mapping[str, str]) -> Scalar:
    if not isinstance(node.value, str) or "$" not in node.value:
        return node
    names: list[str] = []
    unset: list[str] = []

    def value_of(match: re.Match[str]) -> str:
        if match["broken"]:
            raise Unreadable(
                node.place, "'${' begins a variable: write ${NAME}, ${NAME:-default}, or $$ for a dollar sign"
            )
        name = match["name"]
        if name is None:
            return "$"
        names.append(name)
        value = environ.get(name) or _in_file(environ, name, node) or match["default"]
        if value is None:
            unset.append(name)
            return ""
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise Unreadable(node.place, f"the value of the variable {name} is not UTF-8")
        return value

    text = _REFERENCE.sub(value_of, node.value)
    if unset:
        return replace(node, value="", variables=tuple(names), unset=unset[0])
    return replace(node, value=text, variables=tuple(names))


def _in_file(environ: Mapping[str, str], name: str, node: Scalar) -> str | None:
    """Return what the file holds that NAME_FILE names, without the line's end; None if it names none."""
    if not (path := environ.get(f"{name}_FILE")):
        return None
    try:
        with open(Path(path), "rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
        if len(raw) > MAX_FILE_BYTES:
            raise Unreadable(
                node.place, f"{name}_FILE: {path} is too long for a value; is it the right file?"
            )
        return raw.decode("utf-8").rstrip("\r\n")
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise Unreadable(
            node.place, f"{name}_FILE: {path} cannot be read ({why}); let this user read it, or set {name}"
        ) from error
    except ValueError as error:
        raise Unreadable(node.place, f"{name}_FILE: {path} is not UTF-8") from error
