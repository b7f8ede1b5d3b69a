"""`syncd approve`: a person lets held deletions or updates go."""

from __future__ import annotations

from pathlib import Path

import click

from syncd.cli.options import config_option, decision_options, json_option


@click.command("approve")
@click.argument("source")
@click.option("--deletes", type=click.IntRange(min=1), help="The most held pages that may be deleted.")
@click.option("--updates", type=click.IntRange(min=1), help="The most held pages that may be overwritten.")
@decision_options
@config_option
@json_option
def command(
    source: str,
    deletes: int | None,
    updates: int | None,
    by: str | None,
    why: str,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Let what is held of SOURCE go, up to a number, with the next sync.

    The approval is for the pages that are held now. The next sync lists the source anew: pages that
    came back stay as they are, and if more are concerned then, everything is held again. It is good for
    one run within 24 hours.
    """
    from syncd.cli.deciding import decide, told
    from syncd.cli.session import configuration
    from syncd.clock import SystemClock
    from syncd.decision import Approve, Question
    from syncd.guards import APPROVAL_LIFE_S

    count = deletes if deletes is not None else updates
    if count is None or (deletes is not None and updates is not None):
        raise click.UsageError("give --deletes N or --updates N, as 'syncd status' shows it")
    question = Question.DELETES if deletes is not None else Question.UPDATES
    loaded = configuration(config_path)
    until = SystemClock().now() + APPROVAL_LIFE_S
    decision = Approve(question=question, count=count, until=until, by=told(by), why=why)
    hold = decide(loaded, source, decision, command="syncd approve", as_json=as_json)
    if not as_json and hold is not None:
        verb = "go" if question is Question.DELETES else "be overwritten"
        click.echo(f"approved: up to {count} of the {hold.count} held pages of {source} may {verb}.")
        click.echo(f"next: syncd sync {source}")
