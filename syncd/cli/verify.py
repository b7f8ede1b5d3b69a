"""`syncd verify`: what Intercom holds, compared with what was sent."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli import exit_codes
from syncd.cli.options import config_option, json_option

if TYPE_CHECKING:
    from syncd.config.model import Config
    from syncd.drift import Drift, Kind
    from syncd.verify import Verification

_SHOWN = 20


@click.command("verify")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@config_option
@json_option
@click.option("--repair", is_flag=True, help="Sync, and send again what is not in Intercom as it was sent.")
def command(sources: tuple[str, ...], config_path: Path | None, as_json: bool, repair: bool) -> int:
    """Compare what Intercom holds of the given sources (all by default) with what was sent.

    It reads the list of pages once and changes nothing. With --repair it is a sync that also sends
    edited and missing pages again. Pages of others are named and never touched.

    \b
    Exit codes: 0 all as it was sent, 3 something differs (unless the source's `drift` is keep),
    5 credential refused, 6 import source gone or deactivated, or Intercom unavailable.
    """
    from syncd.cli.session import configuration

    config = configuration(config_path)
    if repair:
        from syncd.cli.sync import run_sync

        return run_sync(config, sources, repair=True, as_json=as_json)
    return _run_verify(config, sources, as_json=as_json)


def _run_verify(config: Config, names: tuple[str, ...], *, as_json: bool) -> int:
    from syncd import app, engine
    from syncd.cli.report import SCHEMA, print_json
    from syncd.cli.text import telling

    app.chosen(config, names)
    config.token_source()()
    with app.state_reader(config) as store:

        async def collect() -> list[Verification]:
            return [found async for found in engine.verify(config, store, names)]

        found = asyncio.run(collect())
    keeps = {source.name for source in config.sources if source.drift == "keep"}
    with telling():
        if as_json:
            print_json({"schema": SCHEMA, "sources": [_row(one) for one in found]})
        else:
            for one in found:
                _tell(one)
    return exit_codes.worst(_code(one, kept=one.name in keeps) for one in found)


def _code(found: Verification, *, kept: bool) -> int:
    if found.error is not None:
        return exit_codes.of_error(found.error)
    if kept or not _wrong(found):
        return exit_codes.OK
    return exit_codes.PARTIAL


def _wrong(found: Verification) -> list[Drift]:
    """What is not as it should be; a flag that people may switch is no drift."""
    from syncd.drift import Kind

    return [drift for drift in found.drifts if drift.kind is not Kind.SWITCHED]


def _row(found: Verification) -> dict[str, Any]:
    return {
        "name": found.name,
        "error": None if found.error is None else str(found.error),
        "pages": found.pages,
        "requests": found.requests,
        "drifts": [
            {"kind": drift.kind.value, "external_id": drift.external_id, "page_id": drift.page_id}
            for drift in found.drifts
        ],
    }


def _tell(found: Verification) -> None:
    from syncd.cli.text import one_line

    if found.error is not None:
        click.echo(f"✗ {found.name}: {found.error}")
        return
    if not found.synced:
        click.echo(f"  {found.name}: not synced yet, so there is nothing to compare")
        return
    mark = "!" if _wrong(found) else "✓"
    counts = Counter(drift.kind for drift in found.drifts)
    told = ", ".join(f"{count} {_WORDS[kind.value]}" for kind, count in counts.most_common())
    click.echo(f"{mark} {found.name}: {found.pages} page(s) compared, {told or 'all as they were sent'}")
    for drift in found.drifts[:_SHOWN]:
        click.echo(f"    {drift.kind.value:<10} {one_line(drift.external_id) or '(no external id)'}")
    if len(found.drifts) > _SHOWN:
        click.echo(f"    … and {len(found.drifts) - _SHOWN} more: --json names all")
    if _repairable(found):
        click.echo(f"    to send again what was edited or is missing: syncd verify {found.name} --repair")


def _repairable(found: Verification) -> bool:
    from syncd.drift import REPAIRABLE

    kinds: tuple[Kind, ...] = REPAIRABLE
    return any(drift.kind in kinds for drift in found.drifts)


_WORDS = {
    "edited": "edited",
    "missing": "missing",
    "flags": "with other flags than configured",
    "switched": "switched by people",
    "duplicated": "duplicated",
    "foreign": "not in the source",
    "late": "published again by a late request",
}
