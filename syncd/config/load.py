"""The file → Config, or an error that names the place, the setting and the way out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from platformdirs import user_config_path
from pydantic import BaseModel, ValidationError

from syncd.config import address
from syncd.config.model import Common, Config, SettingsModel, SourceConfig, UncheckedSettings
from syncd.config.problem import Explainer, Problem, config_error, dotted, unfilled
from syncd.config.rules import violations
from syncd.config.secret import secrets_in
from syncd.config.token import readable_by_others
from syncd.config.tree import Array, Node, Scalar, Steps, Table, Unreadable, follow, parse, plain
from syncd.config.variables import fill, is_reference
from syncd.errors import ConfigError, SourceError

MAX_BYTES = 1_000_000

_TOKEN: Steps = ("intercom", "token")
_TRUTH = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration with the tree that it was made of: defaults taken over by each source, variables
    filled in, and connector settings under `settings`."""

    config: Config
    tree: Table


def find_config(option: Path | None, *, environ: Mapping[str, str]) -> Path:
    """Return the file to read: the option, $SYNCD_CONFIG, or the first that exists of the usual places.

    Raises:
        ConfigError: there is none.
    """
    if option is not None:
        return option
    if environ.get("SYNCD_CONFIG"):
        return Path(environ["SYNCD_CONFIG"])
    places = _usual_places(environ)
    for place in places:
        if place.is_file():
            return place
    raise ConfigError(
        "no configuration file; looked for " + ", ".join(map(str, places)) + ".\n"
        "Write one with 'syncd init', or name yours with -c FILE or SYNCD_CONFIG."
    )


def _usual_places(environ: Mapping[str, str]) -> list[Path]:
    places = [Path("syncd.yaml")]
    if environ.get("CONFIGURATION_DIRECTORY"):
        places.append(Path(environ["CONFIGURATION_DIRECTORY"]) / "config.yaml")
    home = (
        Path(environ["XDG_CONFIG_HOME"]) / "syncd"
        if environ.get("XDG_CONFIG_HOME")
        else user_config_path("syncd")
    )
    return [*places, home / "config.yaml", Path("/etc/syncd/config.yaml")]


def load_config(path: Path, *, environ: Mapping[str, str], settings_model: SettingsModel) -> Config:
    """Read a configuration.

    A token that is missing is no error here: it is one when the token is asked for.

    Args:
        settings_model: connector name → model of its settings, as model.SettingsModel says.

    Raises:
        ConfigError: the file cannot be read, or what it says is wrong; at most three problems are named.
    """
    return load(path, environ=environ, settings_model=settings_model).config


def load(path: Path, *, environ: Mapping[str, str], settings_model: SettingsModel) -> Loaded:
    """Read a configuration and keep its tree. Raises as `load_config` does."""
    return load_text(_text(path), path, environ=environ, settings_model=settings_model)


def load_text(text: str, path: Path, *, environ: Mapping[str, str], settings_model: SettingsModel) -> Loaded:
    """Read the text of a configuration as if it stood in the file. Raises as `load_config` does."""
    try:
        root = parse(text)
        if root is None:
            raise Unreadable(None, "the file is empty; 'syncd init' writes a first configuration")
        if not isinstance(root, Table):
            raise Unreadable(root.place, "must begin with settings such as 'sources:'")
        written = fill(root, environ)
    except Unreadable as error:
        raise config_error(path, [Problem(place=error.place, setting="", message=str(error))]) from error
    assert isinstance(written, Table)
    tree = _effective(written)
    problems = list(_unset(written))
    token = follow(tree, _TOKEN)
    if token[1] == len(_TOKEN):
        problems += _literal(token[0], _TOKEN)
    config, tree, refused = _validate(tree, _tolerant(settings_model))
    problems += refused
    if config is not None:
        problems += _checked(config, tree)
    if config is None or problems:
        raise config_error(path, problems)
    config._path = path
    config._warnings = tuple(_warnings(config))
    config._token_problem = _token_problem(path, tree)
    return Loaded(config=config, tree=tree)


def _text(path: Path) -> str:
    try:
        # Not blocking, so that a pipe in place of the file cannot hold the command up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; 'syncd init' writes a first configuration") from error
    except IsADirectoryError as error:
        raise ConfigError(f"{path}: is a folder; name the file in it with -c") from error
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else str(error)) or "unknown reason"
        raise ConfigError(f"{path}: cannot be read ({reason.lower()})") from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{path}: larger than 1 MB; is it the right file?")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: not UTF-8; save the file in that encoding") from error


def _effective(root: Table) -> Table:
    """Let each source take over the defaults, and gather what is the connector's own."""
    sources = root.entries.get("sources")
    if not isinstance(sources, Array):
        return root
    given = root.entries.get("defaults")
    defaults = given if isinstance(given, Table) else None
    items = tuple(_source(item, defaults) if isinstance(item, Table) else item for item in sources.items)
    return replace(root, entries=root.entries | {"sources": replace(sources, items=items)})


def _source(written: Table, defaults: Table | None) -> Table:
    own = [name for name in written.entries if name not in SourceConfig.model_fields or name == "settings"]
    settings = Table(
        entries={name: written.entries[name] for name in own},
        keys={name: written.keys[name] for name in own},
        place=written.place,
    )
    common = Table(
        entries={name: node for name, node in written.entries.items() if name not in own},
        keys={name: place for name, place in written.keys.items() if name not in own},
        place=written.place,
    )
    if defaults is not None:
        taken = {name: node for name, node in defaults.entries.items() if name in Common.model_fields}
        common = _merge(replace(defaults, entries=taken, place=written.place), common)
    return replace(common, entries=common.entries | {"settings": settings})


def _merge(under: Table, over: Table) -> Table:
    entries = dict(under.entries)
    for name, node in over.entries.items():
        below = entries.get(name)
        entries[name] = _merge(below, node) if isinstance(below, Table) and isinstance(node, Table) else node
    return Table(entries=entries, keys=under.keys | over.keys, place=over.place)


def _tolerant(settings_model: SettingsModel) -> SettingsModel:
    """One broken connector stops only the sources that name it: whoever opens them gets the error."""

    def model(connector: str) -> type[BaseModel]:
        try:
            return settings_model(connector)
        except SourceError:
            return UncheckedSettings

    return model


def _validate(tree: Table, settings_model: SettingsModel) -> tuple[Config | None, Table, list[Problem]]:
    context = {"settings_model": settings_model}
    errors = []
    # Twice at most: the first time shows which variables stand where a number or a boolean is wanted.
    for _ in range(2):
        try:
            # Strict, since a quoted number is a text: the published JSON Schema says so too.
            text = json.dumps(plain(tree))
            return Config.model_validate_json(text, strict=True, extra="forbid", context=context), tree, []
        except ValidationError as error:
            errors = error.errors(include_url=False)
        typed = tree
        for found in errors:
            typed = _typed(typed, found["loc"], found["type"])
        if typed is tree:
            break
        tree = typed
    explainer = Explainer(tree, settings_model)
    return None, tree, [explainer.problem(error) for error in errors if not _is_unset(tree, error["loc"])]


def _typed(tree: Table, path: Steps, wanted: str) -> Table:
    """Return the tree with the text of a variable at a path as the number or boolean that is wanted there."""
    node, known = follow(tree, path)
    if not isinstance(node, Scalar) or not node.variables or not isinstance(node.value, str):
        return tree
    value: int | float | bool | None = None
    try:
        if wanted == "int_type":
            value = int(node.value)
        elif wanted == "float_type":
            value = float(node.value)
        elif wanted == "bool_type":
            value = _TRUTH.get(node.value.lower())
    except ValueError:
        return tree
    if value is None:
        return tree
    replaced = _replaced(tree, path[:known], replace(node, value=value))
    assert isinstance(replaced, Table)
    return replaced


def _replaced(node: Node, path: Steps, new: Node) -> Node:
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(node, Table) and isinstance(step, str):
        return replace(node, entries=node.entries | {step: _replaced(node.entries[step], rest, new)})
    if isinstance(node, Array) and isinstance(step, int):
        items = list(node.items)
        items[step] = _replaced(items[step], rest, new)
        return replace(node, items=tuple(items))
    return node


def _is_unset(tree: Table, path: Steps) -> bool:
    node, _ = follow(tree, path)
    return isinstance(node, Scalar) and node.unset is not None


def _scalars(node: Node, path: Steps = ()) -> Iterator[tuple[Steps, Scalar]]:
    if isinstance(node, Table):
        for name, child in node.entries.items():
            yield from _scalars(child, (*path, name))
    elif isinstance(node, Array):
        for index, child in enumerate(node.items):
            yield from _scalars(child, (*path, index))
    else:
        yield path, node


def _unset(tree: Table) -> Iterator[Problem]:
    for path, node in _scalars(tree):
        if node.unset is not None and path != _TOKEN:
            yield Problem(
                place=node.place,
                setting=dotted(path),
                message=f"the environment variable {node.unset} is not set; "
                f"set it, or give a default: ${{{node.unset}:-…}}",
            )


def _literal(node: Node, path: Steps) -> Iterator[Problem]:
    if isinstance(node, Scalar) and node.value is not None and not is_reference(node.text):
        yield Problem(
            place=node.place,
            setting=dotted(path),
            message="a secret must not stand in this file; put it into an environment variable "
            f"and write ${{{_variable_for(path)}}}",
        )


def _variable_for(path: Steps) -> str:
    return "INTERCOM_TOKEN" if path == _TOKEN else str(path[-1]).upper().replace("-", "_")


def _checked(config: Config, tree: Table) -> Iterator[Problem]:
    for path, why in violations(config):
        node, _ = follow(tree, path)
        yield Problem(place=node.place, setting=dotted(path), message=unfilled(why, node))
    for index, source in enumerate(config.sources):
        for path, _ in secrets_in(source.settings, ("sources", index, "settings")):
            node, known = follow(tree, path)
            if known == len(path):
                yield from _literal(node, path)
    for section in ("service", "notifications"):
        for path, _ in secrets_in(getattr(config, section), (section,)):
            node, known = follow(tree, path)
            if known == len(path):
                yield from _literal(node, path)
    state, known = follow(tree, ("state",))
    # Asked of the text as it was written, in which a variable is no password.
    written = address.password(state.text) if known and isinstance(state, Scalar) else None
    if written is not None and not is_reference(written):
        yield Problem(
            place=state.place,
            setting="state",
            message="a password must not stand in this file; put it into an environment variable "
            "and write ${DATABASE_PASSWORD}",
        )


def _warnings(config: Config) -> Iterator[str]:
    if config.intercom.token_file is not None:
        file = config.base / config.intercom.token_file.expanduser()
        if readable_by_others(file):
            yield f"every user of this machine can read the token file {file}; run: chmod 600 {file}"


def _token_problem(path: Path, tree: Table) -> str | None:
    node, known = follow(tree, _TOKEN)
    if known < len(_TOKEN) or not isinstance(node, Scalar) or node.unset is None:
        return None
    place = f"{path}:{node.place.line}:{node.place.column}"
    return (
        f"{place}: intercom.token: the environment variable {node.unset} is not set.\n"
        f"Set it to the access token, or set 'token_file' to a file that holds it."
    )
