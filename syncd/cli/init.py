"""syncd init: write a first configuration, step by step."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from pydantic.fields import FieldInfo

from syncd.config import address
from syncd.config.load import load_text
from syncd.config.tree import Unreadable, parse, plain
from syncd.errors import ConfigError
from syncd.registry import connector_names, connector_type

_TEXT = """\
# The configuration of syncd. All that may stand here: syncd config schema
# An editor that knows YAML completes and checks this file after: syncd config schema > syncd.schema.json
# yaml-language-server: $schema=syncd.schema.json

intercom:
  # The access token comes from this variable; or name a file that holds it: token_file: /run/secrets/intercom
  token: ${{INTERCOM_TOKEN}}
  region: {region}                      # us, eu or au

sources:
  - name: {name}
    connector: {connector}
{settings}
    # The Content Import Source in Intercom, found by this URL or created.
    import_source:
      url: {import_source_url}
{page_url}
    # A page that is gone is deleted after two listings without it, 15 minutes apart; more than 10 pages
    # and 10 % at once wait for a person.
    deletions: {{ confirm: 2, min_absence: 15m, hold_above: {{ pages: 10, percent: 10 }} }}
"""


@click.command(name="init")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("syncd.yaml"), show_default=True
)
@click.option(
    "--connector", help="Kind of origin; `syncd connectors` lists the kinds.  [default: filesystem]"
)
@click.option("--root", help="Folder with the pages; short for --set root=FOLDER.")
@click.option(
    "--set", "given", multiple=True, metavar="NAME=VALUE", help="A setting of the connector, as in YAML."
)
@click.option("--name", help="Name of the source.  [default: from the import source's URL]")
@click.option("--import-source-url", metavar="URL", help="Public address of the site, as Intercom shows it.")
@click.option("--page-url", metavar="URL", help="Where readers find a page, with {path} or {slug} in it.")
@click.option(
    "--region", type=click.Choice(["us", "eu", "au"]), help="Where the workspace is.  [default: us]"
)
@click.option("--force", is_flag=True, help="Overwrite the file.")
@click.option("-y", "--yes", "--no-input", "no_input", is_flag=True, help="Ask nothing; take the defaults.")
def command(
    output: Path,
    connector: str | None,
    root: str | None,
    given: tuple[str, ...],
    name: str | None,
    import_source_url: str | None,
    page_url: str | None,
    region: str | None,
    force: bool,
    no_input: bool,
) -> None:
    """Write a configuration, step by step; without a terminal, from the options alone."""
    if output.exists() and not force:
        raise ConfigError(f"{output} exists already; --force overwrites it, --output names another file")
    settings = dict(_pair(text) for text in given)
    if root is not None:
        settings["root"] = root
    ask = None if no_input or not sys.stdin.isatty() else _ask
    connector = _optional(connector, ask, "Connector", _default_connector(), _check_connector)
    required = _required_settings(connector)
    missing = (
        []
        if ask
        else [f"--set {key}=…" if key != "root" else "--root" for key in required if key not in settings]
    )
    if not ask and import_source_url is None:
        missing.append("--import-source-url")
    if missing:
        raise click.UsageError(f"nobody to ask: give {' and '.join(missing)}, or run it on a terminal")
    for key, field in required.items():
        settings[key] = _required(settings.get(key), ask, f"{key} ({field.description or 'required'})", None)
    import_source_url = _required(
        import_source_url, ask, "Public address of the site (Intercom shows it to teammates)", _check_public
    )
    page_url = _optional(
        page_url, ask, "Where readers find a page, with {path} or {slug} (empty: nowhere)", "", None
    )
    region = _optional(region, ask, "Region of the Intercom workspace (us, eu, au)", "us", _check_region)
    text = _TEXT.format(
        region=region,
        name=_quoted(name or _name_from(import_source_url)),
        connector=_quoted(connector),
        settings="\n".join(f"    {line}" for line in _written(connector, settings)),
        import_source_url=_quoted(import_source_url),
        page_url=f"    page_url: {_quoted(page_url)}"
        if page_url
        else "    # page_url: https://docs.example.com/{slug}",
    )
    try:
        load_text(text, output, environ=os.environ, settings_model=lambda kind: connector_type(kind).settings)
    except ConfigError as error:
        raise ConfigError(
            f"nothing was written, since this would be wrong (--set NAME=VALUE):\n{error}"
        ) from error
    _write(output, text, force=force)
    click.echo(f"Wrote {output}. Put the access token into INTERCOM_TOKEN; then:", err=True)
    flag = "" if output == Path("syncd.yaml") else f" -c {output}"
    click.echo(f"  syncd check{flag}    # proves that all of it works, and changes nothing", err=True)
    click.echo(f"  syncd plan{flag}     # tells what a sync would do", err=True)


_Ask = Callable[[str, str | None, Callable[[str], str] | None], str]


def _ask(question: str, default: str | None, check: Callable[[str], str] | None) -> str:
    answer: str = click.prompt(
        question, default=default, value_proc=check, err=True, show_default=bool(default)
    )
    return answer


def _required(value: str | None, ask: _Ask | None, question: str, check: Callable[[str], str] | None) -> str:
    if value is None:
        assert ask is not None
        return ask(question, None, check)
    return value


def _optional(
    value: str | None, ask: _Ask | None, question: str, default: str, check: Callable[[str], str] | None
) -> str:
    if value is not None:
        return value
    return ask(question, default, check) if ask else default


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise click.UsageError(f"--set takes NAME=VALUE, not {text!r}")
    return name, value


def _default_connector() -> str:
    names = connector_names()
    return "filesystem" if "filesystem" in names or not names else names[0]


def _required_settings(connector: str) -> dict[str, FieldInfo]:
    model = connector_type(connector).settings
    return {field.alias or name: field for name, field in model.model_fields.items() if field.is_required()}


def _written(connector: str, settings: Mapping[str, str]) -> list[str]:
    """The settings as lines of the configuration.

    What is a text stays one whatever it looks like: a folder may be called "5", and a branch "on".
    """
    schema = connector_type(connector).settings.model_json_schema()
    known: Mapping[str, Any] = schema["properties"]
    return [
        f"{key}: {_quoted(value if _is_text(known.get(key, {})) else _meant(value))}"
        for key, value in settings.items()
    ]


def _is_text(wanted: Mapping[str, Any]) -> bool:
    return any(one.get("type") == "string" for one in (wanted, *wanted.get("anyOf", ())))


def _meant(value: str) -> object:
    """What a value is in YAML: a number, a list, yes or no."""
    try:
        node = parse(value)
    except Unreadable:
        return value  # and the configuration says what it should have been
    return value if node is None else plain(node)


def _check_connector(name: str) -> str:
    if name not in connector_names():
        raise click.UsageError(f"there are: {', '.join(connector_names())}")
    return name


def _check_region(region: str) -> str:
    if region not in ("us", "eu", "au"):
        raise click.UsageError("us, eu or au")
    return region


def _check_public(url: str) -> str:
    try:
        address.split(url)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if not address.is_public_name(url):
        raise click.UsageError("Intercom takes only public domain names, such as https://docs.example.com")
    return url


def _name_from(url: str) -> str:
    host = (urlsplit(url).hostname or "docs").removeprefix("www.")
    return re.sub(r"[^a-z0-9]+", "-", host.partition(".")[0]).strip("-") or "docs"


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _write(path: Path, text: str, *, force: bool) -> None:
    try:
        # Readable by its owner alone; and without --force never over a file that came up meanwhile.
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
        with open(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({(error.strerror or 'unknown reason').lower()})"
        ) from error
