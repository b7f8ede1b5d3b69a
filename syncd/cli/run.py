"""`syncd run`: the service."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli import exit_codes
from syncd.cli.options import config_option

if TYPE_CHECKING:
    from syncd.config.model import Config
    from syncd.log import Format


@click.command("run")
@config_option
@click.option("-v", "--verbose", count=True, help="Log every page, too.")
@click.option("-q", "--quiet", is_flag=True, help="Log only what failed.")
@click.option(
    "--log-format",
    type=click.Choice(["auto", "console", "json"]),
    default="auto",
    help="Of the events on stdout; auto: for people on a terminal, else JSON.",
)
def command(config_path: Path | None, verbose: int, quiet: bool, log_format: Format) -> int:
    """Keep all sources in sync until a signal ends it: by schedule, by webhook, and when files change.

    \b
    SIGHUP reads the configuration again, SIGTERM ends it within eight seconds, a second one at once.
    Exit codes: 0 ended by a signal in order, 2 configuration, 4 another process has the state,
    8 state store unusable.
    """
    from syncd import app, log
    from syncd.cli.session import configuration
    from syncd.config.load import find_config
    from syncd.service.daemon import serve

    path = find_config(config_path, environ=os.environ)
    loaded = configuration(path)
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)
    loaded.token_source()()  # without one nothing can be sent, so nothing is begun

    def load() -> Config:
        return configuration(path)

    log.configure(log.level_of(verbose + 1, quiet), log_format, stream=sys.stdout, waiting=False)
    try:
        with app.state_store(loaded, command="syncd run") as store:
            gc.freeze()  # no collection need look through what is loaded, again and again
            asyncio.run(serve(loaded, store, load=load))
    finally:
        log.flush()
    return exit_codes.OK
