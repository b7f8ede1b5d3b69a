"""`syncd sandbox` as an operator meets it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from syncd.cli.sandbox import command
from syncd.errors import ConfigError
from syncd.sandbox import serving
from tests.syncd.sandbox.client import PAGES, SOURCES
from tests.syncd.sandbox.wire import ask

PROGRAM = "from syncd.cli.sandbox import command; command()"


@contextmanager
def _started(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | environment,
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().split()[4]
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal_and_ends_well(number: signal.Signals, tmp_path: Path) -> None:
    """It prints the line for a configuration, and exits with 0; the file is whole."""
    file = tmp_path / "sandbox.jsonl"
    with _started("--file", str(file), "--latency", "1ms", "--fault", "503:GET:1") as (process, url):
        assert [ask(url, "GET", SOURCES).status for _ in range(2)] == [503, 200]
        ask(url, "POST", SOURCES, {"sync_behavior": "api", "url": "https://docs.acme.com"})
        process.send_signal(number)
        assert process.stdout is not None
        output = process.stdout.read()
        process.wait(10)

    assert process.returncode == 0
    assert f"base_url: {url}" in output
    assert "Traceback" not in output
    assert "https://docs.acme.com" in file.read_text(encoding="utf-8")


def test_tokens_come_from_a_file_or_the_environment(tmp_path: Path) -> None:
    """With a scope for each; a comment and an empty line are passed over."""
    file = tmp_path / "tokens"
    file.write_text("# tokens\n\nalpha\nbeta read\n")
    body = {"sync_behavior": "api", "url": "https://docs.acme.com"}

    with _started("--token-file", str(file), "--rate-limit", "1") as (_, url):
        assert ask(url, "POST", SOURCES, body, Authorization="Bearer alpha").status == 200
        assert ask(url, "GET", PAGES, Authorization="Bearer alpha").status == 429
        assert ask(url, "POST", SOURCES, body, Authorization="Bearer beta").status == 403
        assert ask(url, "GET", PAGES, Authorization="Bearer gamma").status == 401
    with _started("--rate-limit", "0") as (_, url):
        assert "X-RateLimit-Limit" not in ask(url, "GET", PAGES).headers
    with _started(SYNCD_SANDBOX_TOKEN="hush") as (_, url):
        assert ask(url, "GET", PAGES, Authorization="Bearer hush").status == 200
        assert ask(url, "GET", PAGES, Authorization="Bearer other").status == 401


@pytest.mark.parametrize("content", ["", "# none\n", "alpha everything\n", "a b c\n", "a write x y\n"])
def test_a_token_file_that_says_nothing(tmp_path: Path, content: str) -> None:
    """The file and the line are named, the token is not."""
    file = tmp_path / "tokens"
    file.write_text(content)
    result = CliRunner().invoke(command, ["--token-file", str(file)])

    assert isinstance(result.exception, ConfigError)
    assert "tokens" in str(result.exception)
    assert "alpha" not in str(result.exception)


def test_a_taken_port_is_a_configuration_error() -> None:
    """Which the command line ends with 2."""
    with serving() as running:
        port = running.url.rpartition(":")[2]
        result = CliRunner().invoke(command, ["--port", port])

    assert isinstance(result.exception, ConfigError)
    assert port in str(result.exception)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--host", "0.0.0.0"],
        ["--switch", "typo=1"],
        ["--fault", "boom"],
        ["--latency", "soon"],
        ["--host", "no host"],
    ],
)
def test_wrong_usage_is_a_configuration_error(arguments: list[str]) -> None:
    """Each names what was given."""
    result = CliRunner().invoke(command, arguments)

    assert isinstance(result.exception, ConfigError)
    assert arguments[1].partition("=")[0] in str(result.exception)


def test_lists_of_switches_and_faults() -> None:
    """Every switch with default and meaning; the grammar of faults."""
    switches = CliRunner().invoke(command, ["--list-switches"]).output
    faults = CliRunner().invoke(command, ["--list-faults"]).output

    assert "delete_again=404\n" in switches
    assert "404 | stub" in switches
    assert "drop-after" in faults
