"""`syncd explain`: why Fin does, or does not, know a page."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from syncd.cli.options import config_option, json_option


@click.command("explain")
@click.argument("page")
@click.option("--source", help="The page's source, if several have one of that name.")
@config_option
@json_option
def command(page: str, source: str | None, config_path: Path | None, as_json: bool) -> None:
    """Tell why Fin does, or does not, know a PAGE: from its source to what Intercom confirmed.

    PAGE is its external id, its URL or Intercom's id. Nothing is asked of the source or of Intercom:
    'syncd plan' lists the source anew, and 'syncd verify' compares with Intercom.
    """
    from syncd import app
    from syncd.cli.deciding import find
    from syncd.cli.report import SCHEMA, print_json
    from syncd.cli.session import configuration
    from syncd.cli.text import one_line
    from syncd.state.queries import explain
    from syncd.verdict import VERDICTS, judged

    loaded = configuration(config_path)
    with app.state_reader(loaded) as store:
        found = find(loaded, store, page, source)
        told = explain(store, *found)
    verdict, reasons = judged(told)
    if as_json:
        print_json({"schema": SCHEMA, "known": verdict, "reasons": reasons, **asdict(told)})
        return
    title = told.page.title if told.page is not None and told.page.title else told.external_id
    click.echo(f"{one_line(title)} ({one_line(told.external_id)} of {told.source})")
    click.echo(f"  Fin {VERDICTS[verdict]}")
    for reason in reasons:
        click.echo(f"  - {one_line(reason)}")
    if told.outcomes:
        click.echo("history, the newest first:")
    for line in told.outcomes:
        by = f" by {line.by}" if line.by else ""
        click.echo(f"  {_when(line.at)}  {line.action}{one_line(by)}: {one_line(line.reason)}")


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
