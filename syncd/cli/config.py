"""syncd config: is the configuration right, what is in force, and what may stand in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from syncd.cli.options import config_option, json_option
from syncd.config.effective import Setting, effective
from syncd.config.load import Loaded, find_config, load
from syncd.config.model import Config, UncheckedSettings
from syncd.config.schema import json_schema
from syncd.errors import ConfigError, SyncdError
from syncd.log import Redactor
from syncd.registry import ConnectorType, connector_type, connector_types


@click.group(name="config")
def command() -> None:
    """Validate, show or describe the configuration."""


@command.command()
@config_option
@json_option
def validate(config_path: Path | None, as_json: bool) -> None:
    """Check the configuration; nothing outside of it is asked. Exits with 2 if it is wrong."""
    config = _load(config_path).config
    warnings = list(_warnings(config))
    names = [source.name for source in config.sources]
    if as_json:
        document = {
            "schema": 1,
            "result": "ok",
            "path": str(config.path),
            "sources": names,
            "warnings": warnings,
        }
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(
        f"ok: {config.path}: {len(names)} {'source' if len(names) == 1 else 'sources'} ({', '.join(names)})"
    )
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)


@command.command()
@config_option
@json_option
def show(config_path: Path | None, as_json: bool) -> None:
    """Print every value in force and where it comes from; secrets are hidden."""
    loaded = _load(config_path)
    redact = Redactor(loaded.config.secrets())
    settings = [replace(s, value=_hidden(s.value, redact)) for s in effective(loaded)]
    if as_json:
        document = {
            "schema": 1,
            "path": str(loaded.config.path),
            "settings": [
                {"name": s.name, "value": s.value, "line": s.line, "variables": list(s.variables)}
                for s in settings
            ],
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    click.echo(f"# {loaded.config.path}")
    for line in _yaml(settings):
        click.echo(line)


@command.command()
def schema() -> None:
    """Print a JSON Schema of the file, by which an editor completes and checks it."""
    types = connector_types()
    for name, found in types.items():
        if isinstance(found, SyncdError):
            click.echo(f"warning: without the connector {name!r}: {found}", err=True)
    usable = {name: found.settings for name, found in types.items() if isinstance(found, ConnectorType)}
    click.echo(json.dumps(json_schema(usable), indent=2, ensure_ascii=False))


def _load(config_path: Path | None) -> Loaded:
    path = find_config(config_path, environ=os.environ)
    return load(path, environ=os.environ, settings_model=lambda name: connector_type(name).settings)


def _hidden(value: object, redact: Redactor) -> object:
    if isinstance(value, list):
        return [_hidden(child, redact) for child in value]
    return redact(value) if isinstance(value, str) else value


def _warnings(config: Config) -> Iterator[str]:
    yield from config.warnings
    try:
        config.token_source()()
    except ConfigError as error:
        yield str(error).replace("\n", " ")
    for source in config.sources:
        if isinstance(source.settings, UncheckedSettings):
            try:
                connector_type(source.connector)
            except SyncdError as error:
                yield f"source {source.name}: {error}"


def _yaml(settings: Iterable[Setting]) -> Iterator[str]:
    """Lines of YAML, each value with its origin behind it."""
    before: tuple[str | int, ...] = ()
    for setting in settings:
        *parents, last = setting.path
        for depth, step in enumerate(parents):
            if setting.path[: depth + 1] != before[: depth + 1] and not isinstance(step, int):
                yield f"{_indent(setting.path, depth, before)}{step}:"
        line = f"{_indent(setting.path, len(parents), before)}{last}: {_value(setting.value)}"
        yield f"{line:<60} # {setting.origin}"
        before = setting.path


def _indent(path: tuple[str | int, ...], depth: int, before: tuple[str | int, ...]) -> str:
    """The blanks before a key; with a dash if it is the first of a list's entry."""
    blanks = "  " * depth
    entry = depth > 0 and isinstance(path[depth - 1], int)
    return f"{blanks[:-2]}- " if entry and path[:depth] != before[:depth] else blanks


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
