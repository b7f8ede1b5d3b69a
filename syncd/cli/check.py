"""`syncd check`: does everything work, before anything is sent?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli import exit_codes
from syncd.cli.options import config_option, json_option

if TYPE_CHECKING:
    from syncd.app import Intercom
    from syncd.config.model import Config, SourceConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was proved, or was not.

    Attributes:
        subject: what was looked at: "configuration", "state", "intercom", or a source's name.
        code: the exit code that it asks for.
    """

    subject: str
    said: str
    code: int = exit_codes.OK


@click.command("check")
@config_option
@json_option
def command(config_path: Path | None, as_json: bool) -> int:
    """Prove that configuration, state, token, import sources and origins work. Nothing is changed."""
    from syncd.cli.session import configuration
    from syncd.cli.text import telling

    loaded = configuration(config_path)
    findings = asyncio.run(_check(loaded))
    code = exit_codes.worst(finding.code for finding in findings)
    with telling():
        _tell(findings, code, as_json=as_json)
    return code


def _tell(findings: Sequence[Finding], code: int, *, as_json: bool) -> None:
    from syncd.cli.report import SCHEMA, print_json

    if as_json:
        print_json(
            {
                "schema": SCHEMA,
                "result": "ok" if code == exit_codes.OK else "failed",
                "findings": [
                    {"subject": one.subject, "ok": one.code == exit_codes.OK, "message": one.said}
                    for one in findings
                ],
            }
        )
        return
    for finding in findings:
        mark = "✓" if finding.code == exit_codes.OK else "✗"
        first, *rest = finding.said.splitlines() or [""]
        click.echo(f"{mark} {finding.subject}: {first}")
        for line in rest:
            click.echo(f"    {line}")
    if code == exit_codes.OK:
        click.echo("\nall well; next: syncd plan")


async def _check(config: Config) -> list[Finding]:
    from syncd.app import Intercom

    findings = [Finding(subject="configuration", said=f"{config.path}: {len(config.sources)} source(s)")]
    findings += [Finding(subject="configuration", said=warning) for warning in config.warnings]
    findings.append(_state(config))
    intercom = Intercom(config)
    try:
        findings.append(await _workspace(intercom))
        reachable = findings[-1].code == exit_codes.OK
        for source in config.sources:
            findings.append(_origin(config, source, intercom))
            if reachable:
                findings.append(await _import_source(source, intercom))
    finally:
        await intercom.close()
    return findings


def _state(config: Config) -> Finding:
    from syncd import app
    from syncd.errors import SyncdError
    from syncd.state.database import is_postgres

    try:
        with app.state_reader(config) as store:
            schema = store.schema()
    except SyncdError as error:
        return Finding(subject="state", said=str(error), code=exit_codes.of_error(error))
    return Finding(
        subject="state",
        said=(store.place if is_postgres(config.state_url) else config.state_url)
        + (f", schema {schema}" if schema else ", still empty"),
    )


async def _workspace(intercom: Intercom) -> Finding:
    from syncd.errors import SyncdError

    try:
        found = await intercom.sources().list()
    except SyncdError as error:
        return Finding(subject="intercom", said=str(error), code=exit_codes.of_error(error))
    return Finding(
        subject="intercom", said=f"{intercom.url} accepts the token; {len(found)} import source(s)"
    )


async def _import_source(source: SourceConfig, intercom: Intercom) -> Finding:
    from syncd.errors import SyncdError

    wanted = source.import_source
    try:
        if wanted.id is not None:
            found = await intercom.sources().get(wanted.id)
        else:
            assert wanted.url is not None
            maybe = await intercom.sources().find(wanted.url)
            if maybe is None:
                return Finding(
                    subject=source.name, said=f"import source {wanted.url} will be made by the first sync"
                )
            found = maybe
    except SyncdError as error:
        return Finding(subject=source.name, said=str(error), code=exit_codes.of_error(error))
    return Finding(subject=source.name, said=f"fills import source {found.id} ({found.url})")


def _origin(config: Config, source: SourceConfig, intercom: Intercom) -> Finding:
    from syncd.app import make_source
    from syncd.errors import ListingIncomplete, SyncdError
    from syncd.survey import list_items

    try:
        with make_source(config, source, intercom).connector.open() as snapshot:
            listing = list_items(snapshot)
            if listing.broken is not None:
                raise ListingIncomplete(listing.broken)
            first = next(iter(listing.items.values()), None)
            if first is not None:
                snapshot.prepare([first])
                snapshot.read(first)
    except SyncdError as error:
        return Finding(subject=source.name, said=str(error), code=exit_codes.of_error(error))
    if not listing.items:
        return Finding(
            subject=source.name,
            said="the origin can be read, and lists nothing: look at its root, include and exclude",
            code=exit_codes.SOURCE,
        )
    unseen = [one for one in listing.unlisted if not one.skipped]
    if unseen:
        first_unseen = f"{unseen[0].scope or 'all of it'}: {unseen[0].reason}"
        return Finding(
            subject=source.name,
            said=f"{len(listing.items)} item(s), but cannot read {first_unseen}",
            code=exit_codes.PARTIAL,
        )
    return Finding(subject=source.name, said=f"{len(listing.items)} item(s) in the origin")
