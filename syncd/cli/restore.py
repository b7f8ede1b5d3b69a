"""`syncd restore`: a page that was taken down may be published again."""

from __future__ import annotations

from pathlib import Path

import click

from syncd.cli.options import config_option, decision_options, json_option


@click.command("restore")
@click.argument("page")
@click.option("--source", help="The page's source, if several have one of that name.")
@decision_options
@config_option
@json_option
def command(
    page: str, source: str | None, by: str | None, why: str, config_path: Path | None, as_json: bool
) -> None:
    """Let a PAGE that was taken down be published again, with the next sync.

    PAGE is its external id, its URL or Intercom's id, as for `syncd takedown`.
    """
    from syncd import app
    from syncd.cli.deciding import decide, find, told
    from syncd.cli.session import configuration
    from syncd.decision import Restore

    loaded = configuration(config_path)
    with app.state_reader(loaded) as store:
        found = find(loaded, store, page, source)
    decision = Restore(external_id=found.external_id, by=told(by), why=why)
    decide(loaded, found.source, decision, command="syncd restore", as_json=as_json)
    if not as_json:
        click.echo(f"restored: {found.external_id} of {found.source} may be published again.")
        click.echo(f"next: syncd sync {found.source}")
