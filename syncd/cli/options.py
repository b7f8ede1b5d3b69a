"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def config_option(command: F) -> F:
    """-c/--config, as the argument `config_path`; None leaves it to `syncd.config.load.find_config`."""
    return click.option(
        "-c",
        "--config",
        "config_path",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The configuration; else $SYNCD_CONFIG, ./syncd.yaml, or that of the user or the machine.",
    )(command)


def json_option(command: F) -> F:
    """--json, as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout.")(command)


def decision_options(command: F) -> F:
    """--by and --why, as the arguments `by` (None: the user of the operating system) and `why`."""
    command = click.option("--why", default="", help="The reason, for the audit trail.")(command)
    return click.option("--by", help="Who decides; else the user who is logged in.")(command)


def reason_options(command: F) -> F:
    """As `decision_options`, for what nobody should do without a reason."""
    command = click.option("--why", required=True, help="The reason, for the audit trail.")(command)
    return click.option("--by", help="Who decides; else the user who is logged in.")(command)
