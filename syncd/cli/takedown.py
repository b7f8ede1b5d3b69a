"""`syncd takedown`: a page goes now, and stays away."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

import click

from syncd.cli import exit_codes
from syncd.cli.options import config_option, json_option, reason_options


@click.command("takedown")
@click.argument("page")
@click.option("--source", help="The page's source, if several have one of that name.")
@reason_options
@config_option
@json_option
def command(
    page: str, source: str | None, by: str | None, why: str, config_path: Path | None, as_json: bool
) -> int:
    """Delete one PAGE from Intercom now, and keep it out until it is restored.

    PAGE is its external id, its URL or Intercom's id. With --source, an external id that syncd does not
    know yet can be kept out in advance. It works while another process syncs: the order is committed
    first, so no run sends the page any more. If Intercom cannot be reached, the next sync deletes it.
    """
    from syncd import app
    from syncd.cli.deciding import find, told
    from syncd.cli.report import SCHEMA, print_json
    from syncd.cli.session import configuration
    from syncd.decision import TakeDown
    from syncd.takedown import take_down

    loaded = configuration(config_path)
    loaded.token_source()()  # without one nothing can be deleted
    with app.decision_store(loaded, command="syncd takedown") as store:
        found = find(loaded, store, page, source)
        decision = TakeDown(external_id=found.external_id, by=told(by), why=why)
        done = asyncio.run(take_down(loaded, store, found.source, decision))
        if loaded.notifications.channels:
            from syncd.clock import SystemClock
            from syncd.notify import notifier

            notifier.notify(loaded, store, notifier.sender(loaded), now=SystemClock().now())
    if as_json:
        error = str(done.error) if done.error is not None else None
        named = {"source": found.source, **asdict(decision), "deleted": done.deleted, "error": error}
        print_json({"schema": SCHEMA, **named})
    else:
        name = f"{found.external_id} of {found.source}"
        if done.error is not None:
            click.echo(f"{name} is kept out from now on, but it could not be deleted yet: {done.error}")
            click.echo(f"next: syncd sync {found.source}")
        elif done.deleted:
            click.echo(f"taken down: {name} is deleted from Intercom and stays out.")
        else:
            click.echo(f"taken down: Intercom had no page for {name}, and it stays out.")
        click.echo(f"to publish it again: syncd restore {found.external_id} --source {found.source}")
    return exit_codes.OK if done.error is None else exit_codes.of_error(done.error)
