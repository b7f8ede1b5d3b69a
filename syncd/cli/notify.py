"""`syncd notify`: tell people what needs them, or try whether they can be told."""

from __future__ import annotations

from pathlib import Path

import click

from syncd.cli import exit_codes
from syncd.cli.options import config_option
from syncd.errors import ConfigError


@click.command("notify")
@click.argument("channel", required=False)
@click.option("--test", is_flag=True, help="Send a test message to CHANNEL, or to each channel.")
@config_option
def command(channel: str | None, test: bool, config_path: Path | None) -> int:
    """Tell people what is to be told now, as the service and each `syncd sync` do by themselves.

    \b
    For cron, where no run might tell that none ends any more. What was told is not told again.
    Exit codes: 0 all was delivered, 2 configuration, 3 something was not, 8 state store unusable.
    """
    from syncd import app, log
    from syncd.cli.session import configuration
    from syncd.cli.text import one_line
    from syncd.clock import SystemClock
    from syncd.config.notifications import Ping
    from syncd.notify import notifier
    from syncd.notify.message import test_message
    from syncd.notify.outbound import Undelivered

    log.configure(log.level_of(0, False))
    loaded = configuration(config_path)
    now = SystemClock().now()
    sender = notifier.sender(loaded)
    if not test:
        if channel is not None:
            raise ConfigError(f"only a test goes to one channel: syncd notify --test {channel}")
        notifier.channels_of(loaded, None)
        with app.decision_store(loaded, command="syncd notify") as store:
            done = notifier.notify(loaded, store, sender, now=now)
        for problem in done.open:
            click.echo(f"{problem.source}: {problem.kind.value}{': ' * bool(problem.about)}{problem.about}")
        told = sum(done.delivered.values())
        click.echo(f"{len(done.open)} open, {told} told now, {len(done.delivered) - told} not delivered")
        return exit_codes.OK if told == len(done.delivered) else exit_codes.PARTIAL
    code = exit_codes.OK
    message = test_message(at=now, dashboard=loaded.notifications.dashboard_url)
    for one in notifier.channels_of(loaded, channel):
        try:
            if isinstance(one, Ping):
                sender.ping(one, well=True)
            else:
                sender.tell(one, message)
            click.echo(f"{one.name}: delivered")
        except (Undelivered, ConfigError) as error:
            click.echo(f"{one.name}: not delivered: {one_line(log.redact(str(error)))}", err=True)
            code = exit_codes.PARTIAL
    return code
