"""The command as a process: pipes, terminals, encodings, and what is loaded for it."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from syncd.cli import cli
from tests.conftest import Workplace
from tests.program import MAIN

PAGES = {f"page-{number:03}.md": f"# Page {number}\n\nText {number}.\n" for number in range(60)}


def test_reader_that_goes_away_is_no_error(workplace: Workplace) -> None:
    """As in `syncd pages | head -1`."""
    workplace.write(PAGES)
    workplace.sync()
    child = subprocess.Popen(
        [sys.executable, "-c", MAIN, "pages"],
        cwd=workplace.home,
        env=workplace.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()

    err = child.stderr.read()
    child.stderr.close()

    assert (child.wait(30), err) == (0, b"")


@pytest.mark.parametrize("command", ["sync", "status", "plan", "check"])
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_what_was_found_counts_without_a_reader(
    workplace: Workplace, command: str, options: tuple[str, ...]
) -> None:
    """`syncd sync | head -1` in a script with pipefail: a failed page is one, whoever reads of it."""
    workplace.write({"a.md": "# A\n\nText.\n", "bad.md": b"\xff"})
    workplace.sync()
    if command == "check":
        workplace.configure(root="nowhere")
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        [sys.executable, "-c", MAIN, command, *options],
        cwd=workplace.home,
        env=workplace.environment,
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (6 if command == "check" else 3, b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding_of_the_output_will_do(workplace: Workplace, encoding: str) -> None:
    """A report that cannot be printed would be a failure of a sync that went well."""
    workplace.write({"日本語.md": "# 日本語\n\nText.\n", "bad ünïcode.md": b"\xff"})

    sync = workplace.process("sync", env={"PYTHONIOENCODING": encoding})
    pages = workplace.process("pages", env={"PYTHONIOENCODING": encoding})

    assert (sync.code, sync.err) == (3, "")
    assert (pages.code, pages.err) == (0, "")


def test_no_colour_without_a_terminal(workplace: Workplace) -> None:
    """Logs and pipes get plain text, whatever the command."""
    workplace.write(PAGES)

    for command in ("sync", "status", "runs", "pages", "check", "plan", "connectors"):
        done = workplace.process(command)
        assert done.code == 0
        assert "\x1b" not in done.out + done.err
    assert "\x1b" not in workplace.process("preview", "page-001.md").out


def test_progress_is_for_terminals(workplace: Workplace) -> None:
    """With stderr on a terminal there is a bar there, and stdout stays clean."""
    workplace.write(PAGES)
    workplace.running.sandbox.latency_s = (0.2, 0.2)

    out, err = on_terminal(workplace, "sync", "--json")
    assert json.loads(out)["sources"][0]["created"] == 60
    assert err == b""
    workplace.write({name: text + "\nEdited.\n" for name, text in PAGES.items()})

    out, err = on_terminal(workplace, "sync")

    assert b"\x1b" in err
    assert b"\x1b" not in out
    assert b"60 updated" in out


def on_terminal(workplace: Workplace, *arguments: str) -> tuple[bytes, bytes]:
    """Run a command whose stderr is a terminal; return what went to stdout and to the terminal."""
    main, child_end = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments],
        cwd=workplace.home,
        env={**workplace.environment, "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=child_end,
        stdin=subprocess.DEVNULL,
    )
    os.close(child_end)
    out, _ = child.communicate(timeout=60)
    err = b""
    try:
        while chunk := os.read(main, 65536):
            err += chunk
    except OSError:  # the other end is closed
        pass
    os.close(main)
    return out, err


def test_help_loads_nothing_heavy() -> None:
    """`syncd --help` answers at once."""
    heavy = ("httpx", "sqlalchemy", "lxml", "starlette", "pydantic", "rich", "alembic")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys\nfrom syncd.cli import call\ncall(['--help'])\n"
            f"print([name for name in {heavy} if name in sys.modules])",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.endswith("[]\n")


def test_unforeseen_error_is_told_as_such(tmp_path: Path) -> None:
    """One that nobody foresaw asks for a report, and shows its traceback only on demand."""
    program = (
        "import click, syncd.cli as cli\n"
        "@cli.cli.command('break')\n"
        "def broken(): raise ZeroDivisionError('secret text')\n"
        "cli._COMMANDS['break'] = ('break', 'Break.')\n"
        "cli._Commands.get_command = lambda self, ctx, name: broken\n"
        "cli.main(['break'])\n"
    )
    plain = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    debug = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYNCD_DEBUG": "1"},
    )

    assert (plain.returncode, plain.stderr) == (
        1,
        "error: unexpected ZeroDivisionError. This is a bug in syncd: please report it.\n"
        "SYNCD_DEBUG=1 shows where it happened.\n",
    )
    assert "Traceback" in debug.stderr


def test_no_option_takes_a_secret() -> None:
    """B9: an argument list can be read by every user of the machine."""

    def options(command: click.Command) -> Iterator[str]:
        for parameter in command.params:
            yield from parameter.opts
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                yield from options(inner)

    named = set(options(cli))

    assert "--json" in named
    assert {name for name in named if re.search("token$|secret$|passw|credential|api-?key", name)} == set()
