"""`syncd demo`: the main job, on a sample handbook, against the built-in sandbox."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli import exit_codes
from syncd.errors import FatalError

if TYPE_CHECKING:
    from syncd.sandbox import Exchange, Running

_CONFIG = """\
# A configuration like a real one, but for the base_url of a sandbox, which takes any token, and for
# min_absence, so that nobody has to wait a quarter of an hour for a removal to be confirmed.
intercom:
  token: ${{SYNCD_DEMO_TOKEN}}
  base_url: {url}
sources:
  - name: handbook
    connector: filesystem
    root: handbook
    import_source: {{ url: "https://handbook.tandem.example" }}
    page_url: "https://handbook.tandem.example/{{slug}}"
    deletions: {{ min_absence: 0s }}
"""


@click.command("demo")
@click.option("--serve", is_flag=True, help="Leave the sandbox and its page viewer up until Ctrl-C.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the sandbox; 0 takes a free one.")
@click.option("--keep", type=click.Path(path_type=Path), help="Work in this new folder, and leave it there.")
def command(serve: bool, port: int, keep: Path | None) -> None:
    """Publish a sample handbook, change it, and publish it again; nothing leaves this machine.

    A stand-in for Intercom is started, and three syncs are made against it over real HTTP: all pages,
    then an edit, a rename and a removal, then a second look that confirms what is gone.
    """
    from syncd.sandbox import serving

    with _workplace(keep) as home, serving(port=port) as running:
        _story(home, running)
        if serve:
            click.echo(f"\nThe sandbox stays up: open {running.url} in a browser. Ctrl-C ends it.")
            try:
                threading.Event().wait()
            except KeyboardInterrupt:
                click.echo("")
        elif keep is None:
            click.echo("\nTo look at the pages in a browser: syncd demo --serve")
        if keep is not None:
            click.echo(f"\nThe demo's files are in {home}.")


def _story(home: Path, running: Running) -> None:
    from syncd.shipped import handbook

    folder = home / "handbook"
    shutil.copytree(handbook(), folder)
    config = home / "syncd.yaml"
    config.write_text(_CONFIG.format(url=running.url), encoding="utf-8")
    pages = sum(1 for _ in folder.rglob("*.md"))
    click.echo(f"A sandbox stands in for Intercom at {running.url}.")
    click.echo(f"The sample handbook, {pages} Markdown files, lies in {folder}.")

    _chapter("1. The first sync publishes everything")
    _sync(config, running)
    _chapter("2. A price changes, a file is renamed, another one is removed")
    _change(folder)
    _sync(config, running)
    _chapter("3. A second look confirms that two files are gone")
    _sync(config, running)
    _chapter("4. Nothing changed: nothing is read, nothing is sent")
    _sync(config, running)
    _prove(folder, running)


def _change(folder: Path) -> None:
    prices = folder / "rentals" / "prices.md"
    prices.write_text(prices.read_text(encoding="utf-8").replace("1.50 €", "1.70 €"), encoding="utf-8")
    (folder / "repairs" / "lock.md").rename(folder / "repairs" / "locks.md")
    (folder / "accounts" / "closing.md").unlink()
    click.echo("   edited   rentals/prices.md")
    click.echo("   renamed  repairs/lock.md → repairs/locks.md")
    click.echo("   removed  accounts/closing.md")


def _sync(config: Path, running: Running) -> None:
    from syncd import app, engine
    from syncd.cli.report import tell
    from syncd.config.load import load_config
    from syncd.outcome import Outcome
    from syncd.registry import connector_type

    async def run() -> list[Outcome]:
        return [outcome async for outcome in engine.sync(loaded, store)]

    click.echo("   $ syncd sync")
    before = len(running.requests)
    loaded = load_config(
        config,
        environ={"SYNCD_DEMO_TOKEN": "demo"},
        settings_model=lambda name: connector_type(name).settings,
    )
    with app.state_store(loaded, command="syncd demo") as store:
        outcomes = asyncio.run(run())
    for outcome in outcomes:
        tell(outcome)
        code = exit_codes.of_outcome(outcome)
        if code != exit_codes.OK:
            raise FatalError(f"the demo's sync ended with exit code {code}, which it should not")
    sent = running.requests[before:]
    writes = [exchange for exchange in sent if exchange.request.method != "GET"]
    for exchange in writes[:6]:
        click.echo(f"     {_line(exchange)}")
    if len(writes) > 6:
        click.echo(f"     … and {len(writes) - 6} more")


def _line(exchange: Exchange) -> str:
    answer = json.loads(exchange.answer.body) if exchange.answer is not None else {}
    request = exchange.request
    return f"{request.method:<6} {request.path:<28} {answer.get('external_id') or answer.get('url')}"


def _prove(folder: Path, running: Running) -> None:
    """Compare what the sandbox holds with the files."""
    there = sorted(page.external_id for page in running.workspace.pages)
    here = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.md"))
    if there != here:
        raise FatalError(f"the sandbox holds {there}, and the folder {here}")
    click.echo(f"\nFin would now know {len(there)} pages, the same as the folder has files.")


def _chapter(title: str) -> None:
    click.echo("")
    click.secho(title, bold=True)


@contextmanager
def _workplace(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        try:
            keep.mkdir(parents=True)
        except OSError as error:
            raise click.UsageError(f"--keep needs a new folder: {keep}: {error.strerror}") from error
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="syncd-demo-") as folder:
        yield Path(folder).resolve()
