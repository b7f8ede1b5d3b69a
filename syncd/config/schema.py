"""One JSON Schema of the whole file, by which editors complete and check it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from syncd.config.model import Config, SourceConfig
from syncd.config.variables import NAME

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = {"$ref": "#/$defs/Variable"}
_ABOUT = ("title", "description", "default", "examples")


def json_schema(settings_models: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    """Return a JSON Schema (2020-12) in which the `connector` of a source decides about its other settings.

    Args:
        settings_models: connector name → model of its settings.
    """
    models: list[type[BaseModel]] = [Config, SourceConfig, *settings_models.values()]
    references, schema = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/$defs/{model}"
    )
    definitions: dict[str, Any] = schema["$defs"]
    config = _taken(definitions, references[Config, "validation"])
    common = _taken(definitions, references[SourceConfig, "validation"])
    # Two connectors may share a model, so these are taken away after the last of them.
    own = {name: references[model, "validation"] for name, model in settings_models.items()}
    parts = {name: definitions[_name(reference)] for name, reference in own.items()}
    for reference in own.values():
        definitions.pop(_name(reference), None)
    for name, part in parts.items():
        definitions[f"source_{name}"] = _source(name, common, part)
    config["properties"]["sources"]["items"] = {
        "oneOf": [{"$ref": f"#/$defs/source_{name}"} for name in parts]
    }
    return {
        "$schema": _DIALECT,
        **_open(config),
        "title": "syncd configuration",
        "$defs": {
            **{name: _open(definition) for name, definition in definitions.items()},
            "Variable": {
                "type": "string",
                "pattern": rf"\$\{{{NAME}(:-[^}}]*)?\}}",
                "description": "The value of an environment variable: ${NAME}, or ${NAME:-default}.",
            },
        },
    }


def _name(reference: Mapping[str, str]) -> str:
    return reference["$ref"].rpartition("/")[2]


def _taken(definitions: dict[str, Any], reference: Mapping[str, str]) -> dict[str, Any]:
    taken: dict[str, Any] = definitions.pop(_name(reference))
    return taken


def _source(name: str, common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    shared = {key: value for key, value in common["properties"].items() if key != "settings"}
    shared["connector"] = {**shared["connector"], "const": name}
    required = [key for key in common["required"] if key != "settings"]
    return {
        **own,
        "title": name,
        "properties": {**shared, **own.get("properties", {})},
        "required": [*required, *own.get("required", [])],
        "additionalProperties": False,
    }


def _open(node: Any) -> Any:
    """Allow a variable wherever a value is more than any text; and nothing but a variable for a secret."""
    if isinstance(node, list):
        return [_open(child) for child in node]
    if not isinstance(node, dict):
        return node
    if node.get("format") == "password":
        about = {key: node[key] for key in _ABOUT if key in node}
        return {**about, "type": "string", "pattern": rf"^\$\{{{NAME}\}}$"}
    if _is_narrow(node):
        about = {key: value for key, value in node.items() if key in _ABOUT}
        rest = {key: value for key, value in node.items() if key not in _ABOUT}
        return {**about, "anyOf": [rest, _VARIABLE]}
    opened = {
        key: child if key in _ABOUT else _open(child) for key, child in node.items() if key != "properties"
    }
    if "properties" in node:
        opened["properties"] = {name: _open(child) for name, child in node["properties"].items()}
        if node.get("type") == "object":
            opened.setdefault("additionalProperties", False)
    return opened


def _is_narrow(node: Mapping[str, Any]) -> bool:
    kind = node.get("type")
    if kind in ("integer", "number", "boolean"):
        return True
    return kind == "string" and bool(node.keys() & {"pattern", "enum", "format", "minLength", "maxLength"})
