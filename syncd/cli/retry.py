"""`syncd retry`: pages that could not be published are tried again."""

from __future__ import annotations

from pathlib import Path

import click

from syncd.cli.options import config_option, decision_options, json_option
from syncd.errors import ConfigError


@click.command("retry")
@click.argument("source")
@click.argument("pages", nargs=-1, metavar="[PAGE]...")
@click.option("--all", "everything", is_flag=True, help="All pages of SOURCE that are in quarantine.")
@decision_options
@config_option
@json_option
def command(
    source: str,
    pages: tuple[str, ...],
    everything: bool,
    by: str | None,
    why: str,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Try pages of SOURCE that are in quarantine again with the next sync, although nothing changed in them.

    Each PAGE is an external id, a URL or Intercom's id. Which pages are in quarantine, and why, tells
    `syncd pages --skipped`. A page that changes is tried again by itself.
    """
    from syncd import app
    from syncd.cli.deciding import find, told
    from syncd.cli.report import SCHEMA, print_json
    from syncd.cli.session import configuration
    from syncd.clock import SystemClock
    from syncd.decision import Retry
    from syncd.state.queries import in_quarantine

    if everything == bool(pages):
        raise click.UsageError("name the pages, or give --all")
    loaded = configuration(config_path)
    loaded.source(source)
    with app.decision_store(loaded, command="syncd retry") as store:
        parked = in_quarantine(store, source)
        named = parked if everything else [find(loaded, store, page, source).external_id for page in pages]
        if well := [name for name in named if name not in parked]:
            raise ConfigError(
                f"not in quarantine: {', '.join(well)} of {source}; nothing was changed.\n"
                "'syncd pages --skipped' names what is, and 'syncd explain PAGE' tells of any page."
            )
        if not named:
            raise ConfigError(f"no page of {source} is in quarantine: nothing was changed")
        now = SystemClock().now()
        asked: list[str | None] = [None] if everything else [*dict.fromkeys(named)]
        decisions = [Retry(external_id=name, by=told(by), why=why) for name in asked]
        for decision in decisions:
            store.decide(source, decision, at=now)
    if as_json:
        who = {"by": decisions[0].by, "why": why}
        document = {"schema": SCHEMA, "source": source, "decision": "retry", "at": now, **who}
        print_json({**document, "pages": sorted(set(named))})
    else:
        click.echo(f"{len(set(named))} page(s) of {source} will be tried again.")
        click.echo(f"next: syncd sync {source}")
