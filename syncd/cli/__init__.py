"""The command line: one module for each noun, loaded only when its command is called.

Importing SQLAlchemy, httpx and the renderers costs more than a whole pass over an unchanged source, so
the table below holds what `syncd --help` prints and nothing else is imported for it.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence

import click

from syncd import __version__
from syncd.cli import exit_codes
from syncd.errors import SyncdError
from syncd.log import redact

_COMMANDS = {
    "demo": ("demo", "Run the main job on a sample handbook against the built-in sandbox."),
    "init": ("init", "Write a configuration, step by step."),
    "check": ("check", "Prove that configuration, token, import sources and origins work."),
    "plan": ("plan", "Tell what a sync would do, with reasons; write nothing."),
    "sync": ("sync", "Run now: publish what changed, remove what is gone."),
    "verify": ("verify", "Compare what Intercom holds with what was sent; --repair mends it."),
    "run": ("run", "Be the service: keep all sources in sync until a signal ends it."),
    "dashboard": ("dashboard", "Open the service's pages for people: print an address that signs in."),
    "health": ("health", "Tell whether the service lives, or is ready; for container health checks."),
    "status": ("status", "Tell how each source stands."),
    "runs": ("runs", "Tell the history of runs."),
    "pages": ("pages", "List what is published, parked or left out."),
    "explain": ("explain", "Tell why Fin does, or does not, know a page."),
    "audit": ("audit", "Tell each write and each decision, with who and why."),
    "notify": ("notify", "Tell people what needs them; --test tries whether they can be told."),
    "preview": ("preview", "Show a page as Fin would get it."),
    "approve": ("approve", "Let held deletions or updates of a source go, up to a number."),
    "reject": ("reject", "Keep what is held as it is."),
    "hold": ("hold", "Send nothing of a source until it is released."),
    "release": ("release", "Let a source that is on hold go on."),
    "takedown": ("takedown", "Delete one page now, and keep it out."),
    "restore": ("restore", "Let a page that was taken down be published again."),
    "retry": ("retry", "Try pages in quarantine again, although nothing changed in them."),
    "import-sources": ("import_sources", "List Intercom's Content Import Sources."),
    "db": ("db", "Look after the state store."),
    "config": ("config", "Validate, show or describe the configuration."),
    "connectors": ("connectors", "List the installed connectors, or start a new one."),
    "sandbox": ("sandbox", "Run a local stand-in for Intercom's AI Content API."),
}


class _Commands(click.Group):
    """Finds a command by the table above and imports its module only then."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"syncd.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], _COMMANDS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="syncd")
def cli() -> None:
    """Keep private documents fresh inside Intercom's Fin.

    \b
    A first look:    syncd demo
    A first source:  syncd init, then syncd check, plan and sync
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with the documented code; an expected error is never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Titles are in any language, terminals and log files are not.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(call(sys.argv[1:] if arguments is None else list(arguments)))


def call(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    redact.clear()
    try:
        result = cli.main(args=list(arguments), prog_name="syncd", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        _complain("interrupted")
        return exit_codes.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return exit_codes.USAGE
    except KeyboardInterrupt:
        _complain("interrupted")
        return exit_codes.INTERRUPTED
    except SystemExit:
        # So click ends when the reader goes away, as in `syncd pages | head`. That is no failure.
        return exit_codes.OK
    except SyncdError as error:
        _complain(str(error))
        return exit_codes.of_error(error)
    except Exception as error:
        if os.environ.get("SYNCD_DEBUG"):
            raise
        _complain(
            f"unexpected {type(error).__name__}. This is a bug in syncd: please report it.\n"
            "SYNCD_DEBUG=1 shows where it happened."
        )
        return exit_codes.UNEXPECTED
    return result if isinstance(result, int) else exit_codes.OK


def _complain(message: str) -> None:
    click.echo(f"error: {redact(message)}", err=True)
