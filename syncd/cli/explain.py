"""`syncd explain`: why Fin does, or does not, know a page."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli.options import config_option, json_option

if TYPE_CHECKING:
    from syncd.state.queries import Explanation


@click.command("explain")
@click.argument("page")
@click.option("--source", help="The page's source, if several have one of that name.")
@config_option
@json_option
def command(page: str, source: str | None, config_path: Path | None, as_json: bool) -> None:
    """Tell why Fin does, or does not, know a PAGE: from its source to what Intercom confirmed.

    PAGE is its external id, its URL or Intercom's id. Nothing is asked of the source or of Intercom:
    'syncd plan' lists the source anew, and 'syncd verify' compares with Intercom.
    """
    from syncd import app
    from syncd.cli.deciding import find
    from syncd.cli.report import SCHEMA, print_json
    from syncd.cli.session import configuration
    from syncd.cli.text import one_line
    from syncd.state.queries import explain

    loaded = configuration(config_path)
    with app.state_reader(loaded) as store:
        found = find(loaded, store, page, source)
        told = explain(store, *found)
    verdict, reasons = _judged(told)
    if as_json:
        print_json({"schema": SCHEMA, "known": verdict, "reasons": reasons, **asdict(told)})
        return
    title = told.page.title if told.page is not None and told.page.title else told.external_id
    click.echo(f"{one_line(title)} ({one_line(told.external_id)} of {told.source})")
    click.echo(f"  Fin {_VERDICTS[verdict]}")
    for reason in reasons:
        click.echo(f"  - {one_line(reason)}")
    if told.outcomes:
        click.echo("history, the newest first:")
    for line in told.outcomes:
        by = f" by {line.by}" if line.by else ""
        click.echo(f"  {_when(line.at)}  {line.action}{one_line(by)}: {one_line(line.reason)}")


_VERDICTS = {
    "yes": "knows it, as it was sent last.",
    "outdated": "knows an older version of it.",
    "unsure": "may or may not know it: a request got no valid answer.",
    "no": "does not know it.",
}


def _judged(told: Explanation) -> tuple[str, list[str]]:
    """Whether Fin knows the page (yes, outdated, unsure, no), and the sentences behind it."""
    page, reasons = told.page, []
    if told.frozen is not None:
        reasons.append(f"nothing of the source is sent: on hold by {told.frozen.by}: {told.frozen.why}")
    if told.taken_down is not None:
        order = told.taken_down
        reasons.append(f"taken down by {order.by} on {_when(order.since)}: {order.why}")
    reasons += [f"the last listing left it out, or could not see it: {reason}" for reason in told.unlisted]
    reasons += [f"the source holds {hold.count} page(s) back: {hold.reason}" for hold in told.holds]
    if page is None:
        return "no", reasons or ["no run ever saw it: see whether 'syncd plan' names it"]
    if page.version:
        reasons.append(f"version at the source: {page.version}")
    if page.absences:
        reasons.append(f"missing from the last {page.absences} listing(s)")
    if page.error:
        reasons.append(page.error)
    if page.content_hash is not None and page.page_id is not None and page.state != "tombstone":
        reasons.append(f"sent as content {page.content_hash[:12]}, Intercom's page {page.page_id}")
    if page.state == "tombstone":
        return "no", [*reasons, f"deleted from Intercom on {_when(page.updated)}"]
    if page.ambiguous_at is not None or page.state in ("pending", "deleting"):
        return "unsure", [*reasons, "the next runs look at Intercom and settle it"]
    if page.page_id is None:
        return "no", reasons
    return ("yes" if page.state == "live" else "outdated"), reasons


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
