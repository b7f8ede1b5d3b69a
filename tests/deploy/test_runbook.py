"""The commands of the documents exist, with their options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from syncd.cli import cli
from tests.deploy.tools import DEPLOY, files

ROOT = DEPLOY.parent
DOCUMENTS = [ROOT / "README.md", DEPLOY / "README.md"]
_CALL = re.compile(r"(?:^|/|exec syncd )syncd (?P<rest>[a-z][a-z-]*(?: .*)?)$")


def calls(document: Path) -> Iterator[str]:
    """What stands behind `syncd` in code: in lines of the console, and between backquotes."""
    text = document.read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [
        line[2:]
        for block in blocks
        for line in block.replace("\\\n", " ").splitlines()
        if line[:2] in ("$ ", "# ")
    ]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for code in [*lines, *re.findall(r"`([^`]+)`", prose)]:
        for part in code.partition("  #")[0].split(" && "):
            if (match := _CALL.search(part.strip())) is not None:
                yield match["rest"]


def problem(call: str) -> str | None:
    """What of a call the command line does not know; None if it knows all."""
    words = [word for word in shlex.split(re.sub(r"\[[^\]]*\]", "", call)) if word != "…"]
    command: click.Command = cli
    context = click.Context(command)
    while isinstance(command, click.Group):
        if not words or words[0].startswith("-"):
            break
        name = words.pop(0)
        found = command.get_command(context, name)
        if found is None:
            return f"no command {name}"
        command = found
    options = {name for each in command.params for name in each.opts} | {"--help", "-h", "--version"}
    for word in words:
        if word.startswith("-") and word.partition("=")[0] not in options:
            return f"no option {word}"
    return None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_exist(document: Path) -> None:
    """A runbook with a command that is gone fails in the night."""
    found = list(calls(document))

    assert len(found) > 15
    assert {call: why for call in found if (why := problem(call)) is not None} == {}


def test_commands_that_do_not_exist_are_seen() -> None:
    """The test above can fail."""
    assert problem("aprove handbook") == "no command aprove"
    assert problem("approve handbook --delets 3") == "no option --delets"
    assert problem("approve handbook --deletes 3") is None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_exist(document: Path) -> None:
    """Of the checkout, wherever a document names one."""
    named = set(re.findall(r"\bdeploy/[\w./-]*\w", document.read_text(encoding="utf-8")))
    named -= {name for name in named if name.startswith("deploy/secrets")}

    assert named
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_runbook_answers_what_people_ask() -> None:
    """One section for each."""
    headings = re.findall(r"^## (.+)$", (DEPLOY / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(headings) >= {
        "Install",
        "Upgrade",
        "Roll back",
        "Back up and restore",
        "Rotate the token",
        "It wants to delete too much",
        "Fin answers with old text",
        "A page must go now",
        "Sizing",
        "Several machines",
    }


def test_each_file_is_told_of() -> None:
    """What nobody is told of nobody finds."""
    table = (DEPLOY / "README.md").read_text(encoding="utf-8").partition("## Install")[0]
    for file in files("*"):
        if file.is_file() and file != DEPLOY / "README.md":
            top = file.relative_to(DEPLOY).parts[0]
            assert f"`{top}" in table, file
