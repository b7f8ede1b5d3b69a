"""`${VAR}`, `${VAR:-default}` and `$$` in the scalars of a tree.

They are filled in after parsing, so that a value can never become YAML.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from syncd.config.tree import Array, Node, Scalar, Table, Unreadable

NAME = "[A-Za-z_][A-Za-z0-9_]*"

_REFERENCE = re.compile(rf"\$\$|\$\{{(?P<name>{NAME})(?::-(?P<default>[^}}]*))?\}}|(?P<broken>\$\{{)")
_WHOLE = re.compile(rf"\$\{{{NAME}\}}")


def is_reference(text: str) -> bool:
    """Whether a text is one variable and nothing else, so that it holds no secret itself."""
    return _WHOLE.fullmatch(text) is not None


def fill(node: Node, environ: Mapping[str, str]) -> Node:
    """Return the tree with its variables filled in.

    A variable that is unset or empty and has no default leaves its name in `Scalar.unset`.

    Raises:
        Unreadable: a reference that is not well formed, or a variable whose value is not text.
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
        value = environ.get(name) or match["default"]
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
