"""`syncd pages`: what is published, parked or left out, and why."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from syncd.cli.options import config_option, json_option
from syncd.model import RecordState


@click.command("pages")
@click.argument("search", required=False)
@click.option("--source", help="Only pages of this source.")
@click.option("--state", type=click.Choice([state.value for state in RecordState]), help="Only pages in it.")
@click.option("--skipped", is_flag=True, help="What was left out, refused or warned of, and why.")
@click.option("--limit", type=click.IntRange(1), help="At most so many: 100 by default, all with --skipped.")
@config_option
@json_option
def command(
    search: str | None,
    source: str | None,
    state: str | None,
    skipped: bool,
    limit: int | None,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """List pages; SEARCH looks in ids, titles and URLs, with --skipped in ids and reasons."""
    from syncd import app
    from syncd.cli.report import SCHEMA, print_json
    from syncd.cli.session import configuration
    from syncd.cli.text import table
    from syncd.state.queries import left_out, pages

    if skipped and state is not None:
        raise click.UsageError("--skipped has states of its own: give it or --state, not both.")
    loaded = configuration(config_path)
    if source is not None:
        loaded.source(source)
    with app.state_reader(loaded) as store:
        if skipped:
            names = [source] if source is not None else [one.name for one in loaded.sources]
            wanted = (search or "").casefold()
            lines = [
                line
                for name in names
                for line in left_out(store, name)
                if wanted in line.external_id.casefold() or wanted in line.reason.casefold()
            ]
            more, lines = limit is not None and len(lines) > limit, lines[:limit]
            if as_json:
                print_json({"schema": SCHEMA, "more": more, "skipped": [line._asdict() for line in lines]})
            else:
                table(("source", "page", "state", "why"), lines)
                _tell_more(more, len(lines))
            return
        limit = limit or 100
        found = pages(store, source=source, state=state, search=search, limit=limit + 1)
    more, found = len(found) > limit, found[:limit]
    if as_json:
        print_json({"schema": SCHEMA, "more": more, "pages": [asdict(page) for page in found]})
        return
    table(
        ("source", "page", "state", "title", "URL"),
        [
            (page.source, page.external_id, page.state, page.title or "", page.url or page.error or "")
            for page in found
        ],
    )
    _tell_more(more, limit)


def _tell_more(more: bool, limit: int) -> None:
    if more:
        click.echo(f"… only the first {limit}; --limit shows more", err=True)
