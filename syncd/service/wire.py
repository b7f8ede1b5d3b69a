"""Outcomes on their way from the service to a command: values to JSON and back."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from syncd import errors
from syncd.outcome import Outcome


def encode(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as JSON has it."""
    document = {
        name: adapter.dump_python(getattr(outcome, name), mode="json")
        for name, adapter in _adapters().items()
    }
    if outcome.error is not None:
        document["error"] = {"kind": type(outcome.error).__name__, "message": str(outcome.error)}
    return document


def decode(document: dict[str, Any]) -> Outcome:
    """Return the outcome that was encoded; its error is of the same class, if that is one of ours.

    Raises:
        ValueError: the document is another one, as of a service of another version.
    """
    values = {
        name: adapter.validate_python(document[name])
        for name, adapter in _adapters().items()
        if name in document
    }
    error = None
    if (told := document.get("error")) is not None:
        kind = getattr(errors, told["kind"], RuntimeError)
        error = kind(told["message"])
    return Outcome(**values, error=error)


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(Outcome)
    return {field.name: TypeAdapter(hints[field.name]) for field in fields(Outcome) if field.name != "error"}
