"""`syncd sandbox`: a local stand-in for Intercom's AI Content API."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import click

from syncd.errors import ConfigError

_SCOPES = ("write", "read", "none")


@click.command("sandbox")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8089, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option("--file", "file", type=click.Path(path_type=Path), help="Keep everything in this file.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help="Tokens to accept, one a line, with an optional scope (write, read, none). Or SYNCD_SANDBOX_TOKEN. "
    "Without either, any token will do.",
)
@click.option(
    "--rate-limit", type=click.IntRange(0), help="Requests in 10 seconds for one token; 0: no limit."
)
@click.option("--latency", metavar="TIME", help="Wait before each answer: 100ms, or a range 100ms-300ms.")
@click.option(
    "--fault", "faults", multiple=True, metavar="RULE", help="What goes wrong: drop-after:POST:3, 503:p=0.02."
)
@click.option("--seed", default=0, show_default=True, help="For faults with a probability.")
@click.option(
    "--switch",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="How Intercom behaves where nobody knows.",
)
@click.option(
    "--list-switches", is_flag=True, help="Print the switches, their defaults and meanings, and stop."
)
@click.option("--list-faults", is_flag=True, help="Print how a fault is written, and stop.")
@click.option("--allow-remote", is_flag=True, help="Let other machines in: anybody there can read the pages.")
def command(
    host: str,
    port: int,
    file: Path | None,
    token_file: Path | None,
    rate_limit: int | None,
    latency: str | None,
    faults: tuple[str, ...],
    seed: int,
    settings: tuple[str, ...],
    list_switches: bool,
    list_faults: bool,
    allow_remote: bool,
) -> None:
    """Serve a stand-in for Intercom on this machine, until Ctrl-C.

    It answers the AI Content API as Intercom documents it, forgets everything when it stops (unless
    --file is given), and shows what Fin would hold in a browser.
    """
    # Starlette and uvicorn take a while to load, and `syncd --help` imports this module.
    from syncd.sandbox import Sandbox, serving
    from syncd.sandbox import faults as fault_rules
    from syncd.sandbox.switches import describe, switched

    if list_switches:
        for switch in describe():
            click.echo(f"{switch.name}={switch.default}")
            click.echo(f"    {switch.meaning} [{switch.values}]")
        return
    if list_faults:
        click.echo((fault_rules.__doc__ or "").strip())
        return
    switches = switched(settings)
    if rate_limit is not None:
        # The workspace's own limit must not come first: who names a limit means this one.
        whole = max(switches.workspace_rate_limit, rate_limit) if rate_limit else 0
        switches = replace(switches, rate_limit=rate_limit, workspace_rate_limit=whole)
    tokens = _tokens(token_file)
    sandbox = Sandbox(
        switches=switches,
        tokens=tokens,
        faults=faults,
        seed=seed,
        latency_s=(0.0, 0.0) if latency is None else fault_rules.delay(latency),
        file=file,
    )
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with serving(sandbox, host=host, port=port, allow_remote=allow_remote) as running:
        token = "one of the given ones" if tokens is not None else "any text"
        click.echo(f"The sandbox listens on {running.url} (open it in a browser; Ctrl-C stops it).")
        click.echo("In a configuration:\n")
        click.echo(f"intercom:\n  base_url: {running.url}\n  token: ${{INTERCOM_TOKEN}}   # {token}\n")
        held = running.workspace
        if file is not None:
            click.echo(f"{len(held.pages)} pages in {len(held.sources)} import sources are kept in {file}.")
        stopped.wait()
    click.echo("The sandbox stopped.")


def _tokens(token_file: Path | None) -> dict[str, str] | None:
    if token_file is None:
        token = os.environ.get("SYNCD_SANDBOX_TOKEN")
        return {token: "write"} if token else None
    try:
        lines = token_file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the token file {token_file} cannot be read: {error}; see --token-file."
        ) from error
    tokens: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        token, *rest = line.split()[:3] or [""]
        if not token or token.startswith("#"):
            continue
        scope = rest[0] if rest else "write"
        if scope not in _SCOPES or len(rest) > 1:
            raise ConfigError(
                f"line {number} of {token_file} is no token with a scope; write TOKEN, or TOKEN and one of "
                f"{', '.join(_SCOPES)}."
            )
        tokens[token] = scope
    if not tokens:
        raise ConfigError(f"the token file {token_file} names no token; write one a line.")
    return tokens
