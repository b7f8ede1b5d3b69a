"""`syncd audit`: each write and each decision, with who and why."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from syncd.cli.options import config_option, json_option


@click.command("audit")
@click.argument("source", required=False)
@click.option("--page", help="Only what concerns this page: its external id, URL or Intercom's id.")
@click.option("--decisions", is_flag=True, help="Only what people decided.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="Newest so many."
)
@config_option
@json_option
def command(
    source: str | None,
    page: str | None,
    decisions: bool,
    limit: int,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Tell what was done, refused and decided, the newest first, with the reason and the proof.

    There is one line for each page that was sent or deleted. A line of a person's decision has run 0.
    """
    from syncd import app
    from syncd.cli.deciding import find
    from syncd.cli.report import SCHEMA, print_json
    from syncd.cli.session import configuration
    from syncd.cli.text import table
    from syncd.state.queries import audit

    loaded = configuration(config_path)
    with app.state_reader(loaded) as store:
        external_id = None
        if page is not None:
            source, external_id = find(loaded, store, page, source)
        elif source is not None:
            loaded.source(source)
        lines = audit(store, source=source, external_id=external_id, decisions=decisions, limit=limit)
    if as_json:
        print_json({"schema": SCHEMA, "outcomes": [asdict(line) for line in lines]})
        return
    table(
        ("when (UTC)", "run", "source", "action", "page", "by", "why"),
        [
            (
                datetime.fromtimestamp(line.at, UTC).strftime("%Y-%m-%d %H:%M:%S"),
                str(line.run or ""),
                line.source,
                line.action,
                line.external_id,
                line.by or "",
                line.reason if line.evidence in (None, line.reason) else f"{line.reason} ({line.evidence})",
            )
            for line in lines
        ],
    )
