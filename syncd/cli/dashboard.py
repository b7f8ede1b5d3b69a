"""`syncd dashboard`: the way in for the user who runs the service."""

from __future__ import annotations

from pathlib import Path

import click

from syncd.cli.options import config_option, json_option


@click.command("dashboard")
@config_option
@json_option
def command(config_path: Path | None, as_json: bool) -> None:
    """Print an address that signs in to the dashboard of the running service, as an operator.

    It works once, within a minute, on this machine, and only the user who runs the service can make one.
    With PostgreSQL the service may run anywhere: sign in with a token there ('service.dashboard').
    """
    from syncd.cli.deciding import told
    from syncd.cli.following import service_of
    from syncd.cli.report import SCHEMA, print_json
    from syncd.cli.session import configuration
    from syncd.errors import ConfigError
    from syncd.service.client import Unreachable

    loaded = configuration(config_path)
    service = service_of(loaded)
    try:
        if service is None:
            raise Unreachable
        address = service.sign_in_link(told(None))
    except Unreachable as error:
        raise ConfigError(
            "no service of this user runs on this state here: start it with 'syncd run'.\n"
            "One that runs elsewhere lets in whoever has a token of 'service.dashboard'."
        ) from error
    if as_json:
        print_json({"schema": SCHEMA, "url": address})
    else:
        click.echo(f"open within a minute: {address}")
