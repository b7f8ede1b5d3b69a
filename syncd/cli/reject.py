"""`syncd reject`: a person says that what is held stays as it is."""

from __future__ import annotations

from pathlib import Path

import click

from syncd.cli.options import config_option, decision_options, json_option


@click.command("reject")
@click.argument("source")
@click.option("--deletes", is_flag=True, help="The held deletions.")
@click.option("--updates", is_flag=True, help="The held updates.")
@decision_options
@config_option
@json_option
def command(
    source: str,
    deletes: bool,
    updates: bool,
    by: str | None,
    why: str,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Keep the pages of SOURCE that wait for a decision as they are, and put that on record.

    An approval that was given before is void. The pages stay held until their source is mended, or
    somebody approves.
    """
    from syncd.cli.deciding import decide, told
    from syncd.cli.session import configuration
    from syncd.decision import Question, Reject

    if deletes == updates:
        raise click.UsageError("give --deletes or --updates, as 'syncd status' shows what is held")
    question = Question.DELETES if deletes else Question.UPDATES
    loaded = configuration(config_path)
    decision = Reject(question=question, by=told(by), why=why)
    hold = decide(loaded, source, decision, command="syncd reject", as_json=as_json)
    if not as_json and hold is not None:
        click.echo(f"rejected: the {hold.count} held {question.value} of {source} stay held.")
