"""Connectors by name, found through the entry-point group `syncd.connectors`.

Only the one that is asked for is imported: what another needs, or lacks, is no concern of a run.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from pydantic import BaseModel

from syncd import __version__
from syncd.connector import Connector, Context
from syncd.errors import ConfigError, SourceUnavailable, SyncdError

GROUP: Final = "syncd.connectors"

_OWN_PACKAGE: Final = "connectors"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorType:
    """One kind of origin that syncd can crawl.

    Attributes:
        name: as in a source's `connector`.
        settings: the model of what else a source of this kind may say.
        open: makes the connector of one source from its settings.
        distribution: the installed package that brought it.
        version: of that package.
        summary: the first line of the settings' description.
    """

    name: str
    settings: type[BaseModel]
    open: Callable[[Any, Context], Connector]
    distribution: str
    version: str
    summary: str


def connector_names() -> tuple[str, ...]:
    """Return the names of all connectors that are installed, sorted; nothing is imported."""
    return tuple(sorted(_installed()))


def connector_type(name: str) -> ConnectorType:
    """Import one connector.

    Raises:
        ConfigError: none has this name, several have it, or another project's package took its place.
        SourceUnavailable: it is there and cannot be imported; sources of other kinds are not concerned.
    """
    found = _installed().get(name, ())
    if not found:
        raise ConfigError(_unknown(name))
    if len(found) > 1:
        rivals = " and ".join(_origin(one)[0] for one in found)
        raise ConfigError(f"two packages, {rivals}, offer a connector {name!r}; uninstall one of them")
    [entry] = found
    if entry.module.partition(".")[0] == _OWN_PACKAGE:
        _check_own_package()
    return _load(entry)


def connector_types() -> dict[str, ConnectorType | SyncdError]:
    """Import all connectors; one that cannot be used is given as the error that says why."""
    types: dict[str, ConnectorType | SyncdError] = {}
    for name in connector_names():
        try:
            types[name] = connector_type(name)
        except SyncdError as error:
            types[name] = error
    return types


@cache
def _installed() -> dict[str, tuple[EntryPoint, ...]]:
    # A distribution can be on the path twice, as a development install beside a wheel: same value.
    found: dict[str, dict[str, EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        found.setdefault(entry.name, {})[entry.value] = entry
    return {name: tuple(entries.values()) for name, entries in found.items()}


def _unknown(name: str) -> str:
    names = connector_names()
    close = get_close_matches(name, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    return f"no connector is called {name!r}{hint}\nInstalled: {', '.join(names) or 'none'}."


def _load(entry: EntryPoint) -> ConnectorType:
    distribution, version = _origin(entry)
    # A connector's module may fail in any way when it is imported; that ends the sources that name it.
    try:
        opener = entry.load()
    except Exception as error:
        raise SourceUnavailable(
            f"the connector {entry.name!r} of {distribution} {version} cannot be imported "
            f"({type(error).__name__}: {error}); reinstall it with what it needs"
        ) from error
    settings = _settings_model(opener)
    if settings is None:
        raise SourceUnavailable(
            f"the connector {entry.name!r} of {distribution} {version} is not usable: the first parameter of "
            f"{entry.value} has to be annotated with a pydantic model"
        )
    return ConnectorType(
        name=entry.name,
        settings=settings,
        open=opener,
        distribution=distribution,
        version=version,
        summary=(inspect.getdoc(settings) or "").partition("\n")[0],
    )


def _settings_model(opener: object) -> type[BaseModel] | None:
    if not callable(opener):
        return None
    try:
        hints = typing.get_type_hints(opener)
        first = next(iter(inspect.signature(opener).parameters))
    except (NameError, TypeError, ValueError, StopIteration):
        return None
    model = hints.get(first)
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


@cache
def _origin(entry: EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else ("an unknown package", "")


def _check_own_package() -> None:
    """Refuse a package of another project that is called `connectors` too."""
    try:
        package = importlib.import_module(_OWN_PACKAGE)
        marker = getattr(package, "SYNCD_CONNECTORS", None)
    except Exception:
        marker = None
    if marker == __version__:
        return
    spec = importlib.util.find_spec(_OWN_PACKAGE)
    folders = list(spec.submodule_search_locations or []) if spec else []
    where = folders[0] if folders else spec.origin if spec else "nowhere"
    what = f"belongs to syncd {marker}" if marker else "is not syncd's"
    raise ConfigError(
        f"the package 'connectors' at {where} {what}, and syncd {__version__} needs its own; "
        "install syncd in an environment of its own (pipx, 'uv tool install', or the container image)"
    )
