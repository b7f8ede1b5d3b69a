"""`syncd connectors`: what kinds of origin this installation can crawl, and the start of a new one."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

import click

from syncd import __version__
from syncd.cli.options import json_option
from syncd.errors import ConfigError
from syncd.shipped import shipped

# It becomes part of a package's and a module's name, so both of their rules hold.
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_NAME_MAX_CHARS = 40

_TEMPLATE = ".template"


@click.group("connectors", invoke_without_command=True)
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List the installed connectors and their settings; `new` starts one of your own."""
    if context.invoked_subcommand is not None:
        return
    from syncd.cli.report import SCHEMA, print_json
    from syncd.cli.text import one_line, table
    from syncd.errors import SyncdError
    from syncd.registry import connector_types

    types = connector_types()
    if as_json:
        print_json(
            {
                "schema": SCHEMA,
                "connectors": [
                    {"name": name, "error": str(kind)}
                    if isinstance(kind, SyncdError)
                    else {
                        "name": name,
                        "summary": kind.summary,
                        "distribution": kind.distribution,
                        "version": kind.version,
                        "settings": kind.settings.model_json_schema(),
                    }
                    for name, kind in types.items()
                ],
            }
        )
        return
    for name, kind in types.items():
        if isinstance(kind, SyncdError):
            click.echo(f"{name}: cannot be used: {one_line(str(kind))}\n")
            continue
        click.echo(f"{name}  ({kind.distribution} {kind.version})")
        click.echo(f"  {kind.summary}")
        rows = [
            (setting, "required" if field.is_required() else "", (field.description or "").split("\n")[0])
            for setting, field in kind.settings.model_fields.items()
        ]
        if rows:
            table(("  setting", "", "meaning"), [(f"  {one}", two, three) for one, two, three in rows])
        click.echo()


@command.command("new")
@click.argument("name")
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder to write, new or empty.  [default: ./syncd-NAME]",
)
def _new(name: str, directory: Path | None) -> None:
    """Write the skeleton of a connector: a package of its own, with tests that pass at once."""
    _check_name(name)
    folder = directory if directory is not None else Path(f"syncd-{name}")
    _write(name, folder)
    found = shutil.which("python")
    # The connector has to go where syncd is, which need not be the environment of the shell.
    same = found is not None and Path(found).parent == Path(sys.executable).parent
    python = "python" if same else shlex.quote(sys.executable)
    project, group = shlex.quote(str(folder)), shlex.quote(f"{folder / 'pyproject.toml'}:test")
    click.echo(f"Wrote {folder}: a connector that works, and reads a file of JSON Lines. Then:", err=True)
    click.echo(f"  {python} -m pip install --upgrade 'pip>=25.1'    # the first with --group", err=True)
    click.echo(f"  {python} -m pip install --editable {project} --group {group}", err=True)
    click.echo(f"  {python} -m pytest {project}", err=True)
    click.echo("  syncd connectors", err=True)


def _check_name(name: str) -> None:
    from syncd.registry import connector_names

    if not _NAME.fullmatch(name) or len(name) > _NAME_MAX_CHARS:
        raise ConfigError(
            f"{name!r} cannot be a connector's name: take lower-case letters and digits, a letter first, "
            f"single underscores between words, {_NAME_MAX_CHARS} characters at most, as in team_wiki"
        )
    if name in connector_names():
        raise ConfigError(
            f"a connector {name!r} is installed already; take another name (`syncd connectors` lists all)"
        )


def _write(name: str, folder: Path) -> None:
    skeleton = shipped("cli/skeleton", "syncd/cli/skeleton")
    try:
        if folder.exists() and any(folder.iterdir()):
            raise ConfigError(
                f"{folder} is not empty, and nothing was written; --directory names another folder"
            )
        for template in sorted(skeleton.rglob(f"*{_TEMPLATE}")):
            path = folder / _filled(str(template.relative_to(skeleton)).removesuffix(_TEMPLATE), name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_filled(template.read_text(encoding="utf-8"), name), encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be written ({(error.strerror or 'unknown reason').lower()}); "
            "--directory names another folder"
        ) from error


def _filled(text: str, name: str) -> str:
    return text.replace("VERSION", __version__).replace("NAME", name)
