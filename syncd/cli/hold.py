"""`syncd hold`: a person stops a source."""

from __future__ import annotations

from pathlib import Path

import click

from syncd.cli.options import config_option, json_option, reason_options


@click.command("hold")
@click.argument("source")
@reason_options
@config_option
@json_option
def command(source: str, by: str | None, why: str, config_path: Path | None, as_json: bool) -> None:
    """Send nothing of SOURCE, neither pages nor deletions, until it is released.

    It counts at once, also for a run that is under way. What Intercom has stays there.
    """
    from syncd.cli.deciding import decide, told
    from syncd.cli.session import configuration
    from syncd.decision import Freeze

    loaded = configuration(config_path)
    decide(loaded, source, Freeze(by=told(by), why=why), command="syncd hold", as_json=as_json)
    if not as_json:
        click.echo(
            f"on hold: nothing of {source} is sent from now on. To let it go on: syncd release {source}"
        )
