"""`syncd connectors`: what kinds of origin this installation can crawl."""

from __future__ import annotations

import click

from syncd.cli.options import json_option


@click.command("connectors")
@json_option
def command(as_json: bool) -> None:
    """List the installed connectors and their settings."""
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
