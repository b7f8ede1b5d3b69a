"""The secrets in a validated section, and where they stand."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, SecretStr

from syncd.config.tree import Steps


def secrets_in(value: object, path: Steps = ()) -> Iterator[tuple[Steps, str]]:
    """Yield the path and the value of each SecretStr in a model, a mapping or a list, however deep."""
    if isinstance(value, SecretStr):
        yield path, value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from secrets_in(getattr(value, name), (*path, field.alias or name))
    elif isinstance(value, dict):
        for name, child in value.items():
            yield from secrets_in(child, (*path, str(name)))
    elif isinstance(value, list | tuple | set | frozenset):
        for index, child in enumerate(value):
            yield from secrets_in(child, (*path, index))
