"""`syncd release`: a person lets a source go on."""

from __future__ import annotations

from pathlib import Path

import click

from syncd.cli.options import config_option, decision_options, json_option


@click.command("release")
@click.argument("source")
@decision_options
@config_option
@json_option
def command(source: str, by: str | None, why: str, config_path: Path | None, as_json: bool) -> None:
    """Let SOURCE go on after `syncd hold`; the next sync sends what has changed since."""
    from syncd.cli.deciding import decide, told
    from syncd.cli.session import configuration
    from syncd.decision import Release

    loaded = configuration(config_path)
    decide(loaded, source, Release(by=told(by), why=why), command="syncd release", as_json=as_json)
    if not as_json:
        click.echo(f"released: {source} is sent again.\nnext: syncd sync {source}")
