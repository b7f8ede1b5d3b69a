"""Exchanges against Intercom's own OpenAPI description.

    described().violations(running.requests)   # [] is what a test wants to see

A request that was refused for what it says (400, 406, 413, 422) is not judged; any other must be as
described. An answer must be as described for its status; one of `UNDESCRIBED`, which the description leaves
out for AI Content, must at least be an `error`. What a fault made of an answer is not judged, but its
request is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from syncd.sandbox import Answer, Exchange, Request

DESCRIPTION = Path(__file__).resolve().parents[2] / "../shared/reference/intercom-2.16.openapi.yaml"

UNDESCRIBED = frozenset({400, 403, 404, 406, 409, 413, 422, 429})
"""Statuses that the API is known or assumed to give, and that no AI Content operation describes."""

UNDESCRIBED_QUERY = frozenset({"page", "per_page"})
"""Query parameters of the lists that work in practice and are not declared."""

_JUDGED_BY_THE_SERVER = frozenset({400, 406, 413, 422})
_METHODS = ("get", "post", "put", "delete", "patch", "head")
_ERROR = {"$ref": "#/components/schemas/error"}


@cache
def described() -> Description:
    """The vendor's description of 2.16; skips the test where it is not at hand."""
    if not DESCRIPTION.is_file():
        pytest.skip(f"the vendor's description is not at {DESCRIPTION.name} beside the checkout")
    # The C loader reads the 10,000 lines in a fifth of the time.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return Description(yaml.load(DESCRIPTION.read_text(encoding="utf-8"), Loader=loader))


class Description:
    """An OpenAPI 3.0 document, as far as exchanges are concerned."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._components = {"schemas": _json_schema(document["components"]["schemas"])}
        self._operations = [
            (method.upper(), _pattern(template), template, operation)
            for template, item in document["paths"].items()
            for method, operation in item.items()
            if method in _METHODS
        ]

    def violations(self, exchanges: Iterable[Exchange]) -> list[str]:
        """One sentence for each thing in the exchanges that is not as described."""
        return [
            f"{each.request.number}: {each.request.method} {each.request.path}: {found}"
            for each in exchanges
            for found in self._violations(each)
        ]

    def operation(self, method: str, path: str) -> tuple[str, Mapping[str, Any]] | None:
        """The path template and the operation of a request; a template without parameters goes first."""
        matching = [
            (template.count("{"), template, operation)
            for named, pattern, template, operation in self._operations
            if named == method and pattern.match(path)
        ]
        if not matching:
            return None
        _, template, operation = min(matching, key=lambda each: each[0])
        return template, operation

    def check(self, schema: Mapping[str, Any], value: object) -> Iterator[str]:
        """What of `value` is not as the schema says, fields that it does not name included."""
        whole = {**_json_schema(schema), "components": self._components}
        validator = Draft202012Validator(whole, format_checker=FormatChecker(("uuid",)))
        for error in validator.iter_errors(value):
            yield f"{error.json_path}: {error.message}"
        yield from self._undeclared(whole, value, "$")

    def _violations(self, exchange: Exchange) -> Iterator[str]:
        request, answer = exchange.request, exchange.answer
        found = self.operation(request.method, request.path)
        if found is None:
            if answer is None or answer.status not in (404, 406):
                yield "no such operation is described"
            return
        _, operation = found
        if answer is None or answer.status not in _JUDGED_BY_THE_SERVER:
            yield from self._request(operation, request)
        if answer is not None and exchange.fault is None:
            yield from self._answer(operation, answer)

    def _request(self, operation: Mapping[str, Any], request: Request) -> Iterator[str]:
        parameters = {(each["in"], each["name"].lower()): each for each in operation.get("parameters", ())}
        version = parameters.get(("header", "intercom-version"))
        if version is not None and "intercom-version" in request.headers:
            for problem in self.check(version["schema"], request.headers["intercom-version"]):
                yield f"Intercom-Version {problem}"
        for name, _ in parse_qsl(request.query, keep_blank_values=True):
            if ("query", name.lower()) not in parameters and name not in UNDESCRIBED_QUERY:
                yield f"query parameter {name} is not described"
        schema = _schema(operation.get("requestBody", {}))
        if schema is None:
            if request.body:
                yield "a body is sent and none is described"
            return
        if not request.headers.get("content-type", "").startswith("application/json"):
            yield "the body is not sent as application/json"
        for problem in self.check(schema, json.loads(request.body)):
            yield f"request {problem}"

    def _answer(self, operation: Mapping[str, Any], answer: Answer) -> Iterator[str]:
        described = operation["responses"].get(str(answer.status))
        if described is None and answer.status not in UNDESCRIBED:
            yield f"status {answer.status} is neither described nor known"
            return
        schema = _ERROR if described is None else _schema(described)
        if schema is None:
            if answer.body:
                yield f"an answer {answer.status} has a body"
            return
        if not answer.media_type.startswith("application/json"):
            yield f"an answer is {answer.media_type}"
            return
        for problem in self.check(schema, json.loads(answer.body)):
            yield f"answer {answer.status} {problem}"

    def _undeclared(self, schema: Mapping[str, Any], value: object, where: str) -> Iterator[str]:
        if "$ref" in schema:
            schema = self._components["schemas"][schema["$ref"].rpartition("/")[2]]
        for choice in schema.get("anyOf", ()) if "properties" not in schema else ():
            if choice.get("type") != "null":
                yield from self._undeclared(choice, value, where)
        properties = schema.get("properties")
        if isinstance(value, dict) and properties is not None:
            for name, inner in value.items():
                if name not in properties:
                    yield f"{where}.{name}: no such field is described"
                else:
                    yield from self._undeclared(properties[name], inner, f"{where}.{name}")
        if isinstance(value, list) and isinstance(schema.get("items"), dict):
            for index, inner in enumerate(value):
                yield from self._undeclared(schema["items"], inner, f"{where}[{index}]")


def _schema(content: Mapping[str, Any]) -> Mapping[str, Any] | None:
    schema: Mapping[str, Any] | None = content.get("content", {}).get("application/json", {}).get("schema")
    return schema


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]+\}", template)
    return re.compile("[^/]+".join(re.escape(part) for part in parts) + r"\Z")


def _json_schema(value: Any) -> Any:
    """OpenAPI 3.0's dialect → JSON Schema: null is a type there, and not a keyword."""
    if isinstance(value, list):
        return [_json_schema(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    # A property may be called "nullable" or "example" itself: then what it holds is a schema.
    schema = {
        name: _json_schema(each)
        for name, each in value.items()
        if not (name in ("example", "nullable") and not isinstance(each, Mapping))
    }
    return {"anyOf": [{"type": "null"}, schema]} if value.get("nullable") is True else schema
