"""`syncd preview`: one page as Fin would get it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli.options import config_option, json_option
from syncd.errors import ConfigError

if TYPE_CHECKING:
    from syncd.config.model import Config, SourceConfig
    from syncd.model import Document, Draft, Page
    from syncd.preview import Preview
    from syncd.render import Rules
    from syncd.render.coverage import Coverage

FIRST_WORDS = 20
"""Missing words that are told."""


@click.command("preview")
@click.argument("path")
@click.option("--source", "source_name", help="The source that PATH is a page of, if several have one.")
@click.option("--html", "as_html", is_flag=True, help="Print the HTML that would be sent.")
@click.option(
    "--coverage", "as_coverage", is_flag=True, help="Print how many of the document's words are in the page."
)
@config_option
@json_option
def command(
    path: str,
    source_name: str | None,
    as_html: bool,
    as_coverage: bool,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Show a page as Fin would get it. PATH is a page of a configured source, or any file.

    Nothing is sent. Links to other pages are resolved as a sync would do it for a page of a source; a
    file of no source has none.
    """
    from dataclasses import asdict

    from syncd.cli.report import SCHEMA, print_json
    from syncd.cli.text import one_line

    if as_html and as_coverage:
        raise ConfigError("--html and --coverage ask for two different things; give one of them")
    preview = _of_sources(path, source_name, config_path) or _of_file(Path(path))
    page = preview.page
    measured = _measured(preview) if as_coverage else None
    warnings = preview.draft.warnings
    if not as_json:
        for warning in warnings:
            click.echo(f"warning: {one_line(warning)}", err=True)
    if as_json:
        told = {} if measured is None else {"coverage": _told(measured)}
        document = {"schema": SCHEMA, "page": asdict(page), "parts": [asdict(one) for one in preview.parts]}
        print_json({**document, "warnings": list(warnings), **told})
    elif measured is not None:
        _print_coverage(page, measured)
    elif as_html:
        for one in (page, *preview.parts):
            if preview.parts:
                click.echo(f"<!-- {one_line(one.external_id)} -->")
            click.echo(one.html)
    else:
        from syncd.cli.reading import print_page

        for number, one in enumerate((page, *preview.parts), start=1):
            if preview.parts:
                size = f"{len(one.html.encode()):,} bytes"
                place = f"part {number} of {len(preview.parts) + 1}"
                click.secho(f"--- {place}: {one_line(one.external_id)} ({size})", dim=True)
            print_page(one)


def _measured(preview: Preview) -> Coverage:
    from syncd.render.coverage import coverage

    return coverage(preview.document, preview.draft)


def _told(measured: Coverage) -> dict[str, object]:
    return {
        "share": round(measured.share, 6),
        "words": measured.words,
        "missing": len(measured.missing),
        "missing_first": list(measured.missing[:FIRST_WORDS]),
    }


def _print_coverage(page: Page, measured: Coverage) -> None:
    from syncd.cli.text import one_line

    missing = len(measured.missing)
    share = f"{measured.share:.2%}"
    if missing and share == "100.00%":
        share = "99.99%"  # no loss is rounded away
    click.echo(f"{one_line(page.title)}: {share} of {measured.words:,} words")
    if missing:
        first = " ".join(one_line(word) for word in measured.missing[:FIRST_WORDS])
        more = f" and {missing - FIRST_WORDS:,} more" if missing > FIRST_WORDS else ""
        click.echo(f"missing: {first}{more}")


def _of_sources(path: str, source_name: str | None, config: Path | None) -> Preview | None:
    """The page of the first configured source that has it; None if none has, or none is configured."""
    from syncd.cli.session import configuration

    try:
        loaded = configuration(config)
    except ConfigError:
        if source_name is None and config is None and Path(path).is_file():
            return None  # a file as it lies there needs no configuration
        raise
    sources = [loaded.source(source_name)] if source_name is not None else loaded.sources
    for source in sources:
        preview = _of_source(loaded, source, path)
        if preview is not None:
            return preview
    if not Path(path).is_file():
        names = ", ".join(source.name for source in sources)
        raise ConfigError(f"no page {path!r} in {names}, and no such file; 'syncd pages' lists what there is")
    return None


def _of_source(config: Config, settings: SourceConfig, path: str) -> Preview | None:
    from syncd import app
    from syncd.preview import assembled, read_item

    source = app.make_source(config, settings, app.Intercom(config))
    wanted = {path, _below(getattr(settings.settings, "root", None), config.base, path)}
    read = read_item(source, wanted)
    if read is None:
        return None
    return assembled(read, asyncio.run(_render(read.document, read.source.rules)))


def _below(root: object, base: Path, path: str) -> str | None:
    """The path relative to a source's root, for a file named as it lies on the disk."""
    if root is None:
        return None
    folder, file = (base / str(root)).resolve(), Path(path).resolve()
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else None


def _of_file(path: Path) -> Preview:
    from syncd.changes import in_parts
    from syncd.connector import Context
    from syncd.library import Library
    from syncd.model import Page
    from syncd.preview import Preview
    from syncd.registry import connector_type
    from syncd.render import Rules
    from syncd.render.links import LinkIndex
    from syncd.survey import list_items

    kind = connector_type("filesystem")
    settings = kind.settings.model_validate({"root": str(path.parent.absolute()), "exclude": []})
    rules = Rules()
    context = Context(source="preview", base=Path.cwd(), cache=Path(os.devnull))
    with kind.open(settings, context).open() as snapshot:
        listing = list_items(snapshot)
        item = listing.items.get(path.name)
        if item is None:
            raise ConfigError(f"{path} is not of a kind that syncd publishes: Markdown, HTML or plain text")
        document = Library(snapshot, listing).whole(item, rules)
    draft = asyncio.run(_render(document, rules))
    page = Page(external_id=document.external_id, title=draft.title, html="")
    made = in_parts(page, draft, LinkIndex(()))
    return Preview(made.page, document, draft, made.parts)


async def _render(document: Document, rules: Rules) -> Draft:
    from syncd.workers import Workers

    async with Workers(1) as workers:
        return await workers.render(document, rules)
