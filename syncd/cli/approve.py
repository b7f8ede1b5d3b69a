"""`syncd approve`: a person lets held deletions go."""

from __future__ import annotations

import getpass
from pathlib import Path

import click

from syncd.cli.options import config_option
from syncd.errors import ConfigError


@click.command("approve")
@click.argument("source")
@click.option("--deletes", type=click.IntRange(min=1), required=True, help="The most pages that may go.")
@config_option
def command(source: str, deletes: int, config_path: Path | None) -> None:
    """Let the held deletions of SOURCE go, up to a number, with the next sync.

    The approval is for the pages that are missing now. The next sync lists the source anew: pages that
    came back stay, and if more are missing then, everything is held again. It is good for one run
    within 24 hours.
    """
    from syncd import app
    from syncd.cli.session import configuration
    from syncd.clock import SystemClock
    from syncd.guards import APPROVAL_LIFE_S

    loaded = configuration(config_path)
    loaded.source(source)
    now = SystemClock().now()
    with app.state_store(loaded, command="syncd approve") as store:
        held = store.hold(source)
        if held is not None and deletes < held.count:
            raise ConfigError(
                f"{held.count} pages of {source} are held, more than {deletes}: nothing was approved.\n"
                f"'syncd plan {source}' names them. All of them may go, or none: --deletes {held.count}"
            )
        hold = store.approve(source, count=deletes, by=getpass.getuser(), at=now, until=now + APPROVAL_LIFE_S)
    click.echo(f"approved: up to {deletes} of the {hold.count} held pages of {source} may go.")
    click.echo(f"next: syncd sync {source}")
