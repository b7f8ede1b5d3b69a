"""`syncd health`: whether the service lives."""

from __future__ import annotations

from pathlib import Path

import click

from syncd.cli import exit_codes
from syncd.cli.options import config_option

_PATIENCE_S = 5.0


@click.command("health")
@config_option
@click.option("--ready", is_flag=True, help="Ask whether it can work, instead of whether it lives.")
def command(config_path: Path | None, ready: bool) -> int:
    """Ask the service of this configuration, on this machine, how it is.

    Exit codes: 0 it lives (or is ready), 1 it does not, 2 configuration.
    """
    import http.client

    from syncd.cli.session import configuration

    settings = configuration(config_path).service
    host, port = settings.address
    # One that listens on all addresses listens on this machine's own, too.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", "/readyz" if ready else "/livez", headers={"Host": "localhost"})
        answer = connection.getresponse()
        told = answer.read(1000).decode("utf-8", "replace").strip()
        healthy = answer.status == 200
    except (OSError, http.client.HTTPException) as error:
        told, healthy = f"no service answers on {settings.listen} ({type(error).__name__})", False
    finally:
        connection.close()
    click.echo(told, err=not healthy)
    return exit_codes.OK if healthy else exit_codes.UNEXPECTED
