"""`syncd import-sources`: what Content Import Sources the workspace has."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli.options import config_option, json_option

if TYPE_CHECKING:
    from syncd.config.model import Config
    from syncd.intercom.sources import ImportSource


@click.command("import-sources")
@config_option
@json_option
def command(config_path: Path | None, as_json: bool) -> None:
    """List the workspace's Content Import Sources, and which configured source fills which."""
    from dataclasses import asdict

    from syncd.cli.report import SCHEMA, print_json
    from syncd.cli.session import configuration
    from syncd.cli.text import table

    loaded = configuration(config_path)
    found = asyncio.run(_list(loaded))
    fillers = {
        source.id: next((one.name for one in loaded.sources if _fills(one.import_source, source)), "")
        for source in found
    }
    if as_json:
        rows = [{**asdict(source), "filled_by": fillers[source.id] or None} for source in found]
        print_json({"schema": SCHEMA, "import_sources": rows})
        return
    table(
        ("id", "url", "behaviour", "status", "filled by"),
        [
            (str(source.id), source.url, source.sync_behavior, source.status, fillers[source.id])
            for source in found
        ],
    )


async def _list(config: Config) -> list[ImportSource]:
    from syncd.app import Intercom

    intercom = Intercom(config)
    try:
        return await intercom.sources().list()
    finally:
        await intercom.close()


def _fills(wanted: object, source: ImportSource) -> bool:
    from syncd.config.model import ImportSource as WantedSource
    from syncd.intercom.sources import same_url

    assert isinstance(wanted, WantedSource)
    if wanted.id is not None:
        return wanted.id == source.id
    return wanted.url is not None and source.sync_behavior == "api" and same_url(wanted.url, source.url)
